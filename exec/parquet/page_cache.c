/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/page_cache.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Pages that were decompressed once need not be again. The cache has memory that nobody else wants:
 * it is charged only what is free, and gives it back when anybody is refused (mem_pool_set_cache).
 *
 * What does not fit is not kept. A page takes the place of another only when that has not been
 * looked at for many queries: with a use in turn of more than fits, replacing the oldest would
 * never find anything.
 */

#define BYTES_MAX ((uint64_t)8 << 30)
#define LIMIT_SHARE 2u    /* of the limit at most */
#define PAGES_MAX 262144u /* entries; a power of two */
#define SLOTS 16384u
#define AGE_MAX 32u /* queries after which a page may be replaced */
#define PAGE_BYTES_MIN 256u
#define LACKS_MIN ((uint64_t)1 << 20) /* less is not worth a larger limit */

struct ParquetCache {
    MemPool *root, *pool;
    pthread_mutex_t lock;
    CachedPage *slots[SLOTS];
    CachedPage *oldest, *newest;
    uint64_t n_pages, clock, n_files;
    uint64_t n_hits, n_misses;
    uint64_t lacked, lacks; /* bytes for which there was no room: in this query, and lately */
};

static size_t slot_of(uint64_t file, uint64_t offset)
{
    uint64_t h = (file * UINT64_C(0x9E3779B97F4A7C15) ^ offset) * UINT64_C(0xD6E8FEB86659FD93);

    return h >> 50 & (SLOTS - 1);
}

/* --- entries, under the lock ------------------------------------------------------------------ */

static void entry_free(ParquetCache *c, CachedPage *page)
{
    if (page->page)
        (void)page_buffer_free(c->pool, page->page);
    if (page->values)
        mem_block_free(c->pool, page->values, page->n_values);
    mem_uncharge(c->pool, sizeof(*page));
    free(page);
}

static void unlink_use(ParquetCache *c, CachedPage *page)
{
    *(page->older ? &page->older->newer : &c->oldest) = page->newer;
    *(page->newer ? &page->newer->older : &c->newest) = page->older;
    page->older = page->newer = NULL;
}

static void link_newest(ParquetCache *c, CachedPage *page)
{
    page->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = page;
    c->newest = page;
}

static void entry_drop(ParquetCache *c, CachedPage *page)
{
    CachedPage **at = &c->slots[slot_of(page->file, page->offset)];

    while (*at != page)
        at = &(*at)->chain;
    *at = page->chain;
    unlink_use(c, page);
    c->n_pages--;
    page->gone = true;
    if (page->n_users == 0)
        entry_free(c, page);
}

static CachedPage *entry_find(const ParquetCache *c, uint64_t file, uint64_t offset)
{
    CachedPage *page = c->slots[slot_of(file, offset)];

    while (page && (page->file != file || page->offset != offset))
        page = page->chain;
    return page;
}

/* --- room ------------------------------------------------------------------------------------- */

/* By whoever is refused memory. What readers hold goes when they let go of it. */
static void cache_shrink(void *userdata, uint64_t keep_bytes)
{
    ParquetCache *c = userdata;

    pthread_mutex_lock(&c->lock);
    for (CachedPage *page = c->oldest, *newer; page && mem_pool_reserved(c->pool) > keep_bytes;
         page = newer) {
        newer = page->newer;
        if (page->n_users == 0 || keep_bytes == 0)
            entry_drop(c, page);
    }
    pthread_mutex_unlock(&c->lock);
}

/* Under the lock. */
static bool make_room(ParquetCache *c, uint64_t bytes)
{
    uint64_t max = MIN(mem_pool_limit(c->root) / LIMIT_SHARE, BYTES_MAX);

    for (;;) {
        if (c->n_pages < PAGES_MAX && mem_pool_reserved(c->pool) + bytes <= max &&
            mem_charge_free(c->pool, bytes))
            return true;
        CachedPage *page = c->oldest;
        if (!page || page->n_users > 0 || page->used + AGE_MAX > c->clock)
            return false;
        entry_drop(c, page);
    }
}

/* --- pages ------------------------------------------------------------------------------------ */

const CachedPage *page_cache_get(ParquetCache *c, uint64_t file, uint64_t offset)
{
    if (!c)
        return NULL;
    pthread_mutex_lock(&c->lock);
    CachedPage *page = entry_find(c, file, offset);
    if (page) {
        page->n_users++;
        page->used = c->clock;
        unlink_use(c, page);
        link_newest(c, page);
        c->n_hits++;
    } else {
        c->n_misses++;
    }
    pthread_mutex_unlock(&c->lock);
    return page;
}

void page_cache_put(ParquetCache *c, const CachedPage *page)
{
    CachedPage *mine = (CachedPage *)(uintptr_t)page;

    pthread_mutex_lock(&c->lock);
    assert(mine->n_users > 0);
    if (--mine->n_users == 0 && mine->gone)
        entry_free(c, mine);
    pthread_mutex_unlock(&c->lock);
}

const CachedPage *page_cache_add(ParquetCache *c, MemPool *from, const CachedPage *draft)
{
    size_t n_page = draft->page ? draft->page->n_block : 0;
    uint64_t content = mem_block_bytes(n_page) + mem_block_bytes(draft->n_values);
    CachedPage *page = NULL;

    if (!c || content < PAGE_BYTES_MIN)
        return NULL;
    pthread_mutex_lock(&c->lock);
    if (!entry_find(c, draft->file, draft->offset)) {
        if (make_room(c, content + sizeof(*page))) {
            page = malloc(sizeof(*page));
            if (!page)
                mem_uncharge(c->pool, content + sizeof(*page));
        } else {
            c->lacked += content + sizeof(*page);
        }
    }
    if (page) {
        CachedPage **slot = &c->slots[slot_of(draft->file, draft->offset)];
        *page = *draft;
        page->bytes = content + sizeof(*page);
        page->n_users = 1;
        page->used = c->clock;
        page->chain = *slot;
        *slot = page;
        link_newest(c, page);
        c->n_pages++;
    }
    pthread_mutex_unlock(&c->lock);
    if (page)
        mem_uncharge(from, content);
    return page;
}

/* --- the cache -------------------------------------------------------------------------------- */

int parquet_cache_new(MemPool *root, ParquetCache **ret_cache)
{
    ParquetCache *c = calloc(1, sizeof(*c));
    int r = c ? mem_pool_new_child(root, "cache", &c->pool) : -ENOMEM;

    if (r == 0)
        r = mem_charge(c->pool, sizeof(*c), "Parquet cache");
    if (r != 0) {
        if (c)
            mem_pool_free(c->pool);
        free(c);
        return r;
    }
    c->root = root;
    (void)pthread_mutex_init(&c->lock, NULL);
    mem_pool_set_cache(root, c->pool, cache_shrink, c);
    *ret_cache = c;
    return 0;
}

ParquetCache *parquet_cache_free(ParquetCache *c)
{
    if (!c)
        return NULL;
    mem_pool_set_cache(c->root, NULL, NULL, NULL);
    cache_shrink(c, 0);
    mem_uncharge(c->pool, sizeof(*c));
    mem_pool_free(c->pool); /* asserts that nobody reads */
    pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

void parquet_cache_tick(ParquetCache *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->clock++;
    /* Forgotten slowly: the next query may look at other files. */
    c->lacks = MAX(c->lacks - c->lacks / 8, c->lacked);
    c->lacked = 0;
    pthread_mutex_unlock(&c->lock);
}

uint64_t parquet_cache_wish(ParquetCache *c)
{
    if (!c)
        return 0;
    pthread_mutex_lock(&c->lock);
    uint64_t lacks = MAX(c->lacks, c->lacked), wish = 0;
    if (lacks >= LACKS_MIN)
        wish = MIN(mem_pool_reserved(c->pool) + lacks, BYTES_MAX) * LIMIT_SHARE;
    pthread_mutex_unlock(&c->lock);
    return wish;
}

void parquet_cache_forget(ParquetCache *c, ParquetFile *file)
{
    if (!c || file->cache != c)
        return;
    pthread_mutex_lock(&c->lock);
    for (CachedPage *page = c->oldest, *newer; page; page = newer) {
        newer = page->newer;
        if (page->file == file->cache_number)
            entry_drop(c, page);
    }
    pthread_mutex_unlock(&c->lock);
    file->cache = NULL;
}

void parquet_file_use_cache(ParquetFile *file, ParquetCache *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    file->cache_number = ++c->n_files;
    pthread_mutex_unlock(&c->lock);
    file->cache = c;
}

void parquet_cache_statistics(ParquetCache *c, ParquetCacheStatistics *ret)
{
    pthread_mutex_lock(&c->lock);
    *ret = (ParquetCacheStatistics){.bytes = mem_pool_reserved(c->pool),
                                    .n_pages = c->n_pages,
                                    .n_hits = c->n_hits,
                                    .n_misses = c->n_misses};
    pthread_mutex_unlock(&c->lock);
}
