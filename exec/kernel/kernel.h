/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The hot loops, as plain functions of primitives. kernel.c is compiled once per instruction set;
 * kern_select() chooses a table at the first call and never changes it. The first table, plain C
 * without vectorisation, is the specification that the tests compare the others with.
 *
 * All arrays hold up to VEC_ROWS_MAX values, are borrowed for the call and must not overlap unless
 * said. No function allocates or fails.
 */

#include <stdint.h>

typedef enum KernCompare {
    KERN_EQ,
    KERN_NE,
    KERN_LT,
    KERN_LE,
    KERN_GT,
    KERN_GE,
    _KERN_COMPARE_MAX,
} KernCompare;

typedef struct KernelTable {
    const char *name;

    /* out[i] = a[i] op b[i], wrapping; whoever calls knows that nothing overflows. */
    void (*add_i64)(const int64_t *a, const int64_t *b, int64_t *out, uint32_t n);
    void (*sub_i64)(const int64_t *a, const int64_t *b, int64_t *out, uint32_t n);
    void (*mul_i64)(const int64_t *a, const int64_t *b, int64_t *out, uint32_t n);
    void (*add_const_i64)(const int64_t *a, int64_t b, int64_t *out, uint32_t n);
    void (*rsub_const_i64)(const int64_t *a, int64_t b, int64_t *out, uint32_t n); /* b - a[i] */
    void (*mul_const_i64)(const int64_t *a, int64_t b, int64_t *out, uint32_t n);
    void (*add_f64)(const double *a, const double *b, double *out, uint32_t n);
    void (*sub_f64)(const double *a, const double *b, double *out, uint32_t n);
    void (*mul_f64)(const double *a, const double *b, double *out, uint32_t n);

    /* out[i] = a[i] op b[i] ? 1 : 0 */
    void (*compare_i32[_KERN_COMPARE_MAX])(const int32_t *a, const int32_t *b, uint8_t *out,
                                           uint32_t n);
    void (*compare_i64[_KERN_COMPARE_MAX])(const int64_t *a, const int64_t *b, uint8_t *out,
                                           uint32_t n);
    void (*compare_const_i32[_KERN_COMPARE_MAX])(const int32_t *a, int32_t b, uint8_t *out,
                                                 uint32_t n);
    void (*compare_const_i64[_KERN_COMPARE_MAX])(const int64_t *a, int64_t b, uint8_t *out,
                                                 uint32_t n);

    /* out[i] = values[codes[i]]; codes are below the dictionary's size. */
    void (*gather_u32)(const uint32_t *values, const uint32_t *codes, uint32_t *out, uint32_t n);
    void (*gather_u64)(const uint64_t *values, const uint32_t *codes, uint64_t *out, uint32_t n);

    /* Of n >= 1 values. */
    void (*range_i64)(const int64_t *values, uint32_t n, int64_t *ret_min, int64_t *ret_max);
    void (*range_i32)(const int32_t *values, uint32_t n, int32_t *ret_min, int32_t *ret_max);
    int64_t (*sum_i64)(const int64_t *values, uint32_t n);

    void (*hash_i64)(const int64_t *values, uint64_t *out, uint32_t n);

    /* Rows i with pass[i] == 1 (pass[codes[i]], ...), ascending. Return: how many. @out may be
     * @sel. */
    uint32_t (*select_bytes)(const uint8_t *pass, uint32_t n, uint16_t *out);
    uint32_t (*select_bytes_sel)(const uint8_t *pass, const uint16_t *sel, uint32_t n,
                                 uint16_t *out);
    uint32_t (*select_codes)(const uint8_t *pass, const uint32_t *codes, uint32_t n, uint16_t *out);
    uint32_t (*select_codes_sel)(const uint8_t *pass, const uint32_t *codes, const uint16_t *sel,
                                 uint32_t n, uint16_t *out);

    /* sums[groups[i]] += values[i], wrapping; n_groups <= KERN_GROUPS_FEW */
    void (*group_sum_i64)(const int64_t *values, const uint8_t *groups, uint32_t n,
                          uint32_t n_groups, int64_t *sums);
    void (*group_count)(const uint8_t *groups, uint32_t n, uint32_t n_groups, int64_t *counts);
} KernelTable;

#define KERN_GROUPS_FEW 16u

/* The fastest table that this processor runs. */
const KernelTable *kern_select(void);
/* All that it runs, the plain one first. For tests. Return: how many, at most 4. */
uint32_t kern_tables(const KernelTable *ret_tables[4]);
