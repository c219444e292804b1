/* SPDX-License-Identifier: Apache-2.0 */

/* Relations without an input: tables, files, SQL, ranges. */

#include <strings.h>

#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/decode_parts.h"
#include "exec/sql/parser.h"

static URel *table_of(Decoder *d, const char *name, size_t n)
{
    const char **parts;
    uint32_t n_parts;
    if (unresolved_split_name(d->b, name, n, &parts, &n_parts) != 0)
        return NULL;
    return urel_named(d->b, parts, n_parts);
}

static URel *decode_named_table(Decoder *d, ProtoReader r)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0)
        if (f.number == SPARK_NAMED_TABLE_UNPARSED_IDENTIFIER && f.wire == PROTO_WIRE_BYTES)
            return table_of(d, (const char *)f.bytes.data, f.bytes.n_bytes);
    return n == 0 ? decode_malformed(d) : NULL;
}

bool decode_entry(Decoder *d, ProtoReader r, char **ret_key, char **ret_value)
{
    ProtoField f;
    int n;
    *ret_key = *ret_value = NULL;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_MAP_KEY)
            *ret_key = decode_string(d, &f);
        else if (f.number == SPARK_MAP_VALUE)
            *ret_value = decode_string(d, &f);
    }
    return n == 0 && *ret_key && d->b->result == 0;
}

static void add_option(Decoder *d, DecodeList *options, const char *key, const char *value)
{
    UOption *option = ubuilder_alloc(d->b, 1, sizeof(*option));
    if (!option)
        return;
    *option = (UOption){key, value};
    decode_add(d, options, option);
}

static URel *decode_data_source(Decoder *d, ProtoReader r)
{
    URel *rel = urel_new(d->b, UREL_FILES);
    DecodeList paths = {0}, options = {0};
    ProtoField f;
    int n = 0;
    if (!rel)
        return NULL;
    rel->format = "parquet";
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        char *key, *value;
        switch (f.number) {
        case SPARK_DATA_SOURCE_FORMAT:
            rel->format = decode_string(d, &f);
            break;
        case SPARK_DATA_SOURCE_SCHEMA:
            if (f.bytes.n_bytes > 0 &&
                !decode_schema_text(d, (const char *)f.bytes.data, f.bytes.n_bytes, &rel->fields,
                                    &rel->n_fields))
                return NULL;
            break;
        case SPARK_DATA_SOURCE_OPTIONS:
            if (!decode_enter(d, &r, &f, &inner) || !decode_entry(d, inner, &key, &value))
                return NULL;
            if (strcasecmp(key, "path") == 0 && value)
                decode_add(d, &paths, value);
            else if (value)
                add_option(d, &options, key, value);
            break;
        case SPARK_DATA_SOURCE_PATHS:
            decode_add(d, &paths, decode_string(d, &f));
            break;
        case SPARK_DATA_SOURCE_PREDICATES:
            return decode_unsupported(d, "predicates of a data source");
        default:
            break;
        }
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    rel->options = ubuilder_alloc(d->b, options.n + 1, sizeof(*rel->options));
    for (uint32_t i = 0; rel->options && i < options.n; i++)
        rel->options[i] = *(UOption *)options.items[i];
    if (!rel->options)
        return NULL;
    rel->n_options = options.n;
    rel->paths = (const char **)paths.items;
    rel->n_paths = paths.n;
    return rel;
}

URel *decode_read(Decoder *d, ProtoReader r)
{
    URel *rel = NULL;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_READ_IS_STREAMING) {
            if (proto_bool(f.value))
                return decode_unsupported(d, "structured streaming");
        } else if (f.number == SPARK_READ_NAMED_TABLE) {
            rel = decode_enter(d, &r, &f, &inner) ? decode_named_table(d, inner) : NULL;
        } else if (f.number == SPARK_READ_DATA_SOURCE) {
            rel = decode_enter(d, &r, &f, &inner) ? decode_data_source(d, inner) : NULL;
        }
    }
    return n == 0 && rel ? rel : decode_malformed(d);
}

/* A map entry of parameters: key, then a Literal or an Expression. */
static UExpr *decode_parameter(Decoder *d, ProtoReader r, bool literal, const char **ret_name)
{
    UExpr *e = NULL;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_MAP_KEY)
            *ret_name = decode_string(d, &f);
        else if (f.number == SPARK_MAP_VALUE && decode_enter(d, &r, &f, &inner))
            e = literal ? decode_literal(d, inner) : decode_expression(d, inner);
    }
    return n == 0 && e && *ret_name ? e : decode_malformed(d);
}

bool decode_sql_parameters(Decoder *d, ProtoReader r, const char **ret_text, size_t *ret_n,
                           SqlParameters *ret_parameters)
{
    DecodeList names = {0}, values = {0};
    ProtoField f;
    int n;
    *ret_text = NULL;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        const char *name = NULL;
        UExpr *e;
        switch (f.number) {
        case SPARK_SQL_QUERY:
            if (f.wire != PROTO_WIRE_BYTES || !proto_is_utf8(f.bytes))
                return decode_malformed(d), false;
            *ret_text = (const char *)f.bytes.data;
            *ret_n = f.bytes.n_bytes;
            break;
        case SPARK_SQL_ARGS:
        case SPARK_SQL_NAMED_ARGUMENTS:
            if (!decode_enter(d, &r, &f, &inner))
                return false;
            e = decode_parameter(d, inner, f.number == SPARK_SQL_ARGS, &name);
            decode_add(d, &values, e);
            decode_add(d, &names, (void *)name);
            break;
        case SPARK_SQL_POS_ARGS:
        case SPARK_SQL_POS_ARGUMENTS:
            if (!decode_enter(d, &r, &f, &inner))
                return false;
            decode_add(d, &values,
                       f.number == SPARK_SQL_POS_ARGS ? decode_literal(d, inner)
                                                      : decode_expression(d, inner));
            break;
        default:
            break;
        }
    }
    if (n < 0 || d->b->result != 0)
        return false;
    if (!*ret_text || (names.n > 0 && names.n != values.n))
        return decode_malformed(d), false;
    *ret_parameters = (SqlParameters){.names = names.n ? (const char **)names.items : NULL,
                                      .values = (UExpr **)values.items,
                                      .n_values = values.n};
    return true;
}

/* The rows that something left, as the relation that they are: it is read in place, so it lives as
 * long as the tree. */
static URel *decode_result(Decoder *d, int r, const ProtoWriter *w)
{
    if (r == 0)
        r = proto_writer_finish(w);
    char *bytes = r == 0 ? mem_arena_strndup(d->b->arena, (const char *)w->data, w->n_bytes) : NULL;
    if (r == 0 && !bytes)
        r = mem_arena_error(d->b->arena);
    if (r != 0) {
        d->b->result = r;
        return NULL;
    }
    return decode_relation(d, proto_reader((const uint8_t *)bytes, w->n_bytes));
}

URel *decode_sql(Decoder *d, ProtoReader r)
{
    const char *text;
    size_t n;
    SqlParameters parameters;
    if (!decode_sql_parameters(d, r, &text, &n, &parameters))
        return NULL;
    d->sql_text = text;
    d->n_sql_text = n;
    d->n_sql_texts++;
    SqlStatement statement;
    if (sql_parse_statement(d->b, text, n, &parameters, &statement) != 0)
        return NULL;
    if (statement.kind == SQL_QUERY)
        return statement.query;
    if (!d->run_statement)
        return decode_unsupported(d, "a command as a relation");
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    return decode_result(d, d->run_statement(d->run_userdata, &statement, &w), &w);
}

URel *decode_catalog(Decoder *d, ProtoReader r)
{
    if (!d->run_catalog)
        return decode_unsupported(d, "the catalog API (Catalog)");
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    return decode_result(d, d->run_catalog(d->run_userdata, r, &w), &w);
}

URel *decode_range(Decoder *d, ProtoReader r)
{
    static const uint8_t kinds[8] = {[SPARK_RANGE_START] = PART_INT,
                                     [SPARK_RANGE_END] = PART_INT,
                                     [SPARK_RANGE_STEP] = PART_INT};
    DecodeParts p;
    URel *rel = decode_collect(d, r, kinds, &p) ? urel_new(d->b, UREL_RANGE) : NULL;
    if (!rel)
        return NULL;
    rel->start = p.ints[SPARK_RANGE_START];
    rel->end = p.ints[SPARK_RANGE_END];
    rel->step = p.has[SPARK_RANGE_STEP] ? p.ints[SPARK_RANGE_STEP] : 1;
    return rel;
}
