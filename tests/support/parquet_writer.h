/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A Parquet writer for tests: uncompressed, plain or dictionary pages of v1, statistics, as many
 * row groups and pages as wanted. It aborts when it cannot allocate.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ParquetWriterKind {
    WRITE_INT32,
    WRITE_INT64,
    WRITE_DOUBLE,
    WRITE_STRING,
    WRITE_DATE,
    WRITE_DECIMAL, /* decimal(15,2) on INT64 */
} ParquetWriterKind;

typedef struct ParquetWriterColumn {
    const char *name;
    ParquetWriterKind kind;
    bool optional;
    bool dictionary;
    bool no_statistics;
    /* Called for each row; @ret_null only for optional columns. */
    int64_t (*number)(uint64_t row);
    double (*real)(uint64_t row);
    const char *(*text)(uint64_t row, char buf[64]);
    bool (*null)(uint64_t row);
} ParquetWriterColumn;

/* The file in memory, for free(3). */
uint8_t *parquet_write(const ParquetWriterColumn *columns, uint32_t n_columns, uint64_t n_rows,
                       uint64_t rows_per_group, uint64_t rows_per_page, size_t *ret_n);
