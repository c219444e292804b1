/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Memory of the executor: reserved first, allocated after (D-10).
 *
 *   MemBroker   asks berthd for a larger total (a callback; in embedded mode a fixed limit)
 *   MemPool     the account of one process or one query: reserved, peak, limit; thread-safe
 *   MemArena    bump allocation from blocks that were charged to a pool; one lifetime, freed as a
 * whole blocks      recycled 2 MiB-aligned mappings, kept between queries, because page faults cost
 * more than anything
 *
 * A charge that the pool cannot cover goes to the broker; the broker may grant, may grant less, may
 * refuse.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct MemPool MemPool;
typedef struct MemArena MemArena;

#define MEM_REASON_MAX 512u

enum {
    MEM_E_SPILL = 1,   /* not granted now: give memory back (spill), then ask again */
    MEM_E_REFUSED = 2, /* not to be had: fail the query; mem_pool_reason() says why */
};

/*
 * Asks for a larger total. Called with the pool's lock held by one thread at a time; may block.
 * @total_bytes:    wanted total of the process
 * @minimum_bytes:  total below which the operator cannot go on
 * @ret_total:      what is allowed now
 * @reason:         out, why not, NUL-terminated
 * Return: 0 granted at least @total_bytes; MEM_E_SPILL; MEM_E_REFUSED; negative errno.
 */
typedef int (*MemBrokerAsk)(void *userdata, uint64_t total_bytes, uint64_t minimum_bytes,
                            const char *operator_name, uint64_t *ret_total, char *reason,
                            size_t reason_size);

/**
 * mem_pool_new() - a root account
 * @limit_bytes:  what may be reserved without asking
 * @ask:          broker, or NULL: the limit is fixed
 * Return: 0 or -ENOMEM.
 */
int mem_pool_new(uint64_t limit_bytes, MemBrokerAsk ask, void *userdata, MemPool **ret_pool);
/* An account below another (a query below its process); its charges count in both. */
int mem_pool_new_child(MemPool *parent, const char *name, MemPool **ret_pool);
/* The account of the process that @pool is a part of. */
const MemPool *mem_pool_root(const MemPool *pool);
/* Asserts that nothing is reserved any more. Accepts NULL. */
MemPool *mem_pool_free(MemPool *pool);
/* A new limit from outside (grant changed). Lowering it below what is reserved is allowed: the next
 * charge asks. */
void mem_pool_set_limit(MemPool *pool, uint64_t limit_bytes);

/* What can be done about a charge that was refused. */
typedef enum MemRelief {
    MEM_RELIEF_NONE,    /* nothing: the charge fails */
    MEM_RELIEF_RETRY,   /* something was given back: try again */
    MEM_RELIEF_COVERED, /* the asker had reserved as much before, which now stands for this charge
                         */
} MemRelief;

/*
 * Called by the thread whose charge to this very pool was refused, before it fails; @attempt counts
 * from 0. It may block, give memory of the pool back, and charge it.
 */
typedef MemRelief (*MemRelieve)(void *userdata, uint64_t bytes, uint32_t attempt);

/* While nobody charges. NULL: nobody is asked. */
void mem_pool_set_relief(MemPool *pool, MemRelieve relieve, void *userdata);

/* Gives back what a cache holds, until its pool has at most @keep_bytes reserved; never charges. */
typedef void (*MemShrink)(void *userdata, uint64_t keep_bytes);

/**
 * mem_pool_set_cache() - memory that only makes later queries quicker
 * @root:   a root; a charge that it cannot cover shrinks the cache before anybody else is asked
 * @cache:  a child of @root that is charged with mem_charge_free() only. NULL: no cache any more
 */
void mem_pool_set_cache(MemPool *root, MemPool *cache, MemShrink shrink, void *userdata);
/* Shrinks the cache to @keep_bytes. */
void mem_pool_shrink_cache(MemPool *root, uint64_t keep_bytes);
/* What the cache has reserved; 0 without one. */
uint64_t mem_pool_cache_bytes(MemPool *root);
/* Reserves what is free at every level; nobody is asked for more, no peak noted. */
bool mem_charge_free(MemPool *pool, uint64_t bytes);

/**
 * mem_pool_make_room() - could @bytes be charged now? Asks the broker for as much if they could not
 * Nothing is charged and no peak noted. Return: 0; MEM_E_SPILL; MEM_E_REFUSED; negative errno.
 */
int mem_pool_make_room(MemPool *pool, uint64_t bytes, const char *operator_name);

/**
 * mem_charge() - reserve @bytes before allocating them
 * @operator_name:  static text, named in messages ("hash join build")
 * Return: 0; MEM_E_SPILL; MEM_E_REFUSED; negative errno.
 */
int mem_charge(MemPool *pool, uint64_t bytes, const char *operator_name);
void mem_uncharge(MemPool *pool, uint64_t bytes);
uint64_t mem_pool_reserved(const MemPool *pool);
uint64_t mem_pool_peak(const MemPool *pool);
uint64_t mem_pool_limit(const MemPool *pool);
/* Why the last charge was refused, into @buf (MEM_REASON_MAX is enough); "" when none was. Return:
 * @buf. */
char *mem_pool_reason(MemPool *pool, char *buf, size_t size);
/* The operator that asked last; "" when none did. */
const char *mem_pool_last_operator(const MemPool *pool);

/**
 * mem_block_alloc() - a zeroed-or-not block, 64-byte aligned (2 MiB aligned from 2 MiB on), charged
 * first Content is undefined when it comes from the recycler. Return: 0; as mem_charge(); -ENOMEM.
 */
int mem_block_alloc(MemPool *pool, size_t bytes, const char *operator_name, void **ret_block);
void mem_block_free(MemPool *pool, void *block, size_t bytes);
/* What is charged for a block of @bytes; 0 for none. */
size_t mem_block_bytes(size_t bytes);
/* Gives recycled blocks back to the kernel until at most @keep_bytes stay. Return: bytes given
 * back. */
uint64_t mem_recycler_trim(uint64_t keep_bytes);

/* Bytes that the recycler keeps for later and that no pool is charged for. */
uint64_t mem_recycler_bytes(void);
/* From now on a block that would make it keep more than @keep_bytes goes back to the kernel at
 * once. */
void mem_recycler_set_keep(uint64_t keep_bytes);
/* For tests: the @nth charge from now on (1 = the next) below this root is refused; 0 = never. */
void mem_pool_fail_charge(MemPool *pool, uint64_t nth);

/* An arena of one lifetime. Not thread-safe: one per thread or per plan. */
int mem_arena_new(MemPool *pool, const char *operator_name, MemArena **ret_arena);
MemArena *mem_arena_free(MemArena *arena);
/* Forget everything, keep the first block. */
void mem_arena_reset(MemArena *arena);
/* @align is a power of two up to 64. Return: NULL when refused; mem_arena_error() gives the code of
 * mem_charge(). */
void *mem_arena_alloc(MemArena *arena, size_t bytes, size_t align) __attribute__((malloc));
void *mem_arena_zalloc(MemArena *arena, size_t bytes, size_t align) __attribute__((malloc));
char *mem_arena_strndup(MemArena *arena, const char *text, size_t n);
int mem_arena_error(const MemArena *arena);
uint64_t mem_arena_bytes(const MemArena *arena);

#define mem_arena_new_array(arena, type, n)                                                        \
    ((type *)mem_arena_zalloc((arena), sizeof(type) * (size_t)(n), _Alignof(type)))
#define mem_arena_new_of(arena, type) mem_arena_new_array(arena, type, 1)
