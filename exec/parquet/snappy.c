/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/parquet/codec.h"

/*
 * Snappy blocks: a varint of the output's length, then elements. The two low bits of an element's
 * first byte tell literal, copy with 1, 2 or 4 bytes of offset.
 *
 * Copies of up to 64 bytes are done as 16-byte moves that may write past their end (into the slop,
 * or where the next element writes anyway); near the ends of input and output every length is
 * checked first, so a hostile stream writes nothing outside.
 */

/* Source and target may overlap: everything is loaded before anything is stored. */
static inline void copy16(uint8_t *dst, const uint8_t *src)
{
    uint64_t words[2];

    memcpy(words, src, 16);
    memcpy(dst, words, 16);
}

static inline void copy8(uint8_t *dst, const uint8_t *src)
{
    uint64_t word;

    memcpy(&word, src, 8);
    memcpy(dst, &word, 8);
}

/* @offset is at least 1 and at most what was written. @n <= 64. */
static inline void copy_match(uint8_t *op, uint32_t offset, uint32_t n)
{
    const uint8_t *from = op - offset;
    uint8_t *end = op + n;

    if (likely(offset >= 16)) {
        copy16(op, from);
        if (unlikely(n > 16)) {
            copy16(op + 16, from + 16);
            if (n > 32) {
                copy16(op + 32, from + 32);
                copy16(op + 48, from + 48);
            }
        }
        return;
    }
    /* The pattern repeats: lay it down once bytewise until it is 16 long, then in wide steps. */
    if (offset >= 8) {
        while (op < end) {
            copy8(op, from);
            op += 8;
            from += 8;
        }
        return;
    }
    if (offset == 1) {
        memset(op, from[0], 64);
        return;
    }
    for (uint32_t i = 0; i < 16; i++)
        op[i] = from[i];
    {
        /* The largest multiple of the offset that 16 bytes hold keeps the phase. */
        uint32_t step = 16 / offset * offset;

        for (uint32_t at = step; at < n; at += step)
            copy16(op + at, op + at - step);
    }
}

static bool read_length(const uint8_t **ip, const uint8_t *end, uint64_t *ret_length)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t b;

        if (*ip >= end)
            return false;
        b = *(*ip)++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *ret_length = v;
            return true;
        }
    }
    return false;
}

int snappy_decompress(const uint8_t *src, size_t n_src, uint8_t *dst, size_t n_dst)
{
    const uint8_t *ip = src, *ip_end = src + n_src;
    uint8_t *op = dst, *op_end = dst + n_dst;
    uint64_t n;

    if (!read_length(&ip, ip_end, &n) || n != n_dst)
        return -EBADMSG;
    while (ip < ip_end) {
        uint32_t tag = *ip++, length, offset, word;

        memcpy(&word, ip, 4); /* the slop makes this safe at the end */
        if ((tag & 3) == 0) {
            uint64_t n_literal = tag >> 2;

            if (likely(n_literal < 16) && likely(op_end - op >= 1)) {
                n_literal++;
                if (unlikely(n_literal > (uint64_t)(ip_end - ip) ||
                             n_literal > (uint64_t)(op_end - op)))
                    return -EBADMSG;
                copy16(op, ip);
                ip += n_literal;
                op += n_literal;
                continue;
            }
            if (n_literal >= 60) {
                uint32_t n_bytes = (uint32_t)n_literal - 59;

                if (n_bytes > (uint64_t)(ip_end - ip))
                    return -EBADMSG;
                n_literal = n_bytes == 4 ? word : word & ((UINT32_C(1) << 8 * n_bytes) - 1);
                ip += n_bytes;
            }
            n_literal++;
            if (n_literal > (uint64_t)(ip_end - ip) || n_literal > (uint64_t)(op_end - op))
                return -EBADMSG;
            memcpy(op, ip, n_literal);
            ip += n_literal;
            op += n_literal;
            continue;
        }
        if ((tag & 3) == 1) {
            length = 4 + (tag >> 2 & 7);
            offset = (tag >> 5) << 8 | (word & 0xff);
            ip += 1;
        } else if ((tag & 3) == 2) {
            length = 1 + (tag >> 2);
            offset = word & 0xffff;
            ip += 2;
        } else {
            length = 1 + (tag >> 2);
            offset = word;
            ip += 4;
        }
        if (unlikely(ip > ip_end || offset == 0 || offset > (uint64_t)(op - dst) ||
                     length > (uint64_t)(op_end - op)))
            return -EBADMSG;
        copy_match(op, offset, length);
        op += length;
    }
    return op == op_end ? 0 : -EBADMSG;
}
