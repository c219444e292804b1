/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The source of a PLAN_SCAN: Parquet files, filters applied while decoding.
 *
 * Row groups that statistics or Bloom filters rule out are never read, rows that a page index rules
 * out never decoded. Of the others, filter columns are decoded
 * first, one after the other, each only where those before left rows, in an order that adapts to
 * what they cost and drop; the columns that the plan wants are decoded for surviving rows last.
 * Predicates over a dictionary-encoded column are decided once per dictionary entry.
 */

#include "exec/op/op.h"

/**
 * scan_source_new() - as ExecScanNew
 * @node:  a PLAN_SCAN with format "parquet"; its ScanFile.source are ParquetFile objects that live
 *         as long as the query (session_files_enter())
 * Return: 0; -ENOMEM; -EINVAL for another format.
 */
int scan_source_new(ExecContext *context, const PlanNode *node, Source **ret_source);
