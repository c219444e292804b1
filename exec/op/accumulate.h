/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * States of aggregates: how rows go in, how two states become one, and what comes out. An AVG and a
 * SUM of the same argument share one state.
 */

#include "exec/expr/expr.h"
#include "exec/kernel/decimal.h"
#include "exec/kernel/kernel.h"
#include "exec/op/group_table.h"
#include "exec/plan/plan.h"

typedef enum StateKind {
    STATE_COUNT,   /* i64 */
    STATE_SUM_INT, /* SumInt: integers and decimals */
    STATE_SUM_F64, /* SumFloat */
    STATE_MIN,     /* Extreme */
    STATE_MAX,
    STATE_FIRST, /* Extreme, as those below; a null is kept, too */
    STATE_FIRST_KNOWN,
    STATE_LAST,
    STATE_LAST_KNOWN,
    STATE_MIN_BY, /* of FN_KEYED: the last of those with the least key */
    STATE_MAX_BY,
    STATE_BIT_AND, /* integers */
    STATE_BIT_OR,
    STATE_BIT_XOR,
    STATE_PRODUCT,  /* double */
    STATE_VARIANCE, /* those of accumulate_moments.h */
    STATE_MOMENTS,
    STATE_COVARIANCE,
    STATE_COLLECT, /* Collected, of accumulate_collect.h */
} StateKind;

/* 24 bytes at a multiple of 8: a key of 8 bytes, a COUNT and a SUM then share a cache line. */
typedef struct SumInt {
    i128 sum;
    int64_t count; /* SUM_OVERFLOWED: the sum does not hold what went in */
} __attribute__((packed, aligned(8), may_alias)) SumInt;

#define SUM_OVERFLOWED INT64_MIN
/* @count values whose sum is @sum. */
void sum_add_many(SumInt *s, int64_t sum, int64_t count);

typedef struct SumFloat {
    double sum;
    int64_t count;
} SumFloat;

typedef struct Extreme {
    uint64_t value[2]; /* any physical kind */
    uint32_t seen;     /* SEEN_* */
    uint32_t capacity; /* of the string's bytes, when they may be written over */
} Extreme;

enum {
    SEEN_NOTHING,
    SEEN_VALUE,
    SEEN_NULL,
};

typedef struct State {
    uint8_t kind;    /* StateKind */
    uint8_t phys;    /* of the argument */
    bool own_bytes;  /* no copy of a state shares its bytes: they may be written over */
    Type type;       /* of the argument */
    uint32_t offset; /* in the group's row; multiple of 8 */
    uint32_t arg;    /* output of the program; UINT32_MAX: COUNT(*) */
    uint32_t filter; /* output of the program; UINT32_MAX: none */
} State;

uint32_t state_size(StateKind kind);
/* Which state an aggregate needs. Return: 0; -EOPNOTSUPP. */
int state_kind(const Aggregate *aggregate, StateKind *ret);

/* Does the result depend on the order in which rows come? */
bool state_shows_order(StateKind kind);

/* Rows of one batch and where they go. */
typedef struct StateInput {
    const KernelTable *kern;
    const Vector *v; /* NULL for COUNT(*) */
    bool bounded;
    int64_t lo, hi;
    const uint16_t *sel; /* selected rows, or NULL */
    uint32_t n, n_rows;
    uint8_t *const *rows; /* per selected row: its group; NULL: all go to @single */
    uint8_t *single;
    void *scratch; /* VEC_ROWS_MAX * 16 bytes */
    MemArena *strings;
} StateInput;

/* A number of any kind as it counts in statistics. */
double state_load_float(const Vector *v, uint32_t at);
/* Return: 0; mem_arena_error(@strings). */
int state_update(const State *state, const StateInput *in);
/* @to takes in @from. */
int state_merge(const State *state, uint8_t *to, const uint8_t *from, MemArena *strings);

/**
 * aggregate_finalize() - results of one aggregate for some groups
 * @rows:   groups
 * @values, @valid: room for VEC_ROWS_MAX
 * Return: 0; QUERY_E_FAILED (a sum does not fit).
 */
int aggregate_finalize(const Aggregate *aggregate, const State *state, const uint8_t *const *rows,
                       uint32_t n, void *values, uint64_t *valid, Vector *ret_vector,
                       QueryError *error);
