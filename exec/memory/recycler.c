/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/memory/memory.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"

/*
 * Blocks that outlive queries. A page fault costs up to 20 microseconds under a virtualised MMU, so
 * nothing that was once faulted in goes back to the kernel before it must.
 *
 *   below 64 KiB     malloc, which recycles well at that size
 *   64 KiB .. 1 MiB  cells of a 2 MiB slab; five sizes; a slab with no used cell becomes a region;
 *                    free cells of a slab in use go back to the kernel by themselves ("cold") when
 *                    memory is short
 *   2 MiB and up     regions: multiples of 2 MiB, aligned to 2 MiB, kept sorted by address, joined
 *                    when they touch and split when they are used
 *
 * One process-wide instance, by need: a mapping belongs to the process, and the queries of a
 * session come and go. It holds addresses only and is bounded by set_keep().
 */

#define REGION_UNIT ((size_t)2 << 20)
#define CELL_MIN ((size_t)64 << 10)
#define CELL_CLASSES 5 /* 64, 128, 256, 512 KiB, 1 MiB */
#define POPULATE_MAX ((size_t)64 << 20)
#define KEEP_ABOVE_LIMIT (UINT64_C(4) << 20)
#define KEEP_DEFAULT (UINT64_C(4) << 30)

typedef struct Region {
    uint8_t *start;
    size_t bytes;
} Region;

typedef struct Slab Slab;
struct Slab {
    uint8_t *start;
    uint32_t free_cells; /* bit per cell, 1 = free */
    uint32_t cold_cells; /* the free ones without memory; the others count as kept */
    uint32_t all_cells;
    uint8_t class;
    Slab *next, *prev; /* in the list of its class, while it has a free cell */
};

typedef struct Recycler {
    pthread_mutex_t lock;
    Region *regions; /* free, ascending, never touching */
    size_t n_regions, n_regions_max;
    uint64_t kept; /* bytes of @regions and of free cells that are not cold */
    uint64_t keep_max;
    Slab *partial[CELL_CLASSES];
    Slab **table; /* open addressing by slab address */
    size_t n_slabs, n_table;
} Recycler;

static Recycler recycler = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .keep_max = KEEP_DEFAULT,
};

static size_t block_rounded(size_t bytes)
{
    size_t cell = CELL_MIN;

    if (bytes < CELL_MIN / 2)
        return ALIGN_UP(MAX(bytes, (size_t)64), (size_t)64);
    if (bytes > REGION_UNIT / 2)
        return ALIGN_UP(bytes, REGION_UNIT);
    while (cell < bytes)
        cell *= 2;
    return cell;
}

/* --- mappings --------------------------------------------------------------------------------- */

static uint8_t *map_region(size_t bytes)
{
    size_t n_map = bytes + REGION_UNIT, head, tail;
    uint8_t *map, *start;

    map = mmap(NULL, n_map, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
               0);
    if (map == MAP_FAILED)
        return NULL;
    start = (uint8_t *)ALIGN_UP((uintptr_t)map, (uintptr_t)REGION_UNIT);
    head = (size_t)(start - map);
    tail = n_map - head - bytes;
    if (head)
        (void)munmap(map, head);
    if (tail)
        (void)munmap(start + bytes, tail);
    /* Both are only advice: a kernel or a filter that refuses them costs time, nothing else. */
    (void)madvise(start, bytes, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
    if (bytes <= POPULATE_MAX)
        (void)madvise(start, bytes, MADV_POPULATE_WRITE);
#endif
    return start;
}

/* --- regions ---------------------------------------------------------------------------------- */

static size_t region_lower_bound(const uint8_t *start)
{
    size_t lo = 0, hi = recycler.n_regions;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (recycler.regions[mid].start < start)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void region_erase(size_t i)
{
    memmove(&recycler.regions[i], &recycler.regions[i + 1],
            (recycler.n_regions - i - 1) * sizeof(Region));
    recycler.n_regions--;
}

static bool region_reserve_entry(void)
{
    size_t n = recycler.n_regions_max ? recycler.n_regions_max * 2 : 64;
    Region *grown;

    if (recycler.n_regions < recycler.n_regions_max)
        return true;
    grown = realloc(recycler.regions, n * sizeof(*grown));
    if (!grown)
        return false;
    recycler.regions = grown;
    recycler.n_regions_max = n;
    return true;
}

static void region_give(uint8_t *start, size_t bytes)
{
    size_t i = region_lower_bound(start);
    bool joins_prev, joins_next;

    if (recycler.kept + bytes > recycler.keep_max) {
        (void)munmap(start, bytes);
        return;
    }
    joins_prev = i > 0 && recycler.regions[i - 1].start + recycler.regions[i - 1].bytes == start;
    joins_next = i < recycler.n_regions && start + bytes == recycler.regions[i].start;
    if (joins_prev) {
        recycler.regions[i - 1].bytes += bytes;
        if (joins_next) {
            recycler.regions[i - 1].bytes += recycler.regions[i].bytes;
            region_erase(i);
        }
    } else if (joins_next) {
        recycler.regions[i].start = start;
        recycler.regions[i].bytes += bytes;
    } else {
        if (!region_reserve_entry()) {
            (void)munmap(start, bytes);
            return;
        }
        memmove(&recycler.regions[i + 1], &recycler.regions[i],
                (recycler.n_regions - i) * sizeof(Region));
        recycler.regions[i] = (Region){.start = start, .bytes = bytes};
        recycler.n_regions++;
    }
    recycler.kept += bytes;
}

/* Best fit, taken from the front. */
static uint8_t *region_take(size_t bytes)
{
    size_t best = SIZE_MAX;
    uint8_t *start;

    for (size_t i = 0; i < recycler.n_regions; i++) {
        size_t n = recycler.regions[i].bytes;

        if (n >= bytes && (best == SIZE_MAX || n < recycler.regions[best].bytes))
            best = i;
        if (n == bytes)
            break;
    }
    if (best == SIZE_MAX)
        return NULL;
    start = recycler.regions[best].start;
    recycler.regions[best].start += bytes;
    recycler.regions[best].bytes -= bytes;
    if (recycler.regions[best].bytes == 0)
        region_erase(best);
    recycler.kept -= bytes;
    return start;
}

/* --- slabs ------------------------------------------------------------------------------------ */

static size_t slab_slot(const uint8_t *start)
{
    uint64_t h = (uint64_t)(uintptr_t)start / REGION_UNIT * UINT64_C(0x9E3779B97F4A7C15);

    return (size_t)(h >> 32) & (recycler.n_table - 1);
}

static void slab_insert(Slab *slab)
{
    size_t i = slab_slot(slab->start);

    while (recycler.table[i])
        i = (i + 1) & (recycler.n_table - 1);
    recycler.table[i] = slab;
}

static bool slab_table_grow(void)
{
    size_t n_old = recycler.n_table;
    Slab **old = recycler.table;

    if ((recycler.n_slabs + 1) * 2 <= n_old)
        return true;
    recycler.table = calloc(n_old ? n_old * 2 : 256, sizeof(Slab *));
    if (!recycler.table) {
        recycler.table = old;
        return false;
    }
    recycler.n_table = n_old ? n_old * 2 : 256;
    for (size_t i = 0; i < n_old; i++)
        if (old[i])
            slab_insert(old[i]);
    free(old);
    return true;
}

static size_t slab_find(const uint8_t *start)
{
    size_t i = slab_slot(start);

    while (recycler.table[i] && recycler.table[i]->start != start)
        i = (i + 1) & (recycler.n_table - 1);
    assert(recycler.table[i]);
    return i;
}

/* Open addressing without tombstones: what follows in the run is put in again. */
static void slab_remove(size_t i)
{
    recycler.table[i] = NULL;
    for (size_t j = (i + 1) & (recycler.n_table - 1); recycler.table[j];
         j = (j + 1) & (recycler.n_table - 1)) {
        Slab *moved = recycler.table[j];

        recycler.table[j] = NULL;
        slab_insert(moved);
    }
}

static void slab_link(Slab *slab)
{
    slab->prev = NULL;
    slab->next = recycler.partial[slab->class];
    if (slab->next)
        slab->next->prev = slab;
    recycler.partial[slab->class] = slab;
}

static void slab_unlink(Slab *slab)
{
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        recycler.partial[slab->class] = slab->next;
    if (slab->next)
        slab->next->prev = slab->prev;
}

static Slab *slab_new(uint8_t class, uint8_t *start)
{
    size_t n_cells = REGION_UNIT / (CELL_MIN << class);
    Slab *slab;

    if (!slab_table_grow())
        return NULL;
    slab = calloc(1, sizeof(*slab));
    if (!slab)
        return NULL;
    slab->start = start;
    slab->class = class;
    slab->all_cells = n_cells == 32 ? UINT32_MAX : (UINT32_C(1) << n_cells) - 1;
    slab->free_cells = slab->all_cells;
    slab_insert(slab);
    recycler.n_slabs++;
    slab_link(slab);
    recycler.kept += REGION_UNIT;
    return slab;
}

static uint8_t *cell_take(uint8_t class, bool *ret_cold)
{
    Slab *slab = recycler.partial[class];
    uint32_t cell, warm;

    if (!slab)
        return NULL;
    warm = slab->free_cells & ~slab->cold_cells;
    cell = (uint32_t)__builtin_ctz(warm ? warm : slab->free_cells);
    slab->free_cells &= ~(UINT32_C(1) << cell);
    slab->cold_cells &= ~(UINT32_C(1) << cell);
    if (!slab->free_cells)
        slab_unlink(slab);
    if (warm)
        recycler.kept -= CELL_MIN << class;
    *ret_cold = !warm;
    return slab->start + cell * (CELL_MIN << class);
}

static uint64_t slab_warm_bytes(const Slab *slab)
{
    return (uint64_t)__builtin_popcount(slab->free_cells & ~slab->cold_cells) *
           (CELL_MIN << slab->class);
}

/* A slab without a used cell. Return: bytes that went to the kernel. */
static uint64_t slab_release(Slab *slab)
{
    uint64_t warm = slab_warm_bytes(slab), kept;
    uint8_t *start = slab->start;

    slab_unlink(slab);
    slab_remove(slab_find(start));
    recycler.n_slabs--;
    recycler.kept -= warm;
    kept = recycler.kept;
    free(slab);
    if (warm < REGION_UNIT)
        (void)munmap(start, REGION_UNIT); /* a region has no holes */
    else
        region_give(start, REGION_UNIT);
    return warm - (recycler.kept - kept);
}

/* Until no more than @keep_bytes stay. A cell whose advice fails stays warm. */
static uint64_t cells_cool(uint64_t keep_bytes)
{
    uint64_t given = 0;

    for (size_t c = CELL_CLASSES; c-- > 0;)
        for (Slab *slab = recycler.partial[c]; slab && recycler.kept > keep_bytes;
             slab = slab->next) {
            size_t n_cell = CELL_MIN << c;
            uint32_t warm = slab->free_cells & ~slab->cold_cells;

            for (; warm && recycler.kept > keep_bytes; warm &= warm - 1) {
                uint32_t cell = (uint32_t)__builtin_ctz(warm);

                if (madvise(slab->start + cell * n_cell, n_cell, MADV_DONTNEED) < 0)
                    continue;
                slab->cold_cells |= UINT32_C(1) << cell;
                recycler.kept -= n_cell;
                given += n_cell;
            }
        }
    return given;
}

static void cell_give(uint8_t *block, uint8_t class)
{
    uint8_t *start = (uint8_t *)((uintptr_t)block & ~(uintptr_t)(REGION_UNIT - 1));
    Slab *slab = recycler.table[slab_find(start)];
    uint32_t cell = (uint32_t)((size_t)(block - start) / (CELL_MIN << class));

    assert(slab->class == class && !(slab->free_cells & UINT32_C(1) << cell));
    if (!slab->free_cells)
        slab_link(slab);
    slab->free_cells |= UINT32_C(1) << cell;
    recycler.kept += CELL_MIN << class;
    /* The last slab of a class stays as it is: two queries in a row want the same sizes. */
    if (slab->free_cells == slab->all_cells && (slab->next || slab->prev))
        (void)slab_release(slab);
}

static uint8_t cell_class(size_t rounded)
{
    return (uint8_t)__builtin_ctzll(rounded / CELL_MIN);
}

/* --- the interface ---------------------------------------------------------------------------- */

static uint8_t *recycler_take(size_t rounded)
{
    bool is_cell = rounded < REGION_UNIT, cold = false;
    size_t n_region = is_cell ? REGION_UNIT : rounded;
    uint8_t *block = NULL;

    pthread_mutex_lock(&recycler.lock);
    if (is_cell)
        block = cell_take(cell_class(rounded), &cold);
    if (!block) {
        uint8_t *region = region_take(n_region);

        if (!region) {
            /* Mapping populates, which takes long: not under the lock. */
            pthread_mutex_unlock(&recycler.lock);
            region = map_region(n_region);
            if (!region)
                return NULL;
            pthread_mutex_lock(&recycler.lock);
        }
        block = region;
        if (is_cell) {
            if (slab_new(cell_class(rounded), region)) {
                block = cell_take(cell_class(rounded), &cold);
            } else {
                (void)munmap(region, n_region);
                block = NULL;
            }
        }
    }
    pthread_mutex_unlock(&recycler.lock);
#ifdef MADV_POPULATE_WRITE
    if (cold)
        (void)madvise(block, rounded, MADV_POPULATE_WRITE);
#endif
    return block;
}

/*
 * What is kept for later is charged to nobody, but it is there: a pool near its limit may have
 * freed as much in sizes that nobody wants any more.
 */
static void keep_within(const MemPool *pool)
{
    const MemPool *root = mem_pool_root(pool); /* a cache and further queries hold of it, too */
    uint64_t limit = mem_pool_limit(root), used = mem_pool_reserved(root);
    uint64_t kept = mem_recycler_bytes(), room = limit > used ? limit - used : 0;

    if (kept > room && kept - room > KEEP_ABOVE_LIMIT)
        (void)mem_recycler_trim(room);
}

int mem_block_alloc(MemPool *pool, size_t bytes, const char *operator_name, void **ret_block)
{
    size_t rounded;
    void *block;
    int r;

    if (bytes > SIZE_MAX / 4)
        return MEM_E_REFUSED;
    rounded = block_rounded(bytes);
    r = mem_charge(pool, rounded, operator_name);
    if (r != 0)
        return r;
    block = rounded < CELL_MIN ? aligned_alloc(64, rounded) : recycler_take(rounded);
    if (!block) {
        mem_uncharge(pool, rounded);
        return -ENOMEM;
    }
    if (rounded >= CELL_MIN)
        keep_within(pool);
    *ret_block = block;
    return 0;
}

void mem_block_free(MemPool *pool, void *block, size_t bytes)
{
    size_t rounded = block_rounded(bytes);

    if (!block)
        return;
    if (rounded < CELL_MIN) {
        free(block);
    } else {
        pthread_mutex_lock(&recycler.lock);
        if (rounded < REGION_UNIT)
            cell_give(block, cell_class(rounded));
        else
            region_give(block, rounded);
        pthread_mutex_unlock(&recycler.lock);
    }
    mem_uncharge(pool, rounded);
}

size_t mem_block_bytes(size_t bytes)
{
    return bytes ? block_rounded(bytes) : 0;
}

uint64_t mem_recycler_trim(uint64_t keep_bytes)
{
    uint64_t given = 0;

    pthread_mutex_lock(&recycler.lock);
    for (size_t c = 0; c < CELL_CLASSES; c++)
        for (Slab *slab = recycler.partial[c], *next; slab; slab = next) {
            next = slab->next;
            if (slab->free_cells == slab->all_cells)
                given += slab_release(slab);
        }
    while (recycler.kept > keep_bytes && recycler.n_regions > 0) {
        Region *last = &recycler.regions[recycler.n_regions - 1];
        size_t excess = ALIGN_UP((size_t)(recycler.kept - keep_bytes), REGION_UNIT);
        size_t n = MIN(last->bytes, excess);

        (void)munmap(last->start + last->bytes - n, n);
        last->bytes -= n;
        if (last->bytes == 0)
            recycler.n_regions--;
        recycler.kept -= n;
        given += n;
    }
    given += cells_cool(keep_bytes);
    pthread_mutex_unlock(&recycler.lock);
    return given;
}

uint64_t mem_recycler_bytes(void)
{
    uint64_t kept;

    pthread_mutex_lock(&recycler.lock);
    kept = recycler.kept;
    pthread_mutex_unlock(&recycler.lock);
    return kept;
}

void mem_recycler_set_keep(uint64_t keep_bytes)
{
    pthread_mutex_lock(&recycler.lock);
    recycler.keep_max = keep_bytes;
    pthread_mutex_unlock(&recycler.lock);
}
