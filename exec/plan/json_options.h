/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What from_json() was told, as its third argument: a BINARY constant that binding makes. */

#include "exec/text/value.h"

#define JSON_CORRUPT_MAX 128u

typedef struct JsonReadOptions {
    TextPattern date, timestamp;
    bool has_date, has_timestamp;
    bool fail_fast;                      /* what is no such record is an error */
    char corrupt[JSON_CORRUPT_MAX + 1u]; /* the field for the text of what is none; "": none */
} JsonReadOptions;
