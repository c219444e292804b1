/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From paths in a query to data files with one schema and their statistics: what the binder asks
 * for FROM parquet.`/x`, FROM '/x.csv' and spark.read.parquet(...). Formats are rows of one table
 * (source_format.h).
 *
 * SessionFiles is the session's cache of opened files and parsed footers, keyed by device, inode,
 * size, mtime and ctime, so a second query over the same files reads no footer at all. Objects that
 * it hands out (ScanFile.source) stay valid while at least one session_files_enter() is not yet
 * left: a query enters before it binds and leaves when its last operator is closed. Eviction
 * happens only when nobody is inside.
 */

#include "exec/io/io.h"
#include "exec/kernel/zone.h"
#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/plan.h"
#include "exec/plan/unresolved.h"

typedef struct SessionFiles SessionFiles;

#define SOURCE_FILES_MAX 65536u /* files that one path may mean */

typedef struct SourceColumn {
    const char *name;
    Type type;
    bool nullable;   /* what Spark reports for a file source: always true */
    bool never_null; /* declared required, or all statistics say zero nulls */
    bool readable;   /* false: nested or of a type we cannot decode; @type is TYPE_NULL then and */
    const char *unreadable; /* says what it is, e.g. "list<element: int>" */
    bool has_null_count;
    uint64_t null_count;
    bool
        has_min_max; /* of all files; strings may be cut short by the writer (bounds, not values) */
    Literal min, max;
    double n_distinct;    /* estimate over all files; 0 unknown */
    double bytes_per_row; /* uncompressed, average over all files */
} SourceColumn;

typedef struct SourceFormat SourceFormat;

typedef struct SourceInfo {
    const SourceFormat *format;
    const struct SourceRequest *request; /* in the arena */
    ScanFile *files;                     /* sorted by path */
    uint32_t n_files;
    uint32_t n_listed;     /* files, before partition filters chose some */
    SourceColumn *columns; /* the partitions' are last, unless the files have them too */
    uint32_t n_columns;
    uint32_t *partitions; /* numbers of the partition columns */
    uint32_t n_partitions;
    bool loaded;   /* what follows, the columns' statistics and ScanFile.source are known */
    uint64_t rows; /* rows and null counts are guesses when the format has no statistics */
    bool rows_exact;
    uint64_t bytes; /* on disk */
    IoContext *io;
    const void *state; /* the format's own */
} SourceInfo;

/* What a query says about files. */
typedef struct SourceRequest {
    const char *const *paths;
    uint32_t n_paths;
    const char *format;
    const UOption *options; /* keys in any case */
    uint32_t n_options;
    const PlanField *schema; /* given by the query; NULL: inferred */
    uint32_t n_schema;
    bool case_sensitive;
    bool merge_schema; /* spark.sql.parquet.mergeSchema */
    bool partitions_as_strings;
    const char *corrupt_name; /* spark.sql.columnNameOfCorruptRecord; NULL: _corrupt_record */
    const Zone *zone;         /* of the session; NULL: UTC */
} SourceRequest;

/* The last option of that name, in any case, or NULL. */
const char *source_option(const SourceRequest *request, const char *key);
/* "true" in any case; @otherwise when it is absent. */
bool source_option_bool(const SourceRequest *request, const char *key, bool otherwise);

/**
 * session_files_new() - the file cache of one session
 * @pool:  charged for footers; outlives the object
 * @io:    borrowed, outlives the object
 */
int session_files_new(MemPool *pool, IoContext *io, SessionFiles **ret_files);
SessionFiles *session_files_free(SessionFiles *files);
IoContext *session_files_io(SessionFiles *files);
/* The limit that the files' cache could use; 0: it has what it wants. Thread-safe; accepts NULL. */
uint64_t session_files_cache_wish(SessionFiles *files);
/* A query begins or ends to use what source_open() hands out. Thread-safe, never fail. */
void session_files_enter(SessionFiles *files);
void session_files_leave(SessionFiles *files);

/**
 * source_open() - look at what @request names
 * @request:  paths: absolute paths of files or directories, or globs with * ? [..] and {a,b};
 *            "file:" and "file://" in front are taken off. Files whose name starts with '_' or '.'
 *            are skipped in directories, as Spark does; folders named k=v are partitions, others
 *            are only looked into with the option recursiveFileLookup.
 * @arena:    holds @ret_source and everything below it, except ScanFile.source
 * @error:    out
 *
 * Columns are those of the first file, or of all with mergeSchema; a column that a file lacks is
 * null there. Files of a partitioned source are not opened until source_load(), when the filters
 * over partitions are known; what is not partitioned comes loaded.
 *
 * Return: 0; QUERY_E_FAILED with PATH_NOT_FOUND (42K03), UNABLE_TO_INFER_SCHEMA (42KD9),
 * UNSUPPORTED_DATASOURCE_FORMAT, DATA_SOURCE_NOT_FOUND (42K02), CANNOT_READ_FILE_FOOTER (KD001),
 * FAILED_READ_FILE (KD001), CANNOT_MERGE_SCHEMAS (42KD9), those of partition_discover();
 * -ENOMEM; MEM_E_*.
 */
int source_open(SessionFiles *files, const SourceRequest *request, MemArena *arena,
                SourceInfo **ret_source, QueryError *error);

/**
 * source_load() - the source with some of its files, their statistics known
 * @keep:  per file; NULL: all
 * Return: as source_open().
 */
int source_load(SessionFiles *files, const SourceInfo *source, const bool *keep, MemArena *arena,
                SourceInfo **ret_source, QueryError *error);

/* Do two sources of the same files give the same rows? */
bool source_same(const SourceInfo *a, const SourceInfo *b);

/* Name to number of a column; @case_sensitive as spark.sql.caseSensitive. Return: -1 when absent,
 * -2 when ambiguous. */
int source_find_column(const SourceInfo *source, const char *name, bool case_sensitive);
