/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
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

/*
 * Length and the upper offset bits of every copy tag: length | upper << 8, where upper are the bits
 * that a copy with one offset byte has in its tag. Whether one or two bytes follow is as good as
 * random in real data, and a lookup costs less than a wrong guess.
 */
#define COPY_ENTRY(t)                                                                              \
    ((t) % 4 == 1 ? (4 + ((t) / 4 & 7)) | ((t) / 32) << 8 : (t) % 4 == 0 ? 0 : 1 + (t) / 4)
#define COPY_ENTRIES_4(t) COPY_ENTRY(t), COPY_ENTRY(t + 1), COPY_ENTRY(t + 2), COPY_ENTRY(t + 3)
#define COPY_ENTRIES_16(t)                                                                         \
    COPY_ENTRIES_4(t), COPY_ENTRIES_4(t + 4), COPY_ENTRIES_4(t + 8), COPY_ENTRIES_4(t + 12)
#define COPY_ENTRIES_64(t)                                                                         \
    COPY_ENTRIES_16(t), COPY_ENTRIES_16(t + 16), COPY_ENTRIES_16(t + 32), COPY_ENTRIES_16(t + 48)

static const uint16_t copy_entries[256] = {
    COPY_ENTRIES_64(0),
    COPY_ENTRIES_64(64),
    COPY_ENTRIES_64(128),
    COPY_ENTRIES_64(192),
};
static const uint32_t offset_masks[4] = {0, 0xff, 0xffff, 0xffffffff};

/* One element with every check. Return: false when it is broken. */
static bool decode_element(const uint8_t **ret_ip, const uint8_t *ip_end, uint8_t *dst,
                           uint8_t **ret_op, uint8_t *op_end)
{
    const uint8_t *ip = *ret_ip;
    uint8_t *op = *ret_op;
    uint32_t tag = *ip++, type = tag & 3, offset, word;
    uint64_t length;

    memcpy(&word, ip, 4); /* the slop makes this safe at the end */
    if (type == 0) {
        length = tag >> 2;
        if (length >= 60) {
            uint32_t n_bytes = (uint32_t)length - 59;

            if (n_bytes > (uint64_t)(ip_end - ip))
                return false;
            length = n_bytes == 4 ? word : word & ((UINT32_C(1) << 8 * n_bytes) - 1);
            ip += n_bytes;
        }
        length++;
        if (length > (uint64_t)(ip_end - ip) || length > (uint64_t)(op_end - op))
            return false;
        memcpy(op, ip, length);
        *ret_ip = ip + length;
        *ret_op = op + length;
        return true;
    }
    offset = (word & offset_masks[type]) | (copy_entries[tag] & 0x700);
    length = copy_entries[tag] & 0xff;
    ip += type == 3 ? 4 : type;
    if (ip > ip_end || offset == 0 || offset > (uint64_t)(op - dst) ||
        length > (uint64_t)(op_end - op))
        return false;
    copy_match(op, offset, (uint32_t)length);
    *ret_ip = ip;
    *ret_op = op + length;
    return true;
}

#define FAST_IN 32  /* bytes of input that a short literal, a copy and a load behind them touch */
#define FAST_OUT 96 /* a short literal and the longest copy, in wide steps */
#define LITERAL_FAST_MAX 16

/* Where the decoder stands. By value, so that it stays in two registers. */
typedef struct Place {
    const uint8_t *ip;
    uint8_t *op;
} Place;

/* Rare forms. Return: .ip NULL when broken. */
static __attribute__((noinline)) Place step_checked(Place at, const uint8_t *ip_end, uint8_t *dst,
                                                    uint8_t *op_end)
{
    if (!decode_element(&at.ip, ip_end, dst, &at.op, op_end))
        at.ip = NULL;
    return at;
}

/*
 * Where the next element begins is known only when this one's tag has been loaded: that chain of
 * loads is what bounds the decoder. So one load of eight bytes serves a short literal and the copy
 * that mostly follows it; behind up to four literal bytes the copy's tag and offset are shifted
 * down, not loaded.
 */
static int decode_elements(const uint8_t *ip, size_t n_src, uint8_t *dst, size_t n_dst)
{
    const uint8_t *ip_end = ip + n_src, *ip_fast = n_src > FAST_IN ? ip_end - FAST_IN : ip;
    uint8_t *op = dst, *op_end = dst + n_dst;
    uint8_t *op_fast = n_dst > FAST_OUT ? op_end - FAST_OUT : dst;

    while (ip < ip_end) {
        uint32_t tag = ip[0], type = tag & 3, entry, offset, length;
        uint64_t word;

        if (unlikely(ip >= ip_fast || op >= op_fast || type == 3 ||
                     (type == 0 && tag >= LITERAL_FAST_MAX << 2))) {
            Place at = step_checked((Place){ip, op}, ip_end, dst, op_end);

            ip = at.ip;
            op = at.op;
            if (unlikely(!ip))
                return -EBADMSG;
            continue;
        }
        memcpy(&word, ip, 8);
        if (type == 0) {
            copy16(op, ip + 1);
            ip += (tag >> 2) + 2;
            op += (tag >> 2) + 1;
            if (likely(tag < 4 << 2))
                word >>= 8 * ((tag >> 2) + 2);
            else
                memcpy(&word, ip, 8);
            tag = (uint8_t)word;
            type = tag & 3;
            if (unlikely(type == 0 || type == 3))
                continue;
        }
        entry = copy_entries[tag];
        offset = ((uint32_t)(word >> 8) & offset_masks[type]) | (entry & 0x700);
        length = entry & 0xff;
        ip += 1 + type;
        if (unlikely(offset - 1 >= (uint64_t)(op - dst)))
            return -EBADMSG;
        if (likely(length <= 16 && offset >= 16)) {
            copy16(op, op - offset);
        } else if (length <= 16 && offset >= 8) {
            copy8(op, op - offset);
            if (length > 8)
                copy8(op + 8, op - offset + 8);
        } else {
            copy_match(op, offset, length);
        }
        op += length;
    }
    return op == op_end ? 0 : -EBADMSG;
}

int snappy_decompress(const uint8_t *src, size_t n_src, uint8_t *dst, size_t n_dst)
{
    const uint8_t *ip = src;
    uint64_t n;

    if (!read_length(&ip, src + n_src, &n) || n != n_dst)
        return -EBADMSG;
    return decode_elements(ip, (size_t)(src + n_src - ip), dst, n_dst);
}

const uint8_t *snappy_stored(const uint8_t *src, size_t n_src, size_t n_dst)
{
    const uint8_t *ip = src, *end = src + n_src;
    uint64_t n, length;

    if (!read_length(&ip, end, &n) || n != n_dst || n == 0 || ip >= end || (*ip & 3) != 0)
        return NULL;
    length = (uint64_t)(*ip++ >> 2) + 1;
    if (length > 60) {
        uint32_t n_bytes = (uint32_t)length - 60;

        if (n_bytes > (uint64_t)(end - ip))
            return NULL;
        length = 0;
        for (uint32_t i = 0; i < n_bytes; i++)
            length |= (uint64_t)*ip++ << 8 * i;
        length++;
    }
    return length == n && length == (uint64_t)(end - ip) ? ip : NULL;
}
