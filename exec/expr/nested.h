/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside expr/: functions on nested values, a row at a time. */

#include "exec/expr/program.h"
#include "exec/vec/nested.h"

typedef struct NestedCall {
    ExprState *s;
    const Step *step;
    const Type *types; /* of the arguments */
    MemArena *arena;   /* of the batch: what the result points to */
    void *regex;       /* of @pattern, kept from row to row */
    VecString pattern;
    const struct Zone *zone; /* of an argument that names one; NULL: UTC */
} NestedCall;

/*
 * One row. @args: none is null unless the function asked for nulls. @ret is zeroed, not null.
 * Return: 0; QUERY_E_FAILED; -EMSGSIZE (the result does not fit); MEM_E_*.
 */
typedef int (*NestedRowFunction)(NestedCall *c, const NestedItem *args, NestedItem *ret);

/* Errors. */
int nested_fail_size(ExprState *s, const Step *step, uint64_t n);
int nested_fail_duplicate(NestedCall *c, Type key, const NestedItem *item);
int nested_fail_null_key(NestedCall *c);
int nested_fail_index(NestedCall *c, int64_t index, uint32_t n, bool element_at);
int nested_fail_zero(NestedCall *c);
int nested_fail_value(NestedCall *c, const char *class, const char *sqlstate, const char *message);

/* Room for @n items until the end of the batch. NULL: mem_arena_error(c->arena). */
static inline NestedItem *nested_items(NestedCall *c, uint64_t n)
{
    return mem_arena_alloc(c->arena, sizeof(NestedItem) * (n + 1), 16);
}

/* nested_csv.c */
int nested_from_csv(NestedCall *c, const NestedItem *args, NestedItem *ret);
/* nested_json.c: the zone that the second argument names, if there is one. Return: as a row's. */
int nested_take_zone(NestedCall *c, const NestedItem *args);
/* nested_best.c */
int nested_best(NestedCall *c, const NestedItem *args, NestedItem *ret);
/* nested_sentences.c */
int nested_sentences(NestedCall *c, const NestedItem *args, NestedItem *ret);

/* All elements of an array. Return: 0; MEM_E_*. */
int nested_unpack(NestedCall *c, Type element, const VecString *array, NestedItem **ret,
                  uint32_t *ret_n);
/* A map of keys and values after looking for nulls and duplicates among the keys. */
int nested_make_map(NestedCall *c, Type type, const NestedItem *keys, const NestedItem *values,
                    uint32_t n, VecString *ret);

/* A set of items by value. */
typedef struct NestedSet {
    Type type;
    uint32_t *slots; /* number + 1; 0: free */
    uint32_t mask, n;
    const NestedItem *items; /* what the numbers count */
    bool has_null;
    bool exact; /* 0.0 and -0.0 are two, as in Java's sets of doubles */
} NestedSet;
/* For up to @n items out of @items. Return: 0; MEM_E_*. */
int nested_set_init(NestedCall *c, NestedSet *set, Type type, const NestedItem *items, uint32_t n);
/* Adds @set->items[number]. Return: whether it is new. */
bool nested_set_add(NestedSet *set, uint32_t number);
bool nested_set_has(const NestedSet *set, const NestedItem *item);

/* Ascending or not; nulls as said. Stable. @scratch: room for @n items. */
void nested_sort(Type type, NestedItem *items, NestedItem *scratch, uint32_t n, bool descending,
                 bool nulls_first);

/* Text of a value as CAST to STRING writes it. */
int nested_to_text(NestedCall *c, Type type, const NestedItem *value, VecString *ret);
/* As show() writes it. */
int nested_to_show_text(NestedCall *c, Type type, const NestedItem *value, VecString *ret);

/* The evaluators of the files. NULL: not theirs. */
NestedRowFunction nested_aggregate_function(FunctionId id, bool *ret_nulls);
NestedRowFunction nested_array_function(FunctionId id, bool *ret_nulls);
NestedRowFunction nested_map_function(FunctionId id, bool *ret_nulls);
NestedRowFunction nested_json_function(FunctionId id, bool *ret_nulls);

/* Functions with lambdas; nested_lambda.c. */
bool nested_is_lambda(FunctionId id);
int eval_higher(ExprState *s, const Step *step, const Scope *scope, Reg *const *args, Reg *out);
