/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How many rows? From footers: row counts, minima, maxima, null counts, distinct values where the
 * files say so. Guesses where they do not; the guesses are the customary ones (Selinger et al.,
 * "Access Path Selection in a Relational DBMS", 1979).
 */

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/plan/optimise_internal.h"

#define SELECTIVITY_EQUAL 0.05
#define SELECTIVITY_RANGE 0.33
#define SELECTIVITY_LIKE 0.1
#define SELECTIVITY_OTHER 0.33
#define BATCH_WORK_ROWS 65536.0
#define SLIGHT_ROWS 1000u

typedef struct Facts {
    const SourceColumn *column;
    const PlanNode *scan;
    double rows; /* of the source */
} Facts;

static bool column_facts(const PlanNode *node, uint32_t column, Facts *ret)
{
    for (;;) {
        const Expr *e;
        switch (node->kind) {
        case PLAN_SCAN: {
            const SourceInfo *source = node->scan.source;
            if (!source || column >= node->n_fields)
                return false;
            *ret =
                (Facts){&source->columns[node->scan.columns[column]], node, (double)source->rows};
            return true;
        }
        case PLAN_PROJECT:
            e = node->project.exprs[column];
            break;
        case PLAN_AGGREGATE:
            if (column >= node->aggregate.n_groups)
                return false;
            e = node->aggregate.groups[column];
            break;
        case PLAN_JOIN:
            if (join_is_right_only(node->join.type)) {
                node = node->right;
            } else if (column >= node->input->n_fields) {
                column -= node->input->n_fields;
                node = node->right;
            } else {
                node = node->input;
            }
            continue;
        case PLAN_EXPAND:
        case PLAN_WINDOW:
            if (column >= node->input->n_fields)
                return false;
            node = node->input;
            continue;
        case PLAN_SHARED:
            node = node->shared.plan->node;
            continue;
        case PLAN_REPLICATE:
        case PLAN_SAMPLE:
        case PLAN_FILTER:
        case PLAN_SORT:
        case PLAN_LIMIT:
        case PLAN_DISTINCT:
            node = node->input;
            continue;
        default:
            return false;
        }
        if (e->kind != EXPR_COLUMN)
            return false;
        column = e->column;
        node = node->input;
    }
}

static bool expr_facts(const PlanNode *left, const PlanNode *right, const Expr *e, Facts *ret)
{
    if (e->kind == EXPR_CAST && e->args[0]->kind == EXPR_COLUMN)
        e = e->args[0];
    if (e->kind != EXPR_COLUMN)
        return false;
    if (e->column < left->n_fields)
        return column_facts(left, e->column, ret);
    return right && column_facts(right, e->column - left->n_fields, ret);
}

static double as_number(Type type, const Literal *literal)
{
    switch (type.kind) {
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return literal->d;
    case TYPE_DECIMAL:
        return (double)literal_decimal(type, literal) / pow(10, type.scale);
    case TYPE_BOOLEAN:
        return literal->b;
    default:
        return (double)literal->i;
    }
}

static bool is_ordered_number(Type t)
{
    return type_is_numeric(t) || t.kind == TYPE_DATE || t.kind == TYPE_TIMESTAMP ||
           t.kind == TYPE_TIMESTAMP_NTZ;
}

static double distinct_of(const Facts *f)
{
    double n = f->column->n_distinct;
    if (n < 1)
        n = f->rows;
    Type t = f->column->type;
    if (f->column->has_min_max && (type_is_integral(t) || t.kind == TYPE_DATE)) {
        double span = (double)f->column->max.i - (double)f->column->min.i + 1;
        n = MIN(n, span);
    }
    return MAX(n, 1.0);
}

double opt_distinct(const PlanNode *node, const Expr *e)
{
    Facts f;
    if (!expr_facts(node, NULL, e, &f))
        return MAX(node->rows / 2, 1.0);
    return distinct_of(&f);
}

/*
 * Several keys are seldom independent of each other: a line's part and supplier are one of the
 * pairs that there are. What a relation holds at most are as many combinations as it has rows, and
 * the join is taken to find the combinations of the side that has fewer; but no fewer than the
 * values of any one key.
 */
void opt_keys_begin(KeyCombinations *k)
{
    *k = (KeyCombinations){.single = 1, .left = 1, .right = 1};
}

static double combine(double product, double distinct, double rows)
{
    return fmin(product * distinct, fmax(rows, distinct));
}

void opt_keys_add(KeyCombinations *k, const PlanNode *left, const Expr *left_key,
                  const PlanNode *right, const Expr *right_key)
{
    Facts f;
    double a = opt_distinct(left, left_key), b = opt_distinct(right, right_key);
    double left_rows = expr_facts(left, NULL, left_key, &f) ? f.rows : left->rows;
    double right_rows = expr_facts(right, NULL, right_key, &f) ? f.rows : right->rows;

    k->single = fmax(k->single, fmax(a, b));
    k->left = combine(k->left, a, fmax(left_rows, k->left));
    k->right = combine(k->right, b, fmax(right_rows, k->right));
}

double opt_keys_distinct(const KeyCombinations *k)
{
    return fmax(k->single, fmin(k->left, k->right));
}

/* Part of the range [min, max] of a column that lies below @value. */
static bool fraction_below(const Facts *f, Type type, const Literal *value, double *ret)
{
    if (!f->column->has_min_max || !is_ordered_number(f->column->type) || !is_ordered_number(type))
        return false;
    double low = as_number(f->column->type, &f->column->min);
    double high = as_number(f->column->type, &f->column->max);
    double v = as_number(type, value);
    if (!(high > low))
        return false;
    double x = (v - low) / (high - low);
    *ret = x < 0 ? 0 : x > 1 ? 1 : x;
    return true;
}

static double comparison(const PlanNode *left, const PlanNode *right, const Expr *e)
{
    const Expr *a = e->args[0], *c = e->args[1];
    FunctionId id = e->function;
    if (a->kind == EXPR_LITERAL) {
        const Expr *swap = a;
        a = c;
        c = swap;
        id = id == FN_LT   ? FN_GT
             : id == FN_LE ? FN_GE
             : id == FN_GT ? FN_LT
             : id == FN_GE ? FN_LE
                           : id;
    }
    Facts f;
    bool known = expr_facts(left, right, a, &f);
    if (c->kind != EXPR_LITERAL)
        return id == FN_EQ ? SELECTIVITY_EQUAL : id == FN_NE ? 1 - SELECTIVITY_EQUAL : 0.5;
    if (c->literal.is_null)
        return 0;
    if (id == FN_EQ || id == FN_NE || id == FN_EQ_NULL_SAFE) {
        double s = known && f.column->n_distinct >= 1 ? 1 / distinct_of(&f) : SELECTIVITY_EQUAL;
        return id == FN_NE ? 1 - s : s;
    }
    double below;
    if (!known || !fraction_below(&f, c->type, &c->literal, &below))
        return SELECTIVITY_RANGE;
    double s = id == FN_LT || id == FN_LE ? below : 1 - below;
    double least = f.rows > 1 ? 1 / f.rows : 1;
    return MAX(s, least);
}

double opt_selectivity(const PlanNode *left, const PlanNode *right, const Expr *e)
{
    Facts f;
    double s;
    if (e->kind == EXPR_LITERAL)
        return expr_is_true(e) ? 1 : 0;
    if (e->kind == EXPR_IN) {
        double n = e->n_args - 1;
        s = expr_facts(left, right, e->args[0], &f) && f.column->n_distinct >= 1
                ? n / distinct_of(&f)
                : n * SELECTIVITY_EQUAL;
        return MIN(s, 0.9);
    }
    if (e->kind != EXPR_CALL)
        return SELECTIVITY_OTHER;
    switch (e->function) {
    case FN_AND:
        s = 1;
        for (uint32_t i = 0; i < e->n_args; i++)
            s *= opt_selectivity(left, right, e->args[i]);
        return s;
    case FN_OR:
        s = 1;
        for (uint32_t i = 0; i < e->n_args; i++)
            s *= 1 - opt_selectivity(left, right, e->args[i]);
        return 1 - s;
    case FN_NOT:
        return 1 - opt_selectivity(left, right, e->args[0]);
    case FN_EQ:
    case FN_NE:
    case FN_LT:
    case FN_LE:
    case FN_GT:
    case FN_GE:
    case FN_EQ_NULL_SAFE:
        return comparison(left, right, e);
    case FN_IS_NULL:
    case FN_IS_NOT_NULL:
        s = 0.05;
        if (expr_facts(left, right, e->args[0], &f) && f.column->has_null_count && f.rows > 0)
            s = (double)f.column->null_count / f.rows;
        return e->function == FN_IS_NULL ? s : 1 - s;
    case FN_LIKE:
    case FN_STARTS_WITH:
    case FN_CONTAINS:
    case FN_ENDS_WITH:
    case FN_RLIKE:
        return SELECTIVITY_LIKE;
    default:
        return SELECTIVITY_OTHER;
    }
}

/* Is @e a bound of a column with a known range? Between which parts of the range does it leave
 * rows?
 */
static bool as_bound(const PlanNode *node, const Expr *e, uint32_t *ret_column, double *ret_low,
                     double *ret_high)
{
    if (e->kind != EXPR_CALL || e->function < FN_LT || e->function > FN_GE ||
        e->args[0]->kind != EXPR_COLUMN || e->args[1]->kind != EXPR_LITERAL ||
        e->args[1]->literal.is_null)
        return false;
    Facts f;
    double below;
    if (!expr_facts(node, NULL, e->args[0], &f) ||
        !fraction_below(&f, e->args[1]->type, &e->args[1]->literal, &below))
        return false;
    bool upper = e->function == FN_LT || e->function == FN_LE;
    *ret_column = e->args[0]->column;
    *ret_low = upper ? 0 : below;
    *ret_high = upper ? below : 1;
    return true;
}

/* All filters of a scan; two bounds of one column are an interval, not two chances. */
static double scan_selectivity(const PlanNode *node)
{
    double s = 1;
    uint32_t column, other;
    double low, high, l, h;
    for (uint32_t i = 0; i < node->scan.n_filters; i++) {
        const Expr *e = node->scan.filters[i];
        if (!as_bound(node, e, &column, &low, &high)) {
            s *= opt_selectivity(node, NULL, e);
            continue;
        }
        bool first = true;
        for (uint32_t k = 0; k < node->scan.n_filters && k < 64; k++) {
            if (k == i || !as_bound(node, node->scan.filters[k], &other, &l, &h) || other != column)
                continue;
            first &= k > i;
            low = MAX(low, l);
            high = MIN(high, h);
        }
        if (first)
            s *= high > low ? high - low : 1e-6;
    }
    return s;
}

static double field_bytes(const PlanNode *node, uint32_t column)
{
    Facts f;
    Type t = node->fields[column].type;
    if (t.kind != TYPE_STRING && t.kind != TYPE_BINARY)
        return (double)MAX(phys_size(type_phys(t)), (size_t)1);
    double length = column_facts(node, column, &f) ? f.column->bytes_per_row : 16;
    return 16 + (length > 12 ? length : 0);
}

static double join_rows(const PlanNode *node)
{
    double left = node->input->rows, right = node->right->rows;
    double matches = left * right;
    KeyCombinations keys;
    opt_keys_begin(&keys);
    for (uint32_t i = 0; i < node->join.n_keys; i++)
        opt_keys_add(&keys, node->input, node->join.left_keys[i], node->right,
                     node->join.right_keys[i]);
    matches /= opt_keys_distinct(&keys);
    if (node->join.residual)
        matches *= opt_selectivity(node->input, node->right, node->join.residual);
    switch (node->join.type) {
    case JOIN_LEFT:
        return MAX(matches, left);
    case JOIN_RIGHT:
        return MAX(matches, right);
    case JOIN_FULL:
        return MAX(matches, left + right);
    case JOIN_SEMI:
        return MIN(matches, left);
    case JOIN_ANTI:
        return MAX(left - matches, left * 0.1);
    case JOIN_RIGHT_SEMI:
        return MIN(matches, right);
    case JOIN_RIGHT_ANTI:
        return MAX(right - matches, right * 0.1);
    default:
        return matches;
    }
}

/* Of a recursion before it has run: a guess, for the grant. */
#define RECURSION_ROWS 10000.0

static double values_rows(const PlanNode *node)
{
    if (node->values.recursion)
        return RECURSION_ROWS;
    double rows = 0;
    for (uint32_t i = 0; i < node->values.n_batches; i++)
        rows += node->values.batches[i].n_selected;
    return rows;
}

static double aggregate_rows(const PlanNode *node)
{
    double rows = 1;
    for (uint32_t i = 0; i < node->aggregate.n_groups; i++)
        rows *= opt_distinct(node->input, node->aggregate.groups[i]);
    return node->aggregate.n_groups == 0 ? 1 : MIN(rows, node->input->rows);
}

void opt_estimate(PlanNode *node)
{
    double rows = node->input ? node->input->rows : 0;
    switch (node->kind) {
    case PLAN_SCAN: {
        const SourceInfo *source = node->scan.source;
        rows = source ? (double)source->rows : node->rows;
        rows *= scan_selectivity(node);
        break;
    }
    case PLAN_RANGE: {
        double n = ((double)node->range.end - (double)node->range.start) / (double)node->range.step;
        rows = n > 0 ? ceil(n) : 0;
        break;
    }
    case PLAN_VALUES:
        rows = values_rows(node);
        break;
    case PLAN_FILTER:
        rows *= opt_selectivity(node->input, NULL, node->filter.condition);
        break;
    case PLAN_JOIN:
        rows = join_rows(node);
        break;
    case PLAN_AGGREGATE:
        rows = aggregate_rows(node);
        break;
    case PLAN_SORT:
        if (node->sort.limit >= 0)
            rows = MIN(rows, (double)node->sort.limit);
        break;
    case PLAN_GENERATE:
        rows *= 8; /* nobody knows how long arrays are */
        break;
    case PLAN_LIMIT:
        if (node->limit.limit >= 0)
            rows = MIN(rows, (double)node->limit.limit);
        break;
    case PLAN_SAMPLE:
        rows *= node->sample.high - node->sample.low;
        break;
    case PLAN_EXPAND:
        rows *= node->expand.n_sets;
        break;
    case PLAN_SHARED:
        rows = node->shared.plan->node->rows;
        break;
    case PLAN_UNION:
        rows = 0;
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            rows += node->union_all.inputs[i]->rows;
        break;
    default:
        break;
    }
    node->rows = MIN(rows, 1e18);
    double bytes = 0;
    for (uint32_t i = 0; i < node->n_fields; i++)
        bytes += field_bytes(node, i);
    node->bytes_per_row = bytes;
}

void opt_estimate_tree(PlanNode *node)
{
    if (node->kind == PLAN_UNION)
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            opt_estimate_tree(node->union_all.inputs[i]);
    if (node->kind == PLAN_SHARED && !node->shared.plan->estimated) {
        node->shared.plan->estimated = true;
        opt_estimate_tree(node->shared.plan->node);
    }
    if (node->input)
        opt_estimate_tree(node->input);
    if (node->right)
        opt_estimate_tree(node->right);
    opt_estimate(node);
}

/* ---- for the grant ---- */

static void scan_estimate(const PlanNode *node, PlanEstimate *e)
{
    const SourceInfo *source = node->scan.source;
    if (!source)
        return;
    double wanted = 0, all = 0;
    for (uint32_t i = 0; i < source->n_columns; i++)
        all += MAX(source->columns[i].bytes_per_row, 0.01);
    for (uint32_t i = 0; i < node->n_fields; i++)
        wanted += MAX(source->columns[node->scan.columns[i]].bytes_per_row, 0.01);
    e->scan_bytes += (uint64_t)((double)source->bytes * (all > 0 ? wanted / all : 0));
    e->rows += source->rows;
}

/* Sums what blocking operators hold, all at once: an upper bound, since pipelines free as they go.
 */
static void walk_estimate(const PlanNode *node, PlanEstimate *e, double *held)
{
    switch (node->kind) {
    case PLAN_SCAN:
        scan_estimate(node, e);
        break;
    case PLAN_RANGE:
    case PLAN_VALUES:
        e->rows += (uint64_t)MIN(node->rows, 1e15);
        break;
    case PLAN_JOIN:
        /* Rows of the build side, a slot of the table each, twice for growth. */
        *held += node->right->rows * (node->right->bytes_per_row + 24);
        break;
    case PLAN_AGGREGATE:
    case PLAN_DISTINCT:
        *held += node->rows * (node->bytes_per_row + 32) * 2;
        break;
    case PLAN_WINDOW: /* sorted, and a partition beside */
        *held += node->rows * (node->bytes_per_row + 16) * 1.5;
        break;
    case PLAN_SORT:
        if (node->sort.limit < 0)
            *held += node->input->rows * (node->bytes_per_row + 16);
        break;
    case PLAN_SHARED:
        if (!node->shared.first)
            break;
        *held += node->rows * (node->bytes_per_row + 8);
        walk_estimate(node->shared.plan->node, e, held);
        break;
    default:
        break;
    }
    if (node->kind == PLAN_UNION)
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            walk_estimate(node->union_all.inputs[i], e, held);
    if (node->input)
        walk_estimate(node->input, e, held);
    if (node->right)
        walk_estimate(node->right, e, held);
}

/* Of few rows that nothing multiplies; what single calls of functions cost, memory bounds. */
static bool is_slight(const PlanNode *node)
{
    switch (node->kind) {
    case PLAN_RANGE:
    case PLAN_VALUES:
        return true;
    case PLAN_UNION:
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            if (!is_slight(node->union_all.inputs[i]))
                return false;
        return true;
    case PLAN_FILTER:
    case PLAN_PROJECT:
    case PLAN_AGGREGATE:
    case PLAN_DISTINCT:
    case PLAN_SORT:
    case PLAN_LIMIT:
        return is_slight(node->input);
    default:
        return false;
    }
}

void plan_estimate(const PlanNode *plan, PlanEstimate *ret_estimate)
{
    PlanEstimate e = {0};
    double held = 0;
    walk_estimate(plan, &e, &held);
    double threads = ceil((double)e.rows / BATCH_WORK_ROWS);
    e.parallelism = threads < 1 ? 1 : threads > 256 ? 256 : (uint32_t)threads;
    /* What every worker needs for itself: batches, decoders, reads in flight. */
    double fixed = 8e6 + MIN((double)e.scan_bytes, 64e6);
    e.memory_peak_bytes = (uint64_t)MIN(held + fixed, 1e18);
    e.fingerprint = plan_fingerprint(plan);
    e.is_slight = e.rows <= SLIGHT_ROWS && is_slight(plan);
    *ret_estimate = e;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 31;
}

static uint64_t mix_text(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = mix(h, (unsigned char)*text);
    return mix(h, 0x100);
}

static uint64_t mix_exprs(uint64_t h, Expr *const *exprs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        h = mix(h, expr_hash(exprs[i])); /* leaves literals out */
    return h;
}

uint64_t plan_fingerprint(const PlanNode *node)
{
    uint64_t h = mix(node->kind, node->n_fields);
    for (uint32_t i = 0; i < node->n_fields; i++)
        h = mix_text(mix(h, node->fields[i].type.kind), node->fields[i].name);
    switch (node->kind) {
    case PLAN_SCAN:
        h = mix_exprs(h, node->scan.filters, node->scan.n_filters);
        h = mix_exprs(h, node->scan.partition_filters, node->scan.n_partition_filters);
        break;
    case PLAN_FILTER:
        h = mix(h, expr_hash(node->filter.condition));
        break;
    case PLAN_PROJECT:
        h = mix_exprs(h, node->project.exprs, node->n_fields);
        break;
    case PLAN_JOIN:
        h = mix_exprs(mix(h, node->join.type), node->join.left_keys, node->join.n_keys);
        h = mix_exprs(h, node->join.right_keys, node->join.n_keys);
        if (node->join.residual)
            h = mix(h, expr_hash(node->join.residual));
        break;
    case PLAN_AGGREGATE:
        h = mix_exprs(h, node->aggregate.groups, node->aggregate.n_groups);
        for (uint32_t i = 0; i < node->aggregate.n_aggregates; i++) {
            const Aggregate *a = &node->aggregate.aggregates[i];
            h = mix(mix(h, a->id), a->arg ? expr_hash(a->arg) : 0);
        }
        break;
    case PLAN_SORT:
        for (uint32_t i = 0; i < node->sort.n_keys; i++)
            h = mix(mix(h, expr_hash(node->sort.keys[i].expr)), node->sort.keys[i].descending);
        break;
    case PLAN_GENERATE:
        h = mix(h, expr_hash(node->generate.array));
        break;
    case PLAN_EXPAND:
        for (uint32_t i = 0; i < node->expand.n_sets; i++)
            h = mix(h, (uint64_t)node->expand.ids[i]);
        break;
    case PLAN_WINDOW:
        for (uint32_t i = 0; i < node->window.n_keys; i++)
            h = mix(mix(h, expr_hash(node->window.keys[i].expr)), node->window.keys[i].descending);
        for (uint32_t i = 0; i < node->window.n_functions; i++)
            h = mix(mix(h, node->window.functions[i].id), node->window.functions[i].aggregate.id);
        break;
    case PLAN_UNION:
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            h = mix(h, plan_fingerprint(node->union_all.inputs[i]));
        break;
    case PLAN_SHARED:
        h = mix(h, node->shared.first ? plan_fingerprint(node->shared.plan->node)
                                      : node->shared.plan->number);
        break;
    default:
        break;
    }
    if (node->input)
        h = mix(h, plan_fingerprint(node->input));
    if (node->right)
        h = mix(h, plan_fingerprint(node->right));
    return h;
}
