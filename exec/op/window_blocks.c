/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window_sum.h"

/*
 * Frames of very many rows whose aggregate can only be added to. As their ends move on, each block
 * of rows becomes a state, sixteen states one of the next level, and so on; a frame is merged from
 * few of them, and from the rows of the blocks that it cuts at its two ends. Of a row that is in
 * the middle of all frames nothing is left but a byte or two of a state.
 */

static int level_reserve(WindowState *s, const WindowSum *m, WindowLevel *level)
{
    MemPool *pool = s->context->pool;
    uint32_t capacity = level->capacity ? level->capacity * 2 : 256;
    void *states;

    if (level->n < level->capacity)
        return 0;
    if (capacity > UINT32_MAX / WINDOW_STATE_BYTES)
        return -E2BIG;
    int r = mem_block_alloc(pool, (size_t)capacity * m->state_bytes, "window", &states);
    if (r)
        return r;
    if (level->states) {
        memcpy(states, level->states, (size_t)level->n * m->state_bytes);
        mem_block_free(pool, level->states, (size_t)level->capacity * m->state_bytes);
    }
    level->states = states;
    level->capacity = capacity;
    return 0;
}

void window_blocks_done(WindowState *s, WindowEval *e)
{
    WindowSum *m = e->sum;

    for (uint32_t i = 0; i < WINDOW_LEVELS; i++) {
        WindowLevel *level = &m->blocks.levels[i];
        if (level->states)
            mem_block_free(s->context->pool, level->states,
                           (size_t)level->capacity * m->state_bytes);
        *level = (WindowLevel){0};
    }
}

/* A state is added to a level, and with the last of sixteen one to the level above. */
static int level_add(WindowState *s, WindowEval *e, uint32_t at, const uint8_t *state)
{
    WindowSum *m = e->sum;
    WindowLevel *level = &m->blocks.levels[at];
    uint32_t bytes = m->state_bytes;
    uint8_t above[WINDOW_STATE_BYTES] __attribute__((aligned(16))) = {0};
    int r = level_reserve(s, m, level);

    if (r)
        return r;
    memcpy(level->states + (size_t)level->n++ * bytes, state, bytes);
    uint64_t end = level->first + level->n;
    if (at + 1 == WINDOW_LEVELS || end % WINDOW_FAN_OUT != 0 || level->n < WINDOW_FAN_OUT)
        return 0;
    for (uint32_t i = level->n - WINDOW_FAN_OUT; r == 0 && i < level->n; i++)
        r = state_merge(&m->state, above, level->states + (size_t)i * bytes, m->slab_strings);
    if (r == 0)
        r = window_copy_state(m, above, m->strings);
    WindowLevel *next = &m->blocks.levels[at + 1];
    if (next->n == 0)
        next->first = end / WINDOW_FAN_OUT - 1;
    return r ? r : level_add(s, e, at + 1, above);
}

/* Values of a block's rows up to @end. */
static int load_edge(WindowState *s, WindowEval *e, WindowEdgeBlock *edge, uint64_t number,
                     uint64_t end)
{
    uint64_t first = s->piece.first + number * WINDOW_BLOCK_ROWS;

    if (edge->number == number && edge->end >= end)
        return 0;
    edge->end = 0;
    end = MIN(first + WINDOW_BLOCK_ROWS, s->piece.end);
    int r = window_gather(s, e, &edge->cursor, first, end, s->batch, edge->values, edge->before);
    edge->number = number;
    edge->end = r ? 0 : end;
    return r;
}

int window_blocks_carry(WindowState *s, WindowEval *e, MemArena *fresh)
{
    WindowSum *m = e->sum;
    int r = 0;

    for (uint32_t i = 0; m->blocks.active && i < WINDOW_LEVELS; i++)
        for (uint32_t k = 0; r == 0 && k < m->blocks.levels[i].n; k++)
            r = window_copy_state(m, m->blocks.levels[i].states + (size_t)k * m->state_bytes,
                                  fresh);
    return r;
}

int window_blocks_begin(WindowState *s, WindowEval *e, uint64_t low)
{
    WindowSum *m = e->sum;
    WindowBlocks *b = &m->blocks;
    uint64_t block = (low - s->piece.first) / WINDOW_BLOCK_ROWS;

    for (uint32_t i = 0; i < 3; i++) {
        WindowEdgeBlock *edge = &b->edges[i];
        edge->end = 0; /* strings were of the last batch */
        if (edge->values)
            continue;
        edge->values = mem_arena_alloc(s->arena, WINDOW_BLOCK_ROWS * 16, 64);
        if (!edge->values)
            return mem_arena_error(s->arena);
        window_cursor_init(&edge->cursor, &s->rows);
    }
    if (b->active && b->next >= block) {
        /* Blocks that no frame begins with any more. */
        uint64_t size = 1;
        for (uint32_t i = 0; i < WINDOW_LEVELS; i++, size *= WINDOW_FAN_OUT) {
            WindowLevel *level = &b->levels[i];
            /* Those that are merged into one later stay. */
            uint64_t end = (level->first + level->n) / WINDOW_FAN_OUT * WINDOW_FAN_OUT;
            end = MIN(end, block / size);
            if (end <= level->first + level->n / 2)
                continue;
            uint64_t gone = end - level->first;
            level->n -= (uint32_t)gone;
            level->first += gone;
            memmove(level->states, level->states + gone * m->state_bytes,
                    (size_t)level->n * m->state_bytes);
        }
        return 0;
    }
    for (uint32_t i = 0; i < WINDOW_LEVELS; i++)
        b->levels[i].n = 0;
    b->active = true;
    b->next = b->levels[0].first = block;
    return 0;
}

/* Whole blocks in front of @high. */
static int add_blocks(WindowState *s, WindowEval *e, uint64_t high)
{
    WindowSum *m = e->sum;
    WindowBlocks *b = &m->blocks;
    uint64_t end = (high - s->piece.first) / WINDOW_BLOCK_ROWS;
    int r = 0;

    for (; r == 0 && b->next < end; b->next++) {
        uint8_t state[WINDOW_STATE_BYTES] __attribute__((aligned(16))) = {0};
        uint64_t first = s->piece.first + b->next * WINDOW_BLOCK_ROWS;
        if ((b->next & 1023) == 0 && context_stopped(s->context))
            return QUERY_E_CANCELLED;
        WindowEdgeBlock *edge = &b->edges[2];
        mem_arena_reset(m->slab_strings);
        r = window_gather(s, e, &edge->cursor, first, first + WINDOW_BLOCK_ROWS, m->slab_strings,
                          edge->values, edge->before);
        if (r == 0)
            r = window_add(s, m, state, edge->values, edge->before[WINDOW_BLOCK_ROWS],
                           m->slab_strings);
        if (r == 0)
            r = window_copy_state(m, state, m->strings);
        if (r == 0)
            r = level_add(s, e, 0, state);
    }
    return r;
}

/* Blocks [from, to), the largest states that fit first come first served. */
static int merge_blocks(WindowState *s, WindowEval *e, uint8_t *state, uint64_t from, uint64_t to)
{
    WindowSum *m = e->sum;

    while (from < to) {
        uint32_t at = 0;
        uint64_t size = 1;
        while (at + 1 < WINDOW_LEVELS && from % (size * WINDOW_FAN_OUT) == 0 &&
               from + size * WINDOW_FAN_OUT <= to) {
            const WindowLevel *above = &m->blocks.levels[at + 1];
            uint64_t number = from / (size * WINDOW_FAN_OUT);
            if (number < above->first || number - above->first >= above->n)
                break;
            at++;
            size *= WINDOW_FAN_OUT;
        }
        const WindowLevel *level = &m->blocks.levels[at];
        assert(from / size >= level->first && from / size - level->first < level->n);
        int r = state_merge(&m->state, state,
                            level->states + (from / size - level->first) * m->state_bytes,
                            m->slab_strings);
        if (r)
            return r;
        from += size;
    }
    return 0;
}

/* Rows [from, to) of one block. */
static int add_edge(WindowState *s, WindowEval *e, WindowEdgeBlock *edge, uint8_t *state,
                    uint64_t from, uint64_t to)
{
    WindowSum *m = e->sum;
    uint64_t number = (from - s->piece.first) / WINDOW_BLOCK_ROWS;
    uint64_t first = s->piece.first + number * WINDOW_BLOCK_ROWS;

    if (from >= to)
        return 0;
    int r = load_edge(s, e, edge, number, to);
    if (r)
        return r;
    uint32_t a = edge->before[from - first], b = edge->before[to - first];
    return a == b ? 0
                  : window_add(s, m, state, edge->values + (size_t)a * m->size, b - a,
                               m->slab_strings);
}

int window_blocks_add(WindowState *s, WindowEval *e, uint8_t *state, uint64_t low, uint64_t high)
{
    WindowBlocks *b = &e->sum->blocks;
    uint64_t base = s->piece.first, from = low - base, to = high - base;
    uint64_t first = (from + WINDOW_BLOCK_ROWS - 1) / WINDOW_BLOCK_ROWS;
    uint64_t last = to / WINDOW_BLOCK_ROWS;
    int r = add_blocks(s, e, high);

    mem_arena_reset(e->sum->slab_strings);
    if (r == 0 && first > last) /* all in one block */
        return add_edge(s, e, &b->edges[0], state, low, high);
    if (r == 0)
        r = add_edge(s, e, &b->edges[0], state, low, base + first * WINDOW_BLOCK_ROWS);
    if (r == 0)
        r = merge_blocks(s, e, state, first, last);
    return r ? r : add_edge(s, e, &b->edges[1], state, base + last * WINDOW_BLOCK_ROWS, high);
}
