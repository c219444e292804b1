/* SPDX-License-Identifier: Apache-2.0 */
/* Files of time zones (TZif): refused, or a table that is in order and answers for every time. */
#include <stdlib.h>

#include "exec/kernel/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check(const Zone *zone)
{
    static const int64_t times[] = {INT64_MIN, INT64_MIN / 2, -1, 0, INT64_MAX / 2, INT64_MAX};

    for (uint32_t i = 1; i < zone->n; i++)
        if (zone->instants[i] <= zone->instants[i - 1] || zone->walls[i] < zone->walls[i - 1])
            abort();
    for (uint32_t i = 0; i < zone->n; i++) {
        if (zone_offset_at(zone, zone->instants[i]) != zone->offsets[i + 1] &&
            zone->instants[i] < zone->repeats_from)
            abort();
        (void)zone_instant(zone, zone->walls[i]);
    }
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        (void)zone_wall(zone, times[i]);
        (void)zone_instant(zone, times[i]);
        (void)zone_instant_near(zone, times[i], 3600000000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    MemPool *pool;
    MemArena *arena;
    const Zone *zone;
    int64_t offset;

    if (n_bytes > ZONE_FILE_MAX)
        return 0;
    if (mem_pool_new(1 << 24, NULL, NULL, &pool) || mem_arena_new(pool, "fuzz", &arena))
        abort();
    if (zone_parse(arena, data, n_bytes, &zone) == 0)
        check(zone);
    (void)zone_fixed_offset((const char *)data, n_bytes, &offset);
    mem_arena_free(arena);
    mem_pool_free(pool);
    return 0;
}
