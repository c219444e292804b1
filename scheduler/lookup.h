/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which record has this id? Open addressing with linear probing, at most half full; what is
 * removed is filled from behind, so a search never walks over graves. Key 0 is nobody.
 */

#include <stdint.h>

#define LOOKUP_NONE UINT32_MAX

typedef struct Lookup {
    uint64_t *keys;
    uint32_t *values;
    uint32_t shift, mask;
} Lookup;

/* Room for @n_max keys. Return: 0, -ENOMEM. */
int lookup_init(Lookup *t, uint32_t n_max);
void lookup_done(Lookup *t);
/* Return: LOOKUP_NONE when @key is not there. */
uint32_t lookup_get(const Lookup *t, uint64_t key);
/* @key is not 0 and not there yet. */
void lookup_put(Lookup *t, uint64_t key, uint32_t value);
void lookup_remove(Lookup *t, uint64_t key);
