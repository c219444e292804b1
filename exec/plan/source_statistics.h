/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the optimiser may know of columns: per file once, when its footer is read, then merged over
 * the files of a source.
 */

#include "exec/parquet/parquet.h"
#include "exec/plan/source.h"

typedef struct SourceFileStatistics {
    bool has_null_count, never_null;
    bool has_min_max;
    bool seen; /* a row group with bounds, while they are gathered */
    uint64_t null_count;
    ParquetValue min, max;
    double n_distinct; /* 0 unknown */
    uint64_t n_uncompressed;
} SourceFileStatistics;

/* Per column, for free(3). May read a few page headers. Return: 0; -ENOMEM. */
int source_file_statistics(const ParquetFile *file, SourceFileStatistics **ret_statistics);
/* Fills the statistics of source->columns from [n_files] arrays. */
void source_merge_statistics(SourceInfo *source, const SourceFileStatistics *const *statistics);
