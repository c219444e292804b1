/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Arrow's types as ours, and values of its columns as values of vectors: of files (file.h) and of
 * what clients send along. */

#include "connect/arrow/arrow.h"
#include "exec/memory/memory.h"
#include "exec/vec/nested.h"

/**
 * arrow_type_of() - the type of a field
 * @arena:           keeps names and children
 * @ret_unreadable:  out, NULL, or what of it is not read: "union"; then the type is TYPE_NULL
 * Return: 0; mem_arena_error().
 */
int arrow_type_of(MemArena *arena, const ArrowField *f, Type *ret_type,
                  const char **ret_unreadable);

/* The values of a dictionary, as in a flat vector. */
typedef struct ArrowDictionary {
    void *values;
    uint64_t *valid;
    uint32_t n;
    bool has_nulls;
} ArrowDictionary;

typedef struct ArrowRead {
    MemArena *arena;                     /* of nested values, and of copies */
    const ArrowDictionary *dictionaries; /* per number; NULL: no field has one */
    bool copy;                           /* texts do not live as long as the values */
} ArrowRead;

/**
 * arrow_values() - rows [@first, @first + @n) of a column, of the type that arrow_type_of() gave
 * @sel:     u16[@n] ascending, counted from @first; NULL: all @n
 * @values:  out, at the places of the rows
 * @valid:   out, likewise; bits of other rows are set
 * Return: 0; -EMSGSIZE: a nested value of more than 2 GiB; -EBADMSG: a null as a key, or a decimal
 * that is too large; mem_arena_error().
 */
int arrow_values(const ArrowRead *read, const ArrowField *f, Type type, const ArrowColumn *c,
                 int64_t first, const uint16_t *sel, uint32_t n, void *values, uint64_t *valid,
                 bool *ret_has_nulls);
