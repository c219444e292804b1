/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From a path in a query to data files with one schema and their statistics: what the binder asks
 * for FROM parquet.`/x`, FROM '/x.parquet' and spark.read.parquet(...).
 *
 * SessionFiles is the session's cache of opened files and parsed footers, keyed by device, inode,
 * size, mtime and ctime, so a second query over the same files reads no footer at all. Objects that
 * it hands out (ScanFile.source) stay valid while at least one session_files_enter() is not yet
 * left: a query enters before it binds and leaves when its last operator is closed. Eviction
 * happens only when nobody is inside.
 */

#include "exec/io/io.h"
#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/plan.h"

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

typedef struct SourceInfo {
    const char *format; /* "parquet" */
    ScanFile *files;    /* sorted by path */
    uint32_t n_files;
    SourceColumn *columns;
    uint32_t n_columns;
    uint64_t rows;
    uint64_t bytes; /* on disk */
} SourceInfo;

/**
 * session_files_new() - the file cache of one session
 * @pool:  charged for footers; outlives the object
 * @io:    borrowed, outlives the object
 */
int session_files_new(MemPool *pool, IoContext *io, SessionFiles **ret_files);
SessionFiles *session_files_free(SessionFiles *files);
IoContext *session_files_io(SessionFiles *files);
/* A query begins or ends to use what source_open() hands out. Thread-safe, never fail. */
void session_files_enter(SessionFiles *files);
void session_files_leave(SessionFiles *files);

/**
 * source_open() - look at what @path names
 * @path:     absolute path of a file or a directory, or a glob with * and ? and [..]; "file:" and
 *            "file://" in front are taken off. Files whose name starts with '_' or '.' are skipped
 *            in directories, as Spark does.
 * @format:   "parquet"; another one is refused by name
 * @arena:    holds @ret_source and everything below it, except ScanFile.source
 * @error:    out
 *
 * All files must have the same columns (names and types, in order); Spark would take one file's
 * schema and fail later.
 *
 * Return: 0; QUERY_E_FAILED with PATH_NOT_FOUND (42K03), UNABLE_TO_INFER_SCHEMA (42KD9),
 * UNSUPPORTED_DATASOURCE_FORMAT, CANNOT_READ_FILE_FOOTER (KD001), FAILED_READ_FILE (KD001);
 * -ENOMEM; MEM_E_*.
 */
int source_open(SessionFiles *files, const char *path, const char *format, MemArena *arena,
                SourceInfo **ret_source, QueryError *error);

/* Name to number of a column; @case_sensitive as spark.sql.caseSensitive. Return: -1 when absent,
 * -2 when ambiguous. */
int source_find_column(const SourceInfo *source, const char *name, bool case_sensitive);
