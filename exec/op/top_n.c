/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/sort_spill.h"

/*
 * Top-N: a worker keeps at most twice as many rows as are wanted, and some. When that is full it
 * sorts and drops the rest, and knows from then on the last row that can still matter: rows behind
 * it are not kept. How far the best of all workers is goes to the others as a prefix, and as a
 * bound to the scan that the first key comes from, which then neither decodes other columns of what
 * is behind it nor reads row groups whose statistics are.
 *
 * Rows that are equal to the last one in all keys are dropped: which of them are kept is left open
 * by SQL.
 */

typedef struct TopLocal {
    ExprState *state;
    MemArena *arena;
    SortRun *run;
    Vector *keys;
    uint64_t *prefixes;
    uint16_t *rows;
    const uint8_t *last; /* row of @run that closes the best @top; NULL: not yet known */
    uint64_t last_prefix;
    /* Of the first key's dictionary: prefixes of its entries, made for it under that key. */
    uint64_t dict_id;
    uint32_t n_dict, dict_capacity;
    uint64_t *dict_prefixes;
} TopLocal;

static void top_local_free(Operator *op, void *local)
{
    TopLocal *l = local;
    expr_state_free(l->state);
    sort_run_free(l->run);
    if (l->dict_prefixes)
        mem_block_free(op->context->pool, l->dict_prefixes, l->dict_capacity * sizeof(uint64_t));
    mem_arena_free(l->arena);
}

static int top_local_new(Operator *op, Worker *worker, void **ret_local)
{
    Sort *s = (Sort *)op;
    MemPool *pool = op->context->pool;
    MemArena *arena;
    int r = mem_arena_new(pool, "top-n", &arena);
    if (r)
        return r;
    TopLocal *l = mem_arena_new_of(arena, TopLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->keys = mem_arena_new_array(arena, Vector, s->n_keys + 1);
    l->prefixes = mem_arena_new_array(arena, uint64_t, VEC_ROWS_MAX);
    l->rows = mem_arena_new_array(arena, uint16_t, VEC_ROWS_MAX);
    if (!l->keys || !l->prefixes || !l->rows)
        return mem_arena_error(arena);
    r = sort_run_new(s, pool, &l->run);
    return r ? r : expr_state_new(s->program, pool, &l->state);
}

/* --- which rows may matter --- */

/* Key by key against the last row that does. Return: the row is in front of it. */
static bool is_before_last(const Sort *s, const TopLocal *l, uint32_t row)
{
    for (uint32_t k = 0; k < s->n_keys; k++) {
        const SortKey *key = &s->op.node->sort.keys[k];
        const Vector *v = &l->keys[k];
        uint32_t c = s->key_columns[k];
        bool null_a = vec_row_is_null(v, row), null_b = row_is_null(&s->layout, l->last, c);
        if (null_a || null_b) {
            if (null_a != null_b)
                return null_a == key->nulls_first;
            continue;
        }
        uint64_t y[2] __attribute__((aligned(16)));
        memcpy(y, l->last + s->layout.offsets[c], phys_size(s->layout.phys[c]));
        int order = vec_value_compare(s->layout.phys[c], vec_value_at(v, row), y);
        if (order)
            return (order < 0) != key->descending;
    }
    return false;
}

/* Prefixes of the dictionary's entries; only when they are fewer than rows will ask. */
static int dictionary_prefixes(const Sort *s, TopLocal *l, const Vector *v)
{
    MemPool *pool = s->op.context->pool;
    Vector flat = *v;

    if (l->dict_id == v->dict_id)
        return 0;
    l->dict_id = 0;
    if (v->n_dict > l->dict_capacity) {
        uint32_t capacity = ALIGN_UP(v->n_dict, 1024u);
        void *block;
        if (l->dict_prefixes)
            mem_block_free(pool, l->dict_prefixes, l->dict_capacity * sizeof(uint64_t));
        l->dict_prefixes = NULL;
        l->dict_capacity = 0;
        int r = mem_block_alloc(pool, capacity * sizeof(uint64_t), "top-n", &block);
        if (r)
            return r;
        l->dict_prefixes = block;
        l->dict_capacity = capacity;
    }
    flat.encoding = VEC_FLAT;
    flat.has_nulls = false;
    for (uint32_t i = 0; i < v->n_dict; i++)
        l->dict_prefixes[i] = sort_prefix(&s->op.node->sort.keys[0], &flat, i);
    l->dict_id = v->dict_id;
    return 0;
}

/* Rows whose first key is not behind @limit, and their prefixes. */
static int choose_rows(const Sort *s, TopLocal *l, const Batch *batch, uint64_t limit,
                       uint32_t *ret_n)
{
    const SortKey *key = &s->op.node->sort.keys[0];
    const Vector *v = &l->keys[0];
    uint32_t n = batch_rows(batch), k = 0;
    bool by_code =
        v->encoding == VEC_DICT && (v->n_dict <= VEC_ROWS_MAX || l->dict_id == v->dict_id);

    if (by_code) {
        int r = dictionary_prefixes(s, l, v);
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        uint64_t prefix = by_code && !vec_row_is_null(v, row) ? l->dict_prefixes[v->codes[row]]
                                                              : sort_prefix(key, v, row);
        l->rows[k] = (uint16_t)row;
        l->prefixes[k] = prefix;
        k += prefix <= limit;
    }
    *ret_n = k;
    return 0;
}

/* Of rows whose prefix is the last one's, those in front of it. */
static uint32_t drop_ties(const Sort *s, TopLocal *l, uint32_t n)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t prefix = l->prefixes[i];
        uint16_t row = l->rows[i];
        if (prefix > l->last_prefix || (prefix == l->last_prefix && !is_before_last(s, l, row)))
            continue;
        l->rows[k] = row;
        l->prefixes[k++] = prefix;
    }
    return k;
}

/* --- the last row that matters --- */

static void lower(atomic_uint_fast64_t *best, uint64_t prefix)
{
    uint64_t now = atomic_load_explicit(best, memory_order_relaxed);
    while (prefix < now && !atomic_compare_exchange_weak(best, &now, prefix))
        ;
}

static void tell_scan(Sort *s, const TopLocal *l)
{
    const SortKey *key = &s->op.node->sort.keys[0];
    uint32_t c = s->key_columns[0];
    const uint8_t *at = l->last + s->layout.offsets[c];
    int64_t value;

    if (!s->bound || row_is_null(&s->layout, l->last, c))
        return;
    switch (s->layout.phys[c]) {
    case PHYS_I8:
        value = *(const int8_t *)at;
        break;
    case PHYS_I16: {
        int16_t x;
        memcpy(&x, at, 2);
        value = x;
        break;
    }
    case PHYS_I32: {
        int32_t x;
        memcpy(&x, at, 4);
        value = x;
        break;
    }
    default:
        memcpy(&value, at, 8);
    }
    runtime_filter_narrow(s->bound, key->descending, value);
}

/* Keep the best @top rows. */
static int prune(Sort *s, TopLocal *l)
{
    int r = sort_run_sort(s, l->run);
    if (r == 0)
        r = sort_run_cut(s, l->run, s->top);
    if (r || l->run->n < s->top)
        return r;
    l->last = l->run->entries[s->top - 1].row;
    l->last_prefix = l->run->entries[s->top - 1].prefix;
    lower(&s->best, l->last_prefix);
    tell_scan(s, l);
    return 0;
}

static int spill_rows(Sort *s, void *local, Worker *worker)
{
    TopLocal *l = local;
    int r = sort_run_sort(s, l->run);

    if (r)
        return r;
    l->last = NULL; /* the rows go, what was learnt from it stays in @best */
    l->run->n = MIN(l->run->n, s->top);
    return sort_spill_run(s, l->run, worker);
}

static int top_spill(Operator *op, void *local, Worker *worker)
{
    Sort *s = (Sort *)op;
    TopLocal *l = local;

    if (!l->run || l->run->n * s->shape.size < spill_worth(op->context))
        return MEM_E_REFUSED;
    return spill_rows(s, l, worker);
}

static int top_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    Sort *s = (Sort *)op;
    TopLocal *l = local;
    uint32_t n;

    expr_begin(l->state, batch);
    for (uint32_t i = 0; i < s->n_keys; i++) {
        int r = expr_eval(l->state, i, &l->keys[i], &worker->error);
        if (r)
            return r;
    }
    uint64_t best = atomic_load_explicit(&s->best, memory_order_relaxed);
    int r = choose_rows(s, l, batch, best, &n);
    if (r)
        return r;
    if (l->last)
        n = drop_ties(s, l, n);
    r = sort_append(s, l->run, batch->columns, l->keys, l->rows, l->prefixes, n, spill_rows, l,
                    worker);
    if (r == 0 && l->run->n >= 2 * s->top + 512 && l->run->n > s->top)
        r = prune(s, l);
    return r;
}

static int top_combine(Operator *op, void *local, Worker *worker)
{
    Sort *s = (Sort *)op;
    TopLocal *l = local;
    int r = sort_run_sort(s, l->run);
    if (r)
        return r;
    l->run->n = MIN(l->run->n, s->top);
    return sort_add_run(s, worker, TAKE_PTR(l->run));
}

const OperatorClass top_n_class = {
    .name = "top-n",
    .local_new = top_local_new,
    .execute = top_execute,
    .combine = top_combine,
    .spill = top_spill,
    .local_free = top_local_free,
    .close = sort_close,
};
