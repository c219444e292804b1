/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/window_sum.h"

/*
 * Aggregates over frames. Of some rows the values that count (not null, let pass by FILTER) are
 * laid side by side; a frame is then a range of them. From a frame to its result:
 *
 *   running    frames begin with the partition: values are added as the end moves on
 *   counted    COUNT and exact sums: what came in less what went out
 *   short      few values: added up again for each row, in their order, as Spark does
 *   tree       some thousands: states of blocks of values, and of pairs of those, merged
 *   blocks     more: states of blocks of rows, kept as the frames move on (window_blocks.c)
 */

#define SHORT_FRAME 96u
#define TREE_BLOCK 32u
/* Rows that the frames of a piece may cover, all together, to be looked at for it alone. */
#define TREE_ROWS_MAX(n) (SHORT_FRAME + 4 * (uint64_t)(n))
#define CARRY_BYTES (UINT64_C(1) << 20)

int window_sum_init(WindowState *s, WindowEval *e)
{
    const Aggregate *a = &e->f->aggregate;
    MemArena *arena = s->arena;
    StateKind kind;
    int r = state_kind(a, &kind);

    if (r)
        return r;
    WindowSum *m = mem_arena_new_of(arena, WindowSum);
    if (!m)
        return mem_arena_error(arena);
    m->state = (State){.kind = (uint8_t)kind,
                       .phys = a->arg ? (uint8_t)type_phys(a->arg->type) : 0,
                       .type = a->arg ? a->arg->type : TYPE(LONG),
                       .arg = UINT32_MAX,
                       .filter = UINT32_MAX};
    m->kern = kern_select();
    m->state_bytes = (uint32_t)ALIGN_UP(state_size(kind), 16u);
    assert(m->state_bytes <= WINDOW_STATE_BYTES);
    m->size = a->arg && kind != STATE_COUNT ? (uint32_t)phys_size(m->state.phys) : 0;
    m->running = mem_arena_zalloc(arena, m->state_bytes, 16);
    m->gone = mem_arena_zalloc(arena, m->state_bytes, 16);
    for (int i = 0; i < 2; i++) {
        m->slabs[i].values = mem_arena_alloc(arena, (size_t)m->size * VEC_ROWS_MAX + 64, 64);
        m->slabs[i].before = mem_arena_alloc(arena, sizeof(uint32_t) * (VEC_ROWS_MAX + 1), 4);
        window_cursor_init(&m->slabs[i].cursor, &s->rows);
        if (!m->slabs[i].values || !m->slabs[i].before)
            return mem_arena_error(arena);
    }
    if (!m->running || !m->gone)
        return mem_arena_error(arena);
    e->sum = m;
    r = mem_arena_new(s->context->pool, "window", &m->strings);
    return r ? r : mem_arena_new(s->context->pool, "window", &m->slab_strings);
}

void window_sum_done(WindowState *s, WindowEval *e)
{
    if (!e->sum)
        return;
    mem_arena_free(e->sum->strings);
    mem_arena_free(e->sum->slab_strings);
    window_blocks_done(s, e);
    e->sum = NULL;
}

int window_copy_state(const WindowSum *m, uint8_t *state, MemArena *strings)
{
    uint8_t copy[WINDOW_STATE_BYTES] __attribute__((aligned(16))) = {0};

    if (m->state.phys != PHYS_STRING || m->size == 0)
        return 0;
    int r = state_merge(&m->state, copy, state, strings);
    if (r == 0)
        memcpy(state, copy, m->state_bytes);
    return r;
}

/* What replaced strings left behind is given back, when it has become as much again. */
int window_sum_carry(WindowState *s, WindowEval *e)
{
    WindowSum *m = e->sum;
    MemArena *fresh;

    if (mem_arena_bytes(m->strings) < MAX(CARRY_BYTES, 2 * m->carried))
        return 0;
    int r = mem_arena_new(s->context->pool, "window", &fresh);
    if (r)
        return r;
    r = window_copy_state(m, m->running, fresh);
    if (r == 0)
        r = window_blocks_carry(s, e, fresh);
    if (r) {
        mem_arena_free(fresh);
        return r;
    }
    mem_arena_free(m->strings);
    m->strings = fresh;
    m->carried = mem_arena_bytes(fresh);
    return 0;
}

/* --- values --- */

static bool passes(const WindowState *s, const Aggregate *a, const uint8_t *row)
{
    if (a->filter && (window_is_null(s, a->filter, row) || !*window_value(s, a->filter, row)))
        return false;
    return !a->arg || !window_is_null(s, a->arg, row);
}

int window_gather(const WindowState *s, const WindowEval *e, WindowCursor *cursor, uint64_t from,
                  uint64_t to, MemArena *strings, uint8_t *values, uint32_t *before)
{
    const Aggregate *a = &e->f->aggregate;
    uint32_t n = (uint32_t)(to - from), k = 0, size = e->sum->size;
    bool copy = e->sum->state.phys == PHYS_STRING && size > 0 && !s->rows.list;

    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *row = window_row(cursor, from + i);
        before[i] = k;
        if (!passes(s, a, row))
            continue;
        uint8_t *value = values + (size_t)k * size;
        if (size)
            memcpy(value, window_value(s, a->arg, row), size);
        VecString string;
        if (copy && (memcpy(&string, value, sizeof(string)), string.length > VEC_STRING_INLINE)) {
            char *bytes = mem_arena_alloc(strings, string.length, 1);
            if (!bytes)
                return mem_arena_error(strings);
            memcpy(bytes, string.ptr, string.length);
            string.ptr = bytes;
            memcpy(value, &string, sizeof(string));
        }
        k++;
    }
    before[n] = k;
    return s->rows.result;
}

/* What is added one by one, most often. Return: false: another way. */
static bool add_simple(const WindowSum *m, uint8_t *state, const uint8_t *values, uint32_t n)
{
    switch (m->state.kind) {
    case STATE_COUNT:
        *(int64_t *)(void *)state += n;
        return true;
    case STATE_SUM_F64: {
        SumFloat *sum = (SumFloat *)(void *)state;
        if (m->state.phys != PHYS_F64)
            return false;
        for (uint32_t i = 0; i < n; i++)
            sum->sum += ((const double *)(const void *)values)[i];
        sum->count += n;
        return true;
    }
    case STATE_SUM_INT: {
        SumInt *sum = (SumInt *)(void *)state;
        i128 total = sum->sum;
        if (m->state.phys == PHYS_I64)
            for (uint32_t i = 0; i < n; i++)
                total += ((const int64_t *)(const void *)values)[i];
        else if (m->state.phys == PHYS_I32)
            for (uint32_t i = 0; i < n; i++)
                total += ((const int32_t *)(const void *)values)[i];
        else
            return false;
        sum->sum = total;
        sum->count += n;
        return true;
    }
    default:
        return false;
    }
}

int window_add(const WindowState *s, const WindowSum *m, uint8_t *state, const uint8_t *values,
               uint32_t n, MemArena *strings)
{
    if (add_simple(m, state, values, n))
        return 0;
    for (uint32_t k; n > 0; n -= k, values += (size_t)k * m->size) {
        k = MIN(n, VEC_ROWS_MAX);
        Vector vector = {.type = m->state.type,
                         .phys = m->state.phys,
                         .encoding = VEC_FLAT,
                         .values = (void *)(uintptr_t)values};
        StateInput in = {.kern = m->kern,
                         .v = &vector,
                         .n = k,
                         .n_rows = k,
                         .single = state,
                         .scratch = s->scratch,
                         .strings = strings};
        int r = state_update(&m->state, &in);
        if (r)
            return r;
    }
    return 0;
}

/* Rows [from, to) go into @state, through a slab; @limit: rows that may be asked for later. */
static int add_rows(WindowState *s, WindowEval *e, WindowSlab *slab, uint8_t *state, uint64_t from,
                    uint64_t to, uint64_t limit)
{
    WindowSum *m = e->sum;

    while (from < to) {
        if (from < slab->first || from >= slab->end) {
            uint64_t end = MIN(limit, from + VEC_ROWS_MAX);
            if (context_stopped(s->context))
                return QUERY_E_CANCELLED;
            mem_arena_reset(m->slab_strings);
            slab->first = slab->end = 0;
            int r = window_gather(s, e, &slab->cursor, from, end, m->slab_strings, slab->values,
                                  slab->before);
            if (r)
                return r;
            slab->first = from;
            slab->end = end;
        }
        uint64_t end = MIN(to, slab->end);
        uint32_t a = slab->before[from - slab->first], b = slab->before[end - slab->first];
        int r =
            a == b ? 0
                   : window_add(s, m, state, slab->values + (size_t)a * m->size, b - a, m->strings);
        if (r)
            return r;
        from = end;
    }
    return 0;
}

/* --- results --- */

/* States of the rows of a piece, and of which rows they are. */
typedef struct Results {
    WindowState *s;
    WindowEval *e;
    uint32_t n, n_states;
} Results;

/* The next row's state; @changed: other than the row's before it. */
static void put_state(Results *r, const uint8_t *state, bool changed)
{
    uint32_t bytes = r->e->sum->state_bytes;

    if (changed || r->n_states == 0) {
        memcpy(r->s->results + (size_t)r->n_states * bytes, state, bytes);
        r->n_states++;
    }
    r->s->result_rows[r->n++] = r->s->results + (size_t)(r->n_states - 1) * bytes;
}

static int put_results(Results *r)
{
    WindowState *s = r->s;
    WindowOutput *out = &r->e->out;
    size_t size = phys_size(out->phys);
    bool one = r->n_states == 1;
    uint8_t *to = out->values + s->piece.to * size;
    Vector v;

    int e = aggregate_finalize(&r->e->f->aggregate, &r->e->sum->state, s->result_rows,
                               one ? 1 : r->n, s->result_values, s->result_valid, &v, s->error);
    if (e)
        return e;
    if (!one)
        memcpy(to, v.values, size * r->n);
    for (uint32_t i = 0; one && i < r->n; i++)
        memcpy(to + i * size, v.values, size);
    for (uint32_t i = 0; v.has_nulls && i < r->n; i++)
        if (!vec_bit(v.valid, one ? 0 : i))
            window_set_null(out, s->piece.to + i);
    return 0;
}

/* --- ways --- */

static int running(WindowState *s, WindowEval *e, Results *results)
{
    WindowSum *m = e->sum;
    uint32_t n = s->piece.n;
    uint64_t limit = s->high[n - 1];
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < n; i++) {
        bool changed = s->high[i] > m->done;
        if (changed) {
            r = add_rows(s, e, &m->slabs[0], m->running, m->done, s->high[i], limit);
            m->done = s->high[i];
        }
        put_state(results, m->running, changed || i == 0);
    }
    return r;
}

static int counted(WindowState *s, WindowEval *e, Results *results)
{
    WindowSum *m = e->sum;
    uint32_t n = s->piece.n;
    uint64_t low_limit = s->low[n - 1], high_limit = s->high[n - 1];

    for (uint32_t i = 0; i < n; i++) {
        union {
            int64_t count;
            SumInt sum;
            uint8_t bytes[32];
        } state = {0};
        int r = add_rows(s, e, &m->slabs[0], m->running, m->done, s->high[i], high_limit);
        if (r == 0)
            r = add_rows(s, e, &m->slabs[1], m->gone, m->left, s->low[i], low_limit);
        if (r)
            return r;
        m->done = MAX(m->done, s->high[i]);
        m->left = MAX(m->left, s->low[i]);
        if (m->state.kind == STATE_COUNT) {
            state.count = *(const int64_t *)(void *)m->running - *(const int64_t *)(void *)m->gone;
        } else {
            const SumInt *in = (const SumInt *)(void *)m->running, *out = (void *)m->gone;
            state.sum.sum = in->sum - out->sum;
            state.sum.count = in->count - out->count;
        }
        put_state(results, state.bytes, true);
    }
    return 0;
}

/* States of blocks of values, leaves last, each node above the merge of its two. */
typedef struct Tree {
    const WindowSum *sum;
    const uint8_t *values;
    uint32_t n_leaves;
    uint8_t *states;         /* NULL: not made */
    MemArena *arena, *frame; /* strings of @states, of one frame */
} Tree;

static int make_tree(WindowState *s, Tree *t, uint32_t n)
{
    const WindowSum *m = t->sum;
    uint32_t n_blocks = n / TREE_BLOCK + 1, leaves = 1, bytes = m->state_bytes;
    int r = 0;

    while (leaves < n_blocks)
        leaves *= 2;
    t->n_leaves = leaves;
    t->states = mem_arena_zalloc(t->arena, (size_t)2 * leaves * bytes, 64);
    if (!t->states)
        return mem_arena_error(t->arena);
    for (uint32_t b = 0; r == 0 && b < n_blocks; b++)
        r = window_add(s, m, t->states + (size_t)(leaves + b) * bytes,
                       t->values + (size_t)b * TREE_BLOCK * m->size,
                       MIN((b + 1) * TREE_BLOCK, n) - b * TREE_BLOCK, t->arena);
    for (uint32_t i = leaves - 1; r == 0 && i > 0; i--) {
        uint8_t *to = t->states + (size_t)i * bytes;
        memcpy(to, t->states + (size_t)2 * i * bytes, bytes);
        r = state_merge(&m->state, to, t->states + (size_t)(2 * i + 1) * bytes, t->arena);
    }
    return r;
}

/* Whole blocks [from, to), in order: what the left side gives, then the right side's in reverse. */
static int merge_tree(const Tree *t, uint8_t *state, uint32_t from, uint32_t to)
{
    uint32_t right[32], n_right = 0, a = from + t->n_leaves, b = to + t->n_leaves;
    uint32_t bytes = t->sum->state_bytes;
    int r = 0;

    for (; a < b; a /= 2, b /= 2) {
        if (a & 1) {
            r = state_merge(&t->sum->state, state, t->states + (size_t)a++ * bytes, t->frame);
            if (r)
                return r;
        }
        if (b & 1)
            right[n_right++] = --b;
    }
    while (r == 0 && n_right > 0)
        r = state_merge(&t->sum->state, state, t->states + (size_t)right[--n_right] * bytes,
                        t->frame);
    return r;
}

static int add_frame(WindowState *s, Tree *t, uint8_t *state, uint32_t from, uint32_t to,
                     uint32_t n)
{
    const WindowSum *m = t->sum;

    if (to - from <= SHORT_FRAME)
        return window_add(s, m, state, t->values + (size_t)from * m->size, to - from, t->frame);
    uint32_t a = (from + TREE_BLOCK - 1) / TREE_BLOCK, b = to / TREE_BLOCK;
    int r = t->states ? 0 : make_tree(s, t, n);
    if (r == 0)
        r = window_add(s, m, state, t->values + (size_t)from * m->size, a * TREE_BLOCK - from,
                       t->frame);
    if (r == 0)
        r = merge_tree(t, state, a, b);
    return r ? r
             : window_add(s, m, state, t->values + (size_t)b * TREE_BLOCK * m->size,
                          to - b * TREE_BLOCK, t->frame);
}

static int sliding(WindowState *s, WindowEval *e, Results *results)
{
    WindowSum *m = e->sum;
    uint32_t n = s->piece.n;
    uint64_t first = s->low[0];
    uint32_t n_rows = (uint32_t)(s->high[n - 1] - first);
    uint8_t state[WINDOW_STATE_BYTES] __attribute__((aligned(16)));
    uint8_t *values = mem_arena_alloc(s->batch, (size_t)m->size * n_rows + 64, 64);
    uint32_t *before = mem_arena_alloc(s->batch, sizeof(uint32_t) * (n_rows + 1), 4);
    bool strings = m->state.phys == PHYS_STRING && m->size > 0;
    Tree tree = {.sum = m,
                 .values = values,
                 .arena = s->batch,
                 .frame = strings ? m->slab_strings : s->batch};

    if (!values || !before)
        return mem_arena_error(s->batch);
    int r =
        window_gather(s, e, &m->slabs[0].cursor, first, first + n_rows, s->batch, values, before);
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        memset(state, 0, m->state_bytes);
        if (strings)
            mem_arena_reset(m->slab_strings);
        r = add_frame(s, &tree, state, before[s->low[i] - first], before[s->high[i] - first],
                      before[n_rows]);
        if (r == 0)
            r = window_copy_state(m, state, s->batch);
        put_state(results, state, true);
    }
    return r;
}

static int by_blocks(WindowState *s, WindowEval *e, Results *results)
{
    uint8_t state[WINDOW_STATE_BYTES] __attribute__((aligned(16)));
    int r = window_blocks_begin(s, e, s->low[0]);

    for (uint32_t i = 0; r == 0 && i < s->piece.n; i++) {
        memset(state, 0, e->sum->state_bytes);
        if ((i & 255) == 0 && context_stopped(s->context))
            return QUERY_E_CANCELLED;
        r = window_blocks_add(s, e, state, s->low[i], s->high[i]);
        if (r == 0)
            r = window_copy_state(e->sum, state, s->batch);
        put_state(results, state, true);
    }
    return r;
}

static void forget(WindowState *s, WindowSum *m)
{
    memset(m->running, 0, m->state_bytes);
    memset(m->gone, 0, m->state_bytes);
    m->done = m->left = s->piece.first;
    m->blocks.active = false;
    for (int i = 0; i < 2; i++)
        m->slabs[i].first = m->slabs[i].end = 0;
}

int window_aggregate(WindowState *s, WindowEval *e)
{
    WindowSum *m = e->sum;
    Results results = {.s = s, .e = e};
    int r;

    if (s->piece.at == s->piece.first)
        forget(s, m);
    window_frames(s, e);
    if (e->f->start.kind == WINDOW_UNBOUNDED_PRECEDING) {
        r = running(s, e, &results);
    } else if (m->state.kind == STATE_COUNT ||
               (m->state.kind == STATE_SUM_INT && m->state.phys != PHYS_I128)) {
        r = counted(s, e, &results);
        e->keep = MIN(e->keep, m->left); /* never behind what is done */
    } else if (s->high[s->piece.n - 1] - s->low[0] <= TREE_ROWS_MAX(s->piece.n)) {
        r = sliding(s, e, &results);
    } else {
        r = by_blocks(s, e, &results);
    }
    e->keep -= (e->keep - s->piece.first) % WINDOW_BLOCK_ROWS;
    if (r == 0)
        r = s->rows.result;
    return r ? r : put_results(&results);
}
