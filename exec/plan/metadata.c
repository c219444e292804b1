/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Counts, minima and maxima of whole files are in their footers: an aggregation of nothing else
 * over a scan without filters becomes one row of literals, and no page is read.
 *
 * Only where the footer is exact: text may be cut short there, and floats leave NaN out.
 */

#include "base/cleanup.h"
#include "exec/plan/optimise_internal.h"

static bool is_exact(Type t)
{
    switch (t.kind) {
    case TYPE_BYTE:
    case TYPE_SHORT:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DECIMAL:
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_NTZ:
        return true;
    default:
        return false;
    }
}

/* The scan below projections that only choose columns, and @column as the scan has it. */
static const PlanNode *scan_below(const PlanNode *node, uint32_t *column)
{
    while (node->kind == PLAN_PROJECT) {
        if (*column != UINT32_MAX) {
            const Expr *e = node->project.exprs[*column];
            if (e->kind != EXPR_COLUMN)
                return NULL;
            *column = e->column;
        }
        node = node->input;
    }
    return node->kind == PLAN_SCAN && node->scan.n_filters == 0 && node->scan.source ? node : NULL;
}

static bool known_value(const PlanNode *input, const Aggregate *a, Literal *ret)
{
    uint32_t column = UINT32_MAX;
    if (a->filter || (a->distinct && a->id == AGG_COUNT))
        return false;
    if (a->arg && a->arg->kind == EXPR_COLUMN)
        column = a->arg->column;
    else if (a->id != AGG_COUNT_STAR)
        return false;
    const PlanNode *scan = scan_below(input, &column);
    if (!scan)
        return false;
    const SourceInfo *source = scan->scan.source;
    if (!source->rows_exact || source->rows > INT64_MAX)
        return false;
    *ret = (Literal){.i = (int64_t)source->rows};
    if (a->id == AGG_COUNT_STAR)
        return true;
    const SourceColumn *c = &source->columns[scan->scan.columns[column]];
    if (a->id == AGG_COUNT) {
        ret->i -= c->never_null ? 0 : (int64_t)c->null_count;
        return c->never_null || c->has_null_count;
    }
    if ((a->id != AGG_MIN && a->id != AGG_MAX) || !c->has_min_max || !is_exact(c->type) ||
        !type_equal(a->type, c->type))
        return false;
    *ret = a->id == AGG_MIN ? c->min : c->max;
    return true;
}

static PlanNode *from_metadata(Optimiser *o, PlanNode *node)
{
    uint32_t n = node->aggregate.n_aggregates;
    Expr **exprs = opt_alloc(o, n, sizeof(*exprs));
    PlanNode *one = opt_alloc(o, 1, sizeof(*one)), *project = opt_copy(o, node);
    Batch *batch = opt_alloc(o, 1, sizeof(*batch));
    if (!exprs || !one || !project || !batch)
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        Literal value;
        if (!known_value(node->input, &node->aggregate.aggregates[i], &value))
            return node;
        exprs[i] = expr_literal(o->arena, node->aggregate.aggregates[i].type, value);
        if (!exprs[i])
            return opt_fail(o);
    }
    *batch = (Batch){.n_rows = 1, .n_selected = 1};
    *one = (PlanNode){.kind = PLAN_VALUES};
    one->values.batches = batch;
    one->values.n_batches = 1;
    project->kind = PLAN_PROJECT;
    project->input = one;
    project->project.exprs = exprs;
    return project;
}

PlanNode *opt_use_metadata(Optimiser *o, PlanNode *node)
{
    PlanNode *copy = opt_copy(o, node);
    if (!copy)
        return NULL;
    if (copy->kind == PLAN_UNION) {
        PlanNode **inputs = opt_alloc(o, copy->union_all.n_inputs, sizeof(*inputs));
        for (uint32_t i = 0; inputs && i < copy->union_all.n_inputs; i++)
            inputs[i] = opt_use_metadata(o, node->union_all.inputs[i]);
        copy->union_all.inputs = inputs;
    }
    if (copy->input)
        copy->input = opt_use_metadata(o, copy->input);
    if (copy->right)
        copy->right = opt_use_metadata(o, copy->right);
    if (o->result != 0)
        return NULL;
    bool may = copy->kind == PLAN_AGGREGATE && copy->aggregate.n_groups == 0 &&
               copy->aggregate.n_aggregates > 0;
    return may ? from_metadata(o, copy) : copy;
}
