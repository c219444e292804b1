/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The bound plan: what the binder hands to the optimiser and the optimiser to the operators. Every
 * column is a number, every expression has a type, every function is resolved. It is const while a
 * query runs and lives in the query's arena. (The unresolved tree that the two front doors build is
 * plan/unresolved.h.)
 *
 * Columns: PLAN_COLUMN n is column n of the node's input; a join's input is left columns then right
 * columns.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/plan/function.h"
#include "exec/vec/type.h"
#include "exec/vec/vector.h"

typedef struct Expr Expr;
typedef struct PlanNode PlanNode;

typedef enum ExprKind {
    EXPR_COLUMN,
    EXPR_LITERAL,
    EXPR_CALL, /* a scalar function of plan/function.h, operators included */
    EXPR_CAST,
    EXPR_CASE, /* args: when0, then0, when1, then1, ..., [else] */
    EXPR_IN,   /* args: value, item0, item1, ... (items are literals); three-valued */
    /* Only as an argument of the higher-order functions: args[0] is the body, args[1..] are its
     * parameters, each an EXPR_VARIABLE. */
    EXPR_LAMBDA,
    EXPR_VARIABLE, /* @column: its number, unique in the query */
} ExprKind;

typedef struct Literal {
    bool is_null;
    union {
        bool b;
        int64_t i;     /* BYTE..LONG, DATE, TIMESTAMP*, intervals, DECIMAL up to 18 digits */
        __int128 i128; /* DECIMAL above 18 digits */
        double d;      /* FLOAT, DOUBLE */
        VecString s;
    };
} Literal;

struct Expr {
    uint8_t kind; /* ExprKind */
    bool nullable;
    bool try_cast; /* CAST: NULL instead of an error. CALL of a map: the last of equal keys wins */
    Type type;     /* of the result */
    uint32_t column;
    FunctionId function;
    uint32_t n_args;
    Expr **args;
    Literal literal;
    uint32_t position; /* byte offset + 1 in the SQL text, for errors at run time; 0 unknown */
};

typedef enum AggregateId {
    AGG_COUNT_STAR,
    AGG_COUNT,
    AGG_SUM,
    AGG_AVG,
    AGG_MIN,
    AGG_MAX,
    AGG_FIRST,       /* of the rows, in their order; a null counts, too */
    AGG_FIRST_KNOWN, /* that is not null */
    AGG_LAST,
    AGG_LAST_KNOWN,
    AGG_STDDEV_SAMP,
    AGG_STDDEV_POP,
    AGG_VAR_SAMP,
    AGG_VAR_POP,
    AGG_M2, /* sum of squared differences from the mean */
    AGG_SKEWNESS,
    AGG_KURTOSIS,
    /* Of FN_PAIR(x, y). */
    AGG_CORR,
    AGG_COVAR_POP,
    AGG_COVAR_SAMP,
    AGG_REGR_SXY,
    AGG_REGR_SLOPE, /* y by x */
    AGG_REGR_INTERCEPT,
    AGG_REGR_R2, /* x by y */
    AGG_MIN_BY,  /* BINARY: of FN_KEYED */
    AGG_MAX_BY,
    AGG_BIT_AND,
    AGG_BIT_OR,
    AGG_BIT_XOR,
    AGG_PRODUCT,
    AGG_TRY_SUM, /* null instead of an overflow */
    AGG_TRY_AVG,
    AGG_BOOL_AND,
    AGG_BOOL_OR,
    AGG_COLLECT, /* BINARY: all values that are not null; FN_COLLECTED makes an array of them */
    _AGG_MAX,
} AggregateId;

typedef struct Aggregate {
    uint8_t id; /* AggregateId */
    bool distinct;
    bool nullable;
    Type type; /* of the result, by Spark's rules: sum(decimal(p,s)) = decimal(min(38,p+10),s), ...
                */
    Expr *arg; /* NULL for COUNT_STAR */
    Expr *filter; /* FILTER (WHERE ...), or NULL */
} Aggregate;

typedef struct SortKey {
    Expr *expr;
    bool descending;
    bool nulls_first;
} SortKey;

/* SQL:2003 window functions, as Spark has them. */
typedef enum WindowBound {
    WINDOW_UNBOUNDED_PRECEDING,
    WINDOW_PRECEDING, /* ROWS: @offset rows; RANGE: @value */
    WINDOW_CURRENT_ROW,
    WINDOW_FOLLOWING,
    WINDOW_UNBOUNDED_FOLLOWING,
} WindowBound;

typedef struct WindowEdge {
    uint8_t kind;   /* WindowBound; in ROWS frames a negative PRECEDING is a FOLLOWING */
    int64_t offset; /* ROWS */
    Expr *value;    /* RANGE: where the frame begins or ends, in the order key's type, per row */
} WindowEdge;

typedef enum WindowId {
    WINDOW_AGGREGATE,
    WINDOW_ROW_NUMBER,
    WINDOW_RANK,
    WINDOW_DENSE_RANK,
    WINDOW_PERCENT_RANK,
    WINDOW_CUME_DIST,
    WINDOW_NTILE,       /* @offset: buckets */
    WINDOW_SHIFT,       /* lag and lead: the row @offset behind (negative: before), or @otherwise */
    WINDOW_FIRST_VALUE, /* of the frame */
    WINDOW_LAST_VALUE,
    WINDOW_NTH_VALUE, /* @offset: 1.. */
} WindowId;

typedef struct WindowFunction {
    uint8_t id; /* WindowId */
    bool nullable, ignore_nulls, range;
    uint32_t keys_less; /* the node's last keys that are none of its own order's */
    Type type;
    Expr *arg, *otherwise; /* or NULL */
    int64_t offset;
    WindowEdge start, end;
    Aggregate aggregate; /* WINDOW_AGGREGATE: its argument and filter are columns */
} WindowFunction;

typedef enum JoinType {
    JOIN_INNER,
    JOIN_LEFT,  /* every row of the left input */
    JOIN_SEMI,  /* left rows with a match; output = left columns */
    JOIN_ANTI,  /* left rows without a match */
    JOIN_RIGHT, /* the optimiser turns these into LEFT where it can; FULL and CROSS stay */
    JOIN_FULL,
    JOIN_CROSS,
    /*
     * SEMI and ANTI with their sides exchanged by the optimiser: the right side, which is built, is
     * the one whose rows come out; output = right columns.
     */
    JOIN_RIGHT_SEMI,
    JOIN_RIGHT_ANTI,
} JoinType;

static inline bool join_is_right_only(unsigned type)
{
    return type == JOIN_RIGHT_SEMI || type == JOIN_RIGHT_ANTI;
}

typedef enum PlanKind {
    PLAN_SCAN,   /* files */
    PLAN_RANGE,  /* start, end, step */
    PLAN_VALUES, /* rows in memory: VALUES, LocalRelation, SELECT without FROM (one row, no column)
                  */
    PLAN_FILTER,
    PLAN_PROJECT,
    PLAN_JOIN,
    PLAN_AGGREGATE,
    PLAN_SORT, /* with @limit >= 0: top-N */
    PLAN_LIMIT,
    PLAN_UNION, /* ALL; same number and types of columns */
    PLAN_DISTINCT,
    PLAN_EXPAND,    /* each row once per grouping set */
    PLAN_REPLICATE, /* each row as often as the input's last column (LONG) says, without that */
    PLAN_SAMPLE,    /* rows that draw a number in [low, high) */
    PLAN_GENERATE,  /* explode() and its kin: the input's columns, then what is generated */
    PLAN_WINDOW,    /* input columns, then one for each function */
    PLAN_SHARED,    /* the rows of a plan that is computed once and read by several such nodes */
    _PLAN_KIND_MAX,
} PlanKind;

/* Made by the optimiser; const while a query runs. */
typedef struct SharedPlan {
    PlanNode *node;
    uint32_t n_readers;
    uint32_t number;                     /* 0.., in the query */
    bool estimated, exchanged, numbered; /* done by that pass */
} SharedPlan;

/*
 * WITH RECURSIVE: the rows of @first, then again and again those of @step over the rows before,
 * until there are none. Whoever runs a plan puts rows into its place first.
 */
typedef struct PlanRecursion {
    PlanNode *first, *step; /* the same types of columns */
    int64_t levels_max;     /* -1: as the session says */
} PlanRecursion;

typedef struct PlanField {
    const char *name;
    Type type;
    bool nullable;
    const char *metadata; /* JSON that a DataFrame gave to a column; NULL: none */
} PlanField;

/* One data file, opened and looked at by the binder's catalogue (exec/plan/source.h). */
typedef struct ScanFile {
    const char *path;
    uint64_t size_bytes;
    void *source; /* format object, e.g. ParquetFile; shared, owned by the session's file cache */
    /*
     * Per column of the source: which of the file's it is, SCAN_MISSING, or SCAN_PARTITION + k: the
     * value @partition[k] in every row. NULL: the file has exactly the source's columns.
     */
    const uint32_t *columns;
    const Literal *partition;
} ScanFile;

#define SCAN_MISSING UINT32_MAX
#define SCAN_PARTITION 0x80000000u

typedef struct PlanScan {
    const char *format; /* "parquet" */
    ScanFile *files;
    uint32_t n_files;
    uint32_t *columns; /* per output column: index of the file schema's top-level column */
    Expr **filters;    /* conjuncts over the scan's *output* columns, pushed down; the scan applies
                          them fully */
    uint32_t n_filters;
    /* Conjuncts over partition columns: they have chosen @files and hold in every row of those. */
    Expr **partition_filters;
    uint32_t n_partition_filters;
    /*
     * Output columns that only @filters need: the scan may leave those vectors empty in what it
     * emits. NULL: all are needed.
     */
    const bool *filter_only;
    const void
        *source; /* SourceInfo of exec/plan/source.h with statistics, for the optimiser; or NULL */
} PlanScan;

struct PlanNode {
    uint8_t kind; /* PlanKind */
    uint32_t n_fields;
    PlanField *fields; /* the output schema */
    PlanNode *input;   /* left input of a join */
    PlanNode *right;   /* right input of a join: the build side */
    double rows;       /* the optimiser's estimate */
    double bytes_per_row;
    uint32_t id; /* number in EXPLAIN and in metrics, 0.. */
    union {
        PlanScan scan;
        struct {
            int64_t start, end, step;
        } range;
        struct {
            Batch *batches;
            uint32_t n_batches;
            /* Not yet rows: those of WITH RECURSIVE, or of its level before. NULL: @batches. */
            const PlanRecursion *recursion;
            bool level_before;
        } values;
        struct {
            Expr *condition;
        } filter;
        struct {
            Expr **exprs; /* n_fields */
        } project;
        struct {
            uint8_t type; /* JoinType */
            uint32_t n_keys;
            Expr **left_keys;  /* over left columns */
            Expr **right_keys; /* over right columns, same types as the left keys */
            Expr *residual;    /* over left + right columns, or NULL */
            bool null_aware;   /* ANTI from NOT IN: a null on the right empties the result */
            /* [n_fields] output columns that nobody reads: may be left empty. NULL: none. */
            const bool *unused;
        } join;
        struct {
            uint32_t n_groups;
            Expr **groups; /* output columns 0..n_groups */
            uint32_t n_aggregates;
            Aggregate *aggregates; /* output columns after the groups */
        } aggregate;
        struct {
            SortKey *keys;
            uint32_t n_keys;
            int64_t limit;  /* -1: none */
            int64_t offset; /* rows to leave out first, with a limit */
        } sort;
        struct {
            SortKey *keys; /* the partition's, then the order's; all are columns */
            uint32_t n_keys, n_partition;
            WindowFunction *functions; /* their expressions are columns too */
            uint32_t n_functions;
            /* Above 0: rows whose number by @limited_by, ROW_NUMBER, RANK or DENSE_RANK, is larger
             * may be left out, and the functions of the others do not look at them. */
            int64_t limit;
            uint8_t limited_by;
        } window;
        struct {
            int64_t limit; /* -1: none */
            int64_t offset;
        } limit;
        struct {
            Expr *array;   /* over the input; each element makes a row */
            bool outer;    /* a row of nulls where there is no element */
            bool position; /* a column of the element's number from 0, in front of the others */
            bool unpack;   /* elements are structs: a column per field */
            /* [n_fields] output columns that nobody reads: may be left empty. NULL: none. */
            const bool *unused;
        } generate;
        struct {
            PlanNode **inputs;
            uint32_t n_inputs;
        } union_all;
        /*
         * Output: the columns of the input, the id of the set and, when there is one column more,
         * its number. Key i is null in the rows of a set whose bit i is 0.
         */
        struct {
            uint32_t *keys; /* columns of the input, at most 64 */
            uint32_t n_keys;
            uint64_t *sets;
            int64_t *ids;
            uint32_t n_sets;
        } expand;
        struct {
            double low, high;
            int64_t seed;
        } sample;
        /* @input is NULL. Who walks a whole plan goes on to @plan->node where @first is set. */
        struct {
            SharedPlan *plan;
            bool first;
            struct SharedColumns *columns; /* of the optimiser */
        } shared;
    };
};
