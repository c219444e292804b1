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
    SQL_EXPLAIN,           /* @query, @mode, @analyze */
    SQL_CREATE_VIEW,       /* @name, @query, @replace, @if_not_exists, @temporary */
    SQL_DROP_VIEW,         /* @name, @if_exists */
    SQL_SHOW_TABLES,       /* @pattern */
    SQL_SHOW_VIEWS,        /* @pattern */
    SQL_SHOW_NAME,         /* @name of the column, @value, @pattern: SHOW DATABASES, CATALOGS */
    SQL_SHOW_COLUMNS,      /* @query */
    SQL_SHOW_FUNCTIONS,    /* @pattern; @name: "user" for none of ours */
    SQL_DESCRIBE_FUNCTION, /* @name, @analyze: extended */
    SQL_DESCRIBE,          /* @query */
    SQL_SET,               /* @name, @value; neither: list all; no value: show one */
    SQL_RESET,             /* @name or all */
    SQL_DECLARE,           /* @name, @query: its value, @has_type, @type, @replace */
    SQL_SET_VARIABLE,      /* @name, @query */
    SQL_DROP_VARIABLE,     /* @name, @if_exists */
    SQL_INSERT,            /* @target, @columns or @by_name, @query, @replace: OVERWRITE */
    SQL_WRITE_DIRECTORY,   /* @path, @format, @options, @query */
    /* @name, @format, @options, @partitions, @path, @properties; @query or @fields */
    SQL_CREATE_TABLE,
    SQL_DROP_TABLE,      /* @name, @if_exists */
    SQL_TRUNCATE_TABLE,  /* @target */
    SQL_CREATE_DATABASE, /* @name, @if_not_exists */
    SQL_DROP_DATABASE,   /* @name, @if_exists */
    SQL_NOTHING, /* accepted, does nothing: CACHE, UNCACHE, CLEAR CACHE, REFRESH, USE default */
    _SQL_STATEMENT_KIND_MAX,
} SqlStatementKind;

typedef enum SqlExplainMode {
    SQL_EXPLAIN_SIMPLE,
    SQL_EXPLAIN_EXTENDED,
    SQL_EXPLAIN_FORMATTED,
    SQL_EXPLAIN_COST,
    SQL_EXPLAIN_CODEGEN,
} SqlExplainMode;

typedef struct SqlStatement {
    SqlStatementKind kind;
    URel *query;
    const char *name, *value, *pattern;
    const char **columns; /* CREATE VIEW v (a, b); INSERT INTO t (a, b) */
    uint32_t n_columns;
    SqlExplainMode mode;
    bool analyze, has_type;
    Type type;
    bool replace, if_exists, if_not_exists, by_name, temporary;
    URel *target; /* a table's name, or files */
    const char *format, *path;
    UOption *options, *properties;
    uint32_t n_options, n_properties;
    const char **partitions; /* CREATE TABLE: PARTITIONED BY; INSERT: PARTITION (name = value) */
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
