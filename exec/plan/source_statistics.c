/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/plan/source_statistics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Distinct values are guessed from the size of one row group's dictionary. Of n rows drawn from D
 * values about D * (1 - exp(-n / D)) are different, which is solved for D. Data that is sorted or
 * clustered by the column shows in row groups that cover a small part of the column's range, and D
 * is scaled by that. Without a dictionary, or with one that the writer gave up, values are taken to
 * be mostly different.
 */

#define DISTINCT_COLUMNS_MAX 256u /* page headers read for one file */

static int compare_values(const ParquetColumn *c, const ParquetValue *a, const ParquetValue *b)
{
    switch (type_phys(c->type)) {
    case PHYS_I128:
        return a->i128 < b->i128 ? -1 : a->i128 > b->i128;
    case PHYS_F32:
    case PHYS_F64:
        return a->d < b->d ? -1 : a->d > b->d;
    case PHYS_STRING: {
        uint32_t n = MIN(a->s.length, b->s.length);
        int r = memcmp(vec_string_data(&a->s), vec_string_data(&b->s), n);

        return r ? r : a->s.length < b->s.length ? -1 : a->s.length > b->s.length;
    }
    default:
        return a->i < b->i ? -1 : a->i > b->i;
    }
}

/* As a number for ranges. Return: false for strings. */
static bool value_number(Type type, const ParquetValue *v, double *ret)
{
    switch (type_phys(type)) {
    case PHYS_STRING:
        return false;
    case PHYS_I128:
        *ret = (double)v->i128;
        return true;
    case PHYS_F32:
    case PHYS_F64:
        *ret = v->d;
        return true;
    default:
        *ret = (double)v->i;
        return true;
    }
}

static bool is_discrete(Type type)
{
    PhysKind phys = type_phys(type);

    return phys <= PHYS_I128 && phys != PHYS_F32;
}

static void add_row_group(const ParquetFile *file, uint32_t group, uint32_t column,
                          SourceFileStatistics *s)
{
    const ParquetColumn *c = parquet_file_column(file, column);
    ParquetStatistics p;

    parquet_statistics(file, group, column, &p);
    s->n_uncompressed += parquet_file_chunk(file, group, column)->n_uncompressed;
    s->has_null_count &= p.has_null_count;
    s->null_count += p.null_count;
    if (p.has_null_count && p.null_count == parquet_file_row_group(file, group)->n_rows)
        return; /* nothing but nulls has no bounds and widens none */
    if (!p.has_min || !p.has_max || p.may_be_nan) {
        s->has_min_max = false;
        return;
    }
    if (!s->seen || compare_values(c, &p.min, &s->min) < 0)
        s->min = p.min;
    if (!s->seen || compare_values(c, &p.max, &s->max) > 0)
        s->max = p.max;
    s->seen = true;
}

/* Part of the column's range that one row group covers, 0 < w <= 1. */
static double covered(const ParquetFile *file, uint32_t group, uint32_t column,
                      const SourceFileStatistics *s)
{
    Type type = parquet_file_column(file, column)->type;
    double low, high, all_low, all_high;
    ParquetStatistics p;

    parquet_statistics(file, group, column, &p);
    if (!s->has_min_max || !p.has_min || !p.has_max || !value_number(type, &p.min, &low) ||
        !value_number(type, &p.max, &high) || !value_number(type, &s->min, &all_low) ||
        !value_number(type, &s->max, &all_high) || all_high <= all_low)
        return 1;
    return MAX((high - low) / (all_high - all_low), 1.0 / parquet_file_n_row_groups(file));
}

/* D with D * (1 - exp(-n / D)) = d. */
static double population(double d, double n)
{
    double low = d, high = d * 64;

    if (d >= n * 0.98)
        return INFINITY;
    for (int i = 0; i < 40; i++) {
        double mid = (low + high) / 2;

        if (mid * (1 - exp(-n / mid)) < d)
            low = mid;
        else
            high = mid;
    }
    return low;
}

static double guess_distinct(const ParquetFile *file, uint32_t column,
                             const SourceFileStatistics *s)
{
    double rows = (double)parquet_file_rows(file), distinct, low, high;
    Type type = parquet_file_column(file, column)->type;
    uint32_t group = parquet_file_n_row_groups(file) / 2, n_dictionary = 0;
    const ParquetChunk *chunk = parquet_file_chunk(file, group, column);
    double n = (double)parquet_file_row_group(file, group)->n_rows;

    distinct = rows;
    if (chunk->only_dictionary &&
        parquet_dictionary_size(file, group, column, &n_dictionary) == 0 && n_dictionary > 0)
        distinct = population(n_dictionary, n) / covered(file, group, column, s);
    if (s->has_min_max && is_discrete(type) && value_number(type, &s->min, &low) &&
        value_number(type, &s->max, &high))
        distinct = MIN(distinct, high - low + 1);
    return MAX(MIN(distinct, rows), 1.0);
}

int source_file_statistics(const ParquetFile *file, SourceFileStatistics **ret_statistics)
{
    uint32_t n_columns = parquet_file_n_columns(file), n_groups = parquet_file_n_row_groups(file);
    SourceFileStatistics *all = calloc((size_t)n_columns + 1, sizeof(*all));

    if (!all)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_columns; i++) {
        SourceFileStatistics *s = &all[i];

        s->never_null = true;
        if (parquet_file_column(file, i)->unreadable) {
            s->never_null = false;
            continue;
        }
        s->has_null_count = true;
        s->has_min_max = n_groups > 0;
        for (uint32_t g = 0; g < n_groups; g++)
            add_row_group(file, g, i, s);
        s->has_min_max &= s->seen;
        s->never_null =
            parquet_file_column(file, i)->required || (s->has_null_count && s->null_count == 0);
        if (n_groups > 0 && i < DISTINCT_COLUMNS_MAX)
            s->n_distinct = guess_distinct(file, i, s);
    }
    *ret_statistics = all;
    return 0;
}

static Literal literal_of(Type type, const ParquetValue *v)
{
    Literal l = {0};

    switch (type_phys(type)) {
    case PHYS_BOOL:
        l.b = v->i != 0;
        break;
    case PHYS_I128:
        l.i128 = v->i128;
        break;
    case PHYS_F32:
    case PHYS_F64:
        l.d = v->d;
        break;
    case PHYS_STRING:
        l.s = v->s;
        break;
    default:
        l.i = v->i;
    }
    return l;
}

static ParquetValue value_of(Type type, const Literal *l)
{
    ParquetValue v = {0};

    switch (type_phys(type)) {
    case PHYS_BOOL:
        v.i = l->b;
        break;
    case PHYS_I128:
        v.i128 = l->i128;
        break;
    case PHYS_F32:
    case PHYS_F64:
        v.d = l->d;
        break;
    case PHYS_STRING:
        v.s = l->s;
        break;
    default:
        v.i = l->i;
    }
    return v;
}

/* A column that is one value in all rows of a file. */
static void constant_statistics(SourceFileStatistics *s, Type type, const Literal *value,
                                uint64_t rows)
{
    bool is_float = type.kind == TYPE_FLOAT || type.kind == TYPE_DOUBLE;

    *s = (SourceFileStatistics){.has_null_count = true, .never_null = value && !value->is_null};
    if (!s->never_null) {
        s->null_count = rows;
        return;
    }
    s->n_distinct = 1;
    s->has_min_max = !is_float || !isnan(value->d);
    s->min = s->max = value_of(type, value);
}

/* Of one column of the source in one file, whatever the file makes of it. */
static SourceFileStatistics column_statistics(const SourceInfo *source, uint32_t file,
                                              uint32_t column,
                                              const SourceFileStatistics *const *statistics)
{
    const ScanFile *f = &source->files[file];
    uint32_t number = f->columns ? f->columns[column] : column;
    SourceFileStatistics s;

    if (number >= SCAN_PARTITION) {
        constant_statistics(&s, source->columns[column].type,
                            number == SCAN_MISSING ? NULL : &f->partition[number - SCAN_PARTITION],
                            parquet_file_rows(f->source));
        return s;
    }
    s = statistics[file][number];
    if (!type_equal(parquet_file_column(f->source, number)->type, source->columns[column].type))
        s.has_min_max = false;
    return s;
}

/* Files without rows say nothing, but all of them together do. */
static void merge_column(SourceInfo *source, uint32_t column,
                         const SourceFileStatistics *const *statistics)
{
    SourceColumn *c = &source->columns[column];
    ParquetColumn compare_as = {.type = c->type};
    SourceFileStatistics all = {0};
    const Literal *last = NULL;
    double sum = 0, most = 0, n_values = 0;
    bool first = true, is_partition = false;

    for (uint32_t f = 0; f < source->n_files; f++) {
        const ScanFile *file = &source->files[f];
        SourceFileStatistics s;

        if (parquet_file_rows(file->source) == 0 && !(first && f + 1 == source->n_files))
            continue;
        s = column_statistics(source, f, column, statistics);
        is_partition |= file->columns && file->columns[column] != SCAN_MISSING &&
                        file->columns[column] >= SCAN_PARTITION;
        n_values += file->partition != last;
        last = file->partition;
        sum += s.n_distinct;
        most = MAX(most, s.n_distinct);
        if (first) {
            all = s;
            first = false;
            continue;
        }
        all.has_null_count &= s.has_null_count;
        all.never_null &= s.never_null;
        all.has_min_max &= s.has_min_max;
        all.null_count += s.null_count;
        all.n_uncompressed += s.n_uncompressed;
        if (all.has_min_max && compare_values(&compare_as, &s.min, &all.min) < 0)
            all.min = s.min;
        if (all.has_min_max && compare_values(&compare_as, &s.max, &all.max) > 0)
            all.max = s.max;
    }
    c->never_null = all.never_null;
    c->has_null_count = all.has_null_count;
    c->null_count = all.has_null_count ? all.null_count : 0;
    c->has_min_max = all.has_min_max;
    if (c->has_min_max) {
        c->min = literal_of(c->type, &all.min);
        c->max = literal_of(c->type, &all.max);
    }
    /* Few different values repeat in every file; many are likely other ones. */
    c->n_distinct = is_partition ? n_values
                    : most * 20 < (double)source->rows / source->n_files
                        ? most
                        : MIN(sum, (double)source->rows);
    c->bytes_per_row = source->rows > 0 ? (double)all.n_uncompressed / (double)source->rows : 0;
}

void source_merge_statistics(SourceInfo *source, const SourceFileStatistics *const *statistics)
{
    for (uint32_t i = 0; i < source->n_columns && source->n_files > 0; i++)
        if (source->columns[i].readable)
            merge_column(source, i, statistics);
}
