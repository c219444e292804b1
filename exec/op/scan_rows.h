/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The source of a PLAN_SCAN whose format is a stream of rows (RowFormat of exec/text/rows.h). */

#include "exec/op/op.h"

/* As scan_source_new(), which calls it. */
int rows_source_new(ExecContext *context, const PlanNode *node, Source **ret_source);
