/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/kernel/zone.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/kernel/civil.h"

#define USEC CIVIL_MICROS_PER_SECOND
#define CYCLE_YEARS 400
#define CYCLE_USEC (INT64_C(146097) * CIVIL_MICROS_PER_DAY)

typedef struct Text {
    const char *at, *end;
} Text;

/* ---- look-up ---- */

/* How many of @sorted are not above @x. */
static uint32_t count_until(const int64_t *sorted, uint32_t n, int64_t x)
{
    uint32_t low = 0;
    while (n > 0) {
        uint32_t half = n / 2;
        if (sorted[low + half] <= x) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low;
}

/* A time by whose rules those after the table go. */
static int64_t within_table(const Zone *zone, int64_t x)
{
    if (x < zone->repeats_from)
        return x;
    uint64_t cycle = (uint64_t)CYCLE_USEC, past = (uint64_t)x - (uint64_t)zone->repeats_from;
    return (int64_t)((uint64_t)x - (past / cycle + 1) * cycle);
}

int64_t zone_offset_at(const Zone *zone, int64_t instant)
{
    return zone->offsets[count_until(zone->instants, zone->n, within_table(zone, instant))];
}

int64_t zone_wall(const Zone *zone, int64_t instant)
{
    return (int64_t)((uint64_t)instant + (uint64_t)zone_offset_at(zone, instant));
}

int64_t zone_instant(const Zone *zone, int64_t wall)
{
    /* In a gap and in an overlap alike Java takes the offset from before; so a transition counts
     * once the clock has passed both readings, which is what walls[] holds. */
    int64_t offset = zone->offsets[count_until(zone->walls, zone->n, within_table(zone, wall))];
    return (int64_t)((uint64_t)wall - (uint64_t)offset);
}

int64_t zone_instant_near(const Zone *zone, int64_t wall, int64_t preferred_offset)
{
    int64_t instant = (int64_t)((uint64_t)wall - (uint64_t)preferred_offset);
    return zone_offset_at(zone, instant) == preferred_offset ? instant : zone_instant(zone, wall);
}

/* ---- names ---- */

static bool take(Text *t, char c)
{
    if (t->at == t->end || *t->at != c)
        return false;
    t->at++;
    return true;
}

static bool take_number(Text *t, uint32_t max_digits, int64_t *ret)
{
    const char *start = t->at;
    *ret = 0;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9' && t->at - start < max_digits; t->at++)
        *ret = *ret * 10 + (*t->at - '0');
    return t->at > start;
}

/* h[h][:mm[:ss]] after the sign, in seconds. */
static bool take_hours(Text *t, uint32_t max_digits, int64_t *ret_seconds)
{
    int64_t hours, minutes = 0, seconds = 0;
    if (!take_number(t, max_digits, &hours))
        return false;
    if (take(t, ':') &&
        (!take_number(t, 2, &minutes) || (take(t, ':') && !take_number(t, 2, &seconds))))
        return false;
    *ret_seconds = (hours * 60 + minutes) * 60 + seconds;
    return minutes < 60 && seconds < 60;
}

bool zone_fixed_offset(const char *name, size_t n, int64_t *ret_usec)
{
    static const char *const zero[] = {
        "UTC",           "Z",        "GMT",       "UT",           "Etc/UTC",
        "Etc/GMT",       "Zulu",     "Etc/UCT",   "UCT",          "Universal",
        "Etc/Universal", "Etc/Zulu", "Greenwich", "Etc/Greenwich"};
    Text t = {name, name + n};
    int64_t seconds;

    for (size_t i = 0; i < ARRAY_SIZE(zero); i++) {
        if (strlen(zero[i]) == n && memcmp(name, zero[i], n) == 0) {
            *ret_usec = 0;
            return true;
        }
    }
    if (n > 3 && (memcmp(name, "UTC", 3) == 0 || memcmp(name, "GMT", 3) == 0))
        t.at += 3;
    else if (n > 2 && memcmp(name, "UT", 2) == 0)
        t.at += 2;
    bool negative = t.at < t.end && *t.at == '-';
    if (!negative && !(t.at < t.end && *t.at == '+'))
        return false;
    t.at++;
    if (!take_hours(&t, 2, &seconds) || t.at != t.end || seconds > 18 * 3600)
        return false;
    *ret_usec = (negative ? -seconds : seconds) * USEC;
    return true;
}

bool zone_parse_instant(const Zone *session, const char *text, uint32_t n, int64_t *ret_usec)
{
    CivilClock clock;
    int64_t offset;

    if (!civil_parse_clock(text, n, &clock))
        return false;
    if (!clock.zone)
        *ret_usec = session ? zone_instant(session, clock.wall) : clock.wall;
    return !clock.zone || (zone_fixed_offset(clock.zone, clock.n_zone, &offset) &&
                           !__builtin_sub_overflow(clock.wall, offset, ret_usec));
}

/* java.time.ZoneId.SHORT_IDS */
static const char *long_name(const char *name)
{
    static const char *const names[][2] = {
        {"ACT", "Australia/Darwin"},
        {"AET", "Australia/Sydney"},
        {"AGT", "America/Argentina/Buenos_Aires"},
        {"ART", "Africa/Cairo"},
        {"AST", "America/Anchorage"},
        {"BET", "America/Sao_Paulo"},
        {"BST", "Asia/Dhaka"},
        {"CAT", "Africa/Harare"},
        {"CNT", "America/St_Johns"},
        {"CST", "America/Chicago"},
        {"CTT", "Asia/Shanghai"},
        {"EAT", "Africa/Addis_Ababa"},
        {"ECT", "Europe/Paris"},
        {"EST", "-05:00"},
        {"HST", "-10:00"},
        {"IET", "America/Indiana/Indianapolis"},
        {"IST", "Asia/Kolkata"},
        {"JST", "Asia/Tokyo"},
        {"MIT", "Pacific/Apia"},
        {"MST", "-07:00"},
        {"NET", "Asia/Yerevan"},
        {"NST", "Pacific/Auckland"},
        {"PLT", "Asia/Karachi"},
        {"PNT", "America/Phoenix"},
        {"PRT", "America/Puerto_Rico"},
        {"PST", "America/Los_Angeles"},
        {"SST", "Pacific/Guadalcanal"},
        {"VST", "Asia/Ho_Chi_Minh"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    return name;
}

/* "Area/City": nothing that could leave the directory. */
static bool is_plain(const char *name)
{
    if (!((*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z')))
        return false;
    for (const char *p = name; *p; p++) {
        bool letter = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z');
        if (!letter && !(*p >= '0' && *p <= '9') && !strchr("/_-+", *p))
            return false;
    }
    return true;
}

/* ---- the rule at the end of a file ---- */

typedef struct RuleDay {
    char kind; /* 'M' month.week.day, 'J' day 1 to 365 without leap days, 'N' day 0 to 365 */
    int64_t month, week, day;
    int64_t seconds; /* after midnight, -167 to 167 hours */
} RuleDay;

typedef struct Rule {
    int64_t standard, summer; /* seconds to add to an instant */
    bool has_summer;
    RuleDay start, end;
} Rule;

static bool take_abbreviation(Text *t)
{
    const char *start = t->at;
    if (take(t, '<')) {
        while (t->at < t->end && *t->at != '>')
            t->at++;
        return take(t, '>');
    }
    while (t->at < t->end && ((*t->at >= 'A' && *t->at <= 'Z') || (*t->at >= 'a' && *t->at <= 'z')))
        t->at++;
    return t->at - start >= 3;
}

/* POSIX counts hours west of Greenwich. */
static bool take_west(Text *t, int64_t *ret_offset)
{
    bool east = take(t, '-');
    if (!east)
        take(t, '+');
    if (!take_hours(t, 2, ret_offset) || *ret_offset > 25 * 3600)
        return false;
    if (!east)
        *ret_offset = -*ret_offset;
    return true;
}

static bool take_rule_day(Text *t, RuleDay *ret)
{
    *ret = (RuleDay){.kind = 'N', .seconds = 2 * 3600};
    if (!take(t, ','))
        return false;
    if (take(t, 'M')) {
        ret->kind = 'M';
        if (!take_number(t, 2, &ret->month) || !take(t, '.') || !take_number(t, 1, &ret->week) ||
            !take(t, '.') || !take_number(t, 1, &ret->day) || ret->month < 1 || ret->month > 12 ||
            ret->week < 1 || ret->week > 5 || ret->day > 6)
            return false;
    } else {
        if (take(t, 'J'))
            ret->kind = 'J';
        if (!take_number(t, 3, &ret->day) || ret->day > 365 || (ret->kind == 'J' && ret->day == 0))
            return false;
    }
    if (take(t, '/')) {
        bool negative = take(t, '-');
        if (!negative)
            take(t, '+');
        if (!take_hours(t, 3, &ret->seconds) || ret->seconds > 167 * 3600 + 3599)
            return false;
        if (negative)
            ret->seconds = -ret->seconds;
    }
    return true;
}

static bool parse_rule(Text t, Rule *ret)
{
    *ret = (Rule){0};
    if (!take_abbreviation(&t) || !take_west(&t, &ret->standard))
        return false;
    if (t.at == t.end)
        return true;
    ret->has_summer = true;
    ret->summer = ret->standard + 3600;
    if (!take_abbreviation(&t))
        return false;
    if (t.at < t.end && *t.at != ',' && !take_west(&t, &ret->summer))
        return false;
    return take_rule_day(&t, &ret->start) && take_rule_day(&t, &ret->end) && t.at == t.end;
}

/* Seconds since 1970 on the wall. */
static int64_t rule_time(const RuleDay *rule, int32_t year)
{
    int64_t day = civil_to_days(year, 1, 1);
    if (rule->kind == 'M') {
        uint32_t month = (uint32_t)rule->month;
        int64_t first = civil_to_days(year, month, 1);
        int64_t weekday = civil_floor_mod(first + 4, 7); /* 1970-01-01 was a Thursday */
        int64_t in_month = civil_floor_mod(rule->day - weekday, 7) + (rule->week - 1) * 7;
        if (in_month >= civil_month_days(year, month))
            in_month -= 7;
        day = first + in_month;
    } else if (rule->kind == 'J') {
        day += rule->day - 1 + (civil_is_leap(year) && rule->day >= 60);
    } else {
        day += rule->day;
    }
    return day * 86400 + rule->seconds;
}

/* ---- the table ---- */

typedef struct Table {
    int64_t *instants, *walls, *offsets;
    uint32_t n;
} Table;

static int64_t usec_of(int64_t seconds)
{
    int64_t usec;
    if (__builtin_mul_overflow(seconds, USEC, &usec))
        return seconds < 0 ? INT64_MIN / 2 : INT64_MAX / 2;
    return usec;
}

/* False when the times are not in order. */
static bool add(Table *t, int64_t instant, int64_t offset)
{
    int64_t before = t->offsets[t->n];
    int64_t wall = instant + (before > offset ? before : offset);
    if (t->n > 0 && instant <= t->instants[t->n - 1])
        return false;
    if (t->n > 0 && wall < t->walls[t->n - 1])
        wall = t->walls[t->n - 1];
    t->instants[t->n] = instant;
    t->walls[t->n] = wall;
    t->offsets[++t->n] = offset;
    return true;
}

/* Years of the rule until it repeats itself. Return: from when on it does, INT64_MAX: never. */
static int64_t go_on(Table *t, const Rule *rule)
{
    if (!rule->has_summer)
        return INT64_MAX;
    int64_t last = t->n ? t->instants[t->n - 1] : usec_of(0);
    int32_t days = (int32_t)civil_floor_div(last, CIVIL_MICROS_PER_DAY);
    int32_t first = civil_from_days(days).year;
    for (int32_t year = first; year <= first + 1 + CYCLE_YEARS; year++) {
        int64_t start = rule_time(&rule->start, year) - rule->standard;
        int64_t end = rule_time(&rule->end, year) - rule->summer;
        for (int i = 0; i < 2; i++) {
            bool summer = (start < end) == (i == 0);
            int64_t instant = usec_of(summer ? start : end);
            if ((t->n == 0 || instant > t->instants[t->n - 1]) &&
                !add(t, instant, (summer ? rule->summer : rule->standard) * USEC))
                return INT64_MAX;
        }
    }
    return (int64_t)civil_to_days(first + 1 + CYCLE_YEARS, 1, 1) * CIVIL_MICROS_PER_DAY;
}

/* ---- the file ---- */

typedef struct Block {
    const uint8_t *at;
    uint64_t n_utc, n_standard, n_leap, n_times, n_types, n_chars;
} Block;

static int64_t big_endian(const uint8_t *p, uint32_t n)
{
    uint64_t x = n == 4 && p[0] >= 0x80 ? ~UINT64_C(0) : 0;
    for (uint32_t i = 0; i < n; i++)
        x = x << 8 | p[i];
    return (int64_t)x;
}

/* Return: the byte after the block, NULL when it does not fit into the @n bytes. */
static const uint8_t *read_block(const uint8_t *p, size_t n, uint32_t time_size, Block *ret)
{
    uint64_t counts[6], size = 0;
    if (n < 44 || memcmp(p, "TZif", 4) != 0)
        return NULL;
    for (uint32_t i = 0; i < 6; i++) {
        counts[i] = (uint64_t)(uint32_t)big_endian(p + 20 + i * 4, 4);
        if (counts[i] > ZONE_FILE_MAX)
            return NULL;
    }
    *ret = (Block){p + 44, counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]};
    size = ret->n_times * (time_size + 1) + ret->n_types * 6 + ret->n_chars +
           ret->n_leap * (time_size + 4) + ret->n_standard + ret->n_utc;
    return size <= n - 44 ? p + 44 + size : NULL;
}

static int table_new(MemArena *arena, uint64_t n, Table *ret)
{
    *ret = (Table){mem_arena_new_array(arena, int64_t, n), mem_arena_new_array(arena, int64_t, n),
                   mem_arena_new_array(arena, int64_t, n + 1), 0};
    return ret->instants && ret->walls && ret->offsets ? 0 : mem_arena_error(arena);
}

static int zone_new(MemArena *arena, const Table *t, int64_t repeats_from, const Zone **ret)
{
    Zone *zone = mem_arena_new_of(arena, Zone);
    if (!zone)
        return mem_arena_error(arena);
    *zone = (Zone){t->instants, t->walls, t->offsets, t->n, repeats_from};
    *ret = zone;
    return 0;
}

int zone_parse(MemArena *arena, const uint8_t *bytes, size_t n, const Zone **ret_zone)
{
    Block block;
    Table t;
    const uint8_t *end = bytes + n;
    const uint8_t *next = read_block(bytes, n, 4, &block);

    if (!next || bytes[4] < '2')
        return ZONE_E_UNKNOWN;
    next = read_block(next, (size_t)(end - next), 8, &block);
    if (!next || block.n_types == 0)
        return ZONE_E_UNKNOWN;
    const uint8_t *types_of = block.at + block.n_times * 8;
    const uint8_t *types = types_of + block.n_times;
    if (block.n_times > ZONE_TRANSITIONS_MAX)
        return ZONE_E_UNKNOWN;
    int r = table_new(arena, block.n_times + 2 * (CYCLE_YEARS + 2), &t);
    if (r)
        return r;
    t.offsets[0] = big_endian(types, 4) * USEC;
    for (uint64_t i = 0; i < block.n_times; i++) {
        if (types_of[i] >= block.n_types)
            return ZONE_E_UNKNOWN;
        if (!add(&t, usec_of(big_endian(block.at + i * 8, 8)),
                 big_endian(types + types_of[i] * 6, 4) * USEC))
            return ZONE_E_UNKNOWN;
    }
    int64_t repeats_from = INT64_MAX;
    if (end - next >= 2 && *next == '\n') {
        const uint8_t *stop = memchr(next + 1, '\n', (size_t)(end - next - 1));
        Rule rule;
        if (!stop)
            return ZONE_E_UNKNOWN;
        if (stop > next + 1) {
            if (!parse_rule((Text){(const char *)next + 1, (const char *)stop}, &rule))
                return ZONE_E_UNKNOWN;
            repeats_from = go_on(&t, &rule);
        }
    }
    return zone_new(arena, &t, repeats_from, ret_zone);
}

typedef struct Named {
    char text[ZONE_NAME_MAX + 1];
    const char *name; /* in full */
    bool is_fixed;
    int64_t offset;
} Named;

/* Return: a file of it; -1: there is none, perhaps because it needs none. */
static int open_named(const char *name, size_t n, Named *ret)
{
    char path[sizeof(ZONE_DIRECTORY) + ZONE_NAME_MAX + 1];

    *ret = (Named){0};
    if (n > ZONE_NAME_MAX || memchr(name, '\0', n))
        return -1;
    memcpy(ret->text, name, n);
    ret->name = long_name(ret->text);
    ret->is_fixed = zone_fixed_offset(ret->name, strlen(ret->name), &ret->offset);
    if (ret->is_fixed || !is_plain(ret->name))
        return -1;
    snprintf(path, sizeof(path), "%s/%s", ZONE_DIRECTORY, ret->name);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

bool zone_is_known(const char *name, size_t n)
{
    Named named;
    char magic[4];
    _cleanup_close_ int fd = open_named(name, n, &named);
    return named.is_fixed || (fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
                              memcmp(magic, "TZif", sizeof(magic)) == 0);
}

int zone_load(MemArena *arena, const char *name, size_t n, const Zone **ret_zone)
{
    Named named;
    _cleanup_close_ int fd = open_named(name, n, &named);

    if (named.is_fixed) {
        Table t = {NULL, NULL, mem_arena_new_of(arena, int64_t), 0};
        if (!t.offsets)
            return mem_arena_error(arena);
        t.offsets[0] = named.offset;
        return zone_new(arena, &t, INT64_MAX, ret_zone);
    }
    if (fd < 0)
        return ZONE_E_UNKNOWN;
    uint8_t *bytes = mem_arena_alloc(arena, ZONE_FILE_MAX, 8);
    if (!bytes)
        return mem_arena_error(arena);
    ssize_t got = read(fd, bytes, ZONE_FILE_MAX);
    return got <= 0 ? ZONE_E_UNKNOWN : zone_parse(arena, bytes, (size_t)got, ret_zone);
}
