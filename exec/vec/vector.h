/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A vector is up to VEC_ROWS_MAX values of one type; a batch is some vectors of the same rows, and
 * a selection that says which of those rows count. Three encodings, and every kernel must accept
 * all:
 *
 *   VEC_FLAT   values[row]
 *   VEC_CONST  values[0] for every row
 *   VEC_DICT   values[codes[row]]; the dictionary is shared, ref-counted by its owner, and stays
 * the same object (same @dict_id) over all batches of one column chunk, so that work done once per
 *              dictionary entry (LIKE, hashing, casting, comparing) can be kept
 *
 * Operators keep codes and selections to the last possible moment; vec_flatten() is the exception,
 * not the rule. Nothing is copied to apply a filter: the filter writes a selection.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "exec/vec/type.h"

/* Rows of one batch: 4,096 eight-byte values are 32 KiB, so two or three vectors of a kernel stay
 * in L1/L2. */
#define VEC_ROWS_MAX 4096u

typedef enum VecEncoding {
    VEC_FLAT,
    VEC_CONST,
    VEC_DICT,
} VecEncoding;

/*
 * A string of 0..2^31-1 bytes in 16 bytes: up to 12 bytes inside, else the first 4 and a pointer
 * (the layout of Umbra; Neumann and Freitag, CIDR 2020). Unused inline bytes are 0, so two short
 * strings are equal when their 16 bytes are.
 */
typedef struct VecString {
    uint32_t length;
    char prefix[4];
    union {
        char rest[8];
        const char *ptr; /* to all @length bytes; outlives the batch that carries it */
    };
} VecString;

_Static_assert(sizeof(VecString) == 16, "VecString is 16 bytes");

#define VEC_STRING_INLINE 12u

static inline const char *vec_string_data(const VecString *s)
{
    return s->length <= VEC_STRING_INLINE ? s->prefix : s->ptr;
}

/* @bytes must stay valid as long as the string when @length is above VEC_STRING_INLINE. */
static inline VecString vec_string(const char *bytes, uint32_t length)
{
    VecString s;
    memset(&s, 0, sizeof(s));
    s.length = length;
    if (length <= VEC_STRING_INLINE) {
        memcpy(s.prefix, bytes, length); /* the prefix and the rest are contiguous */
    } else {
        memcpy(s.prefix, bytes, 4);
        s.ptr = bytes;
    }
    return s;
}

typedef struct Vector Vector;
struct Vector {
    Type type;
    /*
     * PhysKind of @type. Between operators a DECIMAL of more than 18 digits may travel as PHYS_I64
     * when its values fit; never in what a scan puts out or a result callback sees.
     */
    uint8_t phys;
    uint8_t encoding; /* VecEncoding */
    bool has_nulls;   /* false: no row is null and the bitmaps may be NULL */
    /*
     * FLAT: one value per row. CONST: one value. DICT: n_dict values. 64-byte aligned where we
     * allocated it.
     */
    void *values;
    /* FLAT: bit per row, lowest first, 1 = not null. CONST: bit 0. DICT: bit per row (codes of
     * nulls are 0). */
    uint64_t *valid;
    const uint32_t *codes; /* DICT: per row, below n_dict; checked by whoever decoded the file */
    uint32_t n_dict;
    uint64_t dict_id;    /* DICT: unique per dictionary in this process, never 0 */
    bool dict_is_unique; /* DICT: no two entries are equal, so equal codes <=> equal values */
};

static inline bool vec_bit(const uint64_t *bits, uint32_t i)
{
    return bits[i >> 6] >> (i & 63) & 1;
}

static inline void vec_bit_set(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}

static inline void vec_bit_clear(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}

#define VEC_VALID_WORDS ((VEC_ROWS_MAX + 63) / 64)

/* Rows that count: @rows[0..n_selected) ascending, or all of them when @sel is NULL. */
typedef struct Batch {
    uint32_t n_rows;     /* rows in each vector, 0..VEC_ROWS_MAX */
    uint32_t n_selected; /* = n_rows when @sel is NULL */
    const uint16_t *sel; /* u16[n_selected], ascending, or NULL */
    uint32_t n_columns;
    Vector *columns;
    uint64_t position; /* sequence number for operators that must keep the order of their input */
} Batch;

static inline bool vec_row_is_null(const Vector *v, uint32_t row)
{
    return v->has_nulls && !vec_bit(v->valid, v->encoding == VEC_CONST ? 0 : row);
}

/* Index into @values for @row under any encoding. */
static inline uint32_t vec_index(const Vector *v, uint32_t row)
{
    return v->encoding == VEC_FLAT ? row : v->encoding == VEC_DICT ? v->codes[row] : 0;
}
