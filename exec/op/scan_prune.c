/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/scan_internal.h"

#include <math.h>

#include "base/cleanup.h"
#include "exec/vec/ops.h"

/*
 * Statistics of a row group against the filters. Bounds are bounds: strings may be cut short, NaN
 * is not counted and sorts above everything, so nothing is concluded from a maximum where a NaN
 * could be.
 */

/* @v against a literal. Return: <0, 0, >0. */
static int compare_bound(const ScanBounds *b, const ParquetValue *v, const Literal *l)
{
    switch (b->phys) {
    case PHYS_BOOL:
        return (int)(v->i != 0) - (int)l->b;
    case PHYS_I128:
        return v->i128 < l->i128 ? -1 : v->i128 > l->i128;
    case PHYS_F32:
    case PHYS_F64:
        return vec_double_compare(v->d, l->d);
    case PHYS_STRING:
        return vec_string_compare(&v->s, &l->s);
    default:
        return v->i < l->i ? -1 : v->i > l->i;
    }
}

static bool literal_is_nan(const ScanBounds *b, const Literal *l)
{
    return (b->phys == PHYS_F32 || b->phys == PHYS_F64) && isnan(l->d);
}

/* Can a value equal to @l be there? */
static bool may_equal(const ScanBounds *b, const Literal *l)
{
    if (literal_is_nan(b, l))
        return true;
    if (b->s.has_min && compare_bound(b, &b->s.min, l) > 0)
        return false;
    return !(b->s.has_max && compare_bound(b, &b->s.max, l) < 0);
}

static bool may_compare(const ScanBounds *b, uint8_t op, const Literal *l)
{
    bool has_max = b->s.has_max && !b->s.may_be_nan;

    if (literal_is_nan(b, l))
        return true;
    switch (op) {
    case KERN_EQ:
        return may_equal(b, l);
    case KERN_LT:
        return !(b->s.has_min && compare_bound(b, &b->s.min, l) >= 0);
    case KERN_LE:
        return !(b->s.has_min && compare_bound(b, &b->s.min, l) > 0);
    case KERN_GT:
        return !(has_max && compare_bound(b, &b->s.max, l) <= 0);
    case KERN_GE:
        return !(has_max && compare_bound(b, &b->s.max, l) < 0);
    default: /* NE: only when there is one value, which cut strings cannot tell */
        return !(has_max && b->s.has_min && b->phys != PHYS_STRING &&
                 compare_bound(b, &b->s.min, l) == 0 && compare_bound(b, &b->s.max, l) == 0);
    }
}

bool scan_bounds_may_pass(const ScanBounds *b, const ScanPredicate *p)
{
    bool all_null = b->s.has_null_count && b->s.null_count == b->n_rows;

    switch (p->kind) {
    case SCAN_IS_NULL:
        return !(b->s.has_null_count && b->s.null_count == 0);
    case SCAN_NOT_NULL:
        return !all_null;
    case SCAN_COMPARE:
        return !all_null && may_compare(b, p->op, &p->value);
    case SCAN_IN:
        for (uint32_t i = 0; i < p->n_items && !all_null; i++)
            if (may_equal(b, &p->items[i]))
                return true;
        return false;
    case SCAN_RUNTIME:
        if (p->runtime->moving && p->runtime->nulls_pass &&
            !(b->s.has_null_count && b->s.null_count == 0))
            return true;
        if (all_null || p->runtime->empty)
            return false;
        return !(b->s.has_min && b->s.has_max && b->phys <= PHYS_I64) ||
               runtime_filter_range(p->runtime, b->s.min.i, b->s.max.i);
    default:
        return true;
    }
}

/* What a file has as one value in all rows. */
static void constant_bounds(const ScanFile *file, uint32_t number, ScanBounds *b)
{
    const Literal *l = number == SCAN_MISSING ? NULL : &file->partition[number - SCAN_PARTITION];

    b->s.has_null_count = true;
    if (!l || l->is_null) {
        b->s.null_count = b->n_rows;
        return;
    }
    if (literal_is_nan(b, l))
        return;
    b->s.has_min = b->s.has_max = true;
    switch (b->phys) {
    case PHYS_BOOL:
        b->s.min.i = l->b;
        break;
    case PHYS_I128:
        b->s.min.i128 = l->i128;
        break;
    case PHYS_F32:
    case PHYS_F64:
        b->s.min.d = l->d;
        break;
    case PHYS_STRING:
        b->s.min.s = l->s;
        break;
    default:
        b->s.min.i = l->i;
    }
    b->s.max = b->s.min;
}

/* Return: false when nothing is known: the file has another type than the plan. */
static bool column_bounds(const PlanNode *node, const ScanFile *file, uint32_t row_group,
                          uint32_t output, ScanBounds *b)
{
    const ParquetFile *parquet = file->source;
    uint32_t number = scan_file_column(&node->scan, file, output);
    Type type = node->fields[output].type;

    *b = (ScanBounds){.phys = type_phys(type),
                      .n_rows = parquet_file_row_group(parquet, row_group)->n_rows};
    if (number >= SCAN_PARTITION) {
        constant_bounds(file, number, b);
        return true;
    }
    if (!type_same_bytes(parquet_file_column(parquet, number)->type, type))
        return false;
    parquet_statistics(parquet, row_group, number, &b->s);
    return true;
}

bool scan_filters_may_pass(const ScanFilters *filters, const PlanNode *node, const ScanFile *file,
                           uint32_t row_group)
{
    for (uint32_t i = 0; i < filters->n_filters; i++) {
        const ScanFilter *f = &filters->filters[i];
        ScanBounds b;

        if (f->n_columns != 1 || !column_bounds(node, file, row_group, f->columns[0], &b))
            continue;
        for (uint32_t k = 0; k < f->n_predicates; k++)
            if (!scan_bounds_may_pass(&b, &f->predicates[k]))
                return false;
    }
    return true;
}
