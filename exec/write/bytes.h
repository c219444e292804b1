/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bytes that grow, charged to a query before they are allocated, and a file that takes them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"

typedef struct Bytes {
    MemPool *pool;
    uint8_t *data;
    size_t n, capacity;
} Bytes;

static inline void bytes_init(Bytes *b, MemPool *pool)
{
    *b = (Bytes){.pool = pool};
}
void bytes_done(Bytes *b);
/* Room for @more bytes behind those that are there. Return: 0; as mem_block_alloc(). */
int bytes_grow(Bytes *b, size_t more);

static inline int bytes_reserve(Bytes *b, size_t more)
{
    return b->capacity - b->n >= more ? 0 : bytes_grow(b, more);
}

static inline int bytes_add(Bytes *b, const void *data, size_t n)
{
    int r = bytes_reserve(b, n);
    if (r == 0 && n > 0) {
        memcpy(b->data + b->n, data, n);
        b->n += n;
    }
    return r;
}

static inline int bytes_add_text(Bytes *b, const char *text)
{
    return bytes_add(b, text, strlen(text));
}

/* A file that is written from its beginning, through no buffer of its own. */
typedef struct Output {
    int fd;
    uint64_t end; /* bytes written */
} Output;

/**
 * output_write() - append
 * Return: 0; negative errno (-ENOSPC, -EDQUOT, -EFBIG, ...).
 */
int output_write(Output *out, const void *data, size_t n);
