/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"

/*
 * Each row as often as its last column says; that column goes. Small numbers are rounds over the
 * batch with a selection that shrinks, large ones are batches of constants: no value is copied.
 */

#define ROUNDS_MAX 64

typedef struct Replicate {
    Operator op;
} Replicate;

typedef struct ReplicateLocal {
    MemArena *arena;
    Vector *columns;
    uint64_t *valid; /* one word for each column */
    uint16_t sel[VEC_ROWS_MAX];
} ReplicateLocal;

static void replicate_local_free(Operator *op, void *local)
{
    ReplicateLocal *l = local;
    mem_arena_free(l->arena);
}

static int replicate_local_new(Operator *op, Worker *worker, void **ret_local)
{
    uint32_t n = op->node->n_fields;
    MemArena *arena;
    int r = mem_arena_new(op->context->pool, "replicate", &arena);
    if (r)
        return r;
    ReplicateLocal *l = mem_arena_new_of(arena, ReplicateLocal);
    Vector *columns = l ? mem_arena_new_array(arena, Vector, n + 1) : NULL;
    uint64_t *valid = columns ? mem_arena_new_array(arena, uint64_t, n + 1) : NULL;
    if (!valid) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    l->arena = arena;
    l->columns = columns;
    l->valid = valid;
    *ret_local = l;
    return 0;
}

static uint32_t entry_of(const Vector *v, uint32_t row)
{
    return v->encoding == VEC_CONST ? 0 : v->encoding == VEC_DICT ? v->codes[row] : row;
}

static int64_t count_of(const Batch *batch, uint32_t row)
{
    const Vector *v = &batch->columns[batch->n_columns - 1];
    if (vec_row_is_null(v, row))
        return 0;
    return ((const int64_t *)v->values)[entry_of(v, row)];
}

/* @count times the one row. */
static int emit_constant(Operator *op, ReplicateLocal *l, Worker *worker, const Batch *batch,
                         uint32_t row, int64_t count)
{
    for (uint32_t i = 0; i < op->node->n_fields; i++) {
        Vector *v = &l->columns[i];
        *v = batch->columns[i];
        uint32_t entry = entry_of(v, row);
        v->values = (char *)v->values + (size_t)entry * phys_size(v->phys);
        l->valid[i] = !vec_row_is_null(&batch->columns[i], row);
        v->valid = &l->valid[i];
        v->has_nulls = !l->valid[i];
        v->encoding = VEC_CONST;
        v->codes = NULL;
    }
    while (count > 0) {
        uint32_t n = (uint32_t)MIN(count, (int64_t)VEC_ROWS_MAX);
        Batch out = {.n_rows = n,
                     .n_selected = n,
                     .n_columns = op->node->n_fields,
                     .columns = l->columns,
                     .position = batch->position};
        int r = op_emit(op, worker, &out);
        if (r)
            return r;
        if (context_stopped(op->context))
            return QUERY_E_CANCELLED;
        count -= n;
    }
    return 0;
}

static int replicate_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    ReplicateLocal *l = local;
    uint32_t n = batch_rows(batch);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i;
        int64_t count = count_of(batch, row);
        if (count <= ROUNDS_MAX)
            continue;
        int r = emit_constant(op, l, worker, batch, row, count);
        if (r)
            return r;
    }
    memcpy(l->columns, batch->columns, op->node->n_fields * sizeof(*l->columns));
    Batch out = *batch;
    out.columns = l->columns;
    out.n_columns = op->node->n_fields;
    out.sel = l->sel;
    for (int64_t round = 1; round <= ROUNDS_MAX; round++) {
        uint32_t kept = 0;
        /* The second round on looks only at what the one before has kept. */
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = round > 1 ? l->sel[i] : batch->sel ? batch->sel[i] : i;
            int64_t count = count_of(batch, row);
            l->sel[kept] = (uint16_t)row;
            kept += count >= round && count <= ROUNDS_MAX;
        }
        n = out.n_selected = kept;
        if (kept == 0)
            return 0;
        int r = op_emit(op, worker, &out);
        if (r)
            return r;
    }
    return 0;
}

static void replicate_close(Operator *op)
{
}

static const OperatorClass replicate_class = {
    .name = "replicate",
    .local_new = replicate_local_new,
    .execute = replicate_execute,
    .local_free = replicate_local_free,
    .close = replicate_close,
};

int replicate_new(Query *q, const PlanNode *node, Operator *next, Operator **ret)
{
    Replicate *e = mem_arena_new_of(q->context.arena, Replicate);
    if (!e)
        return mem_arena_error(q->context.arena);
    operator_init(&e->op, &replicate_class, q, node, next);
    *ret = &e->op;
    return query_add_operator(q, &e->op);
}
