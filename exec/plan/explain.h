/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Plans as text, shaped like Spark's: a tree of operators under '== Physical Plan ==', in formatted
 * mode with a numbered list of details behind it.
 */

#include <stdio.h>

#include "exec/plan/plan.h"

typedef enum PlanExplainMode {
    PLAN_EXPLAIN_SIMPLE,
    PLAN_EXPLAIN_EXTENDED,
    PLAN_EXPLAIN_FORMATTED,
    PLAN_EXPLAIN_COST,
} PlanExplainMode;

/* Written behind an operator's line: what it did, for EXPLAIN ANALYZE. */
typedef void (*PlanAnnotate)(void *userdata, FILE *out, const PlanNode *node);

/**
 * plan_explain() - write a plan
 * @analysed:  as bound, for EXTENDED and COST
 * @plan:      as optimised
 * Bounded: expressions are cut at some kilobytes. Errors stay in @out (ferror(3)).
 */
void plan_explain(FILE *out, PlanExplainMode mode, const PlanNode *analysed, const PlanNode *plan);
void plan_explain_annotated(FILE *out, const PlanNode *plan, PlanAnnotate annotate, void *userdata);
/* One expression over the columns of @input (nullable). */
void plan_print_expr(FILE *out, const Expr *e, const PlanNode *left, const PlanNode *right);
/* "root\n |-- a: integer (nullable = true)\n ..." as printSchema() does. */
void plan_print_schema(FILE *out, const PlanField *fields, uint32_t n, int level);
const char *plan_kind_name(const PlanNode *node);
