/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/connect/nested_arrow.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/cleanup.h"

static const uint8_t arrow_types[_TYPE_KIND_MAX] = {
    [TYPE_NULL] = ARROW_TYPE_NULL,           [TYPE_BOOLEAN] = ARROW_TYPE_BOOL,
    [TYPE_BYTE] = ARROW_TYPE_INT8,           [TYPE_SHORT] = ARROW_TYPE_INT16,
    [TYPE_INT] = ARROW_TYPE_INT32,           [TYPE_LONG] = ARROW_TYPE_INT64,
    [TYPE_FLOAT] = ARROW_TYPE_FLOAT,         [TYPE_DOUBLE] = ARROW_TYPE_DOUBLE,
    [TYPE_DECIMAL] = ARROW_TYPE_DECIMAL128,  [TYPE_STRING] = ARROW_TYPE_UTF8,
    [TYPE_BINARY] = ARROW_TYPE_BINARY,       [TYPE_DATE] = ARROW_TYPE_DATE32,
    [TYPE_TIMESTAMP] = ARROW_TYPE_TIMESTAMP, [TYPE_TIMESTAMP_NTZ] = ARROW_TYPE_TIMESTAMP,
    [TYPE_INTERVAL_YM] = ARROW_TYPE_INT32,   [TYPE_INTERVAL_DT] = ARROW_TYPE_DURATION,
    [TYPE_ARRAY] = ARROW_TYPE_LIST,          [TYPE_MAP] = ARROW_TYPE_MAP,
    [TYPE_STRUCT] = ARROW_TYPE_STRUCT,
};

/* ---- types ---- */

int nested_arrow_field(MemArena *arena, const char *name, Type type, bool nullable,
                       const char *time_zone, ArrowField *ret)
{
    *ret = (ArrowField){.name = name,
                        .type = arrow_types[type.kind],
                        .nullable = nullable || type.kind == TYPE_NULL,
                        .precision = type.precision,
                        .scale = type.scale,
                        .timezone = type.kind == TYPE_TIMESTAMP ? time_zone : NULL};
    if (!type_is_nested(type))
        return 0;
    uint32_t n = type.n_children;
    ArrowField *children = mem_arena_new_array(arena, ArrowField, n + 1);
    if (!children)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++) {
        const TypeField *f = &type.children[i];
        const char *child = type.kind == TYPE_STRUCT  ? f->name
                            : type.kind == TYPE_ARRAY ? "element"
                            : i == 0                  ? "key"
                                                      : "value";
        bool child_nullable = f->nullable && !(type.kind == TYPE_MAP && i == 0);
        int r = nested_arrow_field(arena, child, f->type, child_nullable, time_zone, &children[i]);
        if (r)
            return r;
    }
    ret->children = children;
    ret->n_children = n;
    if (type.kind != TYPE_MAP)
        return 0;
    ArrowField *entries = mem_arena_new_of(arena, ArrowField);
    if (!entries)
        return mem_arena_error(arena);
    children[0].nullable = false; /* also of map(), whose keys are of type VOID */
    *entries = (ArrowField){
        .name = "entries", .type = ARROW_TYPE_STRUCT, .children = children, .n_children = n};
    ret->children = entries;
    ret->n_children = 1;
    return 0;
}

/* ---- values to arrays ---- */

static int put_validity(MemArena *arena, const NestedItem *items, uint32_t n, ArrowColumn *ret)
{
    int64_t nulls = 0;
    for (uint32_t i = 0; i < n; i++)
        nulls += items[i].is_null;
    ret->null_count = nulls;
    if (nulls == 0)
        return 0;
    uint8_t *bits = mem_arena_zalloc(arena, n / 8 + 8, 8);
    if (!bits)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++)
        if (!items[i].is_null)
            bits[i / 8] |= (uint8_t)(1u << (i % 8));
    ret->validity = bits;
    return 0;
}

static int put_fixed(MemArena *arena, Type type, const NestedItem *items, uint32_t n,
                     ArrowColumn *ret)
{
    size_t width = arrow_type_width((ArrowType)arrow_types[type.kind]);
    uint8_t *data =
        mem_arena_zalloc(arena, type.kind == TYPE_BOOLEAN ? n / 8 + 8 : n * width + 8, 16);
    if (!data)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++) {
        if (items[i].is_null)
            continue;
        if (type.kind == TYPE_BOOLEAN) {
            data[i / 8] |= (uint8_t)((items[i].value.b != 0) << (i % 8));
        } else if (type.kind == TYPE_DECIMAL && type_phys(type) == PHYS_I64) {
            __int128 wide = items[i].value.i64;
            memcpy(data + i * width, &wide, 16);
        } else {
            memcpy(data + i * width, &items[i].value, width);
        }
    }
    ret->data = data;
    return 0;
}

static bool is_valid(const VecString *s, bool text)
{
    return !text || text_is_utf8(vec_string_data(s), s->length);
}

static int put_strings(MemArena *arena, bool text, const NestedItem *items, uint32_t n,
                       ArrowColumn *ret)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!items[i].is_null)
            bytes += items[i].value.s.length * (is_valid(&items[i].value.s, text) ? 1ull : 3ull);
    if (bytes > INT32_MAX)
        return -EMSGSIZE;
    int32_t *offsets = mem_arena_alloc(arena, sizeof(int32_t) * (n + 1ull), 8);
    char *data = mem_arena_alloc(arena, bytes + 1, 8);
    if (!offsets || !data)
        return mem_arena_error(arena);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        const VecString *s = &items[i].value.s;
        offsets[i] = (int32_t)at;
        if (items[i].is_null)
            continue;
        if (is_valid(s, text)) {
            memcpy(data + at, vec_string_data(s), s->length);
            at += s->length;
        } else {
            at += (uint32_t)text_replace_invalid(vec_string_data(s), s->length, data + at);
        }
    }
    offsets[n] = (int32_t)at;
    ret->offsets = offsets;
    ret->data = data;
    return 0;
}

/* The elements of all arrays in @arrays[0..n), one after the other. @ret_total: how many. */
static int gather_elements(MemArena *arena, Type element, const NestedItem *arrays, uint32_t n,
                           NestedItem **ret, uint32_t *ret_total)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++)
        total += arrays[i].is_null ? 0 : nested_count(&arrays[i].value.s);
    if (total > INT32_MAX)
        return -EMSGSIZE;
    NestedItem *items = mem_arena_alloc(arena, sizeof(*items) * (total + 1), 16);
    if (!items)
        return mem_arena_error(arena);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0, count = arrays[i].is_null ? 0 : nested_count(&arrays[i].value.s);
             k < count; k++)
            nested_element(element, &arrays[i].value.s, k, &items[at++]);
    *ret = items;
    *ret_total = (uint32_t)total;
    return 0;
}

static int put_offsets(MemArena *arena, const NestedItem *arrays, uint32_t n, ArrowColumn *ret)
{
    int32_t *offsets = mem_arena_alloc(arena, sizeof(int32_t) * (n + 1ull), 8);
    if (!offsets)
        return mem_arena_error(arena);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = (int32_t)at;
        at += arrays[i].is_null ? 0 : nested_count(&arrays[i].value.s);
    }
    offsets[n] = (int32_t)at;
    ret->offsets = offsets;
    return 0;
}

static int put_map(MemArena *arena, Type type, const NestedItem *items, uint32_t n,
                   ArrowColumn *ret)
{
    ArrowColumn *entries = mem_arena_new_of(arena, ArrowColumn);
    ArrowColumn *children = mem_arena_new_array(arena, ArrowColumn, 2);
    NestedItem *halves = mem_arena_zalloc(arena, sizeof(*halves) * (2ull * n + 1), 16);
    if (!entries || !children || !halves)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++) {
        halves[i].is_null = halves[n + i].is_null = items[i].is_null;
        if (!items[i].is_null)
            nested_map(&items[i].value.s, &halves[i].value.s, &halves[n + i].value.s);
    }
    uint32_t total = 0;
    int r = put_offsets(arena, halves, n, ret);
    for (uint32_t i = 0; r == 0 && i < 2; i++) {
        NestedItem *all;
        Type element = type.children[i].type;
        r = gather_elements(arena, element, halves + (size_t)i * n, n, &all, &total);
        if (r == 0)
            r = nested_arrow_column(arena, element, all, total, &children[i]);
    }
    *entries = (ArrowColumn){.length = total, .children = children};
    ret->children = entries;
    return r;
}

static int put_struct(MemArena *arena, Type type, const NestedItem *items, uint32_t n,
                      ArrowColumn *ret)
{
    ArrowColumn *children = mem_arena_new_array(arena, ArrowColumn, type.n_children + 1u);
    NestedItem *fields = mem_arena_alloc(arena, sizeof(*fields) * (n + 1ull), 16);
    if (!children || !fields)
        return mem_arena_error(arena);
    for (uint32_t c = 0; c < type.n_children; c++) {
        for (uint32_t i = 0; i < n; i++) {
            if (items[i].is_null)
                fields[i] = (NestedItem){.is_null = true};
            else
                nested_field(type, &items[i].value.s, c, &fields[i]);
        }
        int r = nested_arrow_column(arena, type.children[c].type, fields, n, &children[c]);
        if (r)
            return r;
    }
    ret->children = children;
    return 0;
}

int nested_arrow_column(MemArena *arena, Type type, const NestedItem *items, uint32_t n,
                        ArrowColumn *ret)
{
    *ret = (ArrowColumn){.length = n};
    if (type.kind == TYPE_NULL) {
        ret->null_count = n;
        return 0;
    }
    int r = put_validity(arena, items, n, ret);
    if (r)
        return r;
    switch (type.kind) {
    case TYPE_STRING:
    case TYPE_BINARY:
        return put_strings(arena, type.kind == TYPE_STRING, items, n, ret);
    case TYPE_ARRAY: {
        NestedItem *all;
        uint32_t total;
        ArrowColumn *child = mem_arena_new_of(arena, ArrowColumn);
        if (!child)
            return mem_arena_error(arena);
        r = put_offsets(arena, items, n, ret);
        if (r == 0)
            r = gather_elements(arena, type.children[0].type, items, n, &all, &total);
        ret->children = child;
        return r ? r : nested_arrow_column(arena, type.children[0].type, all, total, child);
    }
    case TYPE_MAP:
        return put_map(arena, type, items, n, ret);
    case TYPE_STRUCT:
        return put_struct(arena, type, items, n, ret);
    default:
        return put_fixed(arena, type, items, n, ret);
    }
}
