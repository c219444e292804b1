/* SPDX-License-Identifier: Apache-2.0 */

/* CREATE, DROP and TRUNCATE TABLE; CREATE and DROP DATABASE. What alters them is in alter.c. */

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/parser_internal.h"

/* Spark takes what is in front of three parts for a schema of several. */
static bool other_catalog(Parser *p, const Token *t)
{
    analysis_error_at(p, t, "REQUIRES_SINGLE_PART_NAMESPACE", "42K05",
                      "spark_catalog requires a single-part namespace: there is no other catalog.");
    return false;
}

bool parse_table_name(Parser *p, SqlStatement *s)
{
    const Token *t = peek(p);
    const char **parts;
    uint32_t n;
    if (!parse_name(p, &parts, &n))
        return false;
    if (n > 3 || (n == 3 && strcasecmp(parts[0], "spark_catalog") != 0))
        return other_catalog(p, t);
    s->name = parts[n - 1];
    s->database = n > 1 ? parts[n - 2] : NULL;
    return true;
}

bool parse_database_name(Parser *p, SqlStatement *s)
{
    const Token *t = peek(p);
    const char **parts;
    uint32_t n;
    if (!parse_name(p, &parts, &n))
        return false;
    if (n > 2 || (n == 2 && strcasecmp(parts[0], "spark_catalog") != 0))
        return other_catalog(p, t);
    s->database = parts[n - 1];
    return true;
}

bool accept_exists(Parser *p, bool negated)
{
    if (!at_words(p, "IF", negated ? "NOT" : "EXISTS"))
        return false;
    advance(p);
    advance(p);
    return !negated || expect_word(p, "EXISTS");
}

bool parse_query_text(Parser *p, SqlStatement *s)
{
    uint32_t first = peek(p)->start;
    s->query = parse_query(p);
    if (!s->query)
        return false;
    s->text = ubuilder_strndup(p->b, p->text + first, p->tokens[p->at - 1].stop - first);
    return s->text != NULL;
}

bool parse_properties(Parser *p, SqlStatement *s)
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

/* A name alone is a column of the table; with a type (Hive's form) it is a new one. */
static bool parse_partition_column(Parser *p, SqlStatement *s, PtrList *names)
{
    const Token *t = peek(p);
    const char *name = parse_any_identifier(p);
    if (!list_add(p, names, (void *)name))
        return false;
    if (at_op(p, OP_COMMA) || at_op(p, OP_RPAREN))
        return true;
    if (at_op(p, OP_LPAREN))
        return unsupported_at(p, t, "PARTITIONED BY with transforms"), false;
    PlanField *fields = ubuilder_alloc(p->b, s->n_fields + 1, sizeof(*fields));
    const char **comments = ubuilder_alloc(p->b, s->n_fields + 1, sizeof(*comments));
    size_t n;
    if (!fields || !comments)
        return false;
    if (s->n_fields > 0) {
        memcpy(fields, s->fields, s->n_fields * sizeof(*fields));
        memcpy(comments, s->comments, s->n_fields * sizeof(*comments));
    }
    fields[s->n_fields] = (PlanField){.name = name, .nullable = true};
    if (!parse_type(p, &fields[s->n_fields].type))
        return false;
    if (accept_word(p, "COMMENT") && !(comments[s->n_fields] = parse_string(p, &n)))
        return false;
    s->fields = fields;
    s->comments = comments;
    s->n_fields++;
    return true;
}

/* PARTITIONED BY (a, b), behind the words. */
static bool parse_partitioned(Parser *p, SqlStatement *s)
{
    PtrList names = {0};
    if (!expect_op(p, OP_LPAREN))
        return false;
    do
        if (!parse_partition_column(p, s, &names))
            return false;
    while (accept_op(p, OP_COMMA));
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
        return (s->comment = parse_string(p, &n)) != NULL;
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
    if (failed(p) || !parse_table_name(p, s))
        return false;
    if (accept_word(p, "LIKE") && !(s->target = parse_relation_name(p)))
        return false;
    if (!s->target && accept_op(p, OP_LPAREN) &&
        (!parse_commented_fields(p, &s->fields, &s->comments, &s->n_fields) ||
         !expect_op(p, OP_RPAREN)))
        return false;
    const Token *columns = peek(p);
    while (parse_clause(p, s))
        ;
    if (failed(p))
        return false;
    if (at_word(p, "CLUSTERED") || at_word(p, "CLUSTER") || at_word(p, "STORED") ||
        at_word(p, "ROW"))
        return unsupported_at(p, peek(p), "this clause of CREATE TABLE"), false;
    if (s->target || !(accept_word(p, "AS") || at_query(p)))
        return true;
    if (s->n_fields > 0)
        return unsupported_at(p, columns, "CREATE TABLE with columns and a query"), false;
    s->query = parse_query(p);
    return s->query != NULL;
}

bool parse_drop_table(Parser *p, SqlStatement *s)
{
    s->kind = SQL_DROP_TABLE;
    s->if_exists = accept_exists(p, false);
    if (!parse_table_name(p, s))
        return false;
    accept_word(p, "PURGE");
    return true;
}

/* TABLE name [PARTITION (...)], behind TRUNCATE */
bool parse_truncate(Parser *p, SqlStatement *s)
{
    advance(p);
    s->kind = SQL_TRUNCATE_TABLE;
    if (!expect_word(p, "TABLE"))
        return false;
    s->target = parse_relation_name(p);
    return s->target && (!at_word(p, "PARTITION") || parse_partition_spec(p, s, true));
}

bool at_database(Parser *p)
{
    return at_word(p, "DATABASE") || at_word(p, "SCHEMA") || at_word(p, "NAMESPACE");
}

/* One clause behind the name. Return: false: none is there. */
static bool parse_database_clause(Parser *p, SqlStatement *s)
{
    size_t n;
    if (accept_word(p, "COMMENT"))
        return (s->comment = parse_string(p, &n)) != NULL;
    if (accept_word(p, "LOCATION"))
        return (s->path = parse_string(p, &n)) != NULL;
    if (!at_words(p, "WITH", "DBPROPERTIES") && !at_words(p, "WITH", "PROPERTIES"))
        return false;
    advance(p);
    advance(p);
    return parse_properties(p, s);
}

/* DATABASE [IF [NOT] EXISTS] name ... */
bool parse_database(Parser *p, SqlStatement *s, bool create)
{
    advance(p);
    s->kind = create ? SQL_CREATE_DATABASE : SQL_DROP_DATABASE;
    bool exists = accept_exists(p, create);
    *(create ? &s->if_not_exists : &s->if_exists) = exists;
    if (failed(p) || !parse_database_name(p, s))
        return false;
    while (create && parse_database_clause(p, s))
        ;
    if (!create) {
        s->cascade = accept_word(p, "CASCADE");
        if (!s->cascade)
            accept_word(p, "RESTRICT");
    }
    return !failed(p);
}
