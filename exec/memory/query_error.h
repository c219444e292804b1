/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the tenant reads when a query fails. It travels beside the int return as a nullable pointer:
 * a function that can fail for the tenant's reasons returns QUERY_E_FAILED and fills it. Classes
 * and SQLSTATEs are Spark's error conditions ("TABLE_OR_VIEW_NOT_FOUND", "42P01").
 */

#include <stddef.h>
#include <stdint.h>

#include "base/data_frame.h"

#define QUERY_E_FAILED 1000 /* positive condition: *error says what */
#define QUERY_E_CANCELLED 1001

typedef struct QueryError {
    DataErrorKind kind;
    char error_class[96];
    char sqlstate[6];
    char message[1024];
    char parameters[1024];              /* JSON object, "" for none */
    uint32_t line, column, start, stop; /* 1-based position in the SQL text; 0 when unknown */
} QueryError;

/**
 * query_error_set() - fill @error (NULL allowed) and return QUERY_E_FAILED, so that callers can
 * `return query_error_set(...)`. An earlier error is kept: the first one counts.
 */
int query_error_set(QueryError *error, DataErrorKind kind, const char *error_class,
                    const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/**
 * query_error_parameters() - Spark's message parameters: name, value, ..., NULL
 * What does not fit is left out as a whole; those that are there stay. A NULL @error is allowed.
 */
void query_error_parameters(QueryError *error, ...) __attribute__((sentinel));
