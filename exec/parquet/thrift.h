/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A reader of Thrift's compact protocol over untrusted bytes. It never reads past @end, never
 * recurses deeper than THRIFT_DEPTH_MAX, and after the first fault every call returns zeros with
 * @bad set, so that callers look at @bad once per struct.
 * Source: Apache Thrift, "Thrift Compact protocol encoding".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THRIFT_DEPTH_MAX 24u

typedef enum ThriftType {
    THRIFT_STOP = 0,
    THRIFT_TRUE = 1,
    THRIFT_FALSE = 2,
    THRIFT_I8 = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12,
    THRIFT_UUID = 13,
} ThriftType;

typedef struct ThriftReader {
    const uint8_t *at, *end;
    bool bad;
    uint32_t depth; /* of structs that were entered */
} ThriftReader;

/* A walk over the fields of one struct. */
typedef struct ThriftField {
    int16_t id;
    uint8_t type; /* ThriftType; a bool field carries its value here */
} ThriftField;

static inline void thrift_init(ThriftReader *r, const void *bytes, size_t n)
{
    *r = (ThriftReader){.at = bytes, .end = (const uint8_t *)bytes + n};
}

/* Call before the first thrift_next() of a struct; @field starts zeroed. */
bool thrift_enter(ThriftReader *r, ThriftField *field);
/* Return: false at the end of the struct or when bad. The field's value is next in @r. */
bool thrift_next(ThriftReader *r, ThriftField *field);

uint64_t thrift_varint(ThriftReader *r);
/* The value of the current field, which must have a fitting type, else bad. */
int64_t thrift_int(ThriftReader *r, const ThriftField *field);
bool thrift_bool(ThriftReader *r, const ThriftField *field);
/* Borrowed bytes; at most @max long, else bad. */
const uint8_t *thrift_binary(ThriftReader *r, const ThriftField *field, size_t max, size_t *ret_n);
/* Header of a list with elements of @element; bad when more than @max, or more than bytes left. */
uint32_t thrift_list(ThriftReader *r, const ThriftField *field, ThriftType element, uint32_t max);
void thrift_skip(ThriftReader *r, const ThriftField *field);
