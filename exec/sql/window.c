/* SPDX-License-Identifier: Apache-2.0 */

/* OVER (PARTITION BY ... ORDER BY ... ROWS|RANGE ...), OVER name, and the WINDOW clause. */

#include <string.h>

#include "exec/sql/parser_internal.h"

static bool parse_bound(Parser *p, UWindowBound *bound)
{
    if (accept_word(p, "UNBOUNDED")) {
        bound->kind = WINDOW_UNBOUNDED_PRECEDING;
        if (accept_word(p, "FOLLOWING"))
            bound->kind = WINDOW_UNBOUNDED_FOLLOWING;
        else
            expect_word(p, "PRECEDING");
        return !failed(p);
    }
    if (at_words(p, "CURRENT", "ROW")) {
        advance(p);
        advance(p);
        bound->kind = WINDOW_CURRENT_ROW;
        return true;
    }
    bound->offset = parse_expression(p);
    bound->kind = WINDOW_PRECEDING;
    if (accept_word(p, "FOLLOWING"))
        bound->kind = WINDOW_FOLLOWING;
    else
        expect_word(p, "PRECEDING");
    return !failed(p);
}

static bool parse_frame(Parser *p, UWindow *w)
{
    w->range = at_word(p, "RANGE");
    if (!w->range && !at_word(p, "ROWS"))
        return true;
    advance(p);
    w->has_frame = true;
    w->end.kind = WINDOW_CURRENT_ROW;
    if (!accept_word(p, "BETWEEN"))
        return parse_bound(p, &w->start);
    return parse_bound(p, &w->start) && expect_word(p, "AND") && parse_bound(p, &w->end);
}

static bool parse_order(Parser *p, PtrList *list, UWindow *w)
{
    PtrList keys = {0};
    bool flags[WINDOW_KEYS_MAX][2];

    do {
        if (keys.n == WINDOW_KEYS_MAX)
            return unsupported_at(p, peek(p), "so many keys of a window");
        UExpr *e = parse_expression(p);
        if (!e || !list_add(p, list, e) || !list_add(p, &keys, e))
            return false;
        bool descending = accept_word(p, "DESC");
        if (!descending)
            accept_word(p, "ASC");
        bool nulls_first = !descending;
        if (accept_word(p, "NULLS")) {
            nulls_first = accept_word(p, "FIRST");
            if (!nulls_first && !expect_word(p, "LAST"))
                return false;
        }
        flags[keys.n - 1][0] = descending;
        flags[keys.n - 1][1] = nulls_first;
    } while (accept_op(p, OP_COMMA));
    bool *descending = ubuilder_alloc(p->b, keys.n, sizeof(bool));
    bool *nulls_first = ubuilder_alloc(p->b, keys.n, sizeof(bool));
    if (!descending || !nulls_first)
        return false;
    for (uint32_t i = 0; i < keys.n; i++) {
        descending[i] = flags[i][0];
        nulls_first[i] = flags[i][1];
    }
    w->n_order = keys.n;
    w->descending = descending;
    w->nulls_first = nulls_first;
    return true;
}

/* Behind the opening parenthesis. */
static UExpr *parse_specification(Parser *p, UExpr *call)
{
    PtrList list = {0};
    UWindow *w = ubuilder_alloc(p->b, 1, sizeof(*w));

    if (!w || !list_add(p, &list, call))
        return NULL;
    bool has_by = at_words(p, "PARTITION", "BY") || at_words(p, "DISTRIBUTE", "BY");
    if (!has_by && peek_at(p, 1)->op == OP_RPAREN && !at_op(p, OP_RPAREN)) {
        w->name = parse_any_identifier(p);
    } else {
        if (has_by) {
            advance(p);
            advance(p);
            do {
                if (w->n_partition++ == WINDOW_KEYS_MAX)
                    return unsupported_at(p, peek(p), "so many keys of a window");
                if (!list_add(p, &list, parse_expression(p)))
                    return NULL;
            } while (accept_op(p, OP_COMMA));
        }
        if (at_words(p, "ORDER", "BY") || at_words(p, "SORT", "BY")) {
            advance(p);
            advance(p);
            if (!parse_order(p, &list, w))
                return NULL;
        }
        if (!parse_frame(p, w))
            return NULL;
    }
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    UExpr *e = uexpr_new(p->b, UEXPR_WINDOW, (UExpr **)list.items, list.n);
    if (e)
        e->window = w;
    return e;
}

/* The keys become the call's last arguments. */
UExpr *parse_within_group(Parser *p, UExpr *call)
{
    PtrList list = {0};
    UWindow *w = ubuilder_alloc(p->b, 1, sizeof(*w));

    advance(p);
    advance(p);
    if (!w || !expect_op(p, OP_LPAREN) || !expect_word(p, "ORDER") || !expect_word(p, "BY"))
        return NULL;
    for (uint32_t i = 0; i < call->n_args; i++)
        if (!list_add(p, &list, call->args[i]))
            return NULL;
    if (!parse_order(p, &list, w) || !expect_op(p, OP_RPAREN))
        return NULL;
    UExpr *e = uexpr_call(p->b, call->name, (UExpr **)list.items, list.n);
    if (!e)
        return NULL;
    e->distinct = call->distinct;
    e->window = w;
    return e;
}

UExpr *parse_over(Parser *p, UExpr *call)
{
    if (!call || failed(p))
        return NULL;
    advance(p); /* OVER */
    if (accept_op(p, OP_LPAREN))
        return parse_specification(p, call);
    UWindow *w = ubuilder_alloc(p->b, 1, sizeof(*w));
    UExpr *e = w ? uexpr_new(p->b, UEXPR_WINDOW, &call, 1) : NULL;
    if (!e)
        return NULL;
    w->name = parse_any_identifier(p);
    e->window = w;
    return failed(p) ? NULL : e;
}

/* A specification, or the name of another window. */
static UExpr *parse_named(Parser *p, UExpr *nothing)
{
    if (accept_op(p, OP_LPAREN))
        return parse_specification(p, nothing);
    UWindow *w = ubuilder_alloc(p->b, 1, sizeof(*w));
    UExpr *e = w && nothing ? uexpr_new(p->b, UEXPR_WINDOW, &nothing, 1) : NULL;
    if (!e)
        return NULL;
    w->name = parse_any_identifier(p);
    e->window = w;
    return failed(p) ? NULL : e;
}

bool parse_window_clause(Parser *p, URel *rel)
{
    PtrList names = {0}, windows = {0};

    if (!accept_word(p, "WINDOW"))
        return true;
    do {
        UExpr *nothing = uexpr_null(p->b);
        const char *name = parse_any_identifier(p);
        if (!name || !expect_word(p, "AS") || !list_add(p, &names, (void *)name) ||
            !list_add(p, &windows, parse_named(p, nothing)))
            return false;
    } while (accept_op(p, OP_COMMA));
    rel->windows = (UExpr **)windows.items;
    rel->window_names = (const char **)names.items;
    rel->n_windows = names.n;
    return true;
}
