/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Window functions. One in a select list becomes an item of the scope's list and stands as a column
 * number of its own until the list is complete; then the items that one order does for get a node
 * together, above a projection that makes columns of all that they look at.
 */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/bind_statistic.h"
#include "exec/plan/function_table.h"

typedef struct Name {
    const char *name;
    uint8_t id;       /* WindowId */
    uint8_t min, max; /* arguments */
    bool ranking;     /* needs an order and takes no frame but its own */
} Name;

static const Name names[] = {
    {"row_number", WINDOW_ROW_NUMBER, 0, 0, true},
    {"rank", WINDOW_RANK, 0, 255, true}, /* ranks by the order, whatever they are given */
    {"dense_rank", WINDOW_DENSE_RANK, 0, 255, true},
    {"percent_rank", WINDOW_PERCENT_RANK, 0, 255, true},
    {"cume_dist", WINDOW_CUME_DIST, 0, 0, true},
    {"ntile", WINDOW_NTILE, 0, 1, true},
    {"lag", WINDOW_SHIFT, 1, 4, true},
    {"lead", WINDOW_SHIFT, 1, 4, true},
    {"nth_value", WINDOW_NTH_VALUE, 2, 3, false},
    {"first_value", WINDOW_FIRST_VALUE, 1, 2, false},
    {"first", WINDOW_FIRST_VALUE, 1, 2, false},
    {"any_value", WINDOW_FIRST_VALUE, 1, 2, false},
    {"last_value", WINDOW_LAST_VALUE, 1, 2, false},
    {"last", WINDOW_LAST_VALUE, 1, 2, false},
};

static const Name *find_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return &names[i];
    return NULL;
}

const char *bind_window_name_at(size_t i, uint32_t *ret_min, uint32_t *ret_max)
{
    if (i >= ARRAY_SIZE(names))
        return NULL;
    *ret_min = names[i].min;
    *ret_max = names[i].max;
    return names[i].name;
}

bool function_is_window(const char *name)
{
    const Name *n = find_name(name);
    return n && (n->ranking || n->id == WINDOW_NTH_VALUE);
}

/* ---- what is not allowed ---- */

static Expr *not_here(Binder *b, const Scope *scope, const UExpr *e)
{
    if (scope->inside_aggregate)
        return bind_error(b, e->position, e->stop, "_LEGACY_ERROR_TEMP_1031", "42000",
                          "It is not allowed to use a window function inside an aggregate "
                          "function. Please use the inner window function in a sub-query.");
    if (scope->clause &&
        (strcmp(scope->clause, "WHERE") == 0 || strcmp(scope->clause, "HAVING") == 0))
        return bind_error(b, e->position, e->stop, "_LEGACY_ERROR_TEMP_1034", "42000",
                          "It is not allowed to use window functions inside %s clause.",
                          scope->clause);
    return bind_error(b, e->position, e->stop, "UNSUPPORTED_EXPR_FOR_OPERATOR", "42K0E",
                      "A query operator contains one or more unsupported expressions. Consider to "
                      "rewrite it to avoid window functions, aggregate functions, and generator "
                      "functions in the WHERE clause. Invalid expressions: [%.300s]",
                      uexpr_quoted(b, e));
}

/* OVER name, by the WINDOW clause. Return: the expression whose window counts. */
static const UExpr *resolve(Binder *b, const UExpr *e)
{
    const URel *rel = b->named_windows;
    const char *name = e->window->name;
    if (!name)
        return e;
    for (uint32_t i = 0; rel && i < rel->n_windows; i++)
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(rel->window_names[i], rel->window_names[k]) == 0)
                return bind_error(b, e->position, e->stop,
                                  "INVALID_SQL_SYNTAX.REPETITIVE_WINDOW_DEFINITION", "42000",
                                  "Invalid SQL syntax: The definition of window `%.100s` is "
                                  "repetitive.",
                                  rel->window_names[i]);
    /* A window may be another one under a new name, once. */
    for (uint32_t i = 0, again = 0; rel && name && i < rel->n_windows; i++) {
        if (strcmp(rel->window_names[i], name) != 0)
            continue;
        const UWindow *w = rel->windows[i]->window;
        if (!w->name)
            return rel->windows[i];
        name = again++ == 0 ? w->name : NULL;
        i = UINT32_MAX; /* from the first */
    }
    return bind_error(b, e->position, e->stop, "MISSING_WINDOW_SPECIFICATION", "42P20",
                      "Window specification is not defined in the WINDOW clause for %.200s. For "
                      "more information about WINDOW clauses, see the SQL reference.",
                      e->window->name);
}

/* ---- constants ---- */

static bool constant(Binder *b, Expr *e, Literal *ret)
{
    if (e->kind == EXPR_LITERAL) {
        *ret = e->literal;
        return true;
    }
    return !expr_has_columns(e) && b->context->fold && b->context->fold(b->arena, e, ret) == 0;
}

static bool constant_int(Binder *b, Scope *scope, const UExpr *e, const char *what, int64_t *ret)
{
    Expr *bound = bind_expr(b, scope, e);
    Literal literal;
    if (!bound)
        return false;
    if (!type_is_integral(bound->type) || !constant(b, bound, &literal) || literal.is_null) {
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: the input %s should be a "
                   "foldable \"INT\" expression.",
                   uexpr_quoted(b, e), what);
        return false;
    }
    *ret = literal.i;
    return true;
}

/* ---- frames ---- */

static bool frame_error(Binder *b, const UExpr *e, const char *class, const char *what)
{
    char name[100];
    snprintf(name, sizeof(name), "DATATYPE_MISMATCH.%s", class);
    bind_error(b, e->position, e->stop, name, "42K09",
               "Cannot resolve %.300s due to data type mismatch: %s", uexpr_quoted(b, e), what);
    return false;
}

static bool is_literal_bound(Binder *b, const UExpr *source, const Expr *offset)
{
    if (!expr_has_columns(offset))
        return true;
    bind_error(b, source->position, source->stop, "_LEGACY_ERROR_TEMP_0064", "42000",
               "Frame bound value must be a literal.");
    return false;
}

static bool rows_edge(Binder *b, Scope *scope, const UExpr *e, const UWindowBound *u,
                      WindowEdge *edge)
{
    edge->kind = u->kind;
    if (u->kind != WINDOW_PRECEDING && u->kind != WINDOW_FOLLOWING)
        return true;
    Expr *offset = bind_expr(b, scope, u->offset);
    Literal literal;
    if (!offset || !is_literal_bound(b, u->offset, offset))
        return false;
    if (offset->type.kind != TYPE_INT || !constant(b, offset, &literal) || literal.is_null)
        return frame_error(b, e, "SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
                           "The data type of a bound does not match the expected data type "
                           "\"INT\".");
    edge->offset = literal.i;
    return true;
}

/* May a value of @key be moved by @offset? */
static bool check_range_type(Binder *b, const UExpr *e, const Expr *key, const Expr *offset)
{
    Type t = key->type, by = offset->type;
    bool number = type_is_numeric(t),
         moment = t.kind == TYPE_TIMESTAMP || t.kind == TYPE_TIMESTAMP_NTZ;
    bool interval = by.kind == TYPE_INTERVAL_YM || by.kind == TYPE_INTERVAL_DT;
    Literal literal;
    if (!number && !moment && t.kind != TYPE_DATE && t.kind != TYPE_INTERVAL_YM &&
        t.kind != TYPE_INTERVAL_DT && t.kind != TYPE_NULL)
        return frame_error(b, e, "SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
                           "The data type of the order key does not match the expected data type "
                           "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO "
                           "MONTH\" or \"INTERVAL\").");
    bool part_of_day = t.kind == TYPE_DATE && by.kind == TYPE_INTERVAL_DT &&
                       constant(b, (Expr *)offset, &literal) && !literal.is_null &&
                       literal.i % INT64_C(86400000000) != 0;
    if ((moment && !interval && by.kind != TYPE_NULL) || part_of_day)
        return frame_error(b, e, "RANGE_FRAME_INVALID_TYPE",
                           "The data type used in the order specification does not support the "
                           "data type which is used in the range frame.");
    return true;
}

/* The order key less or more the distance: where the frame of each row ends. */
static bool range_edge(Binder *b, Scope *scope, const UExpr *e, const UWindowBound *u,
                       const SortKey *key, WindowEdge *edge)
{
    edge->kind = u->kind;
    if (u->kind != WINDOW_PRECEDING && u->kind != WINDOW_FOLLOWING)
        return true;
    Expr *offset = bind_expr(b, scope, u->offset);
    if (!offset)
        return false;
    if (!is_literal_bound(b, u->offset, offset) || !check_range_type(b, e, key->expr, offset))
        return false;
    bool up = (u->kind == WINDOW_FOLLOWING) != key->descending;
    Expr *value = bind_binary(b, e, up ? FN_ADD : FN_SUBTRACT, key->expr, offset);
    edge->value = value ? bind_cast_to(b, value, key->expr->type) : NULL;
    return edge->value != NULL;
}

/* BETWEEN 5 FOLLOWING AND 1 FOLLOWING */
static bool check_range_order(Binder *b, Scope *scope, const UExpr *e, const UWindow *w)
{
    Literal x[2];
    const UWindowBound *bounds[2] = {&w->start, &w->end};
    for (uint32_t i = 0; i < 2; i++) {
        x[i] = (Literal){.i = 0};
        if (!bounds[i]->offset) {
            if (bounds[i]->kind != WINDOW_CURRENT_ROW)
                return true;
            continue;
        }
        Expr *offset = bind_expr(b, scope, bounds[i]->offset);
        if (!offset)
            return false;
        bool integer = type_phys(offset->type) <= PHYS_I64 && offset->type.kind != TYPE_DECIMAL;
        if (!integer || !constant(b, offset, &x[i]) || x[i].is_null)
            return true;
        x[i].i = bounds[i]->kind == WINDOW_PRECEDING ? -x[i].i : x[i].i;
    }
    return x[0].i <= x[1].i ||
           frame_error(b, e, "SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON",
                       "The lower bound of a window frame must be less than or equal to the upper "
                       "bound.");
}

static bool bind_window_frame(Binder *b, Scope *scope, const UExpr *e, const UWindow *w,
                              const WindowItem *item, WindowFunction *f)
{
    if (!w->has_frame) {
        f->range = item->n_order > 0;
        f->start.kind = WINDOW_UNBOUNDED_PRECEDING;
        f->end.kind = f->range ? WINDOW_CURRENT_ROW : WINDOW_UNBOUNDED_FOLLOWING;
        return true;
    }
    f->range = w->range;
    if (w->start.kind == WINDOW_UNBOUNDED_FOLLOWING || w->end.kind == WINDOW_UNBOUNDED_PRECEDING)
        return frame_error(b, e, "SPECIFIED_WINDOW_FRAME_INVALID_BOUND",
                           "The upper bound of a window frame does not follow the lower bound.");
    if (!w->range) {
        if (!rows_edge(b, scope, e, &w->start, &f->start) ||
            !rows_edge(b, scope, e, &w->end, &f->end))
            return false;
        int64_t low = f->start.kind == WINDOW_PRECEDING ? -f->start.offset : f->start.offset;
        int64_t high = f->end.kind == WINDOW_PRECEDING ? -f->end.offset : f->end.offset;
        if (!w->start.offset || !w->end.offset || low <= high)
            return true;
        bind_error(b, e->position, e->stop,
                   "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: The lower bound of a window "
                   "frame must be less than or equal to the upper bound.",
                   uexpr_quoted(b, e));
        return false;
    }
    bool by_value = w->start.offset || w->end.offset;
    if (by_value && item->n_order != 1) {
        bind_error(b, e->position, e->stop,
                   item->n_order == 0 ? "DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER"
                                      : "DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER",
                   "42K09",
                   "Cannot resolve %.300s due to data type mismatch: A range window frame with "
                   "value boundaries needs a window specification with one order by expression.",
                   uexpr_quoted(b, e));
        return false;
    }
    bool whole =
        w->start.kind == WINDOW_UNBOUNDED_PRECEDING && w->end.kind == WINDOW_UNBOUNDED_FOLLOWING;
    if (item->n_order == 0 && !whole) {
        bind_error(b, e->position, e->stop, "DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: A range window frame cannot "
                   "be used in an unordered window specification.",
                   uexpr_quoted(b, e));
        return false;
    }
    return range_edge(b, scope, e, &w->start, &item->order[0], &f->start) &&
           range_edge(b, scope, e, &w->end, &item->order[0], &f->end) &&
           (!by_value || check_range_order(b, scope, e, w));
}

/* ---- functions ---- */

/* first(x, true): the flag of IGNORE NULLS as an argument. */
static bool null_flag(Binder *b, Scope *scope, const UExpr *call, uint32_t i, WindowFunction *f)
{
    if (call->n_args <= i)
        return true;
    Expr *flag = bind_expr(b, scope, call->args[i]);
    if (!flag)
        return false;
    bool known =
        flag->type.kind == TYPE_BOOLEAN && flag->kind == EXPR_LITERAL && !flag->literal.is_null;
    if (!known && i == 3) { /* of lag and lead */
        bind_error(b, call->position, call->stop, "INVALID_PARAMETER_VALUE.BOOLEAN", "22023",
                   "The value of parameter(s) `ignoreNulls` in `%s` is invalid: expects a boolean "
                   "literal, but got %.200s.",
                   call->name, uexpr_quoted(b, call->args[i]));
        return false;
    }
    if (!known) {
        bind_error(
            b, call->position, call->stop, "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "42K09",
            "Cannot resolve %.300s due to data type mismatch: the input `ignoreNulls` should "
            "be a foldable \"BOOLEAN\" expression.",
            uexpr_quoted(b, call));
        return false;
    }
    f->ignore_nulls |= flag->literal.b;
    return true;
}

static bool bind_shift(Binder *b, Scope *scope, const UExpr *call, WindowFunction *f)
{
    f->arg = bind_expr(b, scope, call->args[0]);
    if (!f->arg)
        return false;
    f->offset = 1;
    if (call->n_args > 1 && !constant_int(b, scope, call->args[1], "offset", &f->offset))
        return false;
    if (strcmp(call->name, "lag") == 0)
        f->offset = -f->offset;
    f->type = f->arg->type;
    f->nullable = true;
    if (call->n_args > 3 && !null_flag(b, scope, call, 3, f))
        return false;
    if (call->n_args < 3)
        return true;
    Expr *otherwise = bind_expr(b, scope, call->args[2]);
    if (!otherwise)
        return false;
    if (otherwise->kind == EXPR_LITERAL && otherwise->literal.is_null)
        return true;
    /* The default takes the type of what it stands for. */
    if (f->arg->type.kind == TYPE_NULL)
        f->arg = bind_cast_to(b, f->arg, otherwise->type);
    bool numbers = f->arg && type_is_numeric(f->arg->type) && type_is_numeric(otherwise->type);
    if (f->arg)
        f->otherwise = numbers ? bind_cast_to(b, otherwise, f->arg->type)
                               : bind_coerce(b, call, otherwise, 2, f->arg->type, NULL);
    if (!f->otherwise)
        return false;
    f->type = f->arg->type;
    f->nullable = f->arg->nullable || f->otherwise->nullable;
    return true;
}

static bool bind_value(Binder *b, Scope *scope, const UExpr *call, const Name *name,
                       WindowFunction *f)
{
    bool nth = name->id == WINDOW_NTH_VALUE;
    f->arg = bind_expr(b, scope, call->args[0]);
    if (!f->arg || (nth && !constant_int(b, scope, call->args[1], "offset", &f->offset)) ||
        !null_flag(b, scope, call, nth ? 2 : 1, f))
        return false;
    if (nth && f->offset < 1) {
        bind_error(b, call->position, call->stop, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "42K09",
                   "Cannot resolve %.300s due to data type mismatch: The offset must be between "
                   "(0, 9223372036854775807] (current value = %lld).",
                   uexpr_quoted(b, call), (long long)f->offset);
        return false;
    }
    f->type = f->arg->type;
    f->nullable = true;
    return true;
}

static bool bind_ranking(Binder *b, Scope *scope, const UExpr *call, const Name *name,
                         WindowFunction *f)
{
    bool real = name->id == WINDOW_PERCENT_RANK || name->id == WINDOW_CUME_DIST;
    f->type = real ? TYPE(DOUBLE) : TYPE(INT);
    f->nullable = false;
    if (name->id != WINDOW_NTILE)
        return true;
    f->offset = 1;
    if (call->n_args > 0) {
        const Expr *buckets = bind_expr(b, scope, call->args[0]);
        if (!buckets)
            return false;
        if (buckets->type.kind != TYPE_INT) {
            bind_unexpected_input(b, call, 0, "INT", buckets);
            return false;
        }
        if (!constant_int(b, scope, call->args[0], "buckets", &f->offset))
            return false;
    }
    if (f->offset >= 1 && f->offset <= INT32_MAX)
        return true;
    bind_error(b, call->position, call->stop, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "42K09",
               "Cannot resolve %.300s due to data type mismatch: The buckets must be between (0, "
               "2147483647] (current value = %lld).",
               uexpr_quoted(b, call), (long long)f->offset);
    return false;
}

static bool check_frame(Binder *b, const UExpr *e, const UExpr *call, const Name *name,
                        const UWindow *w, const WindowItem *item)
{
    if (!name->ranking && name->id != WINDOW_NTH_VALUE)
        return true;
    if (name->id == WINDOW_SHIFT && w->has_frame) {
        bind_error(b, e->position, e->stop, "_LEGACY_ERROR_TEMP_1035", "42000",
                   "Cannot specify window frame for %s function.", call->name);
        return false;
    }
    if (item->n_order == 0) {
        bind_error(b, e->position, e->stop, "_LEGACY_ERROR_TEMP_1037", "42000",
                   "Window function %.200s requires window to be ordered, please add ORDER BY "
                   "clause. For example SELECT %.200s(value_expr) OVER (PARTITION BY "
                   "window_partition ORDER BY window_ordering) from table.",
                   uexpr_name(b, call), uexpr_name(b, call));
        return false;
    }
    bool own = w->start.kind == WINDOW_UNBOUNDED_PRECEDING && w->end.kind == WINDOW_CURRENT_ROW &&
               w->range == (name->id == WINDOW_CUME_DIST);
    if (!w->has_frame || own || !name->ranking)
        return true;
    bind_error(b, e->position, e->stop, "_LEGACY_ERROR_TEMP_1036", "42000",
               "The window frame of %.200s must match the one that the function requires.",
               uexpr_name(b, call));
    return false;
}

/* An aggregate; what stands for it may be more than its column. */
static Expr *bind_window_aggregate(Binder *b, Scope *scope, const UExpr *e, const UExpr *call,
                                   uint32_t number, WindowFunction *f)
{
    if (call->distinct)
        return bind_error(b, e->position, e->stop, "DISTINCT_WINDOW_FUNCTION_UNSUPPORTED", "0A000",
                          "Distinct window functions are not supported: %.300s.",
                          uexpr_quoted(b, e));
    BoundAggregate one = {0};
    Scope inner = *scope;
    inner.allow_aggregates = true;
    inner.inside_aggregate = false;
    inner.aggregate = &one;
    inner.aggregate_base = BIND_WINDOW_BASE + number;
    inner.around_window = scope;
    Expr *made = bind_aggregate_call(b, &inner, call);
    scope->used_outer |= inner.used_outer;
    if (!made)
        return NULL;
    if (one.n_aggregates > 1)
        return bind_unsupported(b, e->position, e->stop, "avg of intervals with OVER");
    f->aggregate = one.aggregates[0];
    if (f->aggregate.distinct)
        return bind_unsupported(b, e->position, e->stop,
                                "this function of distinct values with OVER");
    f->type = f->aggregate.type;
    f->nullable = f->aggregate.nullable;
    return made;
}

static WindowItem *new_item(Binder *b, WindowList *list)
{
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 4;
        WindowItem *grown = bind_alloc(b, capacity, sizeof(*grown));
        if (!grown)
            return NULL;
        if (list->n)
            memcpy(grown, list->items, list->n * sizeof(*grown));
        list->items = grown;
        list->capacity = capacity;
    }
    return &list->items[list->n];
}

static bool bind_specification(Binder *b, Scope *scope, const UExpr *spec, WindowItem *item)
{
    const UWindow *w = spec->window;
    item->partition = bind_alloc(b, w->n_partition, sizeof(Expr *));
    item->order = bind_alloc(b, w->n_order, sizeof(SortKey));
    if (!item->partition || !item->order)
        return false;
    item->n_partition = w->n_partition;
    item->n_order = w->n_order;
    for (uint32_t i = 0; i < w->n_partition; i++) {
        item->partition[i] = bind_normalised(b, bind_expr(b, scope, spec->args[1 + i]));
        if (!item->partition[i])
            return false;
    }
    for (uint32_t i = 0; i < w->n_order; i++) {
        const UExpr *key = spec->args[1 + w->n_partition + i];
        item->order[i] = (SortKey){.expr = bind_sort_key(b, key, bind_expr(b, scope, key)),
                                   .descending = w->descending[i],
                                   .nulls_first = w->nulls_first[i]};
        if (!item->order[i].expr)
            return false;
    }
    return true;
}

Expr *bind_window(Binder *b, Scope *scope, const UExpr *e)
{
    const UExpr *call = e->args[0], *spec = resolve(b, e);
    WindowList *list = scope->windows;
    if (!list || !spec || scope->inside_aggregate)
        return spec ? not_here(b, scope, e) : NULL;
    if (call->kind != UEXPR_CALL)
        return bind_unsupported(b, e->position, e->stop, "OVER behind what is no function");
    Scope inner = *scope;
    inner.windows = NULL;
    inner.attach = NULL;
    inner.pending = NULL;
    WindowItem item = {0};
    WindowFunction *f = &item.function;
    const Name *name = find_name(call->name);
    uint32_t number = list->n;
    if (call->filter)
        return bind_error(b, e->position, e->stop, "_LEGACY_ERROR_TEMP_1030", "42000",
                          "Window aggregate function with filter predicate is not supported yet.");
    if (!bind_specification(b, &inner, spec, &item))
        return NULL;
    f->ignore_nulls = call->ignore_nulls;
    if (name && call->ignore_nulls && name->ranking && name->id != WINDOW_SHIFT)
        return bind_error(
            b, e->position, e->stop, "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "42000",
            "Invalid SQL syntax: The function `%.60s` does not support IGNORE NULLS.", call->name);
    Expr *made;
    if (name) {
        f->id = name->id;
        if (call->n_args < name->min || call->n_args > name->max)
            return bind_error(b, e->position, e->stop, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605",
                              "The `%s` requires %u parameters but the actual number is %u.",
                              call->name, name->min, call->n_args);
        bool ok = check_frame(b, e, call, name, spec->window, &item);
        ok = ok && (name->id == WINDOW_SHIFT ? bind_shift(b, &inner, call, f)
                    : name->ranking          ? bind_ranking(b, &inner, call, name, f)
                                             : bind_value(b, &inner, call, name, f));
        if (!ok)
            return NULL;
        made =
            bind_check(b, expr_column(b->arena, BIND_WINDOW_BASE + number, f->type, f->nullable));
    } else if (function_wants_whole_window(call) && (item.n_order > 0 || spec->window->has_frame)) {
        return bind_error(b, e->position, e->stop, "INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC",
                          "42601", "Cannot specify ORDER BY or a window frame for %.300s.",
                          uexpr_quoted(b, call));
    } else if (function_is_aggregate(call->name)) {
        made = bind_window_aggregate(b, &inner, e, call, number, f);
    } else {
        if (!bind_call(b, &inner, call))
            return NULL;
        return bind_error(b, e->position, e->stop, "UNSUPPORTED_EXPR_FOR_WINDOW", "42P20",
                          "Expression %.300s not supported within a window function.",
                          uexpr_quoted(b, call));
    }
    scope->used_outer |= inner.used_outer;
    if (!made ||
        (!(name && name->ranking) && !bind_window_frame(b, &inner, e, spec->window, &item, f)))
        return NULL;
    WindowItem *to = new_item(b, list);
    if (!to)
        return NULL;
    *to = item;
    list->n++;
    return made;
}

/* ---- nodes ---- */

bool bind_windows_map(Binder *b, WindowList *list, Expr *(*map)(void *userdata, Expr *e),
                      void *userdata)
{
    for (uint32_t i = 0; i < list->n; i++) {
        WindowItem *item = &list->items[i];
        WindowFunction *f = &item->function;
        Expr **optional[] = {&f->arg,       &f->otherwise,     &f->start.value,
                             &f->end.value, &f->aggregate.arg, &f->aggregate.filter};
        for (uint32_t k = 0; k < item->n_partition; k++)
            if (!(item->partition[k] = map(userdata, item->partition[k])))
                return false;
        for (uint32_t k = 0; k < item->n_order; k++)
            if (!(item->order[k].expr = map(userdata, item->order[k].expr)))
                return false;
        for (size_t k = 0; k < ARRAY_SIZE(optional); k++)
            if (*optional[k] && !(*optional[k] = map(userdata, *optional[k])))
                return false;
    }
    return b->result == 0;
}

static bool same_partition(const WindowItem *a, const WindowItem *c)
{
    if (a->n_partition != c->n_partition)
        return false;
    for (uint32_t i = 0; i < a->n_partition; i++)
        if (!expr_equal(a->partition[i], c->partition[i]))
            return false;
    return true;
}

/* Are rows in the order of @like in that of @item too? */
static bool is_ordered(const WindowItem *like, const WindowItem *item)
{
    if (item->n_order > like->n_order || !same_partition(like, item))
        return false;
    for (uint32_t i = 0; i < item->n_order; i++)
        if (!expr_equal(like->order[i].expr, item->order[i].expr) ||
            like->order[i].descending != item->order[i].descending ||
            like->order[i].nulls_first != item->order[i].nulls_first)
            return false;
    return true;
}

/* Does the result of @f stay the same when rows that its order does not tell apart change places?
 */
static bool is_blind(const WindowFunction *f)
{
    bool whole =
        f->start.kind == WINDOW_UNBOUNDED_PRECEDING && f->end.kind == WINDOW_UNBOUNDED_FOLLOWING;
    switch (f->id) {
    case WINDOW_RANK:
    case WINDOW_DENSE_RANK:
    case WINDOW_PERCENT_RANK:
    case WINDOW_CUME_DIST:
        return true;
    case WINDOW_AGGREGATE:
        return (f->range || whole) && (f->aggregate.id <= AGG_SUM || f->aggregate.id == AGG_MIN ||
                                       f->aggregate.id == AGG_MAX || f->aggregate.id == AGG_AVG);
    default:
        return false;
    }
}

/* One sort does for both. */
static bool goes_with(const WindowItem *like, const WindowItem *item)
{
    return is_ordered(like, item) && (item->n_order == like->n_order || is_blind(&item->function));
}

/* Columns of the projection below a window node: all of its input, then what is computed. */
typedef struct Columns {
    Binder *b;
    ExprList list;
} Columns;

static Expr *as_column(Columns *c, Expr *e)
{
    if (!e)
        return NULL;
    for (uint32_t i = 0; i < c->list.n; i++)
        if (expr_equal(c->list.items[i], e))
            return bind_check(c->b, expr_column(c->b->arena, i, e->type, e->nullable));
    if (!expr_list_add(c->b->arena, &c->list, e))
        return bind_fail(c->b, mem_arena_error(c->b->arena));
    return bind_check(c->b, expr_column(c->b->arena, c->list.n - 1, e->type, e->nullable));
}

static bool add_function(Columns *c, const WindowItem *item, WindowFunction *f)
{
    *f = item->function;
    f->arg = as_column(c, f->arg);
    f->otherwise = as_column(c, f->otherwise);
    f->start.value = as_column(c, f->start.value);
    f->end.value = as_column(c, f->end.value);
    f->aggregate.arg = as_column(c, f->aggregate.arg);
    f->aggregate.filter = as_column(c, f->aggregate.filter);
    return c->b->result == 0;
}

/* The longest order that does for @items[first] and has no node yet. */
static const WindowItem *find_order(const WindowList *list, uint32_t first, const uint32_t *columns)
{
    const WindowItem *like = &list->items[first];
    for (uint32_t i = first + 1; i < list->n; i++)
        if (columns[i] == UINT32_MAX && list->items[i].n_order > like->n_order &&
            goes_with(&list->items[i], &list->items[first]) && is_ordered(&list->items[i], like))
            like = &list->items[i];
    return like;
}

/* One node for all items that go with @items[first]; their numbers go to @columns. */
static PlanNode *window_node(Binder *b, PlanNode *input, const WindowList *list, uint32_t first,
                             uint32_t *columns)
{
    const WindowItem *like = find_order(list, first, columns);
    Columns c = {b, {0}};
    for (uint32_t i = 0; i < input->n_fields; i++) {
        Expr *e = bind_check(
            b, expr_column(b->arena, i, input->fields[i].type, input->fields[i].nullable));
        if (!e || !expr_list_add(b->arena, &c.list, e))
            return bind_fail(b, mem_arena_error(b->arena));
    }
    uint32_t n_keys = like->n_partition + like->n_order, n = 0;
    SortKey *keys = bind_alloc(b, n_keys, sizeof(*keys));
    WindowFunction *functions = bind_alloc(b, list->n, sizeof(*functions));
    uint32_t *numbers = bind_alloc(b, list->n, sizeof(*numbers));
    if (!keys || !functions || !numbers)
        return NULL;
    for (uint32_t i = 0; i < n_keys; i++) {
        if (i < like->n_partition)
            keys[i] = (SortKey){.expr = like->partition[i], .nulls_first = true};
        else
            keys[i] = like->order[i - like->n_partition];
        keys[i].expr = as_column(&c, keys[i].expr);
        if (!keys[i].expr)
            return NULL;
    }
    for (uint32_t i = first; i < list->n; i++) {
        if (columns[i] != UINT32_MAX || !goes_with(like, &list->items[i]))
            continue;
        if (!add_function(&c, &list->items[i], &functions[n]))
            return NULL;
        functions[n].keys_less = like->n_order - list->items[i].n_order;
        numbers[n++] = i;
    }
    const char **field_names = bind_alloc(b, c.list.n, sizeof(*field_names));
    if (!field_names)
        return NULL;
    for (uint32_t i = 0; i < c.list.n; i++)
        field_names[i] = i < input->n_fields ? input->fields[i].name : "_w";
    PlanNode *below = bind_project_node(b, input, c.list.items, field_names, c.list.n);
    PlanNode *node = below ? bind_node(b, PLAN_WINDOW, below, below->n_fields + n) : NULL;
    if (!node)
        return NULL;
    memcpy(node->fields, below->fields, below->n_fields * sizeof(*node->fields));
    for (uint32_t i = 0; i < n; i++) {
        node->fields[below->n_fields + i] =
            (PlanField){"window", functions[i].type, functions[i].nullable};
        columns[numbers[i]] = below->n_fields + i;
    }
    node->window.keys = keys;
    node->window.n_keys = n_keys;
    node->window.n_partition = like->n_partition;
    node->window.functions = functions;
    node->window.n_functions = n;
    return node;
}

typedef struct Numbers {
    Binder *b;
    const uint32_t *columns;
} Numbers;

static Expr *replace_window(void *userdata, Expr *e)
{
    Numbers *n = userdata;
    if (e->kind != EXPR_COLUMN || e->column < BIND_WINDOW_BASE)
        return NULL;
    return bind_check(n->b, expr_column(n->b->arena, n->columns[e->column - BIND_WINDOW_BASE],
                                        e->type, e->nullable));
}

PlanNode *bind_window_nodes(Binder *b, PlanNode *node, const WindowList *list, Expr **exprs,
                            uint32_t n)
{
    if (list->n == 0)
        return node;
    uint32_t *columns = bind_alloc(b, list->n, sizeof(*columns));
    if (!columns)
        return NULL;
    memset(columns, 0xff, list->n * sizeof(*columns));
    for (uint32_t i = 0; i < list->n && node; i++)
        if (columns[i] == UINT32_MAX)
            node = window_node(b, node, list, i, columns);
    Numbers numbers = {b, columns};
    for (uint32_t i = 0; i < n && node; i++) {
        exprs[i] = expr_rewrite(b->arena, exprs[i], replace_window, &numbers);
        if (!exprs[i])
            return bind_fail(b, mem_arena_error(b->arena));
    }
    return b->result ? NULL : node;
}
