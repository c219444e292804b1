/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The session's time zone. A TIMESTAMP is an instant; what shows or takes its date and time goes
 * through the clock on the wall, a TIMESTAMP_NTZ. In UTC the two are the same number, and nothing
 * is added to the expression; else the two functions are those behind from_utc_timestamp() and
 * to_utc_timestamp().
 */

#include <string.h>

#include "exec/kernel/zone.h"
#include "exec/plan/bind_internal.h"
#include "exec/plan/bind_signed.h"

bool bind_zone_is_utc(const Binder *b)
{
    return b->context->zone_is_fixed && b->context->zone_usec == 0;
}

Expr *bind_zone_name(Binder *b)
{
    const char *name = b->context->settings.time_zone;
    VecString s = vec_string(name, (uint32_t)strlen(name));
    return bind_check(b, expr_literal(b->arena, TYPE(STRING), (Literal){.s = s}));
}

const Zone *bind_zone(Binder *b)
{
    PlanContext *c = b->context;
    if (!c->zone) {
        const char *name = c->settings.time_zone;
        int r = zone_load(c->arena, name, strlen(name), &c->zone);
        if (r == ZONE_E_UNKNOWN) { /* it was there when it was set */
            bind_error(b, 0, 0, "INVALID_TIMEZONE", "22009", "The timezone: %.100s is invalid.",
                       name);
            return NULL;
        }
        if (r)
            return bind_fail(b, r);
    }
    return c->zone;
}

Expr *bind_wall_of(Binder *b, Expr *instant)
{
    if (!instant || bind_zone_is_utc(b))
        return instant ? bind_check(b, expr_cast(b->arena, instant, TYPE(TIMESTAMP_NTZ), false))
                       : NULL;
    return bind_signed_call(b, FN_ZONE_WALL, TYPE(TIMESTAMP_NTZ),
                            (Expr *[]){instant, bind_zone_name(b)}, 2, 0);
}

Expr *bind_instant_of(Binder *b, Expr *wall)
{
    if (!wall || bind_zone_is_utc(b))
        return wall ? bind_check(b, expr_cast(b->arena, wall, TYPE(TIMESTAMP), false)) : NULL;
    return bind_signed_call(b, FN_ZONE_INSTANT, TYPE(TIMESTAMP),
                            (Expr *[]){wall, bind_zone_name(b)}, 2, 0);
}

Expr *bind_instant_of_text(Binder *b, Expr *text, bool try_cast)
{
    Expr *made = bind_signed_call(b, FN_TIMESTAMP_OF_TEXT, TYPE(TIMESTAMP),
                                  (Expr *[]){text, bind_zone_name(b)}, 2, 0);
    if (made && try_cast)
        made = bind_signed_call(b, FN_TRY, TYPE(TIMESTAMP), &made, 1, '?');
    return made;
}

Expr *bind_instant_plus(Binder *b, Expr *instant, Expr *interval)
{
    bool steady = bind_zone_is_utc(b) || (b->context->zone_is_fixed && interval &&
                                          interval->type.kind == TYPE_INTERVAL_DT);
    if (steady)
        return bind_signed_call(b, FN_DATE_ADD_INTERVAL, TYPE(TIMESTAMP),
                                (Expr *[]){instant, interval}, 2, 0);
    return bind_signed_call(b, FN_ZONE_ADD_INTERVAL, TYPE(TIMESTAMP),
                            (Expr *[]){instant, interval, bind_zone_name(b)}, 3, 0);
}
