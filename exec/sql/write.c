/* SPDX-License-Identifier: Apache-2.0 */

/* Statements that write: INSERT, INSERT OVERWRITE DIRECTORY, CREATE TABLE ... AS. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/parser_internal.h"

/* OPTIONS (key [=] value, ...), behind the word */
static bool parse_write_options(Parser *p, SqlStatement *s)
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

/* (a, b), when it is no query in parentheses */
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
    if (at_word(p, "PARTITION"))
        return unsupported_at(p, peek(p), "INSERT with a PARTITION clause"), false;
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
    return s->query && s->target;
}

/* TABLE [IF NOT EXISTS] name [USING format] [OPTIONS (...)] [PARTITIONED BY (...)] [LOCATION 'x']
 * [COMMENT 'x'] AS query */
bool parse_create_table(Parser *p, SqlStatement *s)
{
    size_t n;
    advance(p);
    s->kind = SQL_CREATE_TABLE;
    if (at_words(p, "IF", "NOT")) {
        advance(p);
        advance(p);
        if (!expect_word(p, "EXISTS"))
            return false;
        s->if_not_exists = true;
    }
    const Token *name = peek(p);
    const char **parts;
    uint32_t n_parts;
    if (!parse_name(p, &parts, &n_parts))
        return false;
    if (n_parts > 1 && strcasecmp(parts[n_parts - 2], "default") != 0)
        return unsupported_at(p, name, "CREATE TABLE in another schema than default"), false;
    s->name = parts[n_parts - 1];
    if (at_op(p, OP_LPAREN))
        return unsupported_at(p, peek(p), "CREATE TABLE with a list of columns"), false;
    s->format = "parquet";
    for (;;) {
        if (accept_word(p, "USING")) {
            s->format = parse_any_identifier(p);
        } else if (accept_word(p, "OPTIONS")) {
            if (!parse_write_options(p, s))
                return false;
        } else if (at_words(p, "PARTITIONED", "BY")) {
            advance(p);
            advance(p);
            if (!parse_write_columns(p, s))
                return false;
        } else if (accept_word(p, "LOCATION")) {
            s->path = parse_string(p, &n);
        } else if (accept_word(p, "COMMENT")) {
            (void)parse_string(p, &n);
        } else {
            break;
        }
        if (failed(p))
            return false;
    }
    if (at_word(p, "CLUSTERED") || at_word(p, "CLUSTER") || at_word(p, "TBLPROPERTIES") ||
        at_word(p, "STORED") || at_word(p, "ROW"))
        return unsupported_at(p, peek(p), "this clause of CREATE TABLE"), false;
    if (!accept_word(p, "AS") && !at_query(p))
        return unsupported_at(p, peek(p), "CREATE TABLE without AS"), false;
    s->query = parse_query(p);
    return s->query && s->format;
}
