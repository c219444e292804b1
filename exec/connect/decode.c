/* SPDX-License-Identifier: Apache-2.0 */

/* Pieces that all decoding stands on, and data types. */

#include "exec/connect/decode.h"

#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_types.h"
#include "exec/sql/parser.h"
#include "exec/vec/interval.h"

void *decode_malformed(Decoder *d)
{
    if (d->b->result != 0)
        return NULL;
    return ubuilder_fail(d->b, query_error_set(d->b->error, DATA_ERROR_ILLEGAL,
                                               "CONNECT_INVALID_PLAN.FIELD_NOT_SUPPORTED", "56K00",
                                               "The Spark Connect plan is invalid: the message is "
                                               "malformed."));
}

void *decode_unsupported(Decoder *d, const char *what)
{
    if (d->b->result != 0)
        return NULL;
    return ubuilder_fail(d->b,
                         query_error_set(d->b->error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE",
                                         "0A000", "The feature is not supported: %s.", what));
}

int decode_next(Decoder *d, ProtoReader *r, ProtoField *ret_field)
{
    if (d->b->result != 0)
        return -1;
    int n = proto_next(r, ret_field);
    if (n < 0) {
        decode_malformed(d);
        return -1;
    }
    return n;
}

bool decode_enter(Decoder *d, const ProtoReader *r, const ProtoField *field,
                  ProtoReader *ret_reader)
{
    int n = proto_enter(r, field, ret_reader);
    if (n == -ELOOP)
        return ubuilder_too_deep(d->b), false;
    if (n < 0)
        return decode_malformed(d), false;
    return true;
}

char *decode_string(Decoder *d, const ProtoField *field)
{
    if (field->wire != PROTO_WIRE_BYTES || !proto_is_utf8(field->bytes) ||
        memchr(field->bytes.data, 0, field->bytes.n_bytes))
        return decode_malformed(d);
    return ubuilder_strndup(d->b, (const char *)field->bytes.data, field->bytes.n_bytes);
}

bool decode_add(Decoder *d, DecodeList *list, void *item)
{
    if (!item || d->b->result != 0)
        return false;
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 4;
        void **grown = ubuilder_alloc(d->b, capacity, sizeof(*grown));
        if (!grown)
            return false;
        if (list->n > 0)
            memcpy(grown, list->items, list->n * sizeof(*grown));
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n++] = item;
    return true;
}

/* ---- types ---- */

/* Both messages have the same fields; what is left out is the widest. */
static bool decode_interval_type(Decoder *d, ProtoReader r, uint8_t kind, Type *ret_type)
{
    int32_t start = 0, end = (int32_t)interval_last_field(kind);
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_TYPE_DAY_TIME_INTERVAL_START_FIELD)
            start = proto_int32(f.value);
        else if (f.number == SPARK_TYPE_DAY_TIME_INTERVAL_END_FIELD)
            end = proto_int32(f.value);
    }
    if (n < 0)
        return false;
    if (start < 0 || end < start || end > (int32_t)interval_last_field(kind))
        return decode_unsupported(d, "an interval type of these fields"), false;
    *ret_type = interval_type(kind, (uint32_t)start, (uint32_t)end);
    return true;
}

static bool decode_decimal_type(Decoder *d, ProtoReader r, Type *ret_type)
{
    int32_t precision = 10, scale = 0;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_TYPE_DECIMAL_PRECISION)
            precision = proto_int32(f.value);
        else if (f.number == SPARK_TYPE_DECIMAL_SCALE)
            scale = proto_int32(f.value);
    }
    if (n < 0)
        return false;
    if (precision < 1 || precision > 38 || scale < 0 || scale > precision)
        return decode_unsupported(d, "a decimal type of this precision and scale"), false;
    *ret_type = TYPE_DECIMAL_OF(precision, scale);
    return true;
}

static bool decode_struct_field(Decoder *d, ProtoReader r, TypeField *ret_field)
{
    ProtoField f;
    int n;
    *ret_field = (TypeField){.name = "", .nullable = false};
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_TYPE_STRUCT_FIELD_NAME) {
            ret_field->name = decode_string(d, &f);
        } else if (f.number == SPARK_TYPE_STRUCT_FIELD_DATA_TYPE) {
            if (!decode_enter(d, &r, &f, &inner) || !decode_type(d, inner, &ret_field->type))
                return false;
        } else if (f.number == SPARK_TYPE_STRUCT_FIELD_NULLABLE) {
            ret_field->nullable = proto_bool(f.value);
        }
    }
    return n == 0 && d->b->result == 0;
}

/* The fields are not collected on the stack: structs nest as deep as messages may. */
static bool decode_struct_type(Decoder *d, ProtoReader r, Type *ret_type)
{
    DecodeList fields = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number != SPARK_TYPE_STRUCT_FIELDS)
            continue;
        if (fields.n == UINT8_MAX)
            return decode_unsupported(d, "a struct of more than 255 fields"), false;
        TypeField *field = ubuilder_alloc(d->b, 1, sizeof(*field));
        if (!field || !decode_enter(d, &r, &f, &inner) || !decode_struct_field(d, inner, field) ||
            !decode_add(d, &fields, field))
            return false;
    }
    if (n < 0)
        return false;
    TypeField *children = ubuilder_alloc(d->b, fields.n, sizeof(*children));
    if (!children)
        return false;
    for (uint32_t i = 0; i < fields.n; i++)
        children[i] = *(const TypeField *)fields.items[i];
    *ret_type = (Type){.kind = TYPE_STRUCT, .n_children = (uint8_t)fields.n, .children = children};
    return true;
}

static bool decode_nested_type(Decoder *d, ProtoReader r, uint8_t kind, Type *ret_type)
{
    TypeField children[2] = {{.name = kind == TYPE_ARRAY ? "element" : "key"}, {.name = "value"}};
    uint32_t n_children = kind == TYPE_ARRAY ? 1 : 2;
    uint32_t null_number =
        kind == TYPE_ARRAY ? SPARK_TYPE_ARRAY_CONTAINS_NULL : SPARK_TYPE_MAP_VALUE_CONTAINS_NULL;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number >= 1 && f.number <= n_children) {
            if (!decode_enter(d, &r, &f, &inner) ||
                !decode_type(d, inner, &children[f.number - 1].type))
                return false;
        } else if (f.number == null_number) {
            children[n_children - 1].nullable = proto_bool(f.value);
        }
    }
    if (n < 0)
        return false;
    *ret_type = (Type){.kind = kind, .n_children = (uint8_t)n_children};
    ret_type->children = ubuilder_dup(d->b, children, n_children, sizeof(*children));
    return ret_type->children != NULL;
}

static bool decode_unparsed_type(Decoder *d, ProtoReader r, Type *ret_type)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number != SPARK_TYPE_UNPARSED_DATA_TYPE_STRING || f.wire != PROTO_WIRE_BYTES)
            continue;
        return sql_parse_type(d->b, (const char *)f.bytes.data, f.bytes.n_bytes, ret_type) == 0;
    }
    return n == 0 && (decode_malformed(d), false);
}

bool decode_type(Decoder *d, ProtoReader r, Type *ret_type)
{
    static const struct {
        uint32_t number;
        uint8_t kind;
    } simple[] = {
        {SPARK_TYPE_NULL, TYPE_NULL},
        {SPARK_TYPE_BINARY, TYPE_BINARY},
        {SPARK_TYPE_BOOLEAN, TYPE_BOOLEAN},
        {SPARK_TYPE_BYTE, TYPE_BYTE},
        {SPARK_TYPE_SHORT, TYPE_SHORT},
        {SPARK_TYPE_INTEGER, TYPE_INT},
        {SPARK_TYPE_LONG, TYPE_LONG},
        {SPARK_TYPE_FLOAT, TYPE_FLOAT},
        {SPARK_TYPE_DOUBLE, TYPE_DOUBLE},
        {SPARK_TYPE_STRING, TYPE_STRING},
        {SPARK_TYPE_CHAR, TYPE_STRING},
        {SPARK_TYPE_VAR_CHAR, TYPE_STRING},
        {SPARK_TYPE_DATE, TYPE_DATE},
        {SPARK_TYPE_TIMESTAMP, TYPE_TIMESTAMP},
        {SPARK_TYPE_TIMESTAMP_NTZ, TYPE_TIMESTAMP_NTZ},
    };
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        for (size_t i = 0; i < ARRAY_SIZE(simple); i++) {
            if (simple[i].number == f.number) {
                *ret_type = (Type){.kind = simple[i].kind};
                return true;
            }
        }
        if (!decode_enter(d, &r, &f, &inner))
            return false;
        switch (f.number) {
        case SPARK_TYPE_DECIMAL:
            return decode_decimal_type(d, inner, ret_type);
        case SPARK_TYPE_YEAR_MONTH_INTERVAL:
            return decode_interval_type(d, inner, TYPE_INTERVAL_YM, ret_type);
        case SPARK_TYPE_DAY_TIME_INTERVAL:
            return decode_interval_type(d, inner, TYPE_INTERVAL_DT, ret_type);
        case SPARK_TYPE_STRUCT:
            return decode_struct_type(d, inner, ret_type);
        case SPARK_TYPE_ARRAY:
            return decode_nested_type(d, inner, TYPE_ARRAY, ret_type);
        case SPARK_TYPE_MAP:
            return decode_nested_type(d, inner, TYPE_MAP, ret_type);
        case SPARK_TYPE_UNPARSED:
            return decode_unparsed_type(d, inner, ret_type);
        default:
            return decode_unsupported(d, "this data type"), false;
        }
    }
    return n == 0 && (decode_malformed(d), false);
}
