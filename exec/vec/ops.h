/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What everybody does with vectors: compare two values, flatten, gather, print.
 */

#include <math.h>

#include "exec/memory/memory.h"
#include "exec/vec/vector.h"

/* A number for a new dictionary, unique in this process; never 0. Thread-safe. */
uint64_t vec_dict_id_next(void);

/* memcmp() order, the shorter string first. Return: <0, 0, >0. */
static inline int vec_string_compare(const VecString *a, const VecString *b)
{
    uint32_t pa, pb;
    memcpy(&pa, a->prefix, 4);
    memcpy(&pb, b->prefix, 4);
    /* Unused inline bytes are 0, so the first four decide whenever they differ. */
    if (pa != pb) {
        pa = __builtin_bswap32(pa);
        pb = __builtin_bswap32(pb);
        return pa < pb ? -1 : 1;
    }
    uint32_t n = a->length < b->length ? a->length : b->length;
    int r = memcmp(vec_string_data(a), vec_string_data(b), n);
    if (r)
        return r;
    return a->length < b->length ? -1 : a->length > b->length;
}

static inline bool vec_string_equal(const VecString *a, const VecString *b)
{
    uint64_t a0, b0, a1, b1;
    memcpy(&a0, a, 8);
    memcpy(&b0, b, 8);
    if (a0 != b0)
        return false;
    memcpy(&a1, a->rest, 8);
    memcpy(&b1, b->rest, 8);
    if (a1 == b1)
        return true;
    return a->length > VEC_STRING_INLINE && memcmp(a->ptr, b->ptr, a->length) == 0;
}

/* Spark's order of doubles: -0.0 equals 0.0, NaN equals NaN and is above everything. */
static inline int vec_double_compare(double a, double b)
{
    if (a < b)
        return -1;
    if (a > b)
        return 1;
    if (a == b)
        return 0;
    return isnan(a) ? (isnan(b) ? 0 : 1) : -1;
}

/* Values at two addresses of one physical kind, neither null. Return: <0, 0, >0. */
int vec_value_compare(PhysKind phys, const void *a, const void *b);

static inline const void *vec_value_at(const Vector *v, uint32_t row)
{
    return (const char *)v->values + (size_t)vec_index(v, row) * phys_size(v->phys);
}

/* A constant null of @type. @storage: 16 zeroed bytes that outlive the vector. */
Vector vec_const_null(Type type);

/**
 * vec_gather() - selected rows, made dense and flat
 * @sel:       u16[@n] rows, or NULL for 0..@n
 * @values:    out, @n values of the vector's physical kind, 64-byte aligned
 * @valid:     out, bits of @n rows rounded up to words; written only when the vector has nulls
 *
 * Strings keep pointing to where they were.
 * Return: true when @valid was written.
 */
bool vec_gather(const Vector *v, const uint16_t *sel, uint32_t n, void *values, uint64_t *valid);

/**
 * vec_flatten() - the same vector as VEC_FLAT, rows at their places
 * @sel:     only these rows are written; NULL: all of 0..@n
 * @values:  out, room for VEC_ROWS_MAX values
 * @valid:   out, u64[VEC_VALID_WORDS]; used when @v has nulls and is a constant
 */
void vec_flatten(const Vector *v, const uint16_t *sel, uint32_t n, void *values, uint64_t *valid,
                 Vector *ret_flat);

/* Any vector with a selection as a dense flat one in @arena. Return: 0; mem_arena_error(). */
int vec_compact(const Vector *v, const uint16_t *sel, uint32_t n, MemArena *arena,
                Vector *ret_flat);

/* As Spark's show() would write it, "NULL" for null; for tests and debugging. Return: @buf. */
char *vec_format(const Vector *v, uint32_t row, char *buf, size_t size);
