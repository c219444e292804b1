/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The pieces of subqueries that bind_subquery.c and bind_mark.c share. */

#include "exec/plan/bind_decorrelate.h"

/* The subquery's relation, with the names of @outer and then @second (nullable) visible. */
Bound *bind_query(Binder *b, const Bound *outer, const Bound *second, const UExpr *e);
/* The scope of @input over @join, whose first columns are those of @input. */
Bound *bind_over_join(Binder *b, const Bound *input, PlanNode *join);
/* left[i] = column i of the subquery, which stands behind @n_outer columns. */
bool bind_in_condition(Binder *b, const UExpr *e, const Bound *query, const PlanNode *inner,
                       uint32_t n_outer, Expr *const *left, ExprList *list, bool *ret_nullable);
/* coalesce(all of @parts, true) */
Expr *bind_true_or_unknown(Binder *b, const ExprList *parts);
bool bind_split_equalities(Binder *b, const ExprList *correlated, ExprList *inner, ExprList *outer,
                           FunctionId *ret_equal);
PlanNode *bind_groups_node(Binder *b, PlanNode *input, const ExprList *groups,
                           Aggregate *aggregates, uint32_t n_aggregates);
Expr *bind_field_column(Binder *b, const PlanNode *node, uint32_t i);
Expr *bind_long(Binder *b, int64_t value);
/* The groups of @node (keys first) as columns of a left join to what is attached; without keys it
 * is one row. Return: number of the first new column; UINT32_MAX after an error. */
uint32_t bind_attach_groups(Binder *b, Scope *scope, PlanNode *node, const ExprList *outer_keys,
                            FunctionId equal);
/* EXISTS or IN as a value of the rows that are attached to. @left: what stands before IN; @negated:
 * unknown is true, because NOT stands in front. */
Expr *bind_attach_mark(Binder *b, Scope *scope, const UExpr *e, bool negated, Bound *query,
                       Expr **left);
