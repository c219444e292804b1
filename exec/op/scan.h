/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The source of a PLAN_SCAN: Parquet files, filters applied while decoding.
 *
 * Row groups that statistics or Bloom filters rule out are never read, rows that a page index rules
 * out never decoded, and where it leaves less than half of a row group, the pages around never
 * read. Of the others, filter columns are decoded first, one after the other, each only where those
 * before left rows, in an order that adapts to what they cost and drop; the columns that the plan
 * wants are decoded for surviving rows last. Predicates over a dictionary-encoded column are
 * decided once per dictionary entry.
 */

#include "exec/op/op.h"

/**
 * scan_source_new() - as ExecScanNew
 * @node:  a PLAN_SCAN whose source is loaded; ScanFile.source live as long as the query
 *         (session_files_enter()). Formats that are rows have a source of their own (scan_rows.h);
 *         without a SourceInfo the files are Parquet.
 * Return: 0; -ENOMEM; -EINVAL.
 */
int scan_source_new(ExecContext *context, const PlanNode *node, Source **ret_source);
