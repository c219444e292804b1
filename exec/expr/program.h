/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside expr/: steps, registers, scopes.
 *
 * A program is an array of steps; arguments come before the steps that use them. Evaluation starts
 * at an output and goes down only where it must: a register that was filled for this scope, or for
 * one around it, is used again. A *scope* is the set of rows somebody wants a value for: the whole
 * batch, or the rows for which a WHEN was true. It bounds which rows may raise an error.
 */

#include <assert.h>
#include <stdatomic.h>

#include "base/cleanup.h"
#include "exec/expr/expr.h"
#include "exec/kernel/decimal.h"
#include "exec/kernel/kernel.h"
#include "exec/vec/ops.h"

#define STEP_NO_COLUMN UINT32_MAX
#define STEP_MANY_COLUMNS (UINT32_MAX - 1)

typedef struct Step Step;
typedef struct Reg Reg;

/* Rows wanted. Values of others may be written, never looked at. */
typedef struct Scope {
    uint64_t id;
    const struct Scope *outer;
    const uint16_t *sel; /* NULL: 0..n */
    uint32_t n;
} Scope;

struct Reg {
    Vector v;
    uint64_t scope; /* id of the scope it was filled for; 0: empty; UINT64_MAX: a constant */
    /*
     * PHYS_I8..PHYS_I64: all wanted values lie in [lo, hi]. A decimal of more than 18 digits whose
     * values are known to fit travels as PHYS_I64 ("narrow"); v.phys says which.
     */
    bool bounded;
    int64_t lo, hi;
    void *values; /* own buffers, made at first use, room for VEC_ROWS_MAX values of 16 bytes */
    uint64_t *valid;
    Vector flat; /* @v flattened, when flat_scope covers the scope */
    uint64_t flat_scope;
    void *flat_values;
    uint64_t *flat_valid;
};

/* Strict steps get their arguments evaluated; @rows are those to compute, nulls still among them.
 */
typedef int (*StepEval)(ExprState *s, const Step *step, const Scope *scope, Reg *const *args,
                        Reg *out);
/* Lazy steps (AND, CASE, ...) evaluate their arguments themselves. */
typedef int (*StepEvalLazy)(ExprState *s, const Step *step, const Scope *scope, Reg *out);

struct Step {
    uint8_t kind; /* ExprKind */
    uint8_t phys; /* PhysKind of @type */
    bool constant;
    bool can_fail;    /* may raise an error, itself or below */
    bool is_volatile; /* another value for each row */
    bool dict;        /* worth computing per dictionary entry */
    Type type;
    FunctionId function;
    uint32_t n_args;
    uint32_t *args; /* step numbers, all below its own */
    uint32_t
        column; /* COLUMN: which. Others: the only one below, STEP_NO_COLUMN, STEP_MANY_COLUMNS */
    StepEval eval;
    StepEvalLazy lazy;
    const Expr *expr;
    void *aux; /* compiled pattern, set of an IN */
};

struct ExprProgram {
    uint32_t n_steps;
    Step *steps;
    uint32_t n_columns;
    uint32_t n_outputs;
    uint32_t *outputs;
    /* expr_select(): the outputs with AND taken apart */
    uint32_t n_conjuncts;
    uint32_t *conjuncts;
    atomic_uint *partitions; /* states that have a number; NULL when nothing wants one */
};

/* A step's results for one dictionary. */
typedef struct DictCache {
    uint64_t dict_id; /* of the input; 0: none yet */
    uint64_t new_id;  /* of the result */
    uint64_t rows;    /* asked for since this dictionary came */
    bool ready;
    bool failed; /* an entry raises an error: rows must be done one by one */
    bool null_failed;
    uint8_t phys;
    bool bounded;
    int64_t lo, hi;
    uint32_t n;
    uint32_t capacity;
    bool has_nulls; /* some entry gives null: look at @valid */
    void *values;
    uint64_t *valid; /* NULL: no result is null */
    bool null_is_null;
    uint64_t null_value[2]; /* result for a null input */
    MemArena *strings;
    Vector null_vector;
} DictCache;

typedef struct ColumnRange {
    uint64_t dict_id;
    int64_t lo, hi;
} ColumnRange;

typedef struct ConjunctStats {
    uint32_t step;
    uint64_t rows_in, rows_out, nanoseconds;
    uint64_t rows_timed;
} ConjunctStats;

struct ExprState {
    const ExprProgram *program;
    MemPool *pool;
    const KernelTable *kern;
    MemArena *arena;   /* registers, caches: as long as the state */
    MemArena *strings; /* of the batch */
    const Batch *batch;
    uint64_t n_scopes; /* ids given out */
    Scope base;
    Reg *regs;           /* [n_steps] */
    DictCache **caches;  /* [n_steps], where one was needed */
    ColumnRange *ranges; /* [n_columns] */
    ExprState *child;    /* evaluates over dictionary entries */
    Vector *child_columns;
    QueryError *error; /* of the current call, may be NULL */
    ConjunctStats *conjuncts;
    uint64_t n_selects;
    /* Buffers of 16 bytes per row, lent until the end of the batch. */
    void **scratch;
    uint32_t n_scratch, scratch_used, scratch_capacity;
    void *regex_match_data;
    void *regex_match_context;
    struct HigherState **higher; /* [n_steps]; nested_lambda.c */
    uint32_t partition; /* its number among the states of the program, once @has_partition */
    bool has_partition;
    struct RowMemo **memos; /* [n_steps], where one was needed (row.h) */
};

/* --- eval.c --- */

/* Fill the register of @step for @scope. */
int expr_step(ExprState *s, uint32_t step, const Scope *scope, Reg **ret_reg);
/* A scope inside @outer; @sel must stay valid meanwhile. */
Scope expr_scope(ExprState *s, const Scope *outer, const uint16_t *sel, uint32_t n);
/* VEC_ROWS_MAX * 16 bytes until the end of the batch; NULL: mem_arena_error(s->arena). */
void *expr_scratch(ExprState *s);
/* The same, for rows of a selection. */
static inline uint16_t *expr_rows(ExprState *s)
{
    return expr_scratch(s);
}

/* @reg as VEC_FLAT, or as VEC_CONST if it is one. */
int expr_flat(ExprState *s, Reg *reg, const Scope *scope, const Vector **ret_vector);
/* The same, as PHYS_I128. */
int expr_flat_wide(ExprState *s, Reg *reg, const Scope *scope, const Vector **ret_vector);
/* Closed range of an integer register's wanted values. False: not an integer. */
bool expr_range(ExprState *s, Reg *reg, const Scope *scope, int64_t *ret_lo, int64_t *ret_hi);
/* Make @out a flat vector of @phys with buffers of its own. */
int expr_out(ExprState *s, Reg *out, Type type, PhysKind phys, void *ret_values);
/*
 * @out's bitmap becomes the conjunction of the arguments'. @ret_rows: the rows to compute (those
 * of the scope without nulls), NULL for 0..n. @ret_n may be 0.
 */
int expr_live_rows(ExprState *s, const Scope *scope, const Vector *const *args, uint32_t n_args,
                   Reg *out, const uint16_t **ret_rows, uint32_t *ret_n);
int expr_out_valid(ExprState *s, Reg *out); /* its bitmap, for whoever sets nulls itself */
int expr_out_null(ExprState *s, const Step *step, Reg *out);
/* Bytes that live until the end of the batch. NULL: mem_arena_error(s->strings). */
static inline char *expr_bytes(ExprState *s, uint32_t n)
{
    return mem_arena_alloc(s->strings, n ? n : 1, 1);
}

/* index into a flat or constant vector: row & mask */
static inline uint32_t expr_mask(const Vector *v)
{
    return v->encoding == VEC_CONST ? 0 : UINT32_MAX;
}

#define EXPR_FOR_ROWS(rows, n, row)                                                                \
    for (uint32_t _i = 0, row; _i < (n) && ((row = (rows) ? (rows)[_i] : _i), true); _i++)

/* --- who knows which evaluator: each returns false when the function is not its own --- */

bool expr_bind_arithmetic(Step *step, const Step *steps);
bool expr_bind_compare(Step *step, const Step *steps);
bool expr_bind_logic(Step *step, const Step *steps);
bool expr_bind_date(Step *step, const Step *steps);
bool expr_bind_string_plain(Step *step, const Step *steps);
bool expr_bind_cast(Step *step, const Step *steps);
/* May allocate and fail: patterns, sets. Return: 0 with step->eval set, or left NULL; as
 * expr_compile(). */
int expr_bind_string(MemArena *arena, Step *step, const Step *steps, QueryError *error);
int expr_bind_in(MemArena *arena, Step *step, const Step *steps, QueryError *error);
void expr_regex_state_free(ExprState *s);
/* A regular expression for the rest of the batch. Return: 0; QUERY_E_FAILED; MEM_E_*. */
int expr_regex_compile(ExprState *s, const VecString *pattern, void **ret_code);
/* The first match at or after @from. Return: 0 with *ret_found; QUERY_E_FAILED (too much work). */
int expr_regex_find(ExprState *s, const Step *step, void *code, const VecString *text,
                    uint32_t from, bool *ret_found, uint32_t *ret_start, uint32_t *ret_end);
/* Limits for matching are in s->regex_match_context afterwards. Return: 0; -ENOMEM. */
int expr_regex_prepare(ExprState *s);
/**
 * expr_regex_compile_in() - a pcre2_code in @arena, which is never freed by itself
 * @function: for the message
 * Return: 0; QUERY_E_FAILED with INVALID_PARAMETER_VALUE.PATTERN; mem_arena_error().
 */
int expr_regex_compile_in(MemArena *arena, const VecString *pattern, const char *function,
                          QueryError *error, void **ret_code);
/* Functions on nested values, and their text. As expr_bind_string(). */
int expr_bind_nested(MemArena *arena, Step *step, const Step *steps);
/*
 * Functions with lambdas: compiles the lambdas of @e into *@ret_aux. The step's arguments are then
 * *@ret_args: those of @e that are no lambdas, then the columns that the lambdas mention.
 */
int expr_higher_split(MemArena *arena, const Expr *e, QueryError *error, Expr ***ret_args,
                      uint32_t *ret_n, void **ret_aux);
void expr_higher_state_free(struct HigherState *h);
/* Text of a value that is neither a string nor nested, as CAST writes it. Return: its length. */
/* Reads it back, as CAST of STRING does. Return: false: it is none. */
bool expr_parse_value(Type type, const VecString *text, void *ret_value);
uint32_t expr_format_value(Type type, const void *value, char *buf, size_t size);

/* --- errors of rows --- */

int expr_fail_overflow(ExprState *s, const Step *step, const char *what);
int expr_fail_divide(ExprState *s, const Step *step);
int expr_fail_precision(ExprState *s, const Step *step, i128 value, uint32_t scale, Type target);
int expr_fail_precision_text(ExprState *s, const Step *step, const char *text, uint32_t n,
                             Type target);
int expr_fail_cast_input(ExprState *s, const Step *step, const VecString *text);
int expr_fail_cast_overflow(ExprState *s, const Step *step, const Vector *v, uint32_t row);
int expr_fail_datetime(ExprState *s, const Step *step, const char *what);
int expr_fail_field(ExprState *s, const Step *step, const char *what);
/* FN_RAISE; @text nullable. */
int expr_fail_raise(ExprState *s, const Step *step, const VecString *text);
int expr_fail_pattern(ExprState *s, const Step *step, const char *class, const char *what);

/* Evaluates a literal or constant vector made of a Literal. */
Vector expr_literal_vector(MemArena *arena, const Expr *expr, int *ret_r);
