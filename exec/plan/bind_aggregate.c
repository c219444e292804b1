/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Aggregation. An expression over groups is first bound as if over the input, with each aggregate
 * function standing as a column behind the input's last; then it is rewritten: what equals a group
 * becomes that group's column, and a column of the input that is left over is an error.
 */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/bind_statistic.h"
#include "exec/plan/function_table.h"
#include "exec/vec/interval.h"

/* ---- aggregate functions ---- */

static Type sum_type(Type t)
{
    if (t.kind == TYPE_DECIMAL)
        return type_decimal_bounded(t.precision + 10, t.scale);
    if (type_is_integral(t))
        return TYPE(LONG);
    if (t.kind == TYPE_INTERVAL_YM || t.kind == TYPE_INTERVAL_DT)
        return t;
    return TYPE(DOUBLE);
}

static Type avg_type(Type t)
{
    if (t.kind == TYPE_DECIMAL)
        return type_decimal_bounded(t.precision + 4, MIN(t.scale + 4, 38));
    if (t.kind == TYPE_INTERVAL_YM || t.kind == TYPE_INTERVAL_DT)
        return t.kind == TYPE_INTERVAL_YM ? TYPE(INTERVAL_YM) : TYPE(INTERVAL_DT);
    return TYPE(DOUBLE);
}

static Expr *wrong_argument(Binder *b, const UExpr *e, const char *wanted, const Expr *arg)
{
    char type[130], required[90];
    bind_type_text(arg->type, type);
    snprintf(required, sizeof(required), "\"%s\"", wanted);
    bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09",
               "Cannot resolve %.300s due to data type mismatch: The first parameter requires the "
               "%s type, however %.200s has the type %s.",
               uexpr_quoted(b, e), required, uexpr_quoted(b, e->args[0]), type);
    query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), "paramIndex", "first",
                           "requiredType", required, "inputSql", uexpr_quoted(b, e->args[0]),
                           "inputType", type, NULL);
    return NULL;
}

/* Argument converted, type and nullability set. Return: false after an error. */
static bool type_aggregate(Binder *b, const UExpr *e, Aggregate *a)
{
    Type t = a->arg->type;
    /* Points in time are averaged as seconds. */
    if (t.kind == TYPE_TIMESTAMP && a->id == AGG_AVG) {
        a->arg = bind_cast_to(b, a->arg, TYPE(DOUBLE));
        if (!a->arg)
            return false;
        t = TYPE(DOUBLE);
    }
    bool number = type_is_numeric(t) || t.kind == TYPE_NULL || t.kind == TYPE_STRING;
    a->nullable = true;
    switch ((AggregateId)a->id) {
    case AGG_COUNT:
        a->type = TYPE(LONG);
        a->nullable = false;
        return true;
    case AGG_SUM:
    case AGG_AVG:
    case AGG_TRY_SUM:
    case AGG_TRY_AVG:
        if (!number && t.kind != TYPE_INTERVAL_YM && t.kind != TYPE_INTERVAL_DT)
            return wrong_argument(b, e, "NUMERIC\" or \"ANSI INTERVAL", a->arg), false;
        if (t.kind == TYPE_STRING || t.kind == TYPE_NULL || t.kind == TYPE_FLOAT)
            a->arg = bind_cast_to(b, a->arg, TYPE(DOUBLE));
        if (!a->arg)
            return false;
        a->type = a->id == AGG_SUM || a->id == AGG_TRY_SUM ? sum_type(a->arg->type)
                                                           : avg_type(a->arg->type);
        return true;
    case AGG_STDDEV_SAMP:
    case AGG_STDDEV_POP:
    case AGG_VAR_SAMP:
    case AGG_VAR_POP:
        if (!number)
            return wrong_argument(b, e, "DOUBLE", a->arg), false;
        a->arg = bind_cast_to(b, a->arg, TYPE(DOUBLE));
        a->type = TYPE(DOUBLE);
        return a->arg != NULL;
    case AGG_BOOL_AND:
    case AGG_BOOL_OR:
        if (t.kind == TYPE_NULL)
            a->arg = bind_cast_to(b, a->arg, TYPE(BOOLEAN));
        else if (t.kind != TYPE_BOOLEAN)
            return wrong_argument(b, e, "BOOLEAN", a->arg), false;
        a->type = TYPE(BOOLEAN);
        return a->arg != NULL;
    case AGG_COLLECT:
        if (strcmp(e->name, "collect_set") == 0) {
            if (!type_is_orderable(t))
                return bind_error(b, e->position, e->stop,
                                  "DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE", "42K09",
                                  "Cannot resolve %.300s due to data type mismatch: The input of "
                                  "`collect_set` can't be \"MAP\" type data.",
                                  uexpr_quoted(b, e)),
                       false;
            a->distinct = true;
        }
        a->type = TYPE(BINARY);
        a->nullable = false;
        return true;
    case AGG_MIN:
    case AGG_MAX:
        /* Of nested values the least key; bind_aggregate_call() makes a value of it again. */
        if (!type_is_orderable(t))
            return bind_invalid_ordering(b, e, e->name, t), false;
        a->arg = bind_order_key(b, a->arg);
        if (!a->arg)
            return false;
        a->type = a->arg->type;
        return true;
    default:
        a->type = t;
        return true;
    }
}

static bool same_aggregate(const Aggregate *a, const Aggregate *c)
{
    if (a->id != c->id || a->distinct != c->distinct || (a->arg == NULL) != (c->arg == NULL) ||
        (a->filter == NULL) != (c->filter == NULL))
        return false;
    return (!a->arg || expr_equal(a->arg, c->arg)) &&
           (!a->filter || expr_equal(a->filter, c->filter));
}

/* Number of @a among those collected; equal ones are computed once. */
static bool collect(Binder *b, BoundAggregate *list, const Aggregate *a, uint32_t *ret)
{
    for (uint32_t i = 0; i < list->n_aggregates; i++) {
        if (same_aggregate(&list->aggregates[i], a)) {
            *ret = i;
            return true;
        }
    }
    if (list->n_aggregates == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
        Aggregate *grown = bind_alloc(b, capacity, sizeof(*grown));
        if (!grown)
            return false;
        if (list->n_aggregates > 0)
            memcpy(grown, list->aggregates, list->n_aggregates * sizeof(*grown));
        list->aggregates = grown;
        list->capacity = capacity;
    }
    *ret = list->n_aggregates;
    list->aggregates[list->n_aggregates++] = *a;
    return true;
}

/* What count(a, b) counts: rows without nulls; with DISTINCT, their different values. */
static Expr *count_of_several(Binder *b, Scope *scope, const UExpr *e)
{
    TypeField *fields = bind_alloc(b, e->n_args, sizeof(*fields));
    Expr **args = bind_alloc(b, e->n_args, sizeof(*args));
    ExprList known = {0};
    if (!fields || !args)
        return NULL;
    for (uint32_t i = 0; i < e->n_args; i++) {
        args[i] = bind_expr(b, scope, e->args[i]);
        if (!args[i])
            return NULL;
        fields[i] = (TypeField){.name = "a", .type = args[i]->type, .nullable = args[i]->nullable};
        Expr *is =
            bind_check(b, expr_call(b->arena, FN_IS_NOT_NULL, TYPE(BOOLEAN), false, &args[i], 1));
        if (!is || !expr_list_add(b->arena, &known, is))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    Expr *all = bind_check(b, expr_balanced(b->arena, FN_AND, known.items, known.n));
    Type type = TYPE(BOOLEAN);
    if (e->distinct && !bind_struct_type(b, fields, e->n_args, &type))
        return NULL;
    Expr *value = e->distinct ? bind_make_call(b, FN_STRUCT, type, false, args, e->n_args)
                              : bind_check(b, expr_bool(b->arena, true));
    return all && value ? bind_case(b, type, (Expr *[]){all, value}, 2) : NULL;
}

static bool picks_row(const Aggregate *a)
{
    return a->id == AGG_BIT_AND || a->id == AGG_BIT_OR || a->id == AGG_FIRST ||
           a->id == AGG_FIRST_KNOWN || a->id == AGG_LAST || a->id == AGG_LAST_KNOWN;
}

/* first(x) IGNORE NULLS, first(x, true). Return: false after an error. */
static bool ignore_nulls(Binder *b, Scope *scope, const UExpr *e, Aggregate *a)
{
    bool ignore = e->ignore_nulls;

    if (e->n_args > 1) {
        const Expr *flag = bind_expr(b, scope, e->args[1]);
        if (!flag)
            return false;
        if (flag->kind != EXPR_LITERAL || flag->type.kind != TYPE_BOOLEAN ||
            flag->literal.is_null) {
            bind_error(b, e->position, e->stop, "_LEGACY_ERROR_TEMP_1210", "42000",
                       "The second argument in %.100s should be a boolean literal.", e->name);
            return false;
        }
        ignore |= flag->literal.b;
    }
    if (ignore)
        a->id = a->id == AGG_FIRST ? AGG_FIRST_KNOWN : AGG_LAST_KNOWN;
    return true;
}

static bool bind_arguments(Binder *b, Scope *scope, const UExpr *e, Aggregate *a,
                           AggregateFinish *finish)
{
    Scope inner = scope->around_window ? *scope->around_window : *scope;
    if (!scope->around_window) {
        inner.allow_aggregates = false;
        inner.inside_aggregate = true;
    }
    inner.second_first = scope->second != NULL;
    inner.attach = NULL;
    inner.pending = NULL;
    inner.lateral = NULL;
    const UExpr *arg = e->n_args > 0 ? e->args[0] : NULL;
    bool star = arg && arg->kind == UEXPR_STAR && arg->n_parts == 0;
    if (function_is_statistic(e->name)) {
        if (!bind_statistic(b, &inner, e, a, finish))
            return false;
    } else if (strcmp(e->name, "count") == 0 &&
               (star || (e->n_args == 1 && !e->distinct && arg->kind == UEXPR_LITERAL &&
                         !arg->literal.is_null))) {
        if (star && e->distinct)
            return bind_unsupported(b, e->position, e->stop, "count(DISTINCT *)"), false;
        a->id = AGG_COUNT_STAR;
        a->type = TYPE(LONG);
    } else {
        bool several = e->n_args > 1 && strcmp(e->name, "count") == 0;
        bool flag = a->id == AGG_FIRST || a->id == AGG_LAST;
        if (e->n_args < 1 || (e->n_args > (flag ? 2 : 1) && !several)) {
            bind_error(b, e->position, e->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605",
                       "The `%.100s` requires %s parameters but the actual number is %u.", e->name,
                       flag ? "[1, 2]" : "1", e->n_args);
            return false;
        }
        if (flag && !ignore_nulls(b, &inner, e, a))
            return false;
        a->arg = several ? count_of_several(b, &inner, e) : bind_expr(b, &inner, arg);
        if (!a->arg)
            return false;
        if (strcmp(e->name, "count_if") == 0) {
            /* count(CASE WHEN x THEN true END) */
            if (a->arg->type.kind == TYPE_NULL)
                a->arg = bind_cast_to(b, a->arg, TYPE(BOOLEAN));
            if (!a->arg)
                return false;
            if (a->arg->type.kind != TYPE_BOOLEAN)
                return wrong_argument(b, e, "BOOLEAN", a->arg), false;
            Expr *yes = bind_check(b, expr_bool(b->arena, true));
            a->arg = yes ? bind_check(b, expr_call(b->arena, FN_INVALID, TYPE(BOOLEAN), true,
                                                   (Expr *[]){a->arg, yes}, 2))
                         : NULL;
            if (!a->arg)
                return false;
            a->arg->kind = EXPR_CASE;
        }
        if (!type_aggregate(b, e, a))
            return false;
    }
    if (e->filter) {
        inner.clause = "FILTER";
        a->filter = bind_condition(b, &inner, e->filter);
        if (!a->filter)
            return false;
    }
    scope->used_outer |= inner.used_outer;
    return true;
}

/* avg(interval) is sum(interval) / count(interval). */
static Expr *average_interval(Binder *b, Scope *scope, const Aggregate *average)
{
    Aggregate parts[2] = {*average, *average};
    Expr *made[2];
    parts[0].id = AGG_SUM;
    parts[0].type = average->arg->type;
    parts[1].id = AGG_COUNT;
    parts[1].type = TYPE(LONG);
    parts[1].nullable = false;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t number;
        if (!collect(b, scope->aggregate, &parts[i], &number))
            return NULL;
        made[i] = bind_check(b, expr_column(b->arena, scope->aggregate_base + number, parts[i].type,
                                            parts[i].nullable));
        if (!made[i])
            return NULL;
    }
    return bind_scaled_interval(b, FN_DIVIDE, made[0], made[1]);
}

Expr *bind_aggregate_call(Binder *b, Scope *scope, const UExpr *e)
{
    if (scope->inside_aggregate)
        return bind_error(b, e->position, e->stop, "NESTED_AGGREGATE_FUNCTION", "42607",
                          "It is not allowed to use an aggregate function in the argument of "
                          "another aggregate function. Please use the inner aggregate function in "
                          "a sub-query.");
    if (!scope->allow_aggregates || !scope->aggregate) {
        if (scope->clause && strcmp(scope->clause, "GROUP BY") == 0)
            return bind_error(b, e->position, e->stop, "GROUP_BY_AGGREGATE", "42903",
                              "Aggregate functions are not allowed in GROUP BY, but found %.300s.",
                              uexpr_name(b, e));
        if (scope->clause && strcmp(scope->clause, "WHERE") == 0)
            return bind_error(b, e->position, e->stop, "INVALID_WHERE_CONDITION", "42903",
                              "The WHERE condition contains invalid expressions: %.300s. Rewrite "
                              "the query to avoid window functions, aggregate functions, and "
                              "generator functions in the WHERE clause.",
                              uexpr_name(b, e));
        return bind_error(b, e->position, e->stop, "UNSUPPORTED_EXPR_FOR_OPERATOR", "42K0E",
                          "A query operator contains one or more unsupported expressions: the "
                          "aggregate function %.300s.",
                          uexpr_name(b, e));
    }
    Aggregate a = {.id = (uint8_t)aggregate_find(e->name), .distinct = e->distinct};
    if (e->ignore_nulls && a.id != AGG_FIRST && a.id != AGG_LAST) {
        bind_error(
            b, e->position, e->stop, "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "42000",
            "Invalid SQL syntax: The function `%.100s` does not support IGNORE NULLS.", e->name);
        return NULL;
    }
    AggregateFinish finish = {.over_window = scope->around_window != NULL};
    if (!bind_arguments(b, scope, e, &a, &finish))
        return NULL;
    if (a.arg && expr_is_volatile(a.arg)) {
        bind_error(b, e->position, e->stop, "AGGREGATE_FUNCTION_WITH_NONDETERMINISTIC_EXPRESSION",
                   "42845",
                   "Non-deterministic expression %.300s should not appear in the arguments of an "
                   "aggregate function.",
                   uexpr_quoted(b, e));
        query_error_parameters(b->context->error, "sqlExpr", uexpr_quoted(b, e), NULL);
        return NULL;
    }
    if (a.id == AGG_AVG && type_is_interval(a.arg->type))
        return average_interval(b, scope, &a);
    if (a.distinct && a.arg)
        a.arg = bind_normalised(b, a.arg);
    bool set = a.id == AGG_COLLECT && a.distinct && finish.over_window && !finish.collected;
    if (set)
        a.distinct = false; /* frames are lists; each is made a set */
    bool key = (a.id == AGG_MIN || a.id == AGG_MAX) && a.arg->kind == EXPR_CALL &&
               a.arg->function == FN_NESTED_KEY;
    if (a.id == AGG_MIN || a.id == AGG_MAX || picks_row(&a))
        a.distinct = false; /* makes no difference */
    uint32_t number;
    if (!collect(b, scope->aggregate, &a, &number))
        return NULL;
    Expr *made =
        bind_check(b, expr_column(b->arena, scope->aggregate_base + number, a.type, a.nullable));
    if (finish.keyed || finish.collected)
        return bind_finished(b, &a, &finish, made);
    if (a.id == AGG_COLLECT) {
        Type type;
        if (!bind_array_type(b, a.arg->type, false, &type))
            return NULL;
        made = bind_make_call(b, FN_COLLECTED, type, false, &made, 1);
        return made && set ? bind_make_call(b, FN_ARRAY_DISTINCT, type, false, &made, 1) : made;
    }
    return key ? bind_make_call(b, FN_NESTED_UNKEY, a.arg->args[0]->type, true, &made, 1) : made;
}

/* ---- expressions over groups ---- */

typedef struct OverGroups {
    Binder *b;
    const BoundAggregate *aggregate;
    uint32_t base; /* first column number that is an aggregate */
    const Expr *missing;
} OverGroups;

static bool group_nullable(const BoundAggregate *a, uint32_t i)
{
    return a->groups[i]->nullable || (a->sets && !(a->kept_in_all >> i & 1));
}

static Expr *replace_group(void *userdata, Expr *e)
{
    OverGroups *o = userdata;
    const BoundAggregate *a = o->aggregate;
    if (e->kind == EXPR_COLUMN && e->column >= BIND_GROUPING_BASE && e->column < BIND_OUTER_BASE)
        return bind_check(o->b, expr_column(o->b->arena, a->n_groups, e->type, e->nullable));
    if (e->kind == EXPR_COLUMN && e->column >= o->base && e->column < BIND_OUTER_BASE)
        return bind_check(o->b,
                          expr_column(o->b->arena, a->n_groups + a->n_extra + e->column - o->base,
                                      e->type, e->nullable));
    for (uint32_t i = 0; i < a->n_groups; i++)
        if (expr_equal(e, a->groups[i]))
            return bind_check(o->b, expr_column(o->b->arena, i, e->type, group_nullable(a, i)));
    if (e->kind == EXPR_COLUMN && e->column < o->base) {
        o->missing = e;
        return e;
    }
    return NULL;
}

static void *missing_aggregation(Binder *b, const BoundAggregate *a, const UExpr *e,
                                 const Expr *missing)
{
    if (!a->has_group_by)
        return bind_error(b, e->position, e->stop, "MISSING_GROUP_BY", "42803",
                          "The query does not include a GROUP BY clause. Add GROUP BY or turn it "
                          "into the window functions using OVER clauses.");
    const char *name = missing->column < a->input->node->n_fields
                           ? a->input->node->fields[missing->column].name
                           : "?";
    char quoted[210], any[230];
    snprintf(quoted, sizeof(quoted), "\"%.200s\"", name);
    snprintf(any, sizeof(any), "\"any_value(%.200s)\"", name);
    bind_error(b, e->position, e->stop, "MISSING_AGGREGATION", "42803",
               "The non-aggregating expression %s is based on columns which are not participating "
               "in the GROUP BY clause. Add the columns or the expression to the GROUP BY, "
               "aggregate the expression, or use %s if you do not care which of the values within "
               "a group is returned.",
               quoted, any);
    query_error_parameters(b->context->error, "expression", quoted, "expressionAnyValue", any,
                           NULL);
    return NULL;
}

/* @e over the input and collected aggregates becomes one over the aggregation's output. */
static Expr *over_groups(Binder *b, const BoundAggregate *a, const UExpr *source, Expr *e,
                         uint32_t base)
{
    if (!e)
        return NULL;
    OverGroups o = {b, a, base, NULL};
    Expr *made = expr_rewrite(b->arena, e, replace_group, &o);
    if (!made || b->result != 0)
        return bind_fail(b, mem_arena_error(b->arena));
    if (o.missing)
        return missing_aggregation(b, a, source, o.missing);
    return made;
}

static const char *group_name(const BoundAggregate *a, uint32_t i)
{
    const Expr *e = a->groups[i];
    bool known = e->kind == EXPR_COLUMN && e->column < a->input->node->n_fields;
    return known ? a->input->node->fields[e->column].name : "group";
}

/* The node's output: groups, then aggregates. */
static bool finish_node(Binder *b, BoundAggregate *a)
{
    PlanNode *node = a->node;
    Expr **groups = a->groups;
    uint32_t n_groups = a->n_groups;
    if (a->sets && node->input == a->input->node) {
        node->input = bind_expand(b, a);
        if (!node->input)
            return false;
    }
    if (a->sets) {
        uint32_t first = node->input->n_fields - a->n_groups - a->n_extra;
        n_groups += a->n_extra;
        groups = bind_alloc(b, n_groups, sizeof(*groups));
        for (uint32_t i = 0; groups && i < n_groups; i++) {
            const PlanField *f = &node->input->fields[first + i];
            groups[i] = bind_check(b, expr_column(b->arena, first + i, f->type, f->nullable));
        }
        if (b->result)
            return false;
    }
    uint32_t n = n_groups + a->n_aggregates;
    node->fields = bind_alloc(b, n, sizeof(*node->fields));
    if (!node->fields)
        return false;
    node->n_fields = n;
    for (uint32_t i = 0; i < n_groups; i++)
        node->fields[i] = (PlanField){i < a->n_groups ? group_name(a, i) : "group", groups[i]->type,
                                      groups[i]->nullable};
    for (uint32_t i = 0; i < a->n_aggregates; i++)
        node->fields[n_groups + i] =
            (PlanField){"aggregate", a->aggregates[i].type, a->aggregates[i].nullable};
    node->aggregate.groups = bind_alloc(b, n_groups, sizeof(Expr *));
    if (!node->aggregate.groups)
        return false;
    for (uint32_t i = 0; i < n_groups; i++) {
        node->aggregate.groups[i] = bind_normalised(b, groups[i]);
        if (!node->aggregate.groups[i])
            return false;
    }
    node->aggregate.n_groups = n_groups;
    node->aggregate.aggregates = a->aggregates;
    node->aggregate.n_aggregates = a->n_aggregates;
    return true;
}

/* ---- GROUP BY ---- */

static const UExpr *strip_alias(const UExpr *e)
{
    return e->kind == UEXPR_ALIAS ? e->args[0] : e;
}

/* A group that is an ordinal or the alias of a select item stands for that item. */
static const UExpr *group_source(Binder *b, const Bound *input, const URel *rel, const UExpr *e)
{
    e = strip_alias(e);
    if (e->kind == UEXPR_LITERAL && e->type.kind == TYPE_INT && !e->literal.is_null &&
        b->context->settings.group_by_ordinal) {
        if (e->literal.i < 1 || e->literal.i > rel->n_exprs)
            return bind_error(b, e->position, e->stop, "GROUP_BY_POS_OUT_OF_RANGE", "42805",
                              "GROUP BY position %lld is not in select list (valid range is [1, "
                              "%u]).",
                              (long long)e->literal.i, rel->n_exprs);
        const UExpr *item = strip_alias(rel->exprs[e->literal.i - 1]);
        if (uexpr_has_aggregate(item))
            return bind_error(b, e->position, e->stop, "GROUP_BY_POS_AGGREGATE", "42903",
                              "GROUP BY %lld refers to an expression %.300s that contains an "
                              "aggregate function. Aggregate functions are not allowed in GROUP "
                              "BY.",
                              (long long)e->literal.i, uexpr_name(b, item));
        return item;
    }
    if (e->kind != UEXPR_COLUMN || e->n_parts != 1 || !b->context->settings.group_by_alias)
        return e;
    int matches;
    if (bind_find(b, input, e, &matches) || matches > 0)
        return e;
    for (uint32_t i = 0; i < rel->n_exprs; i++)
        if (rel->exprs[i]->kind == UEXPR_ALIAS && names_equal(b, rel->exprs[i]->name, e->parts[0]))
            return rel->exprs[i]->args[0];
    return e;
}

static bool add_group(Binder *b, BoundAggregate *a, Scope *scope, const UExpr *source,
                      const UExpr *written, uint32_t *ret)
{
    Expr *e = bind_expr(b, scope, source);
    if (!e)
        return false;
    for (uint32_t i = 0; i < a->n_groups; i++) {
        if (expr_equal(a->groups[i], e)) {
            *ret = i;
            return true;
        }
    }
    *ret = a->n_groups;
    a->sources[a->n_groups] = written;
    a->groups[a->n_groups++] = e;
    return true;
}

bool bind_group_item(Binder *b, BoundAggregate *a, Scope *scope, const URel *rel, const UExpr *e,
                     uint32_t *ret)
{
    const UExpr *source = group_source(b, a->input, rel, e);
    return source && add_group(b, a, scope, source, e, ret);
}

static bool bind_groups(Binder *b, BoundAggregate *a, const URel *rel)
{
    Scope scope = {.bound = a->input, .outer = b->outer, .clause = "GROUP BY"};
    uint32_t n = rel->group_all ? rel->n_exprs : rel->n_groups;
    uint32_t room = n;
    bool sets = false;
    for (uint32_t i = 0; i < n; i++) {
        room += a->input->n_columns * (rel->group_all && rel->exprs[i]->kind == UEXPR_STAR);
        if (!rel->group_all && grouping_is_construct(rel->groups[i])) {
            sets = true;
            room += grouping_leaves(rel->groups[i]);
        }
    }
    a->groups = bind_alloc(b, room, sizeof(*a->groups));
    a->sources = bind_alloc(b, room, sizeof(*a->sources));
    if (!a->groups || !a->sources)
        return false;
    if (sets)
        return bind_grouping_sets(b, a, &scope, rel);
    for (uint32_t i = 0; i < n; i++) {
        if (rel->group_all && rel->exprs[i]->kind == UEXPR_STAR) {
            uint32_t n_items;
            SelectItem *items = bind_select_list(b, a->input, &rel->exprs[i], 1, &n_items);
            for (uint32_t k = 0; items && k < n_items; k++) {
                const PlanField *f = &a->input->node->fields[items[k].column->index];
                a->groups[a->n_groups++] = bind_check(
                    b, expr_column(b->arena, items[k].column->index, f->type, f->nullable));
            }
            if (!items || b->result)
                return false;
            continue;
        }
        if (rel->group_all && uexpr_has_aggregate(rel->exprs[i]))
            continue;
        const UExpr *written = rel->group_all ? rel->exprs[i] : rel->groups[i];
        const UExpr *source =
            rel->group_all ? strip_alias(written) : group_source(b, a->input, rel, written);
        uint32_t number;
        if (!source || !add_group(b, a, &scope, source, written, &number))
            return false;
    }
    return true;
}

/* What a window function is made of is said over the groups too. */
typedef struct WindowGroups {
    Binder *b;
    const BoundAggregate *aggregate;
    const UExpr *source;
    uint32_t base;
} WindowGroups;

static Expr *window_over_groups(void *userdata, Expr *e)
{
    WindowGroups *w = userdata;
    return over_groups(w->b, w->aggregate, w->source, e, w->base);
}

/* The select list over the groups. */
static Bound *bind_select_over(Binder *b, BoundAggregate *a, const URel *rel)
{
    UExpr **list = rel->exprs;
    uint32_t n_list = rel->n_exprs;
    if (rel->with_groups) {
        uint32_t n_first = a->sets ? a->n_groups : rel->n_groups;
        list = bind_alloc(b, n_first + rel->n_exprs, sizeof(*list));
        if (!list)
            return NULL;
        /* Either may be absent, and then is NULL. */
        for (uint32_t i = 0; i < n_first; i++)
            list[i] = a->sets ? (UExpr *)a->sources[i] : rel->groups[i];
        for (uint32_t i = 0; i < rel->n_exprs; i++)
            list[n_first + i] = rel->exprs[i];
        n_list += n_first;
    }
    uint32_t n;
    SelectItem *items = bind_select_list(b, a->input, list, n_list, &n);
    Expr **exprs = items ? bind_alloc(b, n, sizeof(*exprs)) : NULL;
    const char **names = items ? bind_alloc(b, n, sizeof(*names)) : NULL;
    if (!exprs || !names)
        return NULL;
    uint32_t base = a->input->node->n_fields;
    PendingList pending = {0};
    WindowList windows = {0};
    const URel *named_before = b->named_windows;
    b->named_windows = rel;
    const UExpr *having_source = b->having;
    b->having = NULL;
    LateralList lateral = {.names = bind_alloc(b, n, sizeof(*names)),
                           .exprs = bind_alloc(b, n, sizeof(*exprs))};
    if (!lateral.names || !lateral.exprs)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        Scope scope = {.bound = a->input,
                       .outer = b->outer,
                       .allow_aggregates = true,
                       .aggregate = a,
                       .aggregate_base = base,
                       .clause = "SELECT",
                       .pending = &pending,
                       .lateral = &lateral,
                       .windows = &windows};
        UExpr star = {.kind = UEXPR_STAR};
        const UExpr *source = items[i].expr ? items[i].expr : &star;
        if (items[i].column) {
            const PlanField *f = &a->input->node->fields[items[i].column->index];
            exprs[i] =
                bind_check(b, expr_column(b->arena, items[i].column->index, f->type, f->nullable));
        } else {
            exprs[i] = bind_expr(b, &scope, source);
        }
        names[i] = bind_name_with_fields(b, items[i].expr, items[i].name);
        lateral.names[i] = source->kind == UEXPR_ALIAS ? source->name : NULL;
        lateral.exprs[i] = exprs[i];
        lateral.n = i + 1;
        exprs[i] = over_groups(b, a, source, exprs[i], base);
        if (!exprs[i]) {
            b->named_windows = named_before;
            return NULL;
        }
    }
    b->named_windows = named_before;
    Expr *having = NULL;
    if (having_source) {
        Scope scope = {.bound = a->input,
                       .outer = b->outer,
                       .allow_aggregates = true,
                       .aggregate = a,
                       .aggregate_base = base,
                       .clause = "HAVING",
                       .lateral = &lateral};
        having = over_groups(b, a, having_source, bind_condition(b, &scope, having_source), base);
        if (!having)
            return NULL;
    }
    OverGroups over = {b, a, base, NULL};
    WindowGroups w = {b, a, rel->n_exprs > 0 ? rel->exprs[0] : NULL, base};
    if (!bind_pending_map(b, &pending, 0, replace_group, &over) ||
        !bind_windows_map(b, &windows, window_over_groups, &w) || !finish_node(b, a))
        return NULL;
    if (over.missing)
        return missing_aggregation(b, a, pending.items[0].e, over.missing);
    PlanNode *below = a->node;
    if (having) {
        below = bind_pass_node(b, PLAN_FILTER, below);
        if (!below)
            return NULL;
        below->filter.condition = having;
    }
    below = bind_pending_join(b, below, &pending, exprs, n);
    below = below ? bind_window_nodes(b, below, &windows, exprs, n) : NULL;
    PlanNode *project = below ? bind_project_node(b, below, exprs, names, n) : NULL;
    Bound *bound = bound_new(b, project);
    if (!bound)
        return NULL;
    /* A group that is a plain column stays the same column for DataFrames. */
    for (uint32_t i = 0; i < n; i++) {
        if (exprs[i]->kind != EXPR_COLUMN || exprs[i]->column >= a->n_groups)
            continue;
        const Expr *group = a->groups[exprs[i]->column];
        for (uint32_t k = 0; group->kind == EXPR_COLUMN && k < a->input->n_columns; k++) {
            const BoundColumn *c = &a->input->columns[k];
            if (c->index == group->column && names_equal(b, c->name, names[i])) {
                bound->columns[i].attribute = c->attribute;
                bound->columns[i].qualifier = c->qualifier;
                break;
            }
        }
    }
    /* With a join between nothing below the select list can be reached any more. */
    bool between = pending.n > 0;
    bound->project = between ? NULL : project;
    bound->aggregate = between ? NULL : a;
    bound->over_windows = windows.n > 0;
    return bound;
}

/* Subqueries inside aggregates: their values become columns of the input. */
static bool prebind_in(Binder *b, Bound *input, Bound **attached, const UExpr *e)
{
    if (e->kind == UEXPR_CALL && function_is_aggregate(e->name))
        return bind_prebind(b, input, attached, e, false);
    if (e->kind == UEXPR_SUBQUERY)
        return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!prebind_in(b, input, attached, e->args[i]))
            return false;
    return true;
}

static bool prebind_arguments(Binder *b, Bound **input, const URel *rel)
{
    Bound *before = *input;
    for (uint32_t i = 0; i < rel->n_exprs; i++)
        if (uexpr_has_subquery(rel->exprs[i]) && !prebind_in(b, before, input, rel->exprs[i]))
            return false;
    for (uint32_t i = 0; i < rel->n_groups; i++)
        if (uexpr_has_subquery(rel->groups[i]) &&
            !bind_prebind(b, before, input, rel->groups[i], false))
            return false;
    return true;
}

static Bound *aggregate_over(Binder *b, Bound *input, const URel *rel)
{
    BoundAggregate *a = bind_alloc(b, 1, sizeof(*a));
    uint32_t n_prebound = b->n_prebound;
    if (!a || !prebind_arguments(b, &input, rel))
        return NULL;
    a->input = input;
    a->has_group_by = rel->n_groups > 0 || rel->group_all;
    a->node = bind_node(b, PLAN_AGGREGATE, input->node, 0);
    if (!a->node || !bind_groups(b, a, rel))
        return NULL;
    Bound *bound = bind_select_over(b, a, rel);
    b->n_prebound = n_prebound;
    return bound;
}

Bound *bind_aggregate_over(Binder *b, Bound *input, const URel *rel)
{
    return aggregate_over(b, input, rel);
}

Bound *bind_aggregate(Binder *b, const URel *rel)
{
    rel = bind_time_windows(b, rel);
    if (!rel)
        return NULL;
    bool made;
    Bound *generated = bind_generator_over(b, rel, &made);
    if (made)
        return generated;
    Bound *input = bind_relation(b, rel->input);
    return input ? aggregate_over(b, input, rel) : NULL;
}

/* ---- ORDER BY and HAVING: reaching below the select list ---- */

/* The projection gets one more column, and all nodes between it and the top with it. */
static Expr *append_column(Binder *b, Bound *bound, Expr *e)
{
    PlanNode *project = bound->project;
    uint32_t n = project->n_fields;
    for (uint32_t i = 0; i < n; i++)
        if (expr_equal(project->project.exprs[i], e))
            return bind_check(b, expr_column(b->arena, i, e->type, e->nullable));
    PlanField *fields = bind_alloc(b, n + 1, sizeof(*fields));
    Expr **exprs = bind_alloc(b, n + 1, sizeof(*exprs));
    if (!fields || !exprs)
        return NULL;
    memcpy(fields, project->fields, n * sizeof(*fields));
    memcpy(exprs, project->project.exprs, n * sizeof(*exprs));
    fields[n] = (PlanField){"extra", e->type, e->nullable};
    exprs[n] = e;
    project->project.exprs = exprs;
    for (PlanNode *node = bound->node;; node = node->input) {
        node->fields = fields;
        node->n_fields = n + 1;
        if (node == project)
            break;
    }
    return bind_check(b, expr_column(b->arena, n, e->type, e->nullable));
}

typedef struct Extension {
    Binder *b;
    Bound *bound;
    uint32_t n_out; /* below: columns of the select list */
    uint32_t n_in;  /* then columns below it; then aggregates */
    const UExpr *source;
    bool failed;
} Extension;

/* Is every column of @e one below the projection, or an aggregate? */
static bool is_below(const Extension *x, const Expr *e)
{
    return expr_columns_within(e, x->n_out, BIND_OUTER_BASE);
}

static Expr *replace_below(void *userdata, Expr *e)
{
    Extension *x = userdata;
    Binder *b = x->b;
    BoundAggregate *a = x->bound->aggregate;
    if (b->result != 0)
        return e;
    if (e->kind == EXPR_COLUMN && (e->column < x->n_out || e->column >= BIND_OUTER_BASE))
        return e;
    if (!a) {
        if (e->kind != EXPR_COLUMN)
            return NULL;
        Expr *column =
            bind_check(b, expr_column(b->arena, e->column - x->n_out, e->type, e->nullable));
        return column ? append_column(b, x->bound, column) : e;
    }
    if (e->kind == EXPR_LITERAL || !is_below(x, e))
        return NULL;
    /* A whole subtree below: a group, an aggregate, or made of them. */
    Expr *shifted = bind_check(b, expr_shift(b->arena, e, -(int64_t)x->n_out));
    if (!shifted)
        return e;
    OverGroups o = {b, a, x->n_in, NULL};
    Expr *over = expr_rewrite(b->arena, shifted, replace_group, &o);
    if (!over || b->result)
        return bind_check(b, NULL), e;
    if (o.missing) {
        missing_aggregation(b, a, x->source, o.missing);
        return e;
    }
    Expr *made = append_column(b, x->bound, over);
    return made ? made : e;
}

Expr *bind_extended(Binder *b, Bound *bound, const UExpr *e, const char *clause,
                    PendingList *pending)
{
    BoundAggregate *a = bound->aggregate;
    Bound *below = a ? a->input : bound->below;
    bool can_extend = bound->project && below;
    bool having = strcmp(clause, "HAVING") == 0, where = strcmp(clause, "WHERE") == 0;
    Scope scope = {.bound = bound, .outer = b->outer, .clause = clause, .pending = pending};
    uint32_t n_out = bound->node->n_fields;
    if (can_extend) {
        scope.second = below;
        /* Window functions hand the groups on, but nothing that would have to be computed with
         * them. */
        scope.allow_aggregates = a != NULL && !where && !bound->over_windows;
        scope.aggregate = a;
        scope.aggregate_base = n_out + below->node->n_fields;
    }
    uint32_t n_aggregates = a ? a->n_aggregates : 0, n_pending = pending ? pending->n : 0;
    /* Aggregates are collected with arguments over the two scopes; HAVING and ORDER BY look into
     * the input first there. */
    Expr *made = having || where ? bind_condition(b, &scope, e) : bind_expr(b, &scope, e);
    if (!made || !can_extend)
        return made;
    if (a && a->n_aggregates > n_aggregates) {
        for (uint32_t i = n_aggregates; i < a->n_aggregates; i++) {
            Aggregate *g = &a->aggregates[i];
            /* Their arguments were bound over both scopes: only the input may be meant. */
            if ((g->arg && !expr_columns_within(g->arg, n_out, UINT32_MAX)) ||
                (g->filter && !expr_columns_within(g->filter, n_out, UINT32_MAX)))
                return bind_unsupported(b, e->position, e->stop,
                                        "aggregates over aliases of the select list");
            if (g->arg)
                g->arg = bind_check(b, expr_shift(b->arena, g->arg, -(int64_t)n_out));
            if (g->filter)
                g->filter = bind_check(b, expr_shift(b->arena, g->filter, -(int64_t)n_out));
            if (b->result)
                return NULL;
        }
        if (!finish_node(b, a))
            return NULL;
    }
    Extension x = {b, bound, n_out, below->node->n_fields, e, false};
    if (pending && !bind_pending_map(b, pending, n_pending, replace_below, &x))
        return NULL;
    made = expr_rewrite(b->arena, made, replace_below, &x);
    return b->result ? NULL : bind_check(b, made);
}
