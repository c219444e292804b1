/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"

/* The last sink of all: hands batches to the callback, one at a time and in order. */

typedef struct Result {
    Operator op;
} Result;

typedef struct ResultLocal {
    MemArena *arena;
    Vector *columns;
    __int128 **wide; /* per column, where one was needed */
} ResultLocal;

static void result_local_free(Operator *op, void *local)
{
    mem_arena_free(((ResultLocal *)local)->arena);
}

static int result_local_new(Operator *op, Worker *worker, void **ret_local)
{
    MemArena *arena;
    int r = mem_arena_new(op->context->pool, "result", &arena);
    if (r)
        return r;
    ResultLocal *l = mem_arena_new_of(arena, ResultLocal);
    if (l) {
        l->arena = arena;
        l->columns = mem_arena_new_array(arena, Vector, op->node->n_fields + 1);
        l->wide = mem_arena_new_array(arena, __int128 *, op->node->n_fields + 1);
    }
    if (!l || !l->columns || !l->wide) {
        r = mem_arena_error(arena);
        mem_arena_free(arena);
        return r;
    }
    *ret_local = l;
    return 0;
}

/* A wide decimal that travelled as 64 bits. */
static int widen(ResultLocal *l, uint32_t column, const Batch *batch)
{
    Vector *v = &l->columns[column];
    uint32_t n = batch_rows(batch);

    if (!l->wide[column])
        l->wide[column] = mem_arena_alloc(l->arena, sizeof(__int128) * VEC_ROWS_MAX, 64);
    __int128 *to = l->wide[column];
    if (!to)
        return mem_arena_error(l->arena);
    const int64_t *from = v->values;
    if (v->encoding == VEC_CONST)
        to[0] = from[0];
    else
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = batch->sel ? batch->sel[i] : i;
            to[row] = from[vec_index(v, row)];
        }
    v->values = to;
    v->phys = PHYS_I128;
    if (v->encoding == VEC_DICT)
        v->encoding = VEC_FLAT;
    return 0;
}

static int result_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    Query *q = query_of(op->context);
    ResultLocal *l = local;
    Batch out = *batch;
    int r;

    out.position = 0;
    if (op->node->n_fields > 0)
        memcpy(l->columns, batch->columns, sizeof(Vector) * op->node->n_fields);
    out.columns = l->columns;
    out.n_columns = op->node->n_fields;
    for (uint32_t i = 0; i < out.n_columns; i++)
        if (l->columns[i].phys == PHYS_I64 && type_phys(l->columns[i].type) == PHYS_I128) {
            r = widen(l, i, batch);
            if (r)
                return r;
        }

    r = worker_wait_turn(worker);
    if (r)
        return r;
    pthread_mutex_lock(&q->result_lock);
    r = context_stopped(op->context) ? QUERY_E_CANCELLED
                                     : q->run->result(q->run->userdata, &out, &worker->error);
    pthread_mutex_unlock(&q->result_lock);
    return r;
}

static void result_close(Operator *op)
{
}

static const OperatorClass result_class = {
    .name = "result",
    .local_new = result_local_new,
    .execute = result_execute,
    .local_free = result_local_free,
    .close = result_close,
};

int result_new(Query *q, const PlanNode *node, Operator **ret)
{
    Result *s = mem_arena_new_of(q->context.arena, Result);
    if (!s)
        return mem_arena_error(q->context.arena);
    operator_init(&s->op, &result_class, q, node, NULL);
    *ret = &s->op;
    return query_add_operator(q, &s->op);
}
