/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Aggregates over DISTINCT values of one expression become two levels: the inner groups by the
 * groups and the expression, so that each value is there once; the outer aggregates what is left.
 * The inner level then has everything that grouping has (arrays of small numbers, a merge by many
 * workers, spilling), which sets of values inside a group have not.
 *
 *   sum(DISTINCT x), count(DISTINCT x), max(y)  GROUP BY g
 *   => sum(x), count(x), max(m)  over  g, x, max(y) AS m  GROUP BY g, x
 *
 * Only aggregates that do not mind being taken in two steps may stand beside them: MIN, MAX,
 * BOOL_AND, BOOL_OR. Several expressions, or a FILTER, stay with the sets.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/optimise_internal.h"

static bool in_two_steps(const Aggregate *a)
{
    switch (a->id) {
    case AGG_MIN:
    case AGG_MAX:
    case AGG_BOOL_AND:
    case AGG_BOOL_OR:
        return true;
    default:
        return false;
    }
}

/* The one expression that is DISTINCT somewhere; NULL when there is none, or more than that. */
static Expr *distinct_expr(const PlanNode *node)
{
    Expr *found = NULL;

    for (uint32_t i = 0; i < node->aggregate.n_aggregates; i++) {
        const Aggregate *a = &node->aggregate.aggregates[i];
        if (a->filter)
            return NULL;
        if (in_two_steps(a))
            continue;
        if (!a->distinct || !a->arg || (found && !expr_equal(found, a->arg)))
            return NULL;
        found = a->arg;
    }
    return found;
}

PlanNode *opt_two_level_distinct(Optimiser *o, PlanNode *node)
{
    uint32_t n_groups = node->aggregate.n_groups, n = node->aggregate.n_aggregates, n_inner = 0;
    Expr *value = distinct_expr(node);

    if (!value)
        return node;
    PlanNode *outer = opt_copy(o, node), *inner = opt_copy(o, node);
    Expr **inner_groups = opt_alloc(o, n_groups + 1, sizeof(*inner_groups));
    Expr **outer_groups = opt_alloc(o, n_groups + 1, sizeof(*outer_groups));
    Aggregate *inner_list = opt_alloc(o, n, sizeof(*inner_list));
    Aggregate *outer_list = opt_alloc(o, n, sizeof(*outer_list));
    PlanField *fields = opt_alloc(o, n_groups + 1 + n, sizeof(*fields));
    if (o->result != 0)
        return NULL;
    for (uint32_t i = 0; i <= n_groups; i++) {
        inner_groups[i] = i < n_groups ? node->aggregate.groups[i] : value;
        fields[i] = (PlanField){i < n_groups ? node->fields[i].name : "value",
                                inner_groups[i]->type, inner_groups[i]->nullable};
        outer_groups[i] =
            expr_column(o->arena, i, inner_groups[i]->type, inner_groups[i]->nullable);
        if (!outer_groups[i])
            return opt_fail(o);
    }
    for (uint32_t i = 0; i < n; i++) {
        outer_list[i] = node->aggregate.aggregates[i];
        outer_list[i].distinct = false;
        if (!in_two_steps(&outer_list[i])) {
            outer_list[i].arg = outer_groups[n_groups];
            continue;
        }
        uint32_t column = n_groups + 1 + n_inner;
        fields[column] = (PlanField){node->fields[n_groups + i].name, outer_list[i].type, true};
        inner_list[n_inner] = outer_list[i];
        inner_list[n_inner++].nullable = true;
        outer_list[i].arg = expr_column(o->arena, column, outer_list[i].type, true);
        if (!outer_list[i].arg)
            return opt_fail(o);
    }
    inner->n_fields = n_groups + 1 + n_inner;
    inner->fields = fields;
    inner->aggregate.groups = inner_groups;
    inner->aggregate.n_groups = n_groups + 1;
    inner->aggregate.aggregates = inner_list;
    inner->aggregate.n_aggregates = n_inner;
    outer->input = inner;
    outer->aggregate.groups = outer_groups;
    outer->aggregate.aggregates = outer_list;
    return outer;
}
