/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * DELTA_BINARY_PACKED as a stream (parquet-format Encodings.md): blocks of miniblocks, differences
 * packed at a width per miniblock on top of the block's smallest difference. Lengths of
 * DELTA_LENGTH_BYTE_ARRAY and prefixes of DELTA_BYTE_ARRAY are such streams too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DELTA_MINIBLOCKS_MAX 512u
#define DELTA_BLOCK_VALUES_MAX (1u << 24)

typedef struct DeltaReader {
    const uint8_t *at, *end; /* UNPACK_SLOP readable bytes behind @end */
    uint64_t total;          /* values of the whole stream */
    uint64_t left;           /* of them not yet read */
    uint32_t miniblock_values, n_miniblocks;
    uint32_t miniblock;       /* next miniblock of the block */
    uint32_t miniblock_left;  /* values in the current miniblock */
    uint32_t width;           /* of the current miniblock */
    uint64_t index;           /* next value in it */
    const uint8_t *packed;    /* of the current miniblock */
    const uint8_t *widths;    /* of the block */
    uint64_t min_delta, last; /* modulo 2^64 */
    bool first;               /* the first value has not been read */
} DeltaReader;

bool delta_init(DeltaReader *r, const uint8_t *bytes, size_t n);
/* The next @n values, modulo 2^64. Return: false when broken or at its end. */
bool delta_read(DeltaReader *r, uint32_t n, int64_t *dst);
/**
 * delta_end() - where the stream ends, without decoding it
 * @r:  just after delta_init(); unchanged
 * Return: NULL when it is broken.
 */
const uint8_t *delta_end(const DeltaReader *r);
