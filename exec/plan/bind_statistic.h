/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Aggregate functions that are more than one state of one argument: several arguments are packed
 * into one, and what comes out of the state (often all values of the group, AGG_COLLECT) is made a
 * result by scalar functions.
 */

#include "exec/plan/bind_nested.h"

/* What is made of an aggregate's value. */
typedef struct AggregateFinish {
    bool over_window;    /* in: it is a window function */
    bool collected;      /* the value is an array of the argument's type first */
    bool keyed;          /* the value is what FN_KEYED has behind the key, a struct of one field */
    FunctionId function; /* of the value and @extra; FN_INVALID: none */
    Type type;
    Expr *extra[2];
    uint32_t n_extra;
} AggregateFinish;

/* Is the function one of those here? */
bool function_is_statistic(const char *name);
/* May WITHIN GROUP stand behind it? */
bool function_orders_within(const char *name);
/* May it have no ORDER BY and no frame as a window function? */
bool function_wants_whole_window(const UExpr *e);
/* Arguments without the keys of WITHIN GROUP. */
uint32_t uexpr_n_plain(const UExpr *e);
/* Arguments, type and finish of @e. Return: false after an error. */
bool bind_statistic(Binder *b, Scope *scope, const UExpr *e, Aggregate *a, AggregateFinish *finish);
bool bind_summary_percentile(Binder *b, Expr *x, double p, Aggregate *a, AggregateFinish *finish);
Expr *bind_finished(Binder *b, const Aggregate *a, const AggregateFinish *finish, Expr *value);
