/* SPDX-License-Identifier: Apache-2.0 */

/* CREATE, DROP and TRUNCATE TABLE; CREATE and DROP DATABASE. */

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/parser_internal.h"

/* t, default.t or spark_catalog.default.t: the one schema that tables can be in. */
const char *parse_table_name(Parser *p)
{
    const Token *t = peek(p);
    const char **parts;
    uint32_t n;
    if (!parse_name(p, &parts, &n))
        return NULL;
    if (n > 3 || (n > 1 && strcasecmp(parts[n - 2], "default") != 0) ||
        (n > 2 && strcasecmp(parts[0], "spark_catalog") != 0))
        return unsupported_at(p, t, "a table in another schema than default");
    return parts[n - 1];
}

static bool accept_exists(Parser *p, bool negated)
{
    if (!at_words(p, "IF", negated ? "NOT" : "EXISTS"))
        return false;
    advance(p);
    advance(p);
    return !negated || expect_word(p, "EXISTS");
}

/* (key [=] value, ...), behind TBLPROPERTIES or DBPROPERTIES */
static bool parse_properties(Parser *p, SqlStatement *s)
{
    PtrList list = {0}, paths = {0};
    if (!parse_options(p, &list, &paths))
        return false;
    s->properties = ubuilder_alloc(p->b, list.n + 1, sizeof(UOption));
    for (uint32_t i = 0; s->properties && i < list.n; i++)
        s->properties[i] = *(const UOption *)list.items[i];
    s->n_properties = list.n;
    return s->properties != NULL;
}

/* PARTITIONED BY (a, b), behind the words. With types (Hive's form) the columns are new ones. */
static bool parse_partitioned(Parser *p, SqlStatement *s)
{
    PtrList names = {0};
    if (!expect_op(p, OP_LPAREN))
        return false;
    do {
        const Token *t = peek(p);
        if (!list_add(p, &names, (void *)parse_any_identifier(p)))
            return false;
        if (!at_op(p, OP_COMMA) && !at_op(p, OP_RPAREN))
            return unsupported_at(p, t, "PARTITIONED BY with types or transforms"), false;
    } while (accept_op(p, OP_COMMA));
    s->partitions = (const char **)names.items;
    s->n_partitions = names.n;
    return expect_op(p, OP_RPAREN);
}

/* One clause between the columns and AS. Return: false: none is there. */
static bool parse_clause(Parser *p, SqlStatement *s)
{
    size_t n;
    if (accept_word(p, "USING"))
        return (s->format = parse_any_identifier(p)) != NULL;
    if (accept_word(p, "OPTIONS"))
        return parse_write_options(p, s);
    if (accept_word(p, "TBLPROPERTIES"))
        return parse_properties(p, s);
    if (accept_word(p, "LOCATION"))
        return (s->path = parse_string(p, &n)) != NULL;
    if (accept_word(p, "COMMENT"))
        return parse_string(p, &n) != NULL;
    if (!at_words(p, "PARTITIONED", "BY"))
        return false;
    advance(p);
    advance(p);
    return parse_partitioned(p, s);
}

/* TABLE [IF NOT EXISTS] name [(column type, ...)] [USING format] [OPTIONS (...)]
 * [PARTITIONED BY (...)] [LOCATION 'x'] [COMMENT 'x'] [TBLPROPERTIES (...)] [[AS] query] */
bool parse_create_table(Parser *p, SqlStatement *s)
{
    advance(p);
    s->kind = SQL_CREATE_TABLE;
    s->if_not_exists = accept_exists(p, true);
    s->name = parse_table_name(p);
    if (!s->name)
        return false;
    const Token *columns = peek(p);
    if (accept_op(p, OP_LPAREN) &&
        (!parse_schema_fields(p, &s->fields, &s->n_fields) || !expect_op(p, OP_RPAREN)))
        return false;
    s->format = "parquet";
    while (parse_clause(p, s))
        ;
    if (failed(p))
        return false;
    if (at_word(p, "CLUSTERED") || at_word(p, "CLUSTER") || at_word(p, "STORED") ||
        at_word(p, "ROW"))
        return unsupported_at(p, peek(p), "this clause of CREATE TABLE"), false;
    if (accept_word(p, "AS") || at_query(p)) {
        if (s->n_fields > 0)
            return unsupported_at(p, columns, "CREATE TABLE with columns and a query"), false;
        s->query = parse_query(p);
        return s->query != NULL;
    }
    if (s->n_fields == 0 && !s->path)
        return unsupported_at(p, peek(p), "CREATE TABLE without columns, LOCATION or AS"), false;
    return true;
}

bool parse_drop_table(Parser *p, SqlStatement *s)
{
    s->kind = SQL_DROP_TABLE;
    s->if_exists = accept_exists(p, false);
    s->name = parse_table_name(p);
    accept_word(p, "PURGE");
    return s->name != NULL;
}

/* TABLE name, behind TRUNCATE */
bool parse_truncate(Parser *p, SqlStatement *s)
{
    advance(p);
    s->kind = SQL_TRUNCATE_TABLE;
    if (!expect_word(p, "TABLE"))
        return false;
    s->target = parse_relation_name(p);
    if (at_word(p, "PARTITION"))
        return unsupported_at(p, peek(p), "TRUNCATE TABLE of a partition"), false;
    return s->target != NULL;
}

bool at_database(Parser *p)
{
    return at_word(p, "DATABASE") || at_word(p, "SCHEMA") || at_word(p, "NAMESPACE");
}

/* DATABASE [IF [NOT] EXISTS] name ...: it has a name and nothing else. */
bool parse_database(Parser *p, SqlStatement *s, bool create)
{
    size_t n;
    const Token *t;
    const char **parts;
    uint32_t n_parts;
    advance(p);
    s->kind = create ? SQL_CREATE_DATABASE : SQL_DROP_DATABASE;
    bool exists = accept_exists(p, create);
    *(create ? &s->if_not_exists : &s->if_exists) = exists;
    t = peek(p);
    if (failed(p) || !parse_name(p, &parts, &n_parts))
        return false;
    if (n_parts > 2 || (n_parts == 2 && strcasecmp(parts[0], "spark_catalog") != 0))
        return unsupported_at(p, t, "a schema of another catalog than spark_catalog"), false;
    s->name = parts[n_parts - 1];
    if (create && accept_word(p, "COMMENT"))
        (void)parse_string(p, &n);
    if (create && at_word(p, "LOCATION"))
        return unsupported_at(p, peek(p), "CREATE DATABASE with a LOCATION"), false;
    if (create && at_words(p, "WITH", "DBPROPERTIES")) {
        advance(p);
        advance(p);
        return parse_properties(p, s);
    }
    if (!create && !accept_word(p, "CASCADE"))
        accept_word(p, "RESTRICT");
    return !failed(p);
}
