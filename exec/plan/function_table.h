/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The table of functions: names, arity, and which rule types them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/plan/plan.h"

/* How arguments are converted and what comes out; one arm of bind_call.c each. */
typedef enum FunctionRule {
    RULE_LOGIC,      /* booleans -> boolean */
    RULE_NULL_TEST,  /* anything -> boolean, never null */
    RULE_COMPARE,    /* two of one type -> boolean */
    RULE_ARITHMETIC, /* + - * % with dates and intervals */
    RULE_DIVIDE,     /* / */
    RULE_INT_DIVIDE, /* div */
    RULE_SIGN,       /* number or interval -> the same */
    RULE_ROUND,
    RULE_CEIL,     /* double -> bigint, decimal -> decimal without fraction */
    RULE_DOUBLE,   /* doubles -> double */
    RULE_COALESCE, /* any number of one type -> that type */
    RULE_LIKE,
    RULE_STRING,      /* strings -> string */
    RULE_LENGTH,      /* string -> int */
    RULE_STRING_TEST, /* strings -> boolean */
    RULE_SUBSTRING,
    RULE_LEFT,       /* string, int -> string */
    RULE_INSTR,      /* string, string -> int */
    RULE_DATE_FIELD, /* date -> int */
    RULE_TIME_FIELD, /* timestamp -> int */
    RULE_DATE_ADD,   /* date, int -> date */
    RULE_DATE_DIFF,  /* date, date -> int */
    RULE_ADD_MONTHS,
    RULE_DATE_TRUNC, /* unit, timestamp -> timestamp */
    RULE_MAKE_DATE,  /* three ints -> date */
    RULE_CAST,       /* int(x), date(x), ...: @id is the TypeKind */
    RULE_REWRITE,    /* expressed by others: bind_rewrite() looks at the name */
} FunctionRule;

typedef struct FunctionRow {
    const char *name;           /* lower case */
    uint16_t id;                /* FunctionId */
    uint8_t rule;               /* FunctionRule */
    uint8_t min_args, max_args; /* 255: no limit */
} FunctionRow;

/*
 * A function whose arguments and result a signature tells: one letter per argument, '|' before the
 * optional ones, '.' when the last may repeat, '>' and the result.
 *
 *   s STRING   y BINARY   S STRING or BINARY   b BOOLEAN   i INT   l LONG   d DOUBLE
 *   I integral N number   D DATE   t TIMESTAMP   w the clock of the session   a anything
 *
 * As a result also '1', the type of the first argument, T TINYINT A ARRAY<STRING> and m
 * DECIMAL(8,6). Behind it
 * '?': always nullable, '!': never; else nullable when an argument is. The signature "*" leaves
 * typing to bind_special.c; it then goes on with the least and the greatest number of arguments:
 * "*1 2".
 *
 * The body, where there is one, says the function with others:
 *
 *   (name argument ...)  another function    $1 $2 ...  the arguments, converted
 *   12  -1.5  'text'  null  true  false     (cast:int x)  (trycast:int x)  (try (name ...))
 *
 * With optional arguments there may be one body for each number of them, between semicolons.
 */
typedef struct FunctionSigned {
    const char *name; /* lower case; the table is sorted by it */
    uint16_t id;      /* FunctionId; FN_INVALID when there is a body */
    const char *signature;
    const char *body;    /* nullable */
    const char *usage;   /* "(text, length[, pad])" */
    const char *meaning; /* one line for DESCRIBE FUNCTION and docs/FUNCTIONS.md */
} FunctionSigned;

const FunctionSigned *function_signed_find(const char *name);
/* The row that computes @id, or NULL. */
const FunctionSigned *function_signed_by_id(FunctionId id);
/* By number, for listings; NULL behind the last. */
const FunctionSigned *function_signed_row(size_t i);
/* How many arguments it takes; *@ret_max is 255 without limit. */
void function_signed_arity(const FunctionSigned *f, uint32_t *ret_min, uint32_t *ret_max);

/* Return: NULL when there is none. */
const FunctionRow *function_find(const char *name);
/* By number, for listings; NULL behind the last. */
const FunctionRow *function_row(size_t i);
const char *aggregate_name_at(size_t i);
/* Spark's name of a function, for EXPLAIN. Never NULL. */
const char *function_name(FunctionId id);
/* An operator written between its arguments, for EXPLAIN; NULL: none. */
const char *function_operator(FunctionId id);
/* The aggregate of that name, or _AGG_MAX. */
AggregateId aggregate_find(const char *name);
const char *aggregate_name(AggregateId id);
