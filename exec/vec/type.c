/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/vec/type.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "exec/vec/interval.h"

#define TYPE_FORMAT_DEPTH_MAX 64u

static const uint8_t type_phys_table[_TYPE_KIND_MAX] = {
    [TYPE_NULL] = PHYS_BOOL,       [TYPE_BOOLEAN] = PHYS_BOOL,      [TYPE_BYTE] = PHYS_I8,
    [TYPE_SHORT] = PHYS_I16,       [TYPE_INT] = PHYS_I32,           [TYPE_LONG] = PHYS_I64,
    [TYPE_FLOAT] = PHYS_F32,       [TYPE_DOUBLE] = PHYS_F64,        [TYPE_DECIMAL] = PHYS_I64,
    [TYPE_STRING] = PHYS_STRING,   [TYPE_BINARY] = PHYS_STRING,     [TYPE_DATE] = PHYS_I32,
    [TYPE_TIMESTAMP] = PHYS_I64,   [TYPE_TIMESTAMP_NTZ] = PHYS_I64, [TYPE_INTERVAL_YM] = PHYS_I32,
    [TYPE_INTERVAL_DT] = PHYS_I64, [TYPE_ARRAY] = PHYS_STRING,      [TYPE_MAP] = PHYS_STRING,
    [TYPE_STRUCT] = PHYS_STRING,
};

static const char *const type_names[_TYPE_KIND_MAX] = {
    [TYPE_NULL] = "void",
    [TYPE_BOOLEAN] = "boolean",
    [TYPE_BYTE] = "tinyint",
    [TYPE_SHORT] = "smallint",
    [TYPE_INT] = "int",
    [TYPE_LONG] = "bigint",
    [TYPE_FLOAT] = "float",
    [TYPE_DOUBLE] = "double",
    [TYPE_DECIMAL] = "decimal",
    [TYPE_STRING] = "string",
    [TYPE_BINARY] = "binary",
    [TYPE_DATE] = "date",
    [TYPE_TIMESTAMP] = "timestamp",
    [TYPE_TIMESTAMP_NTZ] = "timestamp_ntz",
    [TYPE_ARRAY] = "array",
    [TYPE_MAP] = "map",
    [TYPE_STRUCT] = "struct",
};

PhysKind type_phys(Type type)
{
    assert(type.kind < _TYPE_KIND_MAX);
    if (type.kind == TYPE_DECIMAL && type.precision > 18)
        return PHYS_I128;
    return type_phys_table[type.kind];
}

size_t phys_size(PhysKind phys)
{
    static const uint8_t sizes[_PHYS_MAX] = {
        [PHYS_BOOL] = 1,  [PHYS_I8] = 1,  [PHYS_I16] = 2, [PHYS_I32] = 4,     [PHYS_I64] = 8,
        [PHYS_I128] = 16, [PHYS_F32] = 4, [PHYS_F64] = 8, [PHYS_STRING] = 16,
    };
    assert((unsigned)phys < _PHYS_MAX);
    return sizes[phys];
}

bool type_equal(Type a, Type b)
{
    if (a.kind != b.kind || a.n_children != b.n_children)
        return false;
    if ((a.kind == TYPE_DECIMAL || type_is_interval(a)) &&
        (a.precision != b.precision || a.scale != b.scale))
        return false;
    for (uint32_t i = 0; i < a.n_children; i++)
        if (!type_equal(a.children[i].type, b.children[i].type) ||
            a.children[i].nullable != b.children[i].nullable ||
            (a.kind == TYPE_STRUCT && strcmp(a.children[i].name, b.children[i].name) != 0))
            return false;
    return true;
}

bool type_is_integral(Type type)
{
    return type.kind >= TYPE_BYTE && type.kind <= TYPE_LONG;
}

bool type_is_numeric(Type type)
{
    return type.kind >= TYPE_BYTE && type.kind <= TYPE_DECIMAL;
}

/* Appends within @size and always terminates. Return: the new length. */
static size_t append(char *buf, size_t size, size_t at, const char *text)
{
    size_t n = strlen(text);
    if (at + 1 >= size)
        return at;
    if (n > size - 1 - at)
        n = size - 1 - at;
    memcpy(buf + at, text, n);
    buf[at + n] = '\0';
    return at + n;
}

static size_t format_interval_type(Type type, char *buf, size_t size, size_t at)
{
    uint32_t start = interval_start(type), end = interval_end(type);
    char text[40];
    snprintf(text, sizeof(text), "interval %s%s%s", interval_field_name(type.kind, start),
             end > start ? " to " : "", end > start ? interval_field_name(type.kind, end) : "");
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return append(buf, size, at, text);
}

static size_t format_at(Type type, char *buf, size_t size, size_t at, uint32_t depth)
{
    if (depth > TYPE_FORMAT_DEPTH_MAX)
        return append(buf, size, at, "...");

    if (type_is_interval(type))
        return format_interval_type(type, buf, size, at);
    at = append(buf, size, at, type.kind < _TYPE_KIND_MAX ? type_names[type.kind] : "?");
    if (type.kind == TYPE_DECIMAL) {
        char digits[24];
        snprintf(digits, sizeof(digits), "(%u,%u)", type.precision, type.scale);
        return append(buf, size, at, digits);
    }
    if (type.n_children == 0)
        return type.kind == TYPE_STRUCT ? append(buf, size, at, "<>") : at;

    at = append(buf, size, at, "<");
    for (uint32_t i = 0; i < type.n_children; i++) {
        if (i > 0)
            at = append(buf, size, at, ",");
        if (type.kind == TYPE_STRUCT) {
            at = append(buf, size, at, type.children[i].name);
            at = append(buf, size, at, ":");
        }
        at = format_at(type.children[i].type, buf, size, at, depth + 1);
    }
    return append(buf, size, at, ">");
}

char *type_format(Type type, char *buf, size_t size)
{
    assert(buf && size > 0);
    buf[0] = '\0';
    format_at(type, buf, size, 0, 0);
    return buf;
}
