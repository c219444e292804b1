/* SPDX-License-Identifier: Apache-2.0 */

/* SHOW, DESCRIBE and USE. */

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/parser_internal.h"

/* [NAMESPACE | DATABASE | SCHEMA | CATALOG] name, where spark_catalog is the catalog itself. */
bool parse_use(Parser *p, SqlStatement *s)
{
    bool set_catalog = at_word(p, "SET");
    advance(p);
    s->kind = SQL_USE;
    bool catalog = accept_word(p, "CATALOG") || set_catalog;
    if (!catalog && at_database(p))
        advance(p);
    const char **parts;
    uint32_t n;
    uint32_t first = p->at;
    const Token *t = peek(p);
    if (!parse_name(p, &parts, &n))
        return false;
    if (n == 1 && (catalog || strcasecmp(parts[0], "spark_catalog") == 0)) {
        if (strcasecmp(parts[0], "spark_catalog") != 0)
            return unsupported_at(p, t, "a catalog other than spark_catalog"), false;
        return true;
    }
    p->at = first;
    return parse_database_name(p, s);
}

/* SHOW COLUMNS IN name [IN database] */
static bool parse_show_columns(Parser *p, SqlStatement *s)
{
    s->kind = SQL_SHOW_COLUMNS;
    if (!accept_word(p, "FROM") && !expect_word(p, "IN"))
        return false;
    s->query = parse_relation_name(p);
    if (!s->query || (!accept_word(p, "FROM") && !accept_word(p, "IN")))
        return s->query != NULL;
    if (!parse_database_name(p, s))
        return false;
    const char *parts[] = {s->database,
                           s->query->n_parts > 0 ? s->query->parts[s->query->n_parts - 1] : ""};
    s->query->parts = ubuilder_dup(p->b, parts, 2, sizeof(*parts));
    s->query->n_parts = 2;
    return s->query->parts != NULL;
}

static bool parse_pattern(Parser *p, SqlStatement *s)
{
    size_t n;
    if (!accept_word(p, "LIKE") && peek(p)->kind != TOKEN_STRING)
        return true;
    s->pattern = parse_string(p, &n);
    return s->pattern != NULL;
}

/* SHOW CREATE TABLE, TBLPROPERTIES, PARTITIONS: of one table. Return: false: none of them, or a
 * failure. */
static bool parse_show_of(Parser *p, SqlStatement *s)
{
    size_t n;
    if (at_words(p, "CREATE", "TABLE")) {
        advance(p);
        advance(p);
        s->kind = SQL_SHOW_CREATE;
        if (!parse_table_name(p, s))
            return false;
        if (at_words(p, "AS", "SERDE"))
            return unsupported_at(p, peek(p), "SHOW CREATE TABLE AS SERDE"), false;
        return true;
    }
    if (accept_word(p, "TBLPROPERTIES")) {
        s->kind = SQL_SHOW_PROPERTIES;
        if (!parse_table_name(p, s))
            return false;
        if (!accept_op(p, OP_LPAREN))
            return true;
        s->value = peek(p)->kind == TOKEN_STRING ? parse_string(p, &n) : parse_any_identifier(p);
        return s->value && expect_op(p, OP_RPAREN);
    }
    if (!accept_word(p, "PARTITIONS"))
        return false;
    s->kind = SQL_SHOW_PARTITIONS;
    return parse_table_name(p, s) && (!at_word(p, "PARTITION") || parse_partition_spec(p, s, true));
}

/* SHOW TABLES, VIEWS, DATABASES, ...: of many. */
static bool parse_show_list(Parser *p, SqlStatement *s)
{
    static const struct {
        const char *word;
        SqlStatementKind kind;
    } lists[] = {{"TABLES", SQL_SHOW_TABLES},        {"VIEWS", SQL_SHOW_VIEWS},
                 {"DATABASES", SQL_SHOW_DATABASES},  {"SCHEMAS", SQL_SHOW_DATABASES},
                 {"NAMESPACES", SQL_SHOW_DATABASES}, {"CATALOGS", SQL_SHOW_CATALOGS}};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        if (!accept_word(p, lists[i].word))
            continue;
        s->kind = lists[i].kind;
        if ((accept_word(p, "IN") || accept_word(p, "FROM")) && !parse_database_name(p, s))
            return false;
        return parse_pattern(p, s);
    }
    return unsupported_at(p, peek(p),
                          "SHOW of anything but TABLES, VIEWS, COLUMNS, PARTITIONS, TBLPROPERTIES, "
                          "CREATE TABLE, FUNCTIONS, DATABASES and CATALOGS"),
           false;
}

bool parse_show(Parser *p, SqlStatement *s)
{
    advance(p);
    bool user = accept_word(p, "USER");
    if (user || accept_word(p, "SYSTEM") || accept_word(p, "ALL") || at_word(p, "FUNCTIONS")) {
        if (!expect_word(p, "FUNCTIONS"))
            return false;
        s->kind = SQL_SHOW_FUNCTIONS;
        s->value = user ? "user" : NULL;
        if ((accept_word(p, "IN") || accept_word(p, "FROM")) && !parse_database_name(p, s))
            return false;
        return parse_pattern(p, s);
    }
    if (accept_word(p, "COLUMNS"))
        return parse_show_columns(p, s);
    if (at_words(p, "TABLE", "EXTENDED")) {
        advance(p);
        advance(p);
        s->kind = SQL_SHOW_TABLES;
        s->analyze = true;
        if ((accept_word(p, "IN") || accept_word(p, "FROM")) && !parse_database_name(p, s))
            return false;
        if (!at_word(p, "LIKE"))
            return syntax_error(p), false;
        if (!parse_pattern(p, s))
            return false;
        if (at_word(p, "PARTITION"))
            return unsupported_at(p, peek(p), "SHOW TABLE EXTENDED of a partition"), false;
        return true;
    }
    return parse_show_of(p, s) || (!failed(p) && parse_show_list(p, s));
}

/* DESCRIBE FUNCTION [EXTENDED] name, where the name may be an operator or text. */
static bool parse_describe_function(Parser *p, SqlStatement *s)
{
    s->kind = SQL_DESCRIBE_FUNCTION;
    s->analyze = accept_word(p, "EXTENDED");
    const Token *t = peek(p);
    size_t n;
    if (t->kind == TOKEN_STRING)
        s->name = parse_string(p, &n);
    else if (t->kind == TOKEN_OPERATOR) {
        s->name = mem_arena_strndup(p->b->arena, p->text + t->start, t->stop - t->start);
        advance(p);
    } else
        s->name = parse_any_identifier(p);
    return s->name != NULL;
}

bool parse_describe(Parser *p, SqlStatement *s)
{
    advance(p);
    if (accept_word(p, "FUNCTION"))
        return parse_describe_function(p, s);
    if (at_database(p)) {
        advance(p);
        s->kind = SQL_DESCRIBE_DATABASE;
        s->analyze = accept_word(p, "EXTENDED");
        return parse_database_name(p, s);
    }
    s->kind = SQL_DESCRIBE;
    accept_word(p, "TABLE");
    bool query = accept_word(p, "QUERY");
    s->analyze = accept_word(p, "EXTENDED") || accept_word(p, "FORMATTED");
    if (query || at_query(p)) {
        s->query = parse_query(p);
        return s->query != NULL;
    }
    uint32_t first = p->at;
    s->query = parse_relation_name(p);
    if (!s->query || s->query->kind != UREL_TABLE)
        return s->query != NULL;
    uint32_t behind = p->at;
    if (s->query->n_parts <= 3) {
        p->at = first;
        if (!parse_table_name(p, s))
            return false;
        p->at = behind;
    }
    if (at_word(p, "PARTITION") || at_word(p, "AS"))
        return unsupported_at(p, peek(p), "DESCRIBE of a partition, or AS JSON"), false;
    if (peek(p)->kind != TOKEN_END && !at_op(p, OP_SEMICOLON))
        return (s->value = parse_any_identifier(p)) != NULL;
    return true;
}
