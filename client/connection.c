/* SPDX-License-Identifier: Apache-2.0 */
#include "client/connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

Connection *connection_close(Connection *c)
{
    if (c)
        c->ops->close(c);
    return NULL;
}

int connection_error_set(ConnectionError *error, int r, const char *error_class, const char *format,
                         ...)
{
    memset(error, 0, sizeof(*error));
    (void)text_copy(error->error_class, sizeof(error->error_class), error_class);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    return r;
}
