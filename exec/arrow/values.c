/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/arrow/values.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/kernel/decimal.h"

/* ---- types ---- */

static int nested_type(MemArena *arena, const ArrowField *f, Type *ret_type,
                       const char **ret_unreadable)
{
    /* A map's one child is a struct of key and value; the reader has seen to that. */
    const ArrowField *fields = f->type == ARROW_TYPE_MAP ? f->children[0].children : f->children;
    uint32_t n = f->type == ARROW_TYPE_MAP ? 2 : f->n_children;
    TypeField *children;

    if (n > UINT8_MAX) {
        *ret_unreadable = "a struct of more than 255 fields";
        return 0;
    }
    children = mem_arena_new_array(arena, TypeField, n + 1);
    if (!children)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = f->type == ARROW_TYPE_LIST  ? "element"
                           : f->type == ARROW_TYPE_MAP ? (i ? "value" : "key")
                           : fields[i].name            ? fields[i].name
                                                       : "";
        int r;

        children[i].name = mem_arena_strndup(arena, name, strlen(name));
        children[i].nullable = fields[i].nullable && !(f->type == ARROW_TYPE_MAP && i == 0);
        if (!children[i].name)
            return mem_arena_error(arena);
        r = arrow_type_of(arena, &fields[i], &children[i].type, ret_unreadable);
        if (r != 0 || *ret_unreadable)
            return r;
    }
    *ret_type = (Type){.kind = f->type == ARROW_TYPE_LIST  ? TYPE_ARRAY
                               : f->type == ARROW_TYPE_MAP ? TYPE_MAP
                                                           : TYPE_STRUCT,
                       .n_children = (uint8_t)n,
                       .children = children};
    if (!type_is_bounded(*ret_type)) {
        *ret_type = TYPE(NULL);
        *ret_unreadable = "types nested this deep";
    }
    return 0;
}

int arrow_type_of(MemArena *arena, const ArrowField *f, Type *ret_type, const char **ret_unreadable)
{
    static const uint8_t kinds[_ARROW_TYPE_MAX] = {
        [ARROW_TYPE_NULL] = TYPE_NULL,
        [ARROW_TYPE_BOOL] = TYPE_BOOLEAN,
        [ARROW_TYPE_INT8] = TYPE_BYTE,
        [ARROW_TYPE_INT16] = TYPE_SHORT,
        [ARROW_TYPE_INT32] = TYPE_INT,
        [ARROW_TYPE_INT64] = TYPE_LONG,
        [ARROW_TYPE_FLOAT] = TYPE_FLOAT,
        [ARROW_TYPE_DOUBLE] = TYPE_DOUBLE,
        [ARROW_TYPE_UTF8] = TYPE_STRING,
        [ARROW_TYPE_BINARY] = TYPE_BINARY,
        [ARROW_TYPE_DATE32] = TYPE_DATE,
        [ARROW_TYPE_TIMESTAMP] = TYPE_TIMESTAMP,
        [ARROW_TYPE_DURATION] = TYPE_INTERVAL_DT,
        [ARROW_TYPE_MONTHS] = TYPE_INTERVAL_YM,
    };

    *ret_type = TYPE(NULL);
    *ret_unreadable = NULL;
    switch (f->type) {
    case ARROW_TYPE_OTHER:
        *ret_unreadable = f->other;
        return 0;
    case ARROW_TYPE_DECIMAL128: /* the reader has checked the digits */
        *ret_type = TYPE_DECIMAL_OF(f->precision, f->scale);
        return 0;
    case ARROW_TYPE_LIST:
    case ARROW_TYPE_MAP:
    case ARROW_TYPE_STRUCT:
        return nested_type(arena, f, ret_type, ret_unreadable);
    case ARROW_TYPE_TIMESTAMP:
        *ret_type = f->timezone ? TYPE(TIMESTAMP) : TYPE(TIMESTAMP_NTZ);
        return 0;
    default:
        *ret_type = (Type){.kind = kinds[f->type]};
        return 0;
    }
}

/* ---- single values ---- */

static int one_value(const ArrowRead *read, const ArrowField *f, Type type, const ArrowColumn *c,
                     int64_t at, NestedItem *ret);

/* Elements [@first, @end) of a child as an array. */
static int array_value(const ArrowRead *read, const ArrowField *f, Type element, bool is_key,
                       const ArrowColumn *c, int64_t first, int64_t end, VecString *ret)
{
    uint64_t n = (uint64_t)(end - first);
    NestedItem *items;

    if (n > NESTED_COUNT_MAX)
        return -EMSGSIZE;
    items = mem_arena_alloc(read->arena, sizeof(*items) * (n + 1), 16);
    if (!items)
        return mem_arena_error(read->arena);
    for (uint64_t i = 0; i < n; i++) {
        int r = one_value(read, f, element, c, first + (int64_t)i, &items[i]);

        if (r == 0 && is_key && items[i].is_null)
            r = -EBADMSG;
        if (r != 0)
            return r;
    }
    return nested_array(read->arena, element, items, (uint32_t)n, ret);
}

static int map_value(const ArrowRead *read, const ArrowField *f, Type type, const ArrowColumn *c,
                     int64_t at, VecString *ret)
{
    const ArrowColumn *entries = &c->children[0];
    int64_t first = entries->offset + c->offsets[at], end = entries->offset + c->offsets[at + 1];
    VecString halves[2];

    for (uint32_t i = 0; i < 2; i++) {
        int r = array_value(read, &f->children[0].children[i], type.children[i].type, i == 0,
                            &entries->children[i], entries->children[i].offset + first,
                            entries->children[i].offset + end, &halves[i]);

        if (r != 0)
            return r;
    }
    return nested_map_of(read->arena, &halves[0], &halves[1], ret);
}

static int struct_value(const ArrowRead *read, const ArrowField *f, Type type, const ArrowColumn *c,
                        int64_t at, VecString *ret)
{
    NestedItem *items = mem_arena_alloc(read->arena, sizeof(*items) * (type.n_children + 1u), 16);

    if (!items)
        return mem_arena_error(read->arena);
    for (uint32_t i = 0; i < type.n_children; i++) {
        int r = one_value(read, &f->children[i], type.children[i].type, &c->children[i],
                          c->children[i].offset + at, &items[i]);

        if (r != 0)
            return r;
    }
    return nested_record(read->arena, type, items, ret);
}

static int decimal_value(Type type, const ArrowColumn *c, int64_t at, NestedValue *ret)
{
    __int128 v;

    memcpy(&v, (const char *)c->data + at * 16, 16);
    if (!dec_fits(v, type.precision))
        return -EBADMSG;
    if (type_phys(type) == PHYS_I64)
        ret->i64 = (int64_t)v;
    else
        ret->i128 = v;
    return 0;
}

static int text_value(const ArrowRead *read, const ArrowColumn *c, int64_t at, VecString *ret)
{
    uint32_t n;
    const char *bytes = arrow_text(c, at, &n);

    if (read->copy && n > VEC_STRING_INLINE) {
        char *copy = mem_arena_alloc(read->arena, n, 1);

        if (!copy)
            return mem_arena_error(read->arena);
        memcpy(copy, bytes, n);
        bytes = copy;
    }
    *ret = vec_string(bytes, n);
    return 0;
}

static bool code_is_valid(const ArrowDictionary *d, uint32_t code)
{
    return code < d->n && (!d->has_nulls || vec_bit(d->valid, code));
}

static void dictionary_value(const ArrowDictionary *d, Type type, uint32_t code, NestedItem *ret)
{
    size_t size = phys_size(type_phys(type));

    ret->is_null = !code_is_valid(d, code);
    if (!ret->is_null)
        memcpy(&ret->value, (const char *)d->values + code * size, size);
}

/* Row @at of the buffers. */
static int one_value(const ArrowRead *read, const ArrowField *f, Type type, const ArrowColumn *c,
                     int64_t at, NestedItem *ret)
{
    size_t size;

    *ret = (NestedItem){.is_null = type.kind == TYPE_NULL || !arrow_is_valid(c, at)};
    if (ret->is_null)
        return 0;
    if (c->codes) {
        dictionary_value(&read->dictionaries[f->dictionary], type, c->codes[at], ret);
        return 0;
    }
    switch (type.kind) {
    case TYPE_BOOLEAN:
        ret->value.b = ((const uint8_t *)c->data)[at / 8] >> (at % 8) & 1;
        return 0;
    case TYPE_STRING:
    case TYPE_BINARY:
        return text_value(read, c, at, &ret->value.s);
    case TYPE_ARRAY:
        return array_value(read, &f->children[0], type.children[0].type, false, &c->children[0],
                           c->children[0].offset + c->offsets[at],
                           c->children[0].offset + c->offsets[at + 1], &ret->value.s);
    case TYPE_MAP:
        return map_value(read, f, type, c, at, &ret->value.s);
    case TYPE_STRUCT:
        return struct_value(read, f, type, c, at, &ret->value.s);
    case TYPE_DECIMAL:
        return decimal_value(type, c, at, &ret->value);
    default:
        size = phys_size(type_phys(type));
        memcpy(&ret->value, (const char *)c->data + (size_t)at * size, size);
        return 0;
    }
}

/* ---- many values ---- */

static void take_bools(const ArrowColumn *c, int64_t first, const uint16_t *sel, uint32_t n,
                       uint8_t *values)
{
    const uint8_t *bits = c->data;

    for (uint32_t k = 0; k < n; k++) {
        uint32_t row = sel ? sel[k] : k;
        int64_t at = c->offset + first + row;

        values[row] = arrow_is_valid(c, at) && (bits[at / 8] >> (at % 8) & 1);
    }
}

/* What stands where there is no value may be anything. */
static void take_fixed(const ArrowColumn *c, int64_t first, uint32_t n_rows, size_t size,
                       const uint64_t *valid, bool has_nulls, void *values)
{
    if (n_rows == 0)
        return;
    memcpy(values, (const char *)c->data + (size_t)(c->offset + first) * size, n_rows * size);
    for (uint32_t row = 0; row < n_rows && has_nulls; row++)
        if (!vec_bit(valid, row))
            memset((char *)values + row * size, 0, size);
}

static bool is_fixed(Type type)
{
    return type_phys(type) != PHYS_STRING && type.kind != TYPE_DECIMAL &&
           type.kind != TYPE_BOOLEAN && type.kind != TYPE_NULL;
}

/* Text is by far the most common of what is not fixed: without the way through an item. */
static bool take_texts(const ArrowRead *read, const ArrowColumn *c, int64_t first,
                       const uint16_t *sel, uint32_t n, VecString *values)
{
    if (read->copy)
        return false;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t row = sel ? sel[k] : k, length;
        int64_t at = c->offset + first + row;
        const char *bytes;

        if (!arrow_is_valid(c, at)) {
            values[row] = (VecString){0};
            continue;
        }
        bytes = arrow_text(c, at, &length);
        values[row] = vec_string(bytes, length);
    }
    return true;
}

static bool note_nulls(const ArrowColumn *c, int64_t first, const uint16_t *sel, uint32_t n,
                       uint64_t *valid)
{
    bool has_nulls = false;

    for (uint32_t k = 0; k < n && c->validity; k++) {
        uint32_t row = sel ? sel[k] : k;

        if (arrow_is_valid(c, c->offset + first + row))
            continue;
        vec_bit_clear(valid, row);
        has_nulls = true;
    }
    return has_nulls;
}

int arrow_values(const ArrowRead *read, const ArrowField *f, Type type, const ArrowColumn *c,
                 int64_t first, const uint16_t *sel, uint32_t n, void *values, uint64_t *valid,
                 bool *ret_has_nulls)
{
    size_t size = phys_size(type_phys(type));
    uint32_t n_rows = n == 0 ? 0 : sel ? sel[n - 1] + 1u : n;
    ArrowRead one = *read;

    memset(valid, 0xFF, ((size_t)n_rows + 63) / 64 * 8);
    *ret_has_nulls = note_nulls(c, first, sel, n, valid);
    if (type.kind == TYPE_BOOLEAN && !c->codes) {
        take_bools(c, first, sel, n, values);
        return 0;
    }
    if (is_fixed(type) && !c->codes) {
        take_fixed(c, first, n_rows, size, valid, *ret_has_nulls, values);
        return 0;
    }
    if ((type.kind == TYPE_STRING || type.kind == TYPE_BINARY) && !c->codes &&
        take_texts(read, c, first, sel, n, values))
        return 0;
    one.copy = read->copy && !type_is_nested(type); /* a nested value copies what is in it */
    for (uint32_t k = 0; k < n; k++) {
        uint32_t row = sel ? sel[k] : k;
        NestedItem item;
        int r = one_value(&one, f, type, c, c->offset + first + row, &item);

        if (r != 0)
            return r;
        if (item.is_null) { /* also by its dictionary */
            vec_bit_clear(valid, row);
            *ret_has_nulls = true;
        }
        nested_store(&item, size, values, row);
    }
    return 0;
}
