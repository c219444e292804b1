/* SPDX-License-Identifier: Apache-2.0 */

/* Pipes: query |> operator |> operator ... Each takes the rows of what stands before it. */

#include <string.h>

#include "exec/sql/literal.h"

bool at_pipe(const Parser *p)
{
    return at_op(p, OP_PIPE) && peek_at(p, 1)->op == OP_GT && peek_at(p, 1)->start == peek(p)->stop;
}

static URel *node(Parser *p, URelKind kind, URel *input)
{
    URel *rel = input && !failed(p) ? urel_new(p->b, kind) : NULL;
    if (rel)
        rel->input = input;
    return rel;
}

static URel *seal(Parser *p, URel *rel, uint32_t first)
{
    if (!rel || failed(p))
        return NULL;
    rel->position = p->tokens[first].start + 1;
    rel->stop = p->tokens[p->at - 1].stop;
    return urel_seal(p->b, rel);
}

/* A list of expressions, behind a star when @star. */
static bool parse_list(Parser *p, URel *rel, bool star)
{
    PtrList list = {0};
    if (star)
        list_add(p, &list, uexpr_new(p->b, UEXPR_STAR, NULL, 0));
    do {
        if (!list_add(p, &list, parse_named_expression(p)))
            return false;
    } while (accept_op(p, OP_COMMA));
    rel->exprs = (UExpr **)list.items;
    rel->n_exprs = list.n;
    return true;
}

static URel *parse_pipe_select(Parser *p, URel *input, uint32_t first)
{
    bool distinct = accept_word(p, "DISTINCT");
    URel *rel = node(p, UREL_PROJECT, input);
    if (!rel || !parse_list(p, rel, false))
        return NULL;
    rel = seal(p, rel, first);
    return distinct ? seal(p, node(p, UREL_DISTINCT, rel), first) : rel;
}

/* SET a = x, b = y: columns that are there get another value. */
static URel *parse_pipe_set(Parser *p, URel *input, uint32_t first)
{
    URel *rel = node(p, UREL_WITH_COLUMNS, input);
    PtrList list = {0};
    do {
        const char *name = parse_any_identifier(p);
        if (!name || !rel || !expect_op(p, OP_EQ))
            return NULL;
        if (!list_add(p, &list, uexpr_alias(p->b, parse_expression(p), name)))
            return NULL;
    } while (accept_op(p, OP_COMMA));
    rel->exprs = (UExpr **)list.items;
    rel->n_exprs = list.n;
    rel->all = true;
    return seal(p, rel, first);
}

static URel *parse_pipe_drop(Parser *p, URel *input, uint32_t first)
{
    URel *rel = node(p, UREL_DROP, input);
    PtrList list = {0};
    do {
        if (!list_add(p, &list, (void *)parse_any_identifier(p)))
            return NULL;
    } while (accept_op(p, OP_COMMA));
    if (!rel)
        return NULL;
    rel->names = (const char **)list.items;
    rel->n_names = list.n;
    rel->all = true;
    return seal(p, rel, first);
}

static URel *parse_pipe_aggregate(Parser *p, URel *input, uint32_t first)
{
    URel *rel = node(p, UREL_AGGREGATE, input);
    if (!rel)
        return NULL;
    bool only_groups = at_words(p, "GROUP", "BY");
    if (!only_groups && !parse_list(p, rel, false))
        return NULL;
    if (at_words(p, "GROUP", "BY")) {
        advance(p);
        advance(p);
        if (!parse_group_by(p, rel))
            return NULL;
    }
    rel->with_groups = true;
    return seal(p, rel, first);
}

static URel *parse_pipe(Parser *p, URel *input)
{
    uint32_t first = p->at;
    URel *rel;
    if (accept_word(p, "SELECT"))
        return parse_pipe_select(p, input, first);
    if (accept_word(p, "EXTEND")) {
        rel = node(p, UREL_PROJECT, input);
        return rel && parse_list(p, rel, true) ? seal(p, rel, first) : NULL;
    }
    if (accept_word(p, "SET"))
        return parse_pipe_set(p, input, first);
    if (accept_word(p, "DROP"))
        return parse_pipe_drop(p, input, first);
    if (accept_word(p, "AGGREGATE"))
        return parse_pipe_aggregate(p, input, first);
    if (accept_word(p, "WHERE")) {
        rel = node(p, UREL_FILTER, input);
        if (!rel)
            return NULL;
        rel->condition = parse_expression(p);
        return seal(p, rel, first);
    }
    if (accept_word(p, "AS")) {
        rel = node(p, UREL_ALIAS, input);
        if (!rel)
            return NULL;
        rel->name = parse_identifier(p);
        return seal(p, rel, first);
    }
    if (at_words(p, "ORDER", "BY") || at_words(p, "SORT", "BY") || at_word(p, "LIMIT") ||
        at_word(p, "OFFSET"))
        return parse_query_tail(p, input);
    if (at_word(p, "PIVOT") || at_word(p, "UNPIVOT"))
        return parse_pivot(p, input);
    if (at_word(p, "UNION") || at_word(p, "EXCEPT") || at_word(p, "MINUS") ||
        at_word(p, "INTERSECT"))
        return parse_set_operations(p, input, 0);
    rel = parse_joins(p, input);
    return rel == input ? syntax_error(p) : rel;
}

URel *parse_pipes(Parser *p, URel *rel)
{
    while (rel && !failed(p) && at_pipe(p)) {
        advance(p);
        advance(p);
        rel = parse_pipe(p, rel);
    }
    return failed(p) ? NULL : rel;
}
