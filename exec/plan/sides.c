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
        (node->join.type != JOIN_SEMI && node->join.type != JOIN_ANTI))
        return false;
    return built_bytes(node->input) < built_bytes(node->right) * SMALLER;
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
    join->join.type = join->join.type == JOIN_SEMI ? JOIN_RIGHT_SEMI : JOIN_RIGHT_ANTI;
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
    if (copy->input)
        copy->input = opt_exchange_sides(o, copy->input);
    if (copy->right)
        copy->right = opt_exchange_sides(o, copy->right);
    if (o->result != 0 || (better_exchanged(copy) && !exchange(o, copy)))
        return NULL;
    return copy;
}
