/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/memory/memory.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/text.h"

/*
 * The account. A charge walks from the pool to its root and adds at every level; a level that is
 * full asks its broker (only roots have one) or refuses, and what was added below is taken back.
 * Callers charge whole blocks, so two atomic additions per charge do not show.
 */

#define POOL_DEPTH_MAX 8

struct MemPool {
    MemPool *parent;
    MemBrokerAsk ask;
    void *userdata;
    MemRelieve relieve;
    void *relieve_userdata;
    MemPool *cache; /* root only; this and the next two under @cache_lock */
    MemShrink shrink;
    void *shrink_userdata;
    pthread_mutex_t cache_lock;
    _Atomic uint64_t limit;
    _Atomic uint64_t reserved;
    _Atomic uint64_t peak;
    _Atomic uint64_t fail_in; /* root only: charges until one is refused; 0 = off */
    _Atomic(const char *) last_operator;
    pthread_mutex_t ask_lock;
    char name[48];
    pthread_mutex_t reason_lock; /* not ask_lock: an answer may take long */
    char reason[MEM_REASON_MAX];
};

int mem_pool_new(uint64_t limit_bytes, MemBrokerAsk ask, void *userdata, MemPool **ret_pool)
{
    MemPool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return -ENOMEM;
    /* Cannot fail without attributes. */
    (void)pthread_mutex_init(&pool->ask_lock, NULL);
    (void)pthread_mutex_init(&pool->reason_lock, NULL);
    (void)pthread_mutex_init(&pool->cache_lock, NULL);
    pool->ask = ask;
    pool->userdata = userdata;
    atomic_init(&pool->limit, limit_bytes);
    *ret_pool = pool;
    return 0;
}

int mem_pool_new_child(MemPool *parent, const char *name, MemPool **ret_pool)
{
    int r = mem_pool_new(UINT64_MAX, NULL, NULL, ret_pool);

    if (r < 0)
        return r;
    (*ret_pool)->parent = parent;
    (void)snprintf((*ret_pool)->name, sizeof((*ret_pool)->name), "%s", name ? name : "");
    return 0;
}

const MemPool *mem_pool_root(const MemPool *pool)
{
    while (pool->parent)
        pool = pool->parent;
    return pool;
}

MemPool *mem_pool_free(MemPool *pool)
{
    if (!pool)
        return NULL;
    assert(atomic_load(&pool->reserved) == 0);
    pthread_mutex_destroy(&pool->ask_lock);
    pthread_mutex_destroy(&pool->reason_lock);
    pthread_mutex_destroy(&pool->cache_lock);
    free(pool);
    return NULL;
}

void mem_pool_set_limit(MemPool *pool, uint64_t limit_bytes)
{
    atomic_store(&pool->limit, limit_bytes);
}

void mem_pool_fail_charge(MemPool *pool, uint64_t nth)
{
    atomic_store(&pool->fail_in, nth);
}

static void pool_note_peak(MemPool *pool, uint64_t now)
{
    uint64_t peak = atomic_load_explicit(&pool->peak, memory_order_relaxed);

    while (now > peak && !atomic_compare_exchange_weak_explicit(
                             &pool->peak, &peak, now, memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Adds when it fits below the limit. */
static bool pool_try_add(MemPool *pool, uint64_t bytes)
{
    uint64_t now = atomic_load_explicit(&pool->reserved, memory_order_relaxed);
    uint64_t limit = atomic_load_explicit(&pool->limit, memory_order_relaxed);

    for (;;) {
        if (bytes > limit || now > limit - bytes)
            return false;
        if (atomic_compare_exchange_weak_explicit(&pool->reserved, &now, now + bytes,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    }
}

static void pool_set_reason(MemPool *pool, const char *reason)
{
    pthread_mutex_lock(&pool->reason_lock);
    (void)text_copy(pool->reason, sizeof(pool->reason), reason);
    pthread_mutex_unlock(&pool->reason_lock);
}

static int pool_refuse(MemPool *pool, uint64_t bytes, const char *operator_name)
{
    char reason[MEM_REASON_MAX];

    (void)snprintf(reason, sizeof(reason),
                   "%s asked for %llu bytes with %llu reserved of a limit of %llu",
                   operator_name ? operator_name : "an operator", (unsigned long long)bytes,
                   (unsigned long long)atomic_load(&pool->reserved),
                   (unsigned long long)atomic_load(&pool->limit));
    pool_set_reason(pool, reason);
    return MEM_E_REFUSED;
}

static void pool_sub(MemPool *pool, uint64_t bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&pool->reserved, bytes, memory_order_relaxed);

    assert(before >= bytes);
    (void)before;
}

/* --- the cache --- */

void mem_pool_set_cache(MemPool *root, MemPool *cache, MemShrink shrink, void *userdata)
{
    assert(!root->parent);
    pthread_mutex_lock(&root->cache_lock);
    root->cache = cache;
    root->shrink = shrink;
    root->shrink_userdata = userdata;
    pthread_mutex_unlock(&root->cache_lock);
}

void mem_pool_shrink_cache(MemPool *root, uint64_t keep_bytes)
{
    pthread_mutex_lock(&root->cache_lock);
    if (root->cache)
        root->shrink(root->shrink_userdata, keep_bytes);
    pthread_mutex_unlock(&root->cache_lock);
}

uint64_t mem_pool_cache_bytes(MemPool *root)
{
    pthread_mutex_lock(&root->cache_lock);
    uint64_t held = root->cache ? atomic_load(&root->cache->reserved) : 0;
    pthread_mutex_unlock(&root->cache_lock);
    return held;
}

/* As much of the cache goes as a charge of @bytes lacks. */
static void pool_shrink_for(MemPool *pool, uint64_t bytes)
{
    pthread_mutex_lock(&pool->cache_lock);
    uint64_t held = pool->cache ? atomic_load(&pool->cache->reserved) : 0;
    if (held > 0) {
        uint64_t now = atomic_load(&pool->reserved), limit = atomic_load(&pool->limit), lacks;

        if (__builtin_add_overflow(now, bytes, &lacks))
            lacks = UINT64_MAX;
        lacks = lacks > limit ? lacks - limit : 0;
        pool->shrink(pool->shrink_userdata, held > lacks ? held - lacks : 0);
    }
    pthread_mutex_unlock(&pool->cache_lock);
}

bool mem_charge_free(MemPool *pool, uint64_t bytes)
{
    for (MemPool *p = pool; p; p = p->parent)
        if (!pool_try_add(p, bytes)) {
            for (MemPool *q = pool; q != p; q = q->parent)
                pool_sub(q, bytes);
            return false;
        }
    return true;
}

/* Under the lock: another thread may have been granted enough in the meantime. */
static int pool_ask_locked(MemPool *pool, uint64_t bytes, const char *operator_name)
{
    uint64_t now, total, granted = 0;
    char reason[MEM_REASON_MAX] = "";
    int r;

    if (pool_try_add(pool, bytes))
        return 0;
    pool_shrink_for(pool, bytes);
    if (pool_try_add(pool, bytes))
        return 0;
    if (!pool->ask)
        return pool_refuse(pool, bytes, operator_name);
    now = atomic_load(&pool->reserved);
    if (__builtin_add_overflow(now, bytes, &total))
        return pool_refuse(pool, bytes, operator_name);
    r = pool->ask(pool->userdata, total, total, operator_name, &granted, reason, sizeof(reason));
    pool_set_reason(pool, reason);
    if (r != 0)
        return r;
    atomic_store(&pool->limit, granted);
    if (pool_try_add(pool, bytes))
        return 0;
    return pool_refuse(pool, bytes, operator_name);
}

static int pool_add(MemPool *pool, uint64_t bytes, const char *operator_name)
{
    int r;

    if (likely(pool_try_add(pool, bytes)))
        return 0;
    pthread_mutex_lock(&pool->ask_lock);
    r = pool_ask_locked(pool, bytes, operator_name);
    pthread_mutex_unlock(&pool->ask_lock);
    return r;
}

/* The test hook: counts down, and the charge that meets 1 fails. */
static bool pool_fails_now(MemPool *root)
{
    uint64_t left = atomic_load_explicit(&root->fail_in, memory_order_relaxed);

    while (unlikely(left != 0))
        if (atomic_compare_exchange_weak(&root->fail_in, &left, left - 1))
            return left == 1;
    return false;
}

void mem_pool_set_relief(MemPool *pool, MemRelieve relieve, void *userdata)
{
    pool->relieve = relieve;
    pool->relieve_userdata = userdata;
}

static bool pool_has_room(const MemPool *pool, uint64_t bytes)
{
    uint64_t now = atomic_load_explicit(&pool->reserved, memory_order_relaxed);
    uint64_t limit = atomic_load_explicit(&pool->limit, memory_order_relaxed);

    return bytes <= limit && now <= limit - bytes;
}

static int pool_ask_room(MemPool *pool, uint64_t bytes, const char *operator_name)
{
    uint64_t total, granted = 0;
    char reason[MEM_REASON_MAX] = "";
    int r = 0;

    pthread_mutex_lock(&pool->ask_lock);
    if (!pool_has_room(pool, bytes))
        pool_shrink_for(pool, bytes);
    if (!pool_has_room(pool, bytes)) {
        if (!pool->ask || __builtin_add_overflow(atomic_load(&pool->reserved), bytes, &total))
            r = MEM_E_REFUSED;
        else
            r = pool->ask(pool->userdata, total, total, operator_name, &granted, reason,
                          sizeof(reason));
        if (r == 0) {
            atomic_store(&pool->limit, granted);
            r = pool_has_room(pool, bytes) ? 0 : MEM_E_SPILL;
        }
    }
    pthread_mutex_unlock(&pool->ask_lock);
    return r;
}

int mem_pool_make_room(MemPool *pool, uint64_t bytes, const char *operator_name)
{
    for (; pool; pool = pool->parent)
        if (unlikely(!pool_has_room(pool, bytes))) {
            int r = pool_ask_room(pool, bytes, operator_name);

            if (r != 0)
                return r;
        }
    return 0;
}

static int charge_levels(MemPool *pool, uint64_t bytes, const char *operator_name)
{
    MemPool *root = pool;

    while (root->parent)
        root = root->parent;
    atomic_store_explicit(&pool->last_operator, operator_name, memory_order_relaxed);
    atomic_store_explicit(&root->last_operator, operator_name, memory_order_relaxed);
    if (pool_fails_now(root))
        return pool_refuse(root, bytes, operator_name);
    for (MemPool *p = pool; p; p = p->parent) {
        int r = pool_add(p, bytes, operator_name);

        if (r != 0) {
            for (MemPool *q = pool; q != p; q = q->parent)
                pool_sub(q, bytes);
            return r;
        }
    }
    /* What is refused is in no peak: another thread's charge may be on its way up, but a level has
     * no more than those above it. */
    for (MemPool *p = pool; p; p = p->parent) {
        uint64_t now = UINT64_MAX;

        for (const MemPool *q = p; q; q = q->parent)
            now = MIN(now, (uint64_t)atomic_load_explicit(&q->reserved, memory_order_relaxed));
        pool_note_peak(p, now);
    }
    return 0;
}

int mem_charge(MemPool *pool, uint64_t bytes, const char *operator_name)
{
    for (uint32_t attempt = 0;; attempt++) {
        int r = charge_levels(pool, bytes, operator_name);

        if (likely(r != MEM_E_SPILL && r != MEM_E_REFUSED) || !pool->relieve)
            return r;
        switch (pool->relieve(pool->relieve_userdata, bytes, attempt)) {
        case MEM_RELIEF_COVERED:
            return 0;
        case MEM_RELIEF_RETRY:
            continue;
        default:
            return r;
        }
    }
}

void mem_uncharge(MemPool *pool, uint64_t bytes)
{
    for (; pool; pool = pool->parent)
        pool_sub(pool, bytes);
}

uint64_t mem_pool_reserved(const MemPool *pool)
{
    return atomic_load(&pool->reserved);
}

uint64_t mem_pool_peak(const MemPool *pool)
{
    return atomic_load(&pool->peak);
}

uint64_t mem_pool_limit(const MemPool *pool)
{
    uint64_t limit = UINT64_MAX;

    for (; pool; pool = pool->parent)
        limit = MIN(limit, (uint64_t)atomic_load(&pool->limit));
    return limit;
}

char *mem_pool_reason(MemPool *pool, char *buf, size_t size)
{
    buf[0] = '\0';
    for (; pool && !buf[0]; pool = pool->parent) {
        pthread_mutex_lock(&pool->reason_lock);
        (void)text_copy(buf, size, pool->reason);
        pthread_mutex_unlock(&pool->reason_lock);
    }
    return buf;
}

const char *mem_pool_last_operator(const MemPool *pool)
{
    const char *name = atomic_load(&pool->last_operator);

    return name ? name : "";
}
