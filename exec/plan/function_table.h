/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The table of functions: names, arity, and which rule types them. */

#include <stdbool.h>
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

/* Return: NULL when there is none. */
const FunctionRow *function_find(const char *name);
/* Spark's name of a function, for EXPLAIN. Never NULL. */
const char *function_name(FunctionId id);
/* An operator written between its arguments, for EXPLAIN; NULL: none. */
const char *function_operator(FunctionId id);
/* The aggregate of that name, or _AGG_MAX. */
AggregateId aggregate_find(const char *name);
const char *aggregate_name(AggregateId id);
