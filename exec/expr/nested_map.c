/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/nested.h"

#include <errno.h>

#include "exec/kernel/civil.h"
#include "exec/vec/ops.h"

/* Functions on maps, and those that make arrays or maps of something else. */

static int do_from_arrays(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    NestedItem *keys, *values;
    uint32_t n, n_values;
    int r = nested_unpack(c, c->types[0].children[0].type, &args[0].value.s, &keys, &n);
    if (r == 0)
        r = nested_unpack(c, c->types[1].children[0].type, &args[1].value.s, &values, &n_values);
    if (r)
        return r;
    if (n != n_values)
        return nested_fail_value(c, "_LEGACY_ERROR_TEMP_2128", "",
                                 "The key array and value array of MapData must have the same "
                                 "length.");
    return nested_make_map(c, c->step->type, keys, values, n, &ret->value.s);
}

static int do_from_entries(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type entry = c->types[0].children[0].type;
    NestedItem *entries;
    uint32_t n;
    int r = nested_unpack(c, entry, &args[0].value.s, &entries, &n);
    if (r)
        return r;
    NestedItem *halves = nested_items(c, 2ull * n);
    if (!halves)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        if (entries[i].is_null) {
            ret->is_null = true;
            return 0;
        }
        nested_field(entry, &entries[i].value.s, 0, &halves[i]);
        nested_field(entry, &entries[i].value.s, 1, &halves[n + i]);
    }
    return nested_make_map(c, c->step->type, halves, halves + n, n, &ret->value.s);
}

static int do_part(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    VecString keys, values;
    nested_map(&args[0].value.s, &keys, &values);
    ret->value.s = c->step->function == FN_MAP_KEYS ? keys : values;
    return 0;
}

static int do_entries(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type entry = c->step->type.children[0].type;
    VecString keys, values;
    nested_map(&args[0].value.s, &keys, &values);
    uint32_t n = nested_count(&keys);
    NestedItem *items = nested_items(c, n);
    if (!items)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        NestedItem fields[2];
        nested_element(c->types[0].children[0].type, &keys, i, &fields[0]);
        nested_element(c->types[0].children[1].type, &values, i, &fields[1]);
        items[i] = (NestedItem){0};
        int r = nested_record(c->arena, entry, fields, &items[i].value.s);
        if (r)
            return r;
    }
    return nested_array(c->arena, entry, items, n, &ret->value.s);
}

static int do_concat(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type key = c->step->type.children[0].type, value = c->step->type.children[1].type;
    uint64_t n = 0, k = 0;
    VecString keys, values;
    for (uint32_t i = 0; i < c->step->n_args; i++) {
        nested_map(&args[i].value.s, &keys, &values);
        n += nested_count(&keys);
    }
    if (n > NESTED_COUNT_MAX)
        return nested_fail_size(c->s, c->step, n);
    NestedItem *halves = nested_items(c, 2 * n);
    if (!halves)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < c->step->n_args; i++) {
        nested_map(&args[i].value.s, &keys, &values);
        for (uint32_t m = 0, count = nested_count(&keys); m < count; m++, k++) {
            nested_element(key, &keys, m, &halves[k]);
            nested_element(value, &values, m, &halves[n + k]);
        }
    }
    return nested_make_map(c, c->step->type, halves, halves + n, (uint32_t)n, &ret->value.s);
}

static int do_contains(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type key = c->types[0].children[0].type;
    VecString keys, values;
    nested_map(&args[0].value.s, &keys, &values);
    for (uint32_t i = 0, n = nested_count(&keys); i < n && !ret->value.b; i++) {
        NestedItem item;
        nested_element(key, &keys, i, &item);
        ret->value.b = nested_compare(key, &item.value, &args[1].value) == 0;
    }
    return 0;
}

/* Up to the next @between at or after @at; @end when there is none. */
static const char *find_text(const char *at, const char *end, const VecString *between)
{
    if (between->length == 0)
        return end;
    const char *found = memmem(at, (size_t)(end - at), vec_string_data(between), between->length);
    return found ? found : end;
}

static int do_str_to_map(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    const VecString *pairs = &args[1].value.s, *colon = &args[2].value.s;
    const char *at = vec_string_data(&args[0].value.s), *end = at + args[0].value.s.length;
    uint32_t n = 1;
    for (const char *p = at; (p = find_text(p, end, pairs)) < end; p += pairs->length)
        n++;
    if (n > NESTED_COUNT_MAX)
        return nested_fail_size(c->s, c->step, n);
    NestedItem *halves = nested_items(c, 2ull * n);
    if (!halves)
        return mem_arena_error(c->arena);
    for (uint32_t i = 0; i < n; i++) {
        const char *stop = find_text(at, end, pairs);
        const char *middle = find_text(at, stop, colon);
        halves[i] = (NestedItem){.value.s = vec_string(at, (uint32_t)(middle - at))};
        halves[n + i] = (NestedItem){.is_null = middle == stop};
        if (middle < stop) {
            middle += colon->length;
            halves[n + i].value.s = vec_string(middle, (uint32_t)(stop - middle));
        }
        at = stop < end ? stop + pairs->length : end;
    }
    return nested_make_map(c, c->step->type, halves, halves + n, n, &ret->value.s);
}

/* Bytes of the character at @at, so that a match of nothing goes on behind it. */
static uint32_t character(const VecString *s, uint32_t at)
{
    const char *text = vec_string_data(s);
    uint32_t n = 1;
    while (at + n < s->length && ((unsigned char)text[at + n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* As Java splits: nothing in front of a match of nothing at the begin; what is empty at the end
 * stays, except where every character is a piece. */
static int do_split(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    const VecString *text = &args[0].value.s, *pattern = &args[1].value.s;
    uint64_t limit = args[2].value.i32 > 0 ? (uint64_t)args[2].value.i32 : UINT64_MAX;
    const char *data = vec_string_data(text);
    uint32_t at = 0, from = 0, n = 0, capacity = 16;
    NestedItem *items = nested_items(c, capacity);
    int r = 0;
    if (!items)
        return mem_arena_error(c->arena);
    if (!c->regex || !vec_string_equal(&c->pattern, pattern)) {
        r = expr_regex_compile(c->s, pattern, &c->regex);
        c->pattern = *pattern;
    }
    while (r == 0 && n + 1 < limit && from <= text->length) {
        uint32_t start, end;
        bool found;
        r = expr_regex_find(c->s, c->step, c->regex, text, from, &found, &start, &end);
        if (r || !found)
            break;
        from = end > start ? end : end + (end < text->length ? character(text, end) : 1);
        if (end == start && (start == 0 || (pattern->length == 0 && start == text->length)))
            continue;
        if (n + 2 >= capacity) {
            NestedItem *grown = nested_items(c, capacity * 2ull);
            if (!grown)
                return mem_arena_error(c->arena);
            memcpy(grown, items, n * sizeof(*items));
            items = grown;
            capacity *= 2;
        }
        items[n++] = (NestedItem){.value.s = vec_string(data + at, start - at)};
        at = end;
    }
    if (r)
        return r;
    items[n++] = (NestedItem){.value.s = vec_string(data + at, text->length - at)};
    return nested_array(c->arena, TYPE(STRING), items, n, &ret->value.s);
}

/* ---- sequence ---- */

static int64_t load_int(Type type, const NestedValue *v)
{
    switch (type_phys(type)) {
    case PHYS_I8:
        return v->i8;
    case PHYS_I16:
        return v->i16;
    case PHYS_I32:
        return v->i32;
    default:
        return v->i64;
    }
}

static void store_int(Type type, int64_t x, NestedItem *ret)
{
    *ret = (NestedItem){0};
    switch (type_phys(type)) {
    case PHYS_I8:
        ret->value.i8 = (int8_t)x;
        return;
    case PHYS_I16:
        ret->value.i16 = (int16_t)x;
        return;
    case PHYS_I32:
        ret->value.i32 = (int32_t)x;
        return;
    default:
        ret->value.i64 = x;
    }
}

static int fail_sequence(NestedCall *c)
{
    return nested_fail_value(c, "_LEGACY_ERROR_TEMP_3239", "",
                             "Illegal sequence boundaries: the step does not lead from start to "
                             "stop.");
}

/* @start moved by @k months; days that a month does not have become its last. */
static bool add_months(Type type, int64_t start, int64_t months, int64_t *ret)
{
    bool date = type.kind == TYPE_DATE;
    int64_t day = date ? start : civil_floor_div(start, CIVIL_MICROS_PER_DAY);
    int64_t rest = date ? 0 : start - day * CIVIL_MICROS_PER_DAY;
    int32_t moved;
    if (!civil_add_months((int32_t)day, months, &moved))
        return false;
    *ret = date ? moved : moved * CIVIL_MICROS_PER_DAY + rest;
    return true;
}

static int do_sequence(NestedCall *c, const NestedItem *args, NestedItem *ret)
{
    Type type = c->step->type.children[0].type;
    int64_t start = load_int(type, &args[0].value), stop = load_int(type, &args[1].value);
    bool date = type.kind == TYPE_DATE;
    bool clock = date || type.kind == TYPE_TIMESTAMP || type.kind == TYPE_TIMESTAMP_NTZ;
    bool months = c->step->n_args == 3 && c->types[2].kind == TYPE_INTERVAL_YM;
    int64_t step = c->step->n_args == 3 ? load_int(c->types[2], &args[2].value)
                   : start > stop       ? -1
                                        : 1;
    if (clock && c->step->n_args == 2 && !date)
        step *= CIVIL_MICROS_PER_DAY;
    if (date && c->step->n_args == 3 && !months) {
        if (step % CIVIL_MICROS_PER_DAY)
            return fail_sequence(c);
        step /= CIVIL_MICROS_PER_DAY;
    }
    if ((step == 0 && start != stop) || (step > 0 && start > stop) || (step < 0 && start < stop))
        return fail_sequence(c);
    i128 n = step == 0 ? 1 : ((i128)stop - start) / step + 1;
    if (months) {
        /* No month is shorter than 28 days, so this is enough, and the loop stops early. */
        int64_t unit = (date ? 28 : 28 * CIVIL_MICROS_PER_DAY);
        n = step == 0 ? 1 : ((i128)stop - start) / ((i128)step * unit) + 2;
    }
    if (n > NESTED_COUNT_MAX)
        return nested_fail_size(c->s, c->step, (uint64_t)MIN(n, (i128)INT64_MAX));
    NestedItem *items = nested_items(c, (uint64_t)n);
    if (!items)
        return mem_arena_error(c->arena);
    uint32_t k = 0;
    for (; k < n; k++) {
        int64_t x = start + (months ? 0 : (int64_t)k * step);
        if (months &&
            (!add_months(type, start, (int64_t)k * step, &x) || (step > 0 ? x > stop : x < stop)))
            break;
        store_int(type, x, &items[k]);
    }
    return nested_array(c->arena, type, items, k, &ret->value.s);
}

NestedRowFunction nested_map_function(FunctionId id, bool *ret_nulls)
{
    *ret_nulls = false;
    switch (id) {
    case FN_MAP_FROM_ARRAYS:
        return do_from_arrays;
    case FN_MAP_FROM_ENTRIES:
        return do_from_entries;
    case FN_MAP_KEYS:
    case FN_MAP_VALUES:
        return do_part;
    case FN_MAP_ENTRIES:
        return do_entries;
    case FN_MAP_CONCAT:
        return do_concat;
    case FN_MAP_CONTAINS_KEY:
        return do_contains;
    case FN_STR_TO_MAP:
        return do_str_to_map;
    case FN_SPLIT:
        return do_split;
    case FN_SENTENCES:
        return nested_sentences;
    case FN_SEQUENCE:
        return do_sequence;
    default:
        return NULL;
    }
}
