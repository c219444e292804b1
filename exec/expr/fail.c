/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#include <ctype.h>

/* What a row's failure says, in Spark's error classes. */

static int positioned(ExprState *s, const Step *step, int r)
{
    if (s->error && step->expr && step->expr->position && !s->error->start)
        s->error->start = step->expr->position;
    return r;
}

int expr_fail_overflow(ExprState *s, const Step *step, const char *what)
{
    char type[64];
    return positioned(
        s, step,
        query_error_set(s->error, DATA_ERROR_ARITHMETIC, "ARITHMETIC_OVERFLOW", "22003",
                        "%s overflow in '%s'. Use 'try_' variants of the function to tolerate "
                        "overflow and return NULL instead.",
                        type_format(step->type, type, sizeof(type)), what));
}

int expr_fail_divide(ExprState *s, const Step *step)
{
    return positioned(s, step,
                      query_error_set(s->error, DATA_ERROR_ARITHMETIC, "DIVIDE_BY_ZERO", "22012",
                                      "Division by zero. Use `try_divide` to tolerate divisor "
                                      "being 0 and return NULL instead."));
}

int expr_fail_precision_text(ExprState *s, const Step *step, const char *text, uint32_t n,
                             Type target)
{
    int shown = (int)(n < 100 ? n : 100);
    return positioned(
        s, step,
        query_error_set(s->error, DATA_ERROR_ARITHMETIC,
                        "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "22003",
                        "The %.*s rounded half up from %.*s cannot be represented as "
                        "Decimal(%u, %u). Use 'try_cast' to tolerate overflow and return NULL "
                        "instead.",
                        shown, text, shown, text, target.precision, target.scale));
}

int expr_fail_precision(ExprState *s, const Step *step, i128 value, uint32_t scale, Type target)
{
    char text[DEC_TEXT_MAX];
    return expr_fail_precision_text(s, step, text, (uint32_t)dec_format(value, scale, text),
                                    target);
}

/* "decimal(10,2)" as error messages write it: "DECIMAL(10,2)". */
static const char *upper_type(Type type, char *buf, size_t size)
{
    type_format(type, buf, size);
    for (char *c = buf; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return buf;
}

int expr_fail_cast_input(ExprState *s, const Step *step, const VecString *text)
{
    char to[64];
    uint8_t kind = step->type.kind;
    bool datetime = kind == TYPE_DATE || kind == TYPE_TIMESTAMP || kind == TYPE_TIMESTAMP_NTZ;
    uint32_t n = text->length < 100 ? text->length : 100;
    return positioned(
        s, step,
        query_error_set(
            s->error, datetime ? DATA_ERROR_DATETIME : DATA_ERROR_CAST, "CAST_INVALID_INPUT",
            "22018",
            "The value '%.*s' of the type \"STRING\" cannot be cast to \"%s\" because "
            "it is malformed. Correct the value as per the syntax, or change its target "
            "type. Use `try_cast` to tolerate malformed input and return NULL instead.",
            (int)n, vec_string_data(text), upper_type(step->type, to, sizeof(to))));
}

int expr_fail_cast_overflow(ExprState *s, const Step *step, const Vector *v, uint32_t row)
{
    char from[64], to[64], value[64];
    return positioned(
        s, step,
        query_error_set(s->error, DATA_ERROR_ARITHMETIC, "CAST_OVERFLOW", "22003",
                        "The value %s of the type \"%s\" cannot be cast to \"%s\" due to an "
                        "overflow. Use `try_cast` to tolerate overflow and return NULL instead.",
                        vec_format(v, v->encoding == VEC_CONST ? 0 : row, value, sizeof(value)),
                        upper_type(v->type, from, sizeof(from)),
                        upper_type(step->type, to, sizeof(to))));
}

int expr_fail_datetime(ExprState *s, const Step *step, const char *what)
{
    return positioned(s, step,
                      query_error_set(s->error, DATA_ERROR_DATETIME, "DATETIME_OVERFLOW", "22008",
                                      "Datetime operation overflow: %s.", what));
}

int expr_fail_field(ExprState *s, const Step *step, const char *what)
{
    return positioned(s, step,
                      query_error_set(s->error, DATA_ERROR_DATETIME,
                                      "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION", "22023",
                                      "%s. If necessary set \"spark.sql.ansi.enabled\" to "
                                      "\"false\" to bypass this error.",
                                      what));
}

int expr_fail_pattern(ExprState *s, const Step *step, const char *class, const char *what)
{
    return positioned(s, step,
                      query_error_set(s->error, DATA_ERROR_RUNTIME, class, "22025", "%s", what));
}

int expr_fail_raise(ExprState *s, const Step *step, const VecString *text)
{
    int n = text ? (int)(text->length < 900 ? text->length : 900) : 0;
    const char *bytes = text ? vec_string_data(text) : "";
    bool rows = step->expr->args[1]->literal.i == FN_RAISE_TOO_MANY_ROWS;
    return positioned(
        s, step,
        query_error_set(s->error, DATA_ERROR_RUNTIME,
                        rows ? "SCALAR_SUBQUERY_TOO_MANY_ROWS" : "USER_RAISED_EXCEPTION",
                        rows ? "21000" : "P0001", "%.*s", n, bytes));
}
