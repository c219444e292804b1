/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/vec/nested.h"

#include <assert.h>
#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "exec/vec/ops.h"

/* ---- types ---- */

bool type_is_nested(Type type)
{
    return type.kind == TYPE_ARRAY || type.kind == TYPE_MAP || type.kind == TYPE_STRUCT;
}

int type_copy(MemArena *arena, Type type, Type *ret)
{
    *ret = type;
    if (type.n_children == 0)
        return 0;
    TypeField *fields = mem_arena_new_array(arena, TypeField, type.n_children);
    if (!fields)
        return mem_arena_error(arena);
    for (uint32_t i = 0; i < type.n_children; i++) {
        const TypeField *f = &type.children[i];
        fields[i] = (TypeField){.name = mem_arena_strndup(arena, f->name, strlen(f->name)),
                                .nullable = f->nullable};
        int r =
            fields[i].name ? type_copy(arena, f->type, &fields[i].type) : mem_arena_error(arena);
        if (r)
            return r;
    }
    ret->children = fields;
    return 0;
}

static bool count_types(Type type, uint32_t depth, uint32_t *left)
{
    if (depth > NESTED_DEPTH_MAX || *left == 0)
        return false;
    --*left;
    for (uint32_t i = 0; i < type.n_children; i++)
        if (!count_types(type.children[i].type, depth + 1, left))
            return false;
    return true;
}

bool type_is_bounded(Type type)
{
    uint32_t left = NESTED_TYPES_MAX;
    return count_types(type, 0, &left);
}

bool type_contains(Type type, TypeKind kind)
{
    if (type.kind == kind)
        return true;
    for (uint32_t i = 0; i < type.n_children; i++)
        if (type_contains(type.children[i].type, kind))
            return true;
    return false;
}

bool type_same_bytes(Type a, Type b)
{
    if (a.kind != b.kind || a.n_children != b.n_children)
        return false;
    if (a.kind == TYPE_DECIMAL && (a.precision != b.precision || a.scale != b.scale))
        return false;
    for (uint32_t i = 0; i < a.n_children; i++)
        if (!type_same_bytes(a.children[i].type, b.children[i].type))
            return false;
    return true;
}

/* ---- layout ---- */

static inline uint32_t load_u32(const char *at)
{
    uint32_t x;
    memcpy(&x, at, sizeof(x));
    return x;
}

static inline void store_u32(char *at, uint32_t x)
{
    memcpy(at, &x, sizeof(x));
}

static inline bool is_bytes(Type type)
{
    return type_phys(type) == PHYS_STRING;
}

static inline uint32_t slot_size(Type type)
{
    return is_bytes(type) ? 8 : (uint32_t)phys_size(type_phys(type));
}

static inline bool null_bit(const char *bits, uint32_t i)
{
    return (unsigned char)bits[i / 8] >> (i % 8) & 1;
}

/* Where a field's slot begins. */
static uint32_t field_offset(Type type, uint32_t field)
{
    uint32_t at = (type.n_children + 7u) / 8;
    for (uint32_t i = 0; i < field; i++)
        at += slot_size(type.children[i].type);
    return at;
}

/* ---- reading ---- */

static void load_slot(Type type, const char *base, const char *slot, NestedItem *ret)
{
    if (is_bytes(type)) {
        ret->value.s = vec_string(base + load_u32(slot), load_u32(slot + 4));
        return;
    }
    switch (phys_size(type_phys(type))) {
    case 1:
        memcpy(&ret->value, slot, 1);
        break;
    case 2:
        memcpy(&ret->value, slot, 2);
        break;
    case 4:
        memcpy(&ret->value, slot, 4);
        break;
    case 8:
        memcpy(&ret->value, slot, 8);
        break;
    default:
        memcpy(&ret->value, slot, 16);
    }
}

uint32_t nested_count(const VecString *array)
{
    assert(array->length >= 4);
    return load_u32(vec_string_data(array));
}

void nested_element(Type element, const VecString *array, uint32_t i, NestedItem *ret)
{
    const char *base = vec_string_data(array);
    uint32_t n = load_u32(base);

    assert(i < n);
    *ret = (NestedItem){.is_null = null_bit(base + 4, i)};
    if (!ret->is_null)
        load_slot(element, base, base + 4 + (n + 7) / 8 + (size_t)i * slot_size(element), ret);
}

void nested_field(Type type, const VecString *record, uint32_t field, NestedItem *ret)
{
    const char *base = vec_string_data(record);

    assert(field < type.n_children);
    *ret = (NestedItem){.is_null = null_bit(base, field)};
    if (!ret->is_null)
        load_slot(type.children[field].type, base, base + field_offset(type, field), ret);
}

void nested_map(const VecString *map, VecString *ret_keys, VecString *ret_values)
{
    const char *base = vec_string_data(map);
    uint32_t n_keys = load_u32(base);

    assert(map->length >= 12 && n_keys <= map->length - 4);
    *ret_keys = vec_string(base + 4, n_keys);
    *ret_values = vec_string(base + 4 + n_keys, map->length - 4 - n_keys);
}

bool nested_elements(Type element, const VecString *array, uint32_t first, uint32_t n, void *values,
                     uint64_t *valid, uint32_t at)
{
    const char *base = vec_string_data(array);
    uint32_t count = load_u32(base);
    size_t size = slot_size(element);
    const char *slots = base + 4 + (count + 7) / 8 + first * size;
    bool nulls = false;

    assert(first + n <= count);
    if (is_bytes(element)) {
        VecString *to = (VecString *)values + at;
        for (uint32_t i = 0; i < n; i++, slots += 8)
            to[i] = vec_string(base + load_u32(slots), load_u32(slots + 4));
    } else {
        memcpy((char *)values + at * size, slots, n * size);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (null_bit(base + 4, first + i)) {
            vec_bit_clear(valid, at + i);
            nulls = true;
        } else {
            vec_bit_set(valid, at + i);
        }
    }
    return nulls;
}

/* ---- checking ---- */

static bool check(Type type, const char *base, uint32_t n, uint32_t depth);

/* Slots of one type or of a struct's fields; @ret_end: where the bytes must end. */
static bool check_slot(Type type, const char *base, uint32_t n, const char *slot, bool null,
                       uint32_t *heap, uint32_t depth)
{
    uint32_t size = slot_size(type);
    if (null) {
        for (uint32_t i = 0; i < size; i++)
            if (slot[i] != 0)
                return false;
        return true;
    }
    if (!is_bytes(type))
        return true;
    uint32_t offset = load_u32(slot), length = load_u32(slot + 4);
    if (offset != *heap || length > n - offset)
        return false;
    *heap += length;
    return !type_is_nested(type) || check(type, base + offset, length, depth + 1);
}

static bool check_array(Type element, const char *base, uint32_t n, uint32_t depth)
{
    if (n < 4)
        return false;
    uint64_t count = load_u32(base), size = slot_size(element);
    uint64_t head = 4 + (count + 7) / 8 + count * size;
    if (count > NESTED_COUNT_MAX || head > n)
        return false;
    uint32_t heap = (uint32_t)head;
    if (count % 8 && (unsigned char)base[4 + count / 8] >> (count % 8))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!check_slot(element, base, n, base + 4 + (count + 7) / 8 + i * size,
                        null_bit(base + 4, i), &heap, depth))
            return false;
    return heap == n;
}

static bool check(Type type, const char *base, uint32_t n, uint32_t depth)
{
    if (depth > NESTED_DEPTH_MAX)
        return false;
    if (type.kind == TYPE_ARRAY)
        return check_array(type.children[0].type, base, n, depth);
    if (type.kind == TYPE_MAP) {
        if (n < 12)
            return false;
        uint32_t keys = load_u32(base);
        return keys <= n - 8 && check_array(type.children[0].type, base + 4, keys, depth) &&
               check_array(type.children[1].type, base + 4 + keys, n - 4 - keys, depth) &&
               load_u32(base + 4) == load_u32(base + 4 + keys);
    }
    uint32_t head = field_offset(type, type.n_children), heap = head;
    if (head > n ||
        (type.n_children % 8 && (unsigned char)base[type.n_children / 8] >> (type.n_children % 8)))
        return false;
    for (uint32_t i = 0; i < type.n_children; i++)
        if (!check_slot(type.children[i].type, base, n, base + field_offset(type, i),
                        null_bit(base, i), &heap, depth))
            return false;
    return heap == n;
}

bool nested_check(Type type, const VecString *value)
{
    return type_is_nested(type) && check(type, vec_string_data(value), value->length, 0);
}

/* ---- building ---- */

static void put_slot(Type type, const NestedItem *item, char *base, char *slot, uint32_t *heap)
{
    if (is_bytes(type)) {
        const VecString *s = &item->value.s;
        store_u32(slot, *heap);
        store_u32(slot + 4, s->length);
        memcpy(base + *heap, vec_string_data(s), s->length);
        *heap += s->length;
        return;
    }
    NestedValue value = item->value;
    if (type.kind == TYPE_DOUBLE && isnan(value.f64))
        value.f64 = __builtin_nan("");
    else if (type.kind == TYPE_FLOAT && isnan(value.f32))
        value.f32 = __builtin_nanf("");
    memcpy(slot, &value, phys_size(type_phys(type)));
}

static int new_bytes(MemArena *arena, uint64_t n, char **ret)
{
    if (n > INT32_MAX)
        return -EMSGSIZE;
    *ret = mem_arena_alloc(arena, n ? n : 1, 8);
    return *ret ? 0 : mem_arena_error(arena);
}

int nested_array(MemArena *arena, Type element, const NestedItem *items, uint32_t n, VecString *ret)
{
    uint64_t size = slot_size(element), head = 4 + (n + 7ull) / 8 + n * size, bytes = head;
    char *base;

    if (n > NESTED_COUNT_MAX)
        return -EMSGSIZE;
    if (is_bytes(element))
        for (uint32_t i = 0; i < n; i++)
            bytes += items[i].is_null ? 0 : items[i].value.s.length;
    int r = new_bytes(arena, bytes, &base);
    if (r)
        return r;
    memset(base, 0, head);
    store_u32(base, n);
    char *slot = base + 4 + (n + 7) / 8;
    uint32_t heap = (uint32_t)head;
    for (uint32_t i = 0; i < n; i++, slot += size) {
        if (items[i].is_null)
            base[4 + i / 8] = (char)(base[4 + i / 8] | 1 << (i % 8));
        else
            put_slot(element, &items[i], base, slot, &heap);
    }
    *ret = vec_string(base, (uint32_t)bytes);
    return 0;
}

int nested_record(MemArena *arena, Type type, const NestedItem *fields, VecString *ret)
{
    uint32_t n = type.n_children, head = field_offset(type, n);
    uint64_t bytes = head;
    char *base;

    for (uint32_t i = 0; i < n; i++)
        if (is_bytes(type.children[i].type) && !fields[i].is_null)
            bytes += fields[i].value.s.length;
    int r = new_bytes(arena, bytes, &base);
    if (r)
        return r;
    memset(base, 0, head);
    char *slot = base + (n + 7) / 8;
    uint32_t heap = head;
    for (uint32_t i = 0; i < n; i++) {
        if (fields[i].is_null)
            base[i / 8] = (char)(base[i / 8] | 1 << (i % 8));
        else
            put_slot(type.children[i].type, &fields[i], base, slot, &heap);
        slot += slot_size(type.children[i].type);
    }
    *ret = vec_string(base, (uint32_t)bytes);
    return 0;
}

int nested_map_of(MemArena *arena, const VecString *keys, const VecString *values, VecString *ret)
{
    uint64_t bytes = 4ull + keys->length + values->length;
    char *base;
    int r = new_bytes(arena, bytes, &base);

    if (r)
        return r;
    assert(nested_count(keys) == nested_count(values));
    store_u32(base, keys->length);
    memcpy(base + 4, vec_string_data(keys), keys->length);
    memcpy(base + 4 + keys->length, vec_string_data(values), values->length);
    *ret = vec_string(base, (uint32_t)bytes);
    return 0;
}

void nested_load(const Vector *v, uint32_t row, NestedItem *ret)
{
    *ret = (NestedItem){.is_null = vec_row_is_null(v, row)};
    if (ret->is_null)
        return;
    const void *from = vec_value_at(v, row);
    if (v->phys == PHYS_I64 && type_phys(v->type) == PHYS_I128)
        ret->value.i128 = *(const int64_t *)from;
    else
        memcpy(&ret->value, from, phys_size(v->phys));
}
