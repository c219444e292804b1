/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled once per instruction set: KERN_TABLE names the table that comes out. The loops are
 * written so that the compiler vectorises them; where it cannot (compressing a selection, sums into
 * few groups) the AVX-512 body stands beside the portable one.
 */
#include "exec/kernel/kernel.h"

#include "exec/kernel/hash.h"

#if defined(__AVX512F__) && defined(__AVX512VBMI2__) && defined(__AVX512BW__)
#define KERN_AVX512 1
#include <immintrin.h>
#endif

#ifndef KERN_TABLE
#error "KERN_TABLE must name the table"
#endif

#define ARITHMETIC(NAME, T, U, OP)                                                                 \
    static void NAME(const T *restrict a, const T *restrict b, T *restrict out, uint32_t n)        \
    {                                                                                              \
        for (uint32_t i = 0; i < n; i++)                                                           \
            out[i] = (T)((U)a[i] OP(U) b[i]);                                                      \
    }

ARITHMETIC(add_i64, int64_t, uint64_t, +)
ARITHMETIC(sub_i64, int64_t, uint64_t, -)
ARITHMETIC(mul_i64, int64_t, uint64_t, *)
ARITHMETIC(add_f64, double, double, +)
ARITHMETIC(sub_f64, double, double, -)
ARITHMETIC(mul_f64, double, double, *)

static void add_const_i64(const int64_t *restrict a, int64_t b, int64_t *restrict out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int64_t)((uint64_t)a[i] + (uint64_t)b);
}

static void rsub_const_i64(const int64_t *restrict a, int64_t b, int64_t *restrict out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int64_t)((uint64_t)b - (uint64_t)a[i]);
}

static void mul_const_i64(const int64_t *restrict a, int64_t b, int64_t *restrict out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = (int64_t)((uint64_t)a[i] * (uint64_t)b);
}

#define COMPARE(NAME, T, OP)                                                                       \
    static void NAME(const T *restrict a, const T *restrict b, uint8_t *restrict out, uint32_t n)  \
    {                                                                                              \
        for (uint32_t i = 0; i < n; i++)                                                           \
            out[i] = a[i] OP b[i];                                                                 \
    }                                                                                              \
    static void NAME##_const(const T *restrict a, T b, uint8_t *restrict out, uint32_t n)          \
    {                                                                                              \
        for (uint32_t i = 0; i < n; i++)                                                           \
            out[i] = a[i] OP b;                                                                    \
    }

COMPARE(eq_i32, int32_t, ==)
COMPARE(ne_i32, int32_t, !=)
COMPARE(lt_i32, int32_t, <)
COMPARE(le_i32, int32_t, <=)
COMPARE(gt_i32, int32_t, >)
COMPARE(ge_i32, int32_t, >=)
COMPARE(eq_i64, int64_t, ==)
COMPARE(ne_i64, int64_t, !=)
COMPARE(lt_i64, int64_t, <)
COMPARE(le_i64, int64_t, <=)
COMPARE(gt_i64, int64_t, >)
COMPARE(ge_i64, int64_t, >=)

static void gather_u32(const uint32_t *restrict values, const uint32_t *restrict codes,
                       uint32_t *restrict out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = values[codes[i]];
}

static void gather_u64(const uint64_t *restrict values, const uint32_t *restrict codes,
                       uint64_t *restrict out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = values[codes[i]];
}

static void range_i64(const int64_t *values, uint32_t n, int64_t *ret_min, int64_t *ret_max)
{
    int64_t min = values[0], max = values[0];
    for (uint32_t i = 0; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    *ret_min = min;
    *ret_max = max;
}

static void range_i32(const int32_t *values, uint32_t n, int32_t *ret_min, int32_t *ret_max)
{
    int32_t min = values[0], max = values[0];
    for (uint32_t i = 0; i < n; i++) {
        min = values[i] < min ? values[i] : min;
        max = values[i] > max ? values[i] : max;
    }
    *ret_min = min;
    *ret_max = max;
}

static int64_t sum_i64(const int64_t *values, uint32_t n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (uint64_t)values[i];
    return (int64_t)sum;
}

static void hash_i64(const int64_t *restrict values, uint64_t *restrict out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = hash_u64((uint64_t)values[i]);
}

static uint32_t select_bytes(const uint8_t *pass, uint32_t n, uint16_t *out)
{
    uint32_t k = 0, i = 0;
#ifdef KERN_AVX512
    __m512i rows = _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                                    15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i step = _mm512_set1_epi16(32);
    for (; i + 64 <= n; i += 64) {
        /* Exactly 1 passes: dictionaries use 2 for an entry that fails. */
        uint64_t mask = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(pass + i), _mm512_set1_epi8(1));
        __mmask32 low = (__mmask32)mask, high = (__mmask32)(mask >> 32);
        _mm512_mask_compressstoreu_epi16(out + k, low, rows);
        k += (uint32_t)__builtin_popcount(low);
        rows = _mm512_add_epi16(rows, step);
        _mm512_mask_compressstoreu_epi16(out + k, high, rows);
        k += (uint32_t)__builtin_popcount(high);
        rows = _mm512_add_epi16(rows, step);
    }
#endif
    for (; i < n; i++) {
        out[k] = (uint16_t)i;
        k += pass[i] == 1;
    }
    return k;
}

static uint32_t select_bytes_sel(const uint8_t *pass, const uint16_t *sel, uint32_t n,
                                 uint16_t *out)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t row = sel[i];
        out[k] = row;
        k += pass[row] == 1;
    }
    return k;
}

static uint32_t select_codes(const uint8_t *pass, const uint32_t *codes, uint32_t n, uint16_t *out)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        out[k] = (uint16_t)i;
        k += pass[codes[i]] == 1;
    }
    return k;
}

static uint32_t select_codes_sel(const uint8_t *pass, const uint32_t *codes, const uint16_t *sel,
                                 uint32_t n, uint16_t *out)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t row = sel[i];
        out[k] = row;
        k += pass[codes[row]] == 1;
    }
    return k;
}

#ifdef KERN_AVX512
/* A masked add per group: no store waits for the load before it. */
static void group_sum_few(const int64_t *values, const uint8_t *groups, uint32_t n,
                          uint32_t first_group, uint32_t n_groups, int64_t *sums)
{
    __m512i acc[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    const __m512i g0 = _mm512_set1_epi64(first_group), g1 = _mm512_set1_epi64(first_group + 1);
    const __m512i g2 = _mm512_set1_epi64(first_group + 2), g3 = _mm512_set1_epi64(first_group + 3);
    uint32_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m512i v = _mm512_loadu_si512(values + i);
        __m512i g = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(groups + i)));
        acc[0] = _mm512_mask_add_epi64(acc[0], _mm512_cmpeq_epi64_mask(g, g0), acc[0], v);
        acc[1] = _mm512_mask_add_epi64(acc[1], _mm512_cmpeq_epi64_mask(g, g1), acc[1], v);
        acc[2] = _mm512_mask_add_epi64(acc[2], _mm512_cmpeq_epi64_mask(g, g2), acc[2], v);
        acc[3] = _mm512_mask_add_epi64(acc[3], _mm512_cmpeq_epi64_mask(g, g3), acc[3], v);
    }
    for (uint32_t g = 0; g < 4 && first_group + g < n_groups; g++)
        sums[first_group + g] =
            (int64_t)((uint64_t)sums[first_group + g] + (uint64_t)_mm512_reduce_add_epi64(acc[g]));
    for (; i < n; i++)
        if (groups[i] >= first_group && groups[i] < first_group + 4)
            sums[groups[i]] = (int64_t)((uint64_t)sums[groups[i]] + (uint64_t)values[i]);
}
#endif

static void group_sum_i64(const int64_t *values, const uint8_t *groups, uint32_t n,
                          uint32_t n_groups, int64_t *sums)
{
#ifdef KERN_AVX512
    if (n_groups <= 8) {
        for (uint32_t g = 0; g < n_groups; g += 4)
            group_sum_few(values, groups, n, g, n_groups, sums);
        return;
    }
#endif
    /* Four sets of sums, so that rows of one group do not wait for each other. */
    uint64_t part[4][KERN_GROUPS_FEW] = {{0}};
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        part[0][groups[i]] += (uint64_t)values[i];
        part[1][groups[i + 1]] += (uint64_t)values[i + 1];
        part[2][groups[i + 2]] += (uint64_t)values[i + 2];
        part[3][groups[i + 3]] += (uint64_t)values[i + 3];
    }
    for (; i < n; i++)
        part[0][groups[i]] += (uint64_t)values[i];
    for (uint32_t g = 0; g < n_groups; g++)
        sums[g] = (int64_t)((uint64_t)sums[g] + part[0][g] + part[1][g] + part[2][g] + part[3][g]);
}

static void group_count(const uint8_t *groups, uint32_t n, uint32_t n_groups, int64_t *counts)
{
    uint32_t part[4][KERN_GROUPS_FEW] = {{0}};
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        part[0][groups[i]]++;
        part[1][groups[i + 1]]++;
        part[2][groups[i + 2]]++;
        part[3][groups[i + 3]]++;
    }
    for (; i < n; i++)
        part[0][groups[i]]++;
    for (uint32_t g = 0; g < n_groups; g++)
        counts[g] += (int64_t)part[0][g] + part[1][g] + part[2][g] + part[3][g];
}

#define KERN_STRING_(x) #x
#define KERN_STRING(x) KERN_STRING_(x)

extern const KernelTable KERN_TABLE;
const KernelTable KERN_TABLE = {
    .name = KERN_STRING(KERN_TABLE),
    .add_i64 = add_i64,
    .sub_i64 = sub_i64,
    .mul_i64 = mul_i64,
    .add_const_i64 = add_const_i64,
    .rsub_const_i64 = rsub_const_i64,
    .mul_const_i64 = mul_const_i64,
    .add_f64 = add_f64,
    .sub_f64 = sub_f64,
    .mul_f64 = mul_f64,
    .compare_i32 = {eq_i32, ne_i32, lt_i32, le_i32, gt_i32, ge_i32},
    .compare_i64 = {eq_i64, ne_i64, lt_i64, le_i64, gt_i64, ge_i64},
    .compare_const_i32 = {eq_i32_const, ne_i32_const, lt_i32_const, le_i32_const, gt_i32_const,
                          ge_i32_const},
    .compare_const_i64 = {eq_i64_const, ne_i64_const, lt_i64_const, le_i64_const, gt_i64_const,
                          ge_i64_const},
    .gather_u32 = gather_u32,
    .gather_u64 = gather_u64,
    .range_i64 = range_i64,
    .range_i32 = range_i32,
    .sum_i64 = sum_i64,
    .hash_i64 = hash_i64,
    .select_bytes = select_bytes,
    .select_bytes_sel = select_bytes_sel,
    .select_codes = select_codes,
    .select_codes_sel = select_codes_sel,
    .group_sum_i64 = group_sum_i64,
    .group_count = group_count,
};
