/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON, a record a line (or a file a record, multiLine), and plain lines, as rows. */

#include "exec/text/csv.h"
#include "exec/text/json_value.h"

typedef struct JsonOptions {
    TextOptions text;
    bool as_strings;
    const char *const *names; /* of the columns */
} JsonOptions;

/* Records of a text, parsed. */
typedef struct JsonScan JsonScan;
int json_scan_new(const JsonOptions *options, MemPool *pool, JsonScan **ret_scan);
JsonScan *json_scan_free(JsonScan *scan);
void json_scan_begin(JsonScan *scan, const uint8_t *text, uint64_t n);
/* What was made in json_scan_text()'s arena is given back. */
void json_scan_forget(JsonScan *scan);
const JsonText *json_scan_text(const JsonScan *scan);

#define JSON_NO_RECORD UINT32_MAX

/**
 * json_scan_record() - the next record: an object on a line, or in an array there
 * @ret_at:    out, its node in json_scan_text(); JSON_NO_RECORD: what stands there is no record
 * @ret_text:  out, as it stands
 * Return: 0; -ENODATA at the end; -E2BIG; MEM_E_*; -ENOMEM.
 */
int json_scan_record(JsonScan *scan, uint32_t *ret_at, CsvField *ret_text);

extern const RowFormat json_rows;

typedef struct LineOptions {
    bool whole; /* a file is a value */
} LineOptions;

extern const RowFormat line_rows;
