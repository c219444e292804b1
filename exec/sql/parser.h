/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Spark's SQL dialect to the unresolved tree. Recursive descent; nesting is bounded by
 * SQL_NEST_MAX, so any text gives a tree or an error (PARSE_SYNTAX_ERROR, 42601, with line,
 * position and an excerpt with a caret).
 *
 * Source: Spark SQL reference, "SQL Syntax"; precedence as in its grammar.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/plan/unresolved.h"

#define SQL_NEST_MAX 500u

typedef enum SqlStatementKind {
    SQL_QUERY,
    SQL_EXPLAIN, /* @query, @mode, @analyze */
    /* @database and @name are of a table, a view or what is to be one; no database: the current */
    SQL_CREATE_VIEW,       /* @query, @text, @columns, @comments, @replace, @if_not_exists, ... */
    SQL_DROP_VIEW,         /* @if_exists */
    SQL_SHOW_TABLES,       /* @database, @pattern, @analyze: EXTENDED */
    SQL_SHOW_VIEWS,        /* @database, @pattern */
    SQL_SHOW_DATABASES,    /* @pattern */
    SQL_SHOW_CATALOGS,     /* @pattern */
    SQL_SHOW_COLUMNS,      /* @query */
    SQL_SHOW_CREATE,       /* */
    SQL_SHOW_PROPERTIES,   /* @value: a key, or NULL */
    SQL_SHOW_PARTITIONS,   /* @partitions, @values: only these */
    SQL_SHOW_FUNCTIONS,    /* @pattern; @name: "user" for none of ours */
    SQL_DESCRIBE_FUNCTION, /* @name, @analyze: extended */
    SQL_DESCRIBE,          /* @query; of a table also @name, @analyze: extended, @value: a column */
    SQL_DESCRIBE_DATABASE, /* @database, @analyze: extended */
    SQL_SET,               /* @name, @value; neither: list all; no value: show one */
    SQL_RESET,             /* @name or all */
    SQL_DECLARE,           /* @name, @query: its value, @has_type, @type, @replace */
    SQL_SET_VARIABLE,      /* @name, @query */
    SQL_DROP_VARIABLE,     /* @name, @if_exists */
    /* @target, @columns or @by_name, @query, @replace: OVERWRITE, @partitions, @values,
     * @if_not_exists */
    SQL_INSERT,
    SQL_WRITE_DIRECTORY, /* @path, @format, @options, @query */
    /* @format, @options, @partitions, @path, @properties, @comment, @replace, @must_exist; @query,
     * or @fields and @comments, or @target: LIKE it */
    SQL_CREATE_TABLE,
    SQL_DROP_TABLE,      /* @if_exists */
    SQL_TRUNCATE_TABLE,  /* @target, @partitions, @values */
    SQL_ALTER_TABLE,     /* @alter, @is_view */
    SQL_CREATE_DATABASE, /* @database, @if_not_exists, @comment, @path, @properties */
    SQL_DROP_DATABASE,   /* @database, @if_exists, @cascade */
    SQL_ALTER_DATABASE,  /* @database, @properties or @comment */
    SQL_USE,             /* @database; NULL: stays where it is */
    SQL_TOUCH,           /* @query is to be there: REFRESH, ANALYZE, ...; @name: partitioned */
    SQL_NOTHING,         /* accepted, does nothing: CLEAR CACHE */
    _SQL_STATEMENT_KIND_MAX,
} SqlStatementKind;

typedef enum SqlExplainMode {
    SQL_EXPLAIN_SIMPLE,
    SQL_EXPLAIN_EXTENDED,
    SQL_EXPLAIN_FORMATTED,
    SQL_EXPLAIN_COST,
    SQL_EXPLAIN_CODEGEN,
} SqlExplainMode;

typedef enum SqlAlter {
    SQL_ALTER_RENAME,           /* @to_database, @value */
    SQL_ALTER_ADD_COLUMNS,      /* @fields, @comments */
    SQL_ALTER_SET_PROPERTIES,   /* @properties */
    SQL_ALTER_UNSET_PROPERTIES, /* @properties: keys, @if_exists */
    SQL_ALTER_COMMENT,          /* @comment */
    SQL_ALTER_COLUMN_COMMENT,   /* @value: the column, @comment */
    SQL_ALTER_AS,               /* @query, @text */
    SQL_ALTER_ADD_PARTITION,    /* @partitions, @values, @if_not_exists */
    SQL_ALTER_DROP_PARTITION,   /* @partitions, @values, @if_exists */
    SQL_ALTER_LOCATION,         /* @path */
    SQL_ALTER_RECOVER,          /* all folders are seen: nothing to be done */
} SqlAlter;

typedef struct SqlStatement {
    SqlStatementKind kind;
    URel *query;
    const char *database, *name, *to_database, *value, *pattern;
    const char *comment, *text; /* text: of the query, as written */
    const char **comments;      /* of @columns or @fields; NULL or some of them NULL */
    const char **columns;       /* CREATE VIEW v (a, b); INSERT INTO t (a, b) */
    uint32_t n_columns;
    SqlExplainMode mode;
    bool analyze, has_type;
    Type type;
    bool replace, if_exists, if_not_exists, by_name, temporary, must_exist, cascade, is_view;
    SqlAlter alter;
    URel *target; /* a table's name, or files */
    const char *format, *path;
    UOption *options, *properties;
    uint32_t n_options, n_properties;
    const char **partitions; /* CREATE TABLE: PARTITIONED BY; else PARTITION (name = value) */
    UExpr **values;          /* [@n_partitions]; NULL: none was given */
    uint32_t n_partitions;
    PlanField *fields; /* CREATE TABLE t (name type, ...) */
    uint32_t n_fields;
} SqlStatement;

/* Values of :name and ? parameters: literals or expressions over literals. */
typedef struct SqlParameters {
    const char **names; /* NULL: positional */
    UExpr **values;
    uint32_t n_values;
    bool immediate; /* of EXECUTE IMMEDIATE, which does not nest */
} SqlParameters;

/**
 * sql_parse_statement() - one statement; a semicolon at the end is fine
 * @text:        @n bytes, need not end in NUL; borrowed for the call
 * @parameters:  nullable
 * Return: 0; QUERY_E_FAILED with the builder's error; as mem_charge().
 */
int sql_parse_statement(UBuilder *b, const char *text, size_t n, const SqlParameters *parameters,
                        SqlStatement *ret_statement);
/* A scalar expression, perhaps with AS name. Return: as above. */
int sql_parse_expression(UBuilder *b, const char *text, size_t n, UExpr **ret_expr);
/* "decimal(10,2)", "array<int>". Return: as above. */
/* from_json()'s schema as DDL, of a type or of fields: NULL AS that type. NULL after an error. */
UExpr *sql_schema_argument(UBuilder *builder, const char *text, size_t n);
int sql_parse_type(UBuilder *b, const char *text, size_t n, Type *ret_type);
/* "a INT, b STRING NOT NULL COMMENT 'x'". Return: as above. */
int sql_parse_schema(UBuilder *b, const char *text, size_t n, PlanField **ret_fields,
                     uint32_t *ret_n);
