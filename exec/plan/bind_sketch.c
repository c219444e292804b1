/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Functions on sketches become FN_SKETCH with a number of SketchOp. An aggregate is that function
 * over collect_list() of its input, so it holds all values of a group; sets of two sketches work on
 * an array of both.
 */

#include "exec/plan/bind_sketch.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/bind_nested.h"
#include "exec/plan/sketch.h"

/* What a function works on. */
typedef enum Shape {
    SHAPE_VALUES,   /* aggregate of values */
    SHAPE_TUPLES,   /* aggregate of keys with summaries */
    SHAPE_SKETCHES, /* aggregate of sketches */
    SHAPE_PAIR,     /* two sketches */
    SHAPE_ONE,      /* a sketch */
} Shape;

/*
 * @params: further arguments: k lg_k, m mode, b whether lg_k may differ, K k of KLL, g the same or
 * none, r rank, v a value of the sketch. All but r and v have defaults.
 */
typedef struct SketchRow {
    const char *name;
    uint8_t op, value, shape;
    const char *params;
} SketchRow;

#define TUPLE_ROWS(suffix, value)                                                                  \
    {"tuple_sketch_agg_" suffix, SKETCH_TUPLE_MAKE, value, SHAPE_TUPLES, "km"},                    \
        {"tuple_union_agg_" suffix, SKETCH_TUPLE_UNION, value, SHAPE_SKETCHES, "km"},              \
        {"tuple_intersection_agg_" suffix, SKETCH_TUPLE_COMMON, value, SHAPE_SKETCHES, "m"},       \
        {"tuple_union_" suffix, SKETCH_TUPLE_UNION, value, SHAPE_PAIR, "km"},                      \
        {"tuple_union_theta_" suffix, SKETCH_TUPLE_UNION, value, SHAPE_PAIR, "km"},                \
        {"tuple_intersection_" suffix, SKETCH_TUPLE_COMMON, value, SHAPE_PAIR, "m"},               \
        {"tuple_intersection_theta_" suffix, SKETCH_TUPLE_COMMON, value, SHAPE_PAIR, "m"},         \
        {"tuple_difference_" suffix, SKETCH_TUPLE_WITHOUT, value, SHAPE_PAIR, ""},                 \
        {"tuple_difference_theta_" suffix, SKETCH_TUPLE_WITHOUT, value, SHAPE_PAIR, ""},           \
        {"tuple_sketch_estimate_" suffix, SKETCH_TUPLE_ESTIMATE, value, SHAPE_ONE, ""},            \
        {"tuple_sketch_theta_" suffix, SKETCH_TUPLE_THETA, value, SHAPE_ONE, ""},                  \
    {                                                                                              \
        "tuple_sketch_summary_" suffix, SKETCH_TUPLE_SUMMARY, value, SHAPE_ONE, "m"                \
    }

#define KLL_ROWS(suffix, value)                                                                    \
    {"kll_sketch_agg_" suffix, SKETCH_KLL_MAKE, value, SHAPE_VALUES, "K"},                         \
        {"kll_merge_agg_" suffix, SKETCH_KLL_MERGE, value, SHAPE_SKETCHES, "g"},                   \
        {"kll_sketch_merge_" suffix, SKETCH_KLL_MERGE, value, SHAPE_PAIR, "g"},                    \
        {"kll_sketch_get_n_" suffix, SKETCH_KLL_N, value, SHAPE_ONE, ""},                          \
        {"kll_sketch_get_quantile_" suffix, SKETCH_KLL_QUANTILE, value, SHAPE_ONE, "r"},           \
        {"kll_sketch_get_rank_" suffix, SKETCH_KLL_RANK, value, SHAPE_ONE, "v"},                   \
    {                                                                                              \
        "kll_sketch_to_string_" suffix, SKETCH_KLL_TEXT, value, SHAPE_ONE, ""                      \
    }

static const SketchRow rows[] = {
    {"hll_sketch_agg", SKETCH_HLL_MAKE, SKETCH_LONG, SHAPE_VALUES, "k"},
    {"hll_union_agg", SKETCH_HLL_UNION, SKETCH_LONG, SHAPE_SKETCHES, "b"},
    {"hll_union", SKETCH_HLL_UNION, SKETCH_LONG, SHAPE_PAIR, "b"},
    {"hll_sketch_estimate", SKETCH_HLL_ESTIMATE, SKETCH_LONG, SHAPE_ONE, ""},
    {"theta_sketch_agg", SKETCH_THETA_MAKE, SKETCH_LONG, SHAPE_VALUES, "k"},
    {"theta_union_agg", SKETCH_THETA_UNION, SKETCH_LONG, SHAPE_SKETCHES, "k"},
    {"theta_intersection_agg", SKETCH_THETA_COMMON, SKETCH_LONG, SHAPE_SKETCHES, ""},
    {"theta_union", SKETCH_THETA_UNION, SKETCH_LONG, SHAPE_PAIR, "k"},
    {"theta_intersection", SKETCH_THETA_COMMON, SKETCH_LONG, SHAPE_PAIR, ""},
    {"theta_difference", SKETCH_THETA_WITHOUT, SKETCH_LONG, SHAPE_PAIR, ""},
    {"theta_sketch_estimate", SKETCH_THETA_ESTIMATE, SKETCH_LONG, SHAPE_ONE, ""},
    {"bitmap_and_agg", SKETCH_BITMAP_AND, SKETCH_LONG, SHAPE_SKETCHES, ""},
    TUPLE_ROWS("integer", SKETCH_LONG),
    TUPLE_ROWS("double", SKETCH_DOUBLE),
    KLL_ROWS("bigint", SKETCH_LONG),
    KLL_ROWS("float", SKETCH_FLOAT),
    KLL_ROWS("double", SKETCH_DOUBLE),
};

static const SketchRow *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static uint32_t n_main(const SketchRow *row)
{
    return row->shape == SHAPE_TUPLES || row->shape == SHAPE_PAIR ? 2 : 1;
}

bool function_is_sketch(const char *name)
{
    return find(name) != NULL;
}

bool function_is_sketch_aggregate(const char *name)
{
    const SketchRow *row = find(name);
    return row && row->shape <= SHAPE_SKETCHES;
}

const char *sketch_defaults(const char *name, uint32_t n_args)
{
    const SketchRow *row = find(name);
    if (!row || n_args < n_main(row) || n_args - n_main(row) >= strlen(row->params))
        return NULL;
    const char *missing = row->params + (n_args - n_main(row));
    return strcmp(missing, "km") == 0  ? ", 12, sum"
           : strcmp(missing, "k") == 0 ? ", 12"
           : strcmp(missing, "m") == 0 ? ", sum"
           : strcmp(missing, "b") == 0 ? ", false"
                                       : NULL;
}

const char *bind_sketch_name_at(size_t i, const char **ret_kind, const char **ret_usage,
                                const char **ret_meaning)
{
    static const char *const usages[] = {[SHAPE_VALUES] = "(x[, size])",
                                         [SHAPE_TUPLES] = "(key, summary[, lg_k[, mode]])",
                                         [SHAPE_SKETCHES] = "(sketch[, ...])",
                                         [SHAPE_PAIR] = "(sketch, sketch[, ...])",
                                         [SHAPE_ONE] = "(sketch[, ...])"};
    static const char *const meanings[_SKETCH_MAX] = {
        [SKETCH_THETA_MAKE] = "A sketch of the different values.",
        [SKETCH_THETA_UNION] = "The sketch of what any of the sketches has seen.",
        [SKETCH_THETA_COMMON] = "The sketch of what all sketches have seen.",
        [SKETCH_THETA_WITHOUT] = "The sketch of what only the first has seen.",
        [SKETCH_THETA_ESTIMATE] = "How many different values the sketch has seen, about.",
        [SKETCH_HLL_MAKE] = "A sketch of the different values.",
        [SKETCH_HLL_UNION] = "The sketch of what any of the sketches has seen.",
        [SKETCH_HLL_ESTIMATE] = "How many different values the sketch has seen, about.",
        [SKETCH_TUPLE_MAKE] = "A sketch of the different keys, each with a summary.",
        [SKETCH_TUPLE_UNION] = "The sketch of the keys that any of the sketches has seen.",
        [SKETCH_TUPLE_COMMON] = "The sketch of the keys that all sketches have seen.",
        [SKETCH_TUPLE_WITHOUT] = "The sketch of the keys that only the first has seen.",
        [SKETCH_TUPLE_ESTIMATE] = "How many different keys the sketch has seen, about.",
        [SKETCH_TUPLE_THETA] = "The share of all hashes that the sketch keeps.",
        [SKETCH_TUPLE_SUMMARY] = "The summaries of a sketch as one.",
        [SKETCH_KLL_MAKE] = "A sketch of the values' distribution.",
        [SKETCH_KLL_MERGE] = "The sketch of what all sketches have seen.",
        [SKETCH_KLL_N] = "How many values the sketch has seen.",
        [SKETCH_KLL_QUANTILE] = "The value at a rank from 0 to 1, about.",
        [SKETCH_KLL_RANK] = "The share of values at or below one, about.",
        [SKETCH_KLL_TEXT] = "What is in the sketch, as text.",
        [SKETCH_BITMAP_AND] = "The bits that are set in all bitmaps."};
    if (i >= ARRAY_SIZE(rows))
        return NULL;
    *ret_kind = rows[i].shape <= SHAPE_SKETCHES ? "aggregate" : "scalar";
    *ret_usage = usages[rows[i].shape];
    *ret_meaning = meanings[rows[i].op];
    return rows[i].name;
}

/* ---- binding ---- */

/* collect_list() of the aggregate's input; DISTINCT and FILTER are its own. */
static UExpr *collected(UBuilder *ub, const UExpr *e, const SketchRow *row)
{
    UExpr *input =
        row->shape == SHAPE_TUPLES ? uexpr_call2(ub, "struct", e->args[0], e->args[1]) : e->args[0];
    UExpr *list = input ? uexpr_call1(ub, "collect_list", input) : NULL;
    if (!list)
        return NULL;
    list->distinct = e->distinct;
    list->filter = e->filter;
    list->position = e->position;
    list->stop = e->stop;
    return list;
}

static bool is_whole(Type t)
{
    return t.kind == TYPE_BYTE || t.kind == TYPE_SHORT || t.kind == TYPE_INT || t.kind == TYPE_LONG;
}

static Type value_type(const SketchRow *row)
{
    return row->value == SKETCH_LONG    ? TYPE(LONG)
           : row->value == SKETCH_FLOAT ? TYPE(FLOAT)
                                        : TYPE(DOUBLE);
}

/* The type that values of @given are hashed as; TYPE_NULL: they are not. */
static Type key_type(const SketchRow *row, Type given)
{
    bool real = given.kind == TYPE_FLOAT || given.kind == TYPE_DOUBLE;
    if (is_whole(given) || given.kind == TYPE_NULL)
        return TYPE(LONG);
    if (given.kind == TYPE_STRING || given.kind == TYPE_BINARY)
        return given;
    return real && row->op != SKETCH_HLL_MAKE ? TYPE(DOUBLE) : TYPE(NULL);
}

/* The array under the type that the function wants. */
static Expr *as_wanted(Binder *b, const UExpr *e, const SketchRow *row, Expr *array)
{
    Type element = array->type.children[0].type, wanted = TYPE(BINARY);
    TypeField fields[2], one = array->type.children[0];
    bool numbers = is_whole(element) || element.kind == TYPE_FLOAT || element.kind == TYPE_DOUBLE ||
                   element.kind == TYPE_NULL;
    if (row->shape == SHAPE_VALUES && row->op == SKETCH_KLL_MAKE) {
        bool fits =
            row->value == SKETCH_LONG ? is_whole(element) || element.kind == TYPE_NULL : numbers;
        wanted = fits ? value_type(row) : TYPE(NULL);
    } else if (row->shape == SHAPE_VALUES) {
        wanted = key_type(row, element);
    } else if (row->shape == SHAPE_TUPLES) {
        Type summary = element.children[1].type;
        bool fits =
            is_whole(summary) || (row->value == SKETCH_DOUBLE &&
                                  (summary.kind == TYPE_FLOAT || summary.kind == TYPE_DOUBLE));
        fields[0] = element.children[0];
        fields[1] = element.children[1];
        fields[0].type = key_type(row, element.children[0].type);
        fields[1].type = value_type(row);
        wanted = element;
        wanted.children = mem_arena_alloc(b->arena, sizeof(fields), 8);
        if (!wanted.children)
            return bind_fail(b, mem_arena_error(b->arena));
        memcpy((void *)wanted.children, fields, sizeof(fields));
        if (!fits || fields[0].type.kind == TYPE_NULL)
            wanted = TYPE(NULL);
    } else if (element.kind != TYPE_BINARY && element.kind != TYPE_NULL) {
        wanted = TYPE(NULL);
    }
    if (wanted.kind == TYPE_NULL)
        return bind_unexpected_input(b, e, 1,
                                     row->shape == SHAPE_VALUES ? "INT\", \"BIGINT\", \"DOUBLE\", "
                                                                  "\"STRING\" or \"BINARY"
                                                                : "BINARY",
                                     array);
    if (type_equal(element, wanted))
        return array;
    one.type = wanted;
    Type type = array->type;
    type.children = mem_arena_alloc(b->arena, sizeof(one), 8);
    if (!type.children)
        return bind_fail(b, mem_arena_error(b->arena));
    memcpy((void *)type.children, &one, sizeof(one));
    return bind_cast_to(b, array, type);
}

static Expr *bind_param(Binder *b, Scope *scope, const SketchRow *row, char param, const UExpr *e)
{
    UBuilder ub = {.arena = b->arena, .error = b->context->error};
    const UExpr *made = e;
    Type type = TYPE(INT);
    switch (param) {
    case 'k':
        made = e ? e : uexpr_int(&ub, 12);
        break;
    case 'K':
        made = e ? e : uexpr_int(&ub, 200);
        break;
    case 'g':
        made = e ? e : uexpr_int(&ub, 0);
        break;
    case 'm':
        made = e ? e : uexpr_string(&ub, "sum", 3);
        type = TYPE(STRING);
        break;
    case 'b':
        made = e ? e : uexpr_bool(&ub, false);
        type = TYPE(BOOLEAN);
        break;
    case 'r':
        type = TYPE(DOUBLE);
        break;
    default:
        type = value_type(row);
    }
    Expr *bound = made ? bind_expr(b, scope, made) : bind_fail(b, ub.result);
    return bound ? bind_cast_to(b, bound, type) : NULL;
}

static Type result_type(const SketchRow *row)
{
    switch ((SketchOp)row->op) {
    case SKETCH_THETA_ESTIMATE:
    case SKETCH_HLL_ESTIMATE:
    case SKETCH_KLL_N:
        return TYPE(LONG);
    case SKETCH_TUPLE_ESTIMATE:
    case SKETCH_TUPLE_THETA:
    case SKETCH_KLL_RANK:
        return TYPE(DOUBLE);
    case SKETCH_TUPLE_SUMMARY:
    case SKETCH_KLL_QUANTILE:
        return value_type(row);
    case SKETCH_KLL_TEXT:
        return TYPE(STRING);
    default:
        return TYPE(BINARY);
    }
}

Expr *bind_sketch(Binder *b, Scope *scope, const UExpr *e)
{
    const SketchRow *row = find(e->name);
    UBuilder ub = {.arena = b->arena, .error = b->context->error};
    uint32_t n = n_main(row), n_params = (uint32_t)strlen(row->params);
    uint32_t n_least = n + (strpbrk(row->params, "rv") ? 1 : 0), n_args = 0;
    Expr *args[8];
    if (e->n_args < n_least || e->n_args > n + n_params)
        return bind_wrong_number(b, e, n_least, n + n_params);
    if (scope->around_window)
        return bind_unsupported(b, e->position, e->stop, "sketches over windows");
    args[n_args++] =
        bind_check(b, expr_literal(b->arena, TYPE(INT), (Literal){.i = row->op * 4 + row->value}));
    if (row->shape == SHAPE_ONE) {
        Expr *sketch = bind_expr(b, scope, e->args[0]);
        if (sketch && sketch->type.kind == TYPE_NULL)
            sketch = bind_cast_to(b, sketch, TYPE(BINARY));
        if (sketch && sketch->type.kind != TYPE_BINARY)
            return bind_unexpected_input(b, e, 1, "BINARY", sketch);
        args[n_args++] = sketch;
    } else {
        const UExpr *list = row->shape == SHAPE_PAIR ? uexpr_call(&ub, "array", e->args, 2)
                                                     : collected(&ub, e, row);
        Expr *array = list ? bind_expr(b, scope, list) : bind_fail(b, ub.result);
        args[n_args++] = array ? as_wanted(b, e, row, array) : NULL;
    }
    if (!args[0] || !args[1])
        return NULL;
    for (uint32_t i = 0; i < n_params; i++) {
        args[n_args] =
            bind_param(b, scope, row, row->params[i], n + i < e->n_args ? e->args[n + i] : NULL);
        if (!args[n_args++])
            return NULL;
    }
    /* Of two sketches neither may be null: they stand behind the others as well. */
    for (uint32_t i = 0; row->shape == SHAPE_PAIR && i < 2; i++) {
        args[n_args] = bind_expr(b, scope, e->args[i]);
        if (!args[n_args++])
            return NULL;
    }
    bool nullable = row->op == SKETCH_KLL_QUANTILE || row->op == SKETCH_KLL_RANK;
    for (uint32_t i = 0; i < n_args; i++)
        nullable |= args[i]->nullable;
    return bind_make_call(b, FN_SKETCH, result_type(row), nullable, args, n_args);
}
