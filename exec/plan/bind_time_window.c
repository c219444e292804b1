/* SPDX-License-Identifier: Apache-2.0 */

/*
 * window(time, duration[, slide[, start]]): which stretches of time a row is in. It makes a column
 * "window" below the operation that speaks of it, and rows whose time is null go. Stretches that do
 * not overlap give each row one; else each row comes once for each that it is in. A DataFrame or a
 * query may have one such call in one operation, as in Spark.
 *
 * session_window(time, gap), a group: rows of the other groups' values whose times are at most the
 * gap apart, one after the other, are of one stretch.
 */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/bind_signed.h"

#define COLUMN "window"
#define SESSION "session_window"

typedef struct Windows {
    Binder *b;
    UBuilder builder;
    const UExpr *call; /* the first one */
    bool others;
} Windows;

/* ---- durations: "1 hour", "interval 2 days 30 minutes" ---- */

static const struct {
    const char *name;
    int64_t usec;
} units[] = {
    {"microsecond", 1},
    {"millisecond", 1000},
    {"second", 1000000},
    {"minute", 60000000},
    {"hour", 3600000000},
    {"day", INT64_C(86400000000)},
    {"week", INT64_C(604800000000)},
};

static const char *skip_blanks(const char *s, const char *end)
{
    while (s < end && isspace((unsigned char)*s))
        s++;
    return s;
}

static bool parse_unit(const char **s, const char *end, int64_t *ret)
{
    const char *from = *s;
    while (*s < end && isalpha((unsigned char)**s))
        ++*s;
    size_t n = (size_t)(*s - from);
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        size_t length = strlen(units[i].name);
        if ((n == length || (n == length + 1 && tolower((unsigned char)from[length]) == 's')) &&
            strncasecmp(from, units[i].name, length) == 0) {
            *ret = units[i].usec;
            return true;
        }
    }
    return false;
}

static bool parse_duration(const VecString *text, int64_t *ret)
{
    const char *s = vec_string_data(text), *end = s + text->length;
    int64_t sum = 0, unit;
    s = skip_blanks(s, end);
    if (end - s > 8 && strncasecmp(s, "interval", 8) == 0 && isspace((unsigned char)s[8]))
        s = skip_blanks(s + 8, end);
    if (s == end)
        return false;
    while (s < end) {
        bool negative = *s == '-';
        int64_t number = 0;
        const char *digits;
        if (*s == '-' || *s == '+')
            s = skip_blanks(s + 1, end);
        for (digits = s; s < end && isdigit((unsigned char)*s); s++)
            if (__builtin_mul_overflow(number, 10, &number) ||
                __builtin_add_overflow(number, *s - '0', &number))
                return false;
        if (s == digits)
            return false;
        s = skip_blanks(s, end);
        if (!parse_unit(&s, end, &unit) || __builtin_mul_overflow(number, unit, &number) ||
            __builtin_add_overflow(sum, negative ? -number : number, &sum))
            return false;
        s = skip_blanks(s, end);
    }
    *ret = sum;
    return true;
}

static bool duration(Windows *w, const UExpr *e, int64_t *ret)
{
    const UExpr *call = w->call;
    if (e->kind == UEXPR_LITERAL && !e->literal.is_null) {
        bool text = e->type.kind == TYPE_STRING;
        if (text && parse_duration(&e->literal.s, ret))
            return true;
        if (type_is_integral(e->type) || e->type.kind == TYPE_INTERVAL_DT)
            return *ret = e->literal.i, true;
        if (text)
            return bind_error(w->b, call->position, call->stop, "_LEGACY_ERROR_TEMP_3231", "XX000",
                              "Intervals greater than a month is not supported (%.*s).",
                              (int)MIN(e->literal.s.length, 100u), vec_string_data(&e->literal.s)),
                   false;
    }
    return bind_unsupported(w->b, call->position, call->stop,
                            "window() whose durations are no constants"),
           false;
}

/* ---- looking for the call ---- */

static bool is_session(const UExpr *e)
{
    return e->kind == UEXPR_CALL && e->n_args == 2 && strcmp(e->name, SESSION) == 0;
}

static bool is_window(const UExpr *e)
{
    return is_session(e) || (e->kind == UEXPR_CALL && e->n_args >= 2 && e->n_args <= 4 &&
                             strcmp(e->name, COLUMN) == 0);
}

static bool same(const UExpr *a, const UExpr *c)
{
    if (a->kind != c->kind || a->n_args != c->n_args || a->n_parts != c->n_parts ||
        a->plan_id != c->plan_id || (a->kind == UEXPR_CALL && strcmp(a->name, c->name) != 0))
        return false;
    if (a->kind == UEXPR_LITERAL &&
        (!type_equal(a->type, c->type) || !literal_equal(a->type, &a->literal, &c->literal)))
        return false;
    for (uint32_t i = 0; i < a->n_parts; i++)
        if (strcasecmp(a->parts[i], c->parts[i]) != 0)
            return false;
    for (uint32_t i = 0; i < a->n_args; i++)
        if (!same(a->args[i], c->args[i]))
            return false;
    return true;
}

static void look(Windows *w, const UExpr *e)
{
    if (is_window(e)) {
        w->others |= w->call && !same(w->call, e);
        w->call = w->call ? w->call : e;
        return;
    }
    for (uint32_t i = 0; i < e->n_args; i++)
        look(w, e->args[i]);
}

static UExpr *column(Windows *w, const UExpr *where)
{
    UExpr *e = uexpr_column(&w->builder, &where->name, 1);
    if (e) {
        e->position = where->position;
        e->stop = where->stop;
    }
    return e;
}

static UExpr *replace(Windows *w, UExpr *e)
{
    if (is_window(e))
        return column(w, e);
    UExpr *copy = NULL;
    for (uint32_t i = 0; i < e->n_args; i++) {
        UExpr *arg = replace(w, e->args[i]);
        if (!arg)
            return NULL;
        if (arg == e->args[i])
            continue;
        if (!copy) {
            copy = bind_alloc(w->b, 1, sizeof(*copy));
            UExpr **args = bind_alloc(w->b, e->n_args, sizeof(*args));
            if (!copy || !args)
                return NULL;
            *copy = *e;
            memcpy(args, e->args, e->n_args * sizeof(*args));
            copy->args = args;
        }
        copy->args[i] = arg;
    }
    return copy ? copy : e;
}

static UExpr **replace_list(Windows *w, UExpr **list, uint32_t n)
{
    UExpr **made = bind_alloc(w->b, n, sizeof(*made));
    for (uint32_t i = 0; made && i < n; i++)
        if (!(made[i] = replace(w, list[i])))
            return NULL;
    return made;
}

/* ---- the column ---- */

static UExpr *number(Windows *w, int64_t x)
{
    return uexpr_literal(&w->builder, TYPE(LONG), (Literal){.i = x});
}

/* The last beginning of a stretch at or before the time, and @add behind it. */
static UExpr *edge(Windows *w, int64_t slide, int64_t start, UExpr *add)
{
    UExpr *args[4] = {w->call->args[0], number(w, slide), number(w, start), add};
    return uexpr_call(&w->builder, "#window edge", args, 4);
}

static UExpr *stretch(Windows *w, UExpr *start, UExpr *end)
{
    UExpr *args[4] = {uexpr_string(&w->builder, "start", 5), start,
                      uexpr_string(&w->builder, "end", 3), end};
    return uexpr_call(&w->builder, "named_struct", args, 4);
}

static URel *with_column(Windows *w, URel *input, UExpr *e, const char *name)
{
    URel *rel = e ? urel_new(&w->builder, UREL_WITH_COLUMNS) : NULL;
    UExpr *named = e ? uexpr_alias(&w->builder, e, name) : NULL;
    if (!rel || !named)
        return NULL;
    rel->input = input;
    rel->plan_id = UNRESOLVED_NO_PLAN_ID;
    rel->exprs = ubuilder_dup(&w->builder, &named, 1, sizeof(named));
    rel->n_exprs = 1;
    return rel->exprs ? urel_seal(&w->builder, rel) : NULL;
}

static URel *filtered(Windows *w, URel *input, UExpr *condition)
{
    URel *rel = condition ? urel_new(&w->builder, UREL_FILTER) : NULL;
    if (!rel)
        return NULL;
    rel->input = input;
    rel->plan_id = UNRESOLVED_NO_PLAN_ID;
    rel->condition = condition;
    return urel_seal(&w->builder, rel);
}

/* window.start or window.end */
static UExpr *side(Windows *w, const char *name)
{
    const char *parts[2] = {COLUMN, name};
    return uexpr_column(&w->builder, parts, 2);
}

/* Stretches that overlap: one for each number of @n, and those go that the row is not in. */
static URel *sliding(Windows *w, URel *input, int64_t length, int64_t slide, int64_t start,
                     int64_t n)
{
    const char *i = "i";
    UBuilder *u = &w->builder;
    UExpr *back = uexpr_call2(u, "*", uexpr_column(u, &i, 1), number(w, -slide));
    UExpr *from = edge(w, slide, start, back);
    UExpr *to = edge(w, slide, start, uexpr_call2(u, "+", back, number(w, length)));
    UExpr *body = stretch(w, from, to);
    UExpr *lambda = body ? uexpr_new(u, UEXPR_LAMBDA, &body, 1) : NULL;
    UExpr *numbers = uexpr_call2(u, "sequence", number(w, 0), number(w, n - 1));
    if (!lambda || !numbers)
        return NULL;
    lambda->parts = ubuilder_dup(u, &i, 1, sizeof(i));
    lambda->n_parts = 1;
    UExpr *all = uexpr_call1(u, "explode", uexpr_call2(u, "transform", numbers, lambda));
    URel *rel = with_column(w, input, all, COLUMN);
    UExpr *time = w->call->args[0];
    UExpr *in = rel ? uexpr_call2(u, "and", uexpr_call2(u, ">=", time, side(w, "start")),
                                  uexpr_call2(u, "<", time, side(w, "end")))
                    : NULL;
    return filtered(w, rel, in);
}

/* ---- sessions ---- */

#define STARTS "\001starts"
#define NUMBER "\001session"

/* The other groups. Return: false after an error. */
static bool other_groups(Windows *w, const URel *rel, UExpr ***ret, uint32_t *ret_n)
{
    uint32_t n = rel->group_all ? rel->n_exprs : rel->n_groups;
    UExpr **groups = bind_alloc(w->b, n + 1, sizeof(*groups));
    *ret_n = 0;
    for (uint32_t i = 0; groups && i < n; i++) {
        UExpr *e = rel->group_all ? rel->exprs[i] : rel->groups[i];
        if (!rel->group_all && e->kind == UEXPR_LITERAL && e->type.kind == TYPE_INT &&
            e->literal.i >= 1 && e->literal.i <= rel->n_exprs)
            e = rel->exprs[e->literal.i - 1];
        while (e->kind == UEXPR_ALIAS)
            e = e->args[0];
        if (is_session(e) || (rel->group_all && uexpr_has_aggregate(e)))
            continue;
        if (grouping_is_construct(e))
            return bind_unsupported(w->b, e->position, e->stop,
                                    "session_window() among grouping sets"),
                   false;
        groups[(*ret_n)++] = e;
    }
    *ret = groups;
    return groups != NULL;
}

/* @call OVER (PARTITION BY @keys ORDER BY @order); @order NULL: none. */
static UExpr *over(Windows *w, UExpr *call, UExpr *const *keys, uint32_t n_keys, UExpr *order)
{
    static const bool no[1] = {false}, yes[1] = {true};
    UExpr **args = bind_alloc(w->b, n_keys + 2, sizeof(*args));
    UWindow *window = bind_alloc(w->b, 1, sizeof(*window));
    if (!call || !args || !window)
        return NULL;
    args[0] = call;
    memcpy(args + 1, keys, n_keys * sizeof(*args));
    args[n_keys + 1] = order;
    *window = (UWindow){
        .n_partition = n_keys, .n_order = order != NULL, .descending = no, .nulls_first = yes};
    UExpr *e = uexpr_new(&w->builder, UEXPR_WINDOW, args, n_keys + 1 + (order != NULL));
    if (e)
        e->window = window;
    return e;
}

/* @time and a number of microseconds. */
static UExpr *later(Windows *w, UExpr *time, int64_t usec)
{
    UExpr *args[4] = {time, number(w, 1), number(w, 0), number(w, usec)};
    return time ? uexpr_call(&w->builder, "#window edge", args, 4) : NULL;
}

static URel *with_sessions(Windows *w, const URel *rel, URel *input, int64_t gap)
{
    UBuilder *u = &w->builder;
    UExpr *time = w->call->args[0], **keys;
    const char *starts = STARTS, *session = NUMBER;
    uint32_t n;
    if (!other_groups(w, rel, &keys, &n))
        return NULL;
    UExpr *before = over(w, uexpr_call1(u, "lag", time), keys, n, time);
    UExpr *goes_on = uexpr_call2(u, "<=", time, later(w, before, gap));
    UExpr *begins = uexpr_call(u, "when", (UExpr *[]){goes_on, number(w, 0), number(w, 1)}, 3);
    input = with_column(w, input, begins, STARTS);
    UExpr *count = uexpr_call1(u, "sum", uexpr_column(u, &starts, 1));
    input = input ? with_column(w, input, over(w, count, keys, n, time), NUMBER) : NULL;
    if (!input)
        return NULL;
    keys[n] = uexpr_column(u, &session, 1);
    UExpr *first = over(w, uexpr_call1(u, "min", time), keys, n + 1, NULL);
    UExpr *last = over(w, uexpr_call1(u, "max", time), keys, n + 1, NULL);
    return with_column(w, input, stretch(w, first, later(w, last, gap)), SESSION);
}

static URel *input_with_window(Windows *w, const URel *rel, URel *input)
{
    const UExpr *call = w->call;
    int64_t length, slide, start = 0;
    if (!duration(w, call->args[1], &length))
        return NULL;
    slide = length;
    if ((call->n_args > 2 && !duration(w, call->args[2], &slide)) ||
        (call->n_args > 3 && !duration(w, call->args[3], &start)))
        return NULL;
    const char *wrong =
        length <= 0      ? "The window duration must be above 0"
        : slide <= 0     ? "The slide duration must be above 0"
        : slide > length ? "The slide duration must not be above the window duration"
        : start <= -slide || start >= slide ? "The start time must be below the slide duration"
                                            : NULL;
    if (wrong)
        return bind_error(w->b, call->position, call->stop,
                          length <= 0 || slide <= 0
                              ? "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"
                              : "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION",
                          "42K09", "Cannot resolve %.300s due to data type mismatch: %s.",
                          uexpr_quoted(w->b, call), wrong);
    int64_t n = (length + slide - 1) / slide;
    input = filtered(w, input, uexpr_call1(&w->builder, "isnotnull", call->args[0]));
    if (!input)
        return NULL;
    if (is_session(call))
        return with_sessions(w, rel, input, length);
    if (n > 1)
        return sliding(w, input, length, slide, start, n);
    return with_column(
        w, input,
        stretch(w, edge(w, slide, start, number(w, 0)), edge(w, slide, start, number(w, length))),
        COLUMN);
}

const URel *bind_time_windows(Binder *b, const URel *rel)
{
    Windows w = {.b = b, .builder = {.arena = b->arena, .error = b->context->error}};
    for (uint32_t i = 0; i < rel->n_groups; i++)
        look(&w, rel->groups[i]);
    for (uint32_t i = 0; i < rel->n_exprs; i++)
        look(&w, rel->exprs[i]);
    if (!w.call)
        return rel;
    if (is_session(w.call) && rel->kind != UREL_AGGREGATE)
        return bind_unsupported(b, w.call->position, w.call->stop,
                                "session_window() that is no group");
    if (w.others)
        return bind_error(b, w.call->position, w.call->stop, "_LEGACY_ERROR_TEMP_1039", "XX000",
                          "Multiple time/session window expressions would result in a cartesian "
                          "product of rows, therefore they are currently not supported.");
    URel *copy = bind_alloc(b, 1, sizeof(*copy));
    URel *input = copy ? input_with_window(&w, rel, rel->input) : NULL;
    if (!input)
        return bind_fail(b, w.builder.result ? w.builder.result : mem_arena_error(b->arena));
    *copy = *rel;
    copy->input = input;
    copy->groups = rel->n_groups ? replace_list(&w, rel->groups, rel->n_groups) : NULL;
    copy->exprs = rel->n_exprs ? replace_list(&w, rel->exprs, rel->n_exprs) : NULL;
    return b->result ? NULL : w.builder.result ? bind_fail(b, w.builder.result) : copy;
}
