/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/grpc/grpc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static bool charge(GrpcAccount *account, size_t n_bytes)
{
    if (!account)
        return true;
    if (n_bytes > account->limit || account->n_bytes > account->limit - n_bytes)
        return false;
    account->n_bytes += n_bytes;
    return true;
}

static void discharge(GrpcAccount *account, size_t n_bytes)
{
    if (!account)
        return;
    assert(account->n_bytes >= n_bytes);
    account->n_bytes -= n_bytes;
}

GrpcBuffer *grpc_buffer_new(GrpcAccount *account, size_t headroom, size_t n_bytes)
{
    size_t capacity;
    if (__builtin_add_overflow(headroom, n_bytes, &capacity) ||
        capacity > SIZE_MAX - sizeof(GrpcBuffer))
        return NULL;
    if (!charge(account, capacity))
        return NULL;
    GrpcBuffer *b = malloc(sizeof(*b) + capacity);
    if (!b) {
        discharge(account, capacity);
        return NULL;
    }
    b->n_refs = 1;
    b->account = account;
    b->head = b->tail = headroom;
    b->capacity = capacity;
    return b;
}

GrpcBuffer *grpc_buffer_ref(GrpcBuffer *b)
{
    assert(b->n_refs > 0 && b->n_refs < UINT32_MAX);
    b->n_refs++;
    return b;
}

GrpcBuffer *grpc_buffer_unref(GrpcBuffer *b)
{
    if (!b)
        return NULL;
    assert(b->n_refs > 0);
    if (--b->n_refs == 0) {
        discharge(b->account, b->capacity);
        free(b);
    }
    return NULL;
}

int grpc_buffer_append(GrpcBuffer **pb, const void *data, size_t n_bytes)
{
    GrpcBuffer *b = *pb;
    assert(b->n_refs == 1);
    if (n_bytes > b->capacity - b->tail) {
        size_t wanted;
        if (__builtin_add_overflow(b->tail, n_bytes, &wanted))
            return -ENOMEM;
        size_t capacity = MAX(wanted, b->capacity + b->capacity / 2);
        if (!charge(b->account, capacity - b->capacity))
            return -ENOMEM;
        GrpcBuffer *larger = realloc(b, sizeof(*b) + capacity);
        if (!larger) {
            discharge(b->account, capacity - b->capacity);
            return -ENOMEM;
        }
        larger->capacity = capacity;
        *pb = b = larger;
    }
    if (n_bytes > 0)
        memcpy(b->data + b->tail, data, n_bytes);
    b->tail += n_bytes;
    return 0;
}

void grpc_buffer_trim(GrpcBuffer **pb)
{
    GrpcBuffer *b = *pb;
    size_t n_spare = b->capacity - b->tail;
    assert(b->n_refs == 1);
    if (n_spare < 4096 || n_spare < b->capacity / 8)
        return;
    GrpcBuffer *smaller = realloc(b, sizeof(*b) + b->tail);
    if (!smaller)
        return;
    smaller->capacity = smaller->tail;
    discharge(smaller->account, n_spare);
    *pb = smaller;
}

void grpc_buffer_prepend(GrpcBuffer *b, const void *data, size_t n_bytes)
{
    assert(b->n_refs == 1 && n_bytes <= b->head);
    b->head -= n_bytes;
    memcpy(b->data + b->head, data, n_bytes);
}
