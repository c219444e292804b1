/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/plan/expr_build.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/datetime.h"

static Expr *expr_new(MemArena *arena, ExprKind kind, Type type, bool nullable)
{
    Expr *e = mem_arena_zalloc(arena, sizeof(*e), _Alignof(Expr));
    if (!e)
        return NULL;
    e->kind = kind;
    e->type = type;
    e->nullable = nullable;
    return e;
}

Expr *expr_column(MemArena *arena, uint32_t column, Type type, bool nullable)
{
    Expr *e = expr_new(arena, EXPR_COLUMN, type, nullable);
    if (e)
        e->column = column;
    return e;
}

Expr *expr_literal(MemArena *arena, Type type, Literal literal)
{
    Expr *e = expr_new(arena, EXPR_LITERAL, type, literal.is_null);
    if (e)
        e->literal = literal;
    return e;
}

Expr *expr_null(MemArena *arena, Type type)
{
    return expr_literal(arena, type, (Literal){.is_null = true});
}

Expr *expr_bool(MemArena *arena, bool value)
{
    return expr_literal(arena, TYPE(BOOLEAN), (Literal){.b = value});
}

Expr *expr_int(MemArena *arena, int32_t value)
{
    return expr_literal(arena, TYPE(INT), (Literal){.i = value});
}

Expr *expr_call(MemArena *arena, FunctionId function, Type type, bool nullable, Expr *const *args,
                uint32_t n_args)
{
    Expr *e = expr_new(arena, EXPR_CALL, type, nullable);
    if (!e)
        return NULL;
    e->function = function;
    e->n_args = n_args;
    e->args = mem_arena_alloc(arena, MAX(n_args, 1u) * sizeof(*args), _Alignof(Expr *));
    if (!e->args)
        return NULL;
    for (uint32_t i = 0; i < n_args; i++) {
        if (!args[i])
            return NULL;
        e->args[i] = args[i];
        if (e->position == 0)
            e->position = args[i]->position;
    }
    return e;
}

/* Casts that Spark calls nullable whatever goes in, although under ANSI rules they fail instead. */
static bool cast_may_be_null(Type from, Type to)
{
    bool fraction = from.kind == TYPE_FLOAT || from.kind == TYPE_DOUBLE;
    if (from.kind == TYPE_STRING)
        return to.kind != TYPE_BINARY;
    if (from.kind == TYPE_TIMESTAMP)
        return type_is_integral(to) && to.kind != TYPE_LONG;
    if (to.kind == TYPE_DATE || (fraction && to.kind == TYPE_TIMESTAMP))
        return true;
    if (to.kind == TYPE_DECIMAL) {
        if (fraction)
            return true;
        int whole = to.precision - to.scale;
        if (from.kind == TYPE_DECIMAL)
            return whole < from.precision - from.scale ||
                   (whole == from.precision - from.scale && to.scale < from.scale);
        int digits = from.kind == TYPE_BYTE    ? 3
                     : from.kind == TYPE_SHORT ? 5
                     : from.kind == TYPE_INT   ? 10
                     : from.kind == TYPE_LONG  ? 20
                                               : 1;
        return whole < digits;
    }
    return (fraction || from.kind == TYPE_DECIMAL) && type_is_integral(to);
}

Expr *expr_cast(MemArena *arena, Expr *e, Type type, bool try_cast)
{
    if (!e)
        return NULL;
    if (type_equal(e->type, type))
        return e;
    Literal converted;
    if (e->kind == EXPR_LITERAL && literal_convert(arena, e->type, &e->literal, type, &converted)) {
        Expr *made = expr_literal(arena, type, converted);
        if (made)
            made->position = e->position;
        return made;
    }
    Expr *cast = expr_new(arena, EXPR_CAST, type,
                          e->nullable || try_cast || cast_may_be_null(e->type, type));
    if (!cast)
        return NULL;
    cast->n_args = 1;
    cast->args = mem_arena_alloc(arena, sizeof(*cast->args), _Alignof(Expr *));
    if (!cast->args)
        return NULL;
    cast->args[0] = e;
    cast->try_cast = try_cast;
    cast->position = e->position;
    return cast;
}

Expr *expr_compare(MemArena *arena, FunctionId function, Expr *a, Expr *b)
{
    if (!a || !b)
        return NULL;
    bool nullable = function != FN_EQ_NULL_SAFE && (a->nullable || b->nullable);
    return expr_call(arena, function, TYPE(BOOLEAN), nullable, (Expr *[]){a, b}, 2);
}

Expr *expr_balanced(MemArena *arena, FunctionId function, Expr *const *parts, uint32_t n)
{
    if (n == 0)
        return expr_bool(arena, function == FN_AND);
    if (n == 1)
        return parts[0];
    Expr *a = expr_balanced(arena, function, parts, n / 2);
    Expr *b = expr_balanced(arena, function, parts + n / 2, n - n / 2);
    if (!a || !b)
        return NULL;
    return expr_call(arena, function, TYPE(BOOLEAN), a->nullable || b->nullable, (Expr *[]){a, b},
                     2);
}

bool literal_equal(Type type, const Literal *a, const Literal *b)
{
    if (a->is_null || b->is_null)
        return a->is_null && b->is_null;
    switch (type_phys(type)) {
    case PHYS_BOOL:
        return a->b == b->b;
    case PHYS_F32:
    case PHYS_F64:
        return memcmp(&a->d, &b->d, sizeof(a->d)) == 0;
    case PHYS_STRING:
        return a->s.length == b->s.length &&
               memcmp(vec_string_data(&a->s), vec_string_data(&b->s), a->s.length) == 0;
    case PHYS_I128:
        return a->i128 == b->i128;
    default:
        return a->i == b->i;
    }
}

int literal_compare(Type type, const Literal *a, const Literal *b)
{
    switch (type_phys(type)) {
    case PHYS_BOOL:
        return a->b - b->b;
    case PHYS_F32:
    case PHYS_F64:
        return a->d < b->d ? -1 : a->d > b->d;
    case PHYS_STRING: {
        int c =
            memcmp(vec_string_data(&a->s), vec_string_data(&b->s), MIN(a->s.length, b->s.length));
        if (c != 0)
            return c < 0 ? -1 : 1;
        return a->s.length < b->s.length ? -1 : a->s.length > b->s.length;
    }
    case PHYS_I128:
        return a->i128 < b->i128 ? -1 : a->i128 > b->i128;
    default:
        return a->i < b->i ? -1 : a->i > b->i;
    }
}

/* Two lambdas under comparison: their parameters correspond by position. */
typedef struct LambdaPair {
    const struct LambdaPair *outer;
    const Expr *a, *b;
} LambdaPair;

static bool same_variable(const LambdaPair *pair, const Expr *a, const Expr *b)
{
    for (; pair; pair = pair->outer)
        for (uint32_t i = 1; i < pair->a->n_args; i++)
            if (pair->a->args[i]->column == a->column || pair->b->args[i]->column == b->column)
                return pair->a->args[i]->column == a->column &&
                       pair->b->args[i]->column == b->column;
    return a->column == b->column;
}

static bool equal_within(const Expr *a, const Expr *b, const LambdaPair *pair)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || !type_equal(a->type, b->type) || a->n_args != b->n_args)
        return false;
    switch (a->kind) {
    case EXPR_COLUMN:
        return a->column == b->column;
    case EXPR_VARIABLE:
        return same_variable(pair, a, b);
    case EXPR_LITERAL:
        return literal_equal(a->type, &a->literal, &b->literal);
    case EXPR_CALL:
        if (a->function != b->function)
            return false;
        break;
    case EXPR_CAST:
        if (a->try_cast != b->try_cast)
            return false;
        break;
    default:
        break;
    }
    LambdaPair inner = {pair, a, b};
    for (uint32_t i = 0; i < a->n_args; i++)
        if (!equal_within(a->args[i], b->args[i], a->kind == EXPR_LAMBDA ? &inner : pair))
            return false;
    return true;
}

bool expr_is_volatile(const Expr *e)
{
    if (e->kind == EXPR_CALL && e->function >= FN_VOLATILE_FIRST && e->function <= FN_VOLATILE_LAST)
        return true;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (expr_is_volatile(e->args[i]))
            return true;
    return false;
}

bool expr_equal(const Expr *a, const Expr *b)
{
    return equal_within(a, b, NULL);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

uint64_t expr_hash(const Expr *e)
{
    uint64_t h = mix(e->kind, e->type.kind);
    h = mix(h, (uint64_t)e->type.precision << 8 | e->type.scale);
    h = mix(h, e->kind == EXPR_COLUMN ? e->column : e->kind == EXPR_CALL ? e->function : 0);
    for (uint32_t i = 0; i < e->n_args; i++)
        h = mix(h, expr_hash(e->args[i]));
    return h;
}

bool expr_is_true(const Expr *e)
{
    return e->kind == EXPR_LITERAL && e->type.kind == TYPE_BOOLEAN && !e->literal.is_null &&
           e->literal.b;
}

bool expr_is_false(const Expr *e)
{
    return e->kind == EXPR_LITERAL &&
           (e->literal.is_null || (e->type.kind == TYPE_BOOLEAN && !e->literal.b));
}

bool expr_each_column(const Expr *e, bool (*visit)(void *userdata, uint32_t column), void *userdata)
{
    if (e->kind == EXPR_COLUMN)
        return visit(userdata, e->column);
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!expr_each_column(e->args[i], visit, userdata))
            return false;
    return true;
}

typedef struct Range {
    uint32_t low, high;
} Range;

static bool visit_within(void *userdata, uint32_t column)
{
    const Range *range = userdata;
    return column >= range->low && column < range->high;
}

bool expr_columns_within(const Expr *e, uint32_t low, uint32_t high)
{
    return expr_each_column(e, visit_within, &(Range){low, high});
}

bool expr_has_columns(const Expr *e)
{
    return !expr_columns_within(e, 0, 0);
}

Expr *expr_rewrite(MemArena *arena, Expr *e, Expr *(*replace)(void *userdata, Expr *e),
                   void *userdata)
{
    Expr *made = replace(userdata, e);
    if (made || e->n_args == 0)
        return made ? made : e;
    Expr *copy = NULL;
    for (uint32_t i = 0; i < e->n_args; i++) {
        Expr *arg = expr_rewrite(arena, e->args[i], replace, userdata);
        if (!arg)
            return NULL;
        if (arg == e->args[i])
            continue;
        if (!copy) {
            copy = mem_arena_alloc(arena, sizeof(*copy), _Alignof(Expr));
            Expr **args = mem_arena_alloc(arena, e->n_args * sizeof(*args), _Alignof(Expr *));
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

typedef struct Remap {
    MemArena *arena;
    const uint32_t *map;
    Expr *const *exprs;
    int64_t delta;
} Remap;

static Expr *replace_column(void *userdata, Expr *e)
{
    const Remap *m = userdata;
    if (e->kind != EXPR_COLUMN)
        return NULL;
    if (m->exprs)
        return m->exprs[e->column];
    uint32_t to = m->map ? m->map[e->column] : (uint32_t)(e->column + m->delta);
    if (to == e->column)
        return e;
    Expr *made = expr_column(m->arena, to, e->type, e->nullable);
    if (made)
        made->position = e->position;
    return made;
}

Expr *expr_remap(MemArena *arena, Expr *e, const uint32_t *map)
{
    return expr_rewrite(arena, e, replace_column, &(Remap){.arena = arena, .map = map});
}

Expr *expr_shift(MemArena *arena, Expr *e, int64_t delta)
{
    return expr_rewrite(arena, e, replace_column, &(Remap){.arena = arena, .delta = delta});
}

Expr *expr_substitute(MemArena *arena, Expr *e, Expr *const *exprs)
{
    return expr_rewrite(arena, e, replace_column, &(Remap){.arena = arena, .exprs = exprs});
}

bool expr_list_add(MemArena *arena, ExprList *list, Expr *e)
{
    if (!e)
        return false;
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
        Expr **grown = mem_arena_alloc(arena, capacity * sizeof(*grown), _Alignof(Expr *));
        if (!grown)
            return false;
        if (list->n > 0)
            memcpy(grown, list->items, list->n * sizeof(*grown));
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n++] = e;
    return true;
}

bool expr_split(MemArena *arena, FunctionId function, Expr *e, ExprList *list)
{
    if (e->kind == EXPR_CALL && e->function == function) {
        for (uint32_t i = 0; i < e->n_args; i++)
            if (!expr_split(arena, function, e->args[i], list))
                return false;
        return true;
    }
    return expr_list_add(arena, list, e);
}

/* ---- literals ---- */

static __int128 power10(int n)
{
    __int128 v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

__int128 literal_decimal(Type type, const Literal *literal)
{
    return type.precision > 18 ? literal->i128 : literal->i;
}

Literal literal_of_decimal(Type type, __int128 value)
{
    Literal literal = {0};
    if (type.precision > 18)
        literal.i128 = value;
    else
        literal.i = (int64_t)value;
    return literal;
}

static bool to_decimal(__int128 value, int scale, Type to, Literal *ret)
{
    if (to.scale < scale)
        return false; /* rounding: left to the evaluator */
    __int128 limit = power10(to.precision - to.scale + scale);
    if (value >= limit || value <= -limit)
        return false;
    *ret = literal_of_decimal(to, value * power10(to.scale - scale));
    return true;
}

static bool to_integral(int64_t value, Type to, Literal *ret)
{
    static const int64_t max[] = {[TYPE_BYTE] = INT8_MAX,
                                  [TYPE_SHORT] = INT16_MAX,
                                  [TYPE_INT] = INT32_MAX,
                                  [TYPE_LONG] = INT64_MAX};
    if (value > max[to.kind] || value < -max[to.kind] - 1)
        return false;
    *ret = (Literal){.i = value};
    return true;
}

bool literal_convert(MemArena *arena, Type from, const Literal *literal, Type to, Literal *ret)
{
    if (literal->is_null) {
        *ret = (Literal){.is_null = true};
        return true;
    }
    if (type_is_integral(from)) {
        if (type_is_integral(to))
            return to_integral(literal->i, to, ret);
        if (to.kind == TYPE_DECIMAL)
            return to_decimal(literal->i, 0, to, ret);
        if (to.kind == TYPE_DOUBLE && literal->i < (INT64_C(1) << 53) &&
            literal->i > -(INT64_C(1) << 53)) {
            *ret = (Literal){.d = (double)literal->i};
            return true;
        }
        return false;
    }
    if (from.kind == TYPE_DECIMAL && to.kind == TYPE_DECIMAL)
        return to_decimal(literal_decimal(from, literal), from.scale, to, ret);
    if (from.kind == TYPE_DECIMAL && to.kind == TYPE_DOUBLE) {
        __int128 v = literal_decimal(from, literal);
        /* Exact for 15 digits and powers of ten up to 22: one correctly rounded division. */
        if (v > -INT64_C(1000000000000000) && v < INT64_C(1000000000000000) && from.scale <= 22) {
            *ret = (Literal){.d = (double)(int64_t)v / pow(10, from.scale)};
            return true;
        }
        return false;
    }
    if (from.kind == TYPE_FLOAT && to.kind == TYPE_DOUBLE) {
        *ret = *literal;
        return true;
    }
    if (from.kind == TYPE_STRING && to.kind == TYPE_DATE) {
        int32_t days;
        if (!plan_parse_date(vec_string_data(&literal->s), literal->s.length, &days))
            return false;
        *ret = (Literal){.i = days};
        return true;
    }
    return false;
}
