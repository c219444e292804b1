/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Time zones: between instants (microseconds since 1970-01-01 00:00 UTC) and clocks on the wall
 * (the same number for the date and time that a clock in the zone shows).
 *
 * Names: a fixed offset ("UTC", "+02:00", "GMT-3"), one of java.time.ZoneId.SHORT_IDS ("PST"), or a
 * name of the tz database ("Europe/Berlin"), read from ZONE_DIRECTORY. After the last transition of
 * its file a zone goes on by the rule at the file's end.
 *
 * Sources: RFC 8536 (TZif), POSIX.1-2017 section 8.3 (TZ); java.time.ZonedDateTime.ofLocal for gaps
 * and overlaps.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/memory/memory.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo"
#define ZONE_NAME_MAX 63u
#define ZONE_TRANSITIONS_MAX 4096u
#define ZONE_FILE_MAX (UINT32_C(64) << 10)
#define ZONE_E_UNKNOWN 1

typedef struct Zone {
    /* Sorted. Offset i + 1 (microseconds to add to an instant) holds from instants[i] on, and for
     * clocks on the wall from walls[i] on. */
    const int64_t *instants;
    const int64_t *walls;
    const int64_t *offsets; /* n + 1 of them */
    uint32_t n;
    int64_t repeats_from; /* instants from here on are like those 400 years before; INT64_MAX: no */
} Zone;

/* True for a fixed offset, which needs no file. @n may be any length. */
bool zone_fixed_offset(const char *name, size_t n, int64_t *ret_usec);
bool zone_is_known(const char *name, size_t n);
/* Return: 0; ZONE_E_UNKNOWN: no such zone, or its file is not one; as mem_charge(). */
int zone_load(MemArena *arena, const char *name, size_t n, const Zone **ret_zone);
/* For tests and the fuzzer: the bytes of a file. Return: as zone_load(). */
int zone_parse(MemArena *arena, const uint8_t *bytes, size_t n, const Zone **ret_zone);

/* An instant as text; a clock without a zone is one of @session. False: it is none, or its zone has
 * a name that needs a file. */
bool zone_parse_instant(const Zone *session, const char *text, uint32_t n, int64_t *ret_usec);

int64_t zone_offset_at(const Zone *zone, int64_t instant);
/* Results outside of int64_t wrap; no timestamp of Spark's range comes near. */
int64_t zone_wall(const Zone *zone, int64_t instant);
/* A time that the clocks skipped is as much later as they skipped; of one that they showed twice
 * the earlier instant, unless the other one's offset is @preferred. */
int64_t zone_instant(const Zone *zone, int64_t wall);
int64_t zone_instant_near(const Zone *zone, int64_t wall, int64_t preferred_offset);
