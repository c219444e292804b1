/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/memory/query_error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

/* A JSON string with its quotes. Return: false when it does not fit. */
static bool put_json(char *buf, size_t size, size_t *n, const char *text)
{
    if (*n + 2 >= size)
        return false;
    buf[(*n)++] = '"';
    for (const char *c = text; *c; c++) {
        char escaped[8];
        unsigned char u = (unsigned char)*c;
        int length = u == '"' || u == '\\' ? snprintf(escaped, sizeof(escaped), "\\%c", u)
                     : u < 0x20            ? snprintf(escaped, sizeof(escaped), "\\u%04x", u)
                                           : snprintf(escaped, sizeof(escaped), "%c", u);
        if (*n + (size_t)length + 2 >= size)
            return false;
        memcpy(buf + *n, escaped, (size_t)length);
        *n += (size_t)length;
    }
    buf[(*n)++] = '"';
    return true;
}

void query_error_parameters(QueryError *error, ...)
{
    if (!error || error->parameters[0])
        return;
    char buf[sizeof(error->parameters)];
    size_t n = 0;
    bool fits = true;
    va_list ap;
    va_start(ap, error);
    for (const char *name; fits && (name = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        buf[n] = n == 0 ? '{' : ',';
        n++;
        fits = put_json(buf, sizeof(buf) - 4, &n, name);
        buf[n++] = ':';
        fits = fits && put_json(buf, sizeof(buf) - 2, &n, value);
    }
    va_end(ap);
    if (!fits || n == 0)
        return;
    buf[n++] = '}';
    memcpy(error->parameters, buf, n);
    error->parameters[n] = '\0';
}
