/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>

#include "exec/expr/expr.h"
#include "exec/kernel/kernel.h"
#include "exec/op/scan.h"
#include "exec/parquet/parquet.h"
#include "exec/vec/nested.h"

#define SCAN_PART_ROWS_MIN 32768u /* a row group is not cut into smaller morsels */
#define SCAN_ADAPT_BATCHES 32u    /* the order of filters is looked at every so many batches */

/* --- predicates (scan_filter.c) --------------------------------------------------------------- */

typedef enum ScanPredicateKind {
    SCAN_COMPARE,
    SCAN_IN,
    SCAN_IS_NULL,
    SCAN_NOT_NULL,
    SCAN_RUNTIME, /* what a join build knows */
    SCAN_EXPR,    /* anything else, by the evaluator */
} ScanPredicateKind;

typedef struct ScanPredicate {
    uint8_t kind; /* ScanPredicateKind */
    uint8_t op;   /* KernCompare */
    Literal value;
    const Literal *items; /* not null, ascending */
    uint32_t n_items;
    const ExprProgram *program;
    const RuntimeFilter *runtime;
    uint32_t expr_number; /* SCAN_EXPR: which of the locals' states */
} ScanPredicate;

/* All predicates over one column, or one predicate over several. */
typedef struct ScanFilter {
    uint32_t *columns; /* output columns */
    uint32_t n_columns;
    ScanPredicate *predicates;
    uint32_t n_predicates;
} ScanFilter;

typedef struct ScanFilters {
    ScanFilter *filters;
    uint32_t n_filters;
    uint32_t n_exprs;  /* of kind SCAN_EXPR */
    uint32_t n_moving; /* bounds that get narrower */
} ScanFilters;

/**
 * scan_filters_build() - sort the conjuncts of a scan and its runtime filters by column
 * Return: 0; QUERY_E_FAILED; MEM_E_*; negative errno.
 */
int scan_filters_build(MemArena *arena, const PlanNode *node, RuntimeFilter *const *runtime,
                       uint32_t n_runtime, ScanFilters *ret_filters, QueryError *error);

/* False when the statistics of a row group show that no row of it passes. */
bool scan_filters_may_pass(const ScanFilters *filters, const PlanNode *node, const ScanFile *file,
                           uint32_t row_group);

/* --- columns of files (scan_column.c) --------------------------------------------------------- */

/* What output column @output is in @file: its number there, or as ScanFile.columns says. */
static inline uint32_t scan_file_column(const PlanScan *scan, const ScanFile *file, uint32_t output)
{
    uint32_t column = scan->columns[output];

    return file->columns ? file->columns[column] : column;
}

/* Room for a value that is the same in all rows. */
typedef struct ScanConstant {
    NestedValue value;
    uint64_t valid;
} ScanConstant;

/* A column that @file does not hold: a value of its partition, or null. */
void scan_constant(const PlanScan *scan, const ScanFile *file, uint32_t output, Type type,
                   ScanConstant *room, Vector *ret);
/* May a stored column of type @from be read as @to, as Spark's reader does it? */
bool scan_can_widen(Type from, Type to);
/**
 * scan_widen() - values of one type as those of a wider one
 * @v:    in and out; in any encoding, out flat
 * @sel:  u16[@n] rows that count, or NULL for the first @n
 * @out:  room for VEC_ROWS_MAX values
 */
void scan_widen(Vector *v, Type to, const uint16_t *sel, uint32_t n, void *out);

/* What is known of some rows of one column. */
typedef struct ScanBounds {
    ParquetStatistics s;
    PhysKind phys;
    uint64_t n_rows;
} ScanBounds;

bool scan_bounds_may_pass(const ScanBounds *b, const ScanPredicate *p);

/* --- parts of row groups (scan_index.c) ------------------------------------------------------- */

typedef struct ScanRange {
    uint64_t first, end; /* rows of the row group */
} ScanRange;

/* Rows that can pass; const once it has been looked for. */
typedef struct ScanRanges {
    bool looked;
    bool none;         /* no row passes */
    ScanRange *ranges; /* ascending, apart; NULL: all rows */
    uint32_t n;
    /* By output column, what is to be read of it; NULL: all. Two ranges of a fetch each. */
    ParquetPart *parts;
    uint32_t n_parts;
} ScanRanges;

/* @n_bytes: of the columns that the scan wants. Finds nothing rather than fail. */
void scan_ranges_find(const ScanFilters *filters, const PlanNode *node, const ScanFile *file,
                      uint32_t row_group, uint64_t n_bytes, MemPool *pool, ScanRanges *ret);
void scan_ranges_done(ScanRanges *ranges, MemPool *pool);
/* The next row from @at on that can pass, and where its range ends; UINT64_MAX: none. @cursor goes
 * from 0 upwards with @at. */
uint64_t scan_ranges_next(const ScanRanges *ranges, uint64_t at, uint32_t *cursor,
                          uint64_t *ret_end);

/* One worker's state of one filter. */
typedef struct ScanFilterState {
    const ScanFilter *filter;
    uint64_t dict_id;      /* @pass is about this dictionary; 0: none */
    uint32_t dict_version; /* and about the bounds as they were then */
    uint8_t *pass;
    size_t n_pass_block;
    bool pass_usable;
    uint32_t n_passing;
    bool null_passes;
    /* What it cost and dropped, halved from time to time. */
    double rows_in, rows_out, nsec;
} ScanFilterState;

typedef struct ScanFilterContext {
    MemPool *pool;
    const KernelTable *kern;
    ExprState **exprs; /* per SCAN_EXPR predicate */
    uint8_t *bytes;    /* u8[VEC_ROWS_MAX] */
    uint8_t *more_bytes;
    void *dense; /* 16 * VEC_ROWS_MAX */
    uint16_t *spare;
} ScanFilterContext;

int scan_filter_state_init(ScanFilterContext *context, const ScanFilter *filter,
                           ScanFilterState *state);
void scan_filter_state_done(ScanFilterContext *context, ScanFilterState *state);
/**
 * scan_filter_dictionary() - decide all entries of @dict (flat, n_dict entries) once
 * Return: 0; MEM_E_*; negative errno. state->pass_usable says whether it could be done.
 */
int scan_filter_dictionary(ScanFilterContext *context, ScanFilterState *state, const Vector *dict);
/**
 * scan_filter_apply() - rows that pass
 * @batch:    its columns of the filter are decoded; its selection is the input
 * @sel_out:  u16[VEC_ROWS_MAX], not batch->sel
 */
int scan_filter_apply(ScanFilterContext *context, ScanFilterState *state, const Batch *batch,
                      uint16_t *sel_out, uint32_t *ret_n, QueryError *error);
