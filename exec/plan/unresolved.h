/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The unresolved tree: what a query says before anybody has looked at a file. Both front doors
 * build it - exec/sql from text, exec/connect from Spark Connect messages - and the binder
 * (plan/bind.h) turns it into the bound plan of plan/plan.h.
 *
 * It speaks of names only. Operators are functions under Spark's names: "+", "==", "and", "in",
 * "like", "when" (when0, then0, when1, then1, ..., [else]), "isnull", ... so that SQL text and
 * DataFrame calls meet in one table (plan/function.c). "and", "or" and UREL_SET_OP of kind UNION
 * ALL are n-ary: long chains cost width, not depth.
 *
 * Depth: every constructor below counts the nesting of what it makes; the first node deeper than
 * UNRESOLVED_DEPTH_MAX sets the builder's error and gives NULL. So whoever holds a tree may recurse
 * over it (PLAN-1).
 *
 * Ownership: everything lives in the builder's arena; text is copied there. Trees are const after
 * building and may be shared: a temporary view is a tree with an arena of its own.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/plan.h"
#include "exec/vec/type.h"

#define UNRESOLVED_DEPTH_MAX 1000u
/* Children of one node: select list, IN list, VALUES cells, union inputs. */
#define UNRESOLVED_CHILDREN_MAX (1u << 20)
#define UNRESOLVED_NO_PLAN_ID INT64_C(-1)

typedef struct UExpr UExpr;
typedef struct URel URel;
typedef struct PlanView PlanView;

typedef enum UExprKind {
    UEXPR_LITERAL,
    UEXPR_COLUMN,   /* @parts: a, t.a, `x y`.a; @plan_id */
    UEXPR_STAR,     /* @parts: qualifier or none; @args: EXCEPT columns; @plan_id; @text */
    UEXPR_CALL,     /* @name(@args), @distinct, @filter */
    UEXPR_ALIAS,    /* args[0] AS @name; of a generator also AS (@parts) */
    UEXPR_CAST,     /* args[0] to @type, @try_cast */
    UEXPR_SUBQUERY, /* @subquery_kind, @query; IN: args are the values on the left */
    UEXPR_EXTRACT,  /* args[0][args[1]]; @name is there when it was written args[0].name */
    UEXPR_LAMBDA,   /* @parts -> args[0]; only as an argument of a higher-order function */
    UEXPR_WINDOW,   /* args[0] OVER (...): @window; args behind are its partition, then its order */
    UEXPR_PARAMETER, /* :name or ? (number in @parameter); replaced before binding */
} UExprKind;

typedef enum USubqueryKind {
    USUBQUERY_SCALAR,
    USUBQUERY_EXISTS,
    USUBQUERY_IN,
} USubqueryKind;

typedef struct UWindowBound {
    uint8_t kind;        /* WindowBound */
    const UExpr *offset; /* PRECEDING and FOLLOWING */
} UWindowBound;

/* OVER (...), or OVER name. */
typedef struct UWindow {
    const char *name; /* of the WINDOW clause; NULL: what follows says it */
    uint32_t n_partition, n_order;
    const bool *descending, *nulls_first; /* [n_order] */
    bool has_frame, range;
    UWindowBound start, end;
} UWindow;

struct UExpr {
    uint8_t kind;          /* UExprKind */
    uint8_t subquery_kind; /* USubqueryKind */
    bool distinct;         /* CALL: count(DISTINCT x) */
    bool try_cast;         /* CAST: NULL instead of an error */
    bool ignore_nulls;     /* CALL: first(x) IGNORE NULLS */
    uint16_t depth;
    /* Where it stands in the SQL text: byte offset + 1 of the first byte, offset of the byte after
     * the last; 0 when there is no text. */
    uint32_t position, stop;
    uint32_t n_parts;
    uint32_t n_args;
    uint32_t parameter;
    const char *name; /* CALL: lower case; ALIAS: as written; PARAMETER: name or NULL */
    const char **parts;
    int64_t plan_id; /* the relation (URel.plan_id) that a DataFrame column came from */
    UExpr **args;
    UExpr *filter;         /* CALL: FILTER (WHERE ...) */
    const UWindow *window; /* WINDOW; CALL: WITHIN GROUP, whose keys are the last arguments */
    Type type;             /* LITERAL, CAST */
    Literal literal;
    const URel *query;
    /* LITERAL: as written, where the printed form matters ("1.50"). STAR: a regular expression,
     * only columns whose whole name it matches. ALIAS: metadata, JSON. Or NULL. */
    const char *text;
};

typedef struct USortKey {
    UExpr *expr;
    bool descending;
    bool nulls_first;
} USortKey;

typedef enum URelKind {
    UREL_TABLE,     /* @parts: a view, or a name that nothing answers to; @view when captured */
    UREL_FILES,     /* @format, @paths, @options */
    UREL_ONE_ROW,   /* SELECT without FROM */
    UREL_VALUES,    /* @exprs: row by row, @n_columns each; column names col1, col2, ... */
    UREL_LOCAL,     /* rows in memory: @fields, @batches */
    UREL_RANGE,     /* @start, @end, @step; column id */
    UREL_PROJECT,   /* @exprs */
    UREL_FILTER,    /* @condition */
    UREL_HAVING,    /* @condition over an AGGREGATE or PROJECT; may hold aggregates */
    UREL_JOIN,      /* @input, @right, @join_type, @condition, @names (USING), @natural */
    UREL_AGGREGATE, /* @groups, @exprs: the select list; @group_all; @with_groups */
    UREL_SORT,      /* @keys; @sort_all */
    UREL_LIMIT,     /* @condition: limit or NULL; @offset or NULL */
    UREL_TAIL,      /* @start: the last rows */
    UREL_SET_OP,    /* @inputs, @set_op, @all, @by_name, @allow_missing */
    UREL_DISTINCT,
    UREL_DEDUPLICATE, /* @names, none: all columns */
    UREL_ALIAS,       /* @name, @names: column aliases */
    /* @inputs: CTEs (each an ALIAS), then @input. @all: RECURSIVE; @start of a CTE is then how many
     * levels it may have, below 0: as the session says. */
    UREL_WITH,
    UREL_TO_DF,        /* @names: all columns renamed */
    UREL_WITH_COLUMNS, /* @exprs: ALIASes; each replaces a column or is appended */
    UREL_RENAME,       /* @names: old0, new0, old1, new1, ...; unknown ones are ignored */
    UREL_DROP,         /* @exprs: columns; @names; unknown ones are ignored */
    UREL_NA_DROP,      /* @names (none: all), @start: min_non_nulls, -1: all of them */
    UREL_NA_FILL,      /* @names (none: all that fit), @exprs: one literal or one per name */
    UREL_DESCRIBE,     /* @names (none: all that fit), @parts: the statistics */
    UREL_REPLACE,      /* @names (none: all), @exprs: old0, new0, old1, new1, ... */
    UREL_UNPIVOT,      /* @exprs: ids, @groups: values (none: all others), @names: two columns */
    UREL_TO_SCHEMA,    /* @fields */
    UREL_TRANSPOSE,    /* @exprs: the index column, or none: the first one */
    /* LATERAL VIEW: @condition is the generator's call, @all OUTER, @name, @names of its columns.
     * As a table function over ONE_ROW. */
    UREL_GENERATE,
    UREL_SAMPLE,      /* rows that draw from @low to @high; @start: seed, @all: none given */
    UREL_PIVOT,       /* @exprs: aggregates, @pivots, @values; @groups when @with_groups */
    UREL_SQL_UNPIVOT, /* @groups: @n_columns for each entry, @parts: their aliases or NULL, @names:
                         variable, values; @all: nulls too */
    _UREL_KIND_MAX,
} URelKind;

/*
 * Names of the calls that stand in @groups for grouping sets. SET: several groups in parentheses;
 * SETS_OF: all groups as a SET, then the sets.
 */
#define UGROUP_ROLLUP "rollup"
#define UGROUP_CUBE "cube"
#define UGROUP_SETS "grouping sets"
#define UGROUP_SETS_OF "grouping sets of"
#define UGROUP_SET "grouping set"

typedef enum USetOp {
    USET_UNION,
    USET_INTERSECT,
    USET_EXCEPT,
} USetOp;

typedef struct UOption {
    const char *key, *value;
} UOption;

struct URel {
    uint8_t kind;      /* URelKind */
    uint8_t join_type; /* JoinType */
    uint8_t set_op;    /* USetOp */
    bool all, by_name, allow_missing;
    bool natural;
    bool lateral;     /* the right side of a join that may use columns of the left */
    bool group_all;   /* GROUP BY ALL */
    bool with_groups; /* DataFrame groupBy().agg(): the groups come before @exprs */
    bool sort_all;    /* ORDER BY ALL */
    uint16_t depth;
    uint32_t position, stop;
    uint32_t n_exprs, n_groups, n_keys, n_inputs, n_parts, n_names, n_paths, n_options, n_fields;
    uint32_t n_batches, n_columns;
    int64_t plan_id;
    URel *input, *right;
    URel **inputs;
    UExpr *condition, *offset;
    UExpr **exprs;
    UExpr **groups;
    UExpr **pivots, **values;
    uint32_t n_pivots, n_values;
    USortKey *keys;
    const char **parts;
    const char *name;
    const char **names;
    const char *format;
    const char **paths;
    UOption *options;
    PlanField *fields;
    Batch *batches;
    const PlanView *view;
    int64_t start, end, step;
    double low, high;
    /* PROJECT, AGGREGATE: WINDOW name AS (...): calls of nothing with that name, @names [n_windows]
     */
    UExpr **windows;
    const char **window_names;
    uint32_t n_windows;
};

/* Where a front door builds; the first failure sticks and every constructor then returns NULL. */
typedef struct UBuilder {
    MemArena *arena;   /* borrowed */
    QueryError *error; /* borrowed, nullable */
    int result;        /* 0, QUERY_E_FAILED, or as mem_charge() */
} UBuilder;

/* Every constructor: NULL children are a failure of the builder that has already been noted. */
UExpr *uexpr_new(UBuilder *b, UExprKind kind, UExpr *const *args, uint32_t n_args);
UExpr *uexpr_literal(UBuilder *b, Type type, Literal literal);
UExpr *uexpr_null(UBuilder *b);
UExpr *uexpr_int(UBuilder *b, int64_t value); /* INT when it fits, else LONG */
UExpr *uexpr_bool(UBuilder *b, bool value);
UExpr *uexpr_string(UBuilder *b, const char *text, size_t n);
/* @name is lower-cased. */
UExpr *uexpr_call(UBuilder *b, const char *name, UExpr *const *args, uint32_t n_args);
UExpr *uexpr_call1(UBuilder *b, const char *name, UExpr *a);
UExpr *uexpr_call2(UBuilder *b, const char *name, UExpr *a, UExpr *c);
/* "and" and "or": joins the argument lists of two calls of the same name without parentheses
 * between. */
UExpr *uexpr_chain(UBuilder *b, const char *name, UExpr *const *args, uint32_t n_args);
UExpr *uexpr_alias(UBuilder *b, UExpr *e, const char *name);
UExpr *uexpr_cast(UBuilder *b, UExpr *e, Type type, bool try_cast);
UExpr *uexpr_column(UBuilder *b, const char *const *parts, uint32_t n_parts);
UExpr *uexpr_subquery(UBuilder *b, USubqueryKind kind, const URel *query, UExpr *const *args,
                      uint32_t n_args);

/* A relation of @kind over @input (nullable for leaves); the caller fills the rest and then calls
 * urel_seal(), which counts the depth. */
URel *urel_new(UBuilder *b, URelKind kind);
/* A path of files of @format, which is kept in small letters. */
URel *urel_files(UBuilder *b, const char *format, const char *path);
/* What a name of @n parts stands for: `csv`.`path` for files, also of formats that only the binder
 * refuses, any other for a table or view. Not sealed. */
URel *urel_named(UBuilder *b, const char **parts, uint32_t n);
/* Return: @rel, or NULL when it nests too deeply. */
URel *urel_seal(UBuilder *b, URel *rel);

/* Notes a failure. Return: NULL, so that constructors can end with it. */
void *ubuilder_fail(UBuilder *b, int r);
void *ubuilder_too_deep(UBuilder *b);
/* Arena memory of @n elements of @size, or NULL and the failure noted. */
void *ubuilder_alloc(UBuilder *b, size_t n, size_t size);
char *ubuilder_strndup(UBuilder *b, const char *text, size_t n);
/* Copies an array of pointers. */
void *ubuilder_dup(UBuilder *b, const void *items, size_t n, size_t size);

/**
 * unresolved_split_name() - "a.b", "`x.y`.z" into parts
 * Return: 0; QUERY_E_FAILED (PARSE_SYNTAX_ERROR for a bad name); as mem_charge().
 */
int unresolved_split_name(UBuilder *b, const char *name, size_t n, const char ***ret_parts,
                          uint32_t *ret_n);
