/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/thrift_rewrite.h"

#include <stdbool.h>
#include <string.h>

/* Types as compact Thrift numbers them. */
enum {
    T_STOP = 0,
    T_TRUE = 1,
    T_FALSE = 2,
    T_I8 = 3,
    T_I16 = 4,
    T_I32 = 5,
    T_I64 = 6,
    T_DOUBLE = 7,
    T_BINARY = 8,
    T_LIST = 9,
    T_SET = 10,
    T_STRUCT = 12,
};

typedef struct Rewrite {
    const uint8_t *at, *end;
    uint8_t *out, *out_end;
    ThriftHook hook;
    void *userdata;
    int64_t path[THRIFT_PATH_MAX];
    bool bad;
} Rewrite;

static uint8_t get(Rewrite *r)
{
    if (r->at >= r->end) {
        r->bad = true;
        return 0;
    }
    return *r->at++;
}

static void put(Rewrite *r, uint8_t b)
{
    if (r->out >= r->out_end)
        r->bad = true;
    else
        *r->out++ = b;
}

static void copy(Rewrite *r, uint64_t n)
{
    for (uint64_t i = 0; i < n && !r->bad; i++)
        put(r, get(r));
}

static uint64_t get_varint(Rewrite *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = get(r);

        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    r->bad = true;
    return 0;
}

static void put_varint(Rewrite *r, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put(r, (uint8_t)(v | 0x80));
    put(r, (uint8_t)v);
}

static int64_t ask(Rewrite *r, uint32_t depth, ThriftNumber kind, int64_t value)
{
    return r->hook(r->userdata, r->path, depth, kind, value);
}

static void rewrite_struct(Rewrite *r, uint32_t depth);
static void rewrite_value(Rewrite *r, uint8_t type, uint32_t depth);

static void rewrite_list(Rewrite *r, uint32_t depth)
{
    uint8_t head = get(r), element = head & 0x0f;
    uint64_t n = head >> 4 == 15 ? get_varint(r) : head >> 4;
    uint64_t claimed = (uint64_t)ask(r, depth, THRIFT_NUMBER_COUNT, (int64_t)n);

    if (claimed < 15) {
        put(r, (uint8_t)(claimed << 4 | element));
    } else {
        put(r, 0xf0 | element);
        put_varint(r, claimed);
    }
    if (depth + 1 >= THRIFT_PATH_MAX)
        r->bad = true;
    for (uint64_t i = 0; i < n && !r->bad; i++) {
        r->path[depth] = (int64_t)i;
        if (element == T_TRUE || element == T_FALSE)
            copy(r, 1);
        else
            rewrite_value(r, element, depth + 1);
    }
}

static void rewrite_value(Rewrite *r, uint8_t type, uint32_t depth)
{
    uint64_t v;

    switch (type) {
    case T_I8:
        copy(r, 1);
        break;
    case T_I16:
    case T_I32:
    case T_I64:
        v = get_varint(r);
        v = (uint64_t)ask(r, depth, THRIFT_NUMBER_INT, (int64_t)(v >> 1) ^ -(int64_t)(v & 1));
        put_varint(r, v << 1 ^ (uint64_t)((int64_t)v >> 63));
        break;
    case T_DOUBLE:
        copy(r, 8);
        break;
    case T_BINARY:
        v = get_varint(r);
        put_varint(r, (uint64_t)ask(r, depth, THRIFT_NUMBER_LENGTH, (int64_t)v));
        copy(r, v);
        break;
    case T_LIST:
    case T_SET:
        rewrite_list(r, depth);
        break;
    case T_STRUCT:
        rewrite_struct(r, depth);
        break;
    default: /* maps do not occur in Parquet */
        r->bad = true;
    }
}

static void rewrite_struct(Rewrite *r, uint32_t depth)
{
    int64_t id = 0;

    if (depth + 1 >= THRIFT_PATH_MAX)
        r->bad = true;
    while (!r->bad) {
        uint8_t head = get(r), type = head & 0x0f;
        uint64_t wide = 0;

        if (r->bad || head == T_STOP)
            break;
        if (head >> 4)
            id += head >> 4;
        else {
            wide = get_varint(r);
            id = (int64_t)(wide >> 1) ^ -(int64_t)(wide & 1);
        }
        r->path[depth] = id;
        if (type == T_TRUE || type == T_FALSE)
            type = (uint8_t)ask(r, depth + 1, THRIFT_NUMBER_BOOL, type) & 0x0f;
        put(r, (uint8_t)((head & 0xf0) | type));
        if (!(head >> 4))
            put_varint(r, wide);
        if ((head & 0x0f) != T_TRUE && (head & 0x0f) != T_FALSE)
            rewrite_value(r, type, depth + 1);
    }
    put(r, T_STOP);
}

size_t thrift_rewrite(const uint8_t *in, size_t n, uint8_t *out, size_t n_out, ThriftHook hook,
                      void *userdata, size_t *ret_read)
{
    Rewrite r = {.at = in,
                 .end = in + n,
                 .out = out,
                 .out_end = out + n_out,
                 .hook = hook,
                 .userdata = userdata};

    rewrite_struct(&r, 0);
    if (r.bad)
        return 0;
    if (ret_read)
        *ret_read = (size_t)(r.at - in);
    return (size_t)(r.out - out);
}
