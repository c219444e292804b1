/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Expressions. From loose to tight: OR, AND, NOT, predicates (BETWEEN, IN, LIKE, IS), comparison,
 * |, ^, &, shifts, + - ||, * / % DIV, sign, ::, [] and the dot.
 */

#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/sql/literal.h"

static UExpr *parse_value(Parser *p, int level);
static UExpr *parse_not(Parser *p);

/* n-ary: a chain of a million ORs is one wide node. */
static UExpr *parse_and(Parser *p)
{
    uint32_t first = p->at;
    UExpr *e = parse_not(p);
    if (!at_word(p, "AND"))
        return e;
    PtrList list = {0};
    list_add(p, &list, e);
    while (accept_word(p, "AND"))
        list_add(p, &list, parse_not(p));
    if (failed(p))
        return NULL;
    return mark(p, uexpr_chain(p->b, "and", (UExpr **)list.items, list.n), first);
}

static UExpr *parse_or(Parser *p)
{
    uint32_t first = p->at;
    UExpr *e = parse_and(p);
    if (!at_word(p, "OR"))
        return e;
    PtrList list = {0};
    list_add(p, &list, e);
    while (accept_word(p, "OR"))
        list_add(p, &list, parse_and(p));
    if (failed(p))
        return NULL;
    return mark(p, uexpr_chain(p->b, "or", (UExpr **)list.items, list.n), first);
}

UExpr *parse_expression(Parser *p)
{
    if (!enter(p))
        return NULL;
    UExpr *e = parse_or(p);
    leave(p);
    return e;
}

bool parse_expression_list(Parser *p, PtrList *list)
{
    do {
        if (!list_add(p, list, parse_expression(p)))
            return false;
    } while (accept_op(p, OP_COMMA));
    return true;
}

/* [NOT] IN (...): values or a query. */
static UExpr *parse_in(Parser *p, UExpr *value)
{
    if (!value || !expect_op(p, OP_LPAREN))
        return NULL;
    UExpr *e = NULL;
    if (at_query(p)) {
        URel *query = parse_query(p);
        bool row = value->kind == UEXPR_CALL && strcmp(value->name, "struct") == 0;
        e = row ? uexpr_subquery(p->b, USUBQUERY_IN, query, value->args, value->n_args)
                : uexpr_subquery(p->b, USUBQUERY_IN, query, &value, 1);
    } else {
        PtrList list = {0};
        if (list_add(p, &list, value) && parse_expression_list(p, &list))
            e = uexpr_call(p->b, "in", (UExpr **)list.items, list.n);
    }
    expect_op(p, OP_RPAREN);
    return failed(p) ? NULL : e;
}

/* LIKE ANY (a, b) and LIKE ALL (a, b). NOT belongs to each pattern: NOT LIKE ANY is true when one
 * of them does not match. */
static UExpr *parse_like_list(Parser *p, UExpr *value, const char *name, bool all, bool negated)
{
    PtrList list = {0};
    bool constant = strcmp(name, "like") == 0;
    if (!expect_op(p, OP_LPAREN))
        return NULL;
    do {
        UExpr *pattern = parse_expression(p);
        UExpr *e = pattern ? uexpr_call2(p->b, name, value, pattern) : NULL;
        constant &= pattern && pattern->kind == UEXPR_LITERAL;
        constant &= pattern && pattern->type.kind == TYPE_STRING;
        list_add(p, &list, negated && e ? uexpr_call1(p->b, "not", e) : e);
    } while (accept_op(p, OP_COMMA));
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    if (list.n == 1 && constant)
        list_add(p, &list, list.items[0]);
    UExpr *made = list.n == 1 ? list.items[0]
                              : uexpr_call(p->b, all ? "and" : "or", (UExpr **)list.items, list.n);
    if (made && constant) /* named otherwise then */
        made->parameter = negated ? 2 : 1;
    return made;
}

static UExpr *parse_like(Parser *p, UExpr *value, const char *name, bool *negated)
{
    PtrList list = {0};
    const Token *t = peek(p);
    if (accept_word(p, "ANY") || accept_word(p, "SOME") || accept_word(p, "ALL")) {
        bool each = *negated;
        *negated = false;
        return parse_like_list(p, value, name, token_is_word(p, t, "ALL"), each);
    }
    list_add(p, &list, value);
    list_add(p, &list, parse_value(p, 0));
    if (accept_word(p, "ESCAPE")) {
        size_t n;
        const Token *escape = peek(p);
        char *s = parse_string(p, &n);
        if (s && n != 1)
            return parse_error_at(p, escape, "INVALID_ESCAPE_CHAR", "42604",
                                  "`EscapeChar` should be a string literal of length one.");
        if (!s)
            return NULL;
        list_add(p, &list, uexpr_string(p->b, s, n));
    }
    return failed(p) ? NULL : uexpr_call(p->b, name, (UExpr **)list.items, list.n);
}

static UExpr *parse_between(Parser *p, UExpr *value)
{
    UExpr *low = parse_value(p, 0);
    if (!expect_word(p, "AND"))
        return NULL;
    UExpr *high = parse_value(p, 0);
    if (!value || !low || !high)
        return NULL;
    return uexpr_call(p->b, "between", (UExpr *[]){value, low, high}, 3);
}

static UExpr *parse_is(Parser *p, UExpr *value)
{
    bool negated = accept_word(p, "NOT");
    UExpr *e = NULL;
    if (accept_word(p, "NULL"))
        return uexpr_call1(p->b, negated ? "isnotnull" : "isnull", value);
    if (accept_word(p, "TRUE"))
        e = uexpr_call2(p->b, "<=>", value, uexpr_bool(p->b, true));
    else if (accept_word(p, "FALSE"))
        e = uexpr_call2(p->b, "<=>", value, uexpr_bool(p->b, false));
    else if (accept_word(p, "UNKNOWN"))
        return uexpr_call1(p->b, negated ? "isnotnull" : "isnull", value);
    else if (accept_word(p, "DISTINCT")) {
        if (!expect_word(p, "FROM"))
            return NULL;
        e = uexpr_call2(p->b, "<=>", value, parse_value(p, 0));
        negated = !negated;
    } else
        return syntax_error(p);
    return negated ? uexpr_call1(p->b, "not", e) : e;
}

static UExpr *parse_predicate(Parser *p)
{
    uint32_t first = p->at;
    UExpr *e = parse_value(p, 0);
    for (;;) {
        if (failed(p))
            return NULL;
        uint32_t before = p->at;
        bool negated = accept_word(p, "NOT");
        UExpr *made;
        if (accept_word(p, "BETWEEN"))
            made = parse_between(p, e);
        else if (accept_word(p, "IN"))
            made = parse_in(p, e);
        else if (accept_word(p, "LIKE"))
            made = parse_like(p, e, "like", &negated);
        else if (accept_word(p, "ILIKE"))
            made = parse_like(p, e, "ilike", &negated);
        else if (accept_word(p, "RLIKE") || accept_word(p, "REGEXP"))
            made = parse_like(p, e, "rlike", &negated);
        else if (!negated && accept_word(p, "IS"))
            made = parse_is(p, e);
        else {
            p->at = before;
            return e;
        }
        made = mark(p, made, first);
        e = negated ? mark(p, uexpr_call1(p->b, "not", made), first) : made;
        /* a BETWEEN 1 AND 2 IS NULL: once more round, bounded by the text, counted by the tree. */
    }
}

static UExpr *parse_not(Parser *p)
{
    uint32_t first = p->at;
    if ((at_word(p, "NOT") && !failed(p)) || at_op(p, OP_NOT)) {
        advance(p);
        if (!enter(p))
            return NULL;
        UExpr *e = parse_not(p);
        leave(p);
        return mark(p, uexpr_call1(p->b, "not", e), first);
    }
    return parse_predicate(p);
}

/* Binary operators by level; 0 binds least. */
static const struct {
    uint8_t op, level;
    const char *name;
} binary[] = {
    {OP_EQ, 0, "=="},
    {OP_NULL_SAFE_EQ, 0, "<=>"},
    {OP_NE, 0, "!="},
    {OP_LT, 0, "<"},
    {OP_LE, 0, "<="},
    {OP_GT, 0, ">"},
    {OP_GE, 0, ">="},
    {OP_PIPE, 1, "|"},
    {OP_HAT, 2, "^"},
    {OP_AMPERSAND, 3, "&"},
    {OP_SHIFT_LEFT, 4, "<<"},
    {OP_SHIFT_RIGHT, 4, ">>"},
    {OP_SHIFT_RIGHT_UNSIGNED, 4, ">>>"},
    {OP_PLUS, 5, "+"},
    {OP_MINUS, 5, "-"},
    {OP_CONCAT, 5, "concat"},
    {OP_STAR, 6, "*"},
    {OP_SLASH, 6, "/"},
    {OP_PERCENT, 6, "%"},
};

static const char *binary_at(const Parser *p, int *ret_level)
{
    const Token *t = peek(p);
    if (t->kind == TOKEN_WORD && token_is_word(p, t, "DIV")) {
        *ret_level = 6;
        return "div";
    }
    if (t->kind != TOKEN_OPERATOR || at_pipe(p))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(binary); i++) {
        if (binary[i].op == t->op) {
            *ret_level = binary[i].level;
            return binary[i].name;
        }
    }
    return NULL;
}

static UExpr *parse_primary(Parser *p);

static bool at_number(const Token *t)
{
    return t->kind >= TOKEN_INTEGER && t->kind <= TOKEN_SUFFIXED;
}

/* [ ], :: and . behind a primary. */
static UExpr *parse_postfix(Parser *p, UExpr *e, uint32_t first)
{
    while (e && !failed(p)) {
        if (accept_op(p, OP_DOUBLE_COLON)) {
            Type type;
            if (!parse_type(p, &type))
                return NULL;
            e = mark(p, uexpr_cast(p->b, e, type, false), first);
        } else if (accept_op(p, OP_LBRACKET)) {
            UExpr *index = parse_expression(p);
            if (!expect_op(p, OP_RBRACKET))
                return NULL;
            e = mark(p, uexpr_new(p->b, UEXPR_EXTRACT, (UExpr *[]){e, index}, 2), first);
        } else if (at_op(p, OP_DOT) &&
                   (peek_at(p, 1)->kind == TOKEN_WORD || peek_at(p, 1)->kind == TOKEN_QUOTED)) {
            advance(p);
            const char *field = parse_any_identifier(p);
            UExpr *name = field ? uexpr_string(p->b, field, strlen(field)) : NULL;
            if (!name)
                return NULL;
            e = mark(p, uexpr_new(p->b, UEXPR_EXTRACT, (UExpr *[]){e, name}, 2), first);
            if (e)
                e->name = field;
        } else {
            return e;
        }
    }
    return NULL;
}

static UExpr *parse_unary(Parser *p)
{
    uint32_t first = p->at;
    if (at_op(p, OP_MINUS) && at_number(peek_at(p, 1))) {
        advance(p);
        UExpr *number = mark(p, parse_number(p, true), first);
        return parse_postfix(p, number, first);
    }
    const char *name = at_op(p, OP_MINUS)   ? "negative"
                       : at_op(p, OP_PLUS)  ? "positive"
                       : at_op(p, OP_TILDE) ? "~"
                                            : NULL;
    if (!name)
        return parse_postfix(p, parse_primary(p), first);
    advance(p);
    if (!enter(p))
        return NULL;
    UExpr *e = parse_unary(p);
    leave(p);
    e = uexpr_call1(p->b, name, e);
    if (e)
        e->parameter = 1; /* written without its name */
    return mark(p, e, first);
}

static UExpr *parse_value(Parser *p, int level)
{
    uint32_t first = p->at;
    UExpr *left = parse_unary(p);
    for (;;) {
        if (failed(p))
            return NULL;
        int at_level;
        const char *name = binary_at(p, &at_level);
        if (!name || at_level < level)
            return left;
        advance(p);
        UExpr *right = parse_value(p, at_level + 1);
        left = mark(p, uexpr_call2(p->b, name, left, right), first);
    }
}

/* ---- primaries ---- */

static UExpr *parse_case(Parser *p)
{
    PtrList list = {0};
    UExpr *operand = at_word(p, "WHEN") ? NULL : parse_expression(p);
    if (failed(p))
        return NULL;
    while (accept_word(p, "WHEN")) {
        UExpr *when = parse_expression(p);
        if (operand)
            when = uexpr_call2(p->b, "==", operand, when);
        list_add(p, &list, when);
        if (!expect_word(p, "THEN"))
            return NULL;
        list_add(p, &list, parse_expression(p));
    }
    if (list.n == 0)
        return syntax_error(p);
    if (accept_word(p, "ELSE"))
        list_add(p, &list, parse_expression(p));
    if (!expect_word(p, "END"))
        return NULL;
    return uexpr_call(p->b, "when", (UExpr **)list.items, list.n);
}

static UExpr *parse_cast(Parser *p, bool try_cast)
{
    Type type;
    if (!expect_op(p, OP_LPAREN))
        return NULL;
    UExpr *e = parse_expression(p);
    if (!expect_word(p, "AS") || !parse_type(p, &type) || !expect_op(p, OP_RPAREN))
        return NULL;
    return uexpr_cast(p->b, e, type, try_cast);
}

static UExpr *parse_extract(Parser *p)
{
    if (!expect_op(p, OP_LPAREN))
        return NULL;
    const Token *t = peek(p);
    const char *field = NULL;
    if (t->kind == TOKEN_STRING) {
        size_t n;
        field = parse_string(p, &n);
    } else {
        field = parse_any_identifier(p);
    }
    if (!field || !expect_word(p, "FROM"))
        return NULL;
    UExpr *args[2] = {uexpr_string(p->b, field, strlen(field)), parse_expression(p)};
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    return uexpr_call2(p->b, "extract", args[0], args[1]);
}

/* substring(a FROM b [FOR c]) beside substring(a, b, c) */
static UExpr *parse_substring(Parser *p)
{
    PtrList list = {0};
    list_add(p, &list, parse_expression(p));
    if (accept_word(p, "FROM")) {
        list_add(p, &list, parse_expression(p));
        if (accept_word(p, "FOR"))
            list_add(p, &list, parse_expression(p));
    } else {
        while (accept_op(p, OP_COMMA))
            list_add(p, &list, parse_expression(p));
    }
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    return uexpr_call(p->b, "substring", (UExpr **)list.items, list.n);
}

/* The first of three arguments of timestampadd(), datediff() and others is a unit, not a column. */
static UExpr *unit_call(Parser *p, UExpr *e)
{
    static const char *const names[][2] = {
        {"timestampadd", "timestampadd"}, {"dateadd", "timestampadd"},
        {"date_add", "timestampadd"},     {"timestampdiff", "timestampdiff"},
        {"datediff", "timestampdiff"},    {"date_diff", "timestampdiff"}};
    if (!e || e->kind != UEXPR_CALL || e->n_args != 3 || e->args[0]->kind != UEXPR_COLUMN ||
        e->args[0]->n_parts != 1)
        return e;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(e->name, names[i][0]) != 0)
            continue;
        const char *unit = e->args[0]->parts[0];
        UExpr *literal = uexpr_string(p->b, unit, strlen(unit));
        UExpr **args = e->args;
        if (!literal)
            return NULL;
        args[0] = literal;
        e->name = names[i][1];
    }
    return e;
}

/* overlay(a PLACING b FROM c [FOR d]) beside overlay(a, b, c, d) */
static UExpr *parse_overlay(Parser *p)
{
    PtrList list = {0};
    list_add(p, &list, parse_expression(p));
    if (accept_word(p, "PLACING")) {
        list_add(p, &list, parse_expression(p));
        if (!expect_word(p, "FROM"))
            return NULL;
        list_add(p, &list, parse_expression(p));
        if (accept_word(p, "FOR"))
            list_add(p, &list, parse_expression(p));
    } else {
        while (accept_op(p, OP_COMMA))
            list_add(p, &list, parse_expression(p));
    }
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    return uexpr_call(p->b, "overlay", (UExpr **)list.items, list.n);
}

/* trim([BOTH|LEADING|TRAILING] [chars] FROM a) beside trim(a) and trim(chars, a) */
static UExpr *parse_trim(Parser *p)
{
    const char *name = "trim";
    bool sided = true;
    if (accept_word(p, "BOTH"))
        name = "trim";
    else if (accept_word(p, "LEADING"))
        name = "ltrim";
    else if (accept_word(p, "TRAILING"))
        name = "rtrim";
    else
        sided = false;
    UExpr *chars = NULL, *e;
    if (sided && accept_word(p, "FROM")) {
        e = parse_expression(p);
    } else {
        e = parse_expression(p);
        if (accept_word(p, "FROM")) {
            chars = e;
            e = parse_expression(p);
        } else if (accept_op(p, OP_COMMA)) {
            chars = e;
            e = parse_expression(p);
        } else if (sided) {
            return syntax_error(p);
        }
    }
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    return chars ? uexpr_call2(p->b, name, chars, e) : uexpr_call1(p->b, name, e);
}

static UExpr *parse_position(Parser *p)
{
    UExpr *a = parse_value(p, 0);
    if (accept_word(p, "IN")) {
        UExpr *in = parse_value(p, 0);
        return expect_op(p, OP_RPAREN) ? uexpr_call2(p->b, "locate", a, in) : NULL;
    }
    PtrList list = {0};
    list_add(p, &list, a);
    while (accept_op(p, OP_COMMA))
        list_add(p, &list, parse_expression(p));
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    return uexpr_call(p->b, "position", (UExpr **)list.items, list.n);
}

/* Behind a function's closing parenthesis. */
static UExpr *parse_call_tail(Parser *p, UExpr *e)
{
    if (!e || failed(p))
        return NULL;
    if (at_words(p, "WITHIN", "GROUP")) {
        e = parse_within_group(p, e);
        if (!e)
            return NULL;
    }
    if (at_words(p, "IGNORE", "NULLS") || at_words(p, "RESPECT", "NULLS")) {
        e->ignore_nulls = at_word(p, "IGNORE");
        advance(p);
        advance(p);
    }
    if (at_word(p, "FILTER") && peek_at(p, 1)->op == OP_LPAREN) {
        advance(p);
        advance(p);
        if (!expect_word(p, "WHERE"))
            return NULL;
        e->filter = parse_expression(p);
        if (!expect_op(p, OP_RPAREN))
            return NULL;
        e->depth = MAX(e->depth, e->filter->depth);
    }
    if (at_words(p, "IGNORE", "NULLS") || at_words(p, "RESPECT", "NULLS")) {
        e->ignore_nulls = at_word(p, "IGNORE");
        advance(p);
        advance(p);
    }
    if (at_word(p, "OVER") &&
        (peek_at(p, 1)->op == OP_LPAREN || peek_at(p, 1)->kind == TOKEN_WORD ||
         peek_at(p, 1)->kind == TOKEN_QUOTED))
        return parse_over(p, e);
    return e;
}

/* struct(a, b AS c) */
static UExpr *parse_struct_call(Parser *p)
{
    PtrList list = {0};
    if (!at_op(p, OP_RPAREN))
        do {
            if (!list_add(p, &list, parse_named_expression(p)))
                return NULL;
        } while (accept_op(p, OP_COMMA));
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    return uexpr_call(p->b, "struct", (UExpr **)list.items, list.n);
}

static UExpr *parse_call(Parser *p, const char *name)
{
    PtrList list = {0};
    bool distinct = false;
    if (accept_op(p, OP_STAR)) {
        list_add(p, &list, uexpr_new(p->b, UEXPR_STAR, NULL, 0));
    } else if (!at_op(p, OP_RPAREN)) {
        if (accept_word(p, "DISTINCT"))
            distinct = true;
        else if (at_word(p, "ALL") && peek_at(p, 1)->op != OP_RPAREN &&
                 peek_at(p, 1)->op != OP_COMMA)
            advance(p);
        parse_expression_list(p, &list);
    }
    if (!expect_op(p, OP_RPAREN))
        return NULL;
    const UExpr *schema =
        list.n > 1 && (strcasecmp(name, "from_json") == 0 || strcasecmp(name, "from_csv") == 0)
            ? list.items[1]
            : NULL;
    if (schema && schema->kind == UEXPR_LITERAL && schema->type.kind == TYPE_STRING &&
        !schema->literal.is_null) {
        const VecString *text = &schema->literal.s;
        list.items[1] = sql_schema_argument(p->b, vec_string_data(text), text->length);
        if (!list.items[1])
            return NULL;
    }
    UExpr *e = uexpr_call(p->b, name, (UExpr **)list.items, list.n);
    if (e)
        e->distinct = distinct;
    return e;
}

/* name ( ... */
static UExpr *parse_function(Parser *p)
{
    const Token *t = peek(p);
    if (t->kind == TOKEN_WORD) {
        static const struct {
            const char *name;
            UExpr *(*parse)(Parser *p);
        } special[] = {{"STRUCT", parse_struct_call}, {"SUBSTRING", parse_substring},
                       {"SUBSTR", parse_substring},   {"TRIM", parse_trim},
                       {"OVERLAY", parse_overlay},    {"POSITION", parse_position}};
        for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
            if (token_is_word(p, t, special[i].name)) {
                advance(p);
                advance(p);
                return special[i].parse(p);
            }
        }
    }
    const char *name = parse_any_identifier(p);
    if (!name || !expect_op(p, OP_LPAREN))
        return NULL;
    return parse_call_tail(p, unit_call(p, parse_call(p, name)));
}

static void *unbound(Parser *p, const Token *t, const char *name)
{
    char what[300];
    snprintf(what, sizeof(what),
             "Found the unbound parameter: %.60s. Please, fix `args` and provide a mapping of the "
             "parameter to either a SQL literal or collection constructor functions.",
             name);
    analysis_error_at(p, t, "UNBOUND_SQL_PARAMETER", "42P02", what);
    query_error_parameters(p->b->error, "name", name, NULL);
    return NULL;
}

static UExpr *parse_parameter(Parser *p)
{
    const Token *t = peek(p);
    const SqlParameters *params = p->parameters;
    if (accept_op(p, OP_QUESTION)) {
        uint32_t i = p->n_positional++;
        if (!params || params->names || i >= params->n_values) {
            char number[16];
            snprintf(number, sizeof(number), "_%u", t->start);
            return unbound(p, t, number);
        }
        return params->values[i];
    }
    advance(p); /* : */
    const char *name = parse_any_identifier(p);
    if (!name)
        return NULL;
    for (uint32_t i = 0; params && params->names && i < params->n_values; i++)
        if (strcmp(params->names[i], name) == 0)
            return params->values[i];
    return unbound(p, t, name);
}

/* x -> body, (x, y) -> body, behind the parameters. */
static UExpr *parse_lambda(Parser *p, UExpr *const *names, uint32_t n, uint32_t first)
{
    advance(p); /* -> */
    const char **parts = ubuilder_alloc(p->b, n, sizeof(*parts));
    if (!parts)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (names[i]->kind != UEXPR_COLUMN || names[i]->n_parts != 1)
            return syntax_error(p);
        parts[i] = names[i]->parts[0];
    }
    UExpr *body = parse_expression(p);
    UExpr *e = body ? uexpr_new(p->b, UEXPR_LAMBDA, &body, 1) : NULL;
    if (!e)
        return NULL;
    e->parts = parts;
    e->n_parts = n;
    return mark(p, e, first);
}

static UExpr *parse_paren(Parser *p)
{
    uint32_t first = p->at;
    advance(p);
    if (at_query(p)) {
        if (!enter(p))
            return NULL;
        URel *query = parse_query(p);
        leave(p);
        if (!expect_op(p, OP_RPAREN))
            return NULL;
        return mark(p, uexpr_subquery(p->b, USUBQUERY_SCALAR, query, NULL, 0), first);
    }
    PtrList list = {0};
    if (!parse_expression_list(p, &list) || !expect_op(p, OP_RPAREN))
        return NULL;
    if (at_op(p, OP_ARROW))
        return parse_lambda(p, (UExpr **)list.items, list.n, first);
    if (list.n > 1) {
        UExpr *e = mark(p, uexpr_call(p->b, "struct", (UExpr **)list.items, list.n), first);
        if (e)
            e->parameter = 1; /* written without its name */
        return e;
    }
    return list.items[0];
}

static UExpr *parse_star(Parser *p, const char **parts, uint32_t n_parts)
{
    PtrList except = {0};
    if (accept_word(p, "EXCEPT")) {
        if (!expect_op(p, OP_LPAREN))
            return NULL;
        do {
            const char **names;
            uint32_t n;
            if (!parse_name(p, &names, &n))
                return NULL;
            list_add(p, &except, uexpr_column(p->b, names, n));
        } while (accept_op(p, OP_COMMA));
        if (!expect_op(p, OP_RPAREN))
            return NULL;
    }
    UExpr *e = uexpr_new(p->b, UEXPR_STAR, (UExpr **)except.items, except.n);
    if (!e)
        return NULL;
    e->parts = parts;
    e->n_parts = n_parts;
    return e;
}

/* a, a.b, a.b.c, a.*: the dots of a name. */
static UExpr *parse_column(Parser *p)
{
    const char **parts;
    uint32_t n;
    if (!parse_name(p, &parts, &n))
        return NULL;
    if (at_op(p, OP_DOT) && peek_at(p, 1)->op == OP_STAR) {
        advance(p);
        advance(p);
        return parse_star(p, parts, n);
    }
    UExpr *e = uexpr_column(p->b, parts, n);
    if (e && n == 1 && at_op(p, OP_ARROW))
        return parse_lambda(p, &e, 1, p->at - 1);
    return e;
}

static UExpr *parse_word(Parser *p)
{
    static const char *const bare_functions[] = {"CURRENT_DATE", "CURRENT_TIMESTAMP",
                                                 "CURRENT_USER", "LOCALTIMESTAMP",
                                                 "CURRENT_TIME", "SESSION_USER"};
    bool call = peek_at(p, 1)->op == OP_LPAREN;
    if (accept_word(p, "NULL"))
        return uexpr_null(p->b);
    if (!call && accept_word(p, "TRUE"))
        return uexpr_bool(p->b, true);
    if (!call && accept_word(p, "FALSE"))
        return uexpr_bool(p->b, false);
    if (accept_word(p, "CASE"))
        return parse_case(p);
    if (call && accept_word(p, "CAST"))
        return parse_cast(p, false);
    if (call && accept_word(p, "TRY_CAST"))
        return parse_cast(p, true);
    if (call && accept_word(p, "EXTRACT"))
        return parse_extract(p);
    if (call && at_word(p, "EXISTS")) {
        uint32_t first = p->at;
        advance(p);
        advance(p);
        if (!at_query(p)) { /* exists(array, x -> ...) */
            p->at = first;
            return parse_function(p);
        }
        URel *query = parse_query(p);
        if (!expect_op(p, OP_RPAREN))
            return NULL;
        return uexpr_subquery(p->b, USUBQUERY_EXISTS, query, NULL, 0);
    }
    if (at_interval(p)) {
        advance(p);
        return parse_interval(p);
    }
    if (at_identifier_clause(p)) {
        const char **parts;
        uint32_t n;
        if (!parse_identifier_clause(p, &parts, &n))
            return NULL;
        if (accept_op(p, OP_LPAREN) && n == 1)
            return parse_call_tail(p, parse_call(p, parts[0]));
        return uexpr_column(p->b, parts, n);
    }
    UExpr *typed = parse_typed_literal(p);
    if (typed || failed(p))
        return typed;
    if (call &&
        (at_identifier(p) || at_word(p, "LEFT") || at_word(p, "RIGHT") || at_word(p, "LIKE") ||
         at_word(p, "ILIKE") || at_word(p, "RLIKE") || at_word(p, "REGEXP")))
        return parse_function(p);
    for (size_t i = 0; i < ARRAY_SIZE(bare_functions); i++)
        if (!call && accept_word(p, bare_functions[i]))
            return uexpr_call(p->b, bare_functions[i], NULL, 0);
    return parse_column(p);
}

static UExpr *parse_primary(Parser *p)
{
    if (failed(p))
        return NULL;
    uint32_t first = p->at;
    const Token *t = peek(p);
    UExpr *e;
    switch (t->kind) {
    case TOKEN_WORD:
        e = parse_word(p);
        break;
    case TOKEN_QUOTED:
        e = peek_at(p, 1)->op == OP_LPAREN ? parse_function(p) : parse_column(p);
        break;
    case TOKEN_STRING: {
        size_t n;
        char *s = parse_string(p, &n);
        e = s ? uexpr_string(p->b, s, n) : NULL;
        break;
    }
    case TOKEN_INTEGER:
    case TOKEN_DECIMAL:
    case TOKEN_EXPONENT:
    case TOKEN_SUFFIXED:
        e = parse_number(p, false);
        break;
    case TOKEN_OPERATOR:
        if (t->op == OP_LPAREN)
            return parse_paren(p);
        if (t->op == OP_STAR) {
            advance(p);
            e = parse_star(p, NULL, 0);
            break;
        }
        if (t->op == OP_QUESTION || t->op == OP_COLON)
            return parse_parameter(p);
        return syntax_error(p);
    default:
        return syntax_error(p);
    }
    return mark(p, e, first);
}

UExpr *parse_named_expression(Parser *p)
{
    uint32_t first = p->at;
    UExpr *e = parse_expression(p);
    if (!e)
        return NULL;
    const char *name = NULL;
    if (accept_word(p, "AS")) {
        if (accept_op(p, OP_LPAREN)) {
            PtrList names = {0};
            do {
                if (!list_add(p, &names, (void *)parse_any_identifier(p)))
                    return NULL;
            } while (accept_op(p, OP_COMMA));
            e = expect_op(p, OP_RPAREN) ? uexpr_alias(p->b, e, names.items[0]) : NULL;
            if (!e)
                return NULL;
            e->parts = (const char **)names.items;
            e->n_parts = names.n;
            return mark(p, e, first);
        }
        if (peek(p)->kind == TOKEN_STRING)
            return syntax_error(p);
        name = parse_any_identifier(p);
        if (!name)
            return NULL;
    } else if (at_identifier(p)) {
        name = parse_identifier(p);
    }
    return name ? mark(p, uexpr_alias(p->b, e, name), first) : e;
}
