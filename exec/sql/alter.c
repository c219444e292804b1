/* SPDX-License-Identifier: Apache-2.0 */

/* ALTER TABLE, VIEW and DATABASE; COMMENT ON. */

#include <stdio.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/parser_internal.h"

static void advance_by(Parser *p, uint32_t n)
{
    while (n-- > 0)
        advance(p);
}

static bool no_operation(Parser *p, const Token *t, const char *what)
{
    char text[200];
    (void)snprintf(text, sizeof(text),
                   "The feature is not supported: a table of this catalog does not support %s.",
                   what);
    analysis_error_at(p, t, "UNSUPPORTED_FEATURE.TABLE_OPERATION", "0A000", text);
    return false;
}

/* ('k' = 'v', ...), or ('k', ...) to be taken away. */
static bool parse_keys(Parser *p, SqlStatement *s)
{
    PtrList keys = {0};
    s->if_exists = accept_exists(p, false);
    if (!expect_op(p, OP_LPAREN))
        return false;
    do {
        size_t n;
        const char *key =
            peek(p)->kind == TOKEN_STRING ? parse_string(p, &n) : parse_any_identifier(p);
        if (!list_add(p, &keys, (void *)key))
            return false;
    } while (accept_op(p, OP_COMMA));
    s->properties = ubuilder_alloc(p->b, keys.n, sizeof(*s->properties));
    for (uint32_t i = 0; s->properties && i < keys.n; i++)
        s->properties[i] = (UOption){keys.items[i], ""};
    s->n_properties = keys.n;
    return s->properties && expect_op(p, OP_RPAREN);
}

/* [COLUMN] name [name type] COMMENT 'text', behind ALTER or CHANGE */
static bool parse_column(Parser *p, SqlStatement *s, bool change)
{
    size_t n;
    Type type;
    const Token *t = peek(p);
    accept_word(p, "COLUMN");
    s->alter = SQL_ALTER_COLUMN_COMMENT;
    s->value = parse_any_identifier(p);
    const char *again = change ? parse_any_identifier(p) : s->value;
    if (!s->value || !again || (change && !parse_type(p, &type)))
        return false;
    if (strcasecmp(again, s->value) != 0 || !at_word(p, "COMMENT")) {
        analysis_error_at(p, t, "NOT_SUPPORTED_CHANGE_COLUMN", "0A000",
                          "ALTER TABLE ALTER/CHANGE COLUMN is not supported for anything but the "
                          "comment of a column.");
        return false;
    }
    advance(p);
    s->comment = parse_string(p, &n);
    return s->comment != NULL;
}

/* COLUMNS (a int, ...) or COLUMN a int, behind ADD */
static bool parse_add_columns(Parser *p, SqlStatement *s)
{
    s->alter = SQL_ALTER_ADD_COLUMNS;
    if (!accept_word(p, "COLUMNS") && !expect_word(p, "COLUMN"))
        return false;
    bool paren = accept_op(p, OP_LPAREN);
    return parse_commented_fields(p, &s->fields, &s->comments, &s->n_fields) &&
           (!paren || expect_op(p, OP_RPAREN));
}

static bool parse_rename(Parser *p, SqlStatement *s)
{
    SqlStatement to = {.kind = SQL_ALTER_TABLE};
    s->alter = SQL_ALTER_RENAME;
    if (!expect_word(p, "TO") || !parse_table_name(p, &to))
        return false;
    s->to_database = to.database;
    s->value = to.name;
    return true;
}

static bool parse_set(Parser *p, SqlStatement *s)
{
    size_t n;
    if (accept_word(p, "TBLPROPERTIES")) {
        s->alter = SQL_ALTER_SET_PROPERTIES;
        return parse_properties(p, s);
    }
    if (!accept_word(p, "LOCATION"))
        return unsupported_at(p, peek(p),
                              "ALTER TABLE ... SET of anything but TBLPROPERTIES and "
                              "LOCATION"),
               false;
    s->alter = SQL_ALTER_LOCATION;
    s->path = parse_string(p, &n);
    return s->path != NULL;
}

static bool parse_add_or_drop(Parser *p, SqlStatement *s, bool add)
{
    if (add && !at_word(p, "IF") && !at_word(p, "PARTITION"))
        return parse_add_columns(p, s);
    if (!add && !at_word(p, "IF") && !at_word(p, "PARTITION"))
        return no_operation(p, peek(p), "DROP COLUMN");
    bool exists = accept_exists(p, add);
    *(add ? &s->if_not_exists : &s->if_exists) = exists;
    s->alter = add ? SQL_ALTER_ADD_PARTITION : SQL_ALTER_DROP_PARTITION;
    if (failed(p) || !at_word(p, "PARTITION"))
        return syntax_error(p), false;
    if (!parse_partition_spec(p, s, true))
        return false;
    accept_word(p, "PURGE");
    if (at_word(p, "PARTITION") || at_op(p, OP_COMMA) || at_word(p, "LOCATION"))
        return unsupported_at(p, peek(p), "ALTER TABLE with several partitions, or their places"),
               false;
    return true;
}

static bool parse_alter_table(Parser *p, SqlStatement *s)
{
    const Token *t = peek(p);
    if (!parse_table_name(p, s))
        return false;
    if (at_words(p, "RENAME", "COLUMN"))
        return no_operation(p, t, "RENAME COLUMN");
    if (at_words(p, "RECOVER", "PARTITIONS")) {
        advance_by(p, 2);
        s->alter = SQL_ALTER_RECOVER;
        return true;
    }
    if (accept_word(p, "RENAME"))
        return parse_rename(p, s);
    if (accept_word(p, "SET"))
        return parse_set(p, s);
    if (at_words(p, "UNSET", "TBLPROPERTIES")) {
        advance_by(p, 2);
        s->alter = SQL_ALTER_UNSET_PROPERTIES;
        return parse_keys(p, s);
    }
    if (accept_word(p, "ADD"))
        return parse_add_or_drop(p, s, true);
    if (accept_word(p, "DROP"))
        return parse_add_or_drop(p, s, false);
    if (accept_word(p, "ALTER"))
        return parse_column(p, s, false);
    if (accept_word(p, "CHANGE"))
        return parse_column(p, s, true);
    if (s->is_view && (accept_word(p, "AS") || at_query(p))) {
        s->alter = SQL_ALTER_AS;
        return parse_query_text(p, s);
    }
    return unsupported_at(p, t, "this form of ALTER TABLE"), false;
}

bool parse_alter(Parser *p, SqlStatement *s)
{
    const Token *t = peek(p);
    advance(p);
    s->kind = SQL_ALTER_TABLE;
    s->is_view = at_word(p, "VIEW");
    if (accept_word(p, "TABLE") || accept_word(p, "VIEW"))
        return parse_alter_table(p, s);
    if (!at_database(p))
        return unsupported_at(p, t, "ALTER of anything but tables, views and databases"), false;
    advance(p);
    s->kind = SQL_ALTER_DATABASE;
    if (!parse_database_name(p, s) || !expect_word(p, "SET"))
        return false;
    if (!accept_word(p, "DBPROPERTIES") && !accept_word(p, "PROPERTIES"))
        return unsupported_at(p, t, "ALTER DATABASE ... SET LOCATION"), false;
    return parse_properties(p, s);
}

/* COMMENT ON TABLE t IS 'text' or NULL */
bool parse_comment_on(Parser *p, SqlStatement *s)
{
    size_t n;
    advance(p);
    if (!expect_word(p, "ON"))
        return false;
    bool database = at_database(p);
    if (database)
        advance(p);
    else if (!expect_word(p, "TABLE"))
        return false;
    s->kind = database ? SQL_ALTER_DATABASE : SQL_ALTER_TABLE;
    s->alter = SQL_ALTER_COMMENT;
    if (!(database ? parse_database_name(p, s) : parse_table_name(p, s)) || !expect_word(p, "IS"))
        return false;
    s->comment = accept_word(p, "NULL") ? "" : parse_string(p, &n);
    return s->comment != NULL;
}
