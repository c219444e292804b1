/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Aliases that later items of the same select list use. A short item is written where its alias
 * stands. A long one would make the list grow with its square, or with a power of two when an item
 * uses the one before twice, and a random number would be drawn again: such items become columns of
 * a projection below, and what is bound after that speaks of those.
 */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"

/* Parts of an expression that are still written again. */
#define ALIAS_PARTS_MAX 96u

static uint32_t count_parts(const Expr *e, uint32_t most)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < e->n_args && n < most; i++)
        n += count_parts(e->args[i], most - n);
    return n;
}

static bool is_long(const Expr *e)
{
    return count_parts(e, ALIAS_PARTS_MAX) >= ALIAS_PARTS_MAX || expr_is_volatile(e);
}

/* Can the projection below compute it? Not what window functions and queries around give. */
static bool can_go_below(const Expr *e, const PlanNode *node)
{
    return e && e->kind != EXPR_COLUMN && e->kind != EXPR_LITERAL &&
           expr_columns_within(e, 0, node->n_fields);
}

static bool level_below(Binder *b, Bound **attach, LateralList *lateral)
{
    PlanNode *node = (*attach)->node;
    uint32_t n = node->n_fields, n_all = n + lateral->n;
    Expr **exprs = bind_alloc(b, n_all, sizeof(*exprs));
    const char **names = bind_alloc(b, n_all, sizeof(*names));
    if (!exprs || !names)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        const PlanField *f = &node->fields[i];
        exprs[i] = bind_check(b, expr_column(b->arena, i, f->type, f->nullable));
        names[i] = f->name;
    }
    uint32_t at = n;
    for (uint32_t i = 0; i < lateral->n; i++) {
        Expr *e = lateral->exprs[i];
        if (!can_go_below(e, node))
            continue;
        exprs[at] = e;
        names[at] = lateral->names[i] ? lateral->names[i] : "item";
        lateral->exprs[i] = bind_check(b, expr_column(b->arena, at, e->type, e->nullable));
        at++;
    }
    PlanNode *made = b->result ? NULL : bind_project_node(b, node, exprs, names, at);
    Bound *bound = made ? bound_over(b, *attach, made) : NULL;
    if (!bound)
        return false;
    *attach = bound;
    return true;
}

Expr *bind_alias_of_item(Binder *b, Scope *scope, uint32_t i)
{
    LateralList *lateral = scope->lateral;
    Expr *e = lateral->exprs[i];
    if (e && scope->attach && is_long(e) && can_go_below(e, (*scope->attach)->node) &&
        !level_below(b, scope->attach, lateral))
        return NULL;
    return lateral->exprs[i];
}
