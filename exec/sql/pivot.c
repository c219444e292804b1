/* SPDX-License-Identifier: Apache-2.0 */

/* PIVOT and UNPIVOT behind a relation. */

#include "exec/sql/literal.h"

/* a, or (a, b) */
static bool parse_columns(Parser *p, PtrList *list)
{
    bool several = accept_op(p, OP_LPAREN);
    do {
        const char **parts;
        uint32_t n;
        uint32_t first = p->at;
        if (!parse_name(p, &parts, &n) ||
            !list_add(p, list, mark(p, uexpr_column(p->b, parts, n), first)))
            return false;
    } while (several && accept_op(p, OP_COMMA));
    return !several || expect_op(p, OP_RPAREN);
}

static bool parse_names(Parser *p, PtrList *list)
{
    bool several = accept_op(p, OP_LPAREN);
    do {
        if (!list_add(p, list, (void *)parse_any_identifier(p)))
            return false;
    } while (several && accept_op(p, OP_COMMA));
    return !several || expect_op(p, OP_RPAREN);
}

static bool parse_pivot_body(Parser *p, URel *rel)
{
    PtrList aggregates = {0}, columns = {0}, values = {0};
    if (!expect_op(p, OP_LPAREN))
        return false;
    do {
        UExpr *e = parse_expression(p);
        bool alias = accept_word(p, "AS") || (at_identifier(p) && !at_word(p, "FOR"));
        const char *name = alias ? parse_any_identifier(p) : NULL;
        if (alias)
            e = name ? uexpr_alias(p->b, e, name) : NULL;
        if (!list_add(p, &aggregates, e))
            return false;
    } while (accept_op(p, OP_COMMA));
    if (!expect_word(p, "FOR") || !parse_columns(p, &columns) || !expect_word(p, "IN") ||
        !expect_op(p, OP_LPAREN))
        return false;
    do {
        if (!list_add(p, &values, parse_named_expression(p)))
            return false;
    } while (accept_op(p, OP_COMMA));
    if (!expect_op(p, OP_RPAREN) || !expect_op(p, OP_RPAREN))
        return false;
    rel->exprs = (UExpr **)aggregates.items;
    rel->n_exprs = aggregates.n;
    rel->pivots = (UExpr **)columns.items;
    rel->n_pivots = columns.n;
    rel->values = (UExpr **)values.items;
    rel->n_values = values.n;
    return true;
}

static bool parse_unpivot_body(Parser *p, URel *rel)
{
    PtrList names = {0}, value_names = {0}, columns = {0}, aliases = {0};
    if (accept_word(p, "INCLUDE")) {
        rel->all = true;
        if (!expect_word(p, "NULLS"))
            return false;
    } else if (accept_word(p, "EXCLUDE") && !expect_word(p, "NULLS")) {
        return false;
    }
    if (!expect_op(p, OP_LPAREN) || !parse_names(p, &value_names) || !expect_word(p, "FOR"))
        return false;
    list_add(p, &names, (void *)parse_any_identifier(p));
    for (uint32_t i = 0; i < value_names.n; i++)
        list_add(p, &names, value_names.items[i]);
    if (!expect_word(p, "IN") || !expect_op(p, OP_LPAREN))
        return false;
    do {
        uint32_t before = columns.n;
        const Token *t = peek(p);
        if (!parse_columns(p, &columns))
            return false;
        if (columns.n - before != value_names.n)
            return parse_error_at(p, t, "UNPIVOT_VALUE_SIZE_MISMATCH", "428C4",
                                  "All unpivot value columns must have the same size as there are "
                                  "value column names (%u).",
                                  value_names.n),
                   false;
        /* No alias is an empty text until all are read: a list holds no NULL. */
        const char *alias = "";
        if (accept_word(p, "AS"))
            alias = parse_any_identifier(p);
        else if (at_identifier(p))
            alias = parse_identifier(p);
        if (!list_add(p, &aliases, (void *)alias))
            return false;
    } while (accept_op(p, OP_COMMA));
    if (!expect_op(p, OP_RPAREN) || !expect_op(p, OP_RPAREN))
        return false;
    for (uint32_t i = 0; i < aliases.n; i++)
        if (*(const char *)aliases.items[i] == '\0')
            aliases.items[i] = NULL;
    rel->names = (const char **)names.items;
    rel->n_names = names.n;
    rel->groups = (UExpr **)columns.items;
    rel->n_groups = columns.n;
    rel->n_columns = value_names.n;
    rel->parts = (const char **)aliases.items;
    rel->n_parts = aliases.n;
    return true;
}

URel *parse_pivot(Parser *p, URel *input)
{
    uint32_t first = p->at;
    bool pivot = at_word(p, "PIVOT");
    advance(p);
    URel *rel = input && !failed(p) ? urel_new(p->b, pivot ? UREL_PIVOT : UREL_SQL_UNPIVOT) : NULL;
    if (!rel)
        return NULL;
    rel->input = input;
    if (!(pivot ? parse_pivot_body(p, rel) : parse_unpivot_body(p, rel)) || failed(p))
        return NULL;
    rel->position = p->tokens[first].start + 1;
    rel->stop = p->tokens[p->at - 1].stop;
    return urel_seal(p->b, rel);
}
