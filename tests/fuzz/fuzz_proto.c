/* SPDX-License-Identifier: Apache-2.0 */
/* The protobuf reader: walks every length-delimited field as if it were a message, with a stack of
 * its own, and reads the same bytes by table and as packed numbers (PROTO-1). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/proto.h"

#define FIELDS_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

typedef struct Flat {
    ProtoBytes a, b, c;
    int32_t i;
    int64_t l;
    double d;
    bool f;
} Flat;

static const ProtoRow rows[] = {
    PROTO_ROW(Flat, a, 1, PROTO_KIND_STRING, 100), PROTO_ROW(Flat, b, 2, PROTO_KIND_MESSAGE, 0),
    PROTO_ROW(Flat, c, 3, PROTO_KIND_BYTES, 0),    PROTO_ROW(Flat, i, 4, PROTO_KIND_INT32, 0),
    PROTO_ROW(Flat, l, 5, PROTO_KIND_INT64, 0),    PROTO_ROW(Flat, d, 6, PROTO_KIND_DOUBLE, 0),
    PROTO_ROW(Flat, f, 7, PROTO_KIND_BOOL, 0),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static ProtoReader stack[PROTO_DEPTH_MAX];
    size_t n_stack = 1, n_fields = 0;
    Flat flat = {0};
    uint64_t present = 0;

    stack[0] = proto_reader(data, n_bytes);
    (void)proto_decode(stack[0], rows, ARRAY_SIZE(rows), &flat, &present);
    if ((present & 1) && flat.a.n_bytes > 100)
        abort();
    while (n_stack > 0 && n_fields++ < FIELDS_MAX) {
        ProtoReader *top = &stack[n_stack - 1];
        ProtoField field;
        if (proto_next(top, &field) <= 0) {
            n_stack--;
            continue;
        }
        if (field.wire == PROTO_WIRE_BYTES) {
            if (field.bytes.data < data || field.bytes.data + field.bytes.n_bytes > data + n_bytes)
                abort();
            ProtoField copy = field;
            bool done = false;
            uint64_t value;
            while (proto_next_packed(&copy, PROTO_WIRE_VARINT, &done, &value) > 0)
                continue;
            ProtoReader inner;
            if (proto_enter(top, &field, &inner) == 0)
                stack[n_stack++] = inner;
        }
    }
    return 0;
}
