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

bool parse_partition_spec(Parser *p, SqlStatement *s, bool needed)
{
    PtrList names = {0}, values = {0};
    advance(p);
    if (!expect_op(p, OP_LPAREN))
        return false;
    do {
        const char *name = parse_any_identifier(p);
        UExpr **value = ubuilder_alloc(p->b, 1, sizeof(*value));
        if (!name || !value)
            return false;
        if (needed ? expect_op(p, OP_EQ) : accept_op(p, OP_EQ))
            *value = parse_expression(p);
        if (failed(p) || !list_add(p, &names, (void *)name) || !list_add(p, &values, value))
            return false;
    } while (accept_op(p, OP_COMMA));
    s->values = ubuilder_alloc(p->b, values.n, sizeof(*s->values));
    for (uint32_t i = 0; s->values && i < values.n; i++)
        s->values[i] = *(UExpr **)values.items[i];
    s->partitions = (const char **)names.items;
    s->n_partitions = names.n;
    return s->values && expect_op(p, OP_RPAREN);
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
    if (at_word(p, "PARTITION") && !parse_partition_spec(p, s, false))
        return false;
    s->if_not_exists = s->replace && accept_exists(p, true);
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
    return s->query && s->target;
}
