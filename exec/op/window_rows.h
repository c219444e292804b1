/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside op/: the rows that a window looks at, by number. Either all of them are in memory, sorted,
 * and a list says where; or they are copied as they come into blocks, which are given back from the
 * front and go to disk where memory ends.
 *
 * A cursor holds one block in memory: a row is valid until its cursor is asked for another one, and
 * the bytes of its strings as well.
 *
 * A block that cannot be read makes every row a row of nothing, and WindowRows.result says why:
 * whoever has looked at rows asks for that before the results are used.
 */

#include "exec/op/pressure.h"
#include "exec/op/sort_run.h"

/* Are two rows equal in @keys [from, to)? In window_frame.c. */
bool window_same_keys(const RowLayout *layout, const SortKey *keys, const uint8_t *a,
                      const uint8_t *b, uint32_t from, uint32_t to);

typedef struct WindowBlock {
    uint64_t first; /* number of its first row */
    uint32_t n, refs;
    uint32_t n_strings; /* bytes of strings, at the end of @memory */
    bool on_disk;
    size_t bytes;    /* of @memory */
    uint8_t *memory; /* NULL: on disk only */
    SpillBlock spilled;
} WindowBlock;

typedef struct WindowCursor WindowCursor;

typedef struct WindowRows {
    ExecContext *context;
    const Operator *op; /* whose bytes on disk they are */
    const RowLayout *layout;
    SpillShape shape;
    Worker *worker;        /* that works for whoever reads */
    const SortEntry *list; /* all rows; NULL: blocks */
    uint64_t n;
    const uint8_t *last; /* row n - 1, when there are blocks */
    WindowBlock *blocks; /* [front, n_blocks) */
    uint32_t front, n_blocks, capacity;
    uint64_t idle;     /* block number + 1 that nobody holds, read from disk; 0: none */
    uint64_t gone;     /* blocks that were in front of blocks[0] */
    uint32_t rows_max; /* of a block; tests: few */
    WindowCursor *cursors;
    uint8_t *nothing; /* a row of zeros */
    int result;
} WindowRows;

struct WindowCursor {
    WindowRows *rows;
    WindowCursor *next;
    uint64_t block; /* number + 1 of the one that is held; 0: none */
    uint64_t first; /* rows [first, first + n) lie at @base */
    uint32_t n;
    const uint8_t *base;
};

/* @arena outlives the rows. Return: 0; mem_arena_error(). */
int window_rows_init(WindowRows *w, ExecContext *context, const Operator *op,
                     const RowLayout *layout, MemArena *arena);
/* No rows again; cursors let go. */
void window_rows_clear(WindowRows *w);
/* Accepts zeroes. */
void window_rows_done(WindowRows *w);
/* Copies a row. Return: 0; MEM_E_*; QUERY_E_FAILED. */
int window_rows_append(WindowRows *w, const uint8_t *row);
/* For Worker.give: blocks that nobody looks at go to disk. */
bool window_rows_give(void *userdata);
/* Nobody asks for rows in front of @row any more; cursors that stand there let go. */
void window_rows_forget(WindowRows *w, uint64_t row);

void window_cursor_init(WindowCursor *c, WindowRows *w);
/* How many rows from @row on are where the cursor stands, so that all of them stay valid? */
uint32_t window_cursor_room(const WindowCursor *c, uint64_t row);
void window_seek(WindowCursor *c, uint64_t row);

static inline const uint8_t *window_row(WindowCursor *c, uint64_t row)
{
    const WindowRows *w = c->rows;

    if (w->list)
        return w->list[row].row;
    if (unlikely(row - c->first >= c->n))
        window_seek(c, row);
    return c->base + (row - c->first) * w->layout->size;
}
