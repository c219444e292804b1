/* SPDX-License-Identifier: Apache-2.0 */

/* Statements that write: INSERT, INSERT OVERWRITE DIRECTORY. Tables are in table.c. */

#include <string.h>

#include "base/cleanup.h"
#include "exec/sql/parser_internal.h"

bool parse_write_options(Parser *p, SqlStatement *s)
{
    PtrList list = {0}, paths = {0};
    if (!parse_options(p, &list, &paths))
        return false;
    s->options = ubuilder_alloc(p->b, list.n + 1, sizeof(UOption));
    for (uint32_t i = 0; s->options && i < list.n; i++)
        s->options[i] = *(const UOption *)list.items[i];
    s->n_options = list.n;
    if (paths.n > 0)
        s->path = paths.items[paths.n - 1];
    return s->options != NULL;
}

/* (a, b) */
static bool parse_write_columns(Parser *p, SqlStatement *s)
{
    PtrList columns = {0};
    if (!expect_op(p, OP_LPAREN))
        return false;
    do
        list_add(p, &columns, (void *)parse_any_identifier(p));
    while (accept_op(p, OP_COMMA));
    s->columns = (const char **)columns.items;
    s->n_columns = columns.n;
    return expect_op(p, OP_RPAREN);
}

/* [LOCAL] DIRECTORY ['path'] USING format [OPTIONS (...)] query */
static bool parse_directory(Parser *p, SqlStatement *s)
{
    size_t n;
    accept_word(p, "LOCAL");
    if (!expect_word(p, "DIRECTORY"))
        return false;
    s->kind = SQL_WRITE_DIRECTORY;
    const char *path = peek(p)->kind == TOKEN_STRING ? parse_string(p, &n) : NULL;
    if (!at_word(p, "USING"))
        return unsupported_at(p, peek(p), "INSERT OVERWRITE DIRECTORY without USING (Hive's form)"),
               false;
    advance(p);
    s->format = parse_any_identifier(p);
    if (accept_word(p, "OPTIONS") && !parse_write_options(p, s))
        return false;
    if (path)
        s->path = path;
    s->query = parse_query(p);
    return s->query && s->format;
}

/* PARTITION (name = value, ...): each with its value. The names stay in @s, the values behind the
 * query's columns. */
static bool parse_partition(Parser *p, SqlStatement *s, PtrList *values)
{
    const Token *t = peek(p);
    PtrList names = {0};
    advance(p);
    if (!expect_op(p, OP_LPAREN))
        return false;
    do {
        const char *name = parse_any_identifier(p);
        if (!accept_op(p, OP_EQ))
            return unsupported_at(p, t, "INSERT with a PARTITION clause without values"), false;
        UExpr *e = parse_expression(p);
        e = e && name ? uexpr_alias(p->b, e, name) : NULL;
        if (!list_add(p, &names, (void *)name) || !list_add(p, values, e))
            return false;
    } while (accept_op(p, OP_COMMA));
    if (s->replace)
        return unsupported_at(p, t, "INSERT OVERWRITE with a PARTITION clause"), false;
    s->partitions = (const char **)names.items;
    s->n_partitions = names.n;
    return expect_op(p, OP_RPAREN);
}

/* SELECT *, values... FROM query */
static URel *with_values(Parser *p, URel *query, const PtrList *values)
{
    URel *rel = urel_new(p->b, UREL_PROJECT);
    UExpr **exprs = ubuilder_alloc(p->b, values->n + 1, sizeof(*exprs));
    UExpr *star = uexpr_new(p->b, UEXPR_STAR, NULL, 0);
    if (!rel || !exprs || !star)
        return NULL;
    exprs[0] = star;
    memcpy(exprs + 1, values->items, values->n * sizeof(*exprs));
    rel->input = query;
    rel->exprs = exprs;
    rel->n_exprs = values->n + 1;
    return urel_seal(p->b, rel);
}

bool parse_insert(Parser *p, SqlStatement *s)
{
    advance(p);
    s->replace = accept_word(p, "OVERWRITE");
    if (s->replace && (at_word(p, "LOCAL") || at_word(p, "DIRECTORY")))
        return parse_directory(p, s);
    if (!s->replace && !expect_word(p, "INTO"))
        return false;
    if (at_word(p, "REPLACE"))
        return unsupported_at(p, peek(p), "INSERT INTO ... REPLACE WHERE"), false;
    accept_word(p, "TABLE");
    s->kind = SQL_INSERT;
    s->target = parse_relation_name(p);
    PtrList values = {0};
    if (at_word(p, "PARTITION") && !parse_partition(p, s, &values))
        return false;
    if (at_words(p, "IF", "NOT"))
        return unsupported_at(p, peek(p), "INSERT ... IF NOT EXISTS"), false;
    if (at_words(p, "BY", "NAME")) {
        advance(p);
        advance(p);
        s->by_name = true;
    } else if (at_op(p, OP_LPAREN) && !token_is_word(p, peek_at(p, 1), "SELECT") &&
               !token_is_word(p, peek_at(p, 1), "VALUES") &&
               !token_is_word(p, peek_at(p, 1), "WITH") &&
               !(peek_at(p, 1)->kind == TOKEN_OPERATOR) && !parse_write_columns(p, s)) {
        return false;
    }
    s->query = failed(p) ? NULL : parse_query(p);
    if (s->query && values.n > 0)
        s->query = with_values(p, s->query, &values);
    return s->query && s->target;
}
