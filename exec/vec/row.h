/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Rows: values of several columns side by side, for what must be kept across batches (join build,
 * groups, sort). A row has a fixed size:
 *
 *   offset                what
 *   0                     head bytes of whoever made the layout (a hash, a link)
 *   head                  null bits, one per column, 1 = null
 *   offsets[c]            value of column c; 8-byte aligned when it has 8 bytes or more
 *   size                  multiple of 8
 *
 * Strings lie in the row as VecString; up to 12 bytes need nothing else, longer ones point into the
 * arena of a RowStrings, because the batch and its dictionaries will be gone.
 */

#include "exec/memory/memory.h"
#include "exec/vec/vector.h"

#define ROW_COLUMNS_MAX 4096u

typedef struct RowLayout {
    uint32_t n_columns;
    uint32_t size;
    uint32_t head;    /* bytes in front; the null bits start here */
    uint32_t n_nulls; /* bytes of null bits, multiple of 8 */
    uint32_t *offsets;
    uint8_t *phys;
    Type *types;
    bool has_strings;
} RowLayout;

/* Return: 0; -E2BIG; mem_arena_error(). */
int row_layout_make(MemArena *arena, const Type *types, uint32_t n_columns, uint32_t head,
                    RowLayout *ret_layout);

static inline bool row_is_null(const RowLayout *l, const uint8_t *row, uint32_t column)
{
    return row[l->head + column / 8] >> (column % 8) & 1;
}

static inline void row_set_null(const RowLayout *l, uint8_t *row, uint32_t column)
{
    row[l->head + column / 8] |= (uint8_t)(1u << (column % 8));
}

/* Copies of strings, one thread's. A dictionary's entry is copied once however many rows use it. */
typedef struct RowStrings {
    MemArena *arena;
    struct RowDictCopy *dicts; /* per column */
    uint32_t n_columns;
} RowStrings;

int row_strings_init(RowStrings *strings, MemArena *arena, uint32_t n_columns);

/**
 * row_scatter() - write one column into rows
 * @rows:    first row; row i of the selection goes to @rows + i * layout->size
 * @strings: keeps long strings; NULL when the column has none
 *
 * The null bytes of the rows must have been cleared. The value of a null is zeroed, so that rows
 * can be compared as bytes.
 * Return: 0; mem_arena_error() of the strings' arena.
 */
int row_scatter(const RowLayout *layout, uint32_t column, const Vector *v, const uint16_t *sel,
                uint32_t n, uint8_t *rows, RowStrings *strings);

/**
 * row_gather() - read one column of many rows into a flat vector
 * @rows:    pointers to @n rows; NULL stands for a row of nulls
 * @at:      u16[@n] where in the vector each goes, or NULL for 0..@n
 * @values, @valid: room for VEC_ROWS_MAX values and bits; strings keep pointing into the RowStrings
 */
void row_gather(const RowLayout *layout, uint32_t column, const uint8_t *const *rows, uint32_t n,
                const uint16_t *at, void *values, uint64_t *valid, Vector *ret_vector);

/* Is row @row of @v equal to the value in a row? Nulls are equal to each other; floats as Spark
 * groups them. */
bool row_equal(const RowLayout *layout, uint32_t column, const Vector *v, uint32_t row,
               const uint8_t *bytes);
