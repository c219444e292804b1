/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/write/bytes.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BYTES_FIRST 256u
#define WRITE_STEP ((size_t)8 << 20) /* so that a cancel is noticed between two calls */

void bytes_done(Bytes *b)
{
    if (b->data)
        mem_block_free(b->pool, b->data, b->capacity);
    b->data = NULL;
    b->n = b->capacity = 0;
}

int bytes_grow(Bytes *b, size_t more)
{
    if (more > SIZE_MAX / 4 - b->n)
        return MEM_E_REFUSED;
    size_t capacity = MAX(b->capacity * 2, (size_t)BYTES_FIRST);
    while (capacity < b->n + more)
        capacity *= 2;
    void *grown;
    int r = mem_block_alloc(b->pool, capacity, "write", &grown);
    if (r != 0)
        return r;
    if (b->n > 0)
        memcpy(grown, b->data, b->n);
    if (b->data)
        mem_block_free(b->pool, b->data, b->capacity);
    b->data = grown;
    b->capacity = capacity;
    return 0;
}

int output_write(Output *out, const void *data, size_t n)
{
    const uint8_t *at = data;
    while (n > 0) {
        ssize_t k = pwrite(out->fd, at, MIN(n, WRITE_STEP), (off_t)out->end);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -errno : -ENOSPC;
        at += k;
        n -= (size_t)k;
        out->end += (uint64_t)k;
    }
    return 0;
}
