/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams inside of pages. The first byte says which and its parameter: the RLE hybrid,
 * validity, differences, Snappy, page headers.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exec/parquet/reader_internal.h"

#define ROWS_MAX 100000u

static void fuzz_hybrid(const uint8_t *bytes, size_t n, uint32_t width)
{
    static uint32_t out[1000];
    uint32_t max, seen = 0;
    RleReader r;

    if (!rle_init(&r, bytes, n, width))
        return;
    while (seen < ROWS_MAX && rle_read(&r, 1 + seen % 999, out, &max)) {
        for (uint32_t i = 0; i < 1 + seen % 999; i++)
            if (out[i] > max)
                abort();
        seen += 1 + seen % 999;
        (void)rle_skip(&r, seen % 50);
    }
}

static void fuzz_levels(const uint8_t *bytes, size_t n, bool legacy)
{
    uint64_t bits[VEC_VALID_WORDS];
    LevelReader r = {.present = true, .legacy = legacy, .bytes = bytes, .n_bits = n * 8};
    uint32_t seen = 0, n_valid;

    (void)rle_init(&r.rle, bytes, n, 1);
    while (seen < ROWS_MAX && level_read(&r, 1 + seen % 77, bits, seen % 3000, &n_valid)) {
        if (n_valid > 1 + seen % 77)
            abort();
        seen += 1 + seen % 77;
    }
}

static void fuzz_delta(const uint8_t *bytes, size_t n)
{
    static int64_t out[1000];
    uint32_t seen = 0;
    DeltaReader r;

    if (!delta_init(&r, bytes, n))
        return;
    (void)delta_end(&r);
    while (seen < ROWS_MAX && delta_read(&r, 1 + seen % 999, out))
        seen += 1 + seen % 999;
}

static void fuzz_snappy(const uint8_t *bytes, size_t n)
{
    size_t n_out = 0;
    uint8_t *out;

    /* What it claims, within reason, so that the length check alone does not end every run. */
    for (size_t i = 0; i < 3 && i < n; i++) {
        n_out |= (size_t)(bytes[i] & 0x7f) << (7 * i);
        if (!(bytes[i] & 0x80))
            break;
    }
    out = malloc(n_out + CODEC_SLOP);
    if (out)
        (void)snappy_decompress(bytes, n, out, n_out);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PageHeader header;
    uint8_t *bytes;

    if (size < 1)
        return 0;
    bytes = calloc(1, size + PAGE_SLOP); /* a copy with the slop that pages have */
    if (!bytes)
        return 0;
    memcpy(bytes, data + 1, size - 1);
    switch (data[0] >> 6) {
    case 0:
        fuzz_hybrid(bytes, size - 1, data[0] & 63);
        break;
    case 1:
        if (data[0] & 1)
            fuzz_delta(bytes, size - 1);
        else
            fuzz_levels(bytes, size - 1, data[0] & 2);
        break;
    case 2:
        fuzz_snappy(bytes, size - 1);
        break;
    default:
        (void)page_header_read(bytes, bytes + size - 1, &header);
    }
    free(bytes);
    return 0;
}
