/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A semi or anti join builds its right side and probes with the left one, whose rows come out. When
 * the left is much smaller it is better built: the larger side then streams by, with a runtime
 * filter in front of it, and marks what it meets; the marked rows come out at the end, or those
 * that are not.
 *
 * NOT IN stays as it is: what a null does to it is known by the probing side.
 */

#include "exec/plan/optimise_internal.h"

#define SMALLER 0.5 /* marks, and a second pass over the rows, cost something */

static double built_bytes(const PlanNode *node)
{
    return node->rows * (node->bytes_per_row + 32);
}

static bool better_exchanged(const PlanNode *node)
{
    if (node->kind != PLAN_JOIN || node->join.n_keys == 0 || node->join.null_aware ||
        (node->join.type != JOIN_SEMI && node->join.type != JOIN_ANTI &&
         node->join.type != JOIN_LEFT))
        return false;
    return built_bytes(node->input) < built_bytes(node->right) * SMALLER;
}

/* LEFT becomes RIGHT; a projection puts the columns back in order. */
static PlanNode *restore_columns(Optimiser *o, PlanNode *join, const PlanField *fields,
                                 uint32_t n_left, uint32_t n_right)
{
    uint32_t n = n_left + n_right, *columns = opt_alloc(o, n, sizeof(*columns));
    join->fields = opt_alloc(o, n, sizeof(*join->fields));
    if (!columns || !join->fields)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        columns[i] = i < n_left ? n_right + i : i - n_left;
        join->fields[columns[i]] = fields[i];
    }
    join->join.unused = NULL;
    PlanNode *project = opt_project_columns(o, join, columns, fields, n);
    if (project)
        opt_estimate(project);
    return project;
}

/* Changes @join, which nobody else has seen. */
static bool exchange(Optimiser *o, PlanNode *join)
{
    PlanNode *left = join->input;
    Expr **keys = join->join.left_keys;
    uint32_t n_left = left->n_fields, n_right = join->right->n_fields;

    if (join->join.residual) {
        uint32_t *map = opt_alloc(o, n_left + n_right, sizeof(*map));
        if (!map)
            return false;
        for (uint32_t i = 0; i < n_left + n_right; i++)
            map[i] = i < n_left ? n_right + i : i - n_left;
        join->join.residual = expr_remap(o->arena, join->join.residual, map);
        if (!join->join.residual)
            return opt_fail(o), false;
    }
    join->join.type = join->join.type == JOIN_SEMI   ? JOIN_RIGHT_SEMI
                      : join->join.type == JOIN_ANTI ? JOIN_RIGHT_ANTI
                                                     : JOIN_RIGHT;
    join->input = join->right;
    join->right = left;
    join->join.left_keys = join->join.right_keys;
    join->join.right_keys = keys;
    return true;
}

PlanNode *opt_exchange_sides(Optimiser *o, PlanNode *node)
{
    PlanNode *copy = opt_copy(o, node);
    if (!copy)
        return NULL;
    if (copy->kind == PLAN_UNION) {
        PlanNode **inputs = opt_alloc(o, copy->union_all.n_inputs, sizeof(*inputs));
        for (uint32_t i = 0; inputs && i < copy->union_all.n_inputs; i++)
            inputs[i] = opt_exchange_sides(o, node->union_all.inputs[i]);
        copy->union_all.inputs = inputs;
    }
    if (copy->kind == PLAN_SHARED && !copy->shared.plan->exchanged) {
        copy->shared.plan->exchanged = true;
        copy->shared.plan->node = opt_exchange_sides(o, copy->shared.plan->node);
    }
    if (copy->input)
        copy->input = opt_exchange_sides(o, copy->input);
    if (copy->right)
        copy->right = opt_exchange_sides(o, copy->right);
    if (o->result != 0)
        return NULL;
    if (!better_exchanged(copy))
        return copy;
    uint32_t n_left = copy->input->n_fields, n_right = copy->right->n_fields;
    const PlanField *fields = copy->fields;
    if (!exchange(o, copy))
        return NULL;
    return copy->join.type == JOIN_RIGHT ? restore_columns(o, copy, fields, n_left, n_right) : copy;
}
