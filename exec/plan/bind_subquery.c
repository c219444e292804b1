/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Subqueries become joins.
 *
 *   EXISTS, IN as a conjunct of WHERE     semi join; with NOT in front, anti join
 *   a scalar subquery without correlation  cross join with its one row
 *   a scalar aggregate with equalities to the query around it
 *                                          left join with the aggregation grouped by them
 *
 * Correlation is a column number from BIND_OUTER_BASE on. It may stand in the WHERE of the subquery
 * (and of its select list's projection), from where the conjuncts are pulled up into the join;
 * anywhere else it is refused.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"

static bool has_outer(const Expr *e)
{
    return !expr_columns_within(e, 0, BIND_OUTER_BASE);
}

/* Is any expression of the plan correlated? */
static bool plan_has_outer(const PlanNode *node)
{
    if (!node)
        return false;
    switch (node->kind) {
    case PLAN_FILTER:
        if (has_outer(node->filter.condition))
            return true;
        break;
    case PLAN_PROJECT:
        for (uint32_t i = 0; i < node->n_fields; i++)
            if (has_outer(node->project.exprs[i]))
                return true;
        break;
    case PLAN_JOIN:
        if (node->join.residual && has_outer(node->join.residual))
            return true;
        for (uint32_t i = 0; i < node->join.n_keys; i++)
            if (has_outer(node->join.left_keys[i]) || has_outer(node->join.right_keys[i]))
                return true;
        break;
    case PLAN_AGGREGATE:
        for (uint32_t i = 0; i < node->aggregate.n_groups; i++)
            if (has_outer(node->aggregate.groups[i]))
                return true;
        for (uint32_t i = 0; i < node->aggregate.n_aggregates; i++) {
            const Aggregate *a = &node->aggregate.aggregates[i];
            if ((a->arg && has_outer(a->arg)) || (a->filter && has_outer(a->filter)))
                return true;
        }
        break;
    case PLAN_SORT:
        for (uint32_t i = 0; i < node->sort.n_keys; i++)
            if (has_outer(node->sort.keys[i].expr))
                return true;
        break;
    case PLAN_UNION:
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            if (plan_has_outer(node->union_all.inputs[i]))
                return true;
        break;
    default:
        break;
    }
    return plan_has_outer(node->input) || plan_has_outer(node->right);
}

/* The subquery's relation, with the names of @outer visible. */
static Bound *bind_query(Binder *b, const Bound *outer, const UExpr *e)
{
    if (b->subquery_depth >= BIND_SUBQUERY_DEPTH_MAX)
        return bind_unsupported(b, e->position, e->stop, "subqueries nested this deeply");
    Scope scope = {.bound = outer};
    Scope *before = b->outer;
    b->outer = &scope;
    b->subquery_depth++;
    Bound *bound = bind_relation(b, e->query);
    b->subquery_depth--;
    b->outer = before;
    return bound;
}

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

/*
 * Takes correlated conjuncts out of the filters at the top of @node. Return: the node without them;
 * *@list says them over its output and outer columns.
 */
static PlanNode *pull_up(Binder *b, PlanNode *node, ExprList *list)
{
    if (node->kind == PLAN_PROJECT) {
        PlanNode *copy = bind_alloc(b, 1, sizeof(*copy));
        if (!copy)
            return NULL;
        *copy = *node;
        ExprList below = {0};
        copy->input = pull_up(b, node->input, &below);
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
    PlanNode *input = pull_up(b, node->input, list);
    if (!input || !expr_split(b->arena, FN_AND, node->filter.condition, &parts))
        return bind_fail(b, mem_arena_error(b->arena));
    for (uint32_t i = 0; i < parts.n; i++)
        if (!expr_list_add(b->arena, has_outer(parts.items[i]) ? list : &kept, parts.items[i]))
            return bind_fail(b, mem_arena_error(b->arena));
    if (kept.n == 0)
        return input;
    PlanNode *copy = bind_pass_node(b, PLAN_FILTER, input);
    if (!copy)
        return NULL;
    copy->filter.condition = bind_check(b, expr_balanced(b->arena, FN_AND, kept.items, kept.n));
    return copy->filter.condition ? copy : NULL;
}

/* Outer column n becomes n; inner column n becomes n_outer + n. */
typedef struct Sides {
    Binder *b;
    uint32_t n_outer;
} Sides;

static Expr *replace_sides(void *userdata, Expr *e)
{
    const Sides *s = userdata;
    if (e->kind != EXPR_COLUMN)
        return NULL;
    uint32_t column =
        e->column >= BIND_OUTER_BASE ? e->column - BIND_OUTER_BASE : e->column + s->n_outer;
    return bind_check(s->b, expr_column(s->b->arena, column, e->type, e->nullable));
}

static Bound *over_join(Binder *b, const Bound *input, PlanNode *join)
{
    Bound *bound = bind_alloc(b, 1, sizeof(*bound));
    if (!bound)
        return NULL;
    *bound = *input;
    bound->node = join;
    bound->project = NULL;
    bound->below = NULL;
    bound->aggregate = NULL;
    return bound;
}

Bound *bind_subquery_conjunct(Binder *b, Bound *input, const UExpr *e, bool negated)
{
    Bound *query = bind_query(b, input, e);
    if (!query)
        return NULL;
    uint32_t n_outer = input->node->n_fields;
    bool in = e->subquery_kind == USUBQUERY_IN;
    if (in && e->n_args != query->n_columns)
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
                          "42K09",
                          "Cannot resolve %.200s due to data type mismatch: The number of columns "
                          "in the left hand side of an IN subquery does not match the number of "
                          "columns in the output of subquery: %u and %u.",
                          uexpr_quoted(b, e), e->n_args, query->n_columns);
    ExprList correlated = {0}, condition = {0};
    PlanNode *inner = pull_up(b, query->node, &correlated);
    if (!inner)
        return NULL;
    if (plan_has_outer(inner))
        return bind_unsupported(b, e->position, e->stop,
                                "a subquery that uses columns of the query around it other than "
                                "in its WHERE");
    bool nullable = false;
    for (uint32_t i = 0; in && i < e->n_args; i++) {
        Scope scope = {.bound = input, .outer = b->outer, .clause = "IN"};
        Expr *left = bind_expr(b, &scope, e->args[i]);
        if (!left)
            return NULL;
        uint32_t column = query->columns[i].index;
        const PlanField *f = &inner->fields[column];
        Expr *right = bind_check(b, expr_column(b->arena, n_outer + column, f->type, f->nullable));
        nullable |= left->nullable || f->nullable;
        if (!expr_list_add(b->arena, &condition, bind_binary(b, e, FN_EQ, left, right)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    for (uint32_t i = 0; i < correlated.n; i++) {
        Sides sides = {b, n_outer};
        Expr *made = expr_rewrite(b->arena, correlated.items[i], replace_sides, &sides);
        if (b->result || !expr_list_add(b->arena, &condition, made))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    PlanNode *join = bind_join_node(b, negated ? JOIN_ANTI : JOIN_SEMI, input->node, inner);
    if (!join)
        return NULL;
    if (in && negated && nullable) {
        /* With nulls NOT IN is three-valued; the operator knows one key and nothing beside. */
        if (correlated.n > 0 || e->n_args > 1)
            return bind_unsupported(b, e->position, e->stop,
                                    "NOT IN over nullable columns with correlation or with several "
                                    "columns; use NOT EXISTS");
        join->join.null_aware = true;
    }
    if (condition.n > 0 &&
        !bind_join_condition(
            b, join, bind_check(b, expr_balanced(b->arena, FN_AND, condition.items, condition.n))))
        return NULL;
    return over_join(b, input, join);
}

/* ---- scalar subqueries ---- */

/* The aggregation without groups that makes @node give exactly one row, or NULL. */
static PlanNode *one_row_aggregate(PlanNode *node)
{
    while (node->kind == PLAN_PROJECT)
        node = node->input;
    return node->kind == PLAN_AGGREGATE && node->aggregate.n_groups == 0 ? node : NULL;
}

static bool gives_one_row(const PlanNode *node)
{
    while (node->kind == PLAN_PROJECT || node->kind == PLAN_SORT)
        node = node->input;
    if (node->kind == PLAN_AGGREGATE)
        return node->aggregate.n_groups == 0;
    return node->kind == PLAN_VALUES && node->values.n_batches == 1 &&
           node->values.batches[0].n_selected == 1;
}

/* Grouped by the inner side of each equality; @keys gets the outer sides over the query around. */
static PlanNode *group_by_correlation(Binder *b, const UExpr *e, PlanNode *aggregate,
                                      const ExprList *correlated, ExprList *outer_keys)
{
    PlanNode *copy = bind_node(b, PLAN_AGGREGATE, aggregate->input, 0);
    uint32_t n_aggregates = aggregate->aggregate.n_aggregates;
    if (!copy)
        return NULL;
    ExprList groups = {0};
    for (uint32_t i = 0; i < correlated->n; i++) {
        Expr *c = correlated->items[i];
        Expr *inner = NULL, *outer = NULL;
        if (c->kind == EXPR_CALL && c->function == FN_EQ) {
            bool first_outer = expr_columns_within(c->args[0], BIND_OUTER_BASE, UINT32_MAX);
            outer = c->args[first_outer ? 0 : 1];
            inner = c->args[first_outer ? 1 : 0];
        }
        if (!inner || has_outer(inner) || !expr_columns_within(outer, BIND_OUTER_BASE, UINT32_MAX))
            return bind_unsupported(b, e->position, e->stop,
                                    "a scalar subquery correlated by anything but equalities");
        if (!expr_list_add(b->arena, &groups, inner) ||
            !expr_list_add(b->arena, outer_keys,
                           expr_shift(b->arena, outer, -(int64_t)BIND_OUTER_BASE)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    /* Aggregates first keeps the projection above valid only behind the groups: it is remapped. */
    copy->aggregate.groups = groups.items;
    copy->aggregate.n_groups = groups.n;
    copy->aggregate.aggregates = aggregate->aggregate.aggregates;
    copy->aggregate.n_aggregates = n_aggregates;
    copy->n_fields = groups.n + n_aggregates;
    copy->fields = bind_alloc(b, copy->n_fields, sizeof(*copy->fields));
    if (!copy->fields)
        return NULL;
    for (uint32_t i = 0; i < groups.n; i++)
        copy->fields[i] = (PlanField){"key", groups.items[i]->type, groups.items[i]->nullable};
    memcpy(copy->fields + groups.n, aggregate->fields, n_aggregates * sizeof(*copy->fields));
    return copy;
}

static bool counts(const PlanNode *aggregate)
{
    for (uint32_t i = 0; i < aggregate->aggregate.n_aggregates; i++)
        if (aggregate->aggregate.aggregates[i].id == AGG_COUNT ||
            aggregate->aggregate.aggregates[i].id == AGG_COUNT_STAR)
            return true;
    return false;
}

static Expr *correlated_scalar(Binder *b, Scope *scope, const UExpr *e, Bound *query)
{
    PlanNode *aggregate = one_row_aggregate(query->node);
    if (!aggregate || counts(aggregate))
        return bind_unsupported(b, e->position, e->stop,
                                aggregate ? "a correlated scalar subquery with count()"
                                          : "a correlated scalar subquery without an aggregate");
    ExprList correlated = {0}, outer_keys = {0};
    PlanNode stripped = *aggregate;
    stripped.input = pull_up(b, aggregate->input, &correlated);
    if (!stripped.input)
        return NULL;
    PlanNode *grouped = group_by_correlation(b, e, &stripped, &correlated, &outer_keys);
    if (!grouped)
        return NULL;
    uint32_t n_keys = outer_keys.n;
    /* value, key0, key1, ... : the projections above, over aggregates that moved behind the keys */
    Expr *value =
        bind_check(b, expr_column(b->arena, query->columns[0].index,
                                  query->node->fields[query->columns[0].index].type, true));
    for (PlanNode *node = query->node; node != aggregate && value; node = node->input)
        value = expr_substitute(b->arena, value, node->project.exprs);
    value = value ? expr_shift(b->arena, value, n_keys) : NULL;
    if (!value)
        return bind_fail(b, mem_arena_error(b->arena));
    Expr **exprs = bind_alloc(b, n_keys + 1, sizeof(*exprs));
    const char **names = bind_alloc(b, n_keys + 1, sizeof(*names));
    if (!exprs || !names)
        return NULL;
    exprs[0] = value;
    names[0] = "scalarsubquery()";
    for (uint32_t i = 0; i < n_keys; i++) {
        exprs[i + 1] = bind_check(
            b, expr_column(b->arena, i, grouped->fields[i].type, grouped->fields[i].nullable));
        names[i + 1] = "key";
    }
    PlanNode *inner = bind_project_node(b, grouped, exprs, names, n_keys + 1);
    if (!inner)
        return NULL;
    if (plan_has_outer(inner))
        return bind_unsupported(b, e->position, e->stop,
                                "a subquery that uses columns of the query around it other than "
                                "in its WHERE");
    Bound *input = *scope->attach;
    uint32_t n_outer = input->node->n_fields;
    PlanNode *join = bind_join_node(b, JOIN_LEFT, input->node, inner);
    ExprList condition = {0};
    for (uint32_t i = 0; i < n_keys; i++) {
        Expr *key = bind_check(b, expr_column(b->arena, n_outer + 1 + i, inner->fields[i + 1].type,
                                              inner->fields[i + 1].nullable));
        if (!expr_list_add(b->arena, &condition,
                           bind_binary(b, e, FN_EQ, outer_keys.items[i], key)))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    if (!join ||
        !bind_join_condition(
            b, join, bind_check(b, expr_balanced(b->arena, FN_AND, condition.items, condition.n))))
        return NULL;
    *scope->attach = over_join(b, input, join);
    return bind_check(b, expr_column(b->arena, n_outer, inner->fields[0].type, true));
}

Expr *bind_scalar_subquery(Binder *b, Scope *scope, const UExpr *e)
{
    if (!scope->attach)
        return bind_unsupported(b, e->position, e->stop,
                                "a scalar subquery in this place; it may stand in the select list "
                                "without aggregates, and in WHERE");
    Bound *query = bind_query(b, scope->bound, e);
    if (!query)
        return NULL;
    if (query->n_columns != 1)
        return bind_error(b, e->position, e->stop,
                          "INVALID_SUBQUERY_EXPRESSION."
                          "SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                          "42823",
                          "Invalid subquery: Scalar subquery must return only one column, but "
                          "returned %u.",
                          query->n_columns);
    if (plan_has_outer(query->node))
        return correlated_scalar(b, scope, e, query);
    if (!gives_one_row(query->node))
        return bind_unsupported(b, e->position, e->stop,
                                "a scalar subquery that is not an aggregate without GROUP BY");
    Bound *input = *scope->attach;
    uint32_t n_outer = input->node->n_fields;
    uint32_t column = query->columns[0].index;
    PlanNode *join = bind_join_node(b, JOIN_CROSS, input->node, query->node);
    if (!join)
        return NULL;
    const PlanField *f = &query->node->fields[column];
    *scope->attach = over_join(b, input, join);
    return bind_check(b, expr_column(b->arena, n_outer + column, f->type, f->nullable));
}
