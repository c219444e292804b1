/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Arrow IPC streams: written from plain column views, read into plain column views.
 *
 * Only what Spark Connect carries (the types below, one stream per message, no dictionary, no
 * compression); everything else is refused by its name. Both directions work on whole buffers: the
 * writer first measures, so that the caller places the bytes where it wants them (behind a frame
 * header, say) without a copy of its own; the reader checks every offset before a view points
 * there, and its views borrow from the input.
 *
 * Source: https://arrow.apache.org/docs/format/Columnar.html, "Serialization and Interprocess
 * Communication"; FlatBuffers: https://flatbuffers.dev/internals/
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARROW_FIELDS_MAX 10000u /* fields of one schema, nested ones included */
#define ARROW_DEPTH_MAX 64u
#define ARROW_NAME_MAX 65535u
#define ARROW_ROWS_MAX INT32_MAX

typedef enum ArrowType {
    ARROW_TYPE_NULL,
    ARROW_TYPE_BOOL, /* data: one bit per row, lowest first */
    ARROW_TYPE_INT8,
    ARROW_TYPE_INT16,
    ARROW_TYPE_INT32,
    ARROW_TYPE_INT64,
    ARROW_TYPE_FLOAT,
    ARROW_TYPE_DOUBLE,
    ARROW_TYPE_DECIMAL128, /* data: 16 bytes little-endian two's complement; @precision, @scale */
    ARROW_TYPE_UTF8,       /* @offsets and bytes */
    ARROW_TYPE_BINARY,     /* @offsets and bytes */
    ARROW_TYPE_DATE32,     /* days since 1970-01-01, int32 */
    ARROW_TYPE_TIMESTAMP,  /* microseconds, int64; @timezone NULL: no time zone */
    ARROW_TYPE_DURATION,   /* microseconds, int64 */
    ARROW_TYPE_LIST,       /* @offsets into the one child */
    ARROW_TYPE_MAP,        /* @offsets into the one child, a struct of key and value */
    ARROW_TYPE_STRUCT,
    _ARROW_TYPE_MAX,
} ArrowType;

/* One field of a schema. Everything it points to is borrowed. */
typedef struct ArrowField ArrowField;
struct ArrowField {
    const char *name; /* UTF-8; NULL is "" */
    ArrowType type;
    bool nullable;
    int32_t precision, scale;   /* DECIMAL128: 1..38, 0..38 */
    const char *timezone;       /* TIMESTAMP: "Europe/Berlin"; NULL without */
    const ArrowField *children; /* LIST and MAP: 1; STRUCT: any number */
    uint32_t n_children;
};

/* The values of one field in one batch. Everything it points to is borrowed. */
typedef struct ArrowColumn ArrowColumn;
struct ArrowColumn {
    int64_t length;          /* rows */
    int64_t offset;          /* first row of this view in the buffers below; usually 0 */
    int64_t null_count;      /* in this view; -1: not counted yet (writer only) */
    const uint8_t *validity; /* bit[offset + length], lowest first, 1 = valid; NULL: no nulls */
    const int32_t
        *offsets;     /* UTF8, BINARY, LIST, MAP: i32[offset + length + 1], rising; NULL: no row */
    const void *data; /* values; for UTF8 and BINARY the bytes that @offsets count */
    const ArrowColumn *children; /* as the field's; LIST and MAP: as long as the last offset */
};

/* Bytes of one value; 0 for the types without a fixed width, and for NULL and BOOL. */
size_t arrow_type_width(ArrowType type);
/* "utf8", for messages. Never NULL. */
const char *arrow_type_to_string(ArrowType type);

/* ---- writing ---- */

/* A schema ready to be put in front of batches. */
typedef struct ArrowWriter ArrowWriter;

/**
 * arrow_writer_new() - check a schema and encode it once
 * @fields:  borrowed for the life of the writer
 * Return: 0; -EINVAL for a type out of range, a wrong number of children, a precision out of range;
 * -E2BIG beyond ARROW_FIELDS_MAX or ARROW_DEPTH_MAX; -ENOMEM.
 */
int arrow_writer_new(const ArrowField *fields, uint32_t n_fields, ArrowWriter **ret_writer);
ArrowWriter *arrow_writer_free(ArrowWriter *w);

/**
 * arrow_writer_measure() - size of the complete stream schema + one batch + end
 * @columns: as many as the schema has fields
 * @n_rows:  0..ARROW_ROWS_MAX; each column's length is asserted to be this
 * Return: bytes, a multiple of 8.
 */
size_t arrow_writer_measure(const ArrowWriter *w, const ArrowColumn *columns, int64_t n_rows);

/**
 * arrow_writer_write() - write that stream
 * @out:  @n_bytes as measured for the same columns; any alignment
 * A slice (@offset, or @offsets that do not start at 0) is rebased, and only what it covers is
 * written. Padding is zero.
 */
void arrow_writer_write(const ArrowWriter *w, const ArrowColumn *columns, int64_t n_rows,
                        uint8_t *out, size_t n_bytes);

/**
 * arrow_writer_write_part() - the same in pieces, for a stream of several batches
 * Call with ARROW_PART_SCHEMA, then ARROW_PART_BATCH any number of times, then ARROW_PART_END.
 * @columns, @n_rows: for a batch. @out NULL only measures. Return: bytes, a multiple of 8.
 */
typedef enum ArrowPart {
    ARROW_PART_SCHEMA,
    ARROW_PART_BATCH,
    ARROW_PART_END,
} ArrowPart;
size_t arrow_writer_write_part(const ArrowWriter *w, ArrowPart part, const ArrowColumn *columns,
                               int64_t n_rows, uint8_t *out);

/* ---- reading ---- */

typedef struct ArrowReader ArrowReader;

/**
 * arrow_reader_new() - open a stream and read its schema
 * @data:     borrowed until arrow_reader_free()
 * @ret_reader: also written on -EBADMSG and -EOPNOTSUPP, so that arrow_reader_reason() can be asked
 *
 * large_utf8, large_binary and large_list are read as their small forms; timestamps and durations
 * in other units become microseconds; date64 becomes date32. Return: 0; -EBADMSG malformed;
 * -EOPNOTSUPP well-formed but not for us; -E2BIG; -ENOMEM.
 */
int arrow_reader_new(const uint8_t *data, size_t n_bytes, ArrowReader **ret_reader);
ArrowReader *arrow_reader_free(ArrowReader *r);

/* The schema; lives as long as the reader. */
const ArrowField *arrow_reader_fields(const ArrowReader *r, uint32_t *ret_n_fields);

/**
 * arrow_reader_next() - the next record batch
 * @ret_columns: one per field; valid until the next call. Every offset, length, null count and
 * UTF-8 text has been checked; pointers are aligned for their type (a misaligned body is copied
 * once). Return: 1; 0 at the end; -EBADMSG, -EOPNOTSUPP, -ENOMEM.
 */
int arrow_reader_next(ArrowReader *r, const ArrowColumn **ret_columns, int64_t *ret_n_rows);

/* What was wrong, in words: "dictionary-encoded field \"c\"". Never NULL. */
const char *arrow_reader_reason(const ArrowReader *r);

static inline bool arrow_is_valid(const ArrowColumn *c, int64_t row)
{
    return !c->validity || (c->validity[row / 8] >> (row % 8) & 1);
}

static inline void arrow_reader_freep(ArrowReader **r)
{
    arrow_reader_free(*r);
}
#define _cleanup_arrow_reader_ __attribute__((cleanup(arrow_reader_freep)))
static inline void arrow_writer_freep(ArrowWriter **w)
{
    arrow_writer_free(*w);
}
#define _cleanup_arrow_writer_ __attribute__((cleanup(arrow_writer_freep)))
