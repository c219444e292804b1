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
    WIRE_INTERVAL = 11,
    WIRE_LIST = 12,
    WIRE_STRUCT = 13,
    WIRE_UNION = 14,
    WIRE_FIXED_SIZE_BINARY = 15,
    WIRE_FIXED_SIZE_LIST = 16,
    WIRE_MAP = 17,      /* keysSorted: bool */
    WIRE_DURATION = 18, /* unit: short, default ms */
    WIRE_LARGE_BINARY = 19,
    WIRE_LARGE_UTF8 = 20,
    WIRE_LARGE_LIST = 21,
    _WIRE_MAX = 27,
};

enum {
    UNIT_SECOND,
    UNIT_MILLISECOND,
    UNIT_MICROSECOND,
    UNIT_NANOSECOND,
};

enum {
    BATCH_LENGTH = 0, /* long */
    BATCH_NODES,      /* of {length: long, null_count: long} */
    BATCH_BUFFERS,    /* of {offset: long, length: long} */
    BATCH_COMPRESSION,
    _BATCH_SLOTS,
};

#define NODE_SIZE 16u
#define BUFFER_SIZE 16u
/* Before each message: this word, then the length of the metadata; length 0 ends the stream. */
#define CONTINUATION UINT32_C(0xffffffff)
#define PREFIX_SIZE 8u
