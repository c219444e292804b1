/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A streaming JSON writer: values go out in the order of the calls, commas and escapes are its
 * affair. It writes into a FILE, so a caller that needs a string uses open_memstream(3).
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 64

typedef struct JsonWriter {
    FILE *out;
    unsigned depth;
    bool has_items[JSON_DEPTH_MAX];
    bool after_key;
} JsonWriter;

void json_init(JsonWriter *w, FILE *out);
void json_begin_object(JsonWriter *w);
void json_end_object(JsonWriter *w);
void json_begin_array(JsonWriter *w);
void json_end_array(JsonWriter *w);
/* Inside an object, before each value. */
void json_key(JsonWriter *w, const char *key);
/* Bytes that are not UTF-8 become U+FFFD. NULL gives null. */
void json_string(JsonWriter *w, const char *value);
void json_string_n(JsonWriter *w, const char *value, size_t n_bytes);
void json_u64(JsonWriter *w, uint64_t value);
void json_i64(JsonWriter *w, int64_t value);
/* NaN and infinities, which JSON lacks, become strings. */
void json_double(JsonWriter *w, double value);
void json_bool(JsonWriter *w, bool value);
void json_null(JsonWriter *w);
/* @text is already JSON (a decimal number, say). */
void json_raw(JsonWriter *w, const char *text);
