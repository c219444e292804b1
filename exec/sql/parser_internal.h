/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The parser's state and the pieces that its files share. Every parse_x() returns NULL after a
 * failure, which then stands in the builder; it need not be looked at before the next call, because
 * every piece gives NULL for NULL.
 */

#include "exec/sql/lexer.h"
#include "exec/sql/parser.h"

typedef struct Parser {
    UBuilder *b;
    const char *text;
    uint32_t n_text;
    const Token *tokens;
    uint32_t n_tokens;
    uint32_t at;
    uint32_t depth;
    uint32_t n_positional; /* ? seen so far */
    const SqlParameters *parameters;
} Parser;

int parser_init(Parser *p, UBuilder *b, const char *text, size_t n,
                const SqlParameters *parameters);

/* The token that is next, and those behind it. */
static inline const Token *peek_at(const Parser *p, uint32_t ahead)
{
    uint32_t i = p->at + ahead;
    return &p->tokens[i < p->n_tokens ? i : p->n_tokens - 1];
}
static inline const Token *peek(const Parser *p)
{
    return &p->tokens[p->at];
}
static inline void advance(Parser *p)
{
    if (p->at + 1 < p->n_tokens)
        p->at++;
}

bool token_is_word(const Parser *p, const Token *t, const char *word);
bool at_word(const Parser *p, const char *word);
bool at_words(const Parser *p, const char *first, const char *second);
bool at_op(const Parser *p, TokenOp op);
/* Takes it if it is there. */
bool accept_word(Parser *p, const char *word);
bool accept_op(Parser *p, TokenOp op);
/* Takes it or fails. */
bool expect_word(Parser *p, const char *word);
bool expect_op(Parser *p, TokenOp op);
/* "Syntax error at or near ..." for the next token. Return: NULL. */
void *syntax_error(Parser *p);
/* The same behind what is complete: the token is one too many. */
void *extra_input(Parser *p);
/* A failure of another class at a token. Return: NULL. */
void *parse_error_at(Parser *p, const Token *t, const char *error_class, const char *sqlstate,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same with the exception of arithmetic, and of analysis. Return: NULL. */
void *arithmetic_error_at(Parser *p, const Token *t, const char *error_class, const char *sqlstate,
                          const char *what);
void *analysis_error_at(Parser *p, const Token *t, const char *error_class, const char *sqlstate,
                        const char *what);
void *unsupported_at(Parser *p, const Token *t, const char *what);
/* Around everything that can nest. */
bool enter(Parser *p);
static inline void leave(Parser *p)
{
    p->depth--;
}
static inline bool failed(const Parser *p)
{
    return p->b->result != 0;
}

/* A growing list of pointers in the builder's arena. */
typedef struct PtrList {
    void **items;
    uint32_t n, capacity;
} PtrList;
/* Return: false after a failure; @item NULL counts as one. */
bool list_add(Parser *p, PtrList *list, void *item);

/* Identifiers: quoted ones are taken as they are; words unless they are reserved here. */
const char *parse_identifier(Parser *p);
bool at_identifier(const Parser *p);
/* Any word at all, for places where nothing else can stand (after AS, after a dot). */
const char *parse_any_identifier(Parser *p);
/* a.b.c. Return: false after a failure. */
bool parse_name(Parser *p, const char ***ret_parts, uint32_t *ret_n);
char *token_text(Parser *p, const Token *t);
/* One string literal, with adjacent ones appended. */
char *parse_string(Parser *p, size_t *ret_n);

UExpr *parse_expression(Parser *p);
/* expression [AS alias] */
UExpr *parse_named_expression(Parser *p);
bool parse_expression_list(Parser *p, PtrList *list);
UExpr *parse_interval(Parser *p); /* behind the word INTERVAL */
bool parse_type(Parser *p, Type *ret_type);
bool parse_schema_fields(Parser *p, PlanField **ret_fields, uint32_t *ret_n);
/* The same with the columns' comments, each or all NULL. */
bool parse_commented_fields(Parser *p, PlanField **ret_fields, const char ***ret_comments,
                            uint32_t *ret_n);
/* Where a query can begin. */
bool at_query(const Parser *p);
URel *parse_query(Parser *p);
/* JOIN ... behind @left, as often as there is one. */
URel *parse_joins(Parser *p, URel *left);
/* UNION, EXCEPT, INTERSECT behind @left; @level 0: all, 1: only INTERSECT. */
URel *parse_set_operations(Parser *p, URel *left, int level);
/* ORDER BY, LIMIT, OFFSET and pipes behind @rel. */
URel *parse_query_tail(Parser *p, URel *rel);
/* Behind GROUP BY. */
bool parse_group_by(Parser *p, URel *rel);
/* |> ..., as often as there is one. */
URel *parse_pipes(Parser *p, URel *rel);
bool at_pipe(const Parser *p);
/* IDENTIFIER('a.b'), when it is next. */
bool at_identifier_clause(const Parser *p);
bool parse_identifier_clause(Parser *p, const char ***ret_parts, uint32_t *ret_n);
/* PIVOT or UNPIVOT, which is next, of @input. */
URel *parse_pivot(Parser *p, URel *input);
UExpr *mark(Parser *p, UExpr *e, uint32_t first_token);

/* window.c. */
#define WINDOW_KEYS_MAX 64u
/* At OVER, behind a call. */
UExpr *parse_over(Parser *p, UExpr *call);
/* [WINDOW name AS (...), ...] of a SELECT. Return: false after an error. */
bool parse_window_clause(Parser *p, URel *rel);
/* At WITHIN GROUP behind a call. */
UExpr *parse_within_group(Parser *p, UExpr *call);

/* statement.c: a relation by name, as it would be in FROM. */
URel *parse_relation_name(Parser *p);
/* (key [=] value, ...): UOptions, and the values of "path". */
bool parse_options(Parser *p, PtrList *options, PtrList *paths);
/* v, global_temp.v, and what is not @temporary also db.v and spark_catalog.db.v */
bool parse_view_name(Parser *p, SqlStatement *s, bool temporary);
/* write.c; at INSERT */
bool parse_insert(Parser *p, SqlStatement *s);
/* OPTIONS (key [=] value, ...), behind the word */
bool parse_write_options(Parser *p, SqlStatement *s);
/* At PARTITION: (name [= value], ...) into @partitions and @values. @needed: no name without a
 * value. */
bool parse_partition_spec(Parser *p, SqlStatement *s, bool needed);
/* table.c; at TABLE behind CREATE, behind TABLE of DROP, at TRUNCATE, at DATABASE. */
bool parse_create_table(Parser *p, SqlStatement *s);
bool parse_drop_table(Parser *p, SqlStatement *s);
bool parse_truncate(Parser *p, SqlStatement *s);
bool at_database(Parser *p);
bool parse_database(Parser *p, SqlStatement *s, bool create);
/* t, db.t, spark_catalog.db.t */
bool parse_table_name(Parser *p, SqlStatement *s);
/* db, spark_catalog.db */
bool parse_database_name(Parser *p, SqlStatement *s);
/* (key [=] value, ...), behind TBLPROPERTIES or DBPROPERTIES */
bool parse_properties(Parser *p, SqlStatement *s);
/* IF EXISTS, or IF NOT EXISTS. */
bool accept_exists(Parser *p, bool negated);
/* The query that is next, and its text. */
bool parse_query_text(Parser *p, SqlStatement *s);
/* alter.c; at ALTER, at COMMENT */
bool parse_alter(Parser *p, SqlStatement *s);
bool parse_comment_on(Parser *p, SqlStatement *s);
/* show.c; at SHOW, at DESCRIBE, at USE or SET CATALOG */
bool parse_show(Parser *p, SqlStatement *s);
bool parse_describe(Parser *p, SqlStatement *s);
bool parse_use(Parser *p, SqlStatement *s);
