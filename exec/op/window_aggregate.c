/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window.h"

#include <errno.h>

#include "base/cleanup.h"

/*
 * Aggregates over frames. The values that count (not null, let pass by FILTER) are laid side by
 * side once; a frame of rows is then a range of them. From a frame to its result:
 *
 *   whole      all rows have the same frame
 *   running    frames begin with the partition: values are added as the end moves on
 *   counted    COUNT and exact sums: a difference of two prefixes
 *   short      few values: added up again for each row, in their order, as Spark does
 *   tree       else: states of blocks of values, and of pairs of those, merged
 */

#define SHORT_FRAME 96u
#define TREE_BLOCK 32u

typedef struct Values {
    const WindowPartition *p;
    State state;
    const KernelTable *kern;
    uint32_t n, size; /* values; bytes of one */
    uint8_t *values;
    uint32_t *before; /* [rows + 1]: values in front of a row */
    void *scratch;
    uint32_t state_bytes;
    uint8_t *tree; /* [2 * n_leaves] states; NULL: not made */
    uint32_t n_leaves;
} Values;

static bool passes(const WindowChunk *c, const Aggregate *a, uint32_t row)
{
    if (a->filter && (window_is_null(c, a->filter, row) || !*window_value(c, a->filter, row)))
        return false;
    return !a->arg || !window_is_null(c, a->arg, row);
}

static int collect_values(const WindowPartition *p, const Aggregate *a, Values *v)
{
    MemArena *arena = p->chunk->arena;
    uint32_t n = p->end - p->first;
    StateKind kind;
    int r = state_kind(a, &kind);

    if (r)
        return r;
    *v = (Values){.p = p, .kern = kern_select()};
    v->state = (State){.kind = (uint8_t)kind,
                       .phys = a->arg ? (uint8_t)type_phys(a->arg->type) : 0,
                       .type = a->arg ? a->arg->type : TYPE(LONG),
                       .arg = UINT32_MAX,
                       .filter = UINT32_MAX};
    v->state_bytes = (uint32_t)ALIGN_UP(state_size(kind), 16u);
    v->size = a->arg ? (uint32_t)phys_size(v->state.phys) : 0;
    v->before = mem_arena_alloc(arena, sizeof(uint32_t) * (n + 1), 4);
    v->values = mem_arena_alloc(arena, (size_t)v->size * n + 64, 64);
    v->scratch = mem_arena_alloc(arena, (size_t)MIN(n, VEC_ROWS_MAX) * 16, 64);
    if (!v->before || !v->values || !v->scratch)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++) {
        v->before[i] = v->n;
        if (!passes(p->chunk, a, p->first + i))
            continue;
        if (a->arg)
            memcpy(v->values + (size_t)v->n * v->size, window_value(p->chunk, a->arg, p->first + i),
                   v->size);
        v->n++;
    }
    v->before[n] = v->n;
    return 0;
}

/* Values [from, to) go into @state. */
static int add_values(const Values *v, uint8_t *state, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint32_t n = MIN(to - from, VEC_ROWS_MAX);
        Vector vector = {.type = v->state.type,
                         .phys = v->state.phys,
                         .encoding = VEC_FLAT,
                         .values = v->values + (size_t)from * v->size};
        StateInput in = {.kern = v->kern,
                         .v = v->size ? &vector : NULL,
                         .n = n,
                         .n_rows = n,
                         .single = state,
                         .scratch = v->scratch,
                         .strings = v->p->chunk->arena};
        int r = state_update(&v->state, &in);
        if (r)
            return r;
        from += n;
    }
    return 0;
}

/* --- results --- */

/* States of rows that wait for their results. */
typedef struct Results {
    const Values *v;
    const Aggregate *aggregate;
    WindowOutput *out;
    QueryError *error;
    uint32_t first, n; /* rows that wait */
    uint8_t *states;   /* one per row of the partition, VEC_ROWS_MAX at most */
    uint32_t n_states;
    const uint8_t **rows;
    void *values;
    uint64_t *valid;
} Results;

static int results_init(Results *r, const Values *v, const Aggregate *a, WindowOutput *out,
                        QueryError *error)
{
    MemArena *arena = v->p->chunk->arena;
    size_t n = MIN(v->p->end - v->p->first, VEC_ROWS_MAX);
    *r = (Results){.v = v, .aggregate = a, .out = out, .error = error, .first = v->p->first};
    r->states = mem_arena_alloc(arena, (size_t)v->state_bytes * n, 64);
    r->rows = mem_arena_alloc(arena, sizeof(uint8_t *) * n, 8);
    r->values = mem_arena_alloc(arena, n * 16, 64);
    r->valid = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
    return r->states && r->rows && r->values && r->valid ? 0 : mem_arena_error(arena);
}

static int results_flush(Results *r)
{
    size_t size = phys_size(r->out->phys);
    Vector v;

    if (r->n == 0)
        return 0;
    if (context_stopped(r->v->p->chunk->context))
        return QUERY_E_CANCELLED;
    int e = aggregate_finalize(r->aggregate, &r->v->state, r->rows, r->n, r->values, r->valid, &v,
                               r->error);
    if (e)
        return e;
    memcpy(r->out->values + (size_t)r->first * size, v.values, size * r->n);
    for (uint32_t i = 0; v.has_nulls && i < r->n; i++)
        if (!vec_bit(v.valid, i))
            window_set_null(r->out, r->first + i);
    r->first += r->n;
    r->n = r->n_states = 0;
    return 0;
}

/* The next row's state; @changed: other than the row's before it. */
static int results_add(Results *r, const uint8_t *state, bool changed)
{
    if (r->n == VEC_ROWS_MAX) {
        int e = results_flush(r);
        if (e)
            return e;
    }
    if (changed || r->n_states == 0) {
        memcpy(r->states + (size_t)r->n_states * r->v->state_bytes, state, r->v->state_bytes);
        r->n_states++;
    }
    r->rows[r->n++] = r->states + (size_t)(r->n_states - 1) * r->v->state_bytes;
    return 0;
}

/* --- ways --- */

static int running(const Values *v, const uint32_t *high, Results *results)
{
    uint32_t n = v->p->end - v->p->first, done = 0;
    uint8_t *state = mem_arena_zalloc(v->p->chunk->arena, v->state_bytes, 16);
    int r = state ? 0 : mem_arena_error(v->p->chunk->arena);

    for (uint32_t i = 0; r == 0 && i < n; i++) {
        uint32_t to = v->before[high[i] - v->p->first];
        bool changed = to > done;
        r = add_values(v, state, done, to);
        done = MAX(done, to);
        if (r == 0)
            r = results_add(results, state, changed || i == 0);
    }
    return r;
}

static int counted(const Values *v, const uint32_t *low, const uint32_t *high, Results *results)
{
    MemArena *arena = v->p->chunk->arena;
    uint32_t n = v->p->end - v->p->first, first = v->p->first;
    i128 *sums = NULL;
    int r = 0;

    if (v->state.kind == STATE_SUM_INT) {
        sums = mem_arena_alloc(arena, sizeof(i128) * ((size_t)v->n + 1), 16);
        if (!sums)
            return mem_arena_error(arena);
        sums[0] = 0;
        for (uint32_t i = 0; i < v->n; i++) {
            SumInt one = {0};
            r = add_values(v, (uint8_t *)&one, i, i + 1);
            if (r)
                return r;
            sums[i + 1] = sums[i] + one.sum;
        }
    }
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        uint32_t from = v->before[low[i] - first], to = v->before[high[i] - first];
        union {
            int64_t count;
            SumInt sum;
            uint8_t bytes[32];
        } state = {0};
        if (sums) {
            state.sum.sum = sums[to] - sums[from];
            state.sum.count = to - from;
        } else {
            state.count = to - from;
        }
        r = results_add(results, state.bytes, true);
    }
    return r;
}

static int make_tree(Values *v)
{
    uint32_t n_blocks = v->n / TREE_BLOCK + 1, leaves = 1;
    MemArena *arena = v->p->chunk->arena;
    int r = 0;

    while (leaves < n_blocks)
        leaves *= 2;
    v->n_leaves = leaves;
    v->tree = mem_arena_zalloc(arena, (size_t)2 * leaves * v->state_bytes, 64);
    if (!v->tree)
        return mem_arena_error(arena);
    for (uint32_t b = 0; r == 0 && b < n_blocks; b++)
        r = add_values(v, v->tree + (size_t)(leaves + b) * v->state_bytes, b * TREE_BLOCK,
                       MIN((b + 1) * TREE_BLOCK, v->n));
    for (uint32_t i = leaves - 1; r == 0 && i > 0; i--) {
        uint8_t *to = v->tree + (size_t)i * v->state_bytes;
        memcpy(to, v->tree + (size_t)2 * i * v->state_bytes, v->state_bytes);
        r = state_merge(&v->state, to, v->tree + (size_t)(2 * i + 1) * v->state_bytes, arena);
    }
    return r;
}

/* Whole blocks [from, to), in order: what the left side gives, then the right side's in reverse. */
static int merge_blocks(const Values *v, uint8_t *state, uint32_t from, uint32_t to)
{
    uint32_t right[32], n_right = 0, a = from + v->n_leaves, b = to + v->n_leaves;
    MemArena *arena = v->p->chunk->arena;
    int r = 0;

    for (; a < b; a /= 2, b /= 2) {
        if (a & 1) {
            r = state_merge(&v->state, state, v->tree + (size_t)a++ * v->state_bytes, arena);
            if (r)
                return r;
        }
        if (b & 1)
            right[n_right++] = --b;
    }
    while (r == 0 && n_right > 0)
        r = state_merge(&v->state, state, v->tree + (size_t)right[--n_right] * v->state_bytes,
                        arena);
    return r;
}

static int sliding(Values *v, const uint32_t *low, const uint32_t *high, Results *results)
{
    uint32_t n = v->p->end - v->p->first, first = v->p->first;
    uint8_t *state = mem_arena_alloc(v->p->chunk->arena, v->state_bytes, 16);
    int r = state ? 0 : mem_arena_error(v->p->chunk->arena);

    for (uint32_t i = 0; r == 0 && i < n; i++) {
        uint32_t from = v->before[low[i] - first], to = v->before[high[i] - first];
        memset(state, 0, v->state_bytes);
        if (to - from <= SHORT_FRAME) {
            r = add_values(v, state, from, to);
        } else {
            uint32_t a = (from + TREE_BLOCK - 1) / TREE_BLOCK, b = to / TREE_BLOCK;
            if (!v->tree)
                r = make_tree(v);
            if (r == 0)
                r = add_values(v, state, from, a * TREE_BLOCK);
            if (r == 0)
                r = merge_blocks(v, state, a, b);
            if (r == 0)
                r = add_values(v, state, b * TREE_BLOCK, to);
        }
        if (r == 0)
            r = results_add(results, state, true);
    }
    return r;
}

int window_aggregate(const WindowPartition *p, const WindowFunction *f, WindowOutput *out,
                     QueryError *error)
{
    uint32_t *low, *high;
    Values v;
    Results results;
    int r = window_frames(p, f, &low, &high);

    if (r == 0)
        r = collect_values(p, &f->aggregate, &v);
    if (r == 0)
        r = results_init(&results, &v, &f->aggregate, out, error);
    if (r)
        return r;
    if (f->start.kind == WINDOW_UNBOUNDED_PRECEDING)
        r = running(&v, high, &results);
    else if (v.state.kind == STATE_COUNT ||
             (v.state.kind == STATE_SUM_INT && v.state.phys != PHYS_I128))
        r = counted(&v, low, high, &results);
    else
        r = sliding(&v, low, high, &results);
    return r ? r : results_flush(&results);
}
