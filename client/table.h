/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rows for people or for programs: a table by libsmartcols, or one JSON array of objects. Cells are
 * given in the order of the columns. In JSON sizes are bytes, times are microseconds since 1970,
 * and nothing is cut.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/options.h"

typedef struct TableColumn {
    const char *heading;
    const char *key; /* in JSON */
    bool right;
    bool cut; /* may be shortened when the terminal is narrow */
} TableColumn;

typedef struct Table Table;

/* @columns: borrowed for the table's life. Return: 0, -ENOMEM. */
int table_new(const TableColumn *columns, size_t n_columns, const Options *options,
              Table **ret_table);
Table *table_free(Table *t);
static inline void table_freep(Table **t)
{
    *t = table_free(*t);
}

void table_row(Table *t);
void table_text(Table *t, const char *text);
/* As table_text(), coloured on a terminal that has colours; NULL: none. */
void table_word(Table *t, const char *text, const char *color);
void table_number(Table *t, uint64_t value);
/* A number that is shown as "-" for people and null in JSON when @known is false. */
void table_number_if(Table *t, uint64_t value, bool known);
void table_bytes(Table *t, uint64_t bytes);
/* Since 1970; shown as "3min 20s ago". */
void table_since(Table *t, uint64_t usec);

/* Microseconds; shown as "3min 20s", or "12ms" when short. */
void table_span(Table *t, uint64_t usec);

/* Prints it to standard output. Return: 0; negative errno: something was lost on the way, told. */
int table_print(Table *t);

/* "3min 20s" into @buf. Return: @buf. */
char *table_format_span(char *buf, size_t size, uint64_t usec);
