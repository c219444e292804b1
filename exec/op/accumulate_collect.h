/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * States that grow: every value that a group has seen, in the order in which they came. COLLECT
 * keeps them like that and leaves it to a scalar function over the aggregation to make something of
 * them (FN_COLLECTED an array); whoever needs all values of a group, a percentile say, does the
 * same.
 *
 * The state is a VecString at the state's offset, so that whoever moves rows with their strings
 * moves it, too, and room behind it. A row that was written elsewhere and read back has no room: it
 * may be merged from, never into.
 *
 * The bytes: values of fixed size as they lie in a vector; of strings a u32 of their length, then
 * the bytes.
 */

#include "exec/op/accumulate.h"

typedef struct Collected {
    VecString bytes;
    uint32_t capacity; /* of @bytes.ptr, when it has one */
    uint32_t unused;
} Collected;

/* Values that are not null go in. Return: 0; -EMSGSIZE beyond 2^31 bytes; mem_arena_error(). */
int collect_update(const State *state, const StateInput *in);
int collect_merge(const State *state, uint8_t *to, const uint8_t *from, MemArena *strings);
