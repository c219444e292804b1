/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/program.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What a row's failure says, in Spark's error classes. */

#define ANSI_CONFIG "\"spark.sql.ansi.enabled\""

static int positioned(ExprState *s, const Step *step, int r)
{
    if (s->error && step->expr && step->expr->position && !s->error->start)
        s->error->start = step->expr->position;
    return r;
}

/* Parameters of an error that is in place already. */
#define parameters(s, ...) query_error_parameters((s)->error, __VA_ARGS__, NULL)

int expr_fail_overflow(ExprState *s, const Step *step, const char *what)
{
    char type[64], alternative[80] = "";
    const char *tried = strcmp(what, "+") == 0   ? "try_add"
                        : strcmp(what, "-") == 0 ? "try_subtract"
                        : strcmp(what, "*") == 0 ? "try_multiply"
                                                 : NULL;
    if (tried && step->n_args == 2)
        snprintf(alternative, sizeof(alternative),
                 " Use '%s' to tolerate overflow and return NULL instead.", tried);
    type_format(step->type, type, sizeof(type));
    if (step->n_args == 2 && (step->type.kind == TYPE_BYTE || step->type.kind == TYPE_SHORT)) {
        query_error_set(s->error, DATA_ERROR_ARITHMETIC, "BINARY_ARITHMETIC_OVERFLOW", "22003",
                        "%s %s caused overflow.%s", type, what, alternative);
        return positioned(s, step, QUERY_E_FAILED);
    }
    if (step->type.kind == TYPE_INTERVAL_YM || step->type.kind == TYPE_INTERVAL_DT) {
        query_error_set(s->error, DATA_ERROR_ARITHMETIC,
                        "INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION", "22015",
                        "Integer overflow while operating with intervals.%s", alternative);
        return positioned(s, step, QUERY_E_FAILED);
    }
    query_error_set(s->error, DATA_ERROR_ARITHMETIC, "ARITHMETIC_OVERFLOW", "22003",
                    "%s overflow in '%s'.%s If necessary set " ANSI_CONFIG
                    " to \"false\" to bypass this error.",
                    type, what, alternative);
    parameters(s, "message", "overflow", "alternative", alternative, "config", ANSI_CONFIG);
    return positioned(s, step, QUERY_E_FAILED);
}

int expr_fail_divide(ExprState *s, const Step *step)
{
    query_error_set(s->error, DATA_ERROR_ARITHMETIC, "DIVIDE_BY_ZERO", "22012",
                    "Division by zero. Use `try_divide` to tolerate divisor being 0 and return "
                    "NULL instead. If necessary set " ANSI_CONFIG
                    " to \"false\" to bypass this error.");
    parameters(s, "config", ANSI_CONFIG);
    return positioned(s, step, QUERY_E_FAILED);
}

int expr_fail_precision_text(ExprState *s, const Step *step, const char *text, uint32_t n,
                             Type target)
{
    char value[101], precision[8], scale[8];
    snprintf(value, sizeof(value), "%.*s", (int)(n < 100 ? n : 100), text);
    snprintf(precision, sizeof(precision), "%u", target.precision);
    snprintf(scale, sizeof(scale), "%u", target.scale);
    query_error_set(
        s->error, DATA_ERROR_ARITHMETIC, "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "22003",
        "The %s rounded half up from %s cannot be represented as Decimal(%s, %s). If "
        "necessary set " ANSI_CONFIG " to \"false\" to bypass this error, and return NULL instead.",
        value, value, precision, scale);
    parameters(s, "value", value, "precision", precision, "scale", scale, "config", ANSI_CONFIG);
    return positioned(s, step, QUERY_E_FAILED);
}

int expr_fail_precision(ExprState *s, const Step *step, i128 value, uint32_t scale, Type target)
{
    char text[DEC_TEXT_MAX];
    return expr_fail_precision_text(s, step, text, (uint32_t)dec_format(value, scale, text),
                                    target);
}

/* decimal(10,2) as error messages write it: "DECIMAL(10,2)", with the quotes. */
static void quoted_type(Type type, char *buf, size_t size)
{
    buf[0] = '"';
    type_format(type, buf + 1, size - 2);
    size_t n = strlen(buf);
    for (size_t i = 1; i < n; i++)
        buf[i] = (char)toupper((unsigned char)buf[i]);
    buf[n] = '"';
    buf[n + 1] = '\0';
}

int expr_fail_cast_input(ExprState *s, const Step *step, const VecString *text)
{
    char to[70], value[110];
    uint8_t kind = step->type.kind;
    DataErrorKind error = kind == TYPE_DATE || kind == TYPE_TIMESTAMP || kind == TYPE_TIMESTAMP_NTZ
                              ? DATA_ERROR_DATETIME
                          : kind == TYPE_BOOLEAN ? DATA_ERROR_RUNTIME
                                                 : DATA_ERROR_CAST;
    snprintf(value, sizeof(value), "'%.*s'", (int)(text->length < 100 ? text->length : 100),
             vec_string_data(text));
    quoted_type(step->type, to, sizeof(to));
    query_error_set(s->error, error, "CAST_INVALID_INPUT", "22018",
                    "The value %s of the type \"STRING\" cannot be cast to %s because it is "
                    "malformed. Correct the value as per the syntax, or change its target type. "
                    "Use `try_cast` to tolerate malformed input and return NULL instead.",
                    value, to);
    parameters(s, "expression", value, "sourceType", "\"STRING\"", "targetType", to, "ansiConfig",
               ANSI_CONFIG);
    return positioned(s, step, QUERY_E_FAILED);
}

int expr_fail_cast_overflow(ExprState *s, const Step *step, const Vector *v, uint32_t row)
{
    char from[70], to[70], value[64];
    vec_format(v, v->encoding == VEC_CONST ? 0 : row, value, sizeof(value));
    quoted_type(v->type, from, sizeof(from));
    quoted_type(step->type, to, sizeof(to));
    query_error_set(s->error, DATA_ERROR_ARITHMETIC, "CAST_OVERFLOW", "22003",
                    "The value %s of the type %s cannot be cast to %s due to an overflow. Use "
                    "`try_cast` to tolerate overflow and return NULL instead.",
                    value, from, to);
    parameters(s, "value", value, "sourceType", from, "targetType", to, "ansiConfig", ANSI_CONFIG);
    return positioned(s, step, QUERY_E_FAILED);
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
    /* The former is a plain SparkException, which has the kind of files here. */
    bool rows = step->expr->args[1]->literal.i == FN_RAISE_TOO_MANY_ROWS;
    return positioned(
        s, step,
        query_error_set(s->error, rows ? DATA_ERROR_FILE : DATA_ERROR_RUNTIME,
                        rows ? "SCALAR_SUBQUERY_TOO_MANY_ROWS" : "USER_RAISED_EXCEPTION",
                        rows ? "21000" : "P0001", "%.*s", n, bytes));
}
