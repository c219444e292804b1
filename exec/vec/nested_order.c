/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/vec/nested.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "exec/vec/ops.h"

/*
 * The order of nested values, and keys that memcmp() puts into that order:
 *
 *   null 0x01, anything else 0x02 and the value; an array ends with 0x00, so that the shorter is
 *   first
 *   numbers     most significant byte first, the sign flipped; floats as numbers of their bits
 *   bytes       a 0 becomes 0x00 0xFF, the end is 0x00 0x00
 *   map         an array of keys and values in turn, sorted by key
 */

enum {
    KEY_END = 0,
    KEY_NULL = 1,
    KEY_VALUE = 2,
};

/* ---- comparing ---- */

static int compare_arrays(Type element, const VecString *a, const VecString *b)
{
    uint32_t na = nested_count(a), nb = nested_count(b), n = MIN(na, nb);

    for (uint32_t i = 0; i < n; i++) {
        NestedItem x, y;
        nested_element(element, a, i, &x);
        nested_element(element, b, i, &y);
        int order = nested_compare_items(element, &x, &y);
        if (order)
            return order;
    }
    return na < nb ? -1 : na > nb;
}

int nested_compare_items(Type type, const NestedItem *a, const NestedItem *b)
{
    if (a->is_null || b->is_null)
        return (int)b->is_null - (int)a->is_null;
    return nested_compare(type, &a->value, &b->value);
}

/* The entry of @map that comes after @last (-1: the first) in the order of keys; maps are small
 * where somebody compares them. */
static int64_t next_key(Type key, const VecString *keys, int64_t last)
{
    uint32_t n = nested_count(keys);
    int64_t best = -1;
    NestedItem bound = {0}, found = {0}, x;

    if (last >= 0)
        nested_element(key, keys, (uint32_t)last, &bound);
    for (uint32_t i = 0; i < n; i++) {
        nested_element(key, keys, i, &x);
        if (last >= 0 && nested_compare(key, &x.value, &bound.value) <= 0)
            continue;
        if (best < 0 || nested_compare(key, &x.value, &found.value) < 0) {
            best = i;
            found = x;
        }
    }
    return best;
}

static int compare_maps(Type type, const VecString *a, const VecString *b)
{
    Type key = type.children[0].type, value = type.children[1].type;
    VecString ka, va, kb, vb;
    int64_t i = -1, k = -1;

    nested_map(a, &ka, &va);
    nested_map(b, &kb, &vb);
    for (;;) {
        NestedItem x, y;
        i = next_key(key, &ka, i);
        k = next_key(key, &kb, k);
        if (i < 0 || k < 0)
            return i < 0 ? (k < 0 ? 0 : -1) : 1;
        nested_element(key, &ka, (uint32_t)i, &x);
        nested_element(key, &kb, (uint32_t)k, &y);
        int order = nested_compare_items(key, &x, &y);
        if (order)
            return order;
        nested_element(value, &va, (uint32_t)i, &x);
        nested_element(value, &vb, (uint32_t)k, &y);
        order = nested_compare_items(value, &x, &y);
        if (order)
            return order;
    }
}

int nested_compare(Type type, const NestedValue *a, const NestedValue *b)
{
    switch (type.kind) {
    case TYPE_ARRAY:
        return compare_arrays(type.children[0].type, &a->s, &b->s);
    case TYPE_MAP:
        return compare_maps(type, &a->s, &b->s);
    case TYPE_STRUCT:
        for (uint32_t i = 0; i < type.n_children; i++) {
            NestedItem x, y;
            nested_field(type, &a->s, i, &x);
            nested_field(type, &b->s, i, &y);
            int order = nested_compare_items(type.children[i].type, &x, &y);
            if (order)
                return order;
        }
        return 0;
    default: {
        int order = vec_value_compare(type_phys(type), a, b);
        return order < 0 ? -1 : order > 0;
    }
    }
}

/* ---- hashing ---- */

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 32;
}

static uint64_t hash_bytes(const char *at, uint32_t n)
{
    uint64_t h = n;
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t x;
        memcpy(&x, at, 8);
        h = mix(h, x);
    }
    uint64_t tail = 0;
    memcpy(&tail, at, n);
    return mix(h, tail);
}

static uint64_t hash_item(Type type, const NestedItem *item)
{
    return item->is_null ? 0x51ED : nested_hash(type, &item->value);
}

uint64_t nested_hash(Type type, const NestedValue *value)
{
    NestedItem item;
    uint64_t h = type.kind;
    VecString keys, values;

    switch (type.kind) {
    case TYPE_DOUBLE:
    case TYPE_FLOAT: {
        double d = type.kind == TYPE_DOUBLE ? value->f64 : (double)value->f32;
        d = d == 0 ? 0 : isnan(d) ? __builtin_nan("") : d;
        return hash_bytes((const char *)&d, sizeof(d));
    }
    case TYPE_ARRAY:
        for (uint32_t i = 0, n = nested_count(&value->s); i < n; i++) {
            nested_element(type.children[0].type, &value->s, i, &item);
            h = mix(h, hash_item(type.children[0].type, &item));
        }
        return h;
    case TYPE_MAP: /* in any order */
        nested_map(&value->s, &keys, &values);
        for (uint32_t i = 0, n = nested_count(&keys); i < n; i++) {
            nested_element(type.children[0].type, &keys, i, &item);
            uint64_t entry = hash_item(type.children[0].type, &item);
            nested_element(type.children[1].type, &values, i, &item);
            h += mix(entry, hash_item(type.children[1].type, &item));
        }
        return h;
    case TYPE_STRUCT:
        for (uint32_t i = 0; i < type.n_children; i++) {
            nested_field(type, &value->s, i, &item);
            h = mix(h, hash_item(type.children[i].type, &item));
        }
        return h;
    default:
        if (type_phys(type) == PHYS_STRING)
            return hash_bytes(vec_string_data(&value->s), value->s.length);
        return hash_bytes((const char *)value, (uint32_t)phys_size(type_phys(type)));
    }
}

/* ---- keys ---- */

/* Measures when @at is NULL. */
typedef struct KeyOut {
    char *at;
    uint64_t n;
} KeyOut;

static void put(KeyOut *out, uint8_t byte)
{
    if (out->at)
        out->at[out->n] = (char)byte;
    out->n++;
}

static void put_number(KeyOut *out, unsigned __int128 x, uint32_t bytes)
{
    for (uint32_t i = bytes; i-- > 0;)
        put(out, (uint8_t)(x >> (8 * i)));
}

static void put_bytes(KeyOut *out, const VecString *s)
{
    const char *data = vec_string_data(s);
    for (uint32_t i = 0; i < s->length; i++) {
        put(out, (uint8_t)data[i]);
        if (data[i] == 0)
            put(out, 0xFF);
    }
    put(out, 0);
    put(out, 0);
}

static void key_item(Type type, const NestedItem *item, KeyOut *out);

static void key_array(Type element, const VecString *array, KeyOut *out)
{
    for (uint32_t i = 0, n = nested_count(array); i < n; i++) {
        NestedItem item;
        nested_element(element, array, i, &item);
        key_item(element, &item, out);
    }
    put(out, KEY_END);
}

static void key_map(Type type, const VecString *map, KeyOut *out)
{
    VecString keys, values;
    NestedItem item;
    nested_map(map, &keys, &values);
    for (int64_t i = -1; (i = next_key(type.children[0].type, &keys, i)) >= 0;) {
        nested_element(type.children[0].type, &keys, (uint32_t)i, &item);
        key_item(type.children[0].type, &item, out);
        nested_element(type.children[1].type, &values, (uint32_t)i, &item);
        key_item(type.children[1].type, &item, out);
    }
    put(out, KEY_END);
}

static void key_value(Type type, const NestedValue *value, KeyOut *out)
{
    switch (type.kind) {
    case TYPE_ARRAY:
        key_array(type.children[0].type, &value->s, out);
        return;
    case TYPE_MAP:
        key_map(type, &value->s, out);
        return;
    case TYPE_STRUCT:
        for (uint32_t i = 0; i < type.n_children; i++) {
            NestedItem item;
            nested_field(type, &value->s, i, &item);
            key_item(type.children[i].type, &item, out);
        }
        return;
    default:
        break;
    }
    switch (type_phys(type)) {
    case PHYS_BOOL:
        put(out, value->b);
        return;
    case PHYS_I8:
        put_number(out, (uint8_t)value->i8 ^ 0x80u, 1);
        return;
    case PHYS_I16:
        put_number(out, (uint16_t)value->i16 ^ 0x8000u, 2);
        return;
    case PHYS_I32:
        put_number(out, (uint32_t)value->i32 ^ UINT32_C(1) << 31, 4);
        return;
    case PHYS_I64:
        put_number(out, (uint64_t)value->i64 ^ UINT64_C(1) << 63, 8);
        return;
    case PHYS_I128:
        put_number(out, (unsigned __int128)value->i128 ^ (unsigned __int128)1 << 127, 16);
        return;
    case PHYS_F32: {
        float f = value->f32 == 0 ? 0 : isnan(value->f32) ? __builtin_nanf("") : value->f32;
        uint32_t bits;
        memcpy(&bits, &f, 4);
        put_number(out, bits >> 31 ? ~bits : bits | UINT32_C(1) << 31, 4);
        return;
    }
    case PHYS_F64: {
        double d = value->f64 == 0 ? 0 : isnan(value->f64) ? __builtin_nan("") : value->f64;
        uint64_t bits;
        memcpy(&bits, &d, 8);
        put_number(out, bits >> 63 ? ~bits : bits | UINT64_C(1) << 63, 8);
        return;
    }
    default:
        put_bytes(out, &value->s);
    }
}

static void key_item(Type type, const NestedItem *item, KeyOut *out)
{
    put(out, item->is_null ? KEY_NULL : KEY_VALUE);
    if (!item->is_null)
        key_value(type, &item->value, out);
}

int nested_key(MemArena *arena, Type type, const VecString *value, VecString *ret)
{
    KeyOut measure = {0};
    NestedValue v = {.s = *value};
    key_value(type, &v, &measure);
    if (measure.n > INT32_MAX)
        return -EMSGSIZE;
    KeyOut out = {.at = mem_arena_alloc(arena, measure.n + 1, 1)};
    if (!out.at)
        return mem_arena_error(arena);
    key_value(type, &v, &out);
    *ret = vec_string(out.at, (uint32_t)out.n);
    return 0;
}

/* ---- keys back to values ---- */

typedef struct KeyIn {
    MemArena *arena;
    const char *at, *end;
} KeyIn;

static int take_value(KeyIn *in, Type type, NestedValue *ret);

static int take_item(KeyIn *in, Type type, NestedItem *ret)
{
    *ret = (NestedItem){0};
    assert(in->at < in->end);
    ret->is_null = *in->at++ == KEY_NULL;
    return ret->is_null ? 0 : take_value(in, type, &ret->value);
}

static unsigned __int128 take_number(KeyIn *in, uint32_t bytes)
{
    unsigned __int128 x = 0;
    assert((size_t)(in->end - in->at) >= bytes);
    for (uint32_t i = 0; i < bytes; i++)
        x = x << 8 | (uint8_t)*in->at++;
    return x;
}

static int take_bytes(KeyIn *in, VecString *ret)
{
    uint32_t n = 0;
    const char *at = in->at;
    for (; at[0] != 0 || at[1] != 0; at += at[0] == 0 ? 2 : 1)
        n++;
    char *bytes = mem_arena_alloc(in->arena, n + 1, 1);
    if (!bytes)
        return mem_arena_error(in->arena);
    for (uint32_t i = 0; i < n; i++, in->at++) {
        bytes[i] = *in->at;
        if (*in->at == 0)
            in->at++;
    }
    in->at += 2;
    *ret = vec_string(bytes, n);
    return 0;
}

/* Elements up to the end, of @types in turn. */
static int take_items(KeyIn *in, const TypeField *types, uint32_t n_types, NestedItem **ret,
                      uint32_t *ret_n)
{
    uint32_t n = 0, capacity = 0;
    NestedItem *items = NULL;
    while (*in->at != KEY_END) {
        if (n == capacity) {
            capacity = capacity ? capacity * 2 : 8;
            NestedItem *grown = mem_arena_alloc(in->arena, capacity * sizeof(*grown), 16);
            if (!grown)
                return mem_arena_error(in->arena);
            if (n > 0)
                memcpy(grown, items, n * sizeof(*grown));
            items = grown;
        }
        int r = take_item(in, types[n % n_types].type, &items[n]);
        if (r)
            return r;
        n++;
    }
    in->at++;
    *ret = items;
    *ret_n = n;
    return 0;
}

static int take_map(KeyIn *in, Type type, NestedValue *ret)
{
    NestedItem *items;
    uint32_t n;
    VecString keys, values;
    int r = take_items(in, type.children, 2, &items, &n);
    if (r)
        return r;
    NestedItem *half = mem_arena_alloc(in->arena, (n / 2 + 1) * sizeof(*half), 16);
    if (!half)
        return mem_arena_error(in->arena);
    for (uint32_t i = 0; i < n / 2; i++)
        half[i] = items[2 * i];
    r = nested_array(in->arena, type.children[0].type, half, n / 2, &keys);
    for (uint32_t i = 0; i < n / 2; i++)
        half[i] = items[2 * i + 1];
    if (r == 0)
        r = nested_array(in->arena, type.children[1].type, half, n / 2, &values);
    return r ? r : nested_map_of(in->arena, &keys, &values, &ret->s);
}

static int take_value(KeyIn *in, Type type, NestedValue *ret)
{
    NestedItem *items;
    uint32_t n;
    int r;

    switch (type.kind) {
    case TYPE_ARRAY:
        r = take_items(in, type.children, 1, &items, &n);
        return r ? r : nested_array(in->arena, type.children[0].type, items, n, &ret->s);
    case TYPE_MAP:
        return take_map(in, type, ret);
    case TYPE_STRUCT:
        items = mem_arena_alloc(in->arena, (type.n_children + 1u) * sizeof(*items), 16);
        if (!items)
            return mem_arena_error(in->arena);
        for (uint32_t i = 0; i < type.n_children; i++) {
            r = take_item(in, type.children[i].type, &items[i]);
            if (r)
                return r;
        }
        return nested_record(in->arena, type, items, &ret->s);
    default:
        break;
    }
    switch (type_phys(type)) {
    case PHYS_BOOL:
        ret->b = (uint8_t)take_number(in, 1);
        return 0;
    case PHYS_I8:
        ret->i8 = (int8_t)(take_number(in, 1) ^ 0x80u);
        return 0;
    case PHYS_I16:
        ret->i16 = (int16_t)(take_number(in, 2) ^ 0x8000u);
        return 0;
    case PHYS_I32:
        ret->i32 = (int32_t)((uint32_t)take_number(in, 4) ^ UINT32_C(1) << 31);
        return 0;
    case PHYS_I64:
        ret->i64 = (int64_t)((uint64_t)take_number(in, 8) ^ UINT64_C(1) << 63);
        return 0;
    case PHYS_I128:
        ret->i128 = (__int128)(take_number(in, 16) ^ (unsigned __int128)1 << 127);
        return 0;
    case PHYS_F32: {
        uint32_t bits = (uint32_t)take_number(in, 4);
        bits = bits >> 31 ? bits & ~(UINT32_C(1) << 31) : ~bits;
        memcpy(&ret->f32, &bits, 4);
        return 0;
    }
    case PHYS_F64: {
        uint64_t bits = (uint64_t)take_number(in, 8);
        bits = bits >> 63 ? bits & ~(UINT64_C(1) << 63) : ~bits;
        memcpy(&ret->f64, &bits, 8);
        return 0;
    }
    default:
        return take_bytes(in, &ret->s);
    }
}

int nested_unkey(MemArena *arena, Type type, const VecString *key, VecString *ret)
{
    KeyIn in = {arena, vec_string_data(key), vec_string_data(key) + key->length};
    NestedValue value = {0};
    int r = take_value(&in, type, &value);
    if (r == 0)
        *ret = value.s;
    return r;
}
