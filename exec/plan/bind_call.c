/* SPDX-License-Identifier: Apache-2.0 */

/* Calls: the arguments converted by the function's rule, and the type of the result. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/kernel/zone.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/bind_sketch.h"
#include "exec/plan/bind_signed.h"
#include "exec/plan/datetime.h"
#include "exec/plan/function_list.h"
#include "exec/plan/function_table.h"
#include "exec/vec/interval.h"

bool function_is_aggregate(const char *name)
{
    return aggregate_find(name) != _AGG_MAX || function_is_sketch_aggregate(name);
}

Expr *bind_wrong_types(Binder *b, const UExpr *e, const Expr *left, const Expr *right)
{
    char l[130], r[130];
    bind_type_text(left->type, l);
    bind_type_text(right->type, r);
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "42K09",
               "Cannot resolve %.300s due to data type mismatch: the left and right operands of "
               "the binary operator have incompatible types (%s and %s).",
               uexpr_quoted(b, e), l, r);
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "left", l, "right", r,
                           NULL);
    return NULL;
}

static Expr *wrong_operand(Binder *b, const UExpr *e, const char *wanted, const Expr *arg)
{
    char type[130], required[70];
    bind_type_text(arg->type, type);
    snprintf(required, sizeof(required), "\"%s\"", wanted);
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE", "42K09",
               "Cannot resolve %.300s due to data type mismatch: the binary operator requires the "
               "input type %s, not %s.",
               uexpr_quoted(b, e), required, type);
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "inputType", required,
                           "actualDataType", type, NULL);
    return NULL;
}

static Expr *unexpected_input(Binder *b, const UExpr *e, uint32_t number, const char *wanted,
                              const Expr *arg)
{
    static const char *const ordinals[] = {"first", "second", "third", "fourth", "fifth"};
    char later[16];
    snprintf(later, sizeof(later), "%uth", number + 1);
    const char *ordinal = number < ARRAY_SIZE(ordinals) ? ordinals[number] : later;
    const char *input = number < e->n_args ? uexpr_quoted(b, e->args[number]) : "it";
    char type[130], required[90];
    bind_type_text(arg->type, type);
    /* Alternatives come as A" or "B. */
    snprintf(required, sizeof(required), strstr(wanted, "\" or \"") ? "(\"%s\")" : "\"%s\"",
             wanted);
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09",
               "Cannot resolve %.300s due to data type mismatch: The %s parameter requires the %s "
               "type, however %.200s has the type %s.",
               uexpr_quoted(b, e), ordinal, required, input, type);
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "paramIndex", ordinal,
                           "requiredType", required, "inputSql", input, "inputType", type, NULL);
    return NULL;
}

static bool any_nullable(Expr *const *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (args[i]->nullable)
            return true;
    return false;
}

static Expr *call(Binder *b, FunctionId id, Type type, Expr *const *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!args[i])
            return NULL;
    return bind_check(b, expr_call(b->arena, id, type, any_nullable(args, n), args, n));
}

/* Argument @i as @type, implicitly. Return: NULL after UNEXPECTED_INPUT_TYPE. */
static Expr *coerce(Binder *b, const UExpr *e, Expr *arg, uint32_t i, Type type, const char *wanted)
{
    if (!arg || type_equal(arg->type, type))
        return arg;
    Type from = arg->type;
    bool ok = from.kind == TYPE_NULL;
    switch (type.kind) {
    case TYPE_STRING:
        ok |= from.kind != TYPE_ARRAY && from.kind != TYPE_MAP && from.kind != TYPE_STRUCT;
        break;
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
        ok |= from.kind == TYPE_STRING || from.kind == TYPE_DATE || from.kind == TYPE_TIMESTAMP ||
              from.kind == TYPE_TIMESTAMP_NTZ;
        break;
    case TYPE_BOOLEAN:
        ok |= from.kind == TYPE_STRING;
        break;
    default:
        ok |= type_is_numeric(from) || from.kind == TYPE_STRING;
        /* Fractions do not become integers by themselves. */
        if (type_is_integral(type) && !type_is_integral(from) && from.kind != TYPE_STRING &&
            from.kind != TYPE_NULL)
            ok = false;
    }
    if (!ok)
        return unexpected_input(b, e, i, wanted, arg);
    return bind_cast_to(b, arg, type);
}

Expr *bind_coerce(Binder *b, const UExpr *e, Expr *arg, uint32_t i, Type type, const char *wanted)
{
    char text[130];
    if (!wanted) {
        type_format(type, text, sizeof(text));
        for (char *c = text; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        wanted = text;
    }
    if (arg && type_is_nested(type) && !type_equal(arg->type, type)) {
        Type wide;
        if (!bind_wider(b, arg->type, type, &wide) || !type_same_bytes(wide, type))
            return unexpected_input(b, e, i, wanted, arg);
        return bind_cast_to(b, arg, wide);
    }
    return coerce(b, e, arg, i, type, wanted);
}

Expr *bind_unexpected_input(Binder *b, const UExpr *e, uint32_t number, const char *wanted,
                            const Expr *arg)
{
    return unexpected_input(b, e, number, wanted, arg);
}

/* ---- operators ---- */

static Expr *bind_compare(Binder *b, const UExpr *e, FunctionId id, Expr *left, Expr *right)
{
    Type type;
    if (!left || !right)
        return NULL;
    bool ok = bind_wider(b, left->type, right->type, &type) &&
              !(type_is_nested(type) && type_mixes(left->type, right->type, true));
    if (!ok)
        return bind_wrong_types(b, e, left, right);
    if (type.kind == TYPE_NULL)
        type = TYPE(BOOLEAN);
    left = bind_cast_to(b, left, type);
    right = bind_cast_to(b, right, type);
    if (!left || !right || !bind_compare_nested(b, e, id, &left, &right))
        return NULL;
    return bind_check(b, expr_compare(b->arena, id, left, right));
}

/* An integer literal needs only as many digits as it has. */
static Expr *decimal_operand(Binder *b, Expr *e)
{
    if (e->type.kind == TYPE_DECIMAL)
        return e;
    Type type = type_as_decimal(e->type);
    if (e->kind == EXPR_LITERAL && !e->literal.is_null) {
        int64_t v = e->literal.i;
        int digits = 1;
        while (v >= 10 || v <= -10) {
            v /= 10;
            digits++;
        }
        type = TYPE_DECIMAL_OF(digits, 0);
    }
    return bind_cast_to(b, e, type);
}

static bool is_date_or_clock(Type t)
{
    return t.kind == TYPE_DATE || t.kind == TYPE_TIMESTAMP || t.kind == TYPE_TIMESTAMP_NTZ;
}

static Expr *negated(Binder *b, Expr *e)
{
    if (e->kind == EXPR_LITERAL && !e->literal.is_null && e->literal.i != INT64_MIN)
        return bind_check(b, expr_literal(b->arena, e->type, (Literal){.i = -e->literal.i}));
    return call(b, FN_NEGATE, e->type, &e, 1);
}

/* date + interval, interval + date, date - interval */
static Expr *bind_date_interval(Binder *b, const UExpr *e, FunctionId id, Expr *date,
                                Expr *interval)
{
    if (id == FN_SUBTRACT)
        interval = negated(b, interval);
    if (!interval)
        return NULL;
    Type type = date->type;
    /* An interval of days leaves a date a date; one with hours makes it a timestamp. */
    if (type.kind == TYPE_DATE && interval->type.kind == TYPE_INTERVAL_DT) {
        if (interval_end(interval->type) == 0)
            return call(b, FN_DATE_ADD, TYPE(DATE),
                        (Expr *[]){date, bind_cast_to(b, interval, TYPE(INT))}, 2);
        date = bind_cast_to(b, date, TYPE(TIMESTAMP));
        type = TYPE(TIMESTAMP);
    }
    if (type.kind == TYPE_TIMESTAMP)
        return bind_instant_plus(b, date, interval);
    return call(b, FN_DATE_ADD_INTERVAL, type, (Expr *[]){date, interval}, 2);
}

static bool is_factor(Type t)
{
    return type_is_numeric(t) || t.kind == TYPE_STRING || t.kind == TYPE_NULL;
}

static Expr *bind_date_arithmetic(Binder *b, const UExpr *e, FunctionId id, Expr *left, Expr *right)
{
    Type l = left->type, r = right->type;
    if (type_is_interval(l) && type_is_interval(r) && l.kind == r.kind &&
        (id == FN_ADD || id == FN_SUBTRACT)) {
        Type wide = interval_wider(l, r);
        return call(b, id, wide,
                    (Expr *[]){bind_cast_to(b, left, wide), bind_cast_to(b, right, wide)}, 2);
    }
    if (id == FN_MULTIPLY && type_is_interval(l) && is_factor(r))
        return bind_scaled_interval(b, id, left, right);
    if (id == FN_MULTIPLY && type_is_interval(r) && is_factor(l))
        return bind_scaled_interval(b, id, right, left);
    if (id == FN_ADD && type_is_interval(l) && is_date_or_clock(r))
        return bind_date_interval(b, e, id, right, left);
    if ((id == FN_ADD || id == FN_SUBTRACT) && is_date_or_clock(l) && type_is_interval(r))
        return bind_date_interval(b, e, id, left, right);
    if (id == FN_ADD && r.kind == TYPE_DATE && type_is_integral(l)) {
        Expr *swap = left;
        left = right;
        right = swap;
        l = left->type;
        r = right->type;
    }
    if ((id == FN_ADD || id == FN_SUBTRACT) && l.kind == TYPE_DATE &&
        (type_is_integral(r) || r.kind == TYPE_NULL) && r.kind != TYPE_LONG) {
        right = bind_cast_to(b, right, TYPE(INT));
        return call(b, id == FN_ADD ? FN_DATE_ADD : FN_DATE_SUB, TYPE(DATE),
                    (Expr *[]){left, right}, 2);
    }
    if (id == FN_SUBTRACT && is_date_or_clock(l) && is_date_or_clock(r))
        return bind_difference(b, left, right);
    return bind_wrong_types(b, e, left, right);
}

static Expr *bind_decimal_binary(Binder *b, FunctionId id, Expr *left, Expr *right)
{
    left = decimal_operand(b, left);
    right = decimal_operand(b, right);
    if (!left || !right)
        return NULL;
    Type type = type_decimal_result(id, left->type, right->type);
    Expr *made = call(b, id, type, (Expr *[]){left, right}, 2);
    if (made && (id == FN_DIVIDE || id == FN_MODULO || !b->context->settings.ansi))
        made->nullable = true;
    return made;
}

/* Strings and nulls among numbers. Return: false after an error. */
static bool number_operands(Binder *b, const UExpr *e, Expr **left, Expr **right)
{
    Expr *l = *left, *r = *right;
    if (l->type.kind == TYPE_NULL && r->type.kind == TYPE_NULL) {
        *left = bind_cast_to(b, l, TYPE(DOUBLE));
        *right = bind_cast_to(b, r, TYPE(DOUBLE));
        return *left && *right;
    }
    bool l_text = l->type.kind == TYPE_STRING || l->type.kind == TYPE_NULL;
    bool r_text = r->type.kind == TYPE_STRING || r->type.kind == TYPE_NULL;
    if (l_text && r_text) {
        if (b->context->settings.ansi)
            return wrong_operand(b, e, "NUMERIC", l->type.kind == TYPE_STRING ? l : r), false;
        *left = bind_cast_to(b, l, TYPE(DOUBLE));
        *right = bind_cast_to(b, r, TYPE(DOUBLE));
        return *left && *right;
    }
    Type wide;
    if (l_text && type_is_numeric(r->type)) {
        type_wider(l->type, r->type, &wide);
        *left = bind_cast_to(b, l, wide);
    } else if (r_text && type_is_numeric(l->type)) {
        type_wider(l->type, r->type, &wide);
        *right = bind_cast_to(b, r, wide);
    }
    if (!*left || !*right)
        return false;
    if (!type_is_numeric((*left)->type) || !type_is_numeric((*right)->type)) {
        if (type_equal(l->type, r->type))
            wrong_operand(b, e, "NUMERIC", l);
        else
            bind_wrong_types(b, e, l, r);
        return false;
    }
    return true;
}

static Expr *bind_arithmetic(Binder *b, const UExpr *e, FunctionId id, Expr *left, Expr *right)
{
    if (is_date_or_clock(left->type) || is_date_or_clock(right->type) ||
        type_is_interval(left->type) || type_is_interval(right->type))
        return bind_date_arithmetic(b, e, id, left, right);
    if (!number_operands(b, e, &left, &right))
        return NULL;
    bool l_float = left->type.kind == TYPE_FLOAT || left->type.kind == TYPE_DOUBLE;
    bool r_float = right->type.kind == TYPE_FLOAT || right->type.kind == TYPE_DOUBLE;
    if ((left->type.kind == TYPE_DECIMAL && !r_float) ||
        (right->type.kind == TYPE_DECIMAL && !l_float))
        return bind_decimal_binary(b, id, left, right);
    Type type;
    type_wider(left->type, right->type, &type);
    left = bind_cast_to(b, left, type);
    right = bind_cast_to(b, right, type);
    Expr *made = call(b, id, type, (Expr *[]){left, right}, 2);
    if (made && id == FN_MODULO)
        made->nullable = true;
    return made;
}

static Expr *bind_divide(Binder *b, const UExpr *e, Expr *left, Expr *right)
{
    if (type_is_interval(left->type))
        return is_factor(right->type) ? bind_scaled_interval(b, FN_DIVIDE, left, right)
                                      : unexpected_input(b, e, 1, "NUMERIC", right);
    if (!number_operands(b, e, &left, &right))
        return NULL;
    bool l_float = left->type.kind == TYPE_FLOAT || left->type.kind == TYPE_DOUBLE;
    bool r_float = right->type.kind == TYPE_FLOAT || right->type.kind == TYPE_DOUBLE;
    if ((left->type.kind == TYPE_DECIMAL && !r_float) ||
        (right->type.kind == TYPE_DECIMAL && !l_float))
        return bind_decimal_binary(b, FN_DIVIDE, left, right);
    left = bind_cast_to(b, left, TYPE(DOUBLE));
    right = bind_cast_to(b, right, TYPE(DOUBLE));
    Expr *made = call(b, FN_DIVIDE, TYPE(DOUBLE), (Expr *[]){left, right}, 2);
    if (made)
        made->nullable = true;
    return made;
}

static Expr *bind_int_divide(Binder *b, const UExpr *e, Expr *left, Expr *right)
{
    if (!number_operands(b, e, &left, &right))
        return NULL;
    if (left->type.kind == TYPE_DECIMAL || right->type.kind == TYPE_DECIMAL) {
        left = decimal_operand(b, left);
        right = decimal_operand(b, right);
    } else if (!type_is_integral(left->type) || !type_is_integral(right->type)) {
        return wrong_operand(b, e, "INTEGRAL\" or \"DECIMAL",
                             type_is_integral(left->type) ? right : left);
    } else {
        left = bind_cast_to(b, left, TYPE(LONG));
        right = bind_cast_to(b, right, TYPE(LONG));
    }
    Expr *made = call(b, FN_INT_DIVIDE, TYPE(LONG), (Expr *[]){left, right}, 2);
    if (made)
        made->nullable = true;
    return made;
}

Expr *bind_binary(Binder *b, const UExpr *e, FunctionId id, Expr *left, Expr *right)
{
    if (!left || !right)
        return NULL;
    if (id >= FN_EQ && id <= FN_EQ_NULL_SAFE)
        return bind_compare(b, e, id, left, right);
    if (id == FN_DIVIDE)
        return bind_divide(b, e, left, right);
    if (id == FN_INT_DIVIDE)
        return bind_int_divide(b, e, left, right);
    return bind_arithmetic(b, e, id, left, right);
}

/* ---- other rules ---- */

static Expr *bind_logic(Binder *b, const UExpr *e, FunctionId id, Expr **args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (args[i]->type.kind == TYPE_NULL || args[i]->type.kind == TYPE_STRING)
            args[i] = bind_cast_to(b, args[i], TYPE(BOOLEAN));
        if (!args[i])
            return NULL;
        if (args[i]->type.kind != TYPE_BOOLEAN) {
            if (id == FN_NOT)
                return unexpected_input(b, e, i, "BOOLEAN", args[i]);
            for (uint32_t k = 0; k < n; k++)
                if (args[k]->type.kind == TYPE_BOOLEAN)
                    return bind_wrong_types(b, e, args[MIN(i, k)], args[MAX(i, k)]);
            return wrong_operand(b, e, "BOOLEAN", args[i]);
        }
    }
    if (id == FN_NOT)
        return call(b, id, TYPE(BOOLEAN), args, 1);
    return bind_check(b, expr_balanced(b->arena, id, args, n));
}

static Expr *bind_sign(Binder *b, const UExpr *e, FunctionId id, Expr *arg)
{
    if (arg->type.kind == TYPE_STRING || arg->type.kind == TYPE_NULL)
        arg = bind_cast_to(b, arg, TYPE(DOUBLE));
    if (!arg)
        return NULL;
    if (!type_is_numeric(arg->type) && !type_is_interval(arg->type))
        return unexpected_input(b, e, 0, "NUMERIC\" or \"INTERVAL", arg);
    return call(b, id, arg->type, &arg, 1);
}

static Expr *bind_round(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    int64_t scale = 0;
    if (n == 2) {
        if (!bind_scale(b, e, args[1], &scale))
            return NULL;
    }
    Expr *arg = args[0];
    if (arg->type.kind == TYPE_STRING || arg->type.kind == TYPE_NULL)
        arg = bind_cast_to(b, arg, TYPE(DOUBLE));
    if (!arg)
        return NULL;
    if (!type_is_numeric(arg->type))
        return unexpected_input(b, e, 0, "NUMERIC", arg);
    Type type = arg->type;
    if (type.kind == TYPE_DECIMAL) {
        int whole = type.precision - type.scale + 1;
        if (scale < 0)
            type =
                type_decimal_bounded(whole > -scale ? whole : (int)MIN(-scale, INT64_C(37)) + 1, 0);
        else {
            int kept = (int)MIN((int64_t)type.scale, scale);
            type = type_decimal_bounded(whole + kept, kept);
        }
    } else if (type_is_integral(type) && scale >= 0) {
        return arg;
    }
    Expr *digits = bind_check(b, expr_int(b->arena, (int32_t)scale));
    return bind_signed_call(b, FN_ROUND, type, (Expr *[]){arg, digits}, 2, '?');
}

static Expr *bind_ceil(Binder *b, const UExpr *e, FunctionId id, Expr *arg)
{
    if (arg->type.kind == TYPE_STRING || arg->type.kind == TYPE_NULL ||
        arg->type.kind == TYPE_FLOAT)
        arg = bind_cast_to(b, arg, TYPE(DOUBLE));
    if (!arg)
        return NULL;
    if (!type_is_numeric(arg->type))
        return unexpected_input(b, e, 0, "NUMERIC", arg);
    if (type_is_integral(arg->type))
        return bind_cast_to(b, arg, TYPE(LONG));
    Type type = TYPE(LONG);
    if (arg->type.kind == TYPE_DECIMAL)
        type = type_decimal_bounded(arg->type.precision - arg->type.scale + 1, 0);
    return bind_signed_call(b, id, type, &arg, 1, '?');
}

/* The first type that is text beside one that is not, or the other way round; n: none. greatest()
 * and least() do not convert those. */
static uint32_t text_beside_others(Expr *const *args, uint32_t n)
{
    uint32_t first = 0;
    while (first < n && args[first]->type.kind == TYPE_NULL)
        first++;
    for (uint32_t i = first + 1; i < n; i++)
        if (args[i]->type.kind != TYPE_NULL &&
            (args[i]->type.kind == TYPE_STRING) != (args[first]->type.kind == TYPE_STRING))
            return i;
    return n;
}

static Expr *bind_same_type(Binder *b, const UExpr *e, FunctionId id, Expr **args, uint32_t n)
{
    Type type;
    uint32_t odd = id == FN_GREATEST || id == FN_LEAST ? text_beside_others(args, n) : n;
    if (odd < n || !bind_common_type(b, args, n, &type)) {
        char a[130], c[130], name[40], types[270];
        if (odd == n)
            odd = 1;
        while (odd + 1 < n && bind_wider(b, args[0]->type, args[odd]->type, &type))
            odd++;
        bind_type_text(args[0]->type, a);
        bind_type_text(args[odd]->type, c);
        snprintf(name, sizeof(name), "`%.36s`", e->name);
        snprintf(types, sizeof(types), "(%s or %s)", a, c);
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.DATA_DIFF_TYPES", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: Input to %s should all be the "
                   "same type, but it's %s.",
                   uexpr_quoted(b, e), name, types);
        query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "functionName",
                               name, "dataType", types, NULL);
        return NULL;
    }
    bool nullable = true;
    for (uint32_t i = 0; i < n; i++) {
        args[i] = bind_cast_to(b, args[i], type);
        if (!args[i])
            return NULL;
        nullable &= args[i]->nullable; /* null only when all are: COALESCE, GREATEST, LEAST */
    }
    if (n == 1)
        return args[0];
    bool extreme = type_is_nested(type) && id != FN_COALESCE;
    if (extreme && !type_is_orderable(type))
        return bind_invalid_ordering(b, e, e->name, type);
    for (uint32_t i = 0; extreme && i < n; i++)
        args[i] = bind_order_key(b, args[i]);
    Expr *made = call(b, id, extreme ? TYPE(BINARY) : type, args, n);
    if (made)
        made->nullable = nullable;
    return extreme ? bind_make_call(b, FN_NESTED_UNKEY, type, nullable, &made, 1) : made;
}

static bool coerce_all(Binder *b, const UExpr *e, Expr **args, uint32_t n, Type type,
                       const char *wanted)
{
    for (uint32_t i = 0; i < n; i++) {
        args[i] = coerce(b, e, args[i], i, type, wanted);
        if (!args[i])
            return false;
    }
    return true;
}

static Expr *string_literal(Binder *b, const char *text)
{
    return bind_check(b, expr_literal(b->arena, TYPE(STRING),
                                      (Literal){.s = vec_string(text, (uint32_t)strlen(text))}));
}

static Expr *bind_like(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    if (!coerce_all(b, e, args, n, TYPE(STRING), "STRING"))
        return NULL;
    Expr *escape = n == 3 ? args[2] : string_literal(b, "\\");
    return call(b, FN_LIKE, TYPE(BOOLEAN), (Expr *[]){args[0], args[1], escape}, 3);
}

static Expr *bind_substring(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    Expr *made[3] = {args[0], args[1], n == 3 ? args[2] : NULL};
    Type type = args[0]->type.kind == TYPE_BINARY ? TYPE(BINARY) : TYPE(STRING);
    made[0] = coerce(b, e, args[0], 0, type, "STRING\" or \"BINARY");
    made[1] = coerce(b, e, args[1], 1, TYPE(INT), "INT");
    made[2] = n == 3 ? coerce(b, e, args[2], 2, TYPE(INT), "INT")
                     : bind_check(b, expr_int(b->arena, INT32_MAX));
    return call(b, FN_SUBSTRING, type, made, 3);
}

Expr *bind_clock_argument(Binder *b, const UExpr *e, Expr *arg, uint32_t i)
{
    /* Fields of an instant are those of the clock on the wall in the session's zone. */
    if (arg->type.kind == TYPE_TIMESTAMP_NTZ)
        return arg;
    arg = coerce(b, e, arg, i, TYPE(TIMESTAMP), "TIMESTAMP");
    return arg ? bind_cast_to(b, arg, TYPE(TIMESTAMP_NTZ)) : NULL;
}

static bool all_binary(Expr *const *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (args[i]->type.kind != TYPE_BINARY)
            return false;
    return true;
}

static Expr *bind_rule(Binder *b, const UExpr *e, const FunctionRow *row, Expr **args, uint32_t n)
{
    FunctionId id = row->id;
    switch ((FunctionRule)row->rule) {
    case RULE_LOGIC:
        return bind_logic(b, e, id, args, n);
    case RULE_NULL_TEST: {
        Expr *made = call(b, id, TYPE(BOOLEAN), args, 1);
        if (made)
            made->nullable = false;
        return made;
    }
    case RULE_COMPARE:
    case RULE_ARITHMETIC:
    case RULE_DIVIDE:
    case RULE_INT_DIVIDE:
        return bind_binary(b, e, id, args[0], args[1]);
    case RULE_SIGN:
        return bind_sign(b, e, id, args[0]);
    case RULE_ROUND:
        return bind_round(b, e, args, n);
    case RULE_CEIL:
        return n == 2 ? bind_ceil_scale(b, e, id, args) : bind_ceil(b, e, id, args[0]);
    case RULE_DOUBLE:
        if (!coerce_all(b, e, args, n, TYPE(DOUBLE), "DOUBLE"))
            return NULL;
        return bind_signed_call(b, id, TYPE(DOUBLE), args, n, id == FN_POWER ? 0 : '?');
    case RULE_COALESCE:
        return bind_same_type(b, e, id, args, n);
    case RULE_LIKE:
        return bind_like(b, e, args, n);
    case RULE_STRING:
        if (id == FN_CONCAT && n > 0 && all_binary(args, n))
            return call(b, id, TYPE(BINARY), args, n);
        if (!coerce_all(b, e, args, n, TYPE(STRING), "STRING"))
            return NULL;
        if (n == 0)
            return string_literal(b, "");
        if (id == FN_CONCAT && n == 1)
            return args[0];
        if (id == FN_REPLACE && n == 2)
            return call(b, id, TYPE(STRING), (Expr *[]){args[0], args[1], string_literal(b, "")},
                        3);
        if ((id == FN_TRIM || id == FN_LTRIM || id == FN_RTRIM) && n == 2)
            return call(b, id, TYPE(STRING), (Expr *[]){args[1], args[0]}, 2);
        return call(b, id, TYPE(STRING), args, n);
    case RULE_LENGTH:
        if (args[0]->type.kind != TYPE_BINARY &&
            !coerce_all(b, e, args, n, TYPE(STRING), "STRING\" or \"BINARY"))
            return NULL;
        return call(b, id, TYPE(INT), args, n);
    case RULE_STRING_TEST:
        if (!coerce_all(b, e, args, n, TYPE(STRING), "STRING"))
            return NULL;
        return call(b, id, TYPE(BOOLEAN), args, n);
    case RULE_SUBSTRING:
        return bind_substring(b, e, args, n);
    case RULE_LEFT:
        if (id == FN_LEFT && args[0]->type.kind == TYPE_BINARY)
            return bind_substring(
                b, e, (Expr *[]){args[0], bind_check(b, expr_int(b->arena, 1)), args[1]}, 3);
        args[0] = coerce(b, e, args[0], 0, TYPE(STRING), "STRING");
        args[1] = coerce(b, e, args[1], 1, TYPE(INT), "INT");
        return call(b, id, TYPE(STRING), args, 2);
    case RULE_INSTR:
        if (!coerce_all(b, e, args, n, TYPE(STRING), "STRING"))
            return NULL;
        return call(b, id, TYPE(INT), args, 2);
    case RULE_DATE_FIELD:
        args[0] = coerce(b, e, args[0], 0, TYPE(DATE), "DATE");
        return call(b, id, TYPE(INT), args, 1);
    case RULE_TIME_FIELD:
        args[0] = bind_clock_argument(b, e, args[0], 0);
        return call(b, id, TYPE(INT), args, 1);
    case RULE_DATE_ADD:
        if (args[1]->type.kind == TYPE_LONG)
            return unexpected_input(b, e, 1, "INT\" or \"SMALLINT\" or \"TINYINT", args[1]);
        args[0] = coerce(b, e, args[0], 0, TYPE(DATE), "DATE");
        args[1] = coerce(b, e, args[1], 1, TYPE(INT), "INT");
        return call(b, id, TYPE(DATE), args, 2);
    case RULE_DATE_DIFF:
        if (!coerce_all(b, e, args, n, TYPE(DATE), "DATE"))
            return NULL;
        return call(b, id, TYPE(INT), args, 2);
    case RULE_ADD_MONTHS:
        args[0] = coerce(b, e, args[0], 0, TYPE(DATE), "DATE");
        args[1] = coerce(b, e, args[1], 1, TYPE(INT), "INT");
        return call(b, id, TYPE(DATE), args, 2);
    case RULE_DATE_TRUNC: {
        args[0] = coerce(b, e, args[0], 0, TYPE(STRING), "STRING");
        args[1] = bind_clock_argument(b, e, args[1], 1);
        Expr *made = call(b, id, TYPE(TIMESTAMP_NTZ), args, 2);
        if (made)
            made->nullable = true; /* an unknown unit gives NULL */
        return bind_cast_to(b, made, TYPE(TIMESTAMP));
    }
    case RULE_MAKE_DATE: {
        if (!coerce_all(b, e, args, n, TYPE(INT), "INT"))
            return NULL;
        return call(b, id, TYPE(DATE), args, 3);
    }
    case RULE_CAST: {
        Type to = {.kind = (uint8_t)row->id};
        if (!type_can_cast(args[0]->type, to, b->context->settings.ansi))
            return unexpected_input(b, e, 0, row->name, args[0]);
        return bind_cast_to(b, args[0], to);
    }
    case RULE_REWRITE:
        break;
    }
    return NULL;
}

/* ---- functions that are other expressions ---- */

Expr *bind_case(Binder *b, Type type, Expr *const *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!args[i])
            return NULL;
    bool nullable = n % 2 == 0;
    for (uint32_t i = 1; i < n; i += 2)
        nullable |= args[i]->nullable;
    if (n % 2 == 1)
        nullable |= args[n - 1]->nullable;
    Expr *made = bind_check(b, expr_call(b->arena, FN_INVALID, type, nullable, args, n));
    if (made)
        made->kind = EXPR_CASE;
    return made;
}

static Expr *bind_when(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    Expr **values = bind_alloc(b, n / 2 + 1, sizeof(*values));
    uint32_t n_values = 0;
    if (!values)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        bool condition = i % 2 == 0 && i + 1 < n;
        if (!condition) {
            values[n_values++] = args[i];
            continue;
        }
        if (args[i]->type.kind == TYPE_NULL)
            args[i] = bind_cast_to(b, args[i], TYPE(BOOLEAN));
        if (args[i] && args[i]->type.kind != TYPE_BOOLEAN)
            return unexpected_input(b, e, i, "BOOLEAN", args[i]);
    }
    Type type;
    if (!bind_common_type(b, values, n_values, &type)) {
        if (b->result != 0)
            return NULL;
        return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.DATA_DIFF_TYPES", "42K09",
                          "Cannot resolve %.400s due to data type mismatch: Input to `casewhen` "
                          "should all be the same type.",
                          uexpr_quoted(b, e));
    }
    for (uint32_t i = 0; i < n; i++)
        if (!(i % 2 == 0 && i + 1 < n))
            args[i] = bind_cast_to(b, args[i], type);
    return bind_case(b, type, args, n);
}

static Expr *bind_in(Binder *b, const UExpr *e, Expr **args, uint32_t n)
{
    Type type = args[0]->type;
    if (n == 1)
        return bind_check(b, expr_bool(b->arena, false));
    bool literals = true;
    for (uint32_t i = 1; i < n; i++) {
        bool ok = bind_wider(b, type, args[i]->type, &type);
        if (!ok)
            return bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.DATA_DIFF_TYPES", "42K09",
                              "Cannot resolve %.400s due to data type mismatch: Input to `in` "
                              "should all be the same type.",
                              uexpr_quoted(b, e));
    }
    if (type.kind == TYPE_NULL)
        type = TYPE(BOOLEAN);
    for (uint32_t i = 0; i < n; i++) {
        args[i] = bind_normalised(b, bind_cast_to(b, args[i], type));
        if (!args[i])
            return NULL;
        if (i > 0 && args[i]->kind != EXPR_LITERAL && b->context->fold &&
            !expr_has_columns(args[i])) {
            Literal folded;
            if (b->context->fold(b->arena, args[i], &folded) == 0)
                args[i] = bind_check(b, expr_literal(b->arena, type, folded));
        }
        if (!args[i])
            return NULL;
        literals &= i == 0 || args[i]->kind == EXPR_LITERAL;
    }
    if (literals && n > 2) {
        Expr *made = bind_check(
            b, expr_call(b->arena, FN_INVALID, TYPE(BOOLEAN), any_nullable(args, n), args, n));
        if (made)
            made->kind = EXPR_IN;
        return made;
    }
    Expr **tests = bind_alloc(b, n, sizeof(*tests));
    if (!tests)
        return NULL;
    for (uint32_t i = 1; i < n; i++)
        tests[i - 1] = bind_check(b, expr_compare(b->arena, FN_EQ, args[0], args[i]));
    return b->result ? NULL : bind_check(b, expr_balanced(b->arena, FN_OR, tests, n - 1));
}

static Expr *double_literal(Binder *b, double d)
{
    return bind_check(b, expr_literal(b->arena, TYPE(DOUBLE), (Literal){.d = d}));
}

static Expr *bind_rewrite(Binder *b, const UExpr *e, const char *name, Expr **args, uint32_t n)
{
    PlanContext *c = b->context;
    if (strcmp(name, "when") == 0)
        return bind_when(b, e, args, n);
    if (strcmp(name, "in") == 0)
        return bind_in(b, e, args, n);
    if (strcmp(name, "if") == 0)
        return bind_when(b, e, args, 3);
    if (strcmp(name, "date_part") == 0 || strcmp(name, "extract") == 0 ||
        strcmp(name, "datepart") == 0)
        return bind_date_part(b, e, args);
    if (strcmp(name, "between") == 0) {
        Expr *parts[2] = {bind_compare(b, e, FN_GE, args[0], args[1]),
                          bind_compare(b, e, FN_LE, args[0], args[2])};
        return call(b, FN_AND, TYPE(BOOLEAN), parts, 2);
    }
    if (strcmp(name, "nullif") == 0) {
        Expr *same = bind_compare(b, e, FN_EQ, args[0], args[1]);
        Expr *null = bind_check(b, expr_null(b->arena, args[0]->type));
        return bind_case(b, args[0]->type, (Expr *[]){same, null, args[0]}, 3);
    }
    if (strcmp(name, "nvl2") == 0) {
        Expr *test =
            bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, args, 1));
        return test ? bind_when(b, e, (Expr *[]){test, args[1], args[2]}, 3) : NULL;
    }
    if (strcmp(name, "ilike") == 0) {
        if (!coerce_all(b, e, args, n, TYPE(STRING), "STRING"))
            return NULL;
        args[0] = call(b, FN_LOWER, TYPE(STRING), args, 1);
        args[1] = call(b, FN_LOWER, TYPE(STRING), args + 1, 1);
        return b->result ? NULL : bind_like(b, e, args, n);
    }
    if (strcmp(name, "positive") == 0) {
        if (args[0]->type.kind == TYPE_STRING || args[0]->type.kind == TYPE_NULL)
            return bind_cast_to(b, args[0], TYPE(DOUBLE));
        if (!type_is_numeric(args[0]->type) && !type_is_interval(args[0]->type))
            return unexpected_input(b, e, 0, "NUMERIC", args[0]);
        return args[0];
    }
    if (strcmp(name, "isnan") == 0) {
        Expr *x = coerce(b, e, args[0], 0, TYPE(DOUBLE), "DOUBLE");
        Expr *nan = double_literal(b, __builtin_nan(""));
        return x && nan ? bind_check(b, expr_compare(b->arena, FN_EQ_NULL_SAFE, x, nan)) : NULL;
    }
    if (strcmp(name, "typeof") == 0) {
        char *buf = bind_alloc(b, 1, 256);
        return buf ? string_literal(b, type_format(args[0]->type, buf, 256)) : NULL;
    }
    if (strcmp(name, "timestamp_of_session") == 0) {
        const Zone *zone = bind_zone(b);
        if (!zone)
            return NULL;
        Literal instant = {.i = zone_instant(zone, args[0]->literal.i)};
        return bind_check(b, expr_literal(b->arena, TYPE(TIMESTAMP), instant));
    }
    if (strcmp(name, "current_date") == 0 || strcmp(name, "curdate") == 0) {
        Expr *now =
            bind_check(b, expr_literal(b->arena, TYPE(TIMESTAMP), (Literal){.i = c->now_usec}));
        return bind_cast_to(b, now, TYPE(DATE));
    }
    if (strcmp(name, "current_timestamp") == 0 || strcmp(name, "now") == 0)
        return bind_check(b, expr_literal(b->arena, TYPE(TIMESTAMP), (Literal){.i = c->now_usec}));
    if (strcmp(name, "localtimestamp") == 0) {
        Expr *now =
            bind_check(b, expr_literal(b->arena, TYPE(TIMESTAMP), (Literal){.i = c->now_usec}));
        return bind_wall_of(b, now);
    }
    if (strcmp(name, "pi") == 0)
        return double_literal(b, 3.141592653589793);
    if (strcmp(name, "e") == 0)
        return double_literal(b, 2.718281828459045);
    if (strcmp(name, "version") == 0)
        return string_literal(b, "4.0.0 berth " BERTH_VERSION);
    if (strcmp(name, "current_timezone") == 0)
        return string_literal(b, c->settings.time_zone);
    if (strcmp(name, "current_catalog") == 0)
        return string_literal(b, "spark_catalog");
    return string_literal(b, c->database ? c->database : "default"); /* current_schema */
}

/* ---- entry ---- */

static Expr *unknown_function(Binder *b, const UExpr *e)
{
    static const char path[] =
        "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]";
    char name[110];
    snprintf(name, sizeof(name), "`%.100s`", e->name);
    bind_error(b, e->position, e->stop, "UNRESOLVED_ROUTINE", "42883",
               "Cannot resolve routine %s on search path %s.", name, path);
    query_error_parameters(b->context->error, "routineName", name, "searchPath", path, NULL);
    return NULL;
}

static Expr *wrong_number(Binder *b, const UExpr *e, uint32_t min_args, uint32_t max_args)
{
    char wanted[40];
    if (min_args == max_args)
        snprintf(wanted, sizeof(wanted), "%u", min_args);
    else if (max_args == 255)
        snprintf(wanted, sizeof(wanted), "> %d", (int)min_args - 1);
    else
        snprintf(wanted, sizeof(wanted), "[%u, %u]", min_args, max_args);
    char name[110], actual[12];
    snprintf(name, sizeof(name), "`%.100s`", e->name);
    snprintf(actual, sizeof(actual), "%u", e->n_args);
    bind_error(b, e->position, e->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605",
               "The %s requires %s parameters but the actual number is %s.", name, wanted, actual);
    query_error_parameters(b->context->error, "functionName", name, "expectedNum", wanted,
                           "actualNum", actual, "docroot", "https://spark.apache.org/docs/latest",
                           NULL);
    return NULL;
}

Expr *bind_by_name(Binder *b, const UExpr *e, const char *name, Expr **args, uint32_t n)
{
    const FunctionRow *row = function_find(name);
    if (row)
        return row->rule == RULE_REWRITE ? bind_rewrite(b, e, row->name, args, n)
                                         : bind_rule(b, e, row, args, n);
    return bind_signed(b, e, function_signed_find(name), args, n);
}

/* Sums with dates are called after what Spark makes of them; @args as they were bound. */
static void name_date_sum(Binder *b, const UExpr *e, Expr *const *args)
{
    bool swapped =
        e->name[0] == '+' && (type_is_interval(args[0]->type) || args[1]->type.kind == TYPE_DATE);
    Type point = args[swapped ? 1 : 0]->type, other = args[swapped ? 0 : 1]->type;
    bool date = point.kind == TYPE_DATE;
    if (!date && point.kind != TYPE_TIMESTAMP && point.kind != TYPE_TIMESTAMP_NTZ)
        return;
    if (type_is_interval(other))
        bind_remember_path(b, e, swapped ? PATH_SUM_SWAPPED : PATH_SUM, false);
    else if (date && type_is_integral(other))
        bind_remember_path(b, e, swapped ? PATH_DAYS_SWAPPED : PATH_DAYS, false);
}

Expr *bind_call(Binder *b, Scope *scope, const UExpr *e)
{
    e = bind_expand_stars(b, scope->bound, e);
    if (!e)
        return NULL;
    if (function_is_sketch(e->name))
        return bind_sketch(b, scope, e);
    if (function_is_aggregate(e->name))
        return bind_aggregate_call(b, scope, e);
    if (function_is_generator(e->name))
        return bind_misplaced_generator(b, scope, e);
    if (function_is_nested(e->name))
        return bind_nested_call(b, scope, e);
    if (strcmp(e->name, "grouping") == 0 || strcmp(e->name, "grouping_id") == 0)
        return bind_grouping_call(b, scope, e);
    if (function_is_window(e->name))
        return bind_error(b, e->position, e->stop, "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", "42601",
                          "Window function %.300s requires an OVER clause.", uexpr_quoted(b, e));
    const FunctionRow *row = function_find(e->name);
    const FunctionSigned *f = row ? NULL : function_signed_find(e->name);
    uint32_t min_args, max_args;
    if (row) {
        min_args = row->min_args;
        max_args = row->max_args;
    } else if (f) {
        function_signed_arity(f, &min_args, &max_args);
    } else {
        const char *why = function_refused(e->name);
        if (!why)
            return unknown_function(b, e);
        char text[160];
        snprintf(text, sizeof(text), "%s(): %s", e->name, why);
        return bind_unsupported(b, e->position, e->stop, text);
    }
    if (e->n_args < min_args || (max_args != 255 && e->n_args > max_args))
        return wrong_number(b, e, min_args, max_args);
    if (e->distinct || e->filter)
        return bind_error(b, e->position, e->stop,
                          "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "42000",
                          "The function `%.100s` does not support %s.", e->name,
                          e->distinct ? "DISTINCT" : "FILTER clause");
    Expr **args = bind_alloc(b, e->n_args, sizeof(*args));
    if (!args)
        return NULL;
    bool negated = scope->negated;
    scope->negated = uexpr_negates(e, negated);
    for (uint32_t i = 0; i < e->n_args; i++) {
        args[i] = bind_expr(b, scope, e->args[i]);
        if (!args[i])
            return NULL;
    }
    scope->negated = negated;
    Expr *made = function_is_nested_for(e->name, args, e->n_args)
                     ? bind_nested_overload(b, e, args, e->n_args)
                     : bind_by_name(b, e, e->name, args, e->n_args);
    if (made && made->kind == EXPR_CALL && b->view_depth == 0)
        made->position = e->position;
    if (made && e->n_args == 2 && (e->name[0] == '+' || e->name[0] == '-') && e->name[1] == '\0')
        name_date_sum(b, e, args);
    return made;
}
