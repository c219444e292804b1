/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What DataFrames can say and SQL cannot: observe(), transpose(), spark.tvf, columns by regular
 * expression, checkpoints.
 */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "connect/proto/spark_relation.h"
#include "exec/connect/decode_parts.h"

/* ---- spark.tvf ---- */

static URel *range_of(Decoder *d, const DecodeList *args)
{
    int64_t values[4] = {0};
    for (uint32_t i = 0; i < args->n; i++) {
        const UExpr *e = args->items[i];
        if (i == ARRAY_SIZE(values) || e->kind != UEXPR_LITERAL || e->literal.is_null ||
            !type_is_integral(e->type))
            return decode_unsupported(d, "range() of anything but one to four whole numbers");
        values[i] = e->literal.i;
    }
    URel *rel = args->n > 0 ? urel_new(d->b, UREL_RANGE) : decode_malformed(d);
    if (!rel)
        return NULL;
    rel->start = args->n == 1 ? 0 : values[0];
    rel->end = args->n == 1 ? values[0] : values[1];
    rel->step = args->n > 2 ? values[2] : 1;
    return rel;
}

/* A generator over no table, as in SQL's FROM. */
URel *decode_table_function(Decoder *d, ProtoReader r)
{
    char *name = NULL;
    DecodeList args = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_UNRESOLVED_TABLE_VALUED_FUNCTION_FUNCTION_NAME)
            name = decode_string(d, &f);
        else if (f.number == SPARK_UNRESOLVED_TABLE_VALUED_FUNCTION_ARGUMENTS &&
                 !decode_add(d, &args, decode_enter_expression(d, &r, &f)))
            return NULL;
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    if (!name)
        return decode_malformed(d);
    if (strcmp(name, "range") == 0)
        return range_of(d, &args);
    URel *rel = urel_new(d->b, UREL_GENERATE);
    if (!rel)
        return NULL;
    rel->input = urel_seal(d->b, urel_new(d->b, UREL_ONE_ROW));
    rel->condition = uexpr_call(d->b, name, (UExpr **)args.items, args.n);
    return rel->input && rel->condition ? rel : NULL;
}

/* ---- observe() ---- */

/* The input alone; what is to be observed of it is kept beside the tree (observe.c). */
URel *decode_collect_metrics(Decoder *d, ProtoReader r)
{
    DecodeObservation *o = ubuilder_alloc(d->b, 1, sizeof(*o));
    ProtoField f;
    int n;
    if (!o)
        return NULL;
    *o = (DecodeObservation){0};
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_COLLECT_METRICS_INPUT)
            o->input = decode_enter_relation(d, &r, &f);
        else if (f.number == SPARK_COLLECT_METRICS_NAME)
            o->name = decode_string(d, &f);
        else if (f.number == SPARK_COLLECT_METRICS_METRICS &&
                 !decode_add(d, &o->metrics, decode_enter_expression(d, &r, &f)))
            return NULL;
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    if (!o->input || !o->name || o->metrics.n == 0)
        return decode_malformed(d);
    return decode_add(d, &d->observations, o) ? o->input : NULL;
}

/* ---- transpose() ---- */

URel *decode_transpose(Decoder *d, ProtoReader r)
{
    URel *input = NULL;
    DecodeList columns = {0};
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_TRANSPOSE_INPUT)
            input = decode_enter_relation(d, &r, &f);
        else if (f.number == SPARK_TRANSPOSE_INDEX_COLUMNS &&
                 !decode_add(d, &columns, decode_enter_expression(d, &r, &f)))
            return NULL;
    }
    if (n < 0 || d->b->result != 0)
        return NULL;
    if (!input || columns.n > 1)
        return decode_malformed(d);
    URel *rel = urel_new(d->b, UREL_TRANSPOSE);
    if (!rel)
        return NULL;
    rel->input = input;
    rel->exprs = (UExpr **)columns.items;
    rel->n_exprs = columns.n;
    return rel;
}

/* ---- checkpoints ---- */

bool decode_remote_id(Decoder *d, ProtoReader r, char ret[static DECODE_REMOTE_NAME_MAX])
{
    ProtoField f;
    int n;
    char *id = NULL;
    while ((n = decode_next(d, &r, &f)) > 0)
        if (f.number == SPARK_CACHED_REMOTE_RELATION_RELATION_ID)
            id = decode_string(d, &f);
    if (n < 0 || d->b->result != 0)
        return false;
    if (!id || strlen(id) > DECODE_REMOTE_ID_MAX)
        return decode_malformed(d), false;
    (void)snprintf(ret, DECODE_REMOTE_NAME_MAX, DECODE_REMOTE_PREFIX "%s", id);
    return true;
}

URel *decode_cached_remote(Decoder *d, ProtoReader r)
{
    char name[DECODE_REMOTE_NAME_MAX];
    if (!decode_remote_id(d, r, name))
        return NULL;
    const char *part = ubuilder_strndup(d->b, name, strlen(name));
    URel *rel = part ? urel_new(d->b, UREL_TABLE) : NULL;
    if (!rel)
        return NULL;
    rel->parts = ubuilder_dup(d->b, &part, 1, sizeof(part));
    rel->n_parts = 1;
    return rel->parts ? rel : NULL;
}

/* ---- columns by regular expression ---- */

/* "`pattern`", "t.`pattern`"; without quotes it is a plain name. */
UExpr *decode_regex(Decoder *d, ProtoReader r)
{
    ProtoBytes text = {0};
    int64_t plan_id = UNRESOLVED_NO_PLAN_ID;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_UNRESOLVED_REGEX_COL_NAME && f.wire == PROTO_WIRE_BYTES)
            text = f.bytes;
        else if (f.number == SPARK_UNRESOLVED_REGEX_PLAN_ID)
            plan_id = proto_int64(f.value);
    }
    if (n < 0)
        return NULL;
    if (!text.data || !proto_is_utf8(text) || memchr(text.data, 0, text.n_bytes))
        return decode_malformed(d);
    const char *p = (const char *)text.data, *end = p + text.n_bytes;
    const char *quote = memchr(p, '`', text.n_bytes);
    bool pattern = quote && quote + 2 < end && end[-1] == '`' && (quote == p || quote[-1] == '.');
    UExpr *e = pattern ? uexpr_new(d->b, UEXPR_STAR, NULL, 0) : NULL;
    if (pattern) {
        if (!e)
            return NULL;
        e->text = ubuilder_strndup(d->b, quote + 1, (size_t)(end - quote) - 2);
        if (!e->text || (quote > p && unresolved_split_name(d->b, p, (size_t)(quote - p) - 1,
                                                            &e->parts, &e->n_parts) != 0))
            return NULL;
    } else {
        const char **parts;
        uint32_t n_parts;
        if (unresolved_split_name(d->b, p, text.n_bytes, &parts, &n_parts) != 0)
            return NULL;
        e = uexpr_column(d->b, parts, n_parts);
    }
    if (e)
        e->plan_id = plan_id;
    return e;
}

/* ---- zipWithIndex() ---- */

/* count(1) OVER (ROWS UNBOUNDED PRECEDING) - 1: in the order in which rows come. */
UExpr *decode_sequence_id(Decoder *d)
{
    UWindow *window = ubuilder_alloc(d->b, 1, sizeof(*window));
    UExpr *count = uexpr_call1(d->b, "count", uexpr_int(d->b, 1));
    UExpr *over = count ? uexpr_new(d->b, UEXPR_WINDOW, &count, 1) : NULL;
    if (!window || !over)
        return NULL;
    *window = (UWindow){.has_frame = true,
                        .start = {.kind = WINDOW_UNBOUNDED_PRECEDING},
                        .end = {.kind = WINDOW_CURRENT_ROW}};
    over->window = window;
    return uexpr_call2(d->b, "-", over, uexpr_int(d->b, 1));
}
