/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/plan/type_rules.h"

#include "base/cleanup.h"
#include "exec/vec/interval.h"

Type type_decimal_adjusted(int precision, int scale)
{
    if (precision <= DECIMAL_PRECISION_MAX)
        return TYPE_DECIMAL_OF(precision, scale);
    int digits = precision - scale;
    int minimum = MIN(scale, DECIMAL_MINIMUM_SCALE);
    return TYPE_DECIMAL_OF(DECIMAL_PRECISION_MAX, MAX(DECIMAL_PRECISION_MAX - digits, minimum));
}

Type type_decimal_bounded(int precision, int scale)
{
    return TYPE_DECIMAL_OF(MIN(precision, DECIMAL_PRECISION_MAX),
                           MIN(scale, DECIMAL_PRECISION_MAX));
}

Type type_decimal_result(FunctionId function, Type a, Type b)
{
    int p1 = a.precision, s1 = a.scale, p2 = b.precision, s2 = b.scale;
    switch (function) {
    case FN_MULTIPLY:
        return type_decimal_adjusted(p1 + p2 + 1, s1 + s2);
    case FN_DIVIDE: {
        int scale = MAX(DECIMAL_MINIMUM_SCALE, s1 + p2 + 1);
        return type_decimal_adjusted(p1 - s1 + s2 + scale, scale);
    }
    case FN_MODULO: {
        int scale = MAX(s1, s2);
        return type_decimal_adjusted(MIN(p1 - s1, p2 - s2) + scale, scale);
    }
    default: {
        int scale = MAX(s1, s2);
        return type_decimal_adjusted(MAX(p1 - s1, p2 - s2) + scale + 1, scale);
    }
    }
}

Type type_as_decimal(Type type)
{
    switch (type.kind) {
    case TYPE_BYTE:
        return TYPE_DECIMAL_OF(3, 0);
    case TYPE_SHORT:
        return TYPE_DECIMAL_OF(5, 0);
    case TYPE_INT:
        return TYPE_DECIMAL_OF(10, 0);
    case TYPE_LONG:
        return TYPE_DECIMAL_OF(20, 0);
    default:
        return type;
    }
}

static bool wider_number(Type a, Type b, Type *ret)
{
    if (a.kind == TYPE_DECIMAL || b.kind == TYPE_DECIMAL) {
        Type other = a.kind == TYPE_DECIMAL ? b : a;
        if (other.kind == TYPE_FLOAT || other.kind == TYPE_DOUBLE) {
            *ret = TYPE(DOUBLE);
            return true;
        }
        a = type_as_decimal(a);
        b = type_as_decimal(b);
        int scale = MAX(a.scale, b.scale);
        int range = MAX(a.precision - a.scale, b.precision - b.scale);
        *ret = type_decimal_bounded(range + scale, scale);
        return true;
    }
    if (a.kind == b.kind) {
        *ret = a;
        return true;
    }
    Type high = a.kind > b.kind ? a : b;
    /* FLOAT cannot hold every integer. */
    *ret = high.kind == TYPE_FLOAT ? TYPE(DOUBLE) : high;
    return true;
}

static bool is_atomic(Type t)
{
    return t.kind != TYPE_ARRAY && t.kind != TYPE_MAP && t.kind != TYPE_STRUCT;
}

bool type_wider(Type a, Type b, Type *ret)
{
    if (type_equal(a, b) || b.kind == TYPE_NULL) {
        *ret = a;
        return true;
    }
    if (a.kind == TYPE_NULL) {
        *ret = b;
        return true;
    }
    if (type_is_numeric(a) && type_is_numeric(b))
        return wider_number(a, b, ret);
    if (type_is_interval(a) && a.kind == b.kind) {
        *ret = interval_wider(a, b);
        return true;
    }
    if (a.kind == TYPE_STRING || b.kind == TYPE_STRING) {
        Type other = a.kind == TYPE_STRING ? b : a;
        if (!is_atomic(other))
            return false;
        if (type_is_integral(other))
            *ret = TYPE(LONG);
        else if (type_is_numeric(other))
            *ret = TYPE(DOUBLE);
        else
            *ret = other;
        return true;
    }
    bool a_time = a.kind == TYPE_DATE || a.kind == TYPE_TIMESTAMP || a.kind == TYPE_TIMESTAMP_NTZ;
    bool b_time = b.kind == TYPE_DATE || b.kind == TYPE_TIMESTAMP || b.kind == TYPE_TIMESTAMP_NTZ;
    if (a_time && b_time) {
        if (a.kind == TYPE_TIMESTAMP || b.kind == TYPE_TIMESTAMP)
            *ret = TYPE(TIMESTAMP);
        else
            *ret = TYPE(TIMESTAMP_NTZ);
        return true;
    }
    return false;
}

bool type_wider_to_string(Type a, Type b, Type *ret)
{
    if ((a.kind == TYPE_STRING && is_atomic(b)) || (b.kind == TYPE_STRING && is_atomic(a))) {
        *ret = TYPE(STRING);
        return true;
    }
    return type_wider(a, b, ret);
}

static bool interval_can_cast(Type from, Type to)
{
    if (type_is_interval(from) && type_is_interval(to))
        return from.kind == to.kind;
    Type other = type_is_interval(from) ? to : from;
    return other.kind == TYPE_STRING || other.kind == TYPE_NULL || type_is_integral(other) ||
           other.kind == TYPE_DECIMAL;
}

bool type_can_cast(Type from, Type to, bool ansi)
{
    if (type_equal(from, to) || from.kind == TYPE_NULL)
        return true;
    if (!is_atomic(from) && to.kind == TYPE_STRING)
        return true;
    if (!is_atomic(from) && from.kind == to.kind && from.n_children == to.n_children) {
        for (uint32_t i = 0; i < from.n_children; i++)
            if (!type_can_cast(from.children[i].type, to.children[i].type, ansi) ||
                (from.children[i].nullable && !to.children[i].nullable))
                return false;
        return true;
    }
    if (!is_atomic(from) || !is_atomic(to) || to.kind == TYPE_NULL)
        return false;
    if (from.kind == TYPE_STRING || to.kind == TYPE_STRING)
        return true;
    if (type_is_interval(from) || type_is_interval(to))
        return interval_can_cast(from, to);
    if (from.kind == TYPE_BINARY || to.kind == TYPE_BINARY)
        return to.kind == TYPE_BINARY && type_is_integral(from) && !ansi;
    bool from_number = type_is_numeric(from), to_number = type_is_numeric(to);
    if (from_number && to_number)
        return true;
    if (from.kind == TYPE_BOOLEAN)
        return to_number;
    if (to.kind == TYPE_BOOLEAN)
        return from_number;
    bool from_clock = from.kind == TYPE_TIMESTAMP || from.kind == TYPE_TIMESTAMP_NTZ;
    bool to_clock = to.kind == TYPE_TIMESTAMP || to.kind == TYPE_TIMESTAMP_NTZ;
    if ((from_clock || from.kind == TYPE_DATE) && (to_clock || to.kind == TYPE_DATE))
        return true;
    if (from.kind == TYPE_TIMESTAMP && to_number)
        return true;
    if (to.kind == TYPE_TIMESTAMP && from_number)
        return true;
    return false;
}
