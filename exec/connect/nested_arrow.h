/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Types as Arrow fields, and nested values as Arrow's arrays. The way back is exec/arrow/values.h.
 */

#include "connect/arrow/arrow.h"
#include "exec/memory/memory.h"
#include "exec/vec/nested.h"

/* Spark's names of the fields that Arrow wants inside lists and maps. @arena keeps the children.
 * Return: 0; mem_arena_error(). */
int nested_arrow_field(MemArena *arena, const char *name, Type type, bool nullable,
                       const char *time_zone, ArrowField *ret);

/**
 * nested_arrow_column() - @n values of one type as an Arrow array
 * @items:  those of nulls are zero
 * @arena:  owns what @ret points to
 * Return: 0; -EMSGSIZE when offsets do not fit into 32 bits; mem_arena_error().
 */
int nested_arrow_column(MemArena *arena, Type type, const NestedItem *items, uint32_t n,
                        ArrowColumn *ret);
