/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bit-packed integers, lowest bit first, in groups of eight: eight values of @width bits are
 * exactly @width bytes (parquet-format Encodings.md, "Run Length Encoding / Bit-Packing Hybrid").
 */

#include <stdint.h>
#include <string.h>

/* Bytes behind the packed ones that these functions may load (and ignore). */
#define UNPACK_SLOP 32u

/**
 * unpack_u32() - whole groups to u32
 * @src:     @n_groups * @width bytes and UNPACK_SLOP readable ones behind
 * @width:   0..32
 * @dst:     out, u32[8 * @n_groups]
 * Return: the largest value, for a range check of codes; 0 when there is none.
 */
uint32_t unpack_u32(const uint8_t *src, uint32_t width, uint32_t n_groups, uint32_t *dst);
/* The specification of unpack_u32(), and its twin on other processors. */
uint32_t unpack_u32_scalar(const uint8_t *src, uint32_t width, uint32_t n_groups, uint32_t *dst);

/* One value of @width 0..57 at bit @bit. Reads 8 bytes. */
static inline uint64_t unpack_one(const uint8_t *src, uint64_t bit, uint32_t width)
{
    uint64_t word;

    memcpy(&word, src + (bit >> 3), 8);
    return word >> (bit & 7) & ((UINT64_C(1) << width) - 1);
}

/* One value of @width 0..64 at bit @bit. Reads 16 bytes. */
static inline uint64_t unpack_one_wide(const uint8_t *src, uint64_t bit, uint32_t width)
{
    unsigned __int128 word;

    memcpy(&word, src + (bit >> 3), 16);
    word >>= bit & 7;
    return width == 64 ? (uint64_t)word : (uint64_t)word & ((UINT64_C(1) << width) - 1);
}
