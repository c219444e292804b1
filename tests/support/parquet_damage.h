/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside parquet_damage: copies of a file, and what may become of one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a copy: the file, one more of its column chunks, another footer. */
#define DAMAGE_ROOM(n_good) ((n_good)*2 + 8192)

typedef struct Damage {
    const uint8_t *good;
    size_t n_good;
    size_t footer; /* where it begins */
    size_t *borders;
    uint32_t n_borders;
    uint8_t *bytes;
    uint64_t random;
    uint64_t n_read, n_refused, peak;
    double slowest, limit;
    const char *keep;
} Damage;

uint64_t damage_random(Damage *d, uint64_t below);
/* Reads the first @n of d->bytes. Return: false when the copy broke a promise. */
bool damage_try(Damage *d, size_t n, const char *what, uint64_t which);

/* --- parquet_damage_fields.c --- */
/* About @rounds copies, spread evenly over all numbers of the file. Return: as damage_try(). */
bool damage_fields(Damage *d, uint64_t rounds);
