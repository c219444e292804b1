/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Arrow IPC: written from plain column views, read into plain column views.
 *
 * The writer and ArrowReader know what Spark Connect carries (streams in memory of the types below,
 * no dictionary, no compression); everything else they refuse by its name. Both work on whole
 * buffers: the writer first measures, so that the caller places the bytes where it wants them
 * (behind a frame header, say) without a copy of its own; the reader checks every offset before a
 * view points there, and its views borrow from the input.
 *
 * Below ArrowReader are its parts, for whoever reads files (exec/arrow): metadata of messages and
 * footers, schemas with all types that there are, and batches of which only some buffers are at
 * hand.
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
#define ARROW_DICTIONARIES_MAX 2048u
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
    /* The writer and ArrowReader know those above; these come out of schemas of ARROW_ANY. */
    ARROW_TYPE_MONTHS, /* int32 */
    ARROW_TYPE_OTHER,  /* not read; @other says what it is */
    _ARROW_TYPE_MAX,
} ArrowType;
#define ARROW_TYPE_PLAIN_MAX ARROW_TYPE_MONTHS

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
    const char *other; /* OTHER: "union" */
    bool is_encoded;   /* values are in the dictionary @dictionary, @codes say which (ARROW_ANY) */
    uint32_t dictionary;
};

typedef struct ArrowText {
    const char *bytes;
    uint32_t n;
} ArrowText;

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
    /* ARROW_ANY only. In place of all the above but @validity; below the dictionary's size. */
    const uint32_t *codes;
    const ArrowText *texts; /* UTF8, BINARY: in place of @offsets and @data; NULL: no row */
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

/* ---- parts of files ---- */

/* What was wrong, in words. */
typedef struct ArrowReason {
    char text[192];
} ArrowReason;

/* Where what is read goes: zeroed, aligned for any type, until its owner gives it back as a whole.
 * NULL: there is none, and the function that asked returns -ENOMEM. */
typedef struct ArrowMemory {
    void *(*take)(void *userdata, size_t n_bytes);
    void *userdata;
} ArrowMemory;

typedef enum ArrowForms {
    ARROW_PLAIN, /* what the writer writes and what becomes that; the rest is refused by name */
    ARROW_ANY,   /* dictionaries, views and OTHER, too */
} ArrowForms;

typedef struct ArrowSchema ArrowSchema;

typedef enum ArrowMessageKind {
    ARROW_MESSAGE_SCHEMA = 1,
    ARROW_MESSAGE_DICTIONARY = 2,
    ARROW_MESSAGE_BATCH = 3,
} ArrowMessageKind;

/* Metadata of a message; borrows the bytes. */
typedef struct ArrowMessage {
    uint8_t kind; /* ArrowMessageKind; others may be passed over */
    uint8_t compression;
    bool is_delta;
    int16_t version;
    uint64_t n_body;
    int64_t n_rows; /* of a batch, or a dictionary */
    int64_t dictionary_id;
    const uint8_t *metadata;
    size_t n_metadata;
} ArrowMessage;

/* All of these: 0; -EBADMSG, -EOPNOTSUPP, -E2BIG, with @reason; -ENOMEM. */

/**
 * arrow_prefix_read() - what stands before each message
 * @bytes:        8 bytes
 * @ret_prefix:   out, bytes before the metadata: 8, or 4 in files older than version 0.15
 * @ret_metadata: out, bytes of the metadata; 0 ends the stream
 */
void arrow_prefix_read(const uint8_t *bytes, uint32_t *ret_prefix, uint32_t *ret_metadata);
int arrow_message_read(const uint8_t *metadata, size_t n, ArrowMessage *ret, ArrowReason *reason);
/* Of a message of that kind. @memory owns the schema. */
int arrow_schema_read(const ArrowMessage *message, ArrowForms forms, ArrowMemory memory,
                      ArrowSchema **ret_schema, ArrowReason *reason);
const ArrowField *arrow_schema_fields(const ArrowSchema *schema, uint32_t *ret_n_fields);
/* Dictionaries have numbers from 0 on, as ArrowField.dictionary says. */
uint32_t arrow_schema_dictionaries(const ArrowSchema *schema);
/* Its values as a field, whose is_encoded is of no account. */
const ArrowField *arrow_schema_dictionary(const ArrowSchema *schema, uint32_t number);
/* Return: whether there is one of that id. */
bool arrow_schema_find_dictionary(const ArrowSchema *schema, int64_t id, uint32_t *ret_number);

/* Where a message lies in a file. */
typedef struct ArrowBlock {
    uint64_t offset, n_body;
    uint32_t n_metadata; /* the prefix included */
} ArrowBlock;

typedef struct ArrowFooter {
    ArrowSchema *schema;
    ArrowBlock *dictionaries, *batches;
    uint32_t n_dictionaries, n_batches;
} ArrowFooter;

int arrow_footer_read(const uint8_t *footer, size_t n, ArrowForms forms, ArrowMemory memory,
                      ArrowFooter *ret, ArrowReason *reason);

enum {
    ARROW_UNCOMPRESSED,
    ARROW_LZ4_FRAME,
    ARROW_ZSTD,
};

typedef struct ArrowBuffer {
    uint64_t offset, n_bytes; /* in the body */
    const uint8_t *data;      /* for arrow_batch_columns(): aligned to 8, decompressed */
    bool wanted;
} ArrowBuffer;

/* A batch, or a dictionary's, whose bytes may still be elsewhere. */
typedef struct ArrowBatch {
    const ArrowSchema *schema;
    const ArrowMessage *message;
    int64_t n_rows;
    bool is_dictionary;
    uint32_t dictionary; /* its number */
    ArrowBuffer *buffers;
    uint32_t n_buffers, n_nodes, n_variadic;
    const struct ArrowNodeCount {
        int64_t length, null_count;
    } * nodes;
    const uint32_t *variadic; /* buffers of each column of views */
    const bool *wanted;
} ArrowBatch;

/**
 * arrow_batch_open() - look at the metadata of a batch or dictionary
 * @wanted:  per field; NULL: all. Borrowed as long as the batch. A dictionary is wanted.
 * @memory:  owns what @ret points to
 * Buffers lie in the body; those of wanted fields are marked.
 */
int arrow_batch_open(const ArrowSchema *schema, const ArrowMessage *message, const bool *wanted,
                     ArrowMemory memory, ArrowBatch *ret, ArrowReason *reason);
/**
 * arrow_batch_columns() - its columns, checked as those of arrow_reader_next()
 * @sizes:       per dictionary, how many values it has by now; codes are below that
 * @ret_columns: out, per field, or the dictionary's values; those not wanted are zero
 */
int arrow_batch_columns(const ArrowBatch *batch, const uint32_t *sizes, ArrowMemory memory,
                        const ArrowColumn **ret_columns, ArrowReason *reason);

/* Text or bytes at @row, counted from the buffers' first. */
static inline const char *arrow_text(const ArrowColumn *c, int64_t row, uint32_t *ret_n)
{
    if (c->texts) {
        *ret_n = c->texts[row].n;
        return c->texts[row].bytes;
    }
    *ret_n = (uint32_t)(c->offsets[row + 1] - c->offsets[row]);
    return (const char *)c->data + c->offsets[row];
}

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
