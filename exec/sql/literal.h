/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/sql/parser_internal.h"

/* The number that is next. */
UExpr *parse_number(Parser *p, bool negative);
/* DATE '...', TIMESTAMP '...', X'...'. Return: NULL without a failure when none is there. */
UExpr *parse_typed_literal(Parser *p);
/* INTERVAL and a value behind it; "interval" alone is a name. */
bool at_interval(const Parser *p);
