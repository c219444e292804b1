/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside op/: window functions over sorted rows.
 *
 *   window.c            walks through the partitions, piece by piece, and puts rows out
 *   window_frame.c      order keys, peers, frames
 *   window_function.c   functions of a row's place, and those that pick a row
 *   window_aggregate.c  aggregates over frames; window_blocks.c those over wide moving ones
 *
 * Rows of one stream are numbered from 0, through all of its partitions. A function is evaluated
 * for a piece of a partition at a time, in order; what it must remember it keeps in its WindowEval,
 * and the rows that it still looks at are those from WindowEval.keep on.
 */

#include "exec/op/accumulate.h"
#include "exec/op/window_rows.h"

#define WINDOW_BLOCK_ROWS 32u /* of WindowBlocks; a power of two */

/* What a function gives, for the rows of one batch. */
typedef struct WindowOutput {
    uint8_t phys;
    bool has_nulls;
    uint8_t *values;
    uint64_t *valid;
} WindowOutput;

/* Rows [at, at + n) of a partition that begins with row @first. */
typedef struct WindowPiece {
    uint64_t first, at;
    uint64_t end; /* rows in front of this are of the partition, and all that the piece looks at */
    uint32_t n;
    uint32_t to; /* results go to rows [to, to + n) of the batch */
} WindowPiece;

/* Rows of the same order, for the rows of a piece. */
typedef struct WindowPeers {
    uint32_t n_keys; /* of the node, that are looked at */
    bool wants_ends; /* a function does */
    uint64_t first_now, end_now;
    uint64_t *first, *end; /* u64[VEC_ROWS_MAX] */
    WindowCursor before, here, ahead_before, ahead;
} WindowPeers;

/* Rows whose argument is not null, counted up to one row and looked for from another. */
typedef struct WindowKnown {
    uint64_t at, count;           /* values in front of row @at */
    uint64_t seek, seek_count;    /* ... of row @seek */
    uint64_t found, found_number; /* the row of the value with that number; UINT64_MAX: none */
    uint64_t last;                /* row of the last value in front of @at; UINT64_MAX: none */
    WindowCursor counting, seeking;
} WindowKnown;

struct WindowSum;

/* A function on its way through the partitions. */
typedef struct WindowEval {
    const WindowFunction *f;
    const WindowPeers *peers; /* by its order; NULL: it does not ask */
    WindowOutput out;
    uint64_t keep;      /* rows from here on are still wanted */
    int32_t dense;      /* DENSE_RANK so far */
    uint64_t low, high; /* edges of a RANGE frame by value, of the last row */
    WindowCursor edge, low_cursor, high_cursor, here, pick;
    WindowKnown known;
    /* The value that was picked last, and of which row. */
    uint64_t held_row;
    bool held_null, held_in_batch;
    uint64_t held[2];
    void *held_bytes; /* of a string that outlives its batch */
    size_t n_held_bytes;
    struct WindowSum *sum; /* WINDOW_AGGREGATE */
} WindowEval;

typedef struct WindowState {
    const PlanNode *node;
    ExecContext *context;
    const RowLayout *layout;
    WindowRows rows;
    QueryError *error; /* of the worker */
    MemArena *arena;   /* as long as the state */
    MemArena *batch;   /* until the next batch */
    WindowPiece piece;
    WindowPeers *peers; /* by each number of keys that some function asks for */
    uint32_t n_peers;
    uint64_t *low, *high; /* u64[VEC_ROWS_MAX]: frames of the function that is evaluated */
    WindowEval *evals;
    uint8_t *results; /* VEC_ROWS_MAX states of WINDOW_STATE_BYTES */
    const uint8_t **result_rows;
    void *result_values, *scratch; /* VEC_ROWS_MAX * 16 bytes */
    uint64_t *result_valid;
} WindowState;

static inline bool window_is_null(const WindowState *s, const Expr *column, const uint8_t *row)
{
    return row_is_null(s->layout, row, column->column);
}

static inline const uint8_t *window_value(const WindowState *s, const Expr *column,
                                          const uint8_t *row)
{
    return row + s->layout->offsets[column->column];
}

static inline void window_set_null(WindowOutput *out, uint32_t row)
{
    vec_bit_clear(out->valid, row);
    out->has_nulls = true;
}

/* --- window_frame.c --- */

/* Are two rows equal in the keys [from, to) of the node? */
static inline bool window_same(const WindowState *s, const uint8_t *a, const uint8_t *b,
                               uint32_t from, uint32_t to)
{
    return window_same_keys(s->layout, s->node->window.keys, a, b, from, to);
}
/* What the functions of a node look at in front of a row: rows, or all of its partition. */
uint64_t window_rows_ahead(const PlanNode *node);
/* Does the frame of @row, in its partition, end in front of @last or with it? */
bool window_frame_ends(const WindowState *s, const WindowFunction *f, const uint8_t *row,
                       const uint8_t *last);
/* For all evaluations, which are there. Return: 0; mem_arena_error(). */
int window_peers_init(WindowState *s);
void window_find_peers(WindowState *s);
/* Frames of the piece's rows go to s->low and s->high. */
void window_frames(WindowState *s, WindowEval *e);

/* --- window_function.c --- */

int window_eval_init(WindowState *s, WindowEval *e, const WindowFunction *f);
void window_eval_done(WindowState *s, WindowEval *e);
/* A batch has gone: what it pointed to, and is still needed, moves. Return: 0; MEM_E_*. */
int window_eval_carry(WindowState *s, WindowEval *e);
/* The function's results for the piece. Return: 0; MEM_E_*; QUERY_E_*; negative errno. */
int window_evaluate(WindowState *s, WindowEval *e);

/* --- window_aggregate.c --- */

#define WINDOW_STATE_BYTES 64u /* at most, of one aggregate */

int window_sum_init(WindowState *s, WindowEval *e);
void window_sum_done(WindowState *s, WindowEval *e);
int window_sum_carry(WindowState *s, WindowEval *e);
int window_aggregate(WindowState *s, WindowEval *e);
