/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Streams of small numbers as pages hold them, decoded a few thousand at a time, so that memory
 * does not depend on how many values a page claims.
 *
 *   RleReader    the RLE / bit-packed hybrid: dictionary codes, levels, booleans
 *   LevelReader  definition levels of a flat column (0 or 1) as validity bits
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct RleReader {
    const uint8_t *at, *end; /* next run's header; UNPACK_SLOP readable bytes lie behind @end */
    uint32_t width;          /* bits of a value, 0..32 */
    uint64_t left;           /* values left in the current run */
    uint32_t value;          /* of a repeated run */
    const uint8_t *packed;   /* first byte of a bit-packed run; NULL in a repeated one */
    uint64_t packed_index;   /* next value in it */
    bool highest_first;      /* BIT_PACKED: bits of a byte from the highest on */
} RleReader;

/* @width above 32 is refused. */
bool rle_init(RleReader *r, const uint8_t *bytes, size_t n, uint32_t width);
/* The old BIT_PACKED encoding: one run of @n_values without a header, for rle_read() alone. */
void rle_init_bit_packed(RleReader *r, const uint8_t *bytes, uint64_t n_values, uint32_t width);
/**
 * rle_read() - the next @n values
 * @ret_max:  out, the largest of them; may be NULL
 * Return: false when the stream ends before.
 */
bool rle_read(RleReader *r, uint32_t n, uint32_t *dst, uint32_t *ret_max);
bool rle_skip(RleReader *r, uint64_t n);
/* When all of the next @n values are one repeated value: takes them. */
bool rle_take_repeated(RleReader *r, uint32_t n, uint32_t *ret_value);
/* @width 1 only: @n bits into @bits from bit @first on (bits above stay). Return: false at end. */
bool rle_read_bits(RleReader *r, uint32_t n, uint64_t *bits, uint32_t first, uint32_t *ret_ones);

typedef struct LevelReader {
    bool present; /* false: every value is there */
    bool legacy;  /* BIT_PACKED, highest bit first */
    RleReader rle;
    const uint8_t *bytes; /* legacy */
    uint64_t index, n_bits;
} LevelReader;

/**
 * level_read() - validity of the next @n values
 * @bits:      bits [first, first + n) are written, unless all are set and @ret_n_valid == @n
 * Return: false when the stream ends before.
 */
bool level_read(LevelReader *r, uint32_t n, uint64_t *bits, uint32_t first, uint32_t *ret_n_valid);

/* Sets bits [first, first + n). */
void bits_set_range(uint64_t *bits, uint32_t first, uint32_t n);
