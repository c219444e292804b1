/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tables of show(): cells as text, laid out as Spark does. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "exec/memory/memory.h"
#include "exec/plan/plan.h"

typedef struct ShowTable ShowTable;

/* @n_rows: rows to show; one more may be added, which only says that there are more. */
int show_table_new(MemPool *pool, const PlanField *fields, uint32_t n_fields, uint32_t n_rows,
                   ShowTable **ret_table);
ShowTable *show_table_free(ShowTable *table);
/* Batches of strings. Return: 0; MEM_E_*; -ENOMEM. */
int show_table_add(ShowTable *table, const Batch *batch);
/* @truncate: longest cell, 0: no limit. Errors stay in @out. */
void show_table_print(const ShowTable *table, int32_t truncate, bool vertical, FILE *out);
void show_table_print_html(const ShowTable *table, int32_t truncate, FILE *out);
static inline void show_table_freep(ShowTable **table)
{
    show_table_free(*table);
}
