/* SPDX-License-Identifier: Apache-2.0 */

/* Intervals: what they are cast from and to, their arithmetic, their fields. */

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/bind_internal.h"
#include "exec/plan/bind_signed.h"
#include "exec/plan/datetime.h"
#include "exec/vec/interval.h"

static Expr *number(Binder *b, int64_t x)
{
    return bind_check(b, expr_literal(b->arena, TYPE(LONG), (Literal){.i = x}));
}

Expr *bind_cast_interval(Binder *b, Expr *e, Type type, bool try_cast)
{
    Expr *made;
    if (type.kind == TYPE_STRING || e->type.kind == TYPE_NULL)
        return bind_check(b, expr_cast(b->arena, e, type, false));
    if (type_is_interval(e->type) && type_is_interval(type)) {
        if (interval_end(type) < interval_end(e->type))
            e = bind_signed_call(
                b, FN_INTERVAL_CUT, e->type,
                (Expr *[]){e, number(b, interval_unit(type.kind, interval_end(type)))}, 2, 0);
        return e ? bind_check(b, expr_cast(b->arena, e, type, false)) : NULL;
    }
    if (type_is_interval(e->type)) {
        bool fraction = type.kind == TYPE_DECIMAL && e->type.kind == TYPE_INTERVAL_DT &&
                        interval_end(e->type) == 3;
        int64_t unit = fraction ? 1 : interval_unit(e->type.kind, interval_end(e->type));
        made = bind_signed_call(b, FN_INTERVAL_PART, fraction ? TYPE_DECIMAL_OF(20, 6) : TYPE(LONG),
                                (Expr *[]){e, number(b, unit), number(b, 0)}, 3, 0);
        return try_cast ? bind_try_cast(b, made, type) : bind_cast_to(b, made, type);
    }
    if (e->type.kind == TYPE_STRING) {
        made = bind_signed_call(b, FN_INTERVAL_OF_TEXT, type, &e, 1, 0);
    } else {
        Expr *unit = number(b, interval_unit(type.kind, interval_end(type)));
        made = bind_signed_call(b, FN_INTERVAL_OF, type, (Expr *[]){e, unit}, 2, 0);
    }
    return made && try_cast ? bind_signed_call(b, FN_TRY, type, &made, 1, '?') : made;
}

Expr *bind_difference(Binder *b, Expr *left, Expr *right)
{
    Type days = interval_type(TYPE_INTERVAL_DT, 0, 0);
    if (left->type.kind == TYPE_DATE && right->type.kind == TYPE_DATE) {
        Expr *n = bind_signed_call(b, FN_DATE_DIFF, TYPE(INT), (Expr *[]){left, right}, 2, 0);
        return n ? bind_cast_interval(b, n, days, false) : NULL;
    }
    /* By the clock on the wall: a day is a day when the clocks change, too. */
    Expr *args[2] = {bind_cast_to(b, left, TYPE(TIMESTAMP_NTZ)),
                     bind_cast_to(b, right, TYPE(TIMESTAMP_NTZ))};
    return bind_signed_call(b, FN_INTERVAL_BETWEEN, TYPE(INTERVAL_DT), args, 2, 0);
}

Expr *bind_scaled_interval(Binder *b, FunctionId id, Expr *interval, Expr *by)
{
    Type type = {.kind = interval->type.kind};
    if (by->type.kind == TYPE_STRING || by->type.kind == TYPE_NULL)
        by = bind_cast_to(b, by, TYPE(DOUBLE));
    return bind_signed_call(b, id == FN_DIVIDE ? FN_INTERVAL_OVER : FN_INTERVAL_TIMES, type,
                            (Expr *[]){interval, by}, 2, 0);
}

Expr *bind_interval_field(Binder *b, const char *name, Expr *interval)
{
    static const struct {
        const char *name;
        uint8_t kind, field;
        Type type;
    } fields[] = {
        {"y", TYPE_INTERVAL_YM, 0, TYPE(INT)},
        {"years", TYPE_INTERVAL_YM, 0, TYPE(INT)},
        {"yr", TYPE_INTERVAL_YM, 0, TYPE(INT)},
        {"yrs", TYPE_INTERVAL_YM, 0, TYPE(INT)},
        {"year", TYPE_INTERVAL_YM, 0, TYPE(INT)},
        {"month", TYPE_INTERVAL_YM, 1, TYPE(BYTE)},
        {"mon", TYPE_INTERVAL_YM, 1, TYPE(BYTE)},
        {"mons", TYPE_INTERVAL_YM, 1, TYPE(BYTE)},
        {"months", TYPE_INTERVAL_YM, 1, TYPE(BYTE)},
        {"day", TYPE_INTERVAL_DT, 0, TYPE(INT)},
        {"d", TYPE_INTERVAL_DT, 0, TYPE(INT)},
        {"days", TYPE_INTERVAL_DT, 0, TYPE(INT)},
        {"hour", TYPE_INTERVAL_DT, 1, TYPE(BYTE)},
        {"h", TYPE_INTERVAL_DT, 1, TYPE(BYTE)},
        {"hours", TYPE_INTERVAL_DT, 1, TYPE(BYTE)},
        {"hr", TYPE_INTERVAL_DT, 1, TYPE(BYTE)},
        {"hrs", TYPE_INTERVAL_DT, 1, TYPE(BYTE)},
        {"minute", TYPE_INTERVAL_DT, 2, TYPE(BYTE)},
        {"m", TYPE_INTERVAL_DT, 2, TYPE(BYTE)},
        {"min", TYPE_INTERVAL_DT, 2, TYPE(BYTE)},
        {"mins", TYPE_INTERVAL_DT, 2, TYPE(BYTE)},
        {"minutes", TYPE_INTERVAL_DT, 2, TYPE(BYTE)},
        {"second", TYPE_INTERVAL_DT, 3, TYPE_DECIMAL_OF(8, 6)},
        {"s", TYPE_INTERVAL_DT, 3, TYPE_DECIMAL_OF(8, 6)},
        {"sec", TYPE_INTERVAL_DT, 3, TYPE_DECIMAL_OF(8, 6)},
        {"secs", TYPE_INTERVAL_DT, 3, TYPE_DECIMAL_OF(8, 6)},
        {"seconds", TYPE_INTERVAL_DT, 3, TYPE_DECIMAL_OF(8, 6)},
    };
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        uint8_t kind = fields[i].kind, field = fields[i].field;
        if (kind != interval->type.kind || strcasecmp(fields[i].name, name) != 0)
            continue;
        bool seconds = kind == TYPE_INTERVAL_DT && field == 3;
        int64_t unit = seconds ? 1 : interval_unit(kind, field);
        int64_t modulus = field == 0 ? 0 : interval_unit(kind, field - 1) / unit;
        return bind_signed_call(b, FN_INTERVAL_PART, fields[i].type,
                                (Expr *[]){interval, number(b, unit), number(b, modulus)}, 3, 0);
    }
    return NULL;
}
