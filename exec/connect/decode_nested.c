/* SPDX-License-Identifier: Apache-2.0 */

/* Literals of nested types, lambdas and changed structs: messages to calls by name. */

#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "exec/connect/decode.h"

/* array(...) AS array<T>: the type that came along decides where it says more than the values. */
static UExpr *typed(Decoder *d, UExpr *e, const Type *type)
{
    return type && e ? uexpr_cast(d->b, e, *type, false) : e;
}

static UExpr *specialized_array(Decoder *d, ProtoReader r)
{
    DecodeList list = {0};
    TypeField *element = ubuilder_alloc(d->b, 1, sizeof(*element));
    ProtoField f;
    int n;
    if (!element)
        return NULL;
    *element = (TypeField){.name = "element"};
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader values;
        ProtoField v;
        uint32_t kind = f.number;
        static const uint8_t kinds[] = {
            [SPARK_LITERAL_SPECIALIZED_ARRAY_BOOLS] = TYPE_BOOLEAN,
            [SPARK_LITERAL_SPECIALIZED_ARRAY_INTS] = TYPE_INT,
            [SPARK_LITERAL_SPECIALIZED_ARRAY_LONGS] = TYPE_LONG,
            [SPARK_LITERAL_SPECIALIZED_ARRAY_FLOATS] = TYPE_FLOAT,
            [SPARK_LITERAL_SPECIALIZED_ARRAY_DOUBLES] = TYPE_DOUBLE,
            [SPARK_LITERAL_SPECIALIZED_ARRAY_STRINGS] = TYPE_STRING,
        };
        if (kind == 0 || kind >= ARRAY_SIZE(kinds))
            return decode_unsupported(d, "this kind of array literal");
        element->type = (Type){.kind = kinds[kind]};
        if (!decode_enter(d, &r, &f, &values))
            return NULL;
        while ((n = decode_next(d, &values, &v)) > 0) {
            if (kind == SPARK_LITERAL_SPECIALIZED_ARRAY_STRINGS) {
                char *text = decode_string(d, &v);
                if (!text || !decode_add(d, &list, uexpr_string(d->b, text, strlen(text))))
                    return NULL;
                continue;
            }
            bool packed = v.wire == PROTO_WIRE_BYTES;
            size_t width = element->type.kind == TYPE_FLOAT    ? 4
                           : element->type.kind == TYPE_DOUBLE ? 8
                                                               : 0;
            ProtoBytes bytes = packed ? v.bytes : (ProtoBytes){0};
            for (size_t at = 0; packed ? at < bytes.n_bytes : at == 0;) {
                uint64_t value = v.value;
                if (packed && width > 0) {
                    if (bytes.n_bytes - at < width)
                        return decode_malformed(d);
                    value = 0;
                    memcpy(&value, bytes.data + at, width);
                    at += width;
                } else if (packed) {
                    value = 0;
                    unsigned shift = 0;
                    uint8_t byte;
                    do {
                        if (at == bytes.n_bytes || shift > 63)
                            return decode_malformed(d);
                        byte = bytes.data[at++];
                        value |= (uint64_t)(byte & 0x7F) << shift;
                        shift += 7;
                    } while (byte & 0x80);
                } else {
                    at++;
                }
                Literal l = {0};
                if (element->type.kind == TYPE_BOOLEAN)
                    l.b = proto_bool(value);
                else if (element->type.kind == TYPE_FLOAT)
                    l.d = proto_float(value);
                else if (element->type.kind == TYPE_DOUBLE)
                    l.d = proto_double(value);
                else
                    l.i = element->type.kind == TYPE_INT ? proto_int32(value) : proto_int64(value);
                if (!decode_add(d, &list, uexpr_literal(d->b, element->type, l)))
                    return NULL;
            }
        }
        if (n < 0)
            return NULL;
    }
    if (n < 0)
        return NULL;
    Type type = {.kind = TYPE_ARRAY, .n_children = 1, .children = element};
    return typed(d, uexpr_call(d->b, "array", (UExpr **)list.items, list.n), &type);
}

static UExpr *array_literal(Decoder *d, ProtoReader r)
{
    DecodeList list = {0};
    TypeField *element = ubuilder_alloc(d->b, 1, sizeof(*element));
    bool has_type = false;
    ProtoField f;
    int n;
    if (!element)
        return NULL;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_LITERAL_ARRAY_ELEMENT_TYPE) {
            has_type = decode_enter(d, &r, &f, &inner) && decode_type(d, inner, &element->type);
            if (!has_type)
                return NULL;
        } else if (f.number == SPARK_LITERAL_ARRAY_ELEMENTS) {
            if (!decode_enter(d, &r, &f, &inner) || !decode_add(d, &list, decode_literal(d, inner)))
                return NULL;
        }
    }
    if (n < 0)
        return NULL;
    element->name = "element";
    element->nullable = true;
    Type type = {.kind = TYPE_ARRAY, .n_children = 1, .children = element};
    return typed(d, uexpr_call(d->b, "array", (UExpr **)list.items, list.n),
                 has_type ? &type : NULL);
}

static UExpr *map_literal(Decoder *d, ProtoReader r)
{
    DecodeList halves[2] = {0}, list = {0};
    TypeField *fields = ubuilder_alloc(d->b, 2, sizeof(*fields));
    unsigned n_types = 0;
    ProtoField f;
    int n;
    if (!fields)
        return NULL;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number < SPARK_LITERAL_MAP_KEY_TYPE || f.number > SPARK_LITERAL_MAP_VALUES)
            continue;
        if (!decode_enter(d, &r, &f, &inner))
            return NULL;
        if (f.number <= SPARK_LITERAL_MAP_VALUE_TYPE) {
            if (!decode_type(d, inner, &fields[f.number - SPARK_LITERAL_MAP_KEY_TYPE].type))
                return NULL;
            n_types++;
        } else if (!decode_add(d, &halves[f.number - SPARK_LITERAL_MAP_KEYS],
                               decode_literal(d, inner))) {
            return NULL;
        }
    }
    if (n < 0)
        return NULL;
    if (halves[0].n != halves[1].n)
        return decode_malformed(d);
    for (uint32_t i = 0; i < halves[0].n; i++)
        if (!decode_add(d, &list, halves[0].items[i]) || !decode_add(d, &list, halves[1].items[i]))
            return NULL;
    fields[0].name = "key";
    fields[1].name = "value";
    fields[1].nullable = true;
    Type type = {.kind = TYPE_MAP, .n_children = 2, .children = fields};
    return typed(d, uexpr_call(d->b, "map", (UExpr **)list.items, list.n),
                 n_types == 2 ? &type : NULL);
}

static UExpr *struct_literal(Decoder *d, ProtoReader r)
{
    DecodeList values = {0}, list = {0};
    Type type = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_LITERAL_STRUCT_STRUCT_TYPE) {
            if (!decode_enter(d, &r, &f, &inner) || !decode_type(d, inner, &type))
                return NULL;
        } else if (f.number == SPARK_LITERAL_STRUCT_ELEMENTS) {
            if (!decode_enter(d, &r, &f, &inner) ||
                !decode_add(d, &values, decode_literal(d, inner)))
                return NULL;
        }
    }
    if (n < 0)
        return NULL;
    if (type.kind != TYPE_STRUCT || type.n_children != values.n)
        return decode_malformed(d);
    for (uint32_t i = 0; i < values.n; i++) {
        const char *name = type.children[i].name;
        if (!decode_add(d, &list, uexpr_string(d->b, name, strlen(name))) ||
            !decode_add(d, &list, values.items[i]))
            return NULL;
    }
    return typed(d, uexpr_call(d->b, "named_struct", (UExpr **)list.items, list.n), &type);
}

UExpr *decode_nested_literal(Decoder *d, ProtoReader r, uint32_t number)
{
    switch (number) {
    case SPARK_LITERAL_ARRAY:
        return array_literal(d, r);
    case SPARK_LITERAL_MAP:
        return map_literal(d, r);
    case SPARK_LITERAL_STRUCT:
        return struct_literal(d, r);
    default:
        return specialized_array(d, r);
    }
}

/* ---- lambdas ---- */

UExpr *decode_lambda_variable(Decoder *d, ProtoReader r)
{
    DecodeList parts = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0)
        if (f.number == SPARK_UNRESOLVED_NAMED_LAMBDA_VARIABLE_NAME_PARTS &&
            !decode_add(d, &parts, decode_string(d, &f)))
            return NULL;
    if (n < 0)
        return NULL;
    if (parts.n == 0)
        return decode_malformed(d);
    return uexpr_column(d->b, (const char *const *)parts.items, parts.n);
}

UExpr *decode_lambda(Decoder *d, ProtoReader r)
{
    DecodeList names = {0};
    UExpr *body = NULL;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_LAMBDA_FUNCTION_FUNCTION) {
            body = decode_enter(d, &r, &f, &inner) ? decode_expression(d, inner) : NULL;
        } else if (f.number == SPARK_LAMBDA_FUNCTION_ARGUMENTS) {
            UExpr *name = decode_enter(d, &r, &f, &inner) ? decode_lambda_variable(d, inner) : NULL;
            if (!name || !decode_add(d, &names, (void *)name->parts[0]))
                return NULL;
        }
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    if (!body || names.n == 0)
        return decode_malformed(d);
    UExpr *e = uexpr_new(d->b, UEXPR_LAMBDA, &body, 1);
    if (!e)
        return NULL;
    e->parts = (const char **)names.items;
    e->n_parts = names.n;
    return e;
}

UExpr *decode_update_fields(Decoder *d, ProtoReader r)
{
    UExpr *args[3] = {0};
    bool has_value = false;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_UPDATE_FIELDS_FIELD_NAME) {
            char *name = decode_string(d, &f);
            args[1] = name ? uexpr_string(d->b, name, strlen(name)) : NULL;
        } else if (f.number == SPARK_UPDATE_FIELDS_STRUCT_EXPRESSION ||
                   f.number == SPARK_UPDATE_FIELDS_VALUE_EXPRESSION) {
            bool value = f.number == SPARK_UPDATE_FIELDS_VALUE_EXPRESSION;
            has_value |= value;
            args[value ? 2 : 0] =
                decode_enter(d, &r, &f, &inner) ? decode_expression(d, inner) : NULL;
        }
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    if (!args[0] || !args[1])
        return decode_malformed(d);
    return uexpr_call(d->b, "update_fields", args, has_value ? 3 : 2);
}
