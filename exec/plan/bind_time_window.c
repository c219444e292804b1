/* SPDX-License-Identifier: Apache-2.0 */

/*
 * window(time, duration[, slide[, start]]): which stretches of time a row is in. It makes a column
 * "window" below the operation that speaks of it, and rows whose time is null go. Stretches that do
 * not overlap give each row one; else each row comes once for each that it is in. A DataFrame or a
 * query may have one such call in one operation, as in Spark.
 */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/bind_signed.h"

#define COLUMN "window"

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

static bool is_window(const UExpr *e)
{
    return e->kind == UEXPR_CALL && e->n_args >= 2 && e->n_args <= 4 &&
           strcmp(e->name, COLUMN) == 0;
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
    const char *name = COLUMN;
    UExpr *e = uexpr_column(&w->builder, &name, 1);
    if (e && where) {
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

static URel *with_column(Windows *w, URel *input, UExpr *e)
{
    URel *rel = urel_new(&w->builder, UREL_WITH_COLUMNS);
    UExpr *named = uexpr_alias(&w->builder, e, COLUMN);
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
    URel *rel = with_column(w, input, all);
    UExpr *time = w->call->args[0];
    UExpr *in = rel ? uexpr_call2(u, "and", uexpr_call2(u, ">=", time, side(w, "start")),
                                  uexpr_call2(u, "<", time, side(w, "end")))
                    : NULL;
    return filtered(w, rel, in);
}

static URel *input_with_window(Windows *w, URel *input)
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
    if (n > 1)
        return sliding(w, input, length, slide, start, n);
    return with_column(
        w, input,
        stretch(w, edge(w, slide, start, number(w, 0)), edge(w, slide, start, number(w, length))));
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
    if (w.others)
        return bind_error(b, w.call->position, w.call->stop, "_LEGACY_ERROR_TEMP_1039", "XX000",
                          "Multiple time/session window expressions would result in a cartesian "
                          "product of rows, therefore they are currently not supported.");
    URel *copy = bind_alloc(b, 1, sizeof(*copy));
    URel *input = copy ? input_with_window(&w, rel->input) : NULL;
    if (!input)
        return bind_fail(b, w.builder.result ? w.builder.result : mem_arena_error(b->arena));
    *copy = *rel;
    copy->input = input;
    copy->groups = rel->n_groups ? replace_list(&w, rel->groups, rel->n_groups) : NULL;
    copy->exprs = rel->n_exprs ? replace_list(&w, rel->exprs, rel->n_exprs) : NULL;
    return b->result ? NULL : w.builder.result ? bind_fail(b, w.builder.result) : copy;
}
