/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/lookup.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static uint32_t home(const Lookup *t, uint64_t key)
{
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> t->shift);
}

int lookup_init(Lookup *t, uint32_t n_max)
{
    uint32_t bits = 3;
    while ((UINT64_C(1) << bits) < 2 * (uint64_t)n_max)
        bits++;
    size_t n = (size_t)1 << bits;
    *t = (Lookup){.shift = 64 - bits, .mask = (uint32_t)(n - 1)};
    t->keys = calloc(n, sizeof(*t->keys));
    t->values = calloc(n, sizeof(*t->values));
    if (t->keys && t->values)
        return 0;
    lookup_done(t);
    return -ENOMEM;
}

void lookup_done(Lookup *t)
{
    free(t->keys);
    free(t->values);
    *t = (Lookup){0};
}

static uint32_t find(const Lookup *t, uint64_t key)
{
    uint32_t i = home(t, key);
    while (t->keys[i] != 0 && t->keys[i] != key)
        i = (i + 1) & t->mask;
    return i;
}

uint32_t lookup_get(const Lookup *t, uint64_t key)
{
    uint32_t i = find(t, key);
    return key != 0 && t->keys[i] == key ? t->values[i] : LOOKUP_NONE;
}

void lookup_put(Lookup *t, uint64_t key, uint32_t value)
{
    uint32_t i = find(t, key);
    assert(key != 0 && t->keys[i] == 0);
    t->keys[i] = key;
    t->values[i] = value;
}

void lookup_remove(Lookup *t, uint64_t key)
{
    uint32_t hole = find(t, key);
    if (key == 0 || t->keys[hole] != key)
        return;
    for (uint32_t i = (hole + 1) & t->mask; t->keys[i] != 0; i = (i + 1) & t->mask) {
        /* May it move into the hole? Not when its home lies behind it. */
        if (((i - home(t, t->keys[i])) & t->mask) < ((i - hole) & t->mask))
            continue;
        t->keys[hole] = t->keys[i];
        t->values[hole] = t->values[i];
        hole = i;
    }
    t->keys[hole] = 0;
}
