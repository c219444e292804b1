/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a format of files can do. Binder, optimiser and operators ask through this table; none of
 * them knows a format by name.
 */

#include "exec/plan/source.h"

typedef struct SourceLoad {
    SessionFiles *files;
    MemArena *arena;
    QueryError *error;
} SourceLoad;

struct SourceFormat {
    const char *name;  /* "csv" */
    const char *title; /* as Spark's messages have it: "CSV" */
    /* In a directory only files with such names count. NULL: all. */
    bool (*is_data)(const char *path);
    /* Columns, into source->columns, from the files or the request's schema. Partition columns are
     * added by the caller. */
    int (*infer)(SourceLoad *load, SourceInfo *source);
    /* ScanFile.source and .columns, rows, statistics. */
    int (*load)(SourceLoad *load, SourceInfo *source);
    /* Read as a stream of rows; NULL: by row groups, as Parquet. */
    const struct RowFormat *rows;
};

/* By name in any case, or NULL. */
const SourceFormat *source_format_find(const char *name);

extern const SourceFormat source_format_parquet, source_format_csv, source_format_json,
    source_format_text, source_format_arrow;

/* As SourceFormat.infer of a request with a schema: its columns, all nullable. */
int source_given_columns(SourceLoad *load, SourceInfo *source);
/* A column that is called @name and of @type; @unreadable is kept as it is. */
int source_put_column(MemArena *arena, SourceColumn *column, const char *name, Type type,
                      const char *unreadable);
/* For formats: the number of @name among the columns of the source, from @hint on. */
uint32_t source_column_number(const SourceInfo *source, const char *name, uint32_t hint);
/* Partition columns of file @i into its map; formats call it when they make one. */
void source_map_partitions(const SourceInfo *source, uint32_t *map);

/* The session's open Parquet file at @path, with its columns' statistics. */
struct ParquetFile;
struct SourceFileStatistics;
typedef struct SessionFile {
    struct ParquetFile *parquet;
    const struct SourceFileStatistics *statistics; /* per column */
    uint64_t size_bytes;
} SessionFile;
int session_files_parquet(SessionFiles *files, const char *path, SessionFile *ret,
                          QueryError *error);
MemPool *session_files_pool(SessionFiles *files);
