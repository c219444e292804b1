/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/nested.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "exec/expr/nested_sketch.h"

/* Constructors, access, and the loop over rows that all functions on nested values share. */

/* ---- errors ---- */

int nested_fail_size(ExprState *s, const Step *step, uint64_t n)
{
    int r = query_error_set(s->error, DATA_ERROR_RUNTIME, "COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION",
                            "54000",
                            "Can't create array with %llu elements which exceeding the array size "
                            "limit %u, unsuccessful "
                            "try to create arrays in the function `%s`.",
                            (unsigned long long)n, NESTED_COUNT_MAX, "array");
    if (s->error && !s->error->start)
        s->error->start = step->expr->position;
    return r;
}

int nested_fail_value(NestedCall *c, const char *class, const char *sqlstate, const char *message)
{
    int r = query_error_set(c->s->error, DATA_ERROR_RUNTIME, class, sqlstate, "%s", message);
    if (c->s->error && !c->s->error->start)
        c->s->error->start = c->step->expr->position;
    return r;
}

int nested_fail_null_key(NestedCall *c)
{
    return nested_fail_value(c, "NULL_MAP_KEY", "2200E", "Cannot use null as map key.");
}

int nested_fail_duplicate(NestedCall *c, Type key, const NestedItem *item)
{
    VecString text = {0};
    char message[400], quoted[110];
    int r = nested_to_text(c, key, item, &text);
    if (r)
        return r;
    snprintf(quoted, sizeof(quoted), "%.*s", (int)MIN(text.length, 100u), vec_string_data(&text));
    snprintf(message, sizeof(message),
             "Duplicate map key %s was found, please check the input data.\nIf you want to remove "
             "the duplicated keys, you can set \"spark.sql.mapKeyDedupPolicy\" to \"LAST_WIN\" so "
             "that the key inserted at last takes precedence.",
             quoted);
    r = nested_fail_value(c, "DUPLICATED_MAP_KEY", "23505", message);
    query_error_parameters(c->s->error, "key", quoted, "mapKeyDedupPolicy",
                           "\"spark.sql.mapKeyDedupPolicy\"", NULL);
    return r;
}

int nested_fail_index(NestedCall *c, int64_t index, uint32_t n, bool element_at)
{
    char message[300], value[24], size[16];
    snprintf(value, sizeof(value), "%lld", (long long)index);
    snprintf(size, sizeof(size), "%u", n);
    snprintf(message, sizeof(message),
             "The index %s is out of bounds. The array has %s elements. %s", value, size,
             element_at ? "Use `try_element_at` to tolerate accessing element at invalid index and "
                          "return NULL instead."
                        : "Use the SQL function `get()` to tolerate accessing element at invalid "
                          "index and return NULL instead.");
    int r =
        query_error_set(c->s->error, DATA_ERROR_INDEX,
                        element_at ? "INVALID_ARRAY_INDEX_IN_ELEMENT_AT" : "INVALID_ARRAY_INDEX",
                        "22003", "%s", message);
    if (c->s->error && !c->s->error->start)
        c->s->error->start = c->step->expr->position;
    query_error_parameters(c->s->error, "indexValue", value, "arraySize", size, NULL);
    return r;
}

int nested_fail_zero(NestedCall *c)
{
    return nested_fail_value(c, "INVALID_INDEX_OF_ZERO", "22003",
                             "The index 0 is invalid. An index shall be either < 0 or > 0 (the "
                             "first element has index 1).");
}

/* ---- common ---- */

int nested_unpack(NestedCall *c, Type element, const VecString *array, NestedItem **ret,
                  uint32_t *ret_n)
{
    uint32_t n = nested_count(array);
    NestedItem *items = nested_items(c, n);
    if (!items)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++)
        nested_element(element, array, i, &items[i]);
    *ret = items;
    *ret_n = n;
    return 0;
}

int nested_set_init(NestedCall *c, NestedSet *set, Type type, const NestedItem *items, uint32_t n)
{
    uint32_t capacity = 16;
    while (capacity < n * 2ull)
        capacity *= 2;
    *set = (NestedSet){.type = type, .mask = capacity - 1, .items = items};
    set->slots = mem_arena_new_array(c->arena, uint32_t, capacity);
    return set->slots ? 0 : mem_arena_error(c->arena);
}

static bool same_value(const NestedSet *set, const NestedValue *a, const NestedValue *b)
{
    if (nested_compare(set->type, a, b) != 0)
        return false;
    if (!set->exact || (set->type.kind != TYPE_DOUBLE && set->type.kind != TYPE_FLOAT))
        return true;
    return set->type.kind == TYPE_DOUBLE ? signbit(a->f64) == signbit(b->f64)
                                         : signbit(a->f32) == signbit(b->f32);
}

static uint32_t set_find(const NestedSet *set, const NestedItem *item)
{
    uint32_t at = (uint32_t)nested_hash(set->type, &item->value) & set->mask;
    for (; set->slots[at]; at = (at + 1) & set->mask)
        if (same_value(set, &set->items[set->slots[at] - 1].value, &item->value))
            break;
    return at;
}

bool nested_set_add(NestedSet *set, uint32_t number)
{
    const NestedItem *item = &set->items[number];
    if (item->is_null) {
        bool new = !set->has_null;
        set->has_null = true;
        return new;
    }
    uint32_t at = set_find(set, item);
    if (set->slots[at])
        return false;
    set->slots[at] = number + 1;
    return true;
}

bool nested_set_has(const NestedSet *set, const NestedItem *item)
{
    return item->is_null ? set->has_null : set->slots[set_find(set, item)] != 0;
}

/* spark.sql.mapKeyDedupPolicy=LAST_WIN: the first place, the last value. @ret_keys: room for
 * @n keys, and for @n values behind them. */
static int last_wins(NestedCall *c, Type key, const NestedItem *keys, const NestedItem *values,
                     uint32_t n, NestedItem *ret_keys, uint32_t *ret_n)
{
    NestedSet set;
    uint32_t *places = mem_arena_alloc(c->arena, sizeof(*places) * (n + 1ull), 4), n_kept = 0;
    if (!places)
        return mem_arena_error(c->arena);
    int r = nested_set_init(c, &set, key, keys, n);
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        if (keys[i].is_null)
            return nested_fail_null_key(c);
        uint32_t *slot = &set.slots[set_find(&set, &keys[i])];
        if (*slot == 0) {
            *slot = i + 1;
            places[i] = n_kept;
            ret_keys[n_kept++] = keys[i];
        }
        ret_keys[n + places[*slot - 1]] = values[i];
    }
    *ret_n = n_kept;
    return r;
}

int nested_make_map(NestedCall *c, Type type, const NestedItem *keys, const NestedItem *values,
                    uint32_t n, VecString *ret)
{
    NestedSet set;
    VecString halves[2];
    bool last = c->step->expr->try_cast;
    int r;
    if (last) {
        NestedItem *kept = nested_items(c, 2ull * n);
        if (!kept)
            return mem_arena_error(c->arena);
        uint32_t n_kept = 0;
        r = last_wins(c, type.children[0].type, keys, values, n, kept, &n_kept);
        keys = kept;
        values = kept + n;
        n = n_kept;
    } else {
        r = nested_set_init(c, &set, type.children[0].type, keys, n);
    }
    for (uint32_t i = 0; !last && r == 0 && i < n; i++) {
        if (keys[i].is_null)
            return nested_fail_null_key(c);
        if (!nested_set_add(&set, i))
            return nested_fail_duplicate(c, type.children[0].type, &keys[i]);
    }
    if (r == 0)
        r = nested_array(c->arena, type.children[0].type, keys, n, &halves[0]);
    if (r == 0)
        r = nested_array(c->arena, type.children[1].type, values, n, &halves[1]);
    return r ? r : nested_map_of(c->arena, &halves[0], &halves[1], ret);
}

static bool sorts_after(Type type, const NestedItem *a, const NestedItem *b, bool descending,
                        bool nulls_first)
{
    if (a->is_null || b->is_null)
        return a->is_null != b->is_null && a->is_null != nulls_first;
    int order = nested_compare(type, &a->value, &b->value);
    return descending ? order < 0 : order > 0;
}

void nested_sort(Type type, NestedItem *items, NestedItem *scratch, uint32_t n, bool descending,
                 bool nulls_first)
{
    /* Merging runs of growing length; what is sorted already costs one pass. */
    NestedItem *from = items, *to = scratch;
    for (uint64_t run = 1; run < n; run *= 2) {
        for (uint64_t begin = 0; begin < n; begin += 2 * run) {
            uint64_t a = begin, a_end = MIN(begin + run, (uint64_t)n), b = a_end,
                     b_end = MIN(begin + 2 * run, (uint64_t)n), k = begin;
            while (a < a_end && b < b_end)
                to[k++] = sorts_after(type, &from[a], &from[b], descending, nulls_first)
                              ? from[b++]
                              : from[a++];
            while (a < a_end)
                to[k++] = from[a++];
            while (b < b_end)
                to[k++] = from[b++];
        }
        NestedItem *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, sizeof(*items) * n);
}

/* ---- constructors ---- */

static int do_array(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    return nested_array(c->arena, c->step->type.children[0].type, args, c->step->n_args,
                        &ret->value.s);
}

static int do_struct(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    return nested_record(c->arena, c->step->type, args, &ret->value.s);
}

static int do_map(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    uint32_t n = c->step->n_args / 2;
    NestedItem *halves = nested_items(c, 2ull * n);
    if (!halves)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        halves[i] = args[2 * i];
        halves[n + i] = args[2 * i + 1];
    }
    return nested_make_map(c, c->step->type, halves, halves + n, n, &ret->value.s);
}

/* ---- access ---- */

static int do_field(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    nested_field(c->types[0], &args[0].value.s, (uint32_t)args[1].value.i32, ret);
    return 0;
}

static int do_array_get(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    uint32_t n = nested_count(&args[0].value.s);
    int32_t i = args[1].value.i32;
    if (i < 0 || (uint32_t)i >= n) {
        ret->is_null = true;
        return args[2].value.b ? 0 : nested_fail_index(c, i, n, false);
    }
    nested_element(c->types[0].children[0].type, &args[0].value.s, (uint32_t)i, ret);
    return 0;
}

static int do_element_at(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    uint32_t n = nested_count(&args[0].value.s);
    int64_t i = args[1].value.i32;
    if (i == 0)
        return nested_fail_zero(c);
    int64_t at = i > 0 ? i - 1 : i + (int64_t)n;
    if (at < 0 || at >= (int64_t)n) {
        ret->is_null = true;
        return args[2].value.b ? 0 : nested_fail_index(c, i, n, true);
    }
    nested_element(c->types[0].children[0].type, &args[0].value.s, (uint32_t)at, ret);
    return 0;
}

static int do_map_get(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type key = c->types[0].children[0].type;
    VecString keys, values;
    nested_map(&args[0].value.s, &keys, &values);
    for (uint32_t i = 0, n = nested_count(&keys); i < n; i++) {
        NestedItem item;
        nested_element(key, &keys, i, &item);
        if (nested_compare(key, &item.value, &args[1].value) == 0) {
            nested_element(c->types[0].children[1].type, &values, i, ret);
            return 0;
        }
    }
    ret->is_null = true;
    return 0;
}

static int do_size(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    VecString keys = args[0].value.s, values;
    if (c->types[0].kind == TYPE_MAP)
        nested_map(&args[0].value.s, &keys, &values);
    ret->value.i32 = (int32_t)nested_count(&keys);
    return 0;
}

static int do_key(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    return nested_key(c->arena, c->types[0], &args[0].value.s, &ret->value.s);
}

static int do_unkey(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    return nested_unkey(c->arena, c->step->type, &args[0].value.s, &ret->value.s);
}

static int do_collected(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type element = c->step->type.children[0].type;
    bool strings = type_phys(element) == PHYS_STRING;
    size_t size = phys_size(type_phys(element));
    const VecString *s = &args[0].value.s;
    const char *at = vec_string_data(s), *end = at + s->length;
    uint64_t n = 0;
    for (const char *p = at; p < end; n++) {
        uint32_t length = (uint32_t)size;
        if (strings) {
            memcpy(&length, p, sizeof(length));
            p += sizeof(length);
        }
        p += length;
    }
    if (n > NESTED_COUNT_MAX)
        return nested_fail_size(c->s, c->step, n);
    NestedItem *items = nested_items(c, n);
    if (!items)
        return mem_arena_error(c->arena);
    for (uint64_t i = 0; i < n; i++) {
        items[i] = (NestedItem){0};
        if (strings) {
            uint32_t length;
            memcpy(&length, at, sizeof(length));
            items[i].value.s = vec_string(at + sizeof(length), length);
            at += sizeof(length) + length;
        } else {
            memcpy(&items[i].value, at, size);
            at += size;
        }
    }
    return nested_array(c->arena, element, items, (uint32_t)n, &ret->value.s);
}

static int do_to_text(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    return nested_to_text(c, c->types[0], &args[0], &ret->value.s);
}

static int do_show_text(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    return nested_to_show_text(c, c->types[0], &args[0], &ret->value.s);
}

static int do_sketch(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    SketchOp op = (SketchOp)(args[0].value.i32 / 4);
    SketchValue value = (SketchValue)(args[0].value.i32 % 4);
    if (op == SKETCH_BITMAP_AND)
        return nested_bitmap_and(c, args, ret);
    return op < SKETCH_KLL_MAKE ? nested_sketch(c, args, op, value, ret)
                                : nested_kll(c, args, op, value, ret);
}

/* ---- the loop ---- */

typedef struct NestedAux {
    NestedRowFunction function;
    bool nulls; /* the function sees nulls */
    Type *types;
} NestedAux;

static int eval_rows(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out)
{
    const NestedAux *aux = step->aux;
    uint32_t n_args = step->n_args;
    const Vector **v = mem_arena_alloc(s->strings, sizeof(*v) * (n_args + 1ull), 8);
    NestedItem *items = mem_arena_alloc(s->strings, sizeof(*items) * (n_args + 1ull), 16);
    NestedCall call = {.s = s, .step = step, .types = aux->types, .arena = s->strings};
    uint8_t *values;
    if (!v || !items)
        return mem_arena_error(s->strings);
    for (uint32_t i = 0; i < n_args; i++) {
        int r = expr_flat(s, args[i], scope, &v[i]);
        if (r)
            return r;
    }
    int r = expr_out(s, out, step->type, step->phys, &values);
    if (r == 0)
        r = expr_out_valid(s, out);
    if (r)
        return r;
    size_t size = phys_size(step->phys);
    bool any_null = false;
    EXPR_FOR_ROWS(scope->sel, scope->n, row)
    {
        NestedItem result = {0};
        for (uint32_t i = 0; i < n_args; i++) {
            nested_load(v[i], row, &items[i]);
            result.is_null |= items[i].is_null && !aux->nulls;
        }
        if (!result.is_null) {
            r = aux->function(&call, items, &result);
            if (r == -EMSGSIZE)
                r = nested_fail_size(s, step, UINT64_C(1) << 31);
            if (r)
                return r;
        }
        if (result.is_null) {
            memset(&result.value, 0, sizeof(result.value));
            vec_bit_clear(out->valid, row);
            any_null = true;
        }
        nested_store(&result, size, values, row);
    }
    out->v.has_nulls = any_null;
    return 0;
}

static NestedRowFunction own_function(FunctionId id, bool *ret_nulls)
{
    *ret_nulls = id == FN_ARRAY || id == FN_MAP || id == FN_STRUCT;
    switch (id) {
    case FN_ARRAY:
        return do_array;
    case FN_MAP:
        return do_map;
    case FN_STRUCT:
        return do_struct;
    case FN_FIELD:
        return do_field;
    case FN_ARRAY_GET:
        return do_array_get;
    case FN_ELEMENT_AT:
        return do_element_at;
    case FN_MAP_GET:
        return do_map_get;
    case FN_SIZE:
        return do_size;
    case FN_NESTED_KEY:
        return do_key;
    case FN_NESTED_UNKEY:
        return do_unkey;
    case FN_COLLECTED:
        return do_collected;
    case FN_SHOW_TEXT:
        return do_show_text;
    case FN_SKETCH:
        return do_sketch;
    default:
        return NULL;
    }
}

static int bind_rows(MemArena *arena, Step *step, const Step *steps, NestedRowFunction function,
                     bool nulls)
{
    NestedAux *aux = mem_arena_new_of(arena, NestedAux);
    Type *types = mem_arena_new_array(arena, Type, step->n_args + 1);
    if (!aux || !types)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < step->n_args; i++)
        types[i] = steps[step->args[i]].type;
    *aux = (NestedAux){function, nulls, types};
    step->aux = aux;
    step->eval = eval_rows;
    return 0;
}

int expr_bind_nested(MemArena *arena, Step *step, const Step *steps)
{
    bool nulls = false;
    if (step->kind == EXPR_CAST) {
        Type from = steps[step->args[0]].type;
        if (!type_is_nested(from) || step->type.kind != TYPE_STRING)
            return 0;
        step->can_fail = steps[step->args[0]].can_fail;
        return bind_rows(arena, step, steps, do_to_text, false);
    }
    if (step->function < FN_NESTED_FIRST || step->function > FN_NESTED_LAST)
        return 0;
    NestedRowFunction function = own_function(step->function, &nulls);
    if (!function)
        function = nested_aggregate_function(step->function, &nulls);
    if (!function)
        function = nested_array_function(step->function, &nulls);
    if (!function)
        function = nested_map_function(step->function, &nulls);
    if (!function)
        function = nested_json_function(step->function, &nulls);
    return function ? bind_rows(arena, step, steps, function, nulls) : 0;
}
