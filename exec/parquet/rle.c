/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/rle.h"

#include <string.h>

#include "base/cleanup.h"
#include "exec/parquet/unpack.h"

bool rle_init(RleReader *r, const uint8_t *bytes, size_t n, uint32_t width)
{
    *r = (RleReader){.at = bytes, .end = bytes + n, .width = width};
    return width <= 32;
}

void rle_init_bit_packed(RleReader *r, const uint8_t *bytes, uint64_t n_values, uint32_t width)
{
    *r = (RleReader){
        .width = width, .left = n_values, .packed = bytes, .highest_first = true, .at = bytes};
    r->end = r->at; /* nothing follows */
}

/* Reads the header of the next run. Return: false at the end or when it is broken. */
static bool next_run(RleReader *r)
{
    uint64_t head = 0, n_bytes;
    unsigned shift = 0;

    for (;;) {
        uint8_t b;

        if (r->at >= r->end || shift > 35)
            return false;
        b = *r->at++;
        head |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            break;
        shift += 7;
    }
    if (head & 1) {
        r->left = (head >> 1) * 8;
        n_bytes = (head >> 1) * r->width;
        /* Writers may leave out the padding of the last group. */
        if (n_bytes > (uint64_t)(r->end - r->at)) {
            n_bytes = (uint64_t)(r->end - r->at);
            r->left = r->width ? n_bytes * 8 / r->width : r->left;
        }
        r->packed = r->at;
        r->packed_index = 0;
        r->at += n_bytes;
    } else {
        uint32_t width_bytes = (r->width + 7) / 8;

        if (width_bytes > (uint64_t)(r->end - r->at))
            return false;
        r->value = 0;
        memcpy(&r->value, r->at, width_bytes);
        r->at += width_bytes;
        r->left = head >> 1;
        r->packed = NULL;
    }
    return true;
}

static inline bool ensure_run(RleReader *r)
{
    while (r->left == 0)
        if (!next_run(r))
            return false;
    return true;
}

static uint32_t read_highest_first(RleReader *r, uint32_t n, uint32_t *dst)
{
    uint32_t max = 0;

    for (uint32_t i = 0; i < n; i++, r->packed_index++) {
        uint64_t bit = r->packed_index * r->width;
        uint32_t v = 0;

        for (uint32_t k = 0; k < r->width; k++, bit++)
            v = v << 1 | (r->packed[bit / 8] >> (7 - bit % 8) & 1);
        dst[i] = v;
        max = MAX(max, v);
    }
    return max;
}

/* @n values of the current bit-packed run. */
static uint32_t read_packed(RleReader *r, uint32_t n, uint32_t *dst)
{
    uint32_t max = 0, groups;

    while (n > 0 && r->packed_index % 8 != 0) {
        *dst = (uint32_t)unpack_one(r->packed, r->packed_index * r->width, r->width);
        max = MAX(max, *dst);
        dst++;
        r->packed_index++;
        n--;
    }
    groups = n / 8;
    if (groups > 0) {
        uint32_t m = unpack_u32(r->packed + r->packed_index / 8 * r->width, r->width, groups, dst);

        max = MAX(max, m);
        dst += groups * 8;
        r->packed_index += groups * 8;
        n -= groups * 8;
    }
    for (; n > 0; n--, dst++, r->packed_index++) {
        *dst = (uint32_t)unpack_one(r->packed, r->packed_index * r->width, r->width);
        max = MAX(max, *dst);
    }
    return max;
}

bool rle_read(RleReader *r, uint32_t n, uint32_t *dst, uint32_t *ret_max)
{
    uint32_t max = 0;

    while (n > 0) {
        uint32_t m;

        if (!ensure_run(r))
            return false;
        m = (uint32_t)MIN((uint64_t)n, r->left);
        if (r->packed) {
            uint32_t top =
                r->highest_first ? read_highest_first(r, m, dst) : read_packed(r, m, dst);

            max = MAX(max, top);
        } else {
            for (uint32_t i = 0; i < m; i++)
                dst[i] = r->value;
            max = MAX(max, r->value);
        }
        r->left -= m;
        dst += m;
        n -= m;
    }
    if (ret_max)
        *ret_max = max;
    return true;
}

bool rle_skip(RleReader *r, uint64_t n)
{
    while (n > 0) {
        uint64_t m;

        if (!ensure_run(r))
            return false;
        m = MIN(n, r->left);
        r->packed_index += m;
        r->left -= m;
        n -= m;
    }
    return true;
}

bool rle_take_repeated(RleReader *r, uint32_t n, uint32_t *ret_value)
{
    if (!ensure_run(r) || r->packed || r->left < n)
        return false;
    r->left -= n;
    *ret_value = r->value;
    return true;
}

void bits_set_range(uint64_t *bits, uint32_t first, uint32_t n)
{
    while (n > 0) {
        uint32_t in_word = MIN(n, 64 - first % 64);
        uint64_t ones = in_word == 64 ? UINT64_MAX : (UINT64_C(1) << in_word) - 1;

        bits[first / 64] |= ones << (first % 64);
        first += in_word;
        n -= in_word;
    }
}

static void bits_put(uint64_t *bits, uint32_t first, uint32_t n, uint64_t value)
{
    uint64_t ones = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    uint32_t shift = first % 64;

    value &= ones;
    bits[first / 64] = (bits[first / 64] & ~(ones << shift)) | value << shift;
    if (shift + n > 64) {
        bits[first / 64 + 1] =
            (bits[first / 64 + 1] & ~(ones >> (64 - shift))) | value >> (64 - shift);
    }
}

bool rle_read_bits(RleReader *r, uint32_t n, uint64_t *bits, uint32_t first, uint32_t *ret_ones)
{
    uint32_t ones = 0;

    while (n > 0) {
        uint32_t m;

        if (!ensure_run(r))
            return false;
        m = (uint32_t)MIN((uint64_t)n, r->left);
        for (uint32_t done = 0; done < m;) {
            uint32_t k = MIN(m - done, 56u);
            uint64_t value = r->packed ? unpack_one(r->packed, r->packed_index, k)
                                       : (r->value & 1 ? UINT64_MAX : 0);

            bits_put(bits, first + done, k, value);
            ones += (uint32_t)__builtin_popcountll(value & ((UINT64_C(1) << k) - 1));
            r->packed_index += k;
            done += k;
        }
        r->left -= m;
        first += m;
        n -= m;
    }
    *ret_ones = ones;
    return true;
}

bool level_read(LevelReader *r, uint32_t n, uint64_t *bits, uint32_t first, uint32_t *ret_n_valid)
{
    uint32_t value, ones = 0;

    if (!r->present) {
        *ret_n_valid = n;
        return true;
    }
    if (!r->legacy) {
        if (rle_take_repeated(&r->rle, n, &value)) {
            *ret_n_valid = value & 1 ? n : 0;
            if (!(value & 1))
                for (uint32_t i = 0; i < n; i += 64)
                    bits_put(bits, first + i, MIN(64u, n - i), 0);
            return true;
        }
        return rle_read_bits(&r->rle, n, bits, first, ret_n_valid);
    }
    if (n > r->n_bits - r->index)
        return false;
    for (uint32_t i = 0; i < n; i++, r->index++) {
        uint64_t bit = r->bytes[r->index / 8] >> (7 - r->index % 8) & 1;

        bits_put(bits, first + i, 1, bit);
        ones += (uint32_t)bit;
    }
    *ret_n_valid = ones;
    return true;
}
