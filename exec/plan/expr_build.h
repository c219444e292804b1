/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Making and taking apart bound expressions. Expressions are never changed once they are in a plan;
 * rewriting makes new ones and shares what stays.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/memory/memory.h"
#include "exec/plan/plan.h"

/* All return NULL only when the arena refuses; see mem_arena_error(). */
Expr *expr_column(MemArena *arena, uint32_t column, Type type, bool nullable);
Expr *expr_literal(MemArena *arena, Type type, Literal literal);
Expr *expr_null(MemArena *arena, Type type);
Expr *expr_bool(MemArena *arena, bool value);
Expr *expr_int(MemArena *arena, int32_t value);
/* @args is copied. */
Expr *expr_call(MemArena *arena, FunctionId function, Type type, bool nullable, Expr *const *args,
                uint32_t n_args);
/* Numeric and date literals are converted on the spot where that cannot fail. */
Expr *expr_cast(MemArena *arena, Expr *e, Type type, bool try_cast);
Expr *expr_compare(MemArena *arena, FunctionId function, Expr *a, Expr *b);
/* A balanced tree of AND or OR; @n 0 gives the neutral value. NULL entries are not allowed. */
Expr *expr_balanced(MemArena *arena, FunctionId function, Expr *const *parts, uint32_t n);

/* Same value for every row: same structure, literals and columns. */
bool expr_equal(const Expr *a, const Expr *b);
/* Does it give another value for each row, whatever its arguments are? */
bool expr_is_volatile(const Expr *e);
uint64_t expr_hash(const Expr *e);
bool expr_is_true(const Expr *e);
bool expr_is_false(const Expr *e); /* or NULL, as a condition */

/* Calls @visit for each column number in @e; stops at false. Return: false when stopped. */
bool expr_each_column(const Expr *e, bool (*visit)(void *userdata, uint32_t column),
                      void *userdata);
/* Are all columns in [low, high)? True for an expression without columns. */
bool expr_columns_within(const Expr *e, uint32_t low, uint32_t high);
bool expr_has_columns(const Expr *e);

/**
 * expr_rewrite() - a copy with parts replaced, top down
 * @replace:  returns the new expression for @e; NULL: look into its arguments
 * @failed:   out, set when the arena refuses
 */
Expr *expr_rewrite(MemArena *arena, Expr *e, Expr *(*replace)(void *userdata, Expr *e),
                   void *userdata);
/* Column c becomes map[c]. */
Expr *expr_remap(MemArena *arena, Expr *e, const uint32_t *map);
/* Column c becomes c + delta. */
Expr *expr_shift(MemArena *arena, Expr *e, int64_t delta);
/* Column c becomes exprs[c]. */
Expr *expr_substitute(MemArena *arena, Expr *e, Expr *const *exprs);

/* A list of conjuncts. */
typedef struct ExprList {
    Expr **items;
    uint32_t n, capacity;
} ExprList;
/* Return: false when the arena refuses. */
bool expr_list_add(MemArena *arena, ExprList *list, Expr *e);
/* Takes ANDs apart. */
bool expr_split(MemArena *arena, FunctionId function, Expr *e, ExprList *list);

/* @ret: the literal of type @from as @to; false when that may fail or needs the session. */
bool literal_convert(MemArena *arena, Type from, const Literal *literal, Type to, Literal *ret);
bool literal_equal(Type type, const Literal *a, const Literal *b);
/* Order of two literals of one type that are not null: -1, 0, 1. */
int literal_compare(Type type, const Literal *a, const Literal *b);
__int128 literal_decimal(Type type, const Literal *literal);
Literal literal_of_decimal(Type type, __int128 value);
