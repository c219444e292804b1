/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/nested.h"

#include <string.h>

#include "base/cleanup.h"

/*
 * Schema elements to Spark's types, as Spark's own reader maps them (Spark 4: "Parquet Files", and
 * the table in its sql-data-sources-parquet page). Nested columns are recognised and named.
 * Source: parquet-format LogicalTypes.md.
 */

enum { /* ConvertedType */
       CONVERTED_UTF8 = 0,
       CONVERTED_MAP = 1,
       CONVERTED_MAP_KEY_VALUE = 2,
       CONVERTED_LIST = 3,
       CONVERTED_ENUM = 4,
       CONVERTED_DECIMAL = 5,
       CONVERTED_DATE = 6,
       CONVERTED_TIME_MILLIS = 7,
       CONVERTED_TIME_MICROS = 8,
       CONVERTED_TIMESTAMP_MILLIS = 9,
       CONVERTED_TIMESTAMP_MICROS = 10,
       CONVERTED_UINT_8 = 11,
       CONVERTED_UINT_16 = 12,
       CONVERTED_UINT_32 = 13,
       CONVERTED_UINT_64 = 14,
       CONVERTED_INT_8 = 15,
       CONVERTED_INT_16 = 16,
       CONVERTED_INT_32 = 17,
       CONVERTED_INT_64 = 18,
       CONVERTED_JSON = 19,
       CONVERTED_BSON = 20,
       CONVERTED_INTERVAL = 21,
};

enum { /* fields of the LogicalType union */
       LOGICAL_STRING = 1,
       LOGICAL_MAP = 2,
       LOGICAL_LIST = 3,
       LOGICAL_ENUM = 4,
       LOGICAL_DECIMAL = 5,
       LOGICAL_DATE = 6,
       LOGICAL_TIME = 7,
       LOGICAL_TIMESTAMP = 8,
       LOGICAL_INTEGER = 10,
       LOGICAL_UNKNOWN = 11,
       LOGICAL_JSON = 12,
       LOGICAL_BSON = 13,
       LOGICAL_UUID = 14,
       LOGICAL_FLOAT16 = 15,
};

/* Old annotations say the same things; from here on there is one vocabulary. */
void schema_normalise(SchemaElement *e)
{
    static const struct {
        int8_t logical, bit_width, unit;
        bool is_signed;
    } table[] = {
        [CONVERTED_UTF8] = {LOGICAL_STRING, 0, 0, false},
        [CONVERTED_MAP] = {LOGICAL_MAP, 0, 0, false},
        [CONVERTED_MAP_KEY_VALUE] = {LOGICAL_MAP, 0, 0, false},
        [CONVERTED_LIST] = {LOGICAL_LIST, 0, 0, false},
        [CONVERTED_ENUM] = {LOGICAL_ENUM, 0, 0, false},
        [CONVERTED_DECIMAL] = {LOGICAL_DECIMAL, 0, 0, false},
        [CONVERTED_DATE] = {LOGICAL_DATE, 0, 0, false},
        [CONVERTED_TIME_MILLIS] = {LOGICAL_TIME, 0, 1, false},
        [CONVERTED_TIME_MICROS] = {LOGICAL_TIME, 0, 2, false},
        [CONVERTED_TIMESTAMP_MILLIS] = {LOGICAL_TIMESTAMP, 0, 1, false},
        [CONVERTED_TIMESTAMP_MICROS] = {LOGICAL_TIMESTAMP, 0, 2, false},
        [CONVERTED_UINT_8] = {LOGICAL_INTEGER, 8, 0, false},
        [CONVERTED_UINT_16] = {LOGICAL_INTEGER, 16, 0, false},
        [CONVERTED_UINT_32] = {LOGICAL_INTEGER, 32, 0, false},
        [CONVERTED_UINT_64] = {LOGICAL_INTEGER, 64, 0, false},
        [CONVERTED_INT_8] = {LOGICAL_INTEGER, 8, 0, true},
        [CONVERTED_INT_16] = {LOGICAL_INTEGER, 16, 0, true},
        [CONVERTED_INT_32] = {LOGICAL_INTEGER, 32, 0, true},
        [CONVERTED_INT_64] = {LOGICAL_INTEGER, 64, 0, true},
        [CONVERTED_JSON] = {LOGICAL_JSON, 0, 0, false},
        [CONVERTED_BSON] = {LOGICAL_BSON, 0, 0, false},
    };

    if (e->logical != 0 || e->converted < 0 || e->converted >= (int)ARRAY_SIZE(table))
        return;
    e->logical = table[e->converted].logical;
    e->bit_width = table[e->converted].bit_width;
    e->is_signed = table[e->converted].is_signed;
    e->unit = table[e->converted].unit;
    /* Files from before logical types hold instants. */
    e->is_utc = true;
}

bool schema_is_list(const SchemaElement *e)
{
    return e->logical == LOGICAL_LIST;
}

bool schema_is_map(const SchemaElement *e)
{
    return e->logical == LOGICAL_MAP;
}

static void set_type(ParquetColumn *c, Type type, ParquetConversion conversion)
{
    c->type = type;
    c->conversion = (uint8_t)conversion;
}

static const char *map_int32(ParquetColumn *c, const SchemaElement *e)
{
    switch (e->logical) {
    case 0:
        set_type(c, TYPE(INT), PARQUET_AS_IS);
        return NULL;
    case LOGICAL_DATE:
        set_type(c, TYPE(DATE), PARQUET_AS_IS);
        return NULL;
    case LOGICAL_INTEGER:
        c->is_unsigned = !e->is_signed;
        if (e->bit_width == 8)
            set_type(c, e->is_signed ? TYPE(BYTE) : TYPE(SHORT),
                     e->is_signed ? PARQUET_TO_I8 : PARQUET_TO_I16);
        else if (e->bit_width == 16)
            set_type(c, e->is_signed ? TYPE(SHORT) : TYPE(INT),
                     e->is_signed ? PARQUET_TO_I16 : PARQUET_U16_TO_I32);
        else if (e->bit_width == 32)
            set_type(c, e->is_signed ? TYPE(INT) : TYPE(LONG),
                     e->is_signed ? PARQUET_AS_IS : PARQUET_U32_TO_I64);
        else
            return "an INT32 with an impossible bit width";
        return NULL;
    case LOGICAL_UNKNOWN:
        set_type(c, TYPE(INT), PARQUET_AS_IS);
        return NULL;
    case LOGICAL_TIME:
        return "time(millis)";
    default:
        return "an INT32 with an unknown logical type";
    }
}

static const char *map_int64(ParquetColumn *c, const SchemaElement *e)
{
    Type instant = e->is_utc ? TYPE(TIMESTAMP) : TYPE(TIMESTAMP_NTZ);

    switch (e->logical) {
    case 0:
    case LOGICAL_UNKNOWN:
        set_type(c, TYPE(LONG), PARQUET_AS_IS);
        return NULL;
    case LOGICAL_INTEGER:
        c->is_unsigned = !e->is_signed;
        if (e->bit_width != 64)
            return "an INT64 with an impossible bit width";
        set_type(c, e->is_signed ? TYPE(LONG) : TYPE_DECIMAL_OF(20, 0),
                 e->is_signed ? PARQUET_AS_IS : PARQUET_U64_TO_I128);
        return NULL;
    case LOGICAL_TIMESTAMP:
        set_type(c, instant,
                 e->unit == 1   ? PARQUET_MILLIS_TO_MICROS
                 : e->unit == 3 ? PARQUET_NANOS_TO_MICROS
                                : PARQUET_AS_IS);
        return NULL;
    case LOGICAL_TIME:
        return e->unit == 3 ? "time(nanos)" : "time(micros)";
    default:
        return "an INT64 with an unknown logical type";
    }
}

static const char *map_decimal(ParquetColumn *c, const SchemaElement *e)
{
    bool wide = e->precision > 18;

    if (e->precision < 1 || e->precision > 38)
        return "a decimal of more than 38 digits";
    if (e->scale < 0 || e->scale > e->precision)
        return "a decimal with an impossible scale";
    switch (e->physical) {
    case PARQUET_INT32:
        set_type(c, TYPE_DECIMAL_OF(e->precision, e->scale),
                 wide ? PARQUET_I32_TO_I128 : PARQUET_I32_TO_I64);
        return NULL;
    case PARQUET_INT64:
        set_type(c, TYPE_DECIMAL_OF(e->precision, e->scale),
                 wide ? PARQUET_I64_TO_I128 : PARQUET_AS_IS);
        return NULL;
    case PARQUET_FIXED:
    case PARQUET_BYTE_ARRAY:
        set_type(c, TYPE_DECIMAL_OF(e->precision, e->scale),
                 wide ? PARQUET_BYTES_TO_I128 : PARQUET_BYTES_TO_I64);
        return NULL;
    default:
        return "a decimal on a physical type that cannot hold one";
    }
}

static const char *map_primitive(ParquetColumn *c, const SchemaElement *e)
{
    if (e->logical == LOGICAL_DECIMAL)
        return map_decimal(c, e);
    switch (e->physical) {
    case PARQUET_BOOLEAN:
        set_type(c, TYPE(BOOLEAN), PARQUET_BITS_TO_BOOL);
        return NULL;
    case PARQUET_INT32:
        return map_int32(c, e);
    case PARQUET_INT64:
        return map_int64(c, e);
    case PARQUET_INT96:
        set_type(c, TYPE(TIMESTAMP), PARQUET_INT96_TO_MICROS);
        return NULL;
    case PARQUET_FLOAT:
        set_type(c, TYPE(FLOAT), PARQUET_AS_IS);
        return NULL;
    case PARQUET_DOUBLE:
        set_type(c, TYPE(DOUBLE), PARQUET_AS_IS);
        return NULL;
    case PARQUET_BYTE_ARRAY:
        set_type(c,
                 e->logical == LOGICAL_STRING || e->logical == LOGICAL_ENUM ||
                         e->logical == LOGICAL_JSON
                     ? TYPE(STRING)
                     : TYPE(BINARY),
                 PARQUET_AS_IS);
        return NULL;
    default:
        if (e->logical == LOGICAL_FLOAT16)
            return "float16";
        if (e->converted == CONVERTED_INTERVAL)
            return "a legacy interval";
        set_type(c, TYPE(BINARY), PARQUET_AS_IS);
        return NULL;
    }
}

static uint32_t fixed_bytes(const SchemaElement *e)
{
    switch (e->physical) {
    case PARQUET_INT32:
    case PARQUET_FLOAT:
        return 4;
    case PARQUET_INT64:
    case PARQUET_DOUBLE:
        return 8;
    case PARQUET_INT96:
        return 12;
    case PARQUET_FIXED:
        return (uint32_t)e->type_length;
    default:
        return 0;
    }
}

/* Counts the leaves below element @at. Return: the element after it; UINT32_MAX when broken. */
static uint32_t count_leaves(const SchemaElement *elements, uint32_t n, uint32_t at, uint32_t depth,
                             uint32_t *n_leaves)
{
    const SchemaElement *e = &elements[at];

    if (depth > PARQUET_SCHEMA_DEPTH_MAX)
        return UINT32_MAX;
    at++;
    if (e->physical >= 0) {
        (*n_leaves)++;
        return e->n_children == 0 ? at : UINT32_MAX;
    }
    for (uint32_t i = 0; i < e->n_children; i++) {
        if (at >= n)
            return UINT32_MAX;
        at = count_leaves(elements, n, at, depth + 1, n_leaves);
        if (at == UINT32_MAX)
            return UINT32_MAX;
    }
    return at;
}

const char *schema_leaf(ParquetColumn *c, SchemaElement *e)
{
    schema_normalise(e);
    if (e->physical == PARQUET_FIXED && (e->type_length < 1 || e->type_length > 1 << 20))
        return "a fixed-length type without a length";
    c->physical = (uint8_t)e->physical;
    c->fixed_bytes = fixed_bytes(e);
    c->unreadable = map_primitive(c, e);
    if ((c->conversion == PARQUET_BYTES_TO_I128 || c->conversion == PARQUET_BYTES_TO_I64) &&
        c->fixed_bytes > 16)
        c->unreadable = "a decimal of more than 16 bytes";
    return NULL;
}

static const char *build_column(ParquetFile *file, ParquetColumn *c, const SchemaElement *elements,
                                uint32_t n_elements, uint32_t at)
{
    SchemaElement e = elements[at];

    schema_normalise(&e);
    c->name = mem_arena_strndup(file->arena, (const char *)e.name, e.n_name);
    if (!c->name)
        return "out of memory";
    c->required = e.repetition == 0;
    c->type = TYPE(NULL);
    if (e.physical < 0 || e.repetition == 2) {
        nested_schema_build(file, c, elements, n_elements, at);
        return NULL;
    }
    const char *wrong = schema_leaf(c, &e);
    if (wrong)
        return wrong;
    if (c->unreadable)
        c->type = TYPE(NULL);
    return NULL;
}

const char *schema_build(ParquetFile *file, const SchemaElement *elements, uint32_t n_elements)
{
    uint32_t at = 1;

    if (n_elements < 1 || elements[0].physical >= 0)
        return "the schema has no root";
    if (elements[0].n_children > PARQUET_COLUMNS_MAX)
        return "it has too many columns";
    if (elements[0].n_children >= n_elements)
        return "the schema is cut short";
    file->n_columns = elements[0].n_children;
    file->columns = mem_arena_new_array(file->arena, ParquetColumn, file->n_columns);
    if (!file->columns)
        return "out of memory";
    for (uint32_t i = 0; i < file->n_columns; i++) {
        ParquetColumn *c = &file->columns[i];
        const char *reason;

        if (at >= n_elements)
            return "the schema is cut short";
        /* The tree is sound before anybody goes down into it. */
        uint32_t next, leaf = file->n_leaves;
        next = count_leaves(elements, n_elements, at, 1, &file->n_leaves);
        if (next == UINT32_MAX)
            return "the schema's tree is broken";
        reason = build_column(file, c, elements, next, at);
        if (reason)
            return reason;
        at = next;
        c->leaf = leaf;
        c->n_leaves = file->n_leaves - leaf;
    }
    if (at != n_elements)
        return "the schema has elements outside of its tree";
    if (file->n_leaves > PARQUET_COLUMNS_MAX)
        return "it has too many columns";
    return NULL;
}
