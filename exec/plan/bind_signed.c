/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Functions of function_signed.c: arguments converted as their signature says, and bodies that say
 * a function with others. A body is read once for each use, from a constant text.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"
#include "exec/plan/bind_signed.h"

static Type letter_type(char letter)
{
    switch (letter) {
    case 's':
    case 'S':
        return TYPE(STRING);
    case 'y':
        return TYPE(BINARY);
    case 'b':
        return TYPE(BOOLEAN);
    case 'T':
        return TYPE(BYTE);
    case 'i':
    case 'I':
        return TYPE(INT);
    case 'l':
        return TYPE(LONG);
    case 'd':
    case 'N':
        return TYPE(DOUBLE);
    case 'D':
        return TYPE(DATE);
    case 't':
        return TYPE(TIMESTAMP);
    default:
        return TYPE(TIMESTAMP_NTZ);
    }
}

/* Argument number @i as the letter wants it. Return: NULL after an error. */
static Expr *by_letter(Binder *b, const UExpr *e, Expr *arg, uint32_t i, char letter)
{
    static const struct {
        char letter;
        const char *wanted;
    } texts[] = {{'s', "STRING"},    {'S', "STRING\" or \"BINARY"},
                 {'y', "BINARY"},    {'b', "BOOLEAN"},
                 {'i', "INT"},       {'I', "INTEGRAL"},
                 {'l', "BIGINT"},    {'d', "DOUBLE"},
                 {'N', "NUMERIC"},   {'D', "DATE"},
                 {'t', "TIMESTAMP"}, {'w', "TIMESTAMP"}};
    const char *wanted = "";
    for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
        if (texts[k].letter == letter)
            wanted = texts[k].wanted;
    Type from = arg->type;
    switch (letter) {
    case 'a':
        return arg;
    case 'S':
        if (from.kind == TYPE_BINARY)
            return arg;
        break;
    case 'I':
        if (type_is_integral(from))
            return arg;
        break;
    case 'N':
        if (type_is_numeric(from))
            return arg;
        break;
    case 'i':
    case 'l':
        /* Decimals and doubles of arguments become integers where Spark's do, under ANSI too. */
        if (type_is_numeric(from) && !type_is_integral(from))
            return bind_cast_to(b, arg, letter_type(letter));
        break;
    case 'y':
        if (from.kind == TYPE_STRING || from.kind == TYPE_NULL)
            return bind_cast_to(b, arg, TYPE(BINARY));
        if (from.kind == TYPE_BINARY)
            return arg;
        return bind_unexpected_input(b, e, i, wanted, arg);
    case 'w':
        return bind_clock_argument(b, e, arg, i);
    default:
        break;
    }
    return bind_coerce(b, e, arg, i, letter_type(letter), wanted);
}

Expr *bind_signed_call(Binder *b, FunctionId id, Type type, Expr *const *args, uint32_t n,
                       char nullable)
{
    bool null = nullable == '?';
    for (uint32_t i = 0; i < n; i++) {
        if (!args[i])
            return NULL;
        null |= nullable != '!' && args[i]->nullable;
    }
    return bind_check(b, expr_call(b->arena, id, type, null, args, n));
}

/* ---- bodies ---- */

#define BODY_DEPTH_MAX 32u
#define BODY_ARGS_MAX 16u

typedef struct Body {
    Binder *b;
    const UExpr *e;
    const char *at;
    Expr *const *args;
    uint32_t n_args;
} Body;

static Expr *body_expr(Body *body, uint32_t depth);

static void body_blank(Body *body)
{
    while (*body->at == ' ')
        body->at++;
}

static Expr *body_call(Body *body, uint32_t depth)
{
    Binder *b = body->b;
    char name[32];
    size_t n = strcspn(body->at, " )");
    assert_body(n < sizeof(name) && depth < BODY_DEPTH_MAX);
    memcpy(name, body->at, n);
    name[n] = '\0';
    body->at += n;
    Expr *args[BODY_ARGS_MAX];
    uint32_t n_args = 0;
    for (body_blank(body); *body->at != ')'; body_blank(body)) {
        assert_body(n_args < BODY_ARGS_MAX);
        args[n_args] = body_expr(body, depth + 1);
        if (!args[n_args++])
            return NULL;
    }
    body->at++;
    if (strncmp(name, "cast:", 5) == 0 || strncmp(name, "trycast:", 8) == 0) {
        static const struct {
            const char *name;
            uint8_t kind;
        } kinds[] = {{"int", TYPE_INT},       {"long", TYPE_LONG},
                     {"double", TYPE_DOUBLE}, {"string", TYPE_STRING},
                     {"date", TYPE_DATE},     {"timestamp", TYPE_TIMESTAMP},
                     {"binary", TYPE_BINARY}, {"boolean", TYPE_BOOLEAN}};
        const char *to = strchr(name, ':') + 1;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
            if (strcmp(kinds[i].name, to) == 0)
                return name[0] == 't' ? bind_try_cast(b, args[0], (Type){.kind = kinds[i].kind})
                                      : bind_cast_to(b, args[0], (Type){.kind = kinds[i].kind});
    }
    if (strcmp(name, "try") == 0) {
        if (args[0]->kind != EXPR_CALL && args[0]->kind != EXPR_CAST)
            return args[0];
        return bind_signed_call(b, FN_TRY, args[0]->type, args, 1, '?');
    }
    return bind_by_name(b, body->e, name, args, n_args);
}

static Expr *body_expr(Body *body, uint32_t depth)
{
    Binder *b = body->b;
    body_blank(body);
    char ch = *body->at;
    if (ch == '(') {
        body->at++;
        return body_call(body, depth);
    }
    if (ch == '$') {
        uint32_t i = (uint32_t)(body->at[1] - '1');
        body->at += 2;
        assert_body(i < body->n_args);
        return body->args[i];
    }
    if (ch == '\'') {
        size_t n = strcspn(body->at + 1, "'");
        VecString s = vec_string(body->at + 1, (uint32_t)n);
        body->at += n + 2;
        return bind_check(b, expr_literal(b->arena, TYPE(STRING), (Literal){.s = s}));
    }
    size_t n = strcspn(body->at, " )");
    const char *word = body->at;
    body->at += n;
    if (n == 4 && strncmp(word, "null", 4) == 0)
        return bind_check(b, expr_null(b->arena, TYPE(NULL)));
    if ((n == 4 && strncmp(word, "true", 4) == 0) || (n == 5 && strncmp(word, "false", 5) == 0))
        return bind_check(b, expr_bool(b->arena, n == 4));
    if (memchr(word, '.', n))
        return bind_check(b,
                          expr_literal(b->arena, TYPE(DOUBLE), (Literal){.d = strtod(word, NULL)}));
    long long x = strtoll(word, NULL, 10);
    return bind_check(
        b, expr_literal(b->arena, x == (int32_t)x ? TYPE(INT) : TYPE(LONG), (Literal){.i = x}));
}

Expr *bind_body(Binder *b, const UExpr *e, const char *text, Expr *const *args, uint32_t n)
{
    Body body = {b, e, text, args, n};
    return body_expr(&body, 0);
}

/* ---- entry ---- */

Expr *bind_signed(Binder *b, const UExpr *e, const FunctionSigned *f, Expr **args, uint32_t n)
{
    if (f->signature[0] == '*')
        return bind_special(b, e, f, args, n);
    const char *letter = f->signature;
    /* These take texts and nothing that might become one. */
    bool strict = strcmp(f->name, "soundex") == 0 || strcmp(f->name, "parse_url") == 0;
    for (uint32_t i = 0; i < n; i++) {
        if (strict && args[i]->type.kind != TYPE_STRING && args[i]->type.kind != TYPE_NULL)
            return bind_unexpected_input(b, e, i, "STRING", args[i]);
        letter += *letter == '|';
        args[i] = by_letter(b, e, args[i], i, *letter);
        if (!args[i])
            return NULL;
        if (letter[1] != '.')
            letter++;
    }
    const char *result = strchr(f->signature, '>') + 1;
    /* Bodies for fewer arguments come first; an empty one means the function itself. */
    const char *text = f->body;
    uint32_t least, most;
    function_signed_arity(f, &least, &most);
    for (uint32_t i = least; text && i < n && strchr(text, ';'); i++)
        text = strchr(text, ';') + 1;
    if (text && *text) {
        Expr *made = bind_body(b, e, text, args, n);
        if (made && (result[1] == '?' || result[1] == '!') && made->kind != EXPR_COLUMN &&
            made->kind != EXPR_LITERAL)
            made->nullable = result[1] == '?';
        return made;
    }
    Type type = *result == '1' ? args[0]->type : letter_type(*result);
    if (*result == 'm')
        type = TYPE_DECIMAL_OF(8, 6);
    if (*result == 'A' && !bind_array_type(b, TYPE(STRING), true, &type))
        return NULL;
    return bind_signed_call(b, f->id, type, args, n, result[1]);
}
