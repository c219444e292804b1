/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/proto/proto.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

/* An empty field is present: its pointer must not be NULL. */
static const uint8_t empty[1];

ProtoReader proto_reader(const void *data, size_t n_bytes)
{
    const uint8_t *at = data ? data : empty;
    assert(data || n_bytes == 0);
    return (ProtoReader){.at = at, .end = at + n_bytes, .depth = 1};
}

/* At most ten bytes, of which the tenth may only carry the top bit. */
static int read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret_value)
{
    const uint8_t *p = *at;
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (p == end)
            return -EBADMSG;
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1)
            return -EBADMSG;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *at = p;
            *ret_value = value;
            return 0;
        }
    }
    return -EBADMSG;
}

static int read_fixed(const uint8_t **at, const uint8_t *end, size_t n_bytes, uint64_t *ret_value)
{
    if ((size_t)(end - *at) < n_bytes)
        return -EBADMSG;
    uint64_t value = 0;
    for (size_t i = 0; i < n_bytes; i++)
        value |= (uint64_t)(*at)[i] << (8 * i);
    *at += n_bytes;
    *ret_value = value;
    return 0;
}

static int read_element(const uint8_t **at, const uint8_t *end, ProtoWire wire, uint64_t *ret_value)
{
    switch (wire) {
    case PROTO_WIRE_VARINT:
        return read_varint(at, end, ret_value);
    case PROTO_WIRE_FIXED64:
        return read_fixed(at, end, 8, ret_value);
    case PROTO_WIRE_FIXED32:
        return read_fixed(at, end, 4, ret_value);
    case PROTO_WIRE_BYTES:
        break;
    }
    return -EBADMSG;
}

int proto_next(ProtoReader *r, ProtoField *ret_field)
{
    if (r->at == r->end)
        return 0;

    const uint8_t *at = r->at;
    uint64_t tag;
    if (read_varint(&at, r->end, &tag) < 0)
        return -EBADMSG;
    uint64_t number = tag >> 3;
    if (number == 0 || number > PROTO_FIELD_NUMBER_MAX)
        return -EBADMSG;

    ProtoField field = {.number = (uint32_t)number, .wire = (ProtoWire)(tag & 7)};
    if (field.wire == PROTO_WIRE_BYTES) {
        uint64_t n_bytes;
        if (read_varint(&at, r->end, &n_bytes) < 0 || n_bytes > (uint64_t)(r->end - at))
            return -EBADMSG;
        field.bytes = (ProtoBytes){.data = at, .n_bytes = (size_t)n_bytes};
        at += n_bytes;
    } else if (read_element(&at, r->end, field.wire, &field.value) < 0) {
        return -EBADMSG; /* also groups (3, 4) and the unassigned 6 and 7 */
    }
    r->at = at;
    *ret_field = field;
    return 1;
}

int proto_enter(const ProtoReader *r, const ProtoField *field, ProtoReader *ret_reader)
{
    if (field->wire != PROTO_WIRE_BYTES)
        return -EBADMSG;
    if (r->depth >= PROTO_DEPTH_MAX)
        return -ELOOP;
    *ret_reader = (ProtoReader){.at = field->bytes.data,
                                .end = field->bytes.data + field->bytes.n_bytes,
                                .depth = r->depth + 1};
    return 0;
}

int proto_next_packed(ProtoField *field, ProtoWire element, bool *done, uint64_t *ret_value)
{
    if (field->wire != PROTO_WIRE_BYTES) {
        if (field->wire != element)
            return -EBADMSG;
        if (*done)
            return 0;
        *done = true;
        *ret_value = field->value;
        return 1;
    }
    if (field->bytes.n_bytes == 0)
        return 0;
    const uint8_t *at = field->bytes.data, *end = at + field->bytes.n_bytes;
    if (read_element(&at, end, element, ret_value) < 0)
        return -EBADMSG;
    field->bytes = (ProtoBytes){.data = at, .n_bytes = (size_t)(end - at)};
    return 1;
}

double proto_double(uint64_t value)
{
    double d;
    memcpy(&d, &value, sizeof(d));
    return d;
}

float proto_float(uint64_t value)
{
    uint32_t bits = (uint32_t)value;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

bool proto_is_utf8(ProtoBytes bytes)
{
    return text_is_utf8(bytes.data, bytes.n_bytes);
}

bool proto_equal(ProtoBytes bytes, const char *text)
{
    size_t n = strlen(text);
    return bytes.n_bytes == n && (n == 0 || memcmp(bytes.data, text, n) == 0);
}

int proto_copy_string(ProtoBytes bytes, size_t max, char **ret_text)
{
    if (bytes.n_bytes > max)
        return -EMSGSIZE;
    if (bytes.n_bytes > 0 && memchr(bytes.data, 0, bytes.n_bytes))
        return -EINVAL;
    char *text = malloc(bytes.n_bytes + 1);
    if (!text)
        return -ENOMEM;
    if (bytes.n_bytes > 0)
        memcpy(text, bytes.data, bytes.n_bytes);
    text[bytes.n_bytes] = 0;
    *ret_text = text;
    return 0;
}

static int store(const ProtoRow *row, const ProtoField *field, void *target)
{
    static const uint8_t wire_of[_PROTO_KIND_MAX] = {
        [PROTO_KIND_STRING] = PROTO_WIRE_BYTES,  [PROTO_KIND_BYTES] = PROTO_WIRE_BYTES,
        [PROTO_KIND_MESSAGE] = PROTO_WIRE_BYTES, [PROTO_KIND_BOOL] = PROTO_WIRE_VARINT,
        [PROTO_KIND_INT32] = PROTO_WIRE_VARINT,  [PROTO_KIND_INT64] = PROTO_WIRE_VARINT,
        [PROTO_KIND_UINT64] = PROTO_WIRE_VARINT, [PROTO_KIND_DOUBLE] = PROTO_WIRE_FIXED64,
    };
    assert(row->kind < _PROTO_KIND_MAX);
    if (field->wire != (ProtoWire)wire_of[row->kind])
        return -EBADMSG;
    if (field->wire == PROTO_WIRE_BYTES && row->max_bytes > 0 &&
        field->bytes.n_bytes > row->max_bytes)
        return -EMSGSIZE;

    switch ((ProtoKind)row->kind) {
    case PROTO_KIND_STRING:
        if (!proto_is_utf8(field->bytes))
            return -EBADMSG;
        *(ProtoBytes *)target = field->bytes;
        return 0;
    case PROTO_KIND_BYTES:
    case PROTO_KIND_MESSAGE:
        *(ProtoBytes *)target = field->bytes;
        return 0;
    case PROTO_KIND_BOOL:
        *(bool *)target = proto_bool(field->value);
        return 0;
    case PROTO_KIND_INT32:
        *(int32_t *)target = proto_int32(field->value);
        return 0;
    case PROTO_KIND_INT64:
        *(int64_t *)target = proto_int64(field->value);
        return 0;
    case PROTO_KIND_UINT64:
        *(uint64_t *)target = field->value;
        return 0;
    case PROTO_KIND_DOUBLE:
        *(double *)target = proto_double(field->value);
        return 0;
    case _PROTO_KIND_MAX:
        break;
    }
    return -EBADMSG;
}

int proto_decode(ProtoReader r, const ProtoRow *rows, size_t n_rows, void *ret,
                 uint64_t *ret_present)
{
    uint64_t present = 0;
    ProtoField field;
    int more;

    assert(n_rows <= 64);
    while ((more = proto_next(&r, &field)) > 0) {
        for (size_t i = 0; i < n_rows; i++) {
            if (rows[i].number != field.number)
                continue;
            int k = store(&rows[i], &field, (char *)ret + rows[i].offset);
            if (k < 0)
                return k;
            present |= UINT64_C(1) << i;
            break;
        }
    }
    if (more < 0)
        return more;
    if (ret_present)
        *ret_present = present;
    return 0;
}
