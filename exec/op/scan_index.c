/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "exec/op/scan_internal.h"
#include "exec/parquet/index.h"

/*
 * Which rows of a row group can pass: what Bloom filters rule out altogether, and what the bounds
 * of single pages leave of it. Rows are counted in the row group, so that columns whose pages begin
 * at other rows stay side by side. Only hints: where there is no memory for them or they cannot be
 * read, all rows are looked at, and it is the data that fails then.
 */

#define GROUP_ROWS_MIN 4096u /* below, all of it is decoded at once anyhow */
#define BLOOM_GROUP_BYTES_MIN (UINT64_C(64) << 10)
#define BLOOM_SHARE 4u /* a filter that is a larger part of what it saves is not read */
#define BLOOM_ITEMS_MAX 4096u

typedef struct Finder {
    const ScanFilters *filters;
    const PlanNode *node;
    const ScanFile *file;
    uint32_t row_group;
    uint64_t n_rows, n_bytes;
    MemPool *pool;
    MemArena *arena;
} Finder;

/* --- Bloom filters ---------------------------------------------------------------------------- */

static ParquetValue literal_value(PhysKind phys, const Literal *l)
{
    ParquetValue v = {0};

    if (phys == PHYS_STRING)
        v.s = l->s;
    else if (phys == PHYS_I128)
        v.i128 = l->i128;
    else if (phys == PHYS_F32 || phys == PHYS_F64)
        v.d = l->d;
    else
        v.i = phys == PHYS_BOOL ? l->b : l->i;
    return v;
}

static bool is_equality(const ScanPredicate *p)
{
    return (p->kind == SCAN_COMPARE && p->op == KERN_EQ) ||
           (p->kind == SCAN_IN && p->n_items <= BLOOM_ITEMS_MAX);
}

static bool bloom_may_pass(const ParquetBloom *bloom, PhysKind phys, const ScanPredicate *p)
{
    const Literal *items = p->kind == SCAN_IN ? p->items : &p->value;
    uint32_t n = p->kind == SCAN_IN ? p->n_items : 1;

    for (uint32_t i = 0; i < n; i++) {
        ParquetValue v = literal_value(phys, &items[i]);

        if (parquet_bloom_may_hold(bloom, &v))
            return true;
    }
    return false;
}

/* False when a Bloom filter shows that no row passes @filter. */
static bool blooms_may_pass(const Finder *f, const ScanFilter *filter, uint32_t number)
{
    PhysKind phys = type_phys(f->node->fields[filter->columns[0]].type);
    ParquetBloom bloom = {0};
    bool loaded = false, may = true;

    for (uint32_t k = 0; k < filter->n_predicates && may; k++) {
        if (!is_equality(&filter->predicates[k]))
            continue;
        if (!loaded && parquet_bloom_load(f->file->source, f->row_group, number,
                                          f->n_bytes / BLOOM_SHARE, f->pool, &bloom) != 0)
            return true;
        loaded = true;
        may = bloom_may_pass(&bloom, phys, &filter->predicates[k]);
    }
    parquet_bloom_done(&bloom, f->pool);
    return may;
}

/* --- pages ------------------------------------------------------------------------------------ */

static bool page_may_pass(const Finder *f, const ScanFilter *filter, const ParquetPages *pages,
                          uint32_t page)
{
    ScanBounds b = {.s = pages->statistics[page],
                    .phys = type_phys(f->node->fields[filter->columns[0]].type),
                    .n_rows = pages->first_row[page + 1] - pages->first_row[page]};

    for (uint32_t k = 0; k < filter->n_predicates; k++)
        if (!scan_bounds_may_pass(&b, &filter->predicates[k]))
            return false;
    return true;
}

static void add_range(ScanRange *ranges, uint32_t *n, uint64_t first, uint64_t end)
{
    if (first >= end)
        return;
    if (*n > 0 && ranges[*n - 1].end == first)
        ranges[*n - 1].end = end;
    else
        ranges[(*n)++] = (ScanRange){first, end};
}

/* What is left of @live where only pages that may pass are. Return: false without memory. */
static bool keep_pages(const Finder *f, const ScanFilter *filter, const ParquetPages *pages,
                       ScanRange **live, uint32_t *n_live)
{
    ScanRange *made = mem_arena_new_array(f->arena, ScanRange, (size_t)*n_live + pages->n);
    uint32_t n = 0, at = 0;

    if (!made)
        return false;
    for (uint32_t page = 0; page < pages->n; page++) {
        uint64_t first = pages->first_row[page], end = pages->first_row[page + 1];

        while (at < *n_live && (*live)[at].end <= first)
            at++;
        if (at == *n_live)
            break;
        if ((*live)[at].first >= end || !page_may_pass(f, filter, pages, page))
            continue;
        for (uint32_t i = at; i < *n_live && (*live)[i].first < end; i++)
            add_range(made, &n, MAX(first, (*live)[i].first), MIN(end, (*live)[i].end));
    }
    *live = made;
    *n_live = n;
    return true;
}

static bool has_bounded(const ScanFilter *filter)
{
    for (uint32_t k = 0; k < filter->n_predicates; k++)
        if (filter->predicates[k].kind != SCAN_EXPR)
            return true;
    return false;
}

/* Return: false when what has been found so far is all that will be. */
static bool narrow(const Finder *f, const ScanFilter *filter, ScanRange **live, uint32_t *n_live)
{
    const ParquetFile *parquet = f->file->source;
    uint32_t number = filter->n_columns == 1
                          ? scan_file_column(&f->node->scan, f->file, filter->columns[0])
                          : SCAN_MISSING;
    ParquetPages pages;

    if (number >= SCAN_PARTITION || !has_bounded(filter) ||
        !type_same_bytes(parquet_file_column(parquet, number)->type,
                         f->node->fields[filter->columns[0]].type))
        return true;
    if (f->n_bytes >= BLOOM_GROUP_BYTES_MIN && !blooms_may_pass(f, filter, number)) {
        *n_live = 0;
        return false;
    }
    if (f->n_rows <= GROUP_ROWS_MIN)
        return true;
    if (parquet_pages_load(parquet, f->row_group, number, f->arena, &pages) != 0)
        return false;
    return pages.n <= 1 || keep_pages(f, filter, &pages, live, n_live);
}

/* --- what is to be read ----------------------------------------------------------------------- */

/* Without memory, or where most of it is wanted, all of the row group is read. */
static void find_parts(const Finder *f, ScanRanges *found)
{
    uint64_t first = found->ranges[0].first, end = found->ranges[found->n - 1].end;
    uint32_t n = f->node->n_fields;
    ParquetPart *parts;
    void *block;

    if ((end - first) * 2 > f->n_rows || n > IO_RANGES_MAX / 2 ||
        mem_block_alloc(f->pool, (n + 1) * sizeof(*parts), "Parquet page index", &block) != 0)
        return;
    parts = block;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = scan_file_column(&f->node->scan, f->file, i);

        parts[i] = (ParquetPart){0};
        if (number < SCAN_PARTITION && parquet_part_find(f->file->source, f->row_group, number,
                                                         first, end, f->arena, &parts[i]) != 0) {
            mem_block_free(f->pool, block, (n + 1) * sizeof(*parts));
            return;
        }
    }
    found->parts = parts;
    found->n_parts = n;
}

/* --- the interface ---------------------------------------------------------------------------- */

void scan_ranges_find(const ScanFilters *filters, const PlanNode *node, const ScanFile *file,
                      uint32_t row_group, uint64_t n_bytes, MemPool *pool, ScanRanges *ret)
{
    Finder f = {.filters = filters,
                .node = node,
                .file = file,
                .row_group = row_group,
                .n_rows = parquet_file_row_group(file->source, row_group)->n_rows,
                .n_bytes = n_bytes,
                .pool = pool};
    ScanRange all = {0, f.n_rows}, *live = &all;
    uint32_t n_live = 1;
    void *block;

    *ret = (ScanRanges){.looked = true};
    if (filters->n_filters == 0 ||
        (f.n_rows <= GROUP_ROWS_MIN && n_bytes < BLOOM_GROUP_BYTES_MIN) ||
        mem_arena_new(pool, "Parquet page index", &f.arena) != 0)
        return;
    for (uint32_t i = 0; i < filters->n_filters && n_live > 0; i++)
        if (!narrow(&f, &filters->filters[i], &live, &n_live))
            break;
    ret->none = n_live == 0;
    if (n_live > 0 && !(n_live == 1 && live[0].first == 0 && live[0].end == f.n_rows) &&
        mem_block_alloc(pool, n_live * sizeof(ScanRange), "Parquet page index", &block) == 0) {
        memcpy(block, live, n_live * sizeof(ScanRange));
        ret->ranges = block;
        ret->n = n_live;
        find_parts(&f, ret);
    }
    (void)mem_arena_free(f.arena);
}

void scan_ranges_done(ScanRanges *ranges, MemPool *pool)
{
    if (ranges->ranges)
        mem_block_free(pool, ranges->ranges, ranges->n * sizeof(ScanRange));
    if (ranges->parts)
        mem_block_free(pool, ranges->parts, (ranges->n_parts + 1) * sizeof(ParquetPart));
    ranges->ranges = NULL;
    ranges->parts = NULL;
    ranges->n = 0;
}

uint64_t scan_ranges_next(const ScanRanges *ranges, uint64_t at, uint32_t *cursor,
                          uint64_t *ret_end)
{
    const ScanRange *r = ranges->ranges;

    while (*cursor < ranges->n && r[*cursor].end <= at)
        (*cursor)++;
    if (*cursor == ranges->n) {
        *ret_end = UINT64_MAX;
        return UINT64_MAX;
    }
    *ret_end = r[*cursor].end;
    return MAX(at, r[*cursor].first);
}
