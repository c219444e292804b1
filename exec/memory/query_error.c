/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/memory/query_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

int query_error_set(QueryError *error, DataErrorKind kind, const char *error_class,
                    const char *sqlstate, const char *format, ...)
{
    va_list ap;

    if (!error || error->message[0] || error->error_class[0])
        return QUERY_E_FAILED;
    error->kind = kind;
    (void)text_copy(error->error_class, sizeof(error->error_class), error_class);
    (void)text_copy(error->sqlstate, sizeof(error->sqlstate), sqlstate);
    va_start(ap, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, ap);
    va_end(ap);
    return QUERY_E_FAILED;
}
