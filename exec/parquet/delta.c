/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/delta.h"

#include "base/cleanup.h"
#include "exec/parquet/unpack.h"

static bool read_varint(DeltaReader *r, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b;

        if (r->at >= r->end)
            return false;
        b = *r->at++;
        value |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static uint64_t zigzag(uint64_t v)
{
    return v >> 1 ^ (0 - (v & 1));
}

bool delta_init(DeltaReader *r, const uint8_t *bytes, size_t n)
{
    uint64_t block_values, n_miniblocks, first;

    *r = (DeltaReader){.at = bytes, .end = bytes + n, .first = true};
    if (!read_varint(r, &block_values) || !read_varint(r, &n_miniblocks) ||
        !read_varint(r, &r->total) || !read_varint(r, &first))
        return false;
    if (block_values == 0 || block_values > DELTA_BLOCK_VALUES_MAX || n_miniblocks == 0 ||
        n_miniblocks > DELTA_MINIBLOCKS_MAX || block_values % n_miniblocks != 0 ||
        block_values / n_miniblocks % 8 != 0)
        return false;
    r->miniblock_values = (uint32_t)(block_values / n_miniblocks);
    r->n_miniblocks = (uint32_t)n_miniblocks;
    r->miniblock = r->n_miniblocks;
    r->left = r->total;
    r->last = zigzag(first);
    return true;
}

/* Makes the next miniblock the current one; values are left when it is called. */
static bool next_miniblock(DeltaReader *r)
{
    uint64_t n_bytes;

    if (r->miniblock == r->n_miniblocks) {
        uint64_t min_delta;

        if (!read_varint(r, &min_delta) || r->n_miniblocks > (uint64_t)(r->end - r->at))
            return false;
        r->min_delta = zigzag(min_delta);
        r->widths = r->at;
        r->at += r->n_miniblocks;
        r->miniblock = 0;
    }
    r->width = r->widths[r->miniblock++];
    if (r->width > 64)
        return false;
    n_bytes = (uint64_t)r->miniblock_values / 8 * r->width;
    r->packed = r->at;
    r->index = 0;
    r->miniblock_left = r->miniblock_values;
    if (n_bytes > (uint64_t)(r->end - r->at)) {
        /* The padding of the last miniblock may be left out. */
        uint64_t there = r->width ? (uint64_t)(r->end - r->at) * 8 / r->width : 0;

        if (there < r->left && there < r->miniblock_values)
            return false;
        r->at = r->end;
    } else {
        r->at += n_bytes;
    }
    return true;
}

static void read_run(DeltaReader *r, uint32_t n, int64_t *dst)
{
    uint64_t last = r->last, min_delta = r->min_delta, bit = r->index * r->width;
    uint32_t width = r->width;

    if (width == 0) {
        for (uint32_t i = 0; i < n; i++)
            dst[i] = (int64_t)(last += min_delta);
    } else if (width <= 57) {
        for (uint32_t i = 0; i < n; i++, bit += width)
            dst[i] = (int64_t)(last += min_delta + unpack_one(r->packed, bit, width));
    } else {
        for (uint32_t i = 0; i < n; i++, bit += width)
            dst[i] = (int64_t)(last += min_delta + unpack_one_wide(r->packed, bit, width));
    }
    r->last = last;
    r->index += n;
    r->miniblock_left -= n;
    r->left -= n;
}

bool delta_read(DeltaReader *r, uint32_t n, int64_t *dst)
{
    if (n > r->left)
        return false;
    if (n > 0 && r->first) {
        *dst++ = (int64_t)r->last;
        r->first = false;
        r->left--;
        n--;
    }
    while (n > 0) {
        uint32_t m;

        if (r->miniblock_left == 0 && !next_miniblock(r))
            return false;
        m = MIN(n, r->miniblock_left);
        read_run(r, m, dst);
        dst += m;
        n -= m;
    }
    return true;
}

const uint8_t *delta_end(const DeltaReader *reader)
{
    DeltaReader r = *reader;
    uint64_t left = r.total > 0 ? r.total - 1 : 0;

    while (left > 0) {
        r.left = left;
        if (!next_miniblock(&r))
            return NULL;
        left -= MIN(left, (uint64_t)r.miniblock_values);
    }
    /*
     * Miniblocks of the last block that hold no value have no bytes, whatever their width says
     * (Encodings.md), so nothing follows.
     */
    return r.at;
}
