/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One Arrow value as text, as Spark's show() writes it. */

#include <stdbool.h>
#include <stdio.h>

#include "connect/arrow/arrow.h"

/* Writes row @row of @column; "NULL" for nulls. @quoted: strings inside lists and structs as JSON.
 */
void value_print(FILE *out, const ArrowField *field, const ArrowColumn *column, int64_t row,
                 bool quoted);
/* The same as a JSON value. */
void value_print_json(FILE *out, const ArrowField *field, const ArrowColumn *column, int64_t row);
