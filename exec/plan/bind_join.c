/* SPDX-License-Identifier: Apache-2.0 */

/* Joins: ON, USING, NATURAL; equal keys taken out of conditions. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_decorrelate.h"
#include "exec/plan/bind_nested.h"

PlanNode *bind_join_node(Binder *b, JoinType type, PlanNode *left, PlanNode *right)
{
    if (!left || !right)
        return NULL;
    bool one_side = type == JOIN_SEMI || type == JOIN_ANTI;
    uint32_t n = left->n_fields + (one_side ? 0 : right->n_fields);
    PlanNode *join = bind_node(b, PLAN_JOIN, left, n);
    if (!join)
        return NULL;
    join->right = right;
    join->join.type = type;
    memcpy(join->fields, left->fields, left->n_fields * sizeof(*left->fields));
    if (!one_side)
        memcpy(join->fields + left->n_fields, right->fields,
               right->n_fields * sizeof(*right->fields));
    /* The side that may be missing becomes nullable. */
    for (uint32_t i = 0; i < n; i++) {
        bool is_right = i >= left->n_fields;
        if (type == JOIN_FULL || (type == JOIN_LEFT && is_right) ||
            (type == JOIN_RIGHT && !is_right))
            join->fields[i].nullable = true;
    }
    return join;
}

/*
 * l <=> r as equal keys: both null or neither, and the same value where there is one; so that a
 * hash finds it. Return: false: not for this type.
 */
static bool null_safe_keys(Binder *b, Expr *l, Expr *r, ExprList *left, ExprList *right)
{
    if (l->type.kind == TYPE_ARRAY || l->type.kind == TYPE_MAP || l->type.kind == TYPE_STRUCT ||
        !type_equal(l->type, r->type))
        return false;
    Expr *sides[2] = {l, r};
    ExprList *lists[2] = {left, right};
    for (int i = 0; i < 2; i++) {
        Expr *e = sides[i];
        if (l->nullable || r->nullable) {
            Expr *null =
                bind_check(b, expr_call(b->arena, FN_IS_NULL, TYPE(BOOLEAN), false, &e, 1));
            Expr *zero = bind_check(b, expr_literal(b->arena, e->type, (Literal){0}));
            if (!null || !zero || !expr_list_add(b->arena, lists[i], null))
                return bind_fail(b, mem_arena_error(b->arena)), true;
            e = bind_check(
                b, expr_call(b->arena, FN_COALESCE, e->type, false, (Expr *[]){e, zero}, 2));
        }
        if (!e || !expr_list_add(b->arena, lists[i], e))
            return bind_fail(b, mem_arena_error(b->arena)), true;
    }
    return true;
}

bool bind_join_condition(Binder *b, PlanNode *join, Expr *condition)
{
    if (!condition)
        return false;
    uint32_t n_left = join->input->n_fields;
    uint32_t n_all = n_left + join->right->n_fields;
    ExprList parts = {0}, residual = {0}, left_keys = {0}, right_keys = {0};
    if (!expr_split(b->arena, FN_AND, condition, &parts))
        return bind_fail(b, mem_arena_error(b->arena)), false;
    for (uint32_t i = 0; i < parts.n; i++) {
        Expr *e = parts.items[i], *l = NULL, *r = NULL;
        if (e->kind == EXPR_CALL && (e->function == FN_EQ || e->function == FN_EQ_NULL_SAFE)) {
            l = e->args[0];
            r = e->args[1];
            if (expr_columns_within(l, n_left, n_all) && expr_columns_within(r, 0, n_left)) {
                Expr *swap = l;
                l = r;
                r = swap;
            }
            if (!expr_columns_within(l, 0, n_left) || !expr_columns_within(r, n_left, n_all) ||
                !expr_has_columns(l) || !expr_has_columns(r))
                l = NULL;
        }
        bool ok = true;
        if (l && e->function == FN_EQ_NULL_SAFE) {
            r = bind_check(b, expr_shift(b->arena, r, -(int64_t)n_left));
            if (r && !null_safe_keys(b, l, r, &left_keys, &right_keys))
                ok = expr_list_add(b->arena, &residual, e);
            if (b->result)
                return false;
        } else if (l) {
            ok = expr_list_add(b->arena, &left_keys, l) &&
                 expr_list_add(b->arena, &right_keys, expr_shift(b->arena, r, -(int64_t)n_left));
        } else if (!expr_is_true(e)) {
            ok = expr_list_add(b->arena, &residual, e);
        }
        if (!ok)
            return bind_fail(b, mem_arena_error(b->arena)), false;
    }
    join->join.left_keys = left_keys.items;
    join->join.right_keys = right_keys.items;
    join->join.n_keys = left_keys.n;
    if (residual.n > 0) {
        join->join.residual =
            bind_check(b, expr_balanced(b->arena, FN_AND, residual.items, residual.n));
        if (!join->join.residual)
            return false;
    }
    if (join->join.type == JOIN_CROSS && (left_keys.n > 0 || residual.n > 0))
        join->join.type = JOIN_INNER;
    return true;
}

/* Both scopes side by side. */
Bound *bind_joined_scope(Binder *b, PlanNode *join, const Bound *left, const Bound *right)
{
    bool one_side = join->join.type == JOIN_SEMI || join->join.type == JOIN_ANTI;
    Bound *bound = bind_alloc(b, 1, sizeof(*bound));
    uint32_t n = left->n_columns + (one_side ? 0 : right->n_columns);
    BoundColumn *columns = bind_alloc(b, n, sizeof(*columns));
    if (!bound || !columns)
        return NULL;
    memcpy(columns, left->columns, left->n_columns * sizeof(*columns));
    for (uint32_t i = left->n_columns; i < n; i++) {
        columns[i] = right->columns[i - left->n_columns];
        columns[i].index += left->node->n_fields;
    }
    *bound = (Bound){.node = join, .columns = columns, .n_columns = n};
    return bound;
}

/* A scope over which the condition is looked up: both sides, whatever the join's type. */
Bound *bind_condition_scope(Binder *b, const Bound *left, const Bound *right)
{
    PlanNode *both = bind_join_node(b, JOIN_CROSS, left->node, right->node);
    return both ? bind_joined_scope(b, both, left, right) : NULL;
}

static const BoundColumn *using_column(Binder *b, const URel *rel, const Bound *side,
                                       const char *name, const char *which)
{
    UExpr e = {.kind = UEXPR_COLUMN, .parts = &name, .n_parts = 1};
    int matches;
    const BoundColumn *c = bind_find(b, side, &e, &matches);
    if (matches == 1)
        return c;
    if (matches > 1)
        return bind_error(b, rel->position, rel->stop, "AMBIGUOUS_REFERENCE", "42704",
                          "Reference `%.100s` is ambiguous.", name);
    char list[400];
    size_t n = 0;
    list[0] = '\0';
    for (uint32_t i = 0; i < side->n_columns && n + 70 < sizeof(list); i++)
        n += (size_t)snprintf(list + n, sizeof(list) - n, "%s`%.60s`", i ? ", " : "",
                              side->columns[i].name);
    char quoted[110];
    snprintf(quoted, sizeof(quoted), "`%.100s`", name);
    bind_error(b, rel->position, rel->stop, "UNRESOLVED_USING_COLUMN_FOR_JOIN", "42703",
               "USING column %s cannot be resolved on the %s side of the join. The %s-side "
               "columns: [%s].",
               quoted, which, which, list);
    query_error_parameters(b->context->error, "colName", quoted, "side", which, "suggestion", list,
                           NULL);
    return NULL;
}

/* One output column for each name, hidden ones reachable by qualifier, then the rest. */
static Bound *merge_using(Binder *b, const URel *rel, PlanNode *join, const Bound *left,
                          const Bound *right, const BoundColumn *const *left_using,
                          const BoundColumn *const *right_using, uint32_t n_using)
{
    JoinType type = join->join.type;
    if (type == JOIN_SEMI || type == JOIN_ANTI)
        return bind_joined_scope(b, join, left, right);
    uint32_t n_left = left->node->n_fields, n_join = join->n_fields;
    PlanNode *node = join;
    uint32_t *merged = bind_alloc(b, n_using, sizeof(*merged));
    BoundColumn *columns =
        bind_alloc(b, n_using + left->n_columns + right->n_columns, sizeof(*columns));
    if (!merged || !columns)
        return NULL;
    if (type == JOIN_FULL) {
        /* coalesce(left, right) in columns of their own behind the join's */
        uint32_t n = n_join + n_using;
        Expr **exprs = bind_alloc(b, n, sizeof(*exprs));
        const char **names = bind_alloc(b, n, sizeof(*names));
        if (!exprs || !names)
            return NULL;
        for (uint32_t i = 0; i < n_join; i++) {
            const PlanField *f = &join->fields[i];
            exprs[i] = bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
            names[i] = f->name;
        }
        for (uint32_t i = 0; i < n_using; i++) {
            Expr *l = exprs[left_using[i]->index], *r = exprs[n_left + right_using[i]->index];
            Type wide;
            if (!l || !r || !bind_wider(b, l->type, r->type, &wide))
                return NULL;
            l = bind_cast_to(b, l, wide);
            r = bind_cast_to(b, r, wide);
            if (!l || !r)
                return NULL;
            exprs[n_join + i] =
                bind_check(b, expr_call(b->arena, FN_COALESCE, wide, true, (Expr *[]){l, r}, 2));
            names[n_join + i] = left_using[i]->name;
            merged[i] = n_join + i;
        }
        if (b->result)
            return NULL;
        node = bind_project_node(b, join, exprs, names, n);
        if (!node)
            return NULL;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_using; i++) {
        const BoundColumn *from = type == JOIN_RIGHT ? right_using[i] : left_using[i];
        columns[n] = *from;
        columns[n].name = left_using[i]->name;
        if (type == JOIN_FULL) {
            columns[n].index = merged[i];
            columns[n].attribute = ++b->next_attribute;
            columns[n].qualifier = NULL;
        } else if (type == JOIN_RIGHT) {
            columns[n].index += n_left;
        }
        n++;
    }
    for (int side = 0; side < 2; side++) {
        const Bound *bound = side ? right : left;
        const BoundColumn *const *using = side ? right_using : left_using;
        for (uint32_t i = 0; i < bound->n_columns; i++) {
            columns[n] = bound->columns[i];
            columns[n].index += side ? n_left : 0;
            for (uint32_t k = 0; k < n_using; k++) {
                if (using[k] != &bound->columns[i])
                    continue;
                columns[n].hidden = true;
            }
            n++;
        }
    }
    Bound *bound = bind_alloc(b, 1, sizeof(*bound));
    if (bound)
        *bound = (Bound){.node = node, .columns = columns, .n_columns = n};
    return bound;
}

static Bound *bind_using(Binder *b, const URel *rel, const Bound *left, const Bound *right,
                         const char *const *names, uint32_t n)
{
    const BoundColumn **l = bind_alloc(b, n, sizeof(*l)), **r = bind_alloc(b, n, sizeof(*r));
    PlanNode *join = bind_join_node(b, rel->join_type, left->node, right->node);
    if (!l || !r || !join)
        return NULL;
    Expr *condition = NULL;
    for (uint32_t i = 0; i < n; i++) {
        l[i] = using_column(b, rel, left, names[i], "left");
        r[i] = l[i] ? using_column(b, rel, right, names[i], "right") : NULL;
        if (!r[i])
            return NULL;
        const PlanField *lf = &left->node->fields[l[i]->index];
        const PlanField *rf = &right->node->fields[r[i]->index];
        Expr *a = bind_check(b, expr_column(b->arena, l[i]->index, lf->type, lf->nullable));
        Expr *c = bind_check(
            b, expr_column(b->arena, left->node->n_fields + r[i]->index, rf->type, rf->nullable));
        const char *parts[] = {names[i]};
        UExpr source = {.kind = UEXPR_COLUMN,
                        .parts = parts,
                        .n_parts = 1,
                        .position = rel->position,
                        .stop = rel->stop};
        Expr *same = bind_binary(b, &source, FN_EQ, a, c);
        if (!same)
            return NULL;
        condition = condition ? bind_check(b, expr_call(b->arena, FN_AND, TYPE(BOOLEAN), true,
                                                        (Expr *[]){condition, same}, 2))
                              : same;
    }
    if (condition && !bind_join_condition(b, join, condition))
        return NULL;
    return merge_using(b, rel, join, left, right, l, r, n);
}

/* Names that both sides have, in the order of the left. */
static Bound *bind_natural(Binder *b, const URel *rel, const Bound *left, const Bound *right)
{
    const char **names = bind_alloc(b, left->n_columns, sizeof(*names));
    if (!names)
        return NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < left->n_columns; i++) {
        bool both = false;
        for (uint32_t k = 0; k < right->n_columns && !both; k++)
            both = !left->columns[i].hidden && !right->columns[k].hidden &&
                   names_equal(b, left->columns[i].name, right->columns[k].name);
        if (both)
            names[n++] = left->columns[i].name;
    }
    return bind_using(b, rel, left, right, names, n);
}

/* Subqueries of ON become columns of the side whose names they use: the right one if they can. */
static bool prebind_on(Binder *b, const UExpr *e, bool negated, Bound **left, Bound **right)
{
    if (e->kind != UEXPR_SUBQUERY) {
        for (uint32_t i = 0; i < e->n_args; i++)
            if (!prebind_on(b, e->args[i], uexpr_negates(e, negated), left, right))
                return false;
        return true;
    }
    QueryError *error = b->context->error, ignored;
    Bound *attached = *right;
    uint32_t before = b->n_prebound;
    b->context->error = &ignored;
    bool ok = bind_prebind(b, *right, &attached, e, negated);
    b->context->error = error;
    if (!ok && b->result != QUERY_E_FAILED)
        return false;
    if (ok) {
        *right = attached;
        for (uint32_t i = before; i < b->n_prebound; i++)
            b->prebound[i].on_right = true;
        return true;
    }
    b->result = 0;
    b->n_prebound = before;
    attached = *left;
    if (!bind_prebind(b, *left, &attached, e, negated))
        return false;
    *left = attached;
    return true;
}

/* The values of the right side's subqueries stand behind the left side's columns. */
static bool shift_prebound(Binder *b, uint32_t from, uint32_t n_left)
{
    for (uint32_t i = from; i < b->n_prebound; i++) {
        if (!b->prebound[i].on_right)
            continue;
        b->prebound[i].value = bind_check(b, expr_shift(b->arena, b->prebound[i].value, n_left));
        b->prebound[i].on_right = false;
    }
    return b->result == 0;
}

Bound *bind_join(Binder *b, const URel *rel)
{
    Bound *left = bind_relation(b, rel->input);
    if (left && rel->right->lateral)
        return bind_lateral(b, rel, left);
    Bound *right = left ? bind_relation(b, rel->right) : NULL;
    if (!right)
        return NULL;
    uint32_t n_prebound = b->n_prebound;
    if (rel->condition && uexpr_has_subquery(rel->condition) &&
        (!prebind_on(b, rel->condition, false, &left, &right) ||
         !shift_prebound(b, n_prebound, left->node->n_fields)))
        return NULL;
    if (rel->natural)
        return bind_natural(b, rel, left, right);
    if (rel->n_names > 0)
        return bind_using(b, rel, left, right, rel->names, rel->n_names);
    PlanNode *join = bind_join_node(b, rel->join_type, left->node, right->node);
    if (!join)
        return NULL;
    if (rel->condition) {
        Bound *both = bind_condition_scope(b, left, right);
        if (!both)
            return NULL;
        Scope scope = {.bound = both, .outer = b->outer, .clause = "JOIN"};
        if (uexpr_has_aggregate(rel->condition))
            return bind_error(b, rel->condition->position, rel->condition->stop,
                              "UNSUPPORTED_EXPR_FOR_OPERATOR", "42K0E",
                              "A query operator contains one or more unsupported expressions: an "
                              "aggregate function in a join condition.");
        Expr *condition = bind_condition(b, &scope, rel->condition);
        b->n_prebound = n_prebound;
        if (condition && expr_is_volatile(condition)) {
            bind_error(b, rel->condition->position, rel->condition->stop,
                       "INVALID_NON_DETERMINISTIC_EXPRESSIONS", "42K0E",
                       "The operator expects a deterministic expression, but the actual expression "
                       "is %.300s.",
                       uexpr_quoted(b, rel->condition));
            query_error_parameters(b->context->error, "sqlExprs", uexpr_quoted(b, rel->condition),
                                   NULL);
            return NULL;
        }
        if (!bind_join_condition(b, join, condition))
            return NULL;
    } else if (join->join.type == JOIN_INNER) {
        join->join.type = JOIN_CROSS;
    }
    return bind_joined_scope(b, join, left, right);
}
