/* SPDX-License-Identifier: Apache-2.0 */

/* WHERE: conjuncts one by one, the subqueries among them as joins. */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_decorrelate.h"

static Bound *filter_over(Binder *b, const Bound *input, const ExprList *conjuncts)
{
    PlanNode *node = bind_pass_node(b, PLAN_FILTER, input->node);
    if (!node)
        return NULL;
    node->filter.condition =
        bind_check(b, expr_balanced(b->arena, FN_AND, conjuncts->items, conjuncts->n));
    return node->filter.condition ? bound_over(b, input, node) : NULL;
}

/*
 * Conjuncts without a subquery. Where others have one, these go below them: what stands around a
 * subquery may be computed once more for it, and better so without the rows that are left out.
 * Those that are correlated stay above, where bind_pull_up() finds them.
 */
static Bound *bind_plain_conjuncts(Binder *b, Bound *input, const UExpr *const *parts, uint32_t n,
                                   const char *clause, ExprList *above)
{
    ExprList below = {0};
    bool subqueries = false;
    for (uint32_t i = 0; i < n; i++)
        subqueries |= uexpr_has_subquery(parts[i]);
    for (uint32_t i = 0; i < n; i++) {
        Bound *attached = input;
        Scope scope = {.bound = input, .outer = b->outer, .clause = clause, .attach = &attached};
        if (uexpr_has_subquery(parts[i]))
            continue;
        Expr *made = bind_condition(b, &scope, parts[i]);
        if (!made)
            return NULL;
        ExprList *list = subqueries && !expr_has_outer(made) ? &below : above;
        if (!expr_split(b->arena, FN_AND, made, list))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    return below.n > 0 ? filter_over(b, input, &below) : input;
}

Bound *bind_filter_condition(Binder *b, Bound *input, const UExpr *condition, const char *clause)
{
    /* Conjuncts one by one: subqueries among them become joins. */
    const UExpr *const *parts = &condition;
    uint32_t n = 1;
    if (condition->kind == UEXPR_CALL && strcmp(condition->name, "and") == 0) {
        parts = (const UExpr *const *)condition->args;
        n = condition->n_args;
    }
    if (uexpr_has_aggregate(condition) && strcmp(clause, "WHERE") == 0)
        return bind_error(b, condition->position, condition->stop, "INVALID_WHERE_CONDITION",
                          "42903",
                          "The WHERE condition %.300s contains invalid expressions: aggregate "
                          "functions. Rewrite the query to avoid window functions, aggregate "
                          "functions, and generator functions in the WHERE clause.",
                          uexpr_quoted(b, condition));
    ExprList conjuncts = {0};
    Bound *current = bind_plain_conjuncts(b, input, parts, n, clause, &conjuncts);
    uint32_t n_visible = input->node->n_fields;
    if (!current)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        const UExpr *e = parts[i];
        bool negated = false;
        if (!uexpr_has_subquery(e))
            continue;
        while (e->kind == UEXPR_CALL && strcmp(e->name, "not") == 0 &&
               e->args[0]->kind == UEXPR_SUBQUERY &&
               e->args[0]->subquery_kind != USUBQUERY_SCALAR) {
            negated = !negated;
            e = e->args[0];
        }
        if (e->kind == UEXPR_SUBQUERY && e->subquery_kind != USUBQUERY_SCALAR) {
            current = bind_subquery_conjunct(b, current, e, negated);
            if (!current)
                return NULL;
            continue;
        }
        Bound *attached = current;
        Scope scope = {.bound = current, .outer = b->outer, .clause = clause, .attach = &attached};
        Expr *made = bind_condition(b, &scope, parts[i]);
        if (!made)
            return NULL;
        if (!expr_split(b->arena, FN_AND, made, &conjuncts))
            return bind_fail(b, mem_arena_error(b->arena));
        current = attached;
    }
    if (conjuncts.n > 0)
        current = filter_over(b, current, &conjuncts);
    if (!current || current->node->n_fields == n_visible)
        return current;
    return bind_keep_first(b, input, current->node, n_visible);
}
