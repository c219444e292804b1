/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Small results of statements and of the catalog: text and booleans, in the query's arena. */

#include "exec/connect/query.h"

#define TABLE_COLUMNS_MAX 8u

typedef struct TextTable {
    Query *q;
    PlanField fields[TABLE_COLUMNS_MAX];
    uint32_t n_columns;
    DecodeList cells; /* const char *, row by row */
} TextTable;

/* @cells [n_columns]: NULL is null; "true" is true in a column of booleans. Return: the builder's
 * failure. */
int table_row(TextTable *t, const char *const *cells);
/* As Relation.local_relation, which the client sends back when it wants the rows. */
int table_put(TextTable *t, ProtoWriter *w);
/* Spark's patterns: * for anything, | between alternatives, no case. @pattern NULL: all. */
bool text_pattern_matches(const char *pattern, const char *name);
