/* SPDX-License-Identifier: Apache-2.0 */

/* Stars among the arguments of a call: struct(*), hash(t.*), concat_ws(',', *). */

#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"

/* count(*) counts rows. */
static bool counts_rows(const UExpr *call)
{
    return strcmp(call->name, "count") == 0 && call->n_args == 1 && call->args[0]->n_parts == 0;
}

static bool has_star(const UExpr *e)
{
    if (e->kind == UEXPR_STAR)
        return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if ((e->kind == UEXPR_CALL && e->args[i]->kind == UEXPR_STAR && !counts_rows(e)) ||
            has_star(e->args[i]))
            return true;
    return false;
}

static UExpr *column_of(Binder *b, const SelectItem *item, const UExpr *star)
{
    if (!item->column)
        return (UExpr *)item->expr;
    UExpr *e = bind_alloc(b, 1, sizeof(*e));
    const char **parts = bind_alloc(b, 2, sizeof(*parts));
    if (!e || !parts)
        return NULL;
    parts[0] = item->column->qualifier;
    parts[1] = item->column->name;
    bool qualified = parts[0] != NULL;
    *e = (UExpr){.kind = UEXPR_COLUMN,
                 .parts = qualified ? parts : parts + 1,
                 .n_parts = qualified ? 2 : 1,
                 .plan_id = UNRESOLVED_NO_PLAN_ID,
                 .position = star->position,
                 .stop = star->stop,
                 .depth = 1};
    return e;
}

const UExpr *bind_expand_stars(Binder *b, const Bound *bound, const UExpr *e)
{
    if (!has_star(e))
        return e;
    UExpr *copy = bind_alloc(b, 1, sizeof(*copy));
    uint32_t room = e->n_args, n = 0;
    for (uint32_t i = 0; i < e->n_args; i++)
        room += e->args[i]->kind == UEXPR_STAR ? bound->n_columns + UINT8_MAX : 0;
    UExpr **args = bind_alloc(b, room, sizeof(*args));
    if (!copy || !args)
        return NULL;
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (e->args[i]->kind != UEXPR_STAR) {
            args[n] = (UExpr *)bind_expand_stars(b, bound, e->args[i]);
            if (!args[n++])
                return NULL;
            continue;
        }
        uint32_t n_items;
        SelectItem *items = bind_select_list(b, bound, &e->args[i], 1, &n_items);
        for (uint32_t k = 0; items && k < n_items && n < room; k++)
            if (!(args[n++] = column_of(b, &items[k], e->args[i])))
                return NULL;
        if (!items)
            return NULL;
    }
    *copy = *e;
    copy->args = args;
    copy->n_args = n;
    return copy;
}
