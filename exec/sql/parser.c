/* SPDX-License-Identifier: Apache-2.0 */

/* Tokens, names, errors: what all parts of the parser stand on. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/parser_internal.h"

int parser_init(Parser *p, UBuilder *b, const char *text, size_t n, const SqlParameters *parameters)
{
    Token *tokens;
    uint32_t n_tokens;
    int r = sql_lex(b, text, n, &tokens, &n_tokens);
    if (r != 0)
        return r;
    *p = (Parser){.b = b,
                  .text = text,
                  .n_text = (uint32_t)n,
                  .tokens = tokens,
                  .n_tokens = n_tokens,
                  .parameters = parameters};
    return 0;
}

bool token_is_word(const Parser *p, const Token *t, const char *word)
{
    return t->kind == TOKEN_WORD && strlen(word) == t->stop - t->start &&
           strncasecmp(p->text + t->start, word, t->stop - t->start) == 0;
}

bool at_word(const Parser *p, const char *word)
{
    return token_is_word(p, peek(p), word);
}

bool at_words(const Parser *p, const char *first, const char *second)
{
    return token_is_word(p, peek(p), first) && token_is_word(p, peek_at(p, 1), second);
}

bool at_op(const Parser *p, TokenOp op)
{
    return peek(p)->kind == TOKEN_OPERATOR && peek(p)->op == op;
}

bool accept_word(Parser *p, const char *word)
{
    if (failed(p) || !at_word(p, word))
        return false;
    advance(p);
    return true;
}

bool accept_op(Parser *p, TokenOp op)
{
    if (failed(p) || !at_op(p, op))
        return false;
    advance(p);
    return true;
}

bool expect_word(Parser *p, const char *word)
{
    if (accept_word(p, word))
        return true;
    syntax_error(p);
    return false;
}

bool expect_op(Parser *p, TokenOp op)
{
    if (accept_op(p, op))
        return true;
    syntax_error(p);
    return false;
}

/* The line that holds @offset, cut to what fits a terminal, and a caret below. */
static void excerpt(const Parser *p, uint32_t offset, uint32_t *ret_line, uint32_t *ret_column,
                    char *buf, size_t size)
{
    uint32_t line = 1, begin = 0;
    for (uint32_t i = 0; i < offset && i < p->n_text; i++) {
        if (p->text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    uint32_t column = offset - begin, end = begin;
    while (end < p->n_text && p->text[end] != '\n' && p->text[end] != '\r')
        end++;
    uint32_t from = column > 100 ? offset - 100 : begin;
    uint32_t to = MIN(end, from + 160);
    /* Not in the middle of a character. */
    while (from > begin && ((unsigned char)p->text[from] & 0xC0) == 0x80)
        from--;
    while (to > from && to < end && ((unsigned char)p->text[to] & 0xC0) == 0x80)
        to--;
    char dashes[264];
    uint32_t n = MIN(offset - from, (uint32_t)sizeof(dashes) - 1);
    memset(dashes, '-', n);
    dashes[n] = '\0';
    snprintf(buf, size, "\n\n== SQL ==\n%.*s\n%s^^^\n", (int)(to - from), p->text + from, dashes);
    *ret_line = line;
    *ret_column = column + 1;
}

static void *fail_at(Parser *p, const Token *t, const char *error_class, const char *sqlstate,
                     DataErrorKind kind, const char *what)
{
    if (failed(p))
        return NULL;
    char text[512];
    uint32_t line, column;
    excerpt(p, t->start, &line, &column, text, sizeof(text));
    int r = query_error_set(p->b->error, kind, error_class, sqlstate,
                            "%s SQLSTATE: %s (line %u, pos %u)%s", what, sqlstate, line, column - 1,
                            text);
    if (p->b->error) {
        p->b->error->line = line;
        p->b->error->column = column;
        p->b->error->start = t->start;
        p->b->error->stop = t->stop;
    }
    return ubuilder_fail(p->b, r);
}

static void *syntax_error_with(Parser *p, bool extra)
{
    if (failed(p))
        return NULL;
    const Token *t = peek(p);
    char near[80] = "end of input", hint[100] = "", what[240];
    if (t->kind != TOKEN_END)
        snprintf(near, sizeof(near), "'%.*s'%s", (int)MIN(t->stop - t->start, 60u),
                 p->text + t->start, t->stop - t->start > 60 ? "..." : "");
    if (extra)
        snprintf(hint, sizeof(hint), ": extra input %s", near);
    snprintf(what, sizeof(what), "Syntax error at or near %s%s.", near, hint);
    fail_at(p, t, "PARSE_SYNTAX_ERROR", "42601", DATA_ERROR_PARSE, what);
    query_error_parameters(p->b->error, "error", near, "hint", hint, NULL);
    return NULL;
}

void *syntax_error(Parser *p)
{
    return syntax_error_with(p, false);
}

void *extra_input(Parser *p)
{
    return syntax_error_with(p, true);
}

void *parse_error_at(Parser *p, const Token *t, const char *error_class, const char *sqlstate,
                     const char *format, ...)
{
    char what[400];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    return fail_at(p, t, error_class, sqlstate, DATA_ERROR_PARSE, what);
}

void *arithmetic_error_at(Parser *p, const Token *t, const char *error_class, const char *sqlstate,
                          const char *what)
{
    return fail_at(p, t, error_class, sqlstate, DATA_ERROR_ARITHMETIC, what);
}

void *analysis_error_at(Parser *p, const Token *t, const char *error_class, const char *sqlstate,
                        const char *what)
{
    return fail_at(p, t, error_class, sqlstate, DATA_ERROR_ANALYSIS, what);
}

void *unsupported_at(Parser *p, const Token *t, const char *what)
{
    char text[200];
    snprintf(text, sizeof(text), "The feature is not supported: %s.", what);
    return fail_at(p, t, "UNSUPPORTED_FEATURE", "0A000", DATA_ERROR_UNSUPPORTED, text);
}

bool enter(Parser *p)
{
    if (failed(p))
        return false;
    if (p->depth >= SQL_NEST_MAX) {
        ubuilder_too_deep(p->b);
        return false;
    }
    p->depth++;
    return true;
}

bool list_add(Parser *p, PtrList *list, void *item)
{
    if (!item || failed(p))
        return false;
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 4;
        void **grown = ubuilder_alloc(p->b, capacity, sizeof(*grown));
        if (!grown)
            return false;
        if (list->n > 0)
            memcpy(grown, list->items, list->n * sizeof(*grown));
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n++] = item;
    return true;
}

/* Words that end an expression or begin the next clause, so that they cannot be names there. */
static const char *const reserved[] = {
    "AND",      "ANTI",   "AS",          "BETWEEN",   "CASE",  "CLUSTER", "CROSS",   "DISTRIBUTE",
    "DIV",      "ELSE",   "END",         "EXCEPT",    "FROM",  "FULL",    "GROUP",   "HAVING",
    "ILIKE",    "IN",     "INNER",       "INTERSECT", "IS",    "JOIN",    "LATERAL", "LEFT",
    "LIKE",     "LIMIT",  "MINUS",       "NATURAL",   "NOT",   "OFFSET",  "ON",      "OR",
    "ORDER",    "PIVOT",  "QUALIFY",     "REGEXP",    "RIGHT", "RLIKE",   "SELECT",  "SEMI",
    "SETMINUS", "SORT",   "TABLESAMPLE", "THEN",      "UNION", "UNPIVOT", "USING",   "WHEN",
    "WHERE",    "WINDOW", "WITH",
};

/* WINDOW is a name, too, where no clause of that word begins: WINDOW name AS (...). */
static bool begins_window_clause(const Parser *p, const Token *t)
{
    uint32_t at = (uint32_t)(t - p->tokens);
    return at + 2 < p->n_tokens && (t[1].kind == TOKEN_WORD || t[1].kind == TOKEN_QUOTED) &&
           token_is_word(p, &t[2], "AS");
}

static bool is_reserved(const Parser *p, const Token *t)
{
    if (token_is_word(p, t, "WINDOW"))
        return begins_window_clause(p, t);
    size_t low = 0, high = ARRAY_SIZE(reserved);
    while (low < high) {
        size_t mid = (low + high) / 2;
        size_t n = t->stop - t->start;
        int c = strncasecmp(reserved[mid], p->text + t->start, n);
        if (c == 0 && reserved[mid][n] != '\0')
            c = 1;
        if (c == 0)
            return true;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

bool at_identifier(const Parser *p)
{
    const Token *t = peek(p);
    return t->kind == TOKEN_QUOTED || (t->kind == TOKEN_WORD && !is_reserved(p, t));
}

char *token_text(Parser *p, const Token *t)
{
    return ubuilder_strndup(p->b, p->text + t->start, t->stop - t->start);
}

const char *parse_any_identifier(Parser *p)
{
    const Token *t = peek(p);
    if (failed(p))
        return NULL;
    if (t->kind == TOKEN_QUOTED) {
        size_t n;
        char *name = sql_unquote(p->b, p->text, t, &n);
        if (name && (n == 0 || strlen(name) != n))
            return syntax_error(p);
        advance(p);
        return name;
    }
    if (t->kind != TOKEN_WORD)
        return syntax_error(p);
    advance(p);
    return token_text(p, t);
}

const char *parse_identifier(Parser *p)
{
    if (!at_identifier(p))
        return syntax_error(p);
    return parse_any_identifier(p);
}

bool at_identifier_clause(const Parser *p)
{
    const Token *in = peek_at(p, 2);
    return at_word(p, "IDENTIFIER") && peek_at(p, 1)->op == OP_LPAREN &&
           (in->kind == TOKEN_STRING || in->op == OP_COLON || in->op == OP_QUESTION);
}

/* A text that is there before the query: a literal, or some put together. */
static bool constant_text(const UExpr *e, char *buf, size_t size, size_t *n)
{
    if (e->kind == UEXPR_CALL && strcmp(e->name, "concat") == 0) {
        for (uint32_t i = 0; i < e->n_args; i++)
            if (!constant_text(e->args[i], buf, size, n))
                return false;
        return true;
    }
    if (e->kind != UEXPR_LITERAL || e->type.kind != TYPE_STRING || e->literal.is_null ||
        e->literal.s.length >= size - *n)
        return false;
    memcpy(buf + *n, vec_string_data(&e->literal.s), e->literal.s.length);
    *n += e->literal.s.length;
    return true;
}

bool parse_identifier_clause(Parser *p, const char ***ret_parts, uint32_t *ret_n)
{
    const Token *t = peek(p);
    char text[1024];
    size_t n = 0;
    advance(p);
    advance(p);
    UExpr *e = parse_expression(p);
    if (!e || !expect_op(p, OP_RPAREN))
        return false;
    if (!constant_text(e, text, sizeof(text), &n))
        return parse_error_at(p, t, "NOT_A_CONSTANT_STRING.NOT_CONSTANT", "42601",
                              "The expression of IDENTIFIER must be a constant string."),
               false;
    return unresolved_split_name(p->b, text, n, ret_parts, ret_n) == 0;
}

bool parse_name(Parser *p, const char ***ret_parts, uint32_t *ret_n)
{
    PtrList parts = {0};
    if (at_identifier_clause(p))
        return parse_identifier_clause(p, ret_parts, ret_n);
    if (!list_add(p, &parts, (void *)parse_identifier(p)))
        return false;
    while (at_op(p, OP_DOT) &&
           (peek_at(p, 1)->kind == TOKEN_WORD || peek_at(p, 1)->kind == TOKEN_QUOTED)) {
        advance(p);
        if (!list_add(p, &parts, (void *)parse_any_identifier(p)))
            return false;
        if (parts.n > 16)
            return syntax_error(p), false;
    }
    *ret_parts = (const char **)parts.items;
    *ret_n = parts.n;
    return true;
}

char *parse_string(Parser *p, size_t *ret_n)
{
    if (peek(p)->kind != TOKEN_STRING)
        return syntax_error(p);
    size_t n;
    char *value = sql_unquote(p->b, p->text, peek(p), &n);
    advance(p);
    while (value && peek(p)->kind == TOKEN_STRING) {
        size_t n_more;
        char *more = sql_unquote(p->b, p->text, peek(p), &n_more);
        char *both = more ? ubuilder_alloc(p->b, 1, n + n_more + 1) : NULL;
        if (!both)
            return NULL;
        memcpy(both, value, n);
        memcpy(both + n, more, n_more);
        value = both;
        n += n_more;
        advance(p);
    }
    *ret_n = n;
    return value;
}

UExpr *mark(Parser *p, UExpr *e, uint32_t first_token)
{
    if (!e || failed(p))
        return NULL;
    e->position = p->tokens[first_token].start + 1;
    e->stop = p->at > 0 ? p->tokens[p->at - 1].stop : 0;
    return e;
}

/* ---- entry points ---- */

static int finish(Parser *p)
{
    if (!failed(p) && peek(p)->kind != TOKEN_END)
        extra_input(p);
    return p->b->result;
}

int sql_parse_expression(UBuilder *b, const char *text, size_t n, UExpr **ret_expr)
{
    Parser p;
    int r = parser_init(&p, b, text, n, NULL);
    if (r != 0)
        return r;
    UExpr *e = parse_named_expression(&p);
    r = finish(&p);
    if (r == 0)
        *ret_expr = e;
    return r;
}

int sql_parse_type(UBuilder *b, const char *text, size_t n, Type *ret_type)
{
    Parser p;
    int r = parser_init(&p, b, text, n, NULL);
    if (r != 0)
        return r;
    Type type;
    bool ok = parse_type(&p, &type);
    r = finish(&p);
    if (r == 0 && ok)
        *ret_type = type;
    return r;
}

UExpr *sql_schema_argument(UBuilder *b, const char *text, size_t n)
{
    size_t at = 0;
    Type type;
    while (at < n && text[at] == ' ')
        at++;
    while (at < n && ((text[at] | 0x20) >= 'a' && (text[at] | 0x20) <= 'z'))
        at++;
    while (at < n && text[at] == ' ')
        at++;
    if (at < n && text[at] == '<') {
        if (sql_parse_type(b, text, n, &type) != 0)
            return NULL;
    } else {
        PlanField *fields;
        uint32_t n_fields;
        if (sql_parse_schema(b, text, n, &fields, &n_fields) != 0)
            return NULL;
        if (n_fields > UINT8_MAX)
            return ubuilder_too_deep(b);
        TypeField *children = ubuilder_alloc(b, n_fields, sizeof(*children));
        if (!children)
            return NULL;
        for (uint32_t i = 0; i < n_fields; i++)
            children[i] = (TypeField){fields[i].name, fields[i].type, fields[i].nullable};
        type = (Type){.kind = TYPE_STRUCT, .n_children = (uint8_t)n_fields, .children = children};
    }
    return uexpr_literal(b, type, (Literal){.is_null = true});
}

int sql_parse_schema(UBuilder *b, const char *text, size_t n, PlanField **ret_fields,
                     uint32_t *ret_n)
{
    Parser p;
    int r = parser_init(&p, b, text, n, NULL);
    if (r != 0)
        return r;
    PlanField *fields;
    uint32_t n_fields;
    bool ok = parse_schema_fields(&p, &fields, &n_fields);
    r = finish(&p);
    if (r == 0 && ok) {
        *ret_fields = fields;
        *ret_n = n_fields;
    }
    return r;
}
