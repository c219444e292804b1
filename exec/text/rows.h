/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Formats that are read as a stream of rows, behind one table. A reader belongs to one worker. It
 * gets windows of text that hold whole records, or the number of a part that it reads itself, cuts
 * them into batches of up to VEC_ROWS_MAX rows, and makes values only of the columns and rows that
 * are asked for.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/io/io.h"
#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/vec/vector.h"

/* An output column: which of the format's columns it is. */
typedef struct RowColumn {
    uint32_t number; /* in the schema of the files; ROW_NO_COLUMN: somebody else makes it */
    Type type;
} RowColumn;

#define ROW_NO_COLUMN UINT32_MAX

typedef struct RowRequest {
    const void *state; /* what the format keeps in SourceInfo.state */
    const RowColumn *columns;
    uint32_t n_columns;
    MemPool *pool;
} RowRequest;

/* Records of one file, all of them or those that begin in a part of it. */
typedef struct RowWindow {
    const char *path;
    const uint8_t *text; /* and IO_SLOP readable bytes behind */
    uint64_t n;
    bool is_first; /* it begins where the file does */
} RowWindow;

typedef struct RowFormat {
    const char *name; /* "csv" */
    /* Of text: may a file be cut at line ends? */
    bool (*can_split)(const void *state);
    /* Of files that say themselves where their parts are, in place of can_split() and begin():
     * ScanFile.source has that many, and one is begun. Return: as next(). */
    uint32_t (*n_parts)(const void *source);
    int (*begin_part)(void *reader, IoFile *file, const void *source, uint32_t part,
                      uint64_t *ret_bytes, QueryError *error);
    /* Return: 0; -ENOMEM; MEM_E_*. */
    int (*reader_new)(const RowRequest *request, void **ret_reader);
    void (*reader_free)(void *reader);
    /* The text stays valid until the next begin(). */
    int (*begin)(void *reader, const RowWindow *window, QueryError *error);
    /**
     * next() - the next rows of the window
     * @ret_n:    out, 0 at its end
     * @ret_sel:  out, rows that are to be had (malformed ones may be dropped), or NULL for all
     * Return: 0; QUERY_E_FAILED; MEM_E_*; -ENOMEM.
     */
    int (*next)(void *reader, uint32_t *ret_n, const uint16_t **ret_sel, uint32_t *ret_n_sel,
                QueryError *error);
    /**
     * column() - values of output column @column for rows of the batch
     * @sel:  u16[@n] ascending, or NULL for the first @n; others may be left undefined
     * Valid until the next next(). Return: as next().
     */
    int (*column)(void *reader, uint32_t column, const uint16_t *sel, uint32_t n, Vector *ret,
                  QueryError *error);
} RowFormat;

/**
 * row_line_end() - where the line that holds @at ends
 * Return: the place behind its line feed, carriage return or both; @n when there is none before.
 */
uint64_t row_line_end(const uint8_t *text, uint64_t at, uint64_t n);
/* Bytes of the mark that a text may begin with. */
uint64_t row_mark_bytes(const uint8_t *text, uint64_t n);

/* What is left of a window, line by line. */
typedef struct RowLines {
    const uint8_t *at, *end;
    bool whole; /* all of it is one */
} RowLines;

/* The next line without what ends it. False: there is none. */
bool row_next_line(RowLines *lines, const uint8_t **ret_text, uint64_t *ret_n);

/* Room for a column of a batch: a flat vector, zeroed. */
typedef struct RowVector {
    void *block;
    size_t n_block, size; /* of a value */
    Vector vector;
} RowVector;

int row_vector_new(MemPool *pool, Type type, const char *operator_name, RowVector *ret);
void row_vector_free(MemPool *pool, RowVector *v);
/* What FAILFAST says. Return: QUERY_E_FAILED. */
int row_malformed(const char *path, const uint8_t *text, uint32_t n, QueryError *error);
