/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/memory/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Bump allocation. Blocks grow from 16 KiB to 2 MiB; a request above a quarter of the next block
 * gets a block of its own, so that a large array does not waste the rest of the current one.
 */

#define ARENA_BLOCK_FIRST ((size_t)16 << 10)
#define ARENA_BLOCK_MAX ((size_t)2 << 20)

typedef struct ArenaBlock ArenaBlock;
struct ArenaBlock {
    ArenaBlock *next;
    size_t bytes; /* with this header */
    uint8_t pad[48];
};

_Static_assert(sizeof(ArenaBlock) == 64, "what follows the header is aligned to 64 bytes");

struct MemArena {
    MemPool *pool;
    const char *operator_name;
    ArenaBlock *blocks; /* newest first */
    ArenaBlock *first;  /* kept by reset */
    uint8_t *at, *end;  /* in the current block */
    size_t n_next;      /* size of the next ordinary block */
    uint64_t bytes;
    int error;
};

int mem_arena_new(MemPool *pool, const char *operator_name, MemArena **ret_arena)
{
    MemArena *arena = calloc(1, sizeof(*arena));

    if (!arena)
        return -ENOMEM;
    arena->pool = pool;
    arena->operator_name = operator_name;
    arena->n_next = ARENA_BLOCK_FIRST;
    *ret_arena = arena;
    return 0;
}

static void arena_free_blocks(MemArena *arena, ArenaBlock *but)
{
    ArenaBlock *next;

    for (ArenaBlock *b = arena->blocks; b; b = next) {
        next = b->next;
        if (b == but)
            continue;
        arena->bytes -= b->bytes;
        mem_block_free(arena->pool, b, b->bytes);
    }
    arena->blocks = but;
    if (but)
        but->next = NULL;
}

MemArena *mem_arena_free(MemArena *arena)
{
    if (!arena)
        return NULL;
    arena_free_blocks(arena, NULL);
    free(arena);
    return NULL;
}

void mem_arena_reset(MemArena *arena)
{
    arena_free_blocks(arena, arena->first);
    arena->error = 0;
    arena->n_next = ARENA_BLOCK_FIRST * 2;
    if (arena->first) {
        arena->at = (uint8_t *)arena->first + sizeof(ArenaBlock);
        arena->end = (uint8_t *)arena->first + arena->first->bytes;
    }
}

static ArenaBlock *arena_add_block(MemArena *arena, size_t bytes)
{
    void *memory;
    ArenaBlock *block;
    int r = mem_block_alloc(arena->pool, bytes, arena->operator_name, &memory);

    if (r != 0) {
        arena->error = r;
        return NULL;
    }
    block = memory;
    block->bytes = bytes;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->bytes += bytes;
    return block;
}

static void *arena_alloc_slow(MemArena *arena, size_t bytes)
{
    ArenaBlock *block;
    int before = arena->error; /* sticks, whatever succeeds later */

    if (bytes > SIZE_MAX / 8) {
        arena->error = MEM_E_REFUSED;
        return NULL;
    }
    if (bytes > (arena->n_next - sizeof(ArenaBlock)) / 4 && arena->blocks) {
        block = arena_add_block(arena, bytes + sizeof(ArenaBlock));
        return block ? (uint8_t *)block + sizeof(ArenaBlock) : NULL;
    }
    block = arena_add_block(arena, MAX(arena->n_next, bytes + sizeof(ArenaBlock)));
    if (!block && (arena->error == MEM_E_SPILL || arena->error == MEM_E_REFUSED) &&
        arena->n_next > ARENA_BLOCK_FIRST) {
        /* Where memory is short, grow by what is needed. */
        arena->n_next = MAX(ARENA_BLOCK_FIRST, bytes + sizeof(ArenaBlock));
        arena->error = before;
        block = arena_add_block(arena, arena->n_next);
    }
    if (!block)
        return NULL;
    if (!arena->first)
        arena->first = block;
    arena->n_next = MIN(arena->n_next * 2, ARENA_BLOCK_MAX);
    arena->at = (uint8_t *)block + sizeof(ArenaBlock) + bytes;
    arena->end = (uint8_t *)block + block->bytes;
    return (uint8_t *)block + sizeof(ArenaBlock);
}

void *mem_arena_alloc(MemArena *arena, size_t bytes, size_t align)
{
    uintptr_t at = ALIGN_UP((uintptr_t)arena->at, (uintptr_t)align);

    if (likely(arena->at && at <= (uintptr_t)arena->end && bytes <= (uintptr_t)arena->end - at)) {
        arena->at = (uint8_t *)at + bytes;
        return (void *)at;
    }
    return arena_alloc_slow(arena, bytes);
}

void *mem_arena_zalloc(MemArena *arena, size_t bytes, size_t align)
{
    void *memory = mem_arena_alloc(arena, bytes, align);

    return memory ? memset(memory, 0, bytes) : NULL;
}

char *mem_arena_strndup(MemArena *arena, const char *text, size_t n)
{
    char *copy = mem_arena_alloc(arena, n + 1, 1);

    if (!copy)
        return NULL;
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

int mem_arena_error(const MemArena *arena)
{
    return arena->error;
}

uint64_t mem_arena_bytes(const MemArena *arena)
{
    return arena->bytes;
}
