/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The bound plan made quick: constants folded, filters at the scans, joins ordered by size with the
 * smaller side built, only the columns that somebody reads, top-N instead of sort and limit. And
 * what it will cost, for the grant.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/plan/bind.h"
#include "exec/plan/plan.h"

typedef struct PlanEstimate {
    uint64_t scan_bytes; /* compressed, of the columns that are read */
    uint64_t rows;       /* that the scans see */
    uint64_t memory_peak_bytes;
    uint64_t fingerprint; /* of the plan without its literals */
    uint32_t parallelism; /* threads that would have work */
    bool is_slight;       /* reads no file and sees few rows: no more work than planning it was */
} PlanEstimate;

/**
 * plan_optimise() - rewrite a bound plan
 * @plan:      from plan_bind(); stays valid and unchanged
 * @ret_plan:  the same rows in the same columns; nodes are numbered in PlanNode.id, 0 the root
 * Return: 0; as mem_charge().
 */
int plan_optimise(PlanContext *context, PlanNode *plan, PlanNode **ret_plan);

/* Of an optimised plan. Cannot fail. */
void plan_estimate(const PlanNode *plan, PlanEstimate *ret_estimate);
/* The same for plans that differ only in literals and in the files they read. */
uint64_t plan_fingerprint(const PlanNode *plan);
uint32_t plan_count_nodes(const PlanNode *plan);
