/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Arrow files as rows: a part is a batch. RowRequest.state is not looked at, ScanFile.source is an
 * ArrowFile. */

#include "exec/arrow/file.h"
#include "exec/text/rows.h"

extern const RowFormat arrow_rows;
