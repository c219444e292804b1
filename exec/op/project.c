/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/pipeline.h"

/* Computes columns. What is only a column of the input is handed on as it is. */

typedef struct Project {
    Operator op;
    ExprProgram *program;
    uint32_t n_columns;
} Project;

typedef struct ProjectLocal {
    ExprState *state;
    MemArena *arena;
    Vector *columns;
} ProjectLocal;

static void project_local_free(Operator *op, void *local)
{
    ProjectLocal *l = local;
    expr_state_free(l->state);
    mem_arena_free(l->arena);
}

static int project_local_new(Operator *op, Worker *worker, void **ret_local)
{
    Project *p = (Project *)op;
    MemArena *arena;
    int r = mem_arena_new(op->context->pool, "project", &arena);
    if (r)
        return r;
    ProjectLocal *l = mem_arena_new_of(arena, ProjectLocal);
    Vector *columns = l ? mem_arena_new_array(arena, Vector, p->n_columns + 1) : NULL;
    r = columns ? expr_state_new(p->program, op->context->pool, &l->state) : mem_arena_error(arena);
    if (r) {
        mem_arena_free(arena);
        return r;
    }
    l->arena = arena;
    l->columns = columns;
    *ret_local = l;
    return 0;
}

static int project_execute(Operator *op, void *local, Worker *worker, const Batch *batch)
{
    Project *p = (Project *)op;
    ProjectLocal *l = local;

    expr_begin(l->state, batch);
    for (uint32_t i = 0; i < p->n_columns; i++) {
        bool bounded;
        int64_t lo, hi;
        int r = expr_eval_narrow(l->state, i, &l->columns[i], &bounded, &lo, &hi, &worker->error);
        if (r)
            return r;
    }
    Batch out = *batch;
    out.columns = l->columns;
    out.n_columns = p->n_columns;
    return op_emit(op, worker, &out);
}

static void project_close(Operator *op)
{
}

static const OperatorClass project_class = {
    .name = "project",
    .local_new = project_local_new,
    .execute = project_execute,
    .local_free = project_local_free,
    .close = project_close,
};

int project_new(Query *q, const PlanNode *node, Operator *next, Operator **ret)
{
    Project *p = mem_arena_new_of(q->context.arena, Project);
    if (!p)
        return mem_arena_error(q->context.arena);
    operator_init(&p->op, &project_class, q, node, next);
    p->n_columns = node->n_fields;
    int r = expr_compile(q->context.arena, node->project.exprs, node->n_fields,
                         node->input->n_fields, &q->workers[0].error, &p->program);
    if (r)
        return r;
    *ret = &p->op;
    return query_add_operator(q, &p->op);
}
