/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A bounded codec for protobuf's wire format, with no generated code and no recursion.
 *
 * Reading is a walk: a ProtoReader stands in one message, proto_next() gives one field after the
 * other, and bytes point into the message. A nested message is another reader, made by
 * proto_enter(), which counts the depth: whoever descends keeps its own explicit stack of readers,
 * so that a plan of 5,000 levels costs heap or an error and never the C stack. Flat envelopes are
 * read in one call by proto_decode() and a table.
 *
 * Writing appends to a ProtoWriter: one growing buffer with a hard limit, allocated by the caller's
 * function so that it can be charged. The first failure sticks; only proto_writer_finish() has to
 * be checked.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What Spark's own server allows; deeper plans are refused by whoever walks them. */
#define PROTO_DEPTH_MAX 1024u
/* Submessages that a writer can have open at once. */
#define PROTO_WRITER_NEST_MAX 128u
#define PROTO_FIELD_NUMBER_MAX ((UINT32_C(1) << 29) - 1)

typedef struct ProtoBytes {
    const uint8_t *data; /* NULL: absent. Present and empty: not NULL, n_bytes 0 */
    size_t n_bytes;
} ProtoBytes;

typedef enum ProtoWire {
    PROTO_WIRE_VARINT = 0,
    PROTO_WIRE_FIXED64 = 1,
    PROTO_WIRE_BYTES = 2,
    PROTO_WIRE_FIXED32 = 5,
} ProtoWire;

typedef struct ProtoField {
    uint32_t number;
    ProtoWire wire;
    uint64_t value;   /* VARINT, FIXED64, FIXED32 (zero-extended) */
    ProtoBytes bytes; /* BYTES: borrowed from the message */
} ProtoField;

typedef struct ProtoReader {
    const uint8_t *at, *end;
    uint32_t depth; /* of this message; the outermost is 1 */
} ProtoReader;

/* A reader of the outermost message. @data may be NULL when @n_bytes is 0. */
ProtoReader proto_reader(const void *data, size_t n_bytes);

/**
 * proto_next() - the next field of this message
 * Unknown fields come like all others; skipping is ignoring them. Groups are refused.
 * Return: 1 and *@ret_field; 0 at the end; -EBADMSG for a malformed message, where the reader then
 * stays.
 */
int proto_next(ProtoReader *r, ProtoField *ret_field);

/**
 * proto_enter() - a reader of the message that @field holds, one level deeper
 * Return: 0; -EBADMSG when the field is not length-delimited; -ELOOP beyond PROTO_DEPTH_MAX levels.
 */
int proto_enter(const ProtoReader *r, const ProtoField *field, ProtoReader *ret_reader);

/**
 * proto_next_packed() - walk a repeated scalar that may be packed or not
 * @field:   the field as proto_next() gave it; for BYTES its @bytes shrink by one element per call
 * @element: wire type of one element: VARINT, FIXED32 or FIXED64
 * @done:    in/out, false before the first call; used for the unpacked form
 * Return: 1 and *@ret_value; 0 no more elements; -EBADMSG.
 */
int proto_next_packed(ProtoField *field, ProtoWire element, bool *done, uint64_t *ret_value);

/* How a value lies in the varint. */
static inline int32_t proto_int32(uint64_t value)
{
    return (int32_t)(uint32_t)value;
}
static inline int64_t proto_int64(uint64_t value)
{
    return (int64_t)value;
}
static inline bool proto_bool(uint64_t value)
{
    return value != 0;
}
static inline int64_t proto_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
double proto_double(uint64_t value);
float proto_float(uint64_t value);

/* Is this text as protobuf wants a string: well-formed UTF-8? */
bool proto_is_utf8(ProtoBytes bytes);
/* Are the bytes exactly this C string? */
bool proto_equal(ProtoBytes bytes, const char *text);
/* A copy with a NUL. Return: 0; -EINVAL when there is a NUL inside; -EMSGSIZE above @max; -ENOMEM.
 */
int proto_copy_string(ProtoBytes bytes, size_t max, char **ret_text);

/* ---- flat messages by table ---- */

typedef enum ProtoKind {
    PROTO_KIND_STRING,  /* ProtoBytes, UTF-8 is checked */
    PROTO_KIND_BYTES,   /* ProtoBytes; also for a nested message */
    PROTO_KIND_MESSAGE, /* ProtoBytes */
    PROTO_KIND_BOOL,    /* bool */
    PROTO_KIND_INT32,   /* int32_t; also enumerations */
    PROTO_KIND_INT64,   /* int64_t */
    PROTO_KIND_UINT64,  /* uint64_t */
    PROTO_KIND_DOUBLE,  /* double */
    _PROTO_KIND_MAX,
} ProtoKind;

/* One singular field of a message: where its value goes in a struct of the caller. */
typedef struct ProtoRow {
    uint32_t number;
    uint16_t offset;
    uint8_t kind;       /* ProtoKind */
    uint32_t max_bytes; /* of STRING, BYTES and MESSAGE; 0: no limit of its own */
} ProtoRow;

#define PROTO_ROW(type, field, field_number, field_kind, limit)                                    \
    {                                                                                              \
        .number = (field_number), .offset = offsetof(type, field), .kind = (field_kind),           \
        .max_bytes = (limit)                                                                       \
    }

/**
 * proto_decode() - read the fields that a table names and skip the others
 * @r:       by value: the caller's reader does not move, so repeated fields can be walked
 * afterwards
 * @rows:    up to 64 rows
 * @ret:     struct of the caller, zeroed by it; absent fields are left alone; the last occurrence
 * wins
 * @ret_present: out, nullable, bit i set when row i was seen
 * Return: 0; -EBADMSG malformed, wrong wire type, or not UTF-8; -EMSGSIZE a field above its limit.
 */
int proto_decode(ProtoReader r, const ProtoRow *rows, size_t n_rows, void *ret,
                 uint64_t *ret_present);

/* ---- writing ---- */

/* Like realloc(3), with @n_bytes 0 as free; NULL means no memory. */
typedef void *(*ProtoAllocate)(void *userdata, void *block, size_t n_old_bytes, size_t n_bytes);

typedef struct ProtoWriter {
    uint8_t *data;
    size_t n_bytes, capacity, limit;
    int error; /* first failure: -ENOMEM, -EMSGSIZE (over the limit), -ELOOP (nested too deep) */
    ProtoAllocate allocate;
    void *userdata;
    uint32_t n_open;
    size_t open[PROTO_WRITER_NEST_MAX];
} ProtoWriter;

/* @limit: most bytes this writer may hold. @allocate NULL: realloc and free. */
void proto_writer_init(ProtoWriter *w, size_t limit, ProtoAllocate allocate, void *userdata);
/* Frees the buffer; the writer may be used again. A zeroed writer is fine: declare one with `=
 * {0}`. */
void proto_writer_done(ProtoWriter *w);
/* Empties it and keeps the buffer. */
void proto_writer_reset(ProtoWriter *w);
/**
 * proto_writer_finish() - everything has been put
 * Asserts that each proto_begin() had its proto_end(). Return: 0, or the first failure.
 */
int proto_writer_finish(const ProtoWriter *w);
/* Hands the finished bytes over; the writer is empty afterwards. Free them by @allocate (or free).
 */
uint8_t *proto_writer_take(ProtoWriter *w, size_t *ret_n_bytes);

void proto_put_varint(ProtoWriter *w, uint32_t number, uint64_t value);
/* Negative numbers take ten bytes, as protobuf wants for int32 and int64. */
void proto_put_int64(ProtoWriter *w, uint32_t number, int64_t value);
void proto_put_bool(ProtoWriter *w, uint32_t number, bool value);
void proto_put_double(ProtoWriter *w, uint32_t number, double value);
void proto_put_float(ProtoWriter *w, uint32_t number, float value);
void proto_put_bytes(ProtoWriter *w, uint32_t number, const void *data, size_t n_bytes);
void proto_put_string(ProtoWriter *w, uint32_t number, const char *text);
/* A message with no field set: its presence is the information. */
void proto_put_empty(ProtoWriter *w, uint32_t number);

/**
 * proto_begin(), proto_end() - a nested message whose length is not known yet
 * The length is written at the end, and what was put moves by the bytes that the length needs
 * beyond one; for large contents say proto_put_header() or proto_reserve() instead.
 */
void proto_begin(ProtoWriter *w, uint32_t number);
void proto_end(ProtoWriter *w);

/* Tag and length of a length-delimited field whose @n_bytes the caller appends by proto_append().
 */
void proto_put_header(ProtoWriter *w, uint32_t number, size_t n_bytes);
/* Bytes as they are: a part that is already serialized. */
void proto_append(ProtoWriter *w, const void *data, size_t n_bytes);
/* Room for @n_bytes at the end, to be filled by the caller at once. Return: NULL after a failure.
 */
uint8_t *proto_reserve(ProtoWriter *w, size_t n_bytes);

/* Bytes that a varint takes (1..10), and a whole length-delimited field. */
size_t proto_varint_size(uint64_t value);
size_t proto_bytes_field_size(uint32_t number, size_t n_bytes);

static inline void proto_writer_donep(ProtoWriter *w)
{
    proto_writer_done(w);
}
#define _cleanup_proto_writer_ __attribute__((cleanup(proto_writer_donep)))
