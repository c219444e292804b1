/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers of Arrow's metadata (format/Message.fbs and format/Schema.fbs of the Arrow project): the
 * slots of the tables, the members of the unions. Shared by writer and reader. */

enum {
    MESSAGE_VERSION = 0, /* short */
    MESSAGE_HEADER_TYPE, /* ubyte */
    MESSAGE_HEADER,
    MESSAGE_BODY_LENGTH, /* long */
    _MESSAGE_SLOTS,
};

enum {
    FOOTER_VERSION = 0, /* short */
    FOOTER_SCHEMA,
    FOOTER_DICTIONARIES, /* of blocks */
    FOOTER_BATCHES,      /* of blocks */
};

/* A block: where a message begins (long), its prefix and metadata (int, and 4 bytes of padding),
 * its body (long). */
#define BLOCK_SIZE 24u

enum {
    VERSION_V4 = 3,
    VERSION_V5 = 4,
};

enum {
    HEADER_SCHEMA = 1,
    HEADER_DICTIONARY_BATCH = 2,
    HEADER_RECORD_BATCH = 3,
};

enum {
    SCHEMA_ENDIANNESS = 0, /* short, 0 = little */
    SCHEMA_FIELDS,
    _SCHEMA_SLOTS,
};

enum {
    FIELD_NAME = 0,
    FIELD_NULLABLE,  /* bool */
    FIELD_TYPE_TYPE, /* ubyte */
    FIELD_TYPE,
    FIELD_DICTIONARY,
    FIELD_CHILDREN,
    _FIELD_SLOTS,
};

/* FIELD_DICTIONARY. */
enum {
    ENCODING_ID = 0, /* long */
    ENCODING_INDEX,  /* Int; absent: signed 32 bits */
};

/* HEADER_DICTIONARY_BATCH. */
enum {
    DICTIONARY_ID = 0, /* long */
    DICTIONARY_DATA,   /* a record batch of one column */
    DICTIONARY_IS_DELTA,
};

/* The union Type. */
enum {
    WIRE_NULL = 1,
    WIRE_INT = 2,   /* bitWidth: int, is_signed: bool */
    WIRE_FLOAT = 3, /* precision: short, 0 half, 1 single, 2 double */
    WIRE_BINARY = 4,
    WIRE_UTF8 = 5,
    WIRE_BOOL = 6,
    WIRE_DECIMAL = 7, /* precision: int, scale: int, bitWidth: int = 128 */
    WIRE_DATE = 8,    /* unit: short, 0 day, 1 millisecond (default) */
    WIRE_TIME = 9,
    WIRE_TIMESTAMP = 10, /* unit: short, 0 s, 1 ms, 2 us, 3 ns; timezone: string */
    WIRE_INTERVAL = 11,  /* unit: short, 0 months, 1 days and milliseconds, 2 all three */
    WIRE_LIST = 12,
    WIRE_STRUCT = 13,
    WIRE_UNION = 14,             /* mode: short, 0 sparse, 1 dense */
    WIRE_FIXED_SIZE_BINARY = 15, /* byteWidth: int */
    WIRE_FIXED_SIZE_LIST = 16,   /* listSize: int */
    WIRE_MAP = 17,               /* keysSorted: bool */
    WIRE_DURATION = 18,          /* unit: short, default ms */
    WIRE_LARGE_BINARY = 19,
    WIRE_LARGE_UTF8 = 20,
    WIRE_LARGE_LIST = 21,
    WIRE_RUN_END_ENCODED = 22,
    WIRE_BINARY_VIEW = 23,
    WIRE_UTF8_VIEW = 24,
    WIRE_LIST_VIEW = 25,
    WIRE_LARGE_LIST_VIEW = 26,
    _WIRE_MAX = 27,
};

enum {
    UNIT_SECOND,
    UNIT_MILLISECOND,
    UNIT_MICROSECOND,
    UNIT_NANOSECOND,
};

enum {
    BATCH_LENGTH = 0,  /* long */
    BATCH_NODES,       /* of {length: long, null_count: long} */
    BATCH_BUFFERS,     /* of {offset: long, length: long} */
    BATCH_COMPRESSION, /* codec: byte, 0 LZ4 frames, 1 zstd; method: byte, 0 by buffer */
    _BATCH_SLOTS,      /* that are written */
    BATCH_VARIADIC = _BATCH_SLOTS, /* of long: of each column of views, how many buffers of bytes */
};

#define NODE_SIZE 16u
#define BUFFER_SIZE 16u
/* Before each message: this word, then the length of the metadata; length 0 ends the stream. */
#define CONTINUATION UINT32_C(0xffffffff)
#define PREFIX_SIZE 8u
