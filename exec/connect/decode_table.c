/* SPDX-License-Identifier: Apache-2.0 */

/* df.stat: crosstab(), freqItems(), sampleBy(), said with what is there already. */

#include <string.h>

#include "connect/proto/spark_relation.h"
#include "base/cleanup.h"
#include "exec/connect/decode.h"

#define STRATA_MAX 10000u

static UExpr *column(Decoder *d, const char *name)
{
    return uexpr_column(d->b, &name, 1);
}

static URel *with_input(Decoder *d, URelKind kind, URel *input)
{
    URel *rel = input ? urel_new(d->b, kind) : NULL;
    if (rel)
        rel->input = input;
    return rel;
}

static bool set_exprs(Decoder *d, UExpr ***to, uint32_t *ret_n, UExpr *const *exprs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!exprs[i])
            return false;
    *to = ubuilder_dup(d->b, exprs, n, sizeof(*exprs));
    *ret_n = n;
    return *to != NULL;
}

/* The parts of the messages of crosstab and freqItems; names may come many times. */
static bool read_names(Decoder *d, ProtoReader r, URel **ret_input, DecodeList *names,
                       double *support)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_STAT_CROSSTAB_INPUT)
            *ret_input = decode_enter(d, &r, &f, &inner) ? decode_relation(d, inner) : NULL;
        else if (support && f.number == SPARK_STAT_FREQ_ITEMS_SUPPORT)
            *support = proto_double(f.value);
        else if (f.number == SPARK_STAT_CROSSTAB_COL1 || f.number == SPARK_STAT_CROSSTAB_COL2)
            decode_add(d, names, decode_string(d, &f));
        if (d->b->result != 0)
            return false;
    }
    if (n < 0)
        return false;
    return *ret_input && names->n > 0 ? true : (decode_malformed(d), false);
}

/* A column as text, NULL as "null". */
static UExpr *as_text(Decoder *d, const char *name)
{
    UExpr *x = column(d, name), *null = uexpr_string(d->b, "null", 4);
    x = x ? uexpr_cast(d->b, x, TYPE(STRING), false) : NULL;
    return x && null ? uexpr_call2(d->b, "coalesce", x, null) : NULL;
}

/* Groups by the first column, a column for each value of the second; 0 where a pair is not there.
 */
URel *decode_crosstab(Decoder *d, ProtoReader r)
{
    URel *input = NULL;
    DecodeList names = {0};
    if (!read_names(d, r, &input, &names, NULL))
        return NULL;
    if (names.n != 2)
        return decode_malformed(d);
    const char *first = names.items[0], *second = names.items[1];
    size_t n_first = strlen(first), n_second = strlen(second);
    char *name = ubuilder_alloc(d->b, n_first + n_second + 2, 1);
    if (!name)
        return NULL;
    memcpy(name, first, n_first);
    name[n_first] = '_';
    memcpy(name + n_first + 1, second, n_second + 1);
    UExpr *x = as_text(d, first), *y = as_text(d, second);
    URel *texts = with_input(d, UREL_PROJECT, input);
    if (!x || !y || !texts ||
        !set_exprs(d, &texts->exprs, &texts->n_exprs,
                   (UExpr *[]){uexpr_alias(d->b, x, name), uexpr_alias(d->b, y, "\001second")}, 2))
        return NULL;
    UExpr *one = uexpr_int(d->b, 1), *zero = uexpr_int(d->b, 0);
    URel *table = with_input(d, UREL_PIVOT, urel_seal(d->b, texts));
    if (!one || !zero || !table ||
        !set_exprs(d, &table->groups, &table->n_groups, (UExpr *[]){column(d, name)}, 1) ||
        !set_exprs(d, &table->pivots, &table->n_pivots, (UExpr *[]){column(d, "\001second")}, 1) ||
        !set_exprs(d, &table->exprs, &table->n_exprs, (UExpr *[]){uexpr_call1(d->b, "count", one)},
                   1))
        return NULL;
    table->with_groups = true;
    URel *filled = with_input(d, UREL_NA_FILL, urel_seal(d->b, table));
    if (!filled || !set_exprs(d, &filled->exprs, &filled->n_exprs, &zero, 1))
        return NULL;
    return filled;
}

/* One row: for each column an array of values, those that are in a part of the rows among them. */
URel *decode_freq_items(Decoder *d, ProtoReader r)
{
    URel *input = NULL;
    DecodeList names = {0};
    double support = 0.01;
    if (!read_names(d, r, &input, &names, &support))
        return NULL;
    URel *rel = with_input(d, UREL_AGGREGATE, input);
    UExpr **exprs = ubuilder_alloc(d->b, names.n, sizeof(*exprs));
    if (!rel || !exprs)
        return NULL;
    for (uint32_t i = 0; i < names.n; i++) {
        const char *name = names.items[i];
        size_t n = strlen(name);
        char *alias = ubuilder_alloc(d->b, n + sizeof("_freqItems"), 1);
        UExpr *x = column(d, name);
        UExpr *part = uexpr_literal(d->b, TYPE(DOUBLE), (Literal){.d = support});
        if (!alias || !x || !part)
            return NULL;
        memcpy(alias, name, n);
        memcpy(alias + n, "_freqItems", sizeof("_freqItems"));
        exprs[i] = uexpr_alias(d->b, uexpr_call2(d->b, "frequent items", x, part), alias);
        if (!exprs[i])
            return NULL;
    }
    rel->exprs = exprs;
    rel->n_exprs = names.n;
    return rel;
}

/* ---- sampleBy ---- */

static bool read_stratum(Decoder *d, ProtoReader r, UExpr *value, DecodeList *cases)
{
    UExpr *stratum = NULL;
    double fraction = 0;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_STAT_SAMPLE_BY_FRACTION_STRATUM)
            stratum = decode_enter(d, &r, &f, &inner) ? decode_literal(d, inner) : NULL;
        else if (f.number == SPARK_STAT_SAMPLE_BY_FRACTION_FRACTION)
            fraction = proto_double(f.value);
    }
    if (n < 0 || d->b->result != 0)
        return false;
    if (!stratum || cases->n / 2 >= STRATA_MAX)
        return decode_malformed(d), false;
    return decode_add(d, cases, uexpr_call2(d->b, "<=>", value, stratum)) &&
           decode_add(d, cases, uexpr_literal(d->b, TYPE(DOUBLE), (Literal){.d = fraction}));
}

/* Rows whose random number is below the fraction of their stratum; others have none. */
URel *decode_sample_by(Decoder *d, ProtoReader r)
{
    URel *input = NULL;
    UExpr *value = NULL;
    DecodeList cases = {0};
    int64_t seed = 0;
    ProtoReader again = r, inner;
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_STAT_SAMPLE_BY_INPUT)
            input = decode_enter(d, &r, &f, &inner) ? decode_relation(d, inner) : NULL;
        else if (f.number == SPARK_STAT_SAMPLE_BY_COL)
            value = decode_enter(d, &r, &f, &inner) ? decode_expression(d, inner) : NULL;
        else if (f.number == SPARK_STAT_SAMPLE_BY_SEED)
            seed = (int64_t)f.value;
        if (d->b->result != 0)
            return NULL;
    }
    if (n < 0)
        return NULL;
    if (!input || !value)
        return decode_malformed(d);
    while ((n = decode_next(d, &again, &f)) > 0)
        if (f.number == SPARK_STAT_SAMPLE_BY_FRACTIONS &&
            (!decode_enter(d, &again, &f, &inner) || !read_stratum(d, inner, value, &cases)))
            return NULL;
    if (n < 0 || !decode_add(d, &cases, uexpr_literal(d->b, TYPE(DOUBLE), (Literal){.d = 0})))
        return NULL;
    UExpr *number = uexpr_literal(d->b, TYPE(LONG), (Literal){.i = seed});
    UExpr *fraction =
        cases.n == 1 ? cases.items[0] : uexpr_call(d->b, "when", (UExpr **)cases.items, cases.n);
    UExpr *random = number ? uexpr_call1(d->b, "rand", number) : NULL;
    URel *rel = with_input(d, UREL_FILTER, input);
    if (!rel || !random || !fraction)
        return NULL;
    rel->condition = uexpr_call2(d->b, "<", random, fraction);
    return rel->condition ? rel : NULL;
}
