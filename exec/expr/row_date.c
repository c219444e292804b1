/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/row.h"

#include <math.h>
#include <strings.h>

#include "exec/kernel/date_pattern.h"
#include "exec/kernel/civil.h"
#include "exec/kernel/zone.h"
#include "exec/vec/ops.h"

/* Dates and clocks: by patterns, made of fields, and how far they are from each other. */

/* ---- patterns ---- */

static int bad_pattern(RowCall *c, const VecString *pattern, DatePatternError error)
{
    bool week = error == DATE_PATTERN_LEGACY;
    return row_fail(c, DATA_ERROR_RUNTIME,
                    week ? "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"
                         : "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER",
                    week ? "42K0B" : "22007", "Unrecognized datetime pattern: '%.*s'.",
                    (int)MIN(pattern->length, 100u), vec_string_data(pattern));
}

/* instant, pattern, zone */
static int row_date_format(RowCall *c)
{
    const VecString *pattern = row_string(c, 1), *name = row_string(c, 2);
    char out[DATE_TEXT_MAX];
    size_t n;
    int64_t instant = row_int(c, 0);
    const Zone *zone;
    int r = row_zone_named(c, *name, &zone);

    if (r)
        return r;
    DatePatternError error = date_pattern_format(
        vec_string_data(pattern), pattern->length, zone_wall(zone, instant),
        zone_offset_at(zone, instant), vec_string_data(name), name->length, out, &n);
    return error ? bad_pattern(c, pattern, error) : row_set_text(c, out, n);
}

/* text, pattern, and for instants the zone */
static int row_parse_time(RowCall *c)
{
    const VecString *text = row_string(c, 0), *pattern = row_string(c, 1);
    DatePatternTime time;
    DatePatternError error = date_pattern_parse(vec_string_data(pattern), pattern->length,
                                                vec_string_data(text), text->length, &time);

    if (error && error != DATE_PATTERN_NO_MATCH)
        return bad_pattern(c, pattern, error);
    if (error)
        return row_fail(c, DATA_ERROR_RUNTIME, "CANNOT_PARSE_TIMESTAMP", "22007",
                        "Text '%.*s' could not be parsed by the pattern '%.*s'. Use "
                        "`try_to_timestamp` to tolerate invalid input string and return NULL "
                        "instead.",
                        (int)MIN(text->length, 100u), vec_string_data(text),
                        (int)MIN(pattern->length, 100u), vec_string_data(pattern));
    if (c->n_args == 2)
        return row_set_int(c, time.wall);
    if (time.has_offset)
        return row_set_int(c, time.wall - time.offset);
    const Zone *zone;
    VecString name = time.zone ? vec_string(time.zone, time.n_zone) : *row_string(c, 2);
    int r = row_zone_named(c, name, &zone);
    return r ? r : row_set_int(c, zone_instant(zone, time.wall));
}

/* ---- made of fields ---- */

static int out_of_bounds(RowCall *c, const char *field, int64_t low, int64_t high, int64_t x)
{
    return row_fail(c, DATA_ERROR_DATETIME, "DATETIME_FIELD_OUT_OF_BOUNDS", "22023",
                    "Invalid value for %s (valid values %lld - %lld): %lld.", field, (long long)low,
                    (long long)high, (long long)x);
}

/* year, month, day, hour, minute, seconds with six places */
static int row_make_clock(RowCall *c)
{
    static const struct {
        const char *name;
        int64_t low, high;
    } fields[] = {{"Year", -290307, 294246},
                  {"MonthOfYear", 1, 12},
                  {"DayOfMonth", 1, 31},
                  {"HourOfDay", 0, 23},
                  {"MinuteOfHour", 0, 59}};
    int64_t x[5], usec = row_int(c, 5);

    for (uint32_t i = 0; i < 5; i++) {
        x[i] = row_int(c, i);
        if (x[i] < fields[i].low || x[i] > fields[i].high)
            return out_of_bounds(c, fields[i].name, fields[i].low, fields[i].high, x[i]);
    }
    /* 60 seconds are the next minute. */
    if (usec < 0 || usec > 60000000)
        return out_of_bounds(c, "SecondOfMinute", 0, 59, usec / 1000000);
    if (!civil_valid(x[0], x[1], x[2]))
        return out_of_bounds(c, "DayOfMonth", 1, civil_month_days((int32_t)x[0], (uint32_t)x[1]),
                             x[2]);
    int64_t days = civil_to_days((int32_t)x[0], (uint32_t)x[1], (uint32_t)x[2]);
    return row_set_int(c, days * CIVIL_MICROS_PER_DAY + (x[3] * 3600 + x[4] * 60) * 1000000 + usec);
}

static int interval_overflow(RowCall *c)
{
    return row_fail(c, DATA_ERROR_RUNTIME, "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
                    "22015",
                    "Integer overflow while operating with intervals. Try devising appropriate "
                    "values for the interval parameters.");
}

/* Pairs of a number and what it is multiplied with, added up: an interval or an instant. */
static int row_sum_products(RowCall *c)
{
    i128 sum = 0;
    for (uint32_t i = 0; i + 1 < c->n_args; i += 2)
        sum += (i128)row_int(c, i) * row_int(c, i + 1);
    if (c->step->phys == PHYS_I32 ? sum != (int32_t)sum : sum != (int64_t)sum) {
        if (c->step->type.kind != TYPE_TIMESTAMP)
            return interval_overflow(c);
        return row_fail(c, DATA_ERROR_ARITHMETIC, "ARITHMETIC_OVERFLOW", "22003", "long overflow.");
    }
    return row_set_int(c, (int64_t)sum);
}

/* A number divided, rounded down. */
static int row_floor_quotient(RowCall *c)
{
    return row_set_int(c, civil_floor_div(row_int(c, 0), row_int(c, 1)));
}

/* ---- fields ---- */

/* Seconds of the minute with six places. */
static int row_second_fraction(RowCall *c)
{
    return row_set_int(c, civil_floor_mod(row_int(c, 0), 60000000));
}

static bool word_is(const VecString *word, const char *const *names)
{
    for (; *names; names++)
        if (strlen(*names) == word->length &&
            strncasecmp(*names, vec_string_data(word), word->length) == 0)
            return true;
    return false;
}

/* The first day of a date's year, quarter, month or week; NULL for other units. */
static int row_trunc_date(RowCall *c)
{
    static const char *const year[] = {"YEAR", "YYYY", "YY", NULL};
    static const char *const quarter[] = {"QUARTER", NULL};
    static const char *const month[] = {"MONTH", "MON", "MM", NULL}, *const week[] = {"WEEK", NULL};
    const VecString *unit = row_string(c, 1);
    int32_t days = (int32_t)row_int(c, 0);
    Civil d = civil_from_days(days);

    if (word_is(unit, week))
        return row_set_int(c, days - civil_floor_mod((int64_t)days + 3, 7));
    if (word_is(unit, year))
        d.month = 1;
    else if (word_is(unit, quarter))
        d.month = (d.month - 1) / 3 * 3 + 1;
    else if (!word_is(unit, month))
        return row_set_null(c);
    return row_set_int(c, civil_to_days(d.year, d.month, 1));
}

static int row_next_day(RowCall *c)
{
    static const char *const names[7][4] = {{"MO", "MON", "MONDAY"},    {"TU", "TUE", "TUESDAY"},
                                            {"WE", "WED", "WEDNESDAY"}, {"TH", "THU", "THURSDAY"},
                                            {"FR", "FRI", "FRIDAY"},    {"SA", "SAT", "SATURDAY"},
                                            {"SU", "SUN", "SUNDAY"}};
    const VecString *name = row_string(c, 1);
    int64_t days = row_int(c, 0);

    for (int64_t i = 0; i < 7; i++)
        if (word_is(name, names[i])) {
            int64_t today = civil_floor_mod(days + 3, 7); /* 0 for Monday */
            return row_set_int(c, days + (i - today + 6) % 7 + 1);
        }
    return row_fail(c, DATA_ERROR_RUNTIME, "ILLEGAL_DAY_OF_WEEK", "22009",
                    "Illegal input for day of week: %.*s.", (int)MIN(name->length, 40u),
                    vec_string_data(name));
}

/* ---- distances ---- */

/* Two clocks on the wall: whole months when the days are the same or both the last; else a month
 * has 31 days. */
static int row_months_between(RowCall *c)
{
    int64_t wall[2] = {row_int(c, 0), row_int(c, 1)};
    Civil d[2];
    bool last[2];

    for (int i = 0; i < 2; i++) {
        d[i] = civil_from_days((int32_t)civil_floor_div(wall[i], CIVIL_MICROS_PER_DAY));
        last[i] = d[i].day == civil_month_days(d[i].year, d[i].month);
    }
    double months = ((double)d[0].year - d[1].year) * 12 + (double)d[0].month - (double)d[1].month;
    if (d[0].day == d[1].day || (last[0] && last[1]))
        return row_set_double(c, months);
    int64_t seconds[2];
    for (int i = 0; i < 2; i++)
        seconds[i] = civil_floor_mod(wall[i], CIVIL_MICROS_PER_DAY) / 1000000;
    int64_t rest = ((int64_t)d[0].day - (int64_t)d[1].day) * 86400 + seconds[0] - seconds[1];
    double x = months + (double)rest / (31 * 86400.0);
    if (row_int(c, 2)) /* eight places, halves away from zero */
        x = (x < 0 ? ceil(x * 1e8 - 0.5) : floor(x * 1e8 + 0.5)) / 1e8;
    return row_set_double(c, x);
}

/* Whole months from one clock to another, towards zero; divided by a number of months. */
static int row_months_apart(RowCall *c)
{
    int64_t a = row_int(c, 0), b = row_int(c, 1);
    Civil from = civil_from_days((int32_t)civil_floor_div(a, CIVIL_MICROS_PER_DAY));
    Civil to = civil_from_days((int32_t)civil_floor_div(b, CIVIL_MICROS_PER_DAY));
    int64_t months = ((int64_t)to.year - from.year) * 12 + (int64_t)to.month - (int64_t)from.month;
    int64_t in_from =
        (int64_t)from.day * CIVIL_MICROS_PER_DAY + civil_floor_mod(a, CIVIL_MICROS_PER_DAY);
    int64_t in_to =
        (int64_t)to.day * CIVIL_MICROS_PER_DAY + civil_floor_mod(b, CIVIL_MICROS_PER_DAY);

    if (months > 0 && in_to < in_from)
        months--;
    else if (months < 0 && in_to > in_from)
        months++;
    return row_set_int(c, months / row_int(c, 2));
}

/* The difference in units of so many microseconds, towards zero. */
static int row_time_apart(RowCall *c)
{
    return row_set_int(c, (row_int(c, 1) - row_int(c, 0)) / row_int(c, 2));
}

/* time, slide, start, and what is added; sums that wrap are no times any more anyway. */
static int row_window_edge(RowCall *c)
{
    uint64_t time = (uint64_t)row_int(c, 0), start = (uint64_t)row_int(c, 2);
    uint64_t behind = (uint64_t)civil_floor_mod((int64_t)(time - start), row_int(c, 1));
    return row_set_int(c, (int64_t)(time - behind + (uint64_t)row_int(c, 3)));
}

#define AT(f) [FN_##f - FN_ROW_FIRST]

const RowRule row_rules_date[FN_ROW_LAST - FN_ROW_FIRST] = {
    AT(DATE_FORMAT) = {.row = row_date_format},
    AT(PARSE_TIME) = {.row = row_parse_time},
    AT(MAKE_CLOCK) = {.row = row_make_clock},
    AT(SUM_PRODUCTS) = {.row = row_sum_products},
    AT(FLOOR_QUOTIENT) = {.row = row_floor_quotient, .flags = ROW_SAFE},
    AT(SECOND_FRACTION) = {.row = row_second_fraction, .flags = ROW_SAFE},
    AT(TRUNC_DATE) = {.row = row_trunc_date, .flags = ROW_SAFE},
    AT(NEXT_DAY) = {.row = row_next_day},
    AT(MONTHS_BETWEEN) = {.row = row_months_between, .flags = ROW_SAFE},
    AT(MONTHS_APART) = {.row = row_months_apart, .flags = ROW_SAFE},
    AT(WINDOW_EDGE) = {.row = row_window_edge, .flags = ROW_SAFE},
    AT(TIME_APART) = {.row = row_time_apart, .flags = ROW_SAFE},
};
