/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"

/* Writes a selection; copies nothing. */

typedef struct Filter {
    Operator op;
    ExprProgram *program;
} Filter;

typedef struct FilterLocal {
    ExprState *state;
    uint16_t sel[VEC_ROWS_MAX];
} FilterLocal;

static int filter_local_new(Operator *op, Worker *worker, void **ret_local)
{
    Filter *f = (Filter *)op;
    ExecContext *c = op->context;
    void *block;
    int r = mem_block_alloc(c->pool, sizeof(FilterLocal), "filter", &block);
    if (r)
        return r;
    FilterLocal *l = block;
    r = expr_state_new(f->program, c->pool, &l->state);
    if (r) {
        mem_block_free(c->pool, block, sizeof(FilterLocal));
        return r;
    }
    *ret_local = l;
    return 0;
}

static void filter_local_free(Operator *op, void *local)
{
    FilterLocal *l = local;
    expr_state_free(l->state);
    mem_block_free(op->context->pool, l, sizeof(*l));
}

static int filter_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    FilterLocal *l = local;
    uint32_t n;
    int r = expr_select(l->state, batch, l->sel, &n, &worker->error);
    if (r || n == 0)
        return r;
    Batch out = *batch;
    if (n != batch_rows(batch)) {
        out.sel = l->sel;
        out.n_selected = n;
    }
    return op_emit(op, worker, &out);
}

static void filter_close(Operator *op)
{
}

static const OperatorClass filter_class = {
    .name = "filter",
    .local_new = filter_local_new,
    .execute = filter_execute,
    .local_free = filter_local_free,
    .close = filter_close,
};

int filter_new(Query *q, const PlanNode *node, Operator *next, Operator **ret)
{
    Filter *f = mem_arena_new_of(q->context.arena, Filter);
    if (!f)
        return mem_arena_error(q->context.arena);
    operator_init(&f->op, &filter_class, q, node, next);
    int r = expr_compile(q->context.arena, &node->filter.condition, 1, node->input->n_fields,
                         &q->workers[0].error, &f->program);
    if (r)
        return r;
    *ret = &f->op;
    return query_add_operator(q, &f->op);
}
