/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/thrift.h"

static uint8_t read_byte(ThriftReader *r)
{
    if (r->at >= r->end) {
        r->bad = true;
        return 0;
    }
    return *r->at++;
}

uint64_t thrift_varint(ThriftReader *r)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = read_byte(r);

        value |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return value;
    }
    r->bad = true;
    return 0;
}

static int64_t zigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

bool thrift_enter(ThriftReader *r, ThriftField *field)
{
    *field = (ThriftField){0};
    if (r->depth >= THRIFT_DEPTH_MAX)
        r->bad = true;
    r->depth++;
    return !r->bad;
}

bool thrift_next(ThriftReader *r, ThriftField *field)
{
    uint8_t head = r->bad ? 0 : read_byte(r);

    if (r->bad || head == THRIFT_STOP) {
        if (r->depth > 0)
            r->depth--;
        return false;
    }
    field->type = head & 0x0f;
    if (head >> 4)
        field->id = (int16_t)(field->id + (head >> 4));
    else
        field->id = (int16_t)zigzag(thrift_varint(r));
    if (field->type > THRIFT_UUID || field->type == THRIFT_STOP)
        r->bad = true;
    return !r->bad;
}

int64_t thrift_int(ThriftReader *r, const ThriftField *field)
{
    switch (field->type) {
    case THRIFT_I8:
        return (int8_t)read_byte(r);
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        return zigzag(thrift_varint(r));
    default:
        r->bad = true;
        return 0;
    }
}

bool thrift_bool(ThriftReader *r, const ThriftField *field)
{
    if (field->type != THRIFT_TRUE && field->type != THRIFT_FALSE)
        r->bad = true;
    return field->type == THRIFT_TRUE;
}

const uint8_t *thrift_binary(ThriftReader *r, const ThriftField *field, size_t max, size_t *ret_n)
{
    uint64_t n = field->type == THRIFT_BINARY ? thrift_varint(r) : UINT64_MAX;
    const uint8_t *at = r->at;

    *ret_n = 0;
    if (r->bad || n > max || n > (uint64_t)(r->end - r->at)) {
        r->bad = true;
        return NULL;
    }
    r->at += n;
    *ret_n = (size_t)n;
    return at;
}

static uint32_t list_header(ThriftReader *r, uint8_t *ret_element)
{
    uint8_t head = read_byte(r);
    uint64_t n = head >> 4;

    *ret_element = head & 0x0f;
    if (n == 15)
        n = thrift_varint(r);
    /* An element takes at least one byte, so this bounds every loop by the bytes there are. */
    if (r->bad || n > (uint64_t)(r->end - r->at)) {
        r->bad = true;
        return 0;
    }
    return (uint32_t)n;
}

uint32_t thrift_list(ThriftReader *r, const ThriftField *field, ThriftType element, uint32_t max)
{
    uint8_t found = 0;
    uint32_t n = 0;

    if (field->type == THRIFT_LIST || field->type == THRIFT_SET)
        n = list_header(r, &found);
    else
        r->bad = true;
    if (n > max || (n > 0 && found != element))
        r->bad = true;
    return r->bad ? 0 : n;
}

static void skip_bytes(ThriftReader *r, uint64_t n)
{
    if (n > (uint64_t)(r->end - r->at))
        r->bad = true;
    else
        r->at += n;
}

static void skip_value(ThriftReader *r, uint8_t type, bool in_list, uint32_t depth);

static void skip_struct(ThriftReader *r, uint32_t depth)
{
    uint8_t head;

    while (!r->bad && (head = read_byte(r)) != THRIFT_STOP) {
        if (!(head >> 4))
            (void)thrift_varint(r);
        skip_value(r, head & 0x0f, false, depth);
    }
}

static void skip_value(ThriftReader *r, uint8_t type, bool in_list, uint32_t depth)
{
    uint8_t element, key_value;
    uint32_t n;

    if (depth > THRIFT_DEPTH_MAX)
        r->bad = true;
    if (r->bad)
        return;
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        if (in_list)
            skip_bytes(r, 1);
        return;
    case THRIFT_I8:
        skip_bytes(r, 1);
        return;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        (void)thrift_varint(r);
        return;
    case THRIFT_DOUBLE:
        skip_bytes(r, 8);
        return;
    case THRIFT_UUID:
        skip_bytes(r, 16);
        return;
    case THRIFT_BINARY:
        skip_bytes(r, thrift_varint(r));
        return;
    case THRIFT_LIST:
    case THRIFT_SET:
        n = list_header(r, &element);
        for (uint32_t i = 0; i < n && !r->bad; i++)
            skip_value(r, element, true, depth + 1);
        return;
    case THRIFT_MAP: {
        uint64_t n_pairs = thrift_varint(r);

        if (r->bad || n_pairs == 0)
            return;
        key_value = read_byte(r);
        for (uint64_t i = 0; i < n_pairs && !r->bad; i++) {
            /* Every pair must take bytes, or a short input could ask for 2^63 rounds. */
            const uint8_t *before = r->at;

            skip_value(r, key_value >> 4, true, depth + 1);
            skip_value(r, key_value & 0x0f, true, depth + 1);
            if (r->at == before)
                r->bad = true;
        }
        return;
    }
    case THRIFT_STRUCT:
        skip_struct(r, depth + 1);
        return;
    default:
        r->bad = true;
    }
}

void thrift_skip(ThriftReader *r, const ThriftField *field)
{
    skip_value(r, field->type, false, r->depth);
}
