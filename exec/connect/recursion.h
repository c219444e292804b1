/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* WITH RECURSIVE: its levels run one after the other, before the plan that reads them. */

#include "exec/connect/query.h"

bool recursion_in(const PlanNode *plan);

/**
 * recursion_run() - rows in place of every recursion of a bound plan
 * @n_threads:  1..EXEC_THREADS_MAX, of the query's grant
 * @progress:   of the query
 * @ret_plan:   in the query's arena, as the rows are; @plan stays as it is
 *
 * A LIMIT above a recursion, with nothing but projections between them, ends it early. Rows are
 * kept in memory. Return: 0; QUERY_E_FAILED (RECURSION_LEVEL_LIMIT_EXCEEDED,
 * RECURSION_ROW_LIMIT_EXCEEDED, or what a level fails with); QUERY_E_CANCELLED; as mem_charge().
 */
int recursion_run(Query *q, PlanNode *plan, uint32_t n_threads, ExecProgress *progress,
                  PlanNode **ret_plan);
