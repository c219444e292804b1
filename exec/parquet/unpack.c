/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/unpack.h"

#include "base/cleanup.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/*
 * AVX2: the eight values of a group lie at the same bit offsets in every group, so one byte shuffle
 * brings the four bytes around each value into its lane, one variable shift drops the bits below,
 * one mask those above. Values 0-3 and 4-7 come from two 16-byte loads, which reaches up to 25 bits
 * (25 + 7 fill the lane). Wider ones, rare for dictionary codes, go through the scalar twin.
 */

uint32_t unpack_u32_scalar(const uint8_t *src, uint32_t width, uint32_t n_groups, uint32_t *dst)
{
    uint32_t max = 0;

    for (uint32_t g = 0; g < n_groups; g++, src += width, dst += 8)
        for (uint32_t i = 0; i < 8; i++) {
            dst[i] = (uint32_t)unpack_one(src, (uint64_t)i * width, width);
            max = MAX(max, dst[i]);
        }
    return max;
}

#if defined(__x86_64__)
#define UNPACK_AVX2_WIDTH_MAX 25u

__attribute__((target("avx2"))) static uint32_t unpack_u32_avx2(const uint8_t *src, uint32_t width,
                                                                uint32_t n_groups, uint32_t *dst)
{
    _Alignas(32) uint8_t shuffle_bytes[32];
    _Alignas(32) uint32_t shift_bits[8];
    _Alignas(32) uint32_t largest[8];
    uint32_t high = 4 * width / 8, max = 0; /* byte where the load of values 4-7 starts */
    __m256i shuffle, shift, mask, top = _mm256_setzero_si256();

    for (uint32_t i = 0; i < 8; i++) {
        uint32_t bit = i * width - (i >= 4 ? high * 8 : 0);

        shift_bits[i] = bit & 7;
        for (uint32_t b = 0; b < 4; b++)
            shuffle_bytes[i * 4 + b] = (uint8_t)((bit >> 3) + b > 15 ? 0x80 : (bit >> 3) + b);
    }
    shuffle = _mm256_load_si256((const __m256i *)shuffle_bytes);
    shift = _mm256_load_si256((const __m256i *)shift_bits);
    mask = _mm256_set1_epi32((int)((UINT32_C(1) << width) - 1));
    for (uint32_t g = 0; g < n_groups; g++, src += width, dst += 8) {
        __m256i v =
            _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)src)),
                                    _mm_loadu_si128((const __m128i *)(src + high)), 1);

        v = _mm256_shuffle_epi8(v, shuffle);
        v = _mm256_and_si256(_mm256_srlv_epi32(v, shift), mask);
        _mm256_storeu_si256((__m256i *)dst, v);
        top = _mm256_max_epu32(top, v);
    }
    _mm256_store_si256((__m256i *)largest, top);
    for (uint32_t i = 0; i < 8; i++)
        max = MAX(max, largest[i]);
    return max;
}
#endif

uint32_t unpack_u32(const uint8_t *src, uint32_t width, uint32_t n_groups, uint32_t *dst)
{
#if defined(__x86_64__)
    if (width <= UNPACK_AVX2_WIDTH_MAX && __builtin_cpu_supports("avx2"))
        return unpack_u32_avx2(src, width, n_groups, dst);
#endif
    return unpack_u32_scalar(src, width, n_groups, dst);
}
