/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Comma separated values as Spark's reader takes them (RFC 4180 with its liberties): what is
 * between quotes, what an escape does and what happens after a quote that nobody closed are those
 * of the parser that Spark uses, found out by asking it (README.md).
 */

#include "exec/text/rows.h"
#include "exec/text/value.h"

#define CSV_COLUMNS_MAX 20480u /* Spark's maxColumns */
#define CSV_SEPARATOR_MAX 8u

typedef enum TextMode {
    TEXT_PERMISSIVE,
    TEXT_DROP_MALFORMED,
    TEXT_FAIL_FAST,
} TextMode;

/* What CSV and JSON are told alike. */
typedef struct TextOptions {
    uint8_t mode; /* TextMode */
    bool multi_line;
    bool has_date_format, has_timestamp_format;
    TextPattern date_format, timestamp_format;
    const Zone *zone;
    uint32_t n_columns; /* of the schema */
    uint32_t corrupt;   /* the column that holds malformed records; ROW_NO_COLUMN: none */
} TextOptions;

typedef struct CsvOptions {
    TextOptions text;
    char separator[CSV_SEPARATOR_MAX];
    uint32_t n_separator;
    char quote, escape, comment; /* 0: none */
    bool header, trim_leading, trim_trailing;
    const char *null_value, *empty_value, *nan_value, *positive_inf, *negative_inf;
} CsvOptions;

/* One value as it stands, before it is of any type. */
typedef struct CsvField {
    const uint8_t *text; /* NULL: there is none */
    uint32_t n;
} CsvField;

typedef struct CsvScan CsvScan;

/* The records of a text one after the other: what inference reads, and the reader. */
int csv_scan_new(const CsvOptions *options, MemPool *pool, CsvScan **ret_scan);
CsvScan *csv_scan_free(CsvScan *scan);
void csv_scan_begin(CsvScan *scan, const uint8_t *text, uint64_t n, bool is_first);
/**
 * csv_scan_record() - the next record that is neither empty nor a comment
 * @fields:    out, the first @n_room fields; those that the record lacks have no text
 * @ret_n:     out, how many fields it has
 * @ret_text:  out, the record as it stands
 * Return: 0; -ENODATA at the end; mem_arena_error(); -E2BIG: more than CSV_COLUMNS_MAX fields.
 */
int csv_scan_record(CsvScan *scan, CsvField *fields, uint32_t n_room, uint32_t *ret_n,
                    CsvField *ret_text);
/* Texts that were unescaped so far are given back. */
void csv_scan_forget(CsvScan *scan);

/* Is it a null to these options? */
bool csv_is_null(const CsvOptions *options, const CsvField *field);
/**
 * csv_value() - a field as a value of @type, to @values[@row] as it lies in a vector
 * Return: false when it is none.
 */
bool csv_value(const CsvOptions *options, const CsvField *field, Type type, void *values,
               uint32_t row);
/* The narrowest type that holds what was seen so far (@so_far) and this field too. */
Type csv_infer(const CsvOptions *options, Type so_far, const CsvField *field);

extern const RowFormat csv_rows;
