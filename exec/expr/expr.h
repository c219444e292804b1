/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Expressions: bound trees compiled into flat steps, evaluated a batch at a time.
 *
 *   ExprProgram   compiled, const, shared by all threads; lives in the arena it was compiled into
 *   ExprState     one thread's registers, dictionary caches and counters
 *
 * A program has one or more outputs. Equal subexpressions are computed once per batch. An
 * expression over one dictionary-encoded column is computed once per dictionary entry, and the
 * result is kept as long as the dictionary's @dict_id stays the same. Errors (overflow, a cast that
 * fails) are raised only for rows that the batch selects.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/plan.h"
#include "exec/vec/vector.h"

typedef struct ExprProgram ExprProgram;
typedef struct ExprState ExprState;

#define EXPR_STEPS_MAX 65536u
#define EXPR_DEPTH_MAX 512u

/**
 * expr_compile() - turn bound expressions into one program
 * @arena:    owns the program and everything it refers to except literals' long strings, which stay
 *            where the plan has them; must outlive all states
 * @exprs:    Expr *[@n_exprs]; for expr_select() the conjuncts
 * @n_columns: columns of the batches it will see; a larger column number is an error of ours
 * @error:    what the tenant reads; may be NULL
 *
 * Constant subexpressions are computed here; one that fails (1/0) is left to fail on the first
 * selected row.
 *
 * Return: 0; QUERY_E_FAILED (an unsupported combination of types, a bad pattern, too many steps);
 * MEM_E_*; negative errno.
 */
int expr_compile(MemArena *arena, Expr *const *exprs, uint32_t n_exprs, uint32_t n_columns,
                 QueryError *error, ExprProgram **ret_program);

uint32_t expr_program_outputs(const ExprProgram *program);

/* Return: 0; MEM_E_*; negative errno. */
int expr_state_new(const ExprProgram *program, MemPool *pool, ExprState **ret_state);
/* Accepts NULL. */
ExprState *expr_state_free(ExprState *state);
static inline void expr_state_freep(ExprState **state)
{
    *state = expr_state_free(*state);
}

/**
 * expr_eval() - compute one output for the selected rows of @batch
 * @ret_out:  out; any encoding. Values of rows that are not selected are undefined. Memory belongs
 *            to @state or to @batch and is valid until the next expr_begin(), or the end of @batch.
 *
 * expr_begin() starts a batch: it forgets the registers of the one before. Call it once for each
 * batch, then expr_eval() for each output wanted; common parts are computed once.
 *
 * Return: 0; QUERY_E_FAILED with @error filled; MEM_E_*; negative errno.
 */
void expr_begin(ExprState *state, const Batch *batch);
int expr_eval(ExprState *state, uint32_t output, Vector *ret_out, QueryError *error);

/**
 * expr_eval_narrow() - the same for those who add numbers up
 * @ret_out:  a DECIMAL of more than 18 digits may come with phys = PHYS_I64 when all selected
 *            values fit
 * @ret_lo, @ret_hi: closed range of the selected values when the result is true for *@ret_bounded
 */
int expr_eval_narrow(ExprState *state, uint32_t output, Vector *ret_out, bool *ret_bounded,
                     int64_t *ret_lo, int64_t *ret_hi, QueryError *error);

/**
 * expr_select() - rows of @batch for which all outputs are true
 * @batch:    its selection is the input selection
 * @sel_out:  out, u16[VEC_ROWS_MAX], ascending; must not be @batch->sel
 * @ret_n:    out, number of rows in @sel_out; when it equals @batch->n_selected the caller may
 *            keep its own selection
 *
 * The outputs are conjuncts: each is evaluated only for rows that passed those before, in an order
 * that adapts to what they cost and drop. NULL is not true. Calls expr_begin() itself.
 *
 * Return: 0; QUERY_E_FAILED; MEM_E_*; negative errno.
 */
int expr_select(ExprState *state, const Batch *batch, uint16_t *sel_out, uint32_t *ret_n,
                QueryError *error);

/**
 * expr_select_dictionary() - which entries of a dictionary make a predicate over one column true
 * @program:  one output of type BOOLEAN that refers to exactly one column
 * @dict:     flat vector of the entries, @n_entries of them (may exceed VEC_ROWS_MAX), no nulls
 * @ret_pass: out, u8[@n_entries]: 1 true, 0 false or null, 2 the entry raises an error if a row
 *            uses it
 *
 * For scans that decide on codes, or skip a column chunk when no entry passes.
 * Return: 0; MEM_E_*; negative errno; -EINVAL when the program is not of that form.
 */
int expr_select_dictionary(ExprState *state, uint32_t output, const Vector *dict,
                           uint32_t n_entries, uint8_t *ret_pass);

/* The single column that @output depends on, or UINT32_MAX when there is none or more than one. */
uint32_t expr_program_single_column(const ExprProgram *program, uint32_t output);
/* Is the output true, false or null when its single column is null? 1 true; 0 false or null. */
int expr_select_null(ExprState *state, uint32_t output, bool *ret_pass);

/**
 * expr_fold() - compute an expression over literals, as PlanFold of plan/bind.h
 * @arena:  for the bytes of a string result
 * Return: 0; 1 when it cannot be computed (it refers to a column, or fails, or needs more than a
 * few MiB): leave it as it is.
 */
int expr_fold(MemArena *arena, const Expr *expr, Literal *ret_literal);
