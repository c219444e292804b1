/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Values of ARRAY, MAP and STRUCT. Between operators each is one VecString (PHYS_STRING) whose
 * bytes are the whole value, so that whoever moves, keeps, hashes or compares strings does the same
 * for nested values (docs/decisions/0008).
 *
 *   array   u32 count; null bits, (count + 7) / 8 bytes, 1 = null; count slots; bytes
 *   struct  null bits, (fields + 7) / 8 bytes; a slot per field; bytes
 *   map     u32 bytes of the keys; keys as an array; values as an array
 *
 * A slot holds a value of fixed size as it lies in a vector, or two u32: where the bytes of a
 * string or nested value begin, counted from the front of the whole, and how many they are. Slots
 * are not aligned. The bytes stand in the order of the slots without gaps, slots of nulls and bits
 * behind the last are 0, NaN is always the same NaN: two values are equal exactly when their bytes
 * are, except for -0.0 in floats and the order of a map's entries (see nested_key()).
 *
 * What a type says about names and nullability does not show in the bytes.
 */

#include "exec/memory/memory.h"
#include "exec/vec/vector.h"

/* Nested types within nested types; who makes a type keeps to both (type_is_bounded()). */
#define NESTED_DEPTH_MAX 64u
#define NESTED_TYPES_MAX 4096u
/* Elements of one array. */
#define NESTED_COUNT_MAX (1u << 28)

/* Any value as it lies in a vector; which member is said by the type. */
typedef union NestedValue {
    uint8_t b;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    __int128 i128;
    float f32;
    double f64;
    VecString s;
    uint64_t words[2];
} NestedValue;

typedef struct NestedItem {
    NestedValue value; /* zero when null */
    bool is_null;
} NestedItem;

/* Does the type keep to the two limits? */
bool type_is_bounded(Type type);
bool type_is_nested(Type type);
/* A copy with names and children in @arena. Return: 0; mem_arena_error(). */
int type_copy(MemArena *arena, Type type, Type *ret);
/* Does it hold a type of @kind, at any depth or itself? */
bool type_contains(Type type, TypeKind kind);
/* The same bytes mean the same in both: equal but for names and nullability. */
bool type_same_bytes(Type a, Type b);

/* ---- reading; what comes out points into @blob's bytes ---- */

uint32_t nested_count(const VecString *array);
void nested_element(Type element, const VecString *array, uint32_t i, NestedItem *ret);
void nested_field(Type type, const VecString *record, uint32_t field, NestedItem *ret);
void nested_map(const VecString *map, VecString *ret_keys, VecString *ret_values);

/**
 * nested_elements() - elements [@first, @first + @n) of an array as values of a vector
 * @values: out, @n values of the element's physical kind, as for a flat vector
 * @valid:  out, bits @at.. are set or cleared
 * Return: whether one was null.
 */
bool nested_elements(Type element, const VecString *array, uint32_t first, uint32_t n, void *values,
                     uint64_t *valid, uint32_t at);

/* Is this such a value, through and through? For bytes that somebody else wrote. */
bool nested_check(Type type, const VecString *value);

/* ---- building ---- */

/* All return 0; -EMSGSIZE when it does not fit into 2^31 bytes; mem_arena_error(@arena). */
int nested_array(MemArena *arena, Type element, const NestedItem *items, uint32_t n,
                 VecString *ret);
int nested_record(MemArena *arena, Type type, const NestedItem *fields, VecString *ret);
/* @keys and @values are arrays of one length; nobody looks for duplicates here. */
int nested_map_of(MemArena *arena, const VecString *keys, const VecString *values, VecString *ret);

/* ---- single values ---- */

/* Row @row of a vector. A decimal that travels narrow comes out as its type says. */
void nested_load(const Vector *v, uint32_t row, NestedItem *ret);
/* Row @row of a flat vector's values. */
static inline void nested_store(const NestedItem *item, size_t size, void *values, uint32_t row)
{
    memcpy((uint8_t *)values + row * size, &item->value, size);
}

/* Spark's order: nulls first, NaN above all numbers, the shorter array first. Maps have no order
 * of their own; here their sorted entries are compared. Return: -1, 0, 1. */
int nested_compare_items(Type type, const NestedItem *a, const NestedItem *b);
/* The same of two values that are not null. */
int nested_compare(Type type, const NestedValue *a, const NestedValue *b);
/* Equal ones have equal hashes. */
uint64_t nested_hash(Type type, const NestedValue *value);

/**
 * nested_key() - bytes whose memcmp() order is nested_compare()
 *
 * With it whoever sorts strings sorts nested values, and equal values have equal keys, also those
 * with -0.0 or with maps. nested_unkey() gives the value back, normalised: 0.0, maps by their keys.
 * Return: 0; -EMSGSIZE; mem_arena_error(@arena).
 */
int nested_key(MemArena *arena, Type type, const VecString *value, VecString *ret);
int nested_unkey(MemArena *arena, Type type, const VecString *key, VecString *ret);
