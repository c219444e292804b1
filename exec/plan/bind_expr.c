/* SPDX-License-Identifier: Apache-2.0 */

/* Expressions: columns by name, literals, casts, CASE and IN. Calls are in bind_call.c. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/bind_statistic.h"
#include "exec/plan/datetime.h"
#include "exec/vec/interval.h"

void *bind_fail(Binder *b, int r)
{
    if (b->result == 0)
        b->result = r;
    return NULL;
}

/* Line and column of a byte of the SQL text. */
static void set_position(const PlanContext *c, uint32_t position, uint32_t stop)
{
    if (!c->error || !c->sql_text || position == 0 || position > c->n_sql_text)
        return;
    uint32_t line = 1, begin = 0, at = position - 1;
    for (uint32_t i = 0; i < at; i++) {
        if (c->sql_text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    c->error->line = line;
    c->error->column = at - begin + 1;
    c->error->start = at;
    c->error->stop = stop;
    /* As Spark ends such messages; whoever adds class and state sees that the state is there. */
    size_t n = strlen(c->error->message);
    snprintf(c->error->message + n, sizeof(c->error->message) - n, " SQLSTATE: %s; line %u pos %u",
             c->error->sqlstate, line, at - begin);
}

void *bind_error(Binder *b, uint32_t position, uint32_t stop, const char *error_class,
                 const char *sqlstate, const char *format, ...)
{
    if (b->result != 0)
        return NULL;
    char message[900];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    int r = query_error_set(b->context->error, DATA_ERROR_ANALYSIS, error_class, sqlstate, "%s",
                            message);
    if (b->view_depth == 0)
        set_position(b->context, position, stop);
    return bind_fail(b, r);
}

void *bind_unsupported(Binder *b, uint32_t position, uint32_t stop, const char *what)
{
    if (b->result != 0)
        return NULL;
    int r = query_error_set(b->context->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                            "0A000", "The feature is not supported: %s.", what);
    if (b->view_depth == 0)
        set_position(b->context, position, stop);
    return bind_fail(b, r);
}

void bind_type_text(Type type, char buf[static 130])
{
    buf[0] = '"';
    type_format(type, buf + 1, 128);
    char *c = buf + 1;
    for (; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c += 'A' - 'a';
    c[0] = '"';
    c[1] = '\0';
}

void *bind_alloc(Binder *b, size_t n, size_t size)
{
    if (b->result != 0)
        return NULL;
    void *p = mem_arena_zalloc(b->arena, MAX(n * size, (size_t)1), 16);
    return p ? p : bind_fail(b, mem_arena_error(b->arena));
}

bool names_equal(const Binder *b, const char *a, const char *c)
{
    return (b->context->settings.case_sensitive ? strcmp : strcasecmp)(a, c) == 0;
}

/* ---- columns ---- */

static bool column_matches(const Binder *b, const BoundColumn *column, const UExpr *e)
{
    const char *name = e->parts[e->n_parts - 1];
    if (!names_equal(b, column->name, name))
        return false;
    if (e->n_parts == 1)
        return !column->hidden;
    return column->qualifier && names_equal(b, column->qualifier, e->parts[e->n_parts - 2]);
}

const BoundColumn *bind_find(Binder *b, const Bound *bound, const UExpr *e, int *ret_matches)
{
    const BoundColumn *found = NULL;
    *ret_matches = 0;
    for (uint32_t i = 0; i < bound->n_columns; i++) {
        const BoundColumn *c = &bound->columns[i];
        if (!column_matches(b, c, e))
            continue;
        /* The same column twice (SELECT a, a) is no ambiguity. */
        if (found && found->attribute == c->attribute)
            continue;
        found = c;
        ++*ret_matches;
    }
    return found;
}

/* A DataFrame's column: what its relation called it, wherever that is now. */
static const BoundColumn *find_by_plan_id(Binder *b, const Bound *bound, const UExpr *e,
                                          int *ret_matches)
{
    const BoundColumn *found = NULL;
    *ret_matches = 0;
    for (uint32_t i = 0; i < b->n_plan_ids; i++) {
        if (b->plan_ids[i].plan_id != e->plan_id)
            continue;
        int matches;
        const BoundColumn *source = bind_find(b, b->plan_ids[i].bound, e, &matches);
        if (matches != 1)
            continue;
        for (uint32_t k = 0; k < bound->n_columns; k++) {
            const BoundColumn *c = &bound->columns[k];
            if (c->attribute != source->attribute || (found && found->index == c->index))
                continue;
            if (found && found->attribute == c->attribute)
                continue;
            found = c;
            ++*ret_matches;
        }
    }
    return found;
}

static const BoundColumn *find_column(Binder *b, const Bound *bound, const UExpr *e,
                                      int *ret_matches)
{
    if (e->plan_id != UNRESOLVED_NO_PLAN_ID) {
        const BoundColumn *c = find_by_plan_id(b, bound, e, ret_matches);
        if (*ret_matches > 0)
            return c;
        return bind_find(b, bound, e, ret_matches);
    }
    return bind_find(b, bound, e, ret_matches);
}

static void full_name(const UExpr *e, char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = '\0';
    for (uint32_t i = 0; i < e->n_parts && n + 4 < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s`%.80s`", i ? "." : "", e->parts[i]);
}

static void *ambiguous(Binder *b, const Bound *bound, const UExpr *e)
{
    char list[400];
    size_t n = 0;
    list[0] = '\0';
    for (uint32_t i = 0; i < bound->n_columns && n < sizeof(list) - 150; i++) {
        const BoundColumn *c = &bound->columns[i];
        if (!column_matches(b, c, e))
            continue;
        if (c->qualifier)
            n += (size_t)snprintf(list + n, sizeof(list) - n, "%s`%.60s`.`%.60s`", n ? ", " : "",
                                  c->qualifier, c->name);
        else
            n += (size_t)snprintf(list + n, sizeof(list) - n, "%s`%.60s`", n ? ", " : "", c->name);
    }
    char name[400], names[402];
    full_name(e, name, sizeof(name));
    snprintf(names, sizeof(names), "[%s]", list);
    bind_error(b, e->position, e->stop, "AMBIGUOUS_REFERENCE", "42704",
               "Reference %s is ambiguous, could be: %s.", name, names);
    query_error_parameters(b->context->error, "name", name, "referenceNames", names, NULL);
    return NULL;
}

static void *ambiguous_alias(Binder *b, const UExpr *e)
{
    return bind_error(b, e->position, e->stop, "AMBIGUOUS_LATERAL_COLUMN_ALIAS", "42702",
                      "Lateral column alias `%.100s` is ambiguous and has several matches.",
                      e->parts[0]);
}

/* Levenshtein distance, without case, for short names. */
static unsigned distance(const char *a, const char *c)
{
    unsigned row[65];
    size_t n_a = MIN(strlen(a), (size_t)64), n_c = MIN(strlen(c), (size_t)64);
    for (size_t j = 0; j <= n_c; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n_c; j++) {
            unsigned above = row[j];
            unsigned same = diagonal + ((a[i - 1] | 0x20) != (c[j - 1] | 0x20));
            unsigned edit = MIN(above, row[j - 1]) + 1;
            row[j] = MIN(edit, same);
            diagonal = above;
        }
    }
    return row[n_c];
}

static void *unresolved_column(Binder *b, const Bound *bound, const UExpr *e)
{
    enum { PROPOSALS = 5 };
    const BoundColumn *best[PROPOSALS];
    unsigned score[PROPOSALS];
    size_t n = 0;
    const char *name = e->parts[e->n_parts - 1];
    /* Qualifiers that are all the same say nothing to somebody who wrote none. */
    bool qualified = e->n_parts > 1;
    for (uint32_t i = 1; i < bound->n_columns && !qualified; i++) {
        const char *a = bound->columns[i].qualifier, *c = bound->columns[0].qualifier;
        qualified = (a == NULL) != (c == NULL) || (a && strcmp(a, c) != 0);
    }
    for (uint32_t i = 0; i < bound->n_columns; i++) {
        const BoundColumn *c = &bound->columns[i];
        unsigned d = distance(name, c->name);
        size_t at = n;
        while (at > 0 && (score[at - 1] > d ||
                          (score[at - 1] == d && strcmp(best[at - 1]->name, c->name) > 0)))
            at--;
        if (at == PROPOSALS)
            continue;
        if (n < PROPOSALS)
            n++;
        for (size_t k = n - 1; k > at; k--) {
            best[k] = best[k - 1];
            score[k] = score[k - 1];
        }
        best[at] = c;
        score[at] = d;
    }
    char object[400], list[500];
    full_name(e, object, sizeof(object));
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < n && used < sizeof(list) - 140; i++) {
        if (best[i]->qualifier && qualified)
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s`%.60s`.`%.60s`",
                                     i ? ", " : "", best[i]->qualifier, best[i]->name);
        else
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s`%.60s`", i ? ", " : "",
                                     best[i]->name);
    }
    if (n == 0) {
        bind_error(b, e->position, e->stop, "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703",
                   "A column, variable, or function parameter with name %s cannot be resolved.",
                   object);
        query_error_parameters(b->context->error, "objectName", object, NULL);
        return NULL;
    }
    bind_error(b, e->position, e->stop, "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703",
               "A column, variable, or function parameter with name %s cannot be resolved. Did "
               "you mean one of the following? [%s].",
               object, list);
    query_error_parameters(b->context->error, "objectName", object, "proposal", list, NULL);
    return NULL;
}

static Expr *column_of(Binder *b, const Bound *bound, const BoundColumn *c, uint32_t base,
                       const UExpr *e)
{
    const PlanField *f = &bound->node->fields[c->index];
    Expr *made = bind_check(b, expr_column(b->arena, base + c->index, f->type, f->nullable));
    if (made)
        made->position = e->position;
    return made;
}

/* The column that the parts of @e name, or NULL with or without an error. */
static Expr *bind_name(Binder *b, Scope *scope, const UExpr *e)
{
    int matches;
    const Bound *first = scope->bound, *second = scope->second;
    uint32_t base = 0, second_base = first->node->n_fields;
    if (scope->second_first) {
        first = scope->second;
        second = scope->bound;
        base = second_base;
        second_base = 0;
    }
    const BoundColumn *c = find_column(b, first, e, &matches);
    if (matches > 1)
        return ambiguous(b, first, e);
    if (c)
        return column_of(b, first, c, base, e);
    if (second) {
        c = find_column(b, second, e, &matches);
        if (matches > 1)
            return ambiguous(b, second, e);
        if (c)
            return column_of(b, second, c, second_base, e);
    }
    if (scope->lateral && e->n_parts == 1 && e->plan_id == UNRESOLVED_NO_PLAN_ID) {
        uint32_t item = UINT32_MAX;
        for (uint32_t i = 0; i < scope->lateral->n; i++) {
            if (!scope->lateral->names[i] || !names_equal(b, scope->lateral->names[i], e->parts[0]))
                continue;
            if (item != UINT32_MAX)
                return ambiguous_alias(b, e);
            item = i;
        }
        if (item != UINT32_MAX)
            return bind_alias_of_item(b, scope, item);
    }
    uint32_t level = BIND_OUTER_BASE;
    for (const Scope *o = scope->outer; o; o = o->outer, level += BIND_OUTER_STRIDE) {
        const Bound *sides[2] = {o->bound, o->second};
        for (int i = 0; i < 2 && sides[i]; i++) {
            c = find_column(b, sides[i], e, &matches);
            if (matches > 1)
                return ambiguous(b, sides[i], e);
            if (!c)
                continue;
            scope->used_outer = true;
            return column_of(b, sides[i], c, level + (i > 0 ? o->bound->node->n_fields : 0), e);
        }
    }
    return NULL;
}

/* A session variable is a view of one row under a name that nobody can write. */
static Expr *bind_variable_of_session(Binder *b, const UExpr *e)
{
    uint32_t n = e->n_parts;
    if (!b->context->session || n > 3 || e->plan_id != UNRESOLVED_NO_PLAN_ID ||
        (n > 1 && strcasecmp(e->parts[n - 2], "session") != 0) ||
        (n > 2 && strcasecmp(e->parts[0], "system") != 0))
        return NULL;
    char name[300];
    snprintf(name, sizeof(name), PLAN_VARIABLE_PREFIX "%.250s", e->parts[n - 1]);
    const PlanView *view = plan_session_view(b->context->session, name);
    if (!view)
        return NULL;
    /* Its tree is literals only: what is bound is copied. */
    Bound *one = bind_one_row(b);
    Scope scope = {.bound = one};
    Expr *made = one ? bind_expr(b, &scope, view->tree->exprs[0]) : NULL;
    if (made && made->kind == EXPR_CAST && made->args[0]->kind == EXPR_LITERAL &&
        b->context->fold) {
        Literal literal;
        if (b->context->fold(b->arena, made, &literal) == 0)
            made = bind_check(b, expr_literal(b->arena, made->type, literal));
    }
    plan_view_unref(view);
    return made;
}

static Expr *bind_column(Binder *b, Scope *scope, const UExpr *e)
{
    Expr *made = NULL;
    uint32_t n = e->n_parts;
    /* The longest front that is a column; what stands behind it are fields. */
    for (; n > 0 && !made && b->result == 0; n--) {
        UExpr front = *e;
        front.n_parts = n;
        made = n == 1 && scope->lambda ? bind_lambda_name(b, scope, e->parts[0]) : NULL;
        if (!made)
            made = bind_name(b, scope, &front);
    }
    if (b->result != 0)
        return NULL;
    if (!made) {
        bool first = scope->bound->n_columns || !scope->second || scope->second_first;
        Expr *variable = bind_variable_of_session(b, e);
        if (variable || b->result)
            return variable;
        return unresolved_column(b, first ? scope->bound : scope->second, e);
    }
    if (made && n + 1 < e->n_parts)
        bind_remember_path(b, e, n + 1, made->type.kind == TYPE_MAP);
    for (n++; made && n < e->n_parts; n++) {
        char base[210];
        snprintf(base, sizeof(base), "\"%.200s\"", e->parts[n - 1]);
        made = bind_field(b, e, made, base, e->parts[n]);
    }
    return made;
}

/* ---- casts and types ---- */

Expr *bind_cast_to(Binder *b, Expr *e, Type type)
{
    if (!e || type_equal(e->type, type))
        return e;
    if (type_is_nested(e->type) || type_is_nested(type))
        return bind_cast_nested(b, e, type, false);
    if (type_is_interval(e->type) || type_is_interval(type))
        return bind_cast_interval(b, e, type, false);
    /* A clock on the wall and an instant differ by the zone. */
    if (e->type.kind == TYPE_TIMESTAMP &&
        (type.kind == TYPE_DATE || type.kind == TYPE_STRING || type.kind == TYPE_TIMESTAMP_NTZ))
        e = bind_wall_of(b, e);
    if (type.kind == TYPE_TIMESTAMP && e && e->type.kind == TYPE_STRING)
        return bind_instant_of_text(b, e, false);
    if (type.kind == TYPE_TIMESTAMP && e &&
        (e->type.kind == TYPE_DATE || e->type.kind == TYPE_TIMESTAMP_NTZ))
        return bind_instant_of(b, bind_cast_to(b, e, TYPE(TIMESTAMP_NTZ)));
    if (!e || type_equal(e->type, type))
        return e;
    return bind_check(b, expr_cast(b->arena, e, type, false));
}

Expr *bind_try_cast(Binder *b, Expr *e, Type type)
{
    if (!e || type_equal(e->type, type))
        return e;
    if (type_is_interval(e->type) || type_is_interval(type))
        return bind_cast_interval(b, e, type, true);
    bool clock = type.kind == TYPE_TIMESTAMP || e->type.kind == TYPE_TIMESTAMP;
    if (clock && e->type.kind == TYPE_STRING)
        return bind_instant_of_text(b, e, true);
    bool by_wall = e->type.kind == TYPE_DATE || e->type.kind == TYPE_TIMESTAMP_NTZ ||
                   type.kind == TYPE_DATE || type.kind == TYPE_TIMESTAMP_NTZ ||
                   type.kind == TYPE_STRING;
    if (clock && by_wall) /* cannot fail */
        return bind_cast_to(b, e, type);
    return bind_check(b, expr_cast(b->arena, e, type, true));
}

bool bind_common_type(Binder *b, Expr *const *exprs, uint32_t n, Type *ret)
{
    Type type = TYPE(NULL);
    for (uint32_t i = 0; i < n; i++) {
        if (!exprs[i])
            return false;
        bool ok = type_is_nested(type) || b->context->settings.ansi
                      ? bind_wider(b, type, exprs[i]->type, &type)
                      : type_wider_to_string(type, exprs[i]->type, &type);
        if (!ok)
            return false;
    }
    *ret = type;
    return true;
}

static Expr *bind_cast(Binder *b, Scope *scope, const UExpr *e)
{
    Expr *arg = bind_expr(b, scope, e->args[0]);
    if (!arg)
        return NULL;
    if (!type_can_cast(arg->type, e->type, b->context->settings.ansi)) {
        char from[130], to[130];
        bind_type_text(arg->type, from);
        bind_type_text(e->type, to);
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION", "42K09",
                   "Cannot resolve %.200s due to data type mismatch: cannot cast %s to %s.",
                   uexpr_quoted(b, e), from, to);
        query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "srcType", from,
                               "targetType", to, NULL);
        return NULL;
    }
    bool try_cast = e->try_cast || !b->context->settings.ansi;
    bool infallible = type_is_numeric(arg->type) && e->type.kind == TYPE_DOUBLE;
    Expr *made;
    if (type_is_nested(arg->type) || type_is_nested(e->type)) {
        made = bind_cast_nested(b, arg, e->type, try_cast);
    } else if (try_cast && !infallible && !type_equal(arg->type, e->type)) {
        made = bind_try_cast(b, arg, e->type);
    } else {
        made = bind_cast_to(b, arg, e->type);
    }
    if (made && made != arg)
        made->position = e->position;
    return made;
}

/* ---- entry ---- */

bool uexpr_has_aggregate(const UExpr *e)
{
    if (e->kind == UEXPR_CALL && function_is_aggregate(e->name))
        return true;
    if (e->kind == UEXPR_WINDOW) { /* the function itself is none: sum(x) OVER (...) */
        for (uint32_t i = 0; i < e->args[0]->n_args; i++)
            if (uexpr_has_aggregate(e->args[0]->args[i]))
                return true;
        for (uint32_t i = 1; i < e->n_args; i++)
            if (uexpr_has_aggregate(e->args[i]))
                return true;
        return false;
    }
    for (uint32_t i = 0; i < e->n_args; i++)
        if (uexpr_has_aggregate(e->args[i]))
            return true;
    return false;
}

bool uexpr_has_window(const UExpr *e)
{
    if (e->kind == UEXPR_WINDOW)
        return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (uexpr_has_window(e->args[i]))
            return true;
    return false;
}

bool uexpr_has_subquery(const UExpr *e)
{
    if (e->kind == UEXPR_SUBQUERY)
        return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (uexpr_has_subquery(e->args[i]))
            return true;
    return false;
}

static Expr *bind_expr_body(Binder *b, Scope *scope, const UExpr *e)
{
    switch (e->kind) {
    case UEXPR_LITERAL:
        return bind_check(b, expr_literal(b->arena, e->type, e->literal));
    case UEXPR_COLUMN:
        return bind_column(b, scope, e);
    case UEXPR_ALIAS:
        if (e->n_parts > 1)
            return bind_error(b, e->position, e->stop, "MULTI_ALIAS_WITHOUT_GENERATOR", "42K0E",
                              "Multi part aliasing is not supported with %.200s as it is not a "
                              "generator function.",
                              uexpr_quoted(b, e->args[0]));
        return bind_expr(b, scope, e->args[0]);
    case UEXPR_CAST:
        return bind_cast(b, scope, e);
    case UEXPR_CALL:
        if (e->window && !function_orders_within(e->name))
            return bind_error(b, e->position, e->stop,
                              "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "42000",
                              "Invalid SQL syntax: The function `%.100s` does not support WITHIN "
                              "GROUP (ORDER BY ...).",
                              e->name);
        return bind_call(b, scope, e);
    case UEXPR_SUBQUERY:
        return bind_subquery(b, scope, e);
    case UEXPR_STAR:
        return bind_error(b, e->position, e->stop, "INVALID_USAGE_OF_STAR_OR_REGEX", "42000",
                          "Invalid usage of '*' in expression.");
    case UEXPR_EXTRACT:
        return bind_extract(b, scope, e);
    case UEXPR_WINDOW:
        return bind_window(b, scope, e);
    case UEXPR_LAMBDA:
        return bind_error(b, e->position, e->stop,
                          "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION", "42K0D",
                          "Invalid lambda function call. A lambda function should only be used in "
                          "a higher order function.");
    default:
        return bind_unsupported(b, e->position, e->stop, "this kind of expression");
    }
}

Expr *bind_expr(Binder *b, Scope *scope, const UExpr *e)
{
    if (b->result != 0)
        return NULL;
    Expr *made = bind_expr_body(b, scope, e);
    if (made && made->position == 0 && b->view_depth == 0)
        made->position = e->position;
    return made;
}

Expr *bind_condition(Binder *b, Scope *scope, const UExpr *e)
{
    Expr *made = bind_expr(b, scope, e);
    if (!made)
        return NULL;
    if (made->type.kind == TYPE_NULL)
        return bind_check(b, expr_null(b->arena, TYPE(BOOLEAN)));
    if (made->type.kind != TYPE_BOOLEAN) {
        char type[130];
        bind_type_text(made->type, type);
        const char *quoted = uexpr_quoted(b, e);
        if (scope->clause && strcmp(scope->clause, "JOIN") == 0)
            return bind_error(b, e->position, e->stop, "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE",
                              "42K0E",
                              "The join condition %.300s has the invalid type %s, expected "
                              "\"BOOLEAN\".",
                              quoted, type);
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: Filter expression %.300s of "
                   "type %s is not a boolean.",
                   quoted, quoted, type);
        query_error_parameters(b->context->error, "sqlExpr", quoted, "filter", quoted, "type", type,
                               NULL);
        return NULL;
    }
    return made;
}
