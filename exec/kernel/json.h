/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JSON text into a flat list of nodes, in the order of the text. Bounded in depth, no recursion, no
 * memory of its own. As Spark's reader takes it: strings also between single quotes, nothing else
 * beyond RFC 8259.
 */

#include <stdbool.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 512u

typedef enum JsonKind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_INTEGER, /* a number without fraction and exponent */
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT, /* in it: a STRING, its value, a STRING, ... */
} JsonKind;

typedef struct JsonNode {
    uint8_t kind;      /* JsonKind */
    bool escaped;      /* STRING: there are backslashes in it */
    uint32_t start, n; /* where it stands in the text; of a STRING what is between the quotes */
    uint32_t next;     /* number of the node behind it and all that is in it */
    uint32_t count;    /* ARRAY: values; OBJECT: pairs */
} JsonNode;

/**
 * json_parse() - the first value of @text
 * @nodes:    out, room for @capacity
 * @ret_end:  out, bytes up to the end of the value; what follows is not looked at
 * Return: 0; -ENOSPC when @capacity does not do; -EBADMSG.
 */
int json_parse(const char *text, uint32_t n, JsonNode *nodes, uint32_t capacity, uint32_t *ret_n,
               uint32_t *ret_end);
/* Is there only white space from @at on? */
bool json_at_end(const char *text, uint32_t n, uint32_t at);
/* What an escaped string says, into @out with room for @n bytes. Return: its bytes, at most @n. */
uint32_t json_unescape(const char *text, uint32_t n, char *out);
/* @text as the inside of a JSON string. @out NULL measures; at most 6 * @n. Return: bytes. */
uint64_t json_escape(const char *text, uint32_t n, char *out);
