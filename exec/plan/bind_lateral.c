/* SPDX-License-Identifier: Apache-2.0 */

/*
 * LATERAL: the right side of a join for each row of the left. In an inner join its projections,
 * filters and inner joins go on top of the left side, row by row; the rest is decorrelated.
 */

#include "base/cleanup.h"
#include "exec/plan/bind_decorrelate.h"

static Expr *same_column(Binder *b, const PlanNode *node, uint32_t i)
{
    const PlanField *f = &node->fields[i];
    return bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
}

static PlanNode *filter_over(Binder *b, PlanNode *input, const ExprList *parts)
{
    if (!input || parts->n == 0)
        return input;
    PlanNode *node = bind_pass_node(b, PLAN_FILTER, input);
    if (!node)
        return NULL;
    node->filter.condition = bind_check(b, expr_balanced(b->arena, FN_AND, parts->items, parts->n));
    return node->filter.condition ? node : NULL;
}

/* @left's columns, then @node's for each of its rows. */
static PlanNode *for_each_row(Binder *b, PlanNode *left, PlanNode *node);

static PlanNode *for_each_project(Binder *b, PlanNode *left, PlanNode *node)
{
    uint32_t n_left = left->n_fields, n = n_left + node->n_fields;
    PlanNode *input = for_each_row(b, left, node->input);
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    if (!input || !exprs || !names)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        exprs[i] = i < n_left ? same_column(b, input, i)
                              : bind_sides(b, node->project.exprs[i - n_left], n_left);
        names[i] = i < n_left ? left->fields[i].name : node->fields[i - n_left].name;
    }
    return b->result ? NULL : bind_project_node(b, input, exprs, names, n);
}

static PlanNode *for_each_join(Binder *b, PlanNode *left, PlanNode *node)
{
    uint32_t n_left = left->n_fields, n_first = node->input->n_fields;
    PlanNode *first = for_each_row(b, left, node->input);
    PlanNode *both = first ? for_each_row(b, first, node->right) : NULL;
    ExprList parts = {0};
    for (uint32_t i = 0; both && i < node->join.n_keys; i++) {
        Expr *r = bind_check(b, expr_shift(b->arena, node->join.right_keys[i], n_first));
        Expr *same =
            r ? bind_check(b, expr_compare(b->arena, FN_EQ, node->join.left_keys[i], r)) : NULL;
        if (!same || !expr_list_add(b->arena, &parts, bind_sides(b, same, n_left)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (both && node->join.residual &&
        !expr_list_add(b->arena, &parts, bind_sides(b, node->join.residual, n_left)))
        return bind_fail(b, mem_arena_error(b->arena));
    return filter_over(b, both, &parts);
}

static PlanNode *for_each_decorrelated(Binder *b, PlanNode *left, PlanNode *node)
{
    ExprList correlated = {0}, parts = {0};
    PlanNode *inner = bind_decorrelate(b, left, node, false, &correlated);
    PlanNode *join = inner ? bind_join_node(b, JOIN_CROSS, left, inner) : NULL;
    if (!join)
        return NULL;
    for (uint32_t i = 0; i < correlated.n; i++)
        if (!expr_list_add(b->arena, &parts, bind_sides(b, correlated.items[i], left->n_fields)))
            return bind_fail(b, mem_arena_error(b->arena));
    if (parts.n > 0 &&
        !bind_join_condition(b, join,
                             bind_check(b, expr_balanced(b->arena, FN_AND, parts.items, parts.n))))
        return NULL;
    uint32_t n = left->n_fields + node->n_fields;
    if (n == join->n_fields)
        return join;
    /* Columns of the correlation stand behind: they go. */
    Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
    const char **names = bind_alloc(b, n, sizeof(*names));
    for (uint32_t i = 0; exprs && names && i < n; i++) {
        exprs[i] = same_column(b, join, i);
        names[i] = join->fields[i].name;
    }
    return b->result ? NULL : bind_project_node(b, join, exprs, names, n);
}

static PlanNode *for_each_row(Binder *b, PlanNode *left, PlanNode *node)
{
    if (!left || !node || b->result)
        return NULL;
    if (!plan_has_outer(node))
        return bind_join_node(b, JOIN_CROSS, left, node);
    ExprList parts = {0};
    switch (node->kind) {
    case PLAN_PROJECT:
        return for_each_project(b, left, node);
    case PLAN_FILTER: {
        Expr *condition = bind_sides(b, node->filter.condition, left->n_fields);
        if (!condition || !expr_list_add(b->arena, &parts, condition))
            return bind_fail(b, mem_arena_error(b->arena));
        return filter_over(b, for_each_row(b, left, node->input), &parts);
    }
    case PLAN_JOIN:
        if (node->join.type == JOIN_INNER || node->join.type == JOIN_CROSS)
            return for_each_join(b, left, node);
        return for_each_decorrelated(b, left, node);
    case PLAN_SORT:
        return for_each_row(b, left, node->input);
    default:
        return for_each_decorrelated(b, left, node);
    }
}

static Bound *lateral_inner(Binder *b, const URel *rel, Bound *left, Bound *right)
{
    PlanNode *node = for_each_row(b, left->node, right->node);
    Bound *bound = node ? bind_alloc(b, 1, sizeof(*bound)) : NULL;
    uint32_t n = left->n_columns + right->n_columns;
    BoundColumn *columns = bind_alloc(b, n, sizeof(*columns));
    if (!bound || !columns)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        bool first = i < left->n_columns;
        columns[i] = first ? left->columns[i] : right->columns[i - left->n_columns];
        columns[i].index += first ? 0 : left->node->n_fields;
    }
    *bound = (Bound){.node = node, .columns = columns, .n_columns = n};
    if (!rel->condition)
        return bound;
    Scope scope = {.bound = bound, .outer = b->outer, .clause = "JOIN"};
    ExprList parts = {0};
    Expr *condition = bind_condition(b, &scope, rel->condition);
    if (!condition || !expr_list_add(b->arena, &parts, condition))
        return b->result ? NULL : bind_fail(b, mem_arena_error(b->arena));
    return bound_over(b, bound, filter_over(b, node, &parts));
}

Bound *bind_lateral(Binder *b, const URel *rel, Bound *left)
{
    if (rel->join_type != JOIN_INNER && rel->join_type != JOIN_CROSS && rel->join_type != JOIN_LEFT)
        return bind_unsupported(b, rel->position, rel->stop,
                                "LATERAL with this kind of join; INNER, CROSS and LEFT have it");
    if (rel->natural || rel->n_names > 0)
        return bind_unsupported(b, rel->position, rel->stop, "LATERAL join with USING");
    if (b->subquery_depth >= BIND_SUBQUERY_DEPTH_MAX)
        return bind_unsupported(b, rel->position, rel->stop, "subqueries nested this deeply");
    Scope scope = {.bound = left, .outer = b->outer};
    Scope *before = b->outer;
    b->outer = &scope;
    b->subquery_depth++;
    Bound *right = bind_relation(b, rel->right);
    b->subquery_depth--;
    b->outer = before;
    if (!right)
        return NULL;
    if (rel->join_type != JOIN_LEFT)
        return lateral_inner(b, rel, left, right);
    ExprList parts = {0}, correlated = {0};
    PlanNode *inner =
        right ? bind_decorrelate(b, left->node, right->node, false, &correlated) : NULL;
    Bound *made = inner ? bound_over(b, right, inner) : NULL;
    PlanNode *join = made ? bind_join_node(b, rel->join_type, left->node, inner) : NULL;
    if (!join)
        return NULL;
    for (uint32_t i = 0; i < correlated.n; i++)
        if (!expr_list_add(b->arena, &parts,
                           bind_sides(b, correlated.items[i], left->node->n_fields)))
            return bind_fail(b, mem_arena_error(b->arena));
    if (rel->condition) {
        Bound *both = bind_condition_scope(b, left, made);
        Scope on = {.bound = both, .outer = b->outer, .clause = "JOIN"};
        Expr *condition = both ? bind_condition(b, &on, rel->condition) : NULL;
        if (!condition || !expr_list_add(b->arena, &parts, condition))
            return b->result ? NULL : bind_fail(b, mem_arena_error(b->arena));
    }
    if (parts.n > 0 &&
        !bind_join_condition(b, join,
                             bind_check(b, expr_balanced(b->arena, FN_AND, parts.items, parts.n))))
        return NULL;
    return bind_joined_scope(b, join, left, made);
}
