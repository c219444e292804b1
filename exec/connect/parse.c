/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Parse: the strings of a DataFrame as JSON records, said with from_json(). Without a schema the
 * rows are read once more, before the plan is bound, for the type that holds them all.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_relation.h"
#include "exec/connect/decode_parts.h"
#include "exec/connect/query.h"
#include "exec/text/json.h"

/* ---- the type of all rows ---- */

typedef struct Inference {
    JsonScan *scan;
    JsonInfer record; /* of one record: given back after it */
    JsonInfer kept;
    Type type;
    bool corrupt;
} Inference;

static int too_wide(QueryError *error)
{
    return query_error_set(error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE.JSON_SCHEMA",
                           "0A000",
                           "JSON records of more than %u different fields, or nested deeper than "
                           "%u, are not supported.",
                           UINT8_MAX, NESTED_DEPTH_MAX);
}

static int infer_batch(void *userdata, const Batch *batch, QueryError *error)
{
    Inference *in = userdata;
    const Vector *v = &batch->columns[0];
    for (uint32_t i = 0; i < batch->n_selected; i++) {
        uint32_t row = batch->sel ? batch->sel[i] : i, at;
        CsvField text;
        int r = 0;
        if (vec_row_is_null(v, row))
            continue;
        const VecString *s = &((const VecString *)v->values)[vec_index(v, row)];
        json_scan_begin(in->scan, (const uint8_t *)vec_string_data(s), s->length);
        while (r == 0 && (r = json_scan_record(in->scan, &at, &text)) == 0)
            if (at == JSON_NO_RECORD)
                in->corrupt = true;
            else
                r = json_widen(&in->record, &in->kept, json_scan_text(in->scan), at, &in->type);
        json_scan_forget(in->scan);
        if (r != -ENODATA)
            return r == -E2BIG ? too_wide(error) : r;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const TypeField *)a)->name, ((const TypeField *)b)->name);
}

/* Its fields by name, and one for what is no record. */
static int finish(Inference *in, Type *ret)
{
    Type type = in->type;
    bool gone = true;
    int r = type.kind == TYPE_STRUCT ? json_without_void(&in->kept, type, &type, &gone) : 0;
    if (r != 0)
        return r;
    uint32_t n = gone ? 0 : type.n_children;
    TypeField *fields = mem_arena_new_array(in->kept.arena, TypeField, n + 1u);
    if (!fields)
        return mem_arena_error(in->kept.arena);
    for (uint32_t i = 0; i < n; i++)
        fields[i] = type.children[i];
    if (in->corrupt && n < UINT8_MAX)
        fields[n++] = (TypeField){"_corrupt_record", TYPE(STRING), true};
    qsort(fields, n, sizeof(*fields), by_name);
    *ret = (Type){.kind = TYPE_STRUCT, .n_children = (uint8_t)n, .children = fields};
    return 0;
}

int query_infer_json(void *userdata, const URel *input, MemArena *arena, Type *ret)
{
    Query *q = userdata;
    JsonOptions options = {.text = {.corrupt = ROW_NO_COLUMN}};
    Inference in = {.kept.arena = arena};
    PlanNode *plan;
    int r = query_bind(q, input, &plan);
    if (r == 0)
        r = json_scan_new(&options, q->pool, &in.scan);
    if (r == 0)
        r = mem_arena_new(q->pool, "schema", &in.record.arena);
    if (r == 0)
        r = query_run(q, plan, infer_batch, &in, NULL);
    if (r == 0)
        r = finish(&in, ret);
    if (in.record.arena)
        (void)mem_arena_free(in.record.arena);
    (void)json_scan_free(in.scan);
    return query_result(q, r);
}

/* ---- the relation ---- */

typedef struct Parse {
    URel *input;
    int64_t format;
    Type schema;
    bool has_schema;
    DecodeList options; /* UExpr *: key, value, ... */
} Parse;

/* They are from_json()'s, which refuses what it does not know how to do. */
static bool add_option(Decoder *d, ProtoReader r, DecodeList *options)
{
    char *key, *value;
    if (!decode_entry(d, r, &key, &value) || !value)
        return decode_malformed(d), false;
    return decode_add(d, options, uexpr_string(d->b, key, strlen(key))) &&
           decode_add(d, options, uexpr_string(d->b, value, strlen(value)));
}

static bool read_parse(Decoder *d, ProtoReader r, Parse *p)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_PARSE_INPUT)
            p->input = decode_enter_relation(d, &r, &f);
        else if (f.number == SPARK_PARSE_FORMAT)
            p->format = proto_int64(f.value);
        else if (f.number == SPARK_PARSE_SCHEMA)
            p->has_schema = decode_enter(d, &r, &f, &inner) && decode_type(d, inner, &p->schema);
        else if (f.number == SPARK_PARSE_OPTIONS && decode_enter(d, &r, &f, &inner))
            (void)add_option(d, inner, &p->options);
        if (d->b->result != 0)
            return false;
    }
    return n == 0 && (p->input || (decode_malformed(d), false));
}

static URel *over(Decoder *d, URelKind kind, URel *input, UExpr *expr)
{
    URel *rel = input && expr ? urel_new(d->b, kind) : NULL;
    if (!rel)
        return NULL;
    rel->input = input;
    if (kind == UREL_FILTER) {
        rel->condition = expr;
    } else {
        rel->exprs = ubuilder_dup(d->b, &expr, 1, sizeof(expr));
        rel->n_exprs = 1;
    }
    return d->b->result ? NULL : urel_seal(d->b, rel);
}

/* Its one column as value, without the rows that say nothing. */
static URel *values_of(Decoder *d, URel *input)
{
    static const char *const name[] = {"value"};
    URel *named = urel_new(d->b, UREL_TO_DF);
    UExpr *text = uexpr_column(d->b, (const char *const *)name, 1);
    if (!named || !text)
        return NULL;
    named->input = input;
    named->names = ubuilder_dup(d->b, name, 1, sizeof(*name));
    named->n_names = 1;
    text = uexpr_call1(d->b, "trim", text);
    return over(d, UREL_FILTER, named->names ? urel_seal(d->b, named) : NULL,
                text ? uexpr_call2(d->b, "!=", text, uexpr_string(d->b, "", 0)) : NULL);
}

URel *decode_parse(Decoder *d, ProtoReader r)
{
    static const char *const value[] = {"value"}, *const record[] = {"record"};
    Parse p = {0};
    if (!read_parse(d, r, &p))
        return NULL;
    if (p.format != SPARK_PARSE_FORMAT_JSON)
        return decode_unsupported(d, "reading CSV or XML of a DataFrame (Parse)");
    URel *input = values_of(d, p.input);
    if (!input)
        return NULL;
    if (!p.has_schema) {
        int result = d->infer_json ? d->infer_json(d->infer_userdata, input, d->b->arena, &p.schema)
                                   : -EOPNOTSUPP;
        if (result != 0)
            return ubuilder_fail(d->b, result);
    }
    if (p.schema.kind != TYPE_STRUCT || p.schema.n_children == 0)
        return decode_unsupported(d, "JSON records without a field");
    UExpr *args[] = {
        uexpr_column(d->b, (const char *const *)value, 1),
        uexpr_literal(d->b, p.schema, (Literal){.is_null = true}),
        p.options.n ? uexpr_call(d->b, "map", (UExpr *const *)p.options.items, p.options.n) : NULL};
    UExpr *parsed = args[0] && args[1] && d->b->result == 0
                        ? uexpr_call(d->b, "from_json", args, p.options.n ? 3 : 2)
                        : NULL;
    URel *records =
        over(d, UREL_PROJECT, input, parsed ? uexpr_alias(d->b, parsed, "record") : NULL);
    UExpr *star = uexpr_new(d->b, UEXPR_STAR, NULL, 0);
    if (!records || !star)
        return NULL;
    star->parts = ubuilder_dup(d->b, record, 1, sizeof(*record));
    star->n_parts = 1;
    URel *rel = star->parts ? urel_new(d->b, UREL_PROJECT) : NULL;
    if (!rel)
        return NULL;
    rel->input = records;
    rel->exprs = ubuilder_dup(d->b, &star, 1, sizeof(star));
    rel->n_exprs = 1;
    return rel->exprs ? rel : NULL;
}
