/* SPDX-License-Identifier: Apache-2.0 */

/* Expression messages. */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "exec/connect/decode.h"
#include "exec/plan/expr_build.h"
#include "exec/sql/parser.h"

/* ---- literals ---- */

/* "-12.50" with the precision and scale that come along, or those of the digits. */
static UExpr *decode_decimal(Decoder *d, ProtoReader r)
{
    ProtoBytes text = {0};
    int32_t precision = -1, scale = -1;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_LITERAL_DECIMAL_VALUE && f.wire == PROTO_WIRE_BYTES)
            text = f.bytes;
        else if (f.number == SPARK_LITERAL_DECIMAL_PRECISION)
            precision = proto_int32(f.value);
        else if (f.number == SPARK_LITERAL_DECIMAL_SCALE)
            scale = proto_int32(f.value);
    }
    if (n < 0)
        return NULL;
    unsigned __int128 value = 0;
    int32_t digits = 0, fraction = 0;
    bool dot = false, negative = false, any = false;
    long exponent = 0;
    for (size_t i = 0; i < text.n_bytes; i++) {
        char c = (char)text.data[i];
        if (c == '-' && i == 0) {
            negative = true;
        } else if (c == '+' && i == 0) {
        } else if (c == '.' && !dot) {
            dot = true;
        } else if (c >= '0' && c <= '9') {
            any = true;
            if (value > 0 || c != '0')
                digits++;
            if (digits > 38)
                return decode_unsupported(d, "a decimal of more than 38 digits");
            value = value * 10 + (unsigned)(c - '0');
            fraction += dot;
        } else if ((c == 'e' || c == 'E') && any) {
            char buf[16];
            size_t length = MIN(text.n_bytes - i - 1, sizeof(buf) - 1);
            memcpy(buf, text.data + i + 1, length);
            buf[length] = '\0';
            exponent = strtol(buf, NULL, 10);
            break;
        } else {
            return decode_malformed(d);
        }
    }
    if (!any || exponent > 38 || exponent < -38)
        return decode_malformed(d);
    fraction -= (int32_t)exponent;
    for (; fraction < 0; fraction++) {
        if (value != 0 && ++digits > 38)
            return decode_unsupported(d, "a decimal of more than 38 digits");
        value *= 10;
    }
    /* What comes along is a lower bound: lit(Decimal("1.50")) says (10, 0) and means (10, 2). */
    scale = MAX(scale, fraction);
    precision = MAX(precision, scale);
    for (; fraction < scale && scale <= 38; fraction++) {
        if (value != 0 && ++digits > 38)
            return decode_unsupported(d, "a decimal of more than 38 digits");
        value *= 10;
    }
    precision = MAX(precision, digits);
    precision = MAX(precision, 1);
    if (fraction != scale || scale > 38 || precision > 38 || scale > precision)
        return decode_malformed(d);
    Type type = TYPE_DECIMAL_OF(precision, scale);
    return uexpr_literal(d->b, type,
                         literal_of_decimal(type, negative ? -(__int128)value : (__int128)value));
}

static UExpr *decode_bytes_literal(Decoder *d, const ProtoField *f, Type type)
{
    if (f->wire != PROTO_WIRE_BYTES || f->bytes.n_bytes > INT32_MAX ||
        (type.kind == TYPE_STRING && !proto_is_utf8(f->bytes)))
        return decode_malformed(d);
    char *copy = ubuilder_alloc(d->b, 1, f->bytes.n_bytes + 1);
    if (!copy)
        return NULL;
    if (f->bytes.n_bytes > 0)
        memcpy(copy, f->bytes.data, f->bytes.n_bytes);
    return uexpr_literal(d->b, type, (Literal){.s = vec_string(copy, (uint32_t)f->bytes.n_bytes)});
}

UExpr *decode_literal(Decoder *d, ProtoReader r)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        Type type;
        switch (f.number) {
        case SPARK_LITERAL_NULL:
            if (!decode_enter(d, &r, &f, &inner))
                return NULL;
            if (inner.at == inner.end)
                return uexpr_null(d->b);
            if (!decode_type(d, inner, &type))
                return NULL;
            return uexpr_literal(d->b, type, (Literal){.is_null = true});
        case SPARK_LITERAL_BINARY:
            return decode_bytes_literal(d, &f, TYPE(BINARY));
        case SPARK_LITERAL_STRING:
            return decode_bytes_literal(d, &f, TYPE(STRING));
        case SPARK_LITERAL_BOOLEAN:
            return uexpr_bool(d->b, proto_bool(f.value));
        case SPARK_LITERAL_BYTE:
            return uexpr_literal(d->b, TYPE(BYTE), (Literal){.i = (int8_t)f.value});
        case SPARK_LITERAL_SHORT:
            return uexpr_literal(d->b, TYPE(SHORT), (Literal){.i = (int16_t)f.value});
        case SPARK_LITERAL_INTEGER:
            return uexpr_literal(d->b, TYPE(INT), (Literal){.i = proto_int32(f.value)});
        case SPARK_LITERAL_LONG:
            return uexpr_literal(d->b, TYPE(LONG), (Literal){.i = proto_int64(f.value)});
        case SPARK_LITERAL_FLOAT:
            return uexpr_literal(d->b, TYPE(FLOAT), (Literal){.d = proto_float(f.value)});
        case SPARK_LITERAL_DOUBLE:
            return uexpr_literal(d->b, TYPE(DOUBLE), (Literal){.d = proto_double(f.value)});
        case SPARK_LITERAL_DECIMAL:
            return decode_enter(d, &r, &f, &inner) ? decode_decimal(d, inner) : NULL;
        case SPARK_LITERAL_DATE:
            return uexpr_literal(d->b, TYPE(DATE), (Literal){.i = proto_int32(f.value)});
        case SPARK_LITERAL_TIMESTAMP:
            return uexpr_literal(d->b, TYPE(TIMESTAMP), (Literal){.i = proto_int64(f.value)});
        case SPARK_LITERAL_TIMESTAMP_NTZ:
            return uexpr_literal(d->b, TYPE(TIMESTAMP_NTZ), (Literal){.i = proto_int64(f.value)});
        case SPARK_LITERAL_YEAR_MONTH_INTERVAL:
            return uexpr_literal(d->b, TYPE(INTERVAL_YM), (Literal){.i = proto_int32(f.value)});
        case SPARK_LITERAL_DAY_TIME_INTERVAL:
            return uexpr_literal(d->b, TYPE(INTERVAL_DT), (Literal){.i = proto_int64(f.value)});
        case SPARK_LITERAL_DATA_TYPE:
            continue;
        case SPARK_LITERAL_CALENDAR_INTERVAL:
            return decode_unsupported(d, "literals of calendar intervals");
        case SPARK_LITERAL_ARRAY:
        case SPARK_LITERAL_SPECIALIZED_ARRAY:
        case SPARK_LITERAL_MAP:
        case SPARK_LITERAL_STRUCT:
            return decode_enter(d, &r, &f, &inner) ? decode_nested_literal(d, inner, f.number)
                                                   : NULL;
        case SPARK_LITERAL_TIME:
            return decode_unsupported(d, "literals of type TIME");
        default:
            return decode_unsupported(d, "this kind of literal");
        }
    }
    return n == 0 ? decode_malformed(d) : NULL;
}

/* ---- names and calls ---- */

static UExpr *decode_attribute(Decoder *d, ProtoReader r)
{
    ProtoBytes name = {0};
    int64_t plan_id = UNRESOLVED_NO_PLAN_ID;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_UNRESOLVED_ATTRIBUTE_UNPARSED_IDENTIFIER &&
            f.wire == PROTO_WIRE_BYTES)
            name = f.bytes;
        else if (f.number == SPARK_UNRESOLVED_ATTRIBUTE_PLAN_ID)
            plan_id = proto_int64(f.value);
    }
    if (n < 0)
        return NULL;
    if (!name.data || !proto_is_utf8(name))
        return decode_malformed(d);
    const char **parts;
    uint32_t n_parts;
    if (unresolved_split_name(d->b, (const char *)name.data, name.n_bytes, &parts, &n_parts) != 0)
        return NULL;
    UExpr *e = uexpr_column(d->b, parts, n_parts);
    if (e)
        e->plan_id = plan_id;
    return e;
}

static UExpr *decode_star(Decoder *d, ProtoReader r)
{
    UExpr *e = uexpr_new(d->b, UEXPR_STAR, NULL, 0);
    ProtoField f;
    int n;
    while (e && (n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_UNRESOLVED_STAR_UNPARSED_TARGET && f.wire == PROTO_WIRE_BYTES &&
            f.bytes.n_bytes > 0) {
            size_t length = f.bytes.n_bytes;
            const char *text = (const char *)f.bytes.data;
            if (length >= 2 && memcmp(text + length - 2, ".*", 2) == 0)
                length -= 2;
            if (unresolved_split_name(d->b, text, length, &e->parts, &e->n_parts) != 0)
                return NULL;
        } else if (f.number == SPARK_UNRESOLVED_STAR_PLAN_ID) {
            e->plan_id = proto_int64(f.value);
        }
    }
    return d->b->result ? NULL : e;
}

static UExpr *make_call(Decoder *d, const char *name, DecodeList *args, bool distinct)
{
    UExpr **items = (UExpr **)args->items;
    if (strcmp(name, "distributed_sequence_id") == 0 && args->n == 0)
        return decode_sequence_id(d);
    if ((strcmp(name, "and") == 0 || strcmp(name, "or") == 0) && args->n >= 2)
        return uexpr_chain(d->b, name, items, args->n);
    /* from_json(x, schema): DDL, or JSON text. */
    const UExpr *schema =
        args->n > 1 && (strcmp(name, "from_json") == 0 || strcmp(name, "from_csv") == 0) ? items[1]
                                                                                         : NULL;
    if (schema && schema->kind == UEXPR_LITERAL && schema->type.kind == TYPE_STRING &&
        !schema->literal.is_null) {
        const char *text = vec_string_data(&schema->literal.s);
        uint32_t n = schema->literal.s.length;
        items[1] = n > 0 && text[0] == '{' ? decode_json_type(d, text, n)
                                           : sql_schema_argument(d->b, text, n);
        if (!items[1])
            return NULL;
    }
    UExpr *e = uexpr_call(d->b, name, items, args->n);
    if (e)
        e->distinct = distinct;
    return e;
}

static UExpr *decode_function(Decoder *d, ProtoReader r, bool call_function)
{
    char *name = NULL;
    bool distinct = false;
    DecodeList args = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_UNRESOLVED_FUNCTION_FUNCTION_NAME) {
            name = decode_string(d, &f);
        } else if (f.number == SPARK_UNRESOLVED_FUNCTION_ARGUMENTS) {
            if (!decode_enter(d, &r, &f, &inner) ||
                !decode_add(d, &args, decode_expression(d, inner)))
                return NULL;
        } else if (f.number == SPARK_UNRESOLVED_FUNCTION_IS_DISTINCT && !call_function) {
            distinct = proto_bool(f.value);
        }
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    if (!name)
        return decode_malformed(d);
    return make_call(d, name, &args, distinct);
}

static UExpr *decode_alias(Decoder *d, ProtoReader r)
{
    UExpr *e = NULL;
    char *metadata = NULL;
    DecodeList names = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_ALIAS_EXPR) {
            e = decode_enter(d, &r, &f, &inner) ? decode_expression(d, inner) : NULL;
        } else if (f.number == SPARK_ALIAS_NAME) {
            if (!decode_add(d, &names, decode_string(d, &f)))
                return NULL;
        } else if (f.number == SPARK_ALIAS_METADATA) {
            metadata = decode_string(d, &f);
        }
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    if (!e || names.n == 0)
        return decode_malformed(d);
    UExpr *alias = uexpr_alias(d->b, e, names.items[0]);
    if (alias)
        alias->text = metadata;
    if (alias && names.n > 1) {
        alias->parts = (const char **)names.items;
        alias->n_parts = names.n;
    }
    return alias;
}

static UExpr *decode_cast(Decoder *d, ProtoReader r)
{
    UExpr *e = NULL;
    Type type = {0};
    bool has_type = false, try_cast = false;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        switch (f.number) {
        case SPARK_CAST_EXPR:
            e = decode_enter(d, &r, &f, &inner) ? decode_expression(d, inner) : NULL;
            break;
        case SPARK_CAST_TYPE:
            has_type = decode_enter(d, &r, &f, &inner) && decode_type(d, inner, &type);
            break;
        case SPARK_CAST_TYPE_STR:
            has_type =
                f.wire == PROTO_WIRE_BYTES &&
                sql_parse_type(d->b, (const char *)f.bytes.data, f.bytes.n_bytes, &type) == 0;
            break;
        case SPARK_CAST_EVAL_MODE:
            try_cast = f.value == SPARK_EVAL_MODE_TRY;
            break;
        default:
            break;
        }
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    return e && has_type ? uexpr_cast(d->b, e, type, try_cast) : decode_malformed(d);
}

static UExpr *decode_expression_string(Decoder *d, ProtoReader r)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number != SPARK_EXPRESSION_STRING_EXPRESSION || f.wire != PROTO_WIRE_BYTES)
            continue;
        UExpr *e = NULL;
        d->n_sql_texts += 2; /* positions in it are not in any statement */
        if (sql_parse_expression(d->b, (const char *)f.bytes.data, f.bytes.n_bytes, &e) != 0)
            return NULL;
        return e;
    }
    return n == 0 ? decode_malformed(d) : NULL;
}

static UExpr *decode_subquery(Decoder *d, ProtoReader r)
{
    int64_t plan_id = UNRESOLVED_NO_PLAN_ID;
    uint64_t type = SPARK_SUBQUERY_TYPE_UNKNOWN;
    DecodeList values = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_SUBQUERY_EXPRESSION_PLAN_ID)
            plan_id = proto_int64(f.value);
        else if (f.number == SPARK_SUBQUERY_EXPRESSION_SUBQUERY_TYPE)
            type = f.value;
        else if (f.number == SPARK_SUBQUERY_EXPRESSION_IN_SUBQUERY_VALUES &&
                 (!decode_enter(d, &r, &f, &inner) ||
                  !decode_add(d, &values, decode_expression(d, inner))))
            return NULL;
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    const URel *query = NULL;
    for (uint32_t i = 0; i < d->n_references; i++)
        if (d->references[i].plan_id == plan_id)
            query = d->references[i].rel;
    if (!query)
        return decode_malformed(d);
    if (type != SPARK_SUBQUERY_TYPE_SCALAR && type != SPARK_SUBQUERY_TYPE_EXISTS &&
        type != SPARK_SUBQUERY_TYPE_IN)
        return decode_unsupported(d, "table arguments");
    USubqueryKind kind = type == SPARK_SUBQUERY_TYPE_SCALAR   ? USUBQUERY_SCALAR
                         : type == SPARK_SUBQUERY_TYPE_EXISTS ? USUBQUERY_EXISTS
                                                              : USUBQUERY_IN;
    return uexpr_subquery(d->b, kind, query, (UExpr **)values.items, values.n);
}

/* child[extraction] */
static UExpr *decode_extract(Decoder *d, ProtoReader r)
{
    UExpr *parts[2] = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number < 1 || f.number > 2)
            continue;
        parts[f.number - 1] = decode_enter(d, &r, &f, &inner) ? decode_expression(d, inner) : NULL;
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    return parts[0] && parts[1] ? uexpr_new(d->b, UEXPR_EXTRACT, parts, 2) : decode_malformed(d);
}

/* A sort order where an expression is wanted: only its child counts. */
static UExpr *decode_child(Decoder *d, ProtoReader r, uint32_t number)
{
    UExpr *e = NULL;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == number)
            e = decode_enter(d, &r, &f, &inner) ? decode_expression(d, inner) : NULL;
    }
    return n == 0 && e ? e : decode_malformed(d);
}

static const char *refused_name(uint32_t number)
{
    switch (number) {
    case SPARK_EXPRESSION_COMMON_INLINE_USER_DEFINED_FUNCTION:
    case SPARK_EXPRESSION_TYPED_AGGREGATE_EXPRESSION:
        return "user-defined functions (CommonInlineUserDefinedFunction)";
    case SPARK_EXPRESSION_NAMED_ARGUMENT_EXPRESSION:
        return "named arguments (NamedArgumentExpression)";
    case SPARK_EXPRESSION_MERGE_ACTION:
        return "MergeAction";
    case SPARK_EXPRESSION_DIRECT_SHUFFLE_PARTITION_ID:
        return "DirectShufflePartitionID";
    case SPARK_EXPRESSION_EXTENSION:
        return "expression extensions";
    default:
        return "this kind of expression";
    }
}

UExpr *decode_expression(Decoder *d, ProtoReader r)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_EXPRESSION_COMMON)
            continue;
        if (!decode_enter(d, &r, &f, &inner))
            return NULL;
        switch (f.number) {
        case SPARK_EXPRESSION_LITERAL:
            return decode_literal(d, inner);
        case SPARK_EXPRESSION_UNRESOLVED_ATTRIBUTE:
            return decode_attribute(d, inner);
        case SPARK_EXPRESSION_UNRESOLVED_FUNCTION:
            return decode_function(d, inner, false);
        case SPARK_EXPRESSION_CALL_FUNCTION:
            return decode_function(d, inner, true);
        case SPARK_EXPRESSION_EXPRESSION_STRING:
            return decode_expression_string(d, inner);
        case SPARK_EXPRESSION_UNRESOLVED_STAR:
            return decode_star(d, inner);
        case SPARK_EXPRESSION_ALIAS:
            return decode_alias(d, inner);
        case SPARK_EXPRESSION_CAST:
            return decode_cast(d, inner);
        case SPARK_EXPRESSION_SORT_ORDER:
            return decode_child(d, inner, SPARK_SORT_ORDER_CHILD);
        case SPARK_EXPRESSION_UNRESOLVED_EXTRACT_VALUE:
            return decode_extract(d, inner);
        case SPARK_EXPRESSION_SUBQUERY_EXPRESSION:
            return decode_subquery(d, inner);
        case SPARK_EXPRESSION_WINDOW:
            return decode_window(d, inner);
        case SPARK_EXPRESSION_LAMBDA_FUNCTION:
            return decode_lambda(d, inner);
        case SPARK_EXPRESSION_UNRESOLVED_NAMED_LAMBDA_VARIABLE:
            return decode_lambda_variable(d, inner);
        case SPARK_EXPRESSION_UPDATE_FIELDS:
            return decode_update_fields(d, inner);
        case SPARK_EXPRESSION_UNRESOLVED_REGEX:
            return decode_regex(d, inner);
        default:
            return decode_unsupported(d, refused_name(f.number));
        }
    }
    return n == 0 ? decode_malformed(d) : NULL;
}
