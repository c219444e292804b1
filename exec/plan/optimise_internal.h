/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/plan/expr_build.h"
#include "exec/plan/optimise.h"
#include "exec/plan/source.h"

/* A failure (the arena refuses) sticks; everything then gives NULL. */
typedef struct Optimiser {
    PlanContext *context;
    MemArena *arena;
    int result;
    struct SharedColumns *shared; /* what is computed once, that which reads others first */
} Optimiser;

/* Which columns of a shared plan its readers want. */
typedef struct SharedColumns {
    SharedPlan *plan;
    bool *need;  /* of any reader */
    bool pruned; /* the plan has only those; @map: old column -> new */
    uint32_t *map;
    struct SharedColumns *next, *before;
} SharedColumns;

void *opt_fail(Optimiser *o);
void *opt_alloc(Optimiser *o, size_t n, size_t size);
PlanNode *opt_copy(Optimiser *o, const PlanNode *node);
PlanNode *opt_filter(Optimiser *o, PlanNode *input, Expr *const *parts, uint32_t n);
PlanNode *opt_project_columns(Optimiser *o, PlanNode *input, const uint32_t *columns,
                              const PlanField *fields, uint32_t n);
Expr *opt_fold(Optimiser *o, Expr *e);

/* distinct.c: aggregates over DISTINCT values in two levels. */
PlanNode *opt_two_level_distinct(Optimiser *o, PlanNode *node);
/* push.c: filters down, joins in order. */
PlanNode *opt_push(Optimiser *o, PlanNode *node, ExprList *conjuncts);
/* files.c: filters over partition columns choose the files of a scan, whose footers are then read.
 */
bool opt_choose_files(Optimiser *o, PlanNode *scan);
/* join_order.c: an inner join cluster. */
PlanNode *opt_join_cluster(Optimiser *o, PlanNode *node, ExprList *conjuncts);
/* metadata.c: counts, minima and maxima from footers. */
PlanNode *opt_use_metadata(Optimiser *o, PlanNode *node);
/* share.c: equal parts of the plan are computed once where that pays. */
PlanNode *opt_share(Optimiser *o, PlanNode *node);
/* Same value for every group? */
bool aggregate_equal(const Aggregate *a, const Aggregate *b);
/* Same rows, in the same columns? */
bool plan_equal(const PlanNode *a, const PlanNode *b);
/* sides.c: SEMI and ANTI joins build their smaller side. Estimates must be there. */
PlanNode *opt_exchange_sides(Optimiser *o, PlanNode *node);
/* prune.c: only columns that are needed. */
PlanNode *opt_prune(Optimiser *o, PlanNode *node);

/* estimate.c */
void opt_estimate(PlanNode *node); /* of one node whose inputs are known */
void opt_estimate_tree(PlanNode *node);
double opt_selectivity(const PlanNode *left, const PlanNode *right, const Expr *e);
/* Different values of @e over @node; never below 1. */
double opt_distinct(const PlanNode *node, const Expr *e);

/* Combinations of values of a join's keys. */
typedef struct KeyCombinations {
    double single; /* the most that one key alone has */
    double left, right;
} KeyCombinations;

void opt_keys_begin(KeyCombinations *keys);
void opt_keys_add(KeyCombinations *keys, const PlanNode *left, const Expr *left_key,
                  const PlanNode *right, const Expr *right_key);
double opt_keys_distinct(const KeyCombinations *keys);
