/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/sort_spill.h"

/*
 * Sort: workers keep rows and sort entries of their own; the source merges the runs. With a small
 * limit another class of sink (top_n.c) keeps the best rows only.
 */

#define TOP_ROWS_MAX 65536u

typedef struct SortLocal {
    ExprState *state;
    MemArena *arena;
    SortRun *run;
    Vector *keys;
    uint64_t *prefixes;
    uint16_t *rows;
} SortLocal;

/* --- the sink --- */

static void sort_local_free(Operator *op, void *local)
{
    SortLocal *l = local;
    expr_state_free(l->state);
    sort_run_free(l->run);
    mem_arena_free(l->arena);
}

static int sort_local_new(Operator *op, Worker *worker, void **ret_local)
{
    Sort *s = (Sort *)op;
    MemPool *pool = op->context->pool;
    MemArena *arena;
    int r = mem_arena_new(pool, "sort", &arena);
    if (r)
        return r;
    SortLocal *l = mem_arena_new_of(arena, SortLocal);
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

static int spill_local(Sort *s, void *local, Worker *worker)
{
    return sort_spill_run(s, ((SortLocal *)local)->run, worker);
}

static int sort_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    Sort *s = (Sort *)op;
    SortLocal *l = local;
    uint32_t n = batch_rows(batch);

    expr_begin(l->state, batch);
    for (uint32_t i = 0; i < s->n_keys; i++) {
        int r = expr_eval(l->state, i, &l->keys[i], &worker->error);
        if (r)
            return r;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        l->rows[i] = (uint16_t)row;
        l->prefixes[i] = s->n_keys ? sort_prefix(&op->node->sort.keys[0], &l->keys[0], row) : 0;
    }
    return sort_append(s, l->run, batch->columns, l->keys, l->rows, l->prefixes, n, spill_local, l,
                       worker);
}

/* Called while the sink is not in the middle of a batch, perhaps by another worker. */
static int sort_spill(Operator *op, void *local, Worker *worker)
{
    Sort *s = (Sort *)op;
    SortLocal *l = local;

    if (!l->run || l->run->n * s->shape.size < spill_worth(op->context))
        return MEM_E_REFUSED;
    return sort_spill_run(s, l->run, worker);
}

static int sort_combine(Operator *op, void *local, Worker *worker)
{
    Sort *s = (Sort *)op;
    SortLocal *l = local;

    pthread_mutex_lock(s->lock);
    bool spilled = s->n_spilled > 0;
    pthread_mutex_unlock(s->lock);
    if (spilled && l->run->n > 0)
        return sort_spill_run(s, l->run, worker);
    int r = sort_run_sort(s, l->run);
    return r ? r : sort_add_run(s, worker, TAKE_PTR(l->run));
}

void sort_close(Operator *op)
{
    Sort *s = (Sort *)op;
    for (uint32_t i = 0; i < s->n_runs; i++)
        sort_run_free(s->runs[i]);
    for (uint32_t i = 0; i < s->n_spilled; i++)
        spill_run_done(&s->spilled[i], op->context->spill);
    pthread_mutex_destroy(&s->own_lock);
}

static const OperatorClass sort_class = {
    .name = "sort",
    .local_new = sort_local_new,
    .execute = sort_execute,
    .combine = sort_combine,
    .spill = sort_spill,
    .local_free = sort_local_free,
    .close = sort_close,
};

int sort_new(Query *q, const PlanNode *node, Operator **ret)
{
    MemArena *arena = q->context.arena;
    Sort *s = mem_arena_new_of(arena, Sort);
    uint32_t n_columns = node->input->n_fields, n = n_columns, n_keys = node->sort.n_keys;
    Type *types = mem_arena_new_array(arena, Type, n_columns + n_keys + 1);
    Expr **keys = mem_arena_new_array(arena, Expr *, n_keys + 1);

    if (!s || !types || !keys)
        return mem_arena_error(arena);
    if (node->sort.limit >= 0) {
        uint64_t offset = node->sort.offset > 0 ? (uint64_t)node->sort.offset : 0;
        uint64_t top = offset + (uint64_t)node->sort.limit;
        s->top = top > 0 && top <= TOP_ROWS_MAX && n_keys > 0 ? top : 0;
    }
    operator_init(&s->op, s->top ? &top_n_class : &sort_class, q, node, NULL);
    s->n_columns = n_columns;
    s->n_keys = n_keys;
    s->key_columns = mem_arena_new_array(arena, uint32_t, n_keys + 1);
    if (!s->key_columns)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n_columns; i++)
        types[i] = node->input->fields[i].type;
    for (uint32_t i = 0; i < n_keys; i++) {
        keys[i] = node->sort.keys[i].expr;
        if (keys[i]->kind == EXPR_COLUMN) {
            s->key_columns[i] = keys[i]->column;
        } else {
            types[n] = keys[i]->type;
            s->key_columns[i] = n++;
        }
    }
    int r = row_layout_make(arena, types, n, 0, &s->layout);
    if (r == 0)
        r = spill_shape_of_layout(arena, &s->layout, sizeof(uint64_t), &s->shape);
    if (r == 0)
        r = expr_compile(arena, keys, n_keys, n_columns, &q->workers[0].error, &s->program);
    if (r)
        return r;
    r = query_add_operator(q, &s->op);
    if (r)
        return r;
    pthread_mutex_init(&s->own_lock, NULL);
    s->lock = &s->own_lock;
    s->arena = arena;
    atomic_init(&s->best, UINT64_MAX);
    *ret = &s->op;
    return 0;
}

bool sort_set_bound(Operator *op, RuntimeFilter *filter)
{
    Sort *s = (Sort *)op;
    s->bound = s->top ? filter : NULL;
    return s->bound;
}

/* --- the source: one worker merges the runs --- */

typedef struct SortSource {
    Source source;
    Sort *sort;
    SortMerge merge;
    bool merging;
    uint64_t skip, left;
} SortSource;

typedef struct SortSourceLocal {
    MemArena *arena;
    Batch batch;
    Vector *columns;
    void **values;
    uint64_t **valid;
    const uint8_t **rows;
} SortSourceLocal;

static int sort_source_open(Source *source)
{
    SortSource *s = (SortSource *)source;
    const PlanNode *node = source->node;

    s->skip = node->sort.limit >= 0 && node->sort.offset > 0 ? (uint64_t)node->sort.offset : 0;
    s->left = node->sort.limit >= 0 ? (uint64_t)node->sort.limit : UINT64_MAX;
    return 0;
}

static void sort_source_local_free(Source *source, void *local)
{
    mem_arena_free(((SortSourceLocal *)local)->arena);
}

static int sort_source_local_new(Source *source, Worker *worker, void **ret_local)
{
    Sort *s = ((SortSource *)source)->sort;
    MemArena *arena;
    int r = mem_arena_new(source->context->pool, "sort", &arena);
    if (r)
        return r;
    SortSourceLocal *l = mem_arena_new_of(arena, SortSourceLocal);
    if (!l) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    l->arena = arena;
    l->columns = mem_arena_new_array(arena, Vector, s->n_columns + 1);
    l->values = mem_arena_new_array(arena, void *, s->n_columns + 1);
    l->valid = mem_arena_new_array(arena, uint64_t *, s->n_columns + 1);
    l->rows = mem_arena_new_array(arena, const uint8_t *, VEC_ROWS_MAX);
    if (!l->columns || !l->values || !l->valid || !l->rows)
        return mem_arena_error(arena);
    for (uint32_t c = 0; c < s->n_columns; c++) {
        l->values[c] = mem_arena_alloc(arena, phys_size(s->layout.phys[c]) * VEC_ROWS_MAX, 64);
        l->valid[c] = mem_arena_alloc(arena, VEC_VALID_WORDS * 8, 64);
        if (!l->values[c] || !l->valid[c])
            return mem_arena_error(arena);
    }
    return 0;
}

static int sort_source_next(Source *source, void *local, Worker *worker, Batch **ret_batch)
{
    SortSource *s = (SortSource *)source;
    SortSourceLocal *l = local;
    Sort *sort = s->sort;
    uint32_t n = 0;
    int r = 0;

    if (!s->merging) {
        s->merging = true;
        r = sort_merge_open(sort, worker, &s->merge);
    }
    while (r == 0 && n == 0 && s->left > 0 && !sort_merge_ended(&s->merge)) {
        r = context_stopped(source->context) ? QUERY_E_CANCELLED
                                             : sort_merge_begin(&s->merge, worker);
        for (const uint8_t *row; r == 0 && n < VEC_ROWS_MAX && s->left > 0;) {
            row = sort_merge_next(&s->merge);
            if (!row)
                break;
            if (s->skip > 0) {
                s->skip--;
                continue;
            }
            l->rows[n++] = row;
            s->left--;
        }
    }
    if (r)
        return r;
    if (n == 0)
        return OP_E_END;
    for (uint32_t c = 0; c < sort->n_columns; c++)
        row_gather(&sort->layout, c, l->rows, n, NULL, l->values[c], l->valid[c], &l->columns[c]);
    l->batch =
        (Batch){.n_rows = n, .n_selected = n, .n_columns = sort->n_columns, .columns = l->columns};
    *ret_batch = &l->batch;
    return 0;
}

static void sort_source_close(Source *source)
{
    Sort *s = ((SortSource *)source)->sort;

    sort_merge_close(&((SortSource *)source)->merge);
    for (uint32_t i = 0; i < s->n_runs; i++)
        sort_run_free(s->runs[i]);
    s->n_runs = 0;
}

static const SourceClass sort_source_class = {
    .name = "sort",
    .open = sort_source_open,
    .local_new = sort_source_local_new,
    .next = sort_source_next,
    .local_free = sort_source_local_free,
    .close = sort_source_close,
};

int sort_source_new(Query *q, Operator *sort, Source **ret)
{
    SortSource *s = mem_arena_new_of(q->context.arena, SortSource);
    if (!s)
        return mem_arena_error(q->context.arena);
    s->sort = (Sort *)sort;
    s->source = (Source){
        .class = &sort_source_class,
        .context = &q->context,
        .node = sort->node,
        .n_workers_max = 1,
        .ordered = true,
    };
    *ret = &s->source;
    return 0;
}
