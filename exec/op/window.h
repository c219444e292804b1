/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside op/: window functions over the rows of one partition. window.c collects partitions and
 * puts rows out, window_function.c finds frames and has the functions that pick rows,
 * window_aggregate.c has the aggregates.
 */

#include "exec/op/accumulate.h"
#include "exec/op/pipeline.h"

/* Rows of one or more whole partitions, in order. */
typedef struct WindowChunk {
    const PlanNode *node;
    const ExecContext *context;
    MemArena *arena;         /* forgotten with the chunk */
    const RowLayout *layout; /* of all input columns */
    const uint8_t **rows;
    uint32_t n_rows;
    uint32_t *peer_first, *peer_end; /* per row: rows of the same order key; NULL: not asked yet */
} WindowChunk;

/* What a function gives, for all rows of a chunk. */
typedef struct WindowOutput {
    uint8_t phys;
    bool has_nulls;
    uint8_t *values;
    uint64_t *valid;
} WindowOutput;

/* Rows [first, end) of a chunk: one partition. */
typedef struct WindowPartition {
    WindowChunk *chunk;
    uint32_t first, end;
} WindowPartition;

static inline bool window_is_null(const WindowChunk *c, const Expr *column, uint32_t row)
{
    return row_is_null(c->layout, c->rows[row], column->column);
}

static inline const uint8_t *window_value(const WindowChunk *c, const Expr *column, uint32_t row)
{
    return c->rows[row] + c->layout->offsets[column->column];
}

static inline void window_set_null(WindowOutput *out, uint32_t row)
{
    vec_bit_clear(out->valid, row);
    out->has_nulls = true;
}

/* Of two rows by the keys [from, to) of the node. Return: below, equal to, above 0. */
int window_compare(const WindowChunk *c, const uint8_t *a, const uint8_t *b, uint32_t from,
                   uint32_t to);
/**
 * window_frames() - the frame of each row of a partition
 * @ret_low, @ret_high:  u32[end - first], rows of the chunk, high not included
 */
int window_frames(const WindowPartition *p, const WindowFunction *f, uint32_t **ret_low,
                  uint32_t **ret_high);
/* Return: 0; MEM_E_*; QUERY_E_FAILED; QUERY_E_CANCELLED; negative errno. */
int window_evaluate(const WindowPartition *p, const WindowFunction *f, WindowOutput *out,
                    QueryError *error);
int window_aggregate(const WindowPartition *p, const WindowFunction *f, WindowOutput *out,
                     QueryError *error);
