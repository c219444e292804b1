/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Prints the Arrow batches of one statement: box (a table with frames for people), csv, json,
 * arrow. csv, json and arrow stream; box holds the rows it will show, up to a bound.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum ResultFormat {
    RESULT_FORMAT_BOX,
    RESULT_FORMAT_CSV,
    RESULT_FORMAT_JSON,
    RESULT_FORMAT_ARROW,
    _RESULT_FORMAT_MAX,
    _RESULT_FORMAT_INVALID = -22,
} ResultFormat;

ResultFormat result_format_from_string(const char *text);

typedef struct ResultPrinter ResultPrinter;

/**
 * result_printer_new() - for one statement
 * @out:       borrowed
 * @max_rows:  box only: rows that are shown; the rest is counted
 * Return: 0 or -ENOMEM.
 */
int result_printer_new(FILE *out, ResultFormat format, uint64_t max_rows,
                       ResultPrinter **ret_printer);
ResultPrinter *result_printer_free(ResultPrinter *p);

/* One complete Arrow IPC stream. Return: 0; -EBADMSG, -EOPNOTSUPP, -ENOMEM; -EIO when @out fails.
 */
int result_printer_add(ResultPrinter *p, const uint8_t *ipc, size_t n_ipc);
/* Nothing more comes: closes arrays and frames. Return: as above. */
int result_printer_finish(ResultPrinter *p);
uint64_t result_printer_rows(const ResultPrinter *p);
/* True once a batch has told the columns: a statement without a result prints nothing. */
bool result_printer_has_columns(const ResultPrinter *p);
