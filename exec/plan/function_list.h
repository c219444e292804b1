/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All functions from all tables, for SHOW FUNCTIONS, DESCRIBE FUNCTION and docs/FUNCTIONS.md. */

#include <stddef.h>
#include <stdint.h>

#define FUNCTIONS_MAX 1024u

typedef struct FunctionInfo {
    const char *name;
    const char *kind;            /* "scalar", "nested", "generator", "window", "aggregate" */
    const char *usage, *meaning; /* nullable */
    uint32_t min_args, max_args; /* 255: no limit; both 255: not known */
} FunctionInfo;

typedef struct FunctionText {
    const char *name, *usage, *meaning;
} FunctionText;

/* function_text.c: of a function without a signature, or NULL. */
const FunctionText *function_text(const char *name);
/* By name, each name once. Return: how many; never more than FUNCTIONS_MAX. */
size_t function_list(FunctionInfo ret[FUNCTIONS_MAX]);
/* What stands behind the name: "(x)", "a + b", "(2 to 3 arguments)". Return: @buf. */
const char *function_usage(const FunctionInfo *f, char *buf, size_t size);
/* Why a function of Spark is not here; NULL: there is none of that name. */
const char *function_refused(const char *name);
/* By number; NULL behind the last. */
const char *function_refused_at(size_t i, const char **ret_why);
