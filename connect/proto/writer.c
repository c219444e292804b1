/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/proto/proto.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define VARINT_MAX 10u

static void *allocate_plain(void *userdata, void *block, size_t n_old_bytes, size_t n_bytes)
{
    if (n_bytes == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, n_bytes);
}

void proto_writer_init(ProtoWriter *w, size_t limit, ProtoAllocate allocate, void *userdata)
{
    *w = (ProtoWriter){
        .limit = limit, .allocate = allocate ? allocate : allocate_plain, .userdata = userdata};
}

void proto_writer_done(ProtoWriter *w)
{
    if (w->data)
        w->allocate(w->userdata, w->data, w->capacity, 0);
    proto_writer_init(w, w->limit, w->allocate, w->userdata);
}

void proto_writer_reset(ProtoWriter *w)
{
    w->n_bytes = 0;
    w->error = 0;
    w->n_open = 0;
}

int proto_writer_finish(const ProtoWriter *w)
{
    assert(w->error < 0 || w->n_open == 0);
    return w->error;
}

uint8_t *proto_writer_take(ProtoWriter *w, size_t *ret_n_bytes)
{
    assert(w->error == 0 && w->n_open == 0);
    uint8_t *data = TAKE_PTR(w->data);
    *ret_n_bytes = w->n_bytes;
    proto_writer_init(w, w->limit, w->allocate, w->userdata);
    return data;
}

/* Makes room for @n_more bytes behind the present end. */
static bool make_room(ProtoWriter *w, size_t n_more)
{
    if (w->error < 0)
        return false;
    if (n_more > w->limit || w->n_bytes > w->limit - n_more) {
        w->error = -EMSGSIZE;
        return false;
    }
    size_t wanted = w->n_bytes + n_more;
    if (wanted <= w->capacity)
        return true;
    size_t capacity = MAX(wanted, w->capacity + w->capacity / 2);
    capacity = MAX(capacity, (size_t)256);
    capacity = MIN(capacity, w->limit);
    uint8_t *data = w->allocate(w->userdata, w->data, w->capacity, capacity);
    if (!data) {
        w->error = -ENOMEM;
        return false;
    }
    w->data = data;
    w->capacity = capacity;
    return true;
}

static size_t encode_varint(uint8_t *out, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

uint8_t *proto_reserve(ProtoWriter *w, size_t n_bytes)
{
    if (!make_room(w, n_bytes))
        return NULL;
    if (!w->data) { /* zero bytes of nothing: still an address, so that NULL means failure */
        static uint8_t nothing;
        return &nothing;
    }
    uint8_t *at = w->data + w->n_bytes;
    w->n_bytes += n_bytes;
    return at;
}

void proto_append(ProtoWriter *w, const void *data, size_t n_bytes)
{
    uint8_t *at = proto_reserve(w, n_bytes);
    if (at && n_bytes > 0)
        memcpy(at, data, n_bytes);
}

static void put_tag(ProtoWriter *w, uint32_t number, ProtoWire wire)
{
    assert(number >= 1 && number <= PROTO_FIELD_NUMBER_MAX);
    uint8_t bytes[VARINT_MAX];
    proto_append(w, bytes, encode_varint(bytes, (uint64_t)number << 3 | wire));
}

void proto_put_varint(ProtoWriter *w, uint32_t number, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    put_tag(w, number, PROTO_WIRE_VARINT);
    proto_append(w, bytes, encode_varint(bytes, value));
}

void proto_put_int64(ProtoWriter *w, uint32_t number, int64_t value)
{
    proto_put_varint(w, number, (uint64_t)value);
}

void proto_put_bool(ProtoWriter *w, uint32_t number, bool value)
{
    proto_put_varint(w, number, value);
}

static void put_fixed(ProtoWriter *w, uint64_t value, size_t n_bytes)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    proto_append(w, bytes, n_bytes);
}

void proto_put_double(ProtoWriter *w, uint32_t number, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_tag(w, number, PROTO_WIRE_FIXED64);
    put_fixed(w, bits, sizeof(bits));
}

void proto_put_float(ProtoWriter *w, uint32_t number, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_tag(w, number, PROTO_WIRE_FIXED32);
    put_fixed(w, bits, sizeof(bits));
}

void proto_put_header(ProtoWriter *w, uint32_t number, size_t n_bytes)
{
    uint8_t bytes[VARINT_MAX];
    put_tag(w, number, PROTO_WIRE_BYTES);
    proto_append(w, bytes, encode_varint(bytes, n_bytes));
}

void proto_put_bytes(ProtoWriter *w, uint32_t number, const void *data, size_t n_bytes)
{
    proto_put_header(w, number, n_bytes);
    proto_append(w, data, n_bytes);
}

void proto_put_string(ProtoWriter *w, uint32_t number, const char *text)
{
    proto_put_bytes(w, number, text, strlen(text));
}

void proto_put_empty(ProtoWriter *w, uint32_t number)
{
    proto_put_header(w, number, 0);
}

void proto_begin(ProtoWriter *w, uint32_t number)
{
    proto_put_header(w, number, 0); /* one byte for the length, mended by proto_end() */
    if (w->error < 0)
        return;
    if (w->n_open == PROTO_WRITER_NEST_MAX) {
        w->error = -ELOOP;
        return;
    }
    w->open[w->n_open++] = w->n_bytes;
}

void proto_end(ProtoWriter *w)
{
    if (w->error < 0)
        return;
    assert(w->n_open > 0);
    size_t start = w->open[--w->n_open];
    size_t n_bytes = w->n_bytes - start;
    size_t n_length = proto_varint_size(n_bytes);
    if (n_length > 1) {
        if (!proto_reserve(w, n_length - 1))
            return;
        memmove(w->data + start + n_length - 1, w->data + start, n_bytes);
    }
    encode_varint(w->data + start - 1, n_bytes);
}

size_t proto_varint_size(uint64_t value)
{
    size_t n = 1;
    while (value >= 0x80) {
        value >>= 7;
        n++;
    }
    return n;
}

size_t proto_bytes_field_size(uint32_t number, size_t n_bytes)
{
    return proto_varint_size((uint64_t)number << 3) + proto_varint_size(n_bytes) + n_bytes;
}
