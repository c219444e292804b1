/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Columns that the names of folders give: /t/year=2024/region=north%2Fwest/part-0.parquet. Names
 * and values are percent-decoded; types are inferred over all folders as Spark's
 * PartitioningUtils does it: int, bigint, decimal(p,0), double, timestamp, date, else string;
 * __HIVE_DEFAULT_PARTITION__ is null.
 */

#include "exec/io/io.h"
#include "exec/kernel/zone.h"
#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/plan.h"

#define PARTITION_COLUMNS_MAX 64u

typedef struct PartitionRequest {
    const char *base_path;  /* where the table begins, instead of each file's root; or NULL */
    const PlanField *given; /* types that are not inferred, by name */
    uint32_t n_given;
    bool case_sensitive;
    bool as_strings;  /* infer nothing: spark.sql.sources.partitionColumnTypeInference.enabled */
    const Zone *zone; /* of the session */
} PartitionRequest;

typedef struct PartitionColumns {
    uint32_t n; /* 0: the files are not partitioned */
    const char **names;
    Type *types;
    /* Per file of the list: [n], shared by the files of a folder; NULL: it is in no partition. */
    const Literal **values;
} PartitionColumns;

/**
 * partition_discover() - what the names of the folders between root and file say
 * Return: 0; QUERY_E_FAILED with CONFLICTING_DIRECTORY_STRUCTURES, CONFLICTING_PARTITION_COLUMN_
 * NAMES (KD009), INVALID_PARTITION_VALUE (42846); mem_arena_error().
 */
int partition_discover(const IoList *list, const PartitionRequest *request, MemArena *arena,
                       PartitionColumns *ret, QueryError *error);
