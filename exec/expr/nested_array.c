/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/nested.h"

#include <errno.h>
#include <stdio.h>

/* Functions on arrays without lambdas. */

static Type element_of(const NestedCall *c, uint32_t i)
{
    return c->types[i].children[0].type;
}

static int finish(NestedCall *c, const NestedItem *items, uint64_t n, NestedItem *ret)
{
    if (n > NESTED_COUNT_MAX)
        return nested_fail_size(c->s, c->step, n);
    return nested_array(c->arena, c->step->type.children[0].type, items, (uint32_t)n,
                        &ret->value.s);
}

static bool equal(Type type, const NestedItem *a, const NestedItem *b)
{
    return !a->is_null && !b->is_null && nested_compare(type, &a->value, &b->value) == 0;
}

static int do_contains(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = element_of(c, 0);
    bool nulls = false;
    for (uint32_t i = 0, n = nested_count(&args[0].value.s); i < n; i++) {
        NestedItem item;
        nested_element(type, &args[0].value.s, i, &item);
        nulls |= item.is_null;
        if (equal(type, &item, &args[1])) {
            ret->value.b = 1;
            return 0;
        }
    }
    ret->is_null = nulls;
    return 0;
}

static int do_position(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = element_of(c, 0);
    for (uint32_t i = 0, n = nested_count(&args[0].value.s); i < n; i++) {
        NestedItem item;
        nested_element(type, &args[0].value.s, i, &item);
        if (equal(type, &item, &args[1])) {
            ret->value.i64 = i + INT64_C(1);
            return 0;
        }
    }
    return 0;
}

/* array_remove, array_compact: what is left of the elements. */
static int do_remove(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = element_of(c, 0);
    bool compact = c->step->function == FN_ARRAY_COMPACT;
    NestedItem *items;
    uint32_t n, k = 0;
    int r = nested_unpack(c, type, &args[0].value.s, &items, &n);
    if (r)
        return r;
    for (uint32_t i = 0; i < n; i++)
        if (compact ? !items[i].is_null : !equal(type, &items[i], &args[1]))
            items[k++] = items[i];
    return finish(c, items, k, ret);
}

static int do_distinct(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = element_of(c, 0);
    NestedItem *items, *kept;
    NestedSet set;
    uint32_t n, k = 0;
    int r = nested_unpack(c, type, &args[0].value.s, &items, &n);
    if (r)
        return r;
    kept = nested_items(c, n);
    if (!kept)
        return mem_arena_error(c->arena);
    r = nested_set_init(c, &set, type, items, n);
    set.exact = true;
    for (uint32_t i = 0; r == 0 && i < n; i++)
        if (nested_set_add(&set, i))
            kept[k++] = items[i];
    return r ? r : finish(c, kept, k, ret);
}

/* union, intersect, except: elements of both in one list, @n_left of them from the first. */
static int do_set(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = element_of(c, 0);
    uint32_t n_left = nested_count(&args[0].value.s), n_right = nested_count(&args[1].value.s);
    uint64_t n = (uint64_t)n_left + n_right, k = 0;
    NestedItem *items = nested_items(c, n), *kept = nested_items(c, n);
    NestedSet seen, right;
    if (!items || !kept)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n_left; i++)
        nested_element(type, &args[0].value.s, i, &items[i]);
    for (uint32_t i = 0; i < n_right; i++)
        nested_element(type, &args[1].value.s, i, &items[n_left + i]);
    int r = nested_set_init(c, &seen, type, items, (uint32_t)n);
    if (r == 0)
        r = nested_set_init(c, &right, type, items, n_right);
    if (r)
        return r;
    seen.exact = right.exact = true;
    if (c->step->function == FN_ARRAY_UNION) {
        for (uint32_t i = 0; i < n; i++)
            if (nested_set_add(&seen, i))
                kept[k++] = items[i];
        return finish(c, kept, k, ret);
    }
    bool wanted = c->step->function == FN_ARRAY_INTERSECT;
    for (uint32_t i = n_left; i < n; i++)
        nested_set_add(&right, i);
    for (uint32_t i = 0; i < n_left; i++)
        if (nested_set_has(&right, &items[i]) == wanted && nested_set_add(&seen, i))
            kept[k++] = items[i];
    return finish(c, kept, k, ret);
}

static int do_overlap(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = element_of(c, 0);
    NestedItem *left, *right;
    NestedSet set;
    uint32_t n_left, n_right;
    bool nulls = false;
    int r = nested_unpack(c, type, &args[0].value.s, &left, &n_left);
    if (r == 0)
        r = nested_unpack(c, type, &args[1].value.s, &right, &n_right);
    if (r == 0)
        r = nested_set_init(c, &set, type, left, n_left);
    if (r)
        return r;
    for (uint32_t i = 0; i < n_left; i++) {
        nulls |= left[i].is_null;
        if (!left[i].is_null)
            nested_set_add(&set, i);
    }
    for (uint32_t i = 0; i < n_right; i++) {
        nulls |= right[i].is_null;
        if (!right[i].is_null && nested_set_has(&set, &right[i])) {
            ret->value.b = 1;
            return 0;
        }
    }
    ret->is_null = nulls && n_left > 0 && n_right > 0;
    return 0;
}

static int do_join(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    NestedItem *items;
    uint32_t n;
    uint64_t bytes = 0;
    const VecString *between = &args[1].value.s;
    const VecString *null_text = c->step->n_args == 3 ? &args[2].value.s : NULL;
    int r = nested_unpack(c, TYPE(STRING), &args[0].value.s, &items, &n);
    if (r)
        return r;
    for (uint32_t i = 0; i < n; i++)
        bytes += between->length + (!items[i].is_null ? items[i].value.s.length
                                    : null_text       ? null_text->length
                                                      : 0);
    if (bytes > INT32_MAX)
        return -EMSGSIZE;
    char *text = mem_arena_alloc(c->arena, bytes + 1, 1), *at = text;
    if (!text)
        return mem_arena_error(c->arena);
    bool first = true;
    for (uint32_t i = 0; i < n; i++) {
        const VecString *s = items[i].is_null ? null_text : &items[i].value.s;
        if (!s)
            continue;
        if (!first) {
            memcpy(at, vec_string_data(between), between->length);
            at += between->length;
        }
        memcpy(at, vec_string_data(s), s->length);
        at += s->length;
        first = false;
    }
    ret->value.s = vec_string(text, (uint32_t)(at - text));
    return 0;
}

static int do_extreme(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = element_of(c, 0);
    bool max = c->step->function == FN_ARRAY_MAX;
    ret->is_null = true;
    for (uint32_t i = 0, n = nested_count(&args[0].value.s); i < n; i++) {
        NestedItem item;
        nested_element(type, &args[0].value.s, i, &item);
        if (item.is_null)
            continue;
        if (!ret->is_null) {
            int order = nested_compare(type, &item.value, &ret->value);
            if (max ? order <= 0 : order >= 0)
                continue;
        }
        *ret = item;
    }
    return 0;
}

/* array_append, array_prepend: the element may be null. */
static int do_append(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    bool front = c->step->function == FN_ARRAY_PREPEND;
    ret->is_null = args[0].is_null;
    if (ret->is_null)
        return 0;
    uint32_t n = nested_count(&args[0].value.s);
    NestedItem *items = nested_items(c, n + 1ull);
    if (!items)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++)
        nested_element(element_of(c, 0), &args[0].value.s, i, &items[i + front]);
    items[front ? 0 : n] = args[1];
    return finish(c, items, n + 1ull, ret);
}

static int do_insert(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    ret->is_null = args[0].is_null || args[1].is_null;
    if (ret->is_null)
        return 0;
    int64_t position = args[1].value.i32, n = nested_count(&args[0].value.s);
    if (position == 0)
        return nested_fail_zero(c);
    /* From 1 on, or -1 for the end; beyond either end nulls fill the gap. */
    int64_t at = position > 0 ? position - 1 : n + position + 1;
    int64_t shift = at < 0 ? -at : 0; /* nulls in front of what was there */
    int64_t total = MAX(at < 0 ? n + shift + 1 : n + 1, at + 1);
    if (at < 0)
        at = 0;
    if (total > (int64_t)NESTED_COUNT_MAX)
        return nested_fail_size(c->s, c->step, (uint64_t)total);
    NestedItem *items = nested_items(c, (uint64_t)total);
    if (!items)
        return mem_arena_error(c->arena);
    for (int64_t i = 0; i < total; i++)
        items[i] = (NestedItem){.is_null = true};
    if (shift > 0) {
        items[0] = args[2];
        for (int64_t i = 0; i < n; i++)
            nested_element(element_of(c, 0), &args[0].value.s, (uint32_t)i, &items[shift + 1 + i]);
        return finish(c, items, (uint64_t)total, ret);
    }
    for (int64_t i = 0; i < n; i++)
        nested_element(element_of(c, 0), &args[0].value.s, (uint32_t)i, &items[i + (i >= at)]);
    items[at] = args[2];
    return finish(c, items, (uint64_t)total, ret);
}

static int do_repeat(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    ret->is_null = args[1].is_null;
    if (ret->is_null)
        return 0;
    uint32_t n = args[1].value.i32 > 0 ? (uint32_t)args[1].value.i32 : 0;
    if (n > NESTED_COUNT_MAX)
        return nested_fail_size(c->s, c->step, n);
    NestedItem *items = nested_items(c, n);
    if (!items)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++)
        items[i] = args[0];
    return finish(c, items, n, ret);
}

static int do_zip(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    uint32_t n_args = c->step->n_args, n = 0;
    Type record = c->step->type.children[0].type;
    for (uint32_t k = 0; k < n_args; k++)
        n = MAX(n, nested_count(&args[k].value.s));
    NestedItem *items = nested_items(c, n), *fields = nested_items(c, n_args);
    if (!items || !fields)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < n_args; k++) {
            fields[k] = (NestedItem){.is_null = true};
            if (i < nested_count(&args[k].value.s))
                nested_element(element_of(c, k), &args[k].value.s, i, &fields[k]);
        }
        items[i] = (NestedItem){0};
        int r = nested_record(c->arena, record, fields, &items[i].value.s);
        if (r)
            return r;
    }
    return finish(c, items, n, ret);
}

/* concat of arrays, flatten: the elements of several arrays. */
static int join_arrays(NestedCall *c, Type element, const NestedItem *arrays, uint32_t n_arrays,
                       NestedItem *ret)
{
    uint64_t n = 0, k = 0;
    for (uint32_t i = 0; i < n_arrays; i++)
        n += nested_count(&arrays[i].value.s);
    if (n > NESTED_COUNT_MAX)
        return nested_fail_size(c->s, c->step, n);
    NestedItem *items = nested_items(c, n);
    if (!items)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n_arrays; i++)
        for (uint32_t m = 0, count = nested_count(&arrays[i].value.s); m < count; m++)
            nested_element(element, &arrays[i].value.s, m, &items[k++]);
    return finish(c, items, n, ret);
}

static int do_concat(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    return join_arrays(c, element_of(c, 0), args, c->step->n_args, ret);
}

static int do_flatten(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    NestedItem *arrays;
    uint32_t n;
    int r = nested_unpack(c, element_of(c, 0), &args[0].value.s, &arrays, &n);
    if (r)
        return r;
    for (uint32_t i = 0; i < n; i++)
        ret->is_null |= arrays[i].is_null;
    return ret->is_null ? 0 : join_arrays(c, element_of(c, 0).children[0].type, arrays, n, ret);
}

static int do_reverse(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    NestedItem *items;
    uint32_t n;
    int r = nested_unpack(c, element_of(c, 0), &args[0].value.s, &items, &n);
    if (r)
        return r;
    for (uint32_t i = 0; i < n / 2; i++) {
        NestedItem swap = items[i];
        items[i] = items[n - 1 - i];
        items[n - 1 - i] = swap;
    }
    return finish(c, items, n, ret);
}

static int do_slice(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    int64_t start = args[1].value.i32, length = args[2].value.i32;
    NestedItem *items;
    uint32_t n;
    if (start == 0)
        return nested_fail_value(c, "INVALID_PARAMETER_VALUE.START", "22023",
                                 "The value of parameter(s) `start` in `slice` is invalid: Expects "
                                 "a positive or a negative value for `start`, but got 0.");
    if (length < 0) {
        char message[160];
        snprintf(message, sizeof(message),
                 "The value of parameter(s) `length` in `slice` is invalid: Expects `length` "
                 "greater than or equal to 0, but got %lld.",
                 (long long)length);
        return nested_fail_value(c, "INVALID_PARAMETER_VALUE.LENGTH", "22023", message);
    }
    int r = nested_unpack(c, element_of(c, 0), &args[0].value.s, &items, &n);
    if (r)
        return r;
    int64_t first = start > 0 ? start - 1 : start + n;
    if (first < 0 || first >= n)
        return finish(c, items, 0, ret);
    return finish(c, items + first, (uint64_t)MIN(length, n - first), ret);
}

static int do_sort(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    NestedItem *items, *scratch;
    uint32_t n;
    int r = nested_unpack(c, element_of(c, 0), &args[0].value.s, &items, &n);
    if (r)
        return r;
    scratch = nested_items(c, n);
    if (!scratch)
        return mem_arena_error(c->arena);
    bool ascending = args[1].value.b;
    nested_sort(element_of(c, 0), items, scratch, n, !ascending, ascending && !args[2].value.b);
    return finish(c, items, n, ret);
}

NestedRowFunction nested_array_function(FunctionId id, bool *ret_nulls)
{
    *ret_nulls = id == FN_ARRAY_APPEND || id == FN_ARRAY_PREPEND || id == FN_ARRAY_INSERT ||
                 id == FN_ARRAY_REPEAT;
    switch (id) {
    case FN_ARRAY_CONTAINS:
        return do_contains;
    case FN_ARRAY_POSITION:
        return do_position;
    case FN_ARRAY_REMOVE:
    case FN_ARRAY_COMPACT:
        return do_remove;
    case FN_ARRAY_DISTINCT:
        return do_distinct;
    case FN_ARRAY_UNION:
    case FN_ARRAY_INTERSECT:
    case FN_ARRAY_EXCEPT:
        return do_set;
    case FN_ARRAYS_OVERLAP:
        return do_overlap;
    case FN_ARRAY_JOIN:
        return do_join;
    case FN_ARRAY_MAX:
    case FN_ARRAY_MIN:
        return do_extreme;
    case FN_ARRAY_APPEND:
    case FN_ARRAY_PREPEND:
        return do_append;
    case FN_ARRAY_INSERT:
        return do_insert;
    case FN_ARRAY_REPEAT:
        return do_repeat;
    case FN_ARRAYS_ZIP:
        return do_zip;
    case FN_ARRAY_CONCAT:
        return do_concat;
    case FN_FLATTEN:
        return do_flatten;
    case FN_ARRAY_REVERSE:
        return do_reverse;
    case FN_SLICE:
        return do_slice;
    case FN_SORT_ARRAY:
        return do_sort;
    default:
        return NULL;
    }
}
