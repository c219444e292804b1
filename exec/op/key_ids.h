/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Small numbers for the values of a key column with few of them. Over a dictionary the number of an
 * entry is looked up once; after that grouping a row is one load by its code.
 */

#include "exec/memory/memory.h"
#include "exec/vec/vector.h"

#define KEY_ID_NULL 0u
#define KEY_ID_NONE 0xffffu

typedef struct KeyIds {
    uint32_t limit; /* ids are below it */
    uint32_t n;     /* ids given out, the null's included */
    uint8_t phys;
    uint64_t (*values)[2]; /* [limit] */
    uint16_t *slots;       /* open addressing by hash; 0 empty */
    uint32_t n_slots;
    uint64_t dict_id; /* that @remap is for */
    uint16_t *remap;  /* per dictionary entry, KEY_ID_NONE where not yet known */
    uint32_t remap_capacity;
} KeyIds;

int key_ids_init(KeyIds *ids, MemArena *arena, PhysKind phys, uint32_t limit);
/**
 * key_ids_find() - the number of a value, given out if it is new
 * @strings: keeps long strings
 * Return: 0; -ENOSPC when all numbers are used up; mem_arena_error().
 */
int key_ids_find(KeyIds *ids, const void *value, MemArena *strings, uint16_t *ret_id);
/* Prepare for the dictionary of @v. */
int key_ids_dictionary(KeyIds *ids, const Vector *v, MemArena *arena);
