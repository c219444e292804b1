/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Functions of plan/function_signed.c: each is a C function of one row, or of one double. A driver
 * flattens the arguments, leaves out rows with nulls and calls it for the rest. What a function
 * wants to keep between rows (a compiled pattern, a parsed format) it keeps in a memo, one per step
 * and thread.
 */

#include "exec/expr/program.h"
#include "exec/kernel/zone.h"

/* A string that a function makes may have at most this many bytes. */
#define ROW_STRING_MAX (UINT32_C(1) << 30)

/* One step's memory in one thread. @arena is reset by whoever replaces what it holds. */
typedef struct RowMemo {
    struct RowMemo *next;
    MemArena *arena;
    void *state; /* in @arena; NULL: nothing yet */
    VecString key;
} RowMemo;

typedef struct RowCall {
    ExprState *s;
    const Step *step;
    const Vector *const *v; /* arguments, flat or constant */
    uint32_t n_args;
    uint32_t row;
    void *values;
    bool is_null; /* out: the result */
    RowMemo *memo;
} RowCall;

/* Return: 0; an error of expr_fail_*(); as mem_charge(). */
typedef int (*RowFunction)(RowCall *c);

typedef struct RowRule {
    RowFunction row;
    double (*math)(double x); /* instead of @row: DOUBLE to DOUBLE */
    uint8_t flags;
} RowRule;

enum {
    ROW_SAFE = 1,  /* no row can fail */
    ROW_NULLS = 2, /* sees rows with null arguments, too */
};

/* One table per family, indexed by function number less FN_ROW_FIRST; gaps are zero. */
extern const RowRule row_rules_text[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_regex[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_hash[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_code[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_zone[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_interval[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_random[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_date[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_format[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_letters[FN_ROW_LAST - FN_ROW_FIRST];
extern const RowRule row_rules_math[FN_ROW_LAST - FN_ROW_FIRST];
const RowRule *row_rule(FunctionId id);
bool row_can_fail(FunctionId id);

bool expr_bind_row(Step *step, const Step *steps);
bool expr_bind_try(Step *step);
void expr_memos_free(ExprState *s);
int row_memo(ExprState *s, const Step *step, RowMemo **ret_memo);

/* The time zone @name, kept in the memo. Return: 0; ZONE_E_UNKNOWN; as mem_charge(). */
int row_zone(RowMemo *memo, VecString name, const Zone **ret);
/* The same of a call; what is no zone is the error INVALID_TIMEZONE. */
int row_zone_named(RowCall *c, VecString name, const Zone **ret);

static inline bool row_null(const RowCall *c, uint32_t i)
{
    return vec_row_is_null(c->v[i], c->row);
}

static inline const VecString *row_string(const RowCall *c, uint32_t i)
{
    return (const VecString *)c->v[i]->values + (c->row & expr_mask(c->v[i]));
}

static inline int64_t row_int(const RowCall *c, uint32_t i)
{
    uint32_t at = c->row & expr_mask(c->v[i]);
    const void *values = c->v[i]->values;
    switch (c->v[i]->phys) {
    case PHYS_BOOL:
        return ((const uint8_t *)values)[at];
    case PHYS_I8:
        return ((const int8_t *)values)[at];
    case PHYS_I16:
        return ((const int16_t *)values)[at];
    case PHYS_I32:
        return ((const int32_t *)values)[at];
    default:
        return ((const int64_t *)values)[at];
    }
}

static inline i128 row_wide(const RowCall *c, uint32_t i)
{
    if (c->v[i]->phys == PHYS_I128)
        return ((const i128 *)c->v[i]->values)[c->row & expr_mask(c->v[i])];
    return row_int(c, i);
}

static inline double row_double(const RowCall *c, uint32_t i)
{
    uint32_t at = c->row & expr_mask(c->v[i]);
    return c->v[i]->phys == PHYS_F32 ? (double)((const float *)c->v[i]->values)[at]
                                     : ((const double *)c->v[i]->values)[at];
}

static inline int row_set_null(RowCall *c)
{
    c->is_null = true;
    return 0;
}

static inline int row_set_int(RowCall *c, int64_t x)
{
    switch (c->step->phys) {
    case PHYS_BOOL:
    case PHYS_I8:
        ((int8_t *)c->values)[c->row] = (int8_t)x;
        break;
    case PHYS_I16:
        ((int16_t *)c->values)[c->row] = (int16_t)x;
        break;
    case PHYS_I32:
        ((int32_t *)c->values)[c->row] = (int32_t)x;
        break;
    default:
        ((int64_t *)c->values)[c->row] = x;
    }
    return 0;
}

static inline int row_set_wide(RowCall *c, i128 x)
{
    if (c->step->phys == PHYS_I128)
        ((i128 *)c->values)[c->row] = x;
    else
        return row_set_int(c, (int64_t)x);
    return 0;
}

static inline int row_set_double(RowCall *c, double x)
{
    if (c->step->phys == PHYS_F32)
        ((float *)c->values)[c->row] = (float)x;
    else
        ((double *)c->values)[c->row] = x;
    return 0;
}

/* A string whose bytes live as long as the batch: an argument, part of one, a literal. */
static inline int row_set_part(RowCall *c, VecString x)
{
    ((VecString *)c->values)[c->row] = x;
    return 0;
}

/* Copies. */
int row_set_text(RowCall *c, const char *bytes, size_t n);
/* A result of @n bytes is refused. Return: QUERY_E_FAILED. */
int row_too_large(RowCall *c, uint64_t n);
/* Room for a result of @n bytes, NULL after *@ret_r is set. */
char *row_bytes(RowCall *c, uint64_t n, int *ret_r);

/* A result that grows in the batch's bytes; begins as zeros. */
typedef struct RowText {
    char *bytes;
    size_t n, capacity;
} RowText;
int row_text_add(RowCall *c, RowText *text, const char *bytes, size_t n);

/* Errors in Spark's classes: a format with its SQLSTATE. Return: QUERY_E_FAILED. */
int row_fail(RowCall *c, DataErrorKind kind, const char *class, const char *sqlstate,
             const char *format, ...) __attribute__((format(printf, 5, 6)));
