/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Thrift's compact protocol, written. The first failure sticks in @result; callers look once.
 * Source: Apache Thrift, "Thrift Compact protocol encoding".
 */

#include "exec/parquet/thrift.h"
#include "exec/write/bytes.h"

#define THRIFT_WRITE_DEPTH 16u

typedef struct ThriftWriter {
    Bytes *to;
    int result;
    uint32_t depth;
    int16_t last[THRIFT_WRITE_DEPTH]; /* number of the last field, per open struct */
} ThriftWriter;

static inline ThriftWriter thrift_writer(Bytes *to)
{
    return (ThriftWriter){.to = to};
}

static inline void thrift_put_bytes(ThriftWriter *w, const void *data, size_t n)
{
    if (w->result == 0)
        w->result = bytes_add(w->to, data, n);
}

static inline void thrift_put_varint(ThriftWriter *w, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    thrift_put_bytes(w, bytes, n);
}

static inline void thrift_put_zigzag(ThriftWriter *w, int64_t v)
{
    thrift_put_varint(w, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static inline void thrift_field(ThriftWriter *w, int16_t id, ThriftType type)
{
    int16_t delta = (int16_t)(id - w->last[w->depth]);
    uint8_t head = (uint8_t)(delta << 4 | type); /* ids of parquet.thrift lie close together */
    thrift_put_bytes(w, &head, 1);
    w->last[w->depth] = id;
}

static inline void thrift_put_int(ThriftWriter *w, int16_t id, ThriftType type, int64_t v)
{
    thrift_field(w, id, type);
    thrift_put_zigzag(w, v);
}

static inline void thrift_put_i32(ThriftWriter *w, int16_t id, int32_t v)
{
    thrift_put_int(w, id, THRIFT_I32, v);
}

static inline void thrift_put_i64(ThriftWriter *w, int16_t id, int64_t v)
{
    thrift_put_int(w, id, THRIFT_I64, v);
}

static inline void thrift_put_bool(ThriftWriter *w, int16_t id, bool v)
{
    thrift_field(w, id, v ? THRIFT_TRUE : THRIFT_FALSE);
}

/* An element of a list of binaries. */
static inline void thrift_put_string(ThriftWriter *w, const void *data, size_t n)
{
    thrift_put_varint(w, n);
    thrift_put_bytes(w, data, n);
}

static inline void thrift_put_binary(ThriftWriter *w, int16_t id, const void *data, size_t n)
{
    thrift_field(w, id, THRIFT_BINARY);
    thrift_put_string(w, data, n);
}

static inline void thrift_put_list(ThriftWriter *w, int16_t id, ThriftType element, uint64_t n)
{
    thrift_field(w, id, THRIFT_LIST);
    uint8_t head = (uint8_t)((n < 15 ? n : 15) << 4 | element);
    thrift_put_bytes(w, &head, 1);
    if (n >= 15)
        thrift_put_varint(w, n);
}

/* An element of a list of structs, or the whole message. */
static inline void thrift_begin_element(ThriftWriter *w)
{
    w->last[++w->depth] = 0;
}

static inline void thrift_begin(ThriftWriter *w, int16_t id)
{
    thrift_field(w, id, THRIFT_STRUCT);
    thrift_begin_element(w);
}

static inline void thrift_end(ThriftWriter *w)
{
    uint8_t stop = THRIFT_STOP;
    thrift_put_bytes(w, &stop, 1);
    w->depth--;
}
