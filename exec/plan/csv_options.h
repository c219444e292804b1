/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What from_csv() was told, as its third argument: a BINARY constant that binding makes. */

#include "exec/text/csv.h"

#define CSV_TEXT_MAX 64u

typedef struct CsvReadOptions {
    char separator[CSV_SEPARATOR_MAX];
    uint32_t n_separator;
    char quote, escape, comment;
    bool trim_leading, trim_trailing, has_date, has_timestamp;
    bool fail_fast; /* what is no such record is an error */
    TextPattern date, timestamp;
    char null_value[CSV_TEXT_MAX + 1u];
    uint32_t corrupt; /* the field for the text of what is none; ROW_NO_COLUMN: none */
    char corrupt_name[CSV_TEXT_MAX + 1u];
} CsvReadOptions;

/* As the reader of CSV files takes them; its values of dates and times are the caller's. */
CsvOptions csv_options_of(const CsvReadOptions *read);
