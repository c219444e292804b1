/* SPDX-License-Identifier: Apache-2.0 */

/*
 * df.observe(): aggregates over the rows that pass a place of the query. They are computed by a
 * query of their own over what is below that place, after the rows have left: a LIMIT above it does
 * not make them smaller, and what gives other rows each time is observed another time.
 */

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/query.h"
#include "exec/plan/expr_build.h"

typedef struct FirstRow {
    Query *q;
    Literal *values;
    uint32_t n_rows;
} FirstRow;

static int take_row(void *userdata, const Batch *batch, QueryError *error)
{
    FirstRow *row = userdata;
    if (batch->n_selected == 0 || row->n_rows > 0)
        return 0;
    row->n_rows = 1;
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        int r = query_literal(row->q->arena, &batch->columns[i], batch->sel ? batch->sel[0] : 0,
                              &row->values[i]);
        if (r != 0)
            return r;
    }
    return 0;
}

static void put_decimal(ProtoWriter *w, Type type, const Literal *l)
{
    __int128 v = literal_decimal(type, l);
    unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    char text[64], *at = text + sizeof(text) - 1;
    *at = '\0';
    for (int n = 0; u > 0 || n <= type.scale; n++, u /= 10) {
        if (n == type.scale && n > 0)
            *--at = '.';
        *--at = (char)('0' + (int)(u % 10));
    }
    if (v < 0)
        *--at = '-';
    proto_begin(w, SPARK_LITERAL_DECIMAL);
    proto_put_string(w, SPARK_LITERAL_DECIMAL_VALUE, at);
    proto_put_int64(w, SPARK_LITERAL_DECIMAL_PRECISION, type.precision);
    proto_put_int64(w, SPARK_LITERAL_DECIMAL_SCALE, type.scale);
    proto_end(w);
}

/* Numbers of Literal's fields; 0: no form here. */
static const uint8_t numbers[_TYPE_KIND_MAX] = {[TYPE_BOOLEAN] = SPARK_LITERAL_BOOLEAN,
                                                [TYPE_BYTE] = SPARK_LITERAL_BYTE,
                                                [TYPE_SHORT] = SPARK_LITERAL_SHORT,
                                                [TYPE_INT] = SPARK_LITERAL_INTEGER,
                                                [TYPE_LONG] = SPARK_LITERAL_LONG,
                                                [TYPE_FLOAT] = SPARK_LITERAL_FLOAT,
                                                [TYPE_DOUBLE] = SPARK_LITERAL_DOUBLE,
                                                [TYPE_DECIMAL] = SPARK_LITERAL_DECIMAL,
                                                [TYPE_STRING] = SPARK_LITERAL_STRING,
                                                [TYPE_BINARY] = SPARK_LITERAL_BINARY,
                                                [TYPE_DATE] = SPARK_LITERAL_DATE,
                                                [TYPE_TIMESTAMP] = SPARK_LITERAL_TIMESTAMP,
                                                [TYPE_TIMESTAMP_NTZ] = SPARK_LITERAL_TIMESTAMP_NTZ};

static void put_literal(ProtoWriter *w, Type type, const Literal *l)
{
    proto_begin(w, SPARK_OBSERVED_METRICS_VALUES);
    if (l->is_null) {
        reply_put_type(w, SPARK_LITERAL_NULL, type);
        proto_end(w);
        return;
    }
    switch (type.kind) {
    case TYPE_BOOLEAN:
        proto_put_bool(w, SPARK_LITERAL_BOOLEAN, l->b);
        break;
    case TYPE_FLOAT:
        proto_put_float(w, SPARK_LITERAL_FLOAT, (float)l->d);
        break;
    case TYPE_DOUBLE:
        proto_put_double(w, SPARK_LITERAL_DOUBLE, l->d);
        break;
    case TYPE_DECIMAL:
        put_decimal(w, type, l);
        break;
    case TYPE_STRING:
    case TYPE_BINARY:
        proto_put_bytes(w, numbers[type.kind], vec_string_data(&l->s), l->s.length);
        break;
    default:
        proto_put_int64(w, numbers[type.kind], l->i);
    }
    proto_end(w);
}

static int bind_observation(Query *q, const DecodeObservation *o, PlanNode **ret_plan)
{
    URel *rel = urel_new(&q->builder, UREL_AGGREGATE);
    if (!rel)
        return query_result(q, q->builder.result);
    rel->input = o->input;
    rel->exprs = (UExpr **)o->metrics.items;
    rel->n_exprs = o->metrics.n;
    rel = urel_seal(&q->builder, rel);
    int r = rel ? query_bind(q, rel, ret_plan) : query_result(q, q->builder.result);
    for (uint32_t i = 0; r == 0 && i < (*ret_plan)->n_fields; i++)
        if ((*ret_plan)->fields[i].type.kind != TYPE_NULL &&
            numbers[(*ret_plan)->fields[i].type.kind] == 0) {
            decode_unsupported(&q->decoder, "observed metrics of nested values and intervals");
            r = query_result(q, q->builder.result);
        }
    return r;
}

static int emit_observation(Query *q, const DecodeObservation *o)
{
    PlanNode *plan;
    int r = bind_observation(q, o, &plan);
    if (r != 0)
        return r;
    FirstRow row = {.q = q,
                    .values = ubuilder_alloc(&q->builder, plan->n_fields + 1, sizeof(Literal))};
    if (!row.values)
        return query_result(q, q->builder.result);
    r = query_run(q, plan, take_row, &row, NULL);
    if (r != 0)
        return r;
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    proto_begin(&w, SPARK_RESPONSE_OBSERVED_METRICS);
    proto_put_string(&w, SPARK_OBSERVED_METRICS_NAME, o->name);
    for (uint32_t i = 0; row.n_rows > 0 && i < plan->n_fields; i++) {
        put_literal(&w, plan->fields[i].type, &row.values[i]);
        proto_put_string(&w, SPARK_OBSERVED_METRICS_KEYS, plan->fields[i].name);
    }
    proto_end(&w);
    return query_emit(q, &w);
}

int query_emit_observed(Query *q)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && !q->operation->replay && i < q->decoder.observations.n; i++)
        r = emit_observation(q, q->decoder.observations.items[i]);
    return r;
}
