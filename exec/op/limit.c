/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"

/* OFFSET and LIMIT count rows in the order of the input, so workers take turns. */

typedef struct Limit {
    Operator op;
    uint64_t offset, end;  /* rows with offset <= number < end pass */
    _Atomic uint64_t seen; /* rows that came */
} Limit;

typedef struct LimitLocal {
    uint16_t sel[VEC_ROWS_MAX];
} LimitLocal;

static int limit_local_new(Operator *op, Worker *worker, void **ret_local)
{
    return mem_block_alloc(op->context->pool, sizeof(LimitLocal), "limit", ret_local);
}

static void limit_local_free(Operator *op, void *local)
{
    mem_block_free(op->context->pool, local, sizeof(LimitLocal));
}

static int limit_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    Limit *l = (Limit *)op;
    uint16_t *sel = ((LimitLocal *)local)->sel;
    uint32_t n = batch_rows(batch);
    int r;

    if (atomic_load(&l->seen) >= l->end)
        return OP_E_END;
    r = worker_wait_turn(worker);
    if (r)
        return r;
    uint64_t first = atomic_fetch_add(&l->seen, n);
    if (first >= l->end)
        return OP_E_END;
    uint64_t from = first < l->offset ? l->offset - first : 0;
    uint64_t to = l->end - first < n ? l->end - first : n;
    if (from < to) {
        Batch out = *batch;
        if (from > 0 || to < n) {
            for (uint64_t i = from; i < to; i++)
                sel[i - from] = batch->sel ? batch->sel[i] : (uint16_t)i;
            out.sel = sel;
            out.n_selected = (uint32_t)(to - from);
        }
        r = op_emit(op, worker, &out);
        if (r)
            return r;
    }
    return first + n >= l->end ? OP_E_END : 0;
}

static void limit_close(Operator *op)
{
}

static const OperatorClass limit_class = {
    .name = "limit",
    .local_new = limit_local_new,
    .execute = limit_execute,
    .local_free = limit_local_free,
    .close = limit_close,
};

int limit_new(Query *q, const PlanNode *node, Operator *next, Operator **ret)
{
    Limit *l = mem_arena_new_of(q->context.arena, Limit);
    if (!l)
        return mem_arena_error(q->context.arena);
    operator_init(&l->op, &limit_class, q, node, next);
    l->offset = node->limit.offset > 0 ? (uint64_t)node->limit.offset : 0;
    l->end = node->limit.limit < 0 ? UINT64_MAX : l->offset + (uint64_t)node->limit.limit;
    *ret = &l->op;
    return query_add_operator(q, &l->op);
}
