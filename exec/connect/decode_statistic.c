/* SPDX-License-Identifier: Apache-2.0 */

/* df.stat: corr(), cov(), approxQuantile(), said with aggregates. */

#include <string.h>

#include "connect/proto/spark_relation.h"
#include "base/cleanup.h"
#include "exec/connect/decode.h"

#define PROBABILITIES_MAX 10000u

/* The parts of the three messages; their field numbers agree for what is asked here. */
typedef struct Statistic {
    URel *input;
    DecodeList columns;
    DecodeList probabilities; /* literals */
    double error;
    const char *method;
} Statistic;

static UExpr *double_literal(Decoder *d, double x)
{
    return uexpr_literal(d->b, TYPE(DOUBLE), (Literal){.d = x});
}

static bool add_probability(Decoder *d, Statistic *s, uint64_t bits)
{
    if (s->probabilities.n == PROBABILITIES_MAX)
        return decode_unsupported(d, "so many probabilities of approxQuantile()"), false;
    return decode_add(d, &s->probabilities, double_literal(d, proto_double(bits)));
}

/* Repeated doubles: packed, or each by itself. */
static bool add_probabilities(Decoder *d, Statistic *s, const ProtoField *f)
{
    if (f->wire != PROTO_WIRE_BYTES)
        return add_probability(d, s, f->value);
    if (f->bytes.n_bytes % sizeof(uint64_t) != 0)
        return decode_malformed(d), false;
    for (size_t at = 0; at < f->bytes.n_bytes; at += sizeof(uint64_t)) {
        uint64_t bits;
        memcpy(&bits, f->bytes.data + at, sizeof(bits));
        if (!add_probability(d, s, bits))
            return false;
    }
    return true;
}

static bool read_statistic(Decoder *d, ProtoReader r, bool quantile, Statistic *s)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        char *text = NULL;
        switch (f.number) {
        case SPARK_STAT_CORR_INPUT:
            s->input = decode_enter(d, &r, &f, &inner) ? decode_relation(d, inner) : NULL;
            if (!s->input)
                return false;
            break;
        case SPARK_STAT_APPROX_QUANTILE_PROBABILITIES:
            if (quantile) {
                if (!add_probabilities(d, s, &f))
                    return false;
                break;
            }
            _fallthrough_;
        case SPARK_STAT_CORR_COL1:
            text = decode_string(d, &f);
            if (!text || !decode_add(d, &s->columns, text))
                return false;
            break;
        case SPARK_STAT_CORR_METHOD:
            if (quantile)
                s->error = proto_double(f.value);
            else
                s->method = decode_string(d, &f);
            break;
        default:
            break;
        }
        if (d->b->result != 0)
            return false;
    }
    if (n != 0)
        return false;
    return s->input && s->columns.n > 0 ? true : (decode_malformed(d), false);
}

static UExpr *column(Decoder *d, const Statistic *s, uint32_t i)
{
    const char *name = s->columns.items[i];
    return uexpr_column(d->b, &name, 1);
}

/* One row of one column. */
static URel *one_value(Decoder *d, const Statistic *s, UExpr *value, const char *name)
{
    UExpr *named = value ? uexpr_alias(d->b, value, name) : NULL;
    URel *rel = named ? urel_new(d->b, UREL_AGGREGATE) : NULL;
    if (!rel)
        return NULL;
    rel->input = s->input;
    rel->exprs = ubuilder_dup(d->b, &named, 1, sizeof(named));
    rel->n_exprs = 1;
    return rel->exprs ? rel : NULL;
}

URel *decode_corr(Decoder *d, ProtoReader r, bool covariance)
{
    Statistic s = {0};
    if (!read_statistic(d, r, false, &s))
        return NULL;
    if (s.columns.n != 2)
        return decode_malformed(d);
    if (s.method && *s.method && strcmp(s.method, "pearson") != 0)
        return decode_unsupported(d, "a method of corr() other than pearson");
    UExpr *x = column(d, &s, 0), *y = column(d, &s, 1);
    if (!x || !y)
        return NULL;
    return one_value(d, &s, uexpr_call2(d->b, covariance ? "covar_samp" : "corr", x, y),
                     covariance ? "cov" : "corr");
}

/* array(array(quantiles of the first column), ...) */
URel *decode_approx_quantile(Decoder *d, ProtoReader r)
{
    Statistic s = {0};
    if (!read_statistic(d, r, true, &s))
        return NULL;
    UExpr **each = ubuilder_alloc(d->b, s.columns.n, sizeof(*each));
    if (!each)
        return NULL;
    for (uint32_t i = 0; i < s.columns.n; i++) {
        UExpr *x = column(d, &s, i), *error = double_literal(d, s.error);
        UExpr *p = uexpr_call(d->b, "array", (UExpr **)s.probabilities.items, s.probabilities.n);
        x = x ? uexpr_call1(d->b, "double", x) : NULL;
        if (!x || !p || !error)
            return NULL;
        each[i] = uexpr_call(d->b, "approximate quantile", (UExpr *[]){x, p, error}, 3);
        if (!each[i])
            return NULL;
    }
    return one_value(d, &s, uexpr_call(d->b, "array", each, s.columns.n), "approx_quantile");
}
