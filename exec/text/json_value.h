/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Parsed JSON as values of a type, and the type of what was parsed, as Spark's JacksonParser and
 * JsonInferSchema have them.
 */

#include "exec/kernel/json.h"
#include "exec/kernel/zone.h"
#include "exec/memory/memory.h"
#include "exec/text/value.h"
#include "exec/vec/nested.h"

typedef struct JsonText {
    const char *text;
    const JsonNode *nodes;
    MemArena *arena; /* of what is made */
    const Zone *zone;
    const TextPattern *date, *timestamp; /* or NULL: Spark's own forms */
    /* What is no string, as one: node @at. NULL: as it stands in the text. Return: 0; arena's. */
    int (*write)(void *userdata, uint32_t at, VecString *ret);
    void *userdata;
} JsonText;

/* The text of a STRING node; it points into the text where it can. Return: 0; mem_arena_error(). */
int json_node_string(const JsonText *json, const JsonNode *node, VecString *ret);
bool json_key_is(const JsonText *json, const JsonNode *key, const char *name, uint32_t n);

/**
 * json_value() - node @at as a value of @type
 * @ret_bad:  out, set when something in it was of no such type and became null; otherwise left
 * Return: 0; -EMSGSIZE; mem_arena_error().
 */
int json_value(const JsonText *json, uint32_t at, Type type, NestedItem *ret, bool *ret_bad);

typedef struct JsonInfer {
    MemArena *arena;
    bool as_strings; /* primitivesAsString */
} JsonInfer;

/* The type of node @at, fields by name. Return: 0; -E2BIG: more fields than a type has; arena's. */
int json_infer(const JsonInfer *infer, const JsonText *json, uint32_t at, Type *ret);
/* What holds both: numbers widen, fields unite, anything else is text. Return: as json_infer(). */
int json_unite(const JsonInfer *infer, Type a, Type b, Type *ret);
/* @type, which is of @kept's arena, for one record more: node @at. Mostly a record has the type of
 * those before, and then nothing is kept of it; what @record's arena holds is given back. Return:
 * as json_infer(), and -E2BIG for what is nested too deeply. */
int json_widen(const JsonInfer *record, const JsonInfer *kept, const JsonText *json, uint32_t at,
               Type *type);
/* Nothing but nulls is text; structs without fields go. *ret_gone: nothing is left. */
int json_without_void(const JsonInfer *infer, Type type, Type *ret, bool *ret_gone);
