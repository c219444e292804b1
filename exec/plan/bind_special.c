/* SPDX-License-Identifier: Apache-2.0 */

/* Functions whose types no signature tells. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/kernel/number_format.h"
#include "exec/plan/bind_signed.h"

/* ---- bits ---- */

static Expr *integral(Binder *b, const UExpr *e, Expr *arg, uint32_t i)
{
    if (type_is_integral(arg->type))
        return arg;
    return bind_coerce(b, e, arg, i, TYPE(INT), "INTEGRAL");
}

/* & | ^: both in the wider of their types. */
static Expr *bind_bits(Binder *b, const UExpr *e, FunctionId id, Expr **args)
{
    Type type;
    if (!type_wider(args[0]->type, args[1]->type, &type))
        return bind_wrong_types(b, e, args[0], args[1]);
    if (type.kind == TYPE_NULL)
        type = TYPE(INT);
    if (!type_is_integral(type))
        return bind_wrong_types(b, e, args[0], args[1]);
    args[0] = bind_cast_to(b, args[0], type);
    args[1] = bind_cast_to(b, args[1], type);
    return bind_signed_call(b, id, type, args, 2, 0);
}

static Expr *bind_shift(Binder *b, const UExpr *e, FunctionId id, Expr **args)
{
    if (args[0]->type.kind != TYPE_LONG)
        args[0] = bind_coerce(b, e, args[0], 0, TYPE(INT), "INT\" or \"BIGINT");
    args[1] = bind_coerce(b, e, args[1], 1, TYPE(INT), "INT");
    return args[0] ? bind_signed_call(b, id, args[0]->type, args, 2, 0) : NULL;
}

/* ---- numbers ---- */

/* Numbers become LONG; strings and bytes stay, and everything else is a string. */
static Expr *bind_hex(Binder *b, const UExpr *e, Expr **args)
{
    Type from = args[0]->type;
    if (type_is_numeric(from))
        args[0] = bind_cast_to(b, args[0], TYPE(LONG));
    else if (from.kind != TYPE_BINARY)
        args[0] = bind_coerce(b, e, args[0], 0, TYPE(STRING), "BIGINT\" or \"BINARY\" or \"STRING");
    return bind_signed_call(b, FN_HEX, TYPE(STRING), args, 1, 0);
}

/* pmod(a, n) types as a % n does. */
static Expr *bind_pmod(Binder *b, const UExpr *e, Expr **args)
{
    Expr *rest = bind_binary(b, e, FN_MODULO, args[0], args[1]);
    if (!rest)
        return NULL;
    return bind_signed_call(b, FN_PMOD, rest->type, rest->args, 2, '?');
}

static Expr *bind_nanvl(Binder *b, const UExpr *e, Expr **args)
{
    Type type = args[0]->type.kind == TYPE_FLOAT && args[1]->type.kind == TYPE_FLOAT ? TYPE(FLOAT)
                                                                                     : TYPE(DOUBLE);
    for (uint32_t i = 0; i < 2; i++) {
        args[i] = bind_coerce(b, e, args[i], i, type, "DOUBLE\" or \"FLOAT");
        if (!args[i])
            return NULL;
    }
    return bind_signed_call(b, FN_NANVL, type, args, 2, args[0]->nullable ? '?' : 0);
}

/* Digits of round() and ceil(): a constant. Return: false after an error. */
bool bind_scale(Binder *b, const UExpr *e, Expr *arg, int64_t *ret_scale)
{
    Literal folded;
    arg = bind_coerce(b, e, arg, 1, TYPE(INT), "INT");
    if (!arg)
        return false;
    bool constant = arg->kind == EXPR_LITERAL;
    if (constant)
        folded = arg->literal;
    else if (b->context->fold && !expr_has_columns(arg))
        constant = b->context->fold(b->arena, arg, &folded) == 0;
    if (!constant || folded.is_null) {
        bind_error(b, e->position, e->stop, "NON_FOLDABLE_ARGUMENT", "42K08",
                   "The function `%.40s` requires the parameter `scale` to be a foldable "
                   "expression of the type \"INT\", but the actual argument is a non-foldable.",
                   e->name);
        return false;
    }
    *ret_scale = folded.i > 400 ? 400 : folded.i < -400 ? -400 : folded.i;
    return true;
}

/* ceil(x, digits) and floor(x, digits): of decimals. */
Expr *bind_ceil_scale(Binder *b, const UExpr *e, FunctionId id, Expr **args)
{
    int64_t scale;
    if (!bind_scale(b, e, args[1], &scale))
        return NULL;
    Type from = args[0]->type;
    if (from.kind == TYPE_STRING || from.kind == TYPE_NULL || from.kind == TYPE_DOUBLE ||
        from.kind == TYPE_FLOAT)
        from = from.kind == TYPE_FLOAT ? TYPE_DECIMAL_OF(14, 7) : TYPE_DECIMAL_OF(30, 15);
    else if (type_is_integral(from))
        from = type_as_decimal(from);
    else if (from.kind != TYPE_DECIMAL)
        return bind_unexpected_input(b, e, 0, "DECIMAL", args[0]);
    int whole = from.precision - from.scale + 1;
    Type type;
    if (scale < 0)
        type = type_decimal_bounded(whole > -scale ? whole : (int)MIN(-scale, INT64_C(37)) + 1, 0);
    else {
        int kept = (int)MIN((int64_t)from.scale, scale);
        type = type_decimal_bounded(whole + kept, kept);
    }
    Expr *made[2] = {bind_cast_to(b, args[0], from),
                     bind_check(b, expr_int(b->arena, (int32_t)scale))};
    return bind_signed_call(b, id == FN_CEIL ? FN_CEIL_SCALE : FN_FLOOR_SCALE, type, made, 2, '?');
}

static Expr *bind_bit_count(Binder *b, const UExpr *e, Expr **args)
{
    if (args[0]->type.kind != TYPE_BOOLEAN)
        args[0] = integral(b, e, args[0], 0);
    return args[0] ? bind_signed_call(b, FN_BIT_COUNT, TYPE(INT), args, 1, 0) : NULL;
}

/* bround(): the same types as round(). */
static Expr *bind_bround(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    Expr *made = bind_by_name(b, e, "round", args, n);
    if (!made || made->kind != EXPR_CALL || made->function != FN_ROUND)
        return made;
    return bind_signed_call(b, FN_BROUND, made->type, made->args, 2, '?');
}

/* ---- texts ---- */

/* A constant argument. Return: false when it is none. */
static bool constant_of(Binder *b, const Expr *arg, Literal *ret)
{
    if (arg->kind == EXPR_LITERAL) {
        *ret = arg->literal;
        return true;
    }
    return b->context->fold && !expr_has_columns(arg) &&
           b->context->fold(b->arena, (Expr *)arg, ret) == 0;
}

static void *non_foldable(Binder *b, const UExpr *e, uint32_t i, const char *name)
{
    const char *input = i < e->n_args ? uexpr_quoted(b, e->args[i]) : "";
    char quoted[40];
    snprintf(quoted, sizeof(quoted), "`%s`", name);
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "42K09",
               "Cannot resolve %.300s due to data type mismatch: the input %s should be a foldable "
               "\"STRING\" expression; however, got %.200s.",
               uexpr_quoted(b, e), quoted, input);
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "inputName", quoted,
                           "inputType", "\"STRING\"", "inputExpr", input, NULL);
    return NULL;
}

static Expr *bind_format_string(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    args[0] = bind_coerce(b, e, args[0], 0, TYPE(STRING), "STRING");
    for (uint32_t i = 1; i < n; i++)
        if (type_is_nested(args[i]->type))
            args[i] = bind_cast_to(b, args[i], TYPE(STRING));
    return args[0] ? bind_signed_call(b, FN_FORMAT_STRING, TYPE(STRING), args, n,
                                      args[0]->nullable ? '?' : '!')
                   : NULL;
}

static Expr *bind_format_number(Binder *b, const UExpr *e, Expr **args)
{
    if (args[0]->type.kind == TYPE_NULL)
        args[0] = bind_cast_to(b, args[0], TYPE(DOUBLE));
    else if (!type_is_numeric(args[0]->type))
        return bind_unexpected_input(b, e, 0, "NUMERIC", args[0]);
    if (args[1]->type.kind != TYPE_STRING)
        args[1] = bind_coerce(b, e, args[1], 1, TYPE(INT), "INT\" or \"STRING");
    return bind_signed_call(b, FN_FORMAT_NUMBER, TYPE(STRING), args, 2, '?');
}

/* Texts, or bytes when all are bytes. */
static Expr *bind_elt(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    bool bytes = true;
    args[0] = bind_coerce(b, e, args[0], 0, TYPE(INT), "INT");
    for (uint32_t i = 1; i < n; i++)
        bytes &= args[i]->type.kind == TYPE_BINARY;
    for (uint32_t i = 1; i < n && !bytes; i++)
        args[i] = bind_coerce(b, e, args[i], i, TYPE(STRING), "STRING\" or \"BINARY");
    return bind_signed_call(b, FN_ELT, bytes ? TYPE(BINARY) : TYPE(STRING), args, n, '?');
}

static Expr *bind_mask(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    static const char *const names[] = {"str", "upperChar", "lowerChar", "digitChar", "otherChar"};
    static const char *const defaults[] = {"", "X", "x", "n"};
    Expr *made[5];
    for (uint32_t i = 0; i < 5; i++) {
        if (i >= n)
            made[i] = bind_check(b, i < 4 ? expr_literal(b->arena, TYPE(STRING),
                                                         (Literal){.s = vec_string(defaults[i], 1)})
                                          : expr_null(b->arena, TYPE(STRING)));
        else
            made[i] = bind_coerce(b, e, args[i], i, TYPE(STRING), "STRING");
        if (!made[i])
            return NULL;
        Literal one;
        if (i == 0)
            continue;
        if (!constant_of(b, made[i], &one))
            return non_foldable(b, e, i, names[i]);
        uint32_t length = 0;
        for (uint32_t k = 0; !one.is_null && k < one.s.length; k++)
            length += ((uint8_t)vec_string_data(&one.s)[k] & 0xc0) != 0x80;
        if (!one.is_null && length != 1) {
            bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.INPUT_SIZE_NOT_ONE", "42K09",
                       "Cannot resolve %.300s due to data type mismatch: Length of %s should be 1.",
                       uexpr_quoted(b, e), names[i]);
            query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "exprName",
                                   names[i], NULL);
            return NULL;
        }
    }
    return bind_signed_call(b, FN_MASK, TYPE(STRING), made, 5, made[0]->nullable ? '?' : '!');
}

/* to_binary(text[, format]): the format is a constant. */
static Expr *bind_to_binary(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    static const struct {
        const char *name;
        FunctionId id; /* FN_INVALID: as it is */
    } formats[] = {{"hex", FN_UNHEX_STRICT},
                   {"base64", FN_UNBASE64_STRICT},
                   {"utf-8", FN_INVALID},
                   {"utf8", FN_INVALID}};
    Literal format = {.s = vec_string("hex", 3)};
    args[0] = bind_coerce(b, e, args[0], 0, TYPE(STRING), "STRING");
    if (!args[0])
        return NULL;
    if (n == 2) {
        Expr *given = bind_coerce(b, e, args[1], 1, TYPE(STRING), "STRING");
        if (!given)
            return NULL;
        if (!constant_of(b, given, &format))
            return non_foldable(b, e, 1, "fmt");
    }
    if (format.is_null)
        return bind_check(b, expr_null(b->arena, TYPE(BINARY)));
    const char *text = vec_string_data(&format.s);
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (strlen(formats[i].name) != format.s.length ||
            strncasecmp(formats[i].name, text, format.s.length) != 0)
            continue;
        if (formats[i].id == FN_INVALID)
            return bind_cast_to(b, args[0], TYPE(BINARY));
        return bind_signed_call(b, formats[i].id, TYPE(BINARY), args, 1, '?');
    }
    if (strncmp(e->name, "try_", 4) == 0)
        return bind_check(b, expr_null(b->arena, TYPE(BINARY)));
    return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.INVALID_ARG_VALUE", "42K09",
                      "Cannot resolve %.300s due to data type mismatch: The fmt value must to be a "
                      "case-insensitive \"STRING\" literal of 'hex', 'utf-8', 'utf8', or 'base64', "
                      "but got '%.*s'.",
                      uexpr_quoted(b, e), (int)MIN(format.s.length, 40u), text);
}

/* ---- formats of numbers ---- */

/* The constant format of to_number() or to_char(). Return: false after an error. */
static bool number_format_of(Binder *b, const UExpr *e, const Literal *text, NumberFormat *ret)
{
    static const struct {
        const char *class, *what;
    } errors[] = {
        [NUMBER_FORMAT_EMPTY] = {"INVALID_FORMAT.EMPTY", "The number format string cannot be "
                                                         "empty."},
        [NUMBER_FORMAT_NO_DIGIT] = {"INVALID_FORMAT.WRONG_NUM_DIGIT",
                                    "The format string requires at least one number digit."},
        [NUMBER_FORMAT_TWICE] = {"INVALID_FORMAT.WRONG_NUM_TOKEN",
                                 "A token stands twice in the number format."},
        [NUMBER_FORMAT_GROUPS] = {"INVALID_FORMAT.CONT_THOUSANDS_SEPS",
                                  "Thousands separators (, or G) must have digits in between them "
                                  "in the number format."},
        [NUMBER_FORMAT_GROUP_LATE] = {"INVALID_FORMAT.THOUSANDS_SEPS_MUST_BEFORE_DEC",
                                      "Thousands separators (, or G) may not appear after the "
                                      "decimal point in the number format."},
        [NUMBER_FORMAT_CURRENCY] = {"INVALID_FORMAT.CUR_MUST_BEFORE_DIGIT",
                                    "Currency characters must appear before digits in the number "
                                    "format."},
        [NUMBER_FORMAT_UNEXPECTED] = {"INVALID_FORMAT.UNEXPECTED_TOKEN",
                                      "Found an unexpected token in the format string; its "
                                      "structure must match: `[MI|S]` `[$]` `[0|9|G|,]*` `[.|D]` "
                                      "`[0|9]*` `[$]` `[PR|MI|S]`."},
        [NUMBER_FORMAT_TOO_LONG] = {"DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
                                    "The decimal precision exceeds the maximum, 38."}};
    const char *bytes = vec_string_data(&text->s);
    NumberFormatError error = number_format_read(bytes, text->s.length, ret);
    if (error)
        bind_error(b, e->position, e->stop, errors[error].class,
                   error == NUMBER_FORMAT_TOO_LONG ? "22003" : "42601",
                   "The format is invalid: '%.*s'. %s", (int)MIN(text->s.length, 100u), bytes,
                   errors[error].what);
    return error == NUMBER_FORMAT_OK;
}

/* to_number(), try_to_number() */
static Expr *bind_to_number(Binder *b, const UExpr *e, Expr **args)
{
    NumberFormat format;
    Literal text;
    for (uint32_t i = 0; i < 2; i++) {
        args[i] = bind_coerce(b, e, args[i], i, TYPE(STRING), "STRING");
        if (!args[i])
            return NULL;
    }
    if (!constant_of(b, args[1], &text))
        return non_foldable(b, e, 1, "format");
    if (text.is_null)
        return bind_check(b, expr_null(b->arena, TYPE_DECIMAL_OF(38, 0)));
    if (!number_format_of(b, e, &text, &format))
        return NULL;
    Type type = TYPE_DECIMAL_OF(format.n_before + format.n_after, format.n_after);
    Expr *made = bind_signed_call(b, FN_TO_NUMBER, type, args, 2, 0);
    return made && e->name[0] == 't' && e->name[1] == 'r'
               ? bind_signed_call(b, FN_TRY, type, &made, 1, '?')
               : made;
}

/* to_char(), to_varchar(): of numbers, dates, or bytes */
static Expr *bind_to_char(Binder *b, const UExpr *e, Expr **args)
{
    Type from = args[0]->type;
    Literal text;
    if (from.kind == TYPE_DATE || from.kind == TYPE_TIMESTAMP || from.kind == TYPE_TIMESTAMP_NTZ)
        return bind_by_name(b, e, "date_format", args, 2);
    args[1] = bind_coerce(b, e, args[1], 1, TYPE(STRING), "STRING");
    if (!args[1])
        return NULL;
    if (!constant_of(b, args[1], &text))
        return non_foldable(b, e, 1, "format");
    if (text.is_null)
        return bind_check(b, expr_null(b->arena, TYPE(STRING)));
    if (from.kind == TYPE_BINARY) {
        static const char *const formats[][2] = {{"base64", "base64"}, {"hex", "hex"}};
        for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
            if (text.s.length == strlen(formats[i][0]) &&
                strncasecmp(formats[i][0], vec_string_data(&text.s), text.s.length) == 0)
                return bind_by_name(b, e, formats[i][1], args, 1);
        if (text.s.length == 5 && strncasecmp("utf-8", vec_string_data(&text.s), 5) == 0)
            return bind_by_name(b, e, "decode", args, 2);
        return bind_error(b, e->position, e->stop, "INVALID_PARAMETER_VALUE.BINARY_FORMAT", "22023",
                          "The value of parameter(s) `format` in `%.20s` is invalid: expects one "
                          "of binary formats 'base64', 'hex', 'utf-8', but got '%.*s'.",
                          e->name, (int)MIN(text.s.length, 40u), vec_string_data(&text.s));
    }
    NumberFormat format;
    if (!number_format_of(b, e, &text, &format))
        return NULL;
    if (type_is_integral(from))
        from = type_as_decimal(from);
    else if (from.kind != TYPE_DECIMAL)
        from = TYPE_DECIMAL_OF(30, 15);
    if (!type_is_numeric(args[0]->type) && args[0]->type.kind != TYPE_STRING &&
        args[0]->type.kind != TYPE_NULL)
        return bind_unexpected_input(b, e, 0, "DECIMAL", args[0]);
    args[0] = bind_cast_to(b, args[0], from);
    return bind_signed_call(b, FN_TO_CHAR, TYPE(STRING), args, 2, 0);
}

/* ---- errors ---- */

static Expr *raise(Binder *b, Expr *text)
{
    Expr *null =
        bind_check(b, expr_literal(b->arena, TYPE(STRING), (Literal){.s = vec_string("null", 4)}));
    Expr *kind = bind_check(b, expr_int(b->arena, FN_RAISE_USER));
    if (!text || !null || !kind)
        return NULL;
    text = bind_signed_call(b, FN_COALESCE, TYPE(STRING), (Expr *[]){text, null}, 2, '!');
    return text ? bind_signed_call(b, FN_RAISE, TYPE(NULL), (Expr *[]){text, kind}, 2, '?') : NULL;
}

/* assert_true(condition[, message]), raise_error(message): of type void */
static Expr *bind_assert(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    if (e->name[0] == 'r')
        return raise(b, bind_coerce(b, e, args[0], 0, TYPE(STRING), "STRING"));
    if (args[0]->type.kind != TYPE_BOOLEAN && args[0]->type.kind != TYPE_NULL)
        return bind_unexpected_input(b, e, 0, "BOOLEAN", args[0]);
    Expr *text;
    if (n == 2) {
        text = bind_coerce(b, e, args[1], 1, TYPE(STRING), "STRING");
    } else {
        const char *name = uexpr_name(b, e->args[0]);
        size_t size = strlen(name) + 32;
        char *message = bind_alloc(b, size, 1);
        if (!message)
            return NULL;
        bool null = args[0]->type.kind == TYPE_NULL;
        int length = snprintf(message, size, "'%s' is not true!", null ? "null" : name);
        text = bind_check(b, expr_literal(b->arena, TYPE(STRING),
                                          (Literal){.s = vec_string(message, (uint32_t)length)}));
    }
    Expr *failed = raise(b, text);
    Expr *null = bind_check(b, expr_null(b->arena, TYPE(NULL)));
    return failed ? bind_by_name(b, e, "if", (Expr *[]){args[0], null, failed}, 3) : NULL;
}

/* ---- signs, hashes, codes ---- */

static Expr *bind_signum(Binder *b, const UExpr *e, Expr **args)
{
    uint8_t kind = args[0]->type.kind;
    if (kind == TYPE_INTERVAL_YM || kind == TYPE_INTERVAL_DT)
        return bind_body(b, e,
                         "(if (isnull $1) null (if (> $1 (- $1 $1)) 1.0 (if (< $1 (- $1 $1)) -1.0 "
                         "0.0)))",
                         args, 1);
    args[0] = bind_coerce(b, e, args[0], 0, TYPE(DOUBLE), "DOUBLE");
    return bind_signed_call(b, FN_SIGNUM, TYPE(DOUBLE), args, 1, '?');
}

static Expr *bind_hash(Binder *b, const UExpr *e, FunctionId id, Expr **args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!type_contains(args[i]->type, TYPE_MAP))
            continue;
        char name[40];
        snprintf(name, sizeof(name), "`%.36s`", e->name);
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.HASH_MAP_TYPE", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: Input to the function %s "
                   "cannot contain elements of the \"MAP\" type.",
                   uexpr_quoted(b, e), name);
        query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "functionName",
                               name, NULL);
        return NULL;
    }
    return bind_signed_call(b, id, id == FN_HASH ? TYPE(INT) : TYPE(LONG), args, n, '!');
}

/* Texts, and arrays of texts. */
static Expr *bind_concat_ws(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        Type type = args[i]->type;
        if (i > 0 && type.kind == TYPE_ARRAY) {
            if (type.children[0].type.kind == TYPE_STRING)
                continue;
            if (!bind_array_type(b, TYPE(STRING), type.children[0].nullable, &type))
                return NULL;
            if (!type_can_cast(args[i]->type, type, b->context->settings.ansi) ||
                type_is_nested(args[i]->type.children[0].type))
                return bind_unexpected_input(b, e, i, "ARRAY<STRING>\" or \"STRING", args[i]);
            args[i] = bind_cast_to(b, args[i], type);
        } else {
            args[i] = bind_coerce(b, e, args[i], i, TYPE(STRING),
                                  i ? "ARRAY<STRING>\" or \"STRING" : "STRING");
        }
        if (!args[i])
            return NULL;
    }
    return bind_signed_call(b, FN_CONCAT_WS, TYPE(STRING), args, n, args[0]->nullable ? '?' : '!');
}

/* decode(bytes, charset), or a CASE whose NULLs are equal. */
static Expr *bind_decode(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    if (n == 2) {
        uint8_t from = args[0]->type.kind;
        if (from != TYPE_BINARY && from != TYPE_STRING && from != TYPE_NULL)
            return bind_unexpected_input(b, e, 0, "BINARY", args[0]);
        args[0] = bind_cast_to(b, args[0], TYPE(BINARY));
        args[1] = bind_coerce(b, e, args[1], 1, TYPE(STRING), "STRING");
        return bind_signed_call(b, FN_DECODE, TYPE(STRING), args, 2, 0);
    }
    Expr **cases = bind_alloc(b, n, sizeof(*cases));
    if (!cases)
        return NULL;
    uint32_t k = 0;
    for (uint32_t i = 1; i + 1 < n; i += 2) {
        cases[k++] = bind_by_name(b, e, "<=>", (Expr *[]){args[0], args[i]}, 2);
        cases[k++] = args[i + 1];
        if (!cases[k - 2])
            return NULL;
    }
    if (n % 2 == 0)
        cases[k++] = args[n - 1];
    return bind_by_name(b, e, "when", cases, k);
}

Expr *bind_special(Binder *b, const UExpr *e, const FunctionSigned *f, Expr **args, uint32_t n)
{
    switch ((FunctionId)f->id) {
    case FN_BIT_AND:
    case FN_BIT_OR:
    case FN_BIT_XOR:
        return bind_bits(b, e, f->id, args);
    case FN_SHIFT_LEFT:
    case FN_SHIFT_RIGHT:
    case FN_SHIFT_RIGHT_UNSIGNED:
        return bind_shift(b, e, f->id, args);
    case FN_HEX:
        return bind_hex(b, e, args);
    case FN_PMOD:
        return bind_pmod(b, e, args);
    case FN_NANVL:
        return bind_nanvl(b, e, args);
    case FN_BIT_COUNT:
        return bind_bit_count(b, e, args);
    case FN_BROUND:
        return bind_bround(b, e, args, n);
    case FN_TO_NUMBER:
        return bind_to_number(b, e, args);
    case FN_TO_CHAR:
        return bind_to_char(b, e, args);
    case FN_ASSERT:
        return bind_assert(b, e, args, n);
    case FN_FORMAT_STRING:
        return bind_format_string(b, e, args, n);
    case FN_FORMAT_NUMBER:
        return bind_format_number(b, e, args);
    case FN_ELT:
        return bind_elt(b, e, args, n);
    case FN_MASK:
        return bind_mask(b, e, args, n);
    case FN_UNHEX_STRICT:
        return bind_to_binary(b, e, args, n);
    case FN_CONCAT_WS:
        return bind_concat_ws(b, e, args, n);
    case FN_SIGNUM:
        return bind_signum(b, e, args);
    case FN_HASH:
    case FN_XXHASH64:
        return bind_hash(b, e, f->id, args, n);
    case FN_DECODE:
        return bind_decode(b, e, args, n);
    case FN_DATE_FORMAT:
    case FN_PARSE_TIME:
    case FN_FLOOR_QUOTIENT:
    case FN_MAKE_CLOCK:
    case FN_SUM_PRODUCTS:
    case FN_TIMESTAMP_ADD:
    case FN_TIME_APART:
    case FN_CONVERT_ZONE:
    case FN_WINDOW_EDGE:
    case FN_MONTHS_BETWEEN:
        return bind_datetime(b, e, f, args, n);
    case FN_RAND:
    case FN_RANDN:
    case FN_RANDSTR:
    case FN_UUID:
    case FN_SHUFFLE:
    case FN_PARTITION_ID:
    case FN_INCREASING_ID:
    case FN_UNIFORM:
        return bind_random(b, e, f, args, n);
    default:
        return bind_unsupported(b, e->position, e->stop, f->name);
    }
}
