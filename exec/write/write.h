/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Writing the rows of a query into files: the last sink of its plan, the formats, and the way in
 * which what was written becomes visible (commit.h).
 *
 *   write_format()       "parquet" and options into a WriteSpec
 *   write_prepare()      the query's relation as the writer wants it: JSON texts, CSV cells
 *   commit_begin()       a place for the files (commit.h)
 *   write_sink_new()     rows into files there; QueryRun.sink_new
 *   commit_end()         all of it is there, or nothing
 */

#include <stdatomic.h>

#include "exec/op/run.h"
#include "exec/plan/bind.h"
#include "exec/plan/unresolved.h"
#include "exec/write/compress.h"

#define WRITE_PARTITIONS_MAX 16u /* partition columns */
#define WRITE_FILES_MAX 1000000u /* of one command */

typedef struct WriteSpec WriteSpec;
typedef struct FormatFile FormatFile;

typedef struct WriteFormat {
    const char *name;      /* as in SQL and in messages of Spark: "parquet" */
    const char *title;     /* "Parquet" */
    const char *extension; /* ".parquet" */
    /* Begins a file. @out is the caller's, at its beginning. It should hold no more than @bytes_max
     * in memory. Return: 0; -ENOMEM; MEM_E_*. */
    int (*open)(const WriteSpec *spec, MemPool *pool, Output *out, uint64_t bytes_max,
                FormatFile **ret_file);
    /**
     * @add: rows of @batch, columns 0..n_fields of it
     * Return: 0; QUERY_E_FAILED; MEM_E_*; negative errno.
     */
    int (*add)(FormatFile *file, const Batch *batch, const uint16_t *rows, uint32_t n_rows,
               QueryError *error);
    /* Writes what is held in memory, as far as that gives memory back. */
    int (*flush)(FormatFile *file);
    int (*finish)(FormatFile *file);
    uint64_t (*bytes)(const FormatFile *file); /* in memory */
    void (*free)(FormatFile *file);
} WriteFormat;

extern const WriteFormat write_parquet, write_csv, write_json, write_text;

/* What CSV and JSON may be told. */
typedef struct WriteText {
    bool header;
    bool quote_all;
    bool escape_quotes;
    bool ignore_leading, ignore_trailing; /* white space around values is left out */
    bool keep_null_fields;                /* JSON */
    char quote, escape;                   /* quote 0: none */
    char delimiter[8];
    const char *null_value, *empty_value, *line_separator;
    char zone[16]; /* of the session, as it stands behind a timestamp: "Z", "+02:00"; "": it has no
                      fixed one. Set by the caller between write_format() and write_prepare() */
} WriteText;

struct WriteSpec {
    const WriteFormat *format;
    WriteCodec codec;
    PlanField *fields; /* data columns: the first of the plan */
    uint32_t n_fields;
    uint32_t n_partitions; /* and behind them the text of each partition column */
    const char *partitions[WRITE_PARTITIONS_MAX];
    uint64_t row_group_bytes; /* Parquet */
    uint64_t rows_max;        /* of one file; 0: no limit */
    WriteText text;
};

/**
 * write_format() - what is to be written, from the words of a command
 * Options that are not known have no effect, as in Spark.
 * Return: 0; QUERY_E_FAILED (DATA_SOURCE_NOT_FOUND, CODEC_NOT_AVAILABLE, ...); mem_arena_error().
 */
int write_format(MemArena *arena, PlanSession *session, const char *format, const UOption *options,
                 uint32_t n_options, WriteSpec *ret_spec, QueryError *error);

/**
 * write_prepare() - from the query's relation to one whose rows the sink can write
 * @fields:  of @input, bound
 * @spec:    format, codec and text options are set; columns are filled in
 * Return: 0; QUERY_E_FAILED (a type that the format has no form for, partition columns that are not
 * there, ...); mem_arena_error().
 */
int write_prepare(UBuilder *b, URel *input, const PlanField *fields, uint32_t n_fields,
                  const char *const *partitions, uint32_t n_partitions, bool case_sensitive,
                  WriteSpec *spec, URel **ret_rel);

/* A running write: what its sink needs. */
typedef struct WriteRun {
    const WriteSpec *spec;
    const char *path; /* of the target, for messages */
    int directory_fd; /* where files go; borrowed */
    char id[40];      /* in the names of all files */
    bool ordered;     /* the plan's order is the rows' order in the files */
    atomic_uint n_files;
    atomic_uint_fast64_t n_rows, n_bytes;
} WriteRun;

/* QueryRun.sink_new; @userdata is the WriteRun. */
int write_sink_new(ExecContext *context, const PlanNode *node, void *userdata, Operator **ret_sink);

/* The name of file @number: "part-00000-<id>-c000.snappy.parquet". */
void write_file_name(const WriteRun *run, uint32_t number, char *buf, size_t size);

/* "p=2020", with what a folder's name cannot hold escaped. Return: 0; -ENAMETOOLONG; -EINVAL. */
int write_partition_name(const char *name, const char *value, char *buf, size_t size);

/* Makes what the file system said into an error of the query. Return: QUERY_E_FAILED. */
int write_fail(QueryError *error, const char *path, int error_number);
