/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Conjuncts over partition columns alone are decided here, once per folder, with the folder's
 * values in the place of the columns. Files that none of their rows can pass are neither opened nor
 * counted. What cannot be decided (it would fail, or is not deterministic) stays a filter.
 */

#include "base/cleanup.h"
#include "exec/plan/optimise_internal.h"

typedef struct PartitionUse {
    const PlanNode *scan;
    const SourceInfo *source;
    bool only;
} PartitionUse;

static uint32_t partition_of(const SourceInfo *source, uint32_t column)
{
    for (uint32_t i = 0; i < source->n_partitions; i++)
        if (source->partitions[i] == column)
            return i;
    return UINT32_MAX;
}

static bool visit_partition(void *userdata, uint32_t column)
{
    PartitionUse *use = userdata;
    use->only &= partition_of(use->source, use->scan->scan.columns[column]) != UINT32_MAX;
    return use->only;
}

static bool only_partitions(const PlanNode *scan, const SourceInfo *source, const Expr *e)
{
    PartitionUse use = {scan, source, true};
    expr_each_column(e, visit_partition, &use);
    return use.only && expr_has_columns(e);
}

/* The folder's values as expressions, by output column. */
static Expr **constants(Optimiser *o, const PlanNode *scan, const SourceInfo *source,
                        const Literal *values)
{
    Expr **made = opt_alloc(o, scan->n_fields, sizeof(*made));
    for (uint32_t i = 0; made && i < scan->n_fields; i++) {
        uint32_t k = partition_of(source, scan->scan.columns[i]);
        if (k == UINT32_MAX)
            continue;
        made[i] = expr_literal(o->arena, scan->fields[i].type, values[k]);
        if (!made[i])
            return opt_fail(o);
    }
    return made;
}

typedef enum Verdict {
    VERDICT_FAILED,
    VERDICT_UNKNOWN,
    VERDICT_PASS,
    VERDICT_DROP,
} Verdict;

static Verdict decide(Optimiser *o, Expr *e, Expr *const *values)
{
    Expr *made = expr_substitute(o->arena, e, values);
    if (!made) {
        opt_fail(o);
        return VERDICT_FAILED;
    }
    made = opt_fold(o, made);
    if (!made)
        return VERDICT_FAILED;
    if (made->kind != EXPR_LITERAL)
        return VERDICT_UNKNOWN;
    return expr_is_true(made) ? VERDICT_PASS : VERDICT_DROP;
}

/* Of each file, by @e. Return: false after a failure; *ret_known says whether all are decided. */
static bool choose_by(Optimiser *o, const PlanNode *scan, const SourceInfo *source, Expr *e,
                      bool *keep, bool *ret_known)
{
    const Literal *last = NULL;
    Verdict verdict = VERDICT_UNKNOWN;
    *ret_known = true;
    for (uint32_t i = 0; i < source->n_files; i++) {
        const Literal *values = source->files[i].partition;
        if (!keep[i])
            continue;
        if (values != last) {
            Expr **exprs = constants(o, scan, source, values);
            verdict = exprs ? decide(o, e, exprs) : VERDICT_FAILED;
            last = values;
        }
        if (verdict == VERDICT_FAILED)
            return false;
        *ret_known &= verdict != VERDICT_UNKNOWN;
        keep[i] = verdict != VERDICT_DROP;
    }
    return true;
}

bool opt_choose_files(Optimiser *o, PlanNode *scan)
{
    const SourceInfo *source = scan->scan.source;
    ExprList filters = {0}, decided = {0};
    if (!source || source->n_partitions == 0)
        return true;
    bool *keep = opt_alloc(o, source->n_files, sizeof(*keep));
    for (uint32_t i = 0; keep && i < source->n_files; i++)
        keep[i] = true;
    for (uint32_t i = 0; i < scan->scan.n_partition_filters; i++)
        if (!expr_list_add(o->arena, &decided, scan->scan.partition_filters[i]))
            return opt_fail(o) != NULL;
    for (uint32_t i = 0; keep && i < scan->scan.n_filters; i++) {
        Expr *e = scan->scan.filters[i];
        bool known = false;
        if (only_partitions(scan, source, e) && !choose_by(o, scan, source, e, keep, &known))
            return false;
        if (!expr_list_add(o->arena, known ? &decided : &filters, e))
            return opt_fail(o) != NULL;
    }
    if (!keep)
        return false;
    if (source->loaded && decided.n == scan->scan.n_partition_filters)
        return true;
    SourceInfo *chosen;
    int r = source_load(o->context->files, source, keep, o->arena, &chosen, o->context->error);
    if (r != 0) {
        o->result = r;
        return false;
    }
    scan->scan.source = chosen;
    scan->scan.files = chosen->files;
    scan->scan.n_files = chosen->n_files;
    scan->scan.filters = filters.items;
    scan->scan.n_filters = filters.n;
    scan->scan.partition_filters = decided.items;
    scan->scan.n_partition_filters = decided.n;
    return true;
}
