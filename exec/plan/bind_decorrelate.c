/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where a plan uses columns of the queries around it; every expression of a plan rewritten; filters
 * at the top pulled up. What that does not reach is bind_domain.c's.
 */

#include "exec/plan/bind_decorrelate.h"

#include <string.h>

#include "base/cleanup.h"

/* ---- where are outer columns? ---- */

bool expr_has_outer(const Expr *e)
{
    return !expr_columns_within(e, 0, BIND_OUTER_BASE);
}

static bool is_not_near(void *userdata, uint32_t column)
{
    return column < BIND_OUTER_BASE || column >= BIND_OUTER_BASE + BIND_OUTER_STRIDE;
}

bool expr_has_near(const Expr *e)
{
    return !expr_each_column(e, is_not_near, NULL);
}

static bool any_of(Expr *const *exprs, uint32_t n, BindExprTest test, void *userdata)
{
    for (uint32_t i = 0; i < n; i++)
        if (exprs[i] && test(userdata, exprs[i]))
            return true;
    return false;
}

static bool any_of_node(const PlanNode *node, BindExprTest test, void *userdata)
{
    switch (node->kind) {
    case PLAN_FILTER:
        return test(userdata, node->filter.condition);
    case PLAN_PROJECT:
        return any_of(node->project.exprs, node->n_fields, test, userdata);
    case PLAN_JOIN:
        return any_of(&node->join.residual, 1, test, userdata) ||
               any_of(node->join.left_keys, node->join.n_keys, test, userdata) ||
               any_of(node->join.right_keys, node->join.n_keys, test, userdata);
    case PLAN_AGGREGATE:
        for (uint32_t i = 0; i < node->aggregate.n_aggregates; i++)
            if (any_of(&node->aggregate.aggregates[i].arg, 1, test, userdata) ||
                any_of(&node->aggregate.aggregates[i].filter, 1, test, userdata))
                return true;
        return any_of(node->aggregate.groups, node->aggregate.n_groups, test, userdata);
    case PLAN_SORT:
        for (uint32_t i = 0; i < node->sort.n_keys; i++)
            if (test(userdata, node->sort.keys[i].expr))
                return true;
        return false;
    case PLAN_GENERATE:
        return test(userdata, node->generate.array);
    default:
        return false;
    }
}

/* Does @test hold for an expression of the plan? */
bool bind_any_expr(const PlanNode *node, BindExprTest test, void *userdata)
{
    if (any_of_node(node, test, userdata))
        return true;
    if (node->kind == PLAN_UNION)
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            if (bind_any_expr(node->union_all.inputs[i], test, userdata))
                return true;
    return (node->input && bind_any_expr(node->input, test, userdata)) ||
           (node->right && bind_any_expr(node->right, test, userdata));
}

static bool test_outer(void *userdata, const Expr *e)
{
    return expr_has_outer(e);
}

static bool test_near(void *userdata, const Expr *e)
{
    return expr_has_near(e);
}

bool plan_has_outer(const PlanNode *node)
{
    return bind_any_expr(node, test_outer, NULL);
}

bool plan_has_near(const PlanNode *node)
{
    return bind_any_expr(node, test_near, NULL);
}

/* ---- rewriting every expression ---- */

Expr *bind_map_expr(Binder *b, Expr *e, BindReplace replace, void *userdata)
{
    return e && b->result == 0 ? bind_check(b, expr_rewrite(b->arena, e, replace, userdata)) : NULL;
}

Expr **bind_map_exprs(Binder *b, Expr *const *exprs, uint32_t n, BindReplace replace,
                      void *userdata)
{
    Expr **made = bind_alloc(b, n, sizeof(*made));
    for (uint32_t i = 0; made && i < n; i++)
        made[i] = bind_map_expr(b, exprs[i], replace, userdata);
    return b->result ? NULL : made;
}

Aggregate *bind_map_aggregates(Binder *b, const Aggregate *list, uint32_t n, BindReplace replace,
                               void *userdata)
{
    Aggregate *made = bind_alloc(b, n, sizeof(*made));
    for (uint32_t i = 0; made && i < n; i++) {
        made[i] = list[i];
        made[i].arg = bind_map_expr(b, list[i].arg, replace, userdata);
        made[i].filter = bind_map_expr(b, list[i].filter, replace, userdata);
    }
    return b->result ? NULL : made;
}

static SortKey *map_keys(Binder *b, const SortKey *keys, uint32_t n, BindReplace replace,
                         void *userdata)
{
    SortKey *made = bind_alloc(b, n, sizeof(*made));
    for (uint32_t i = 0; made && i < n; i++) {
        made[i] = keys[i];
        made[i].expr = bind_map_expr(b, keys[i].expr, replace, userdata);
    }
    return b->result ? NULL : made;
}

/* @copy's own expressions. */
static void map_node(Binder *b, PlanNode *copy, BindReplace replace, void *userdata)
{
    switch (copy->kind) {
    case PLAN_FILTER:
        copy->filter.condition = bind_map_expr(b, copy->filter.condition, replace, userdata);
        break;
    case PLAN_PROJECT:
        copy->project.exprs =
            bind_map_exprs(b, copy->project.exprs, copy->n_fields, replace, userdata);
        break;
    case PLAN_JOIN:
        copy->join.left_keys =
            bind_map_exprs(b, copy->join.left_keys, copy->join.n_keys, replace, userdata);
        copy->join.right_keys =
            bind_map_exprs(b, copy->join.right_keys, copy->join.n_keys, replace, userdata);
        copy->join.residual = bind_map_expr(b, copy->join.residual, replace, userdata);
        break;
    case PLAN_AGGREGATE:
        copy->aggregate.groups =
            bind_map_exprs(b, copy->aggregate.groups, copy->aggregate.n_groups, replace, userdata);
        copy->aggregate.aggregates = bind_map_aggregates(
            b, copy->aggregate.aggregates, copy->aggregate.n_aggregates, replace, userdata);
        break;
    case PLAN_SORT:
        copy->sort.keys = map_keys(b, copy->sort.keys, copy->sort.n_keys, replace, userdata);
        break;
    case PLAN_GENERATE:
        copy->generate.array = bind_map_expr(b, copy->generate.array, replace, userdata);
        break;
    default:
        break;
    }
}

PlanNode *bind_map_plan(Binder *b, PlanNode *node, BindReplace replace, void *userdata)
{
    PlanNode *copy = node ? bind_alloc(b, 1, sizeof(*copy)) : NULL;
    if (!copy)
        return NULL;
    *copy = *node;
    if (node->kind == PLAN_UNION) {
        uint32_t n = node->union_all.n_inputs;
        copy->union_all.inputs = bind_alloc(b, n, sizeof(PlanNode *));
        for (uint32_t i = 0; copy->union_all.inputs && i < n; i++)
            copy->union_all.inputs[i] =
                bind_map_plan(b, node->union_all.inputs[i], replace, userdata);
    }
    if (node->input)
        copy->input = bind_map_plan(b, node->input, replace, userdata);
    if (node->right)
        copy->right = bind_map_plan(b, node->right, replace, userdata);
    map_node(b, copy, replace, userdata);
    return b->result ? NULL : copy;
}

static Expr *replace_nearer(void *userdata, Expr *e)
{
    Binder *b = userdata;
    if (e->kind != EXPR_COLUMN || e->column < BIND_OUTER_BASE)
        return NULL;
    return bind_check(b,
                      expr_column(b->arena, e->column - BIND_OUTER_STRIDE, e->type, e->nullable));
}

/* A plan that uses nothing of the query directly around: that query's place is one bind_nearer now.
 */
PlanNode *bind_nearer(Binder *b, PlanNode *node)
{
    return node && plan_has_outer(node) ? bind_map_plan(b, node, replace_nearer, b) : node;
}

typedef struct Sides {
    Binder *b;
    uint32_t n_outer;
} Sides;

static Expr *replace_sides(void *userdata, Expr *e)
{
    const Sides *s = userdata;
    if (e->kind != EXPR_COLUMN)
        return NULL;
    uint32_t column = e->column;
    if (column >= BIND_OUTER_BASE + BIND_OUTER_STRIDE)
        column -= BIND_OUTER_STRIDE;
    else if (column >= BIND_OUTER_BASE)
        column -= BIND_OUTER_BASE;
    else
        column += s->n_outer;
    return bind_check(s->b, expr_column(s->b->arena, column, e->type, e->nullable));
}

Expr *bind_sides(Binder *b, Expr *e, uint32_t n_outer)
{
    Sides sides = {b, n_outer};
    return bind_map_expr(b, e, replace_sides, &sides);
}

/* ---- filters at the top ---- */

/* Appends columns to the projection @node so that @e, over its input, can be said over its output.
 */
typedef struct Raise {
    Binder *b;
    PlanNode *node;
} Raise;

static Expr *raise_column(void *userdata, Expr *e)
{
    Raise *r = userdata;
    Binder *b = r->b;
    PlanNode *node = r->node;
    if (e->kind != EXPR_COLUMN || e->column >= BIND_OUTER_BASE)
        return e->kind == EXPR_COLUMN ? e : NULL;
    for (uint32_t i = 0; i < node->n_fields; i++)
        if (expr_equal(node->project.exprs[i], e))
            return bind_check(b, expr_column(b->arena, i, e->type, e->nullable));
    uint32_t n = node->n_fields;
    PlanField *fields = bind_alloc(b, n + 1, sizeof(*fields));
    Expr **exprs = bind_alloc(b, n + 1, sizeof(*exprs));
    if (!fields || !exprs)
        return e;
    memcpy(fields, node->fields, n * sizeof(*fields));
    memcpy(exprs, node->project.exprs, n * sizeof(*exprs));
    fields[n] = node->input->fields[e->column];
    exprs[n] = e;
    node->fields = fields;
    node->project.exprs = exprs;
    node->n_fields = n + 1;
    return bind_check(b, expr_column(b->arena, n, e->type, e->nullable));
}

PlanNode *bind_pull_up(Binder *b, PlanNode *node, ExprList *list)
{
    if (node->kind == PLAN_PROJECT) {
        PlanNode *copy = bind_alloc(b, 1, sizeof(*copy));
        if (!copy)
            return NULL;
        *copy = *node;
        ExprList below = {0};
        copy->input = bind_pull_up(b, node->input, &below);
        if (!copy->input)
            return NULL;
        for (uint32_t i = 0; i < below.n; i++) {
            Raise r = {b, copy};
            Expr *e = expr_rewrite(b->arena, below.items[i], raise_column, &r);
            if (b->result || !expr_list_add(b->arena, list, e))
                return bind_fail(b, mem_arena_error(b->arena));
        }
        return copy;
    }
    if (node->kind != PLAN_FILTER)
        return node;
    ExprList parts = {0}, kept = {0};
    PlanNode *input = bind_pull_up(b, node->input, list);
    if (!input || !expr_split(b->arena, FN_AND, node->filter.condition, &parts))
        return bind_fail(b, mem_arena_error(b->arena));
    for (uint32_t i = 0; i < parts.n; i++)
        if (!expr_list_add(b->arena, expr_has_outer(parts.items[i]) ? list : &kept, parts.items[i]))
            return bind_fail(b, mem_arena_error(b->arena));
    if (kept.n == 0)
        return input;
    PlanNode *copy = bind_pass_node(b, PLAN_FILTER, input);
    if (!copy)
        return NULL;
    copy->filter.condition = bind_check(b, expr_balanced(b->arena, FN_AND, kept.items, kept.n));
    return copy->filter.condition ? copy : NULL;
}
