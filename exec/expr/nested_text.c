/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/expr/nested.h"

#include <errno.h>

/*
 * [1, null], {1, a}, {k -> v}: nested values as CAST to STRING writes them. show() writes NULL, and
 * bytes as [61 62].
 */

/* Measures when @at is NULL. */
typedef struct TextOut {
    char *at;
    uint64_t n;
    bool show;
} TextOut;

static void put(TextOut *out, const char *text, size_t n)
{
    if (out->at)
        memcpy(out->at + out->n, text, n);
    out->n += n;
}

static void put_item(TextOut *out, Type type, const NestedItem *item);

static void put_hex(TextOut *out, const VecString *bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *at = (const uint8_t *)vec_string_data(bytes);
    put(out, "[", 1);
    for (uint32_t i = 0; i < bytes->length; i++) {
        char pair[3] = {' ', digits[at[i] >> 4], digits[at[i] & 15]};
        put(out, i > 0 ? pair : pair + 1, i > 0 ? 3 : 2);
    }
    put(out, "]", 1);
}

static void put_array(TextOut *out, Type element, const VecString *array)
{
    put(out, "[", 1);
    for (uint32_t i = 0, n = nested_count(array); i < n; i++) {
        NestedItem item;
        nested_element(element, array, i, &item);
        if (i > 0)
            put(out, ", ", 2);
        put_item(out, element, &item);
    }
    put(out, "]", 1);
}

static void put_map(TextOut *out, Type type, const VecString *map)
{
    VecString keys, values;
    nested_map(map, &keys, &values);
    put(out, "{", 1);
    for (uint32_t i = 0, n = nested_count(&keys); i < n; i++) {
        NestedItem item;
        if (i > 0)
            put(out, ", ", 2);
        nested_element(type.children[0].type, &keys, i, &item);
        put_item(out, type.children[0].type, &item);
        put(out, " -> ", 4);
        nested_element(type.children[1].type, &values, i, &item);
        put_item(out, type.children[1].type, &item);
    }
    put(out, "}", 1);
}

static void put_struct(TextOut *out, Type type, const VecString *record)
{
    put(out, "{", 1);
    for (uint32_t i = 0; i < type.n_children; i++) {
        NestedItem item;
        nested_field(type, record, i, &item);
        if (i > 0)
            put(out, ", ", 2);
        put_item(out, type.children[i].type, &item);
    }
    put(out, "}", 1);
}

static void put_item(TextOut *out, Type type, const NestedItem *item)
{
    char buf[96];
    if (item->is_null) {
        put(out, out->show ? "NULL" : "null", 4);
        return;
    }
    switch (type.kind) {
    case TYPE_ARRAY:
        put_array(out, type.children[0].type, &item->value.s);
        break;
    case TYPE_MAP:
        put_map(out, type, &item->value.s);
        break;
    case TYPE_STRUCT:
        put_struct(out, type, &item->value.s);
        break;
    case TYPE_BINARY:
        if (out->show) {
            put_hex(out, &item->value.s);
            break;
        }
        _fallthrough_;
    case TYPE_STRING:
        put(out, vec_string_data(&item->value.s), item->value.s.length);
        break;
    default:
        put(out, buf, expr_format_value(type, &item->value, buf, sizeof(buf)));
    }
}

static int write_text(NestedCall *c, Type type, const NestedItem *value, bool show, VecString *ret)
{
    TextOut measure = {.show = show}, out = {.show = show};
    put_item(&measure, type, value);
    if (measure.n > INT32_MAX)
        return -EMSGSIZE;
    out.at = mem_arena_alloc(c->arena, measure.n + 1, 1);
    if (!out.at)
        return mem_arena_error(c->arena);
    put_item(&out, type, value);
    *ret = vec_string(out.at, (uint32_t)out.n);
    return 0;
}

int nested_to_text(NestedCall *c, Type type, const NestedItem *value, VecString *ret)
{
    return write_text(c, type, value, false, ret);
}

int nested_to_show_text(NestedCall *c, Type type, const NestedItem *value, VecString *ret)
{
    return write_text(c, type, value, true, ret);
}
