/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Correlation. A column of a query around the one that is bound has a number from BIND_OUTER_BASE
 * on; each query further out adds BIND_OUTER_STRIDE.
 */

#include "exec/plan/bind_internal.h"

typedef bool (*BindExprTest)(void *userdata, const Expr *e);
typedef Expr *(*BindReplace)(void *userdata, Expr *e);

/* Is any column of @e one of a query around? */
bool expr_has_outer(const Expr *e);
/* ... of the query directly around? */
bool expr_has_near(const Expr *e);
bool plan_has_outer(const PlanNode *node);
bool plan_has_near(const PlanNode *node);

/**
 * bind_pull_up() - takes correlated conjuncts out of the filters at the top of @node
 * Return: the node without them; *@list says them over its output and outer columns.
 */
PlanNode *bind_pull_up(Binder *b, PlanNode *node, ExprList *list);

/**
 * bind_decorrelate() - a subquery's plan without columns of the query around it
 * @outer:    that query's relation
 * @whole:    not by pulling up filters: each row of the result then belongs to one combination of
 *            outer values, and @list is null-safe equalities only
 * @list:     out, what must hold between outer columns and those of the result
 * Return: a node whose first columns are those of @node.
 */
PlanNode *bind_decorrelate(Binder *b, PlanNode *outer, PlanNode *node, bool whole, ExprList *list);

/* Outer column n becomes n, inner column n becomes @n_outer + n, further ones come one nearer. */
Expr *bind_sides(Binder *b, Expr *e, uint32_t n_outer);

/* May @node stand in the plan once more? What is repeated inside what is repeated doubles each
 * time, so this is bounded. Return: false after an error. */
bool bind_may_repeat(Binder *b, const PlanNode *node);

/* Every expression of @node and below, rewritten. */
PlanNode *bind_map_plan(Binder *b, PlanNode *node, BindReplace replace, void *userdata);

/* ---- pieces of bind_decorrelate.c that bind_domain.c uses ---- */

/* Does @test hold for an expression of the plan? */
bool bind_any_expr(const PlanNode *node, BindExprTest test, void *userdata);
/* NULL stays NULL. */
Expr *bind_map_expr(Binder *b, Expr *e, BindReplace replace, void *userdata);
Expr **bind_map_exprs(Binder *b, Expr *const *exprs, uint32_t n, BindReplace replace,
                      void *userdata);
Aggregate *bind_map_aggregates(Binder *b, const Aggregate *list, uint32_t n, BindReplace replace,
                               void *userdata);
/* A plan that uses nothing of the query directly around: that query's place is one nearer now. */
PlanNode *bind_nearer(Binder *b, PlanNode *node);
