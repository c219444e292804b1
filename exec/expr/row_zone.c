/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <string.h>

#include "exec/kernel/civil.h"
#include "exec/kernel/zone.h"
#include "exec/vec/ops.h"

/* Time zones; what a name stands for is kept in the step's memo. */

int row_zone(RowMemo *memo, VecString name, const Zone **ret)
{
    if (memo->state && vec_string_equal(&memo->key, &name)) {
        *ret = memo->state;
        return 0;
    }
    memo->state = NULL;
    mem_arena_reset(memo->arena);
    char *copy = mem_arena_strndup(memo->arena, vec_string_data(&name), name.length);
    int r = copy ? zone_load(memo->arena, copy, name.length, ret) : mem_arena_error(memo->arena);
    if (r)
        return r;
    memo->key = vec_string(copy, name.length);
    memo->state = (void *)*ret;
    return 0;
}

int row_zone_named(RowCall *c, VecString name, const Zone **ret)
{
    int r = row_zone(c->memo, name, ret);
    if (r != ZONE_E_UNKNOWN)
        return r;
    int shown = name.length < 100 ? (int)name.length : 100;
    return row_fail(c, DATA_ERROR_DATETIME, "INVALID_TIMEZONE", "22009",
                    "The timezone: %.*s is invalid. The timezone must be either a region-based "
                    "zone ID or a zone offset. Region IDs must have the form 'area/city', such "
                    "as 'America/Los_Angeles'. Zone offsets must be in the format "
                    "'(+|-)HH:mm', e.g. '-08:00' or '+01:00'.",
                    shown, vec_string_data(&name));
}

static int row_zone_wall(RowCall *c)
{
    const Zone *zone;
    int r = row_zone_named(c, *row_string(c, 1), &zone);
    return r ? r : row_set_int(c, zone_wall(zone, row_int(c, 0)));
}

static int row_zone_instant(RowCall *c)
{
    const Zone *zone;
    int r = row_zone_named(c, *row_string(c, 1), &zone);
    return r ? r : row_set_int(c, zone_instant(zone, row_int(c, 0)));
}

static int row_timestamp_of_text(RowCall *c)
{
    const VecString *text = row_string(c, 0);
    CivilClock clock;
    const Zone *zone;

    if (!civil_parse_clock(vec_string_data(text), text->length, &clock))
        return expr_fail_cast_input(c->s, c->step, text);
    VecString name = *row_string(c, 1);
    if (clock.zone) {
        int64_t offset, instant;
        if (zone_fixed_offset(clock.zone, clock.n_zone, &offset)) {
            if (__builtin_sub_overflow(clock.wall, offset, &instant))
                return expr_fail_cast_input(c->s, c->step, text);
            return row_set_int(c, instant);
        }
        name = vec_string(clock.zone, clock.n_zone);
    }
    int r = row_zone_named(c, name, &zone);
    if (r == QUERY_E_FAILED && clock.zone)
        return expr_fail_cast_input(c->s, c->step, text);
    return r ? r : row_set_int(c, zone_instant(zone, clock.wall));
}

/* Months and whole days move the date on the wall, the rest is time that passes. */
static int row_zone_add_interval(RowCall *c)
{
    const Zone *zone;
    int r = row_zone_named(c, *row_string(c, 2), &zone);
    if (r)
        return r;
    int64_t instant = row_int(c, 0), step = row_int(c, 1), rest = 0;
    int64_t offset = zone_offset_at(zone, instant), wall = zone_wall(zone, instant);
    int64_t days = civil_floor_div(wall, CIVIL_MICROS_PER_DAY);
    int64_t clock = civil_floor_mod(wall, CIVIL_MICROS_PER_DAY);
    int32_t day = 0;
    bool fits;

    if (c->v[1]->type.kind == TYPE_INTERVAL_YM) {
        fits = civil_add_months((int32_t)days, step, &day);
        days = day;
    } else {
        fits = !__builtin_add_overflow(days, step / CIVIL_MICROS_PER_DAY, &days);
        rest = step % CIVIL_MICROS_PER_DAY;
    }
    if (!fits || __builtin_mul_overflow(days, CIVIL_MICROS_PER_DAY, &wall) ||
        __builtin_add_overflow(wall, clock, &wall) ||
        __builtin_add_overflow(zone_instant_near(zone, wall, offset), rest, &instant))
        return expr_fail_datetime(c->s, c->step, "add an interval to a timestamp");
    return row_set_int(c, instant);
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_zone[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(ZONE_WALL) = {.row = row_zone_wall},
    AT(ZONE_INSTANT) = {.row = row_zone_instant},
    AT(TIMESTAMP_OF_TEXT) = {.row = row_timestamp_of_text},
    AT(ZONE_ADD_INTERVAL) = {.row = row_zone_add_interval},
};
