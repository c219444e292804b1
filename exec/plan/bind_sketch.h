/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Functions on sketches: hll_*, theta_*, tuple_*, kll_*. */

#include "exec/plan/bind_internal.h"

bool function_is_sketch(const char *name);
bool function_is_sketch_aggregate(const char *name);
Expr *bind_sketch(Binder *b, Scope *scope, const UExpr *e);
/* What Spark shows of arguments that were left out; NULL: not a sketch's, or nothing. */
const char *sketch_defaults(const char *name, uint32_t n_args);
/* By number; NULL behind the last. */
const char *bind_sketch_name_at(size_t i, const char **ret_kind, const char **ret_usage,
                                const char **ret_meaning);
