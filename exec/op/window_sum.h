/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside op/: an aggregate of a window on its way through the partitions.
 */

#include "exec/op/window.h"

#define WINDOW_LEVELS 8u
#define WINDOW_FAN_OUT 16u

/* States of equal runs of blocks: of 1, 16, 256 ... blocks. */
typedef struct WindowLevel {
    uint64_t first; /* number of the first */
    uint32_t n, capacity;
    uint8_t *states;
} WindowLevel;

/* Values of one block of rows. */
typedef struct WindowEdgeBlock {
    uint64_t number, end; /* rows in front of @end are there; 0: none */
    uint8_t *values;
    uint32_t before[WINDOW_BLOCK_ROWS + 1];
    WindowCursor cursor;
} WindowEdgeBlock;

/* Blocks are counted from the partition's first row. */
typedef struct WindowBlocks {
    bool active;
    uint64_t next; /* the first block that is not in the levels */
    WindowLevel levels[WINDOW_LEVELS];
    WindowEdgeBlock edges[3]; /* low, high, and blocks that are added */
} WindowBlocks;

typedef struct WindowSlab {
    uint64_t first, end; /* rows whose values it has */
    uint8_t *values;     /* of VEC_ROWS_MAX rows */
    uint32_t *before;    /* [rows + 1]: values in front of a row */
    WindowCursor cursor;
} WindowSlab;

typedef struct WindowSum {
    State state;
    const KernelTable *kern;
    uint32_t size, state_bytes; /* of a value, 0: it does not matter; of a state */
    uint8_t *running, *gone;    /* rows in front of @done, in front of @left */
    uint64_t done, left;
    WindowSlab slabs[2];
    MemArena *strings;      /* of @running */
    MemArena *slab_strings; /* of the slabs */
    uint64_t carried;       /* bytes of @strings that could not be given back */
    WindowBlocks blocks;
} WindowSum;

/* Values of rows [from, to) that count, side by side; @before: how many in front of each row. */
int window_gather(const WindowState *s, const WindowEval *e, WindowCursor *cursor, uint64_t from,
                  uint64_t to, MemArena *strings, uint8_t *values, uint32_t *before);
int window_add(const WindowState *s, const WindowSum *m, uint8_t *state, const uint8_t *values,
               uint32_t n, MemArena *strings);

/* A state whose strings are in @strings. */
int window_copy_state(const WindowSum *m, uint8_t *state, MemArena *strings);

/* --- window_blocks.c --- */

void window_blocks_done(WindowState *s, WindowEval *e);
/* Frames from row @low on follow. */
int window_blocks_begin(WindowState *s, WindowEval *e, uint64_t low);
/* Strings of all states move to @fresh. */
int window_blocks_carry(WindowState *s, WindowEval *e, MemArena *fresh);
/* Rows [low, high) go into @state, in order; strings are in the arena of slabs. */
int window_blocks_add(WindowState *s, WindowEval *e, uint8_t *state, uint64_t low, uint64_t high);
