/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/io/io_internal.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/clock.h"

/*
 * The two backends. With a ring, requests are submitted when a fetch starts and reaped by whichever
 * thread waits first: it sleeps in the kernel once for all, the others sleep on a condition. What
 * the ring could not take (queue full, no slot in its file table, a short read, a broken ring) is
 * read by pread in the thread that waits, so there is one code path that always ends.
 */

/* --- context ---------------------------------------------------------------------------------- */

int io_context_new_ring(Ring *ring, IoContext **ret_io)
{
    IoContext *io = calloc(1, sizeof(*io));

    if (!io)
        return -ENOMEM;
    io->ring = ring;
    (void)pthread_mutex_init(&io->submit_lock, NULL);
    (void)pthread_mutex_init(&io->reap_lock, NULL);
    (void)pthread_cond_init(&io->reaped, NULL);
    (void)pthread_mutex_init(&io->files_lock, NULL);
    list_init(&io->idle_files);
    *ret_io = io;
    return 0;
}

int io_context_new_pread(IoContext **ret_io)
{
    return io_context_new_ring(NULL, ret_io);
}

IoContext *io_context_free(IoContext *io)
{
    if (!io)
        return NULL;
    assert(atomic_load(&io->in_flight) == 0);
    assert(io->n_open == 0);
    pthread_mutex_destroy(&io->files_lock);
    pthread_cond_destroy(&io->reaped);
    pthread_mutex_destroy(&io->reap_lock);
    pthread_mutex_destroy(&io->submit_lock);
    free(io);
    return NULL;
}

IoMetrics io_context_metrics(const IoContext *io)
{
    return (IoMetrics){
        .bytes_read = atomic_load(&io->bytes_read),
        .n_reads = atomic_load(&io->n_reads),
        .n_ring = atomic_load(&io->n_ring),
        .wait_nsec = atomic_load(&io->wait_nsec),
    };
}

void io_context_set_probe(IoContext *io, bool probe)
{
    atomic_store(&io->no_probe, !probe);
}

const char *io_context_backend(const IoContext *io)
{
    return io->ring && !atomic_load(&io->ring_broken) ? "ring" : "pread";
}

/* --- ring ------------------------------------------------------------------------------------- */

void io_slot_release(IoContext *io, int slot)
{
    (void)ring_file_set(io->ring, (uint32_t)slot, -1);
    pthread_mutex_lock(&io->submit_lock);
    io->slots[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
    pthread_mutex_unlock(&io->submit_lock);
}

/* Under the submit lock. Return: a slot that holds the file, or -1. */
static int file_slot_locked(IoFile *file)
{
    IoContext *io = file->io;
    uint32_t n_files = MIN(io->ring->n_files, RING_FILES_MAX);
    int slot = atomic_load(&file->slot);

    if (slot >= 0)
        return slot;
    for (uint32_t i = 0; i < n_files; i++) {
        if (io->slots[i / 64] >> (i % 64) & 1)
            continue;
        if (ring_file_set(io->ring, i, file->fd) < 0)
            return -1;
        io->slots[i / 64] |= UINT64_C(1) << (i % 64);
        atomic_store(&file->slot, (int)i);
        return (int)i;
    }
    return -1;
}

/* Under the submit lock. A ring that cannot submit any more is left alone for ever. */
static int ring_submit_all(IoContext *io)
{
    for (;;) {
        int r = ring_submit(io->ring, 0);

        if (r == -EINTR || r == -EAGAIN || r == -EBUSY)
            continue;
        if (r < 0)
            return r;
        if (*io->ring->sq_tail == __atomic_load_n(io->ring->sq_head, __ATOMIC_ACQUIRE))
            return 0;
    }
}

static void submit_failed(IoContext *io, IoRequest *requests, size_t n, uint32_t tail_before)
{
    uint32_t taken = __atomic_load_n(io->ring->sq_head, __ATOMIC_ACQUIRE) - tail_before;

    atomic_store(&io->ring_broken, true);
    for (size_t i = taken; i < n; i++) {
        requests[i].submitted = false;
        atomic_fetch_sub(&io->in_flight, 1);
    }
}

void io_submit(IoFile *file, IoRequest *requests, size_t n_requests)
{
    IoContext *io = file->io;
    uint32_t tail_before;
    size_t n = 0;
    int slot;

    if (!io->ring || file->bytes || atomic_load(&io->ring_broken))
        return;
    pthread_mutex_lock(&io->submit_lock);
    slot = file_slot_locked(file);
    tail_before = *io->ring->sq_tail;
    while (slot >= 0 && n < n_requests && atomic_load(&io->in_flight) < io->ring->n_entries) {
        IoRequest *request = &requests[n];
        struct io_uring_sqe *sqe = ring_sqe(io->ring);

        if (!sqe)
            break;
        ring_prepare_read(sqe, (uint32_t)slot, request->buffer, request->n_bytes, request->offset,
                          (uint64_t)(uintptr_t)request);
        request->submitted = true;
        atomic_fetch_add(&io->in_flight, 1);
        n++;
    }
    if (n > 0 && ring_submit_all(io) < 0)
        submit_failed(io, requests, n, tail_before);
    pthread_mutex_unlock(&io->submit_lock);
}

/* Under the reap lock. */
static void reap_locked(IoContext *io)
{
    struct io_uring_cqe *cqe;

    while ((cqe = ring_cqe(io->ring))) {
        IoRequest *request = (IoRequest *)(uintptr_t)cqe->user_data;

        /* The kernel orders what its submitter wrote before this; C sees it by the count that was
         * raised in between. */
        (void)atomic_load_explicit(&io->in_flight, memory_order_acquire);
        request->result = cqe->res;
        ring_cqe_seen(io->ring);
        atomic_fetch_sub(&io->in_flight, 1);
        atomic_store_explicit(&request->done, true, memory_order_release);
    }
}

static void ring_wait_request(IoContext *io, IoRequest *request)
{
    uint64_t start;

    if (atomic_load_explicit(&request->done, memory_order_acquire))
        return;
    start = clock_now_nsec();
    pthread_mutex_lock(&io->reap_lock);
    if (!io->reaping)
        reap_locked(io);
    while (!atomic_load_explicit(&request->done, memory_order_acquire)) {
        if (io->reaping) {
            pthread_cond_wait(&io->reaped, &io->reap_lock);
            continue;
        }
        io->reaping = true;
        pthread_mutex_unlock(&io->reap_lock);
        (void)ring_wait(io->ring, 1); /* -EINTR: look and sleep again */
        pthread_mutex_lock(&io->reap_lock);
        io->reaping = false;
        reap_locked(io);
        pthread_cond_broadcast(&io->reaped);
    }
    pthread_mutex_unlock(&io->reap_lock);
    atomic_fetch_add(&io->wait_nsec, clock_now_nsec() - start);
}

/* --- reading ---------------------------------------------------------------------------------- */

bool io_is_cached(IoFile *file, uint64_t offset)
{
    IoContext *io = file->io;
    char byte;

    if (!io->ring || file->bytes || atomic_load_explicit(&io->no_probe, memory_order_relaxed))
        return false;
    return preadv2(file->fd, &(struct iovec){.iov_base = &byte, .iov_len = 1}, 1, (off_t)offset,
                   RWF_NOWAIT) == 1;
}

static int pread_exact(IoFile *file, uint64_t offset, size_t n, uint8_t *buffer)
{
    uint64_t start = clock_now_nsec();

    while (n > 0) {
        ssize_t got = pread(file->fd, buffer, MIN(n, IO_REQUEST_BYTES_MAX), (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return -ENODATA;
        offset += (uint64_t)got;
        buffer += got;
        n -= (size_t)got;
        atomic_fetch_add(&file->io->n_reads, 1);
        atomic_fetch_add(&file->io->bytes_read, (uint64_t)got);
    }
    atomic_fetch_add(&file->io->wait_nsec, clock_now_nsec() - start);
    return 0;
}

int io_request_finish(IoFile *file, IoRequest *request)
{
    uint32_t got = 0;

    if (file->bytes) {
        memcpy(request->buffer, file->bytes + request->offset, request->n_bytes);
        return 0;
    }
    if (request->submitted) {
        ring_wait_request(file->io, request);
        if (request->result < 0 && request->result != -EINTR && request->result != -EAGAIN)
            return request->result;
        if (request->result == 0 && request->n_bytes > 0)
            return -ENODATA;
        if (request->result > 0) {
            got = (uint32_t)request->result;
            atomic_fetch_add(&file->io->n_reads, 1);
            atomic_fetch_add(&file->io->n_ring, 1);
            atomic_fetch_add(&file->io->bytes_read, got);
        }
    }
    if (got == request->n_bytes)
        return 0;
    return pread_exact(file, request->offset + got, request->n_bytes - got, request->buffer + got);
}

void io_request_drain(IoFile *file, IoRequest *request)
{
    if (request->submitted)
        ring_wait_request(file->io, request);
}

static int read_pinned(IoFile *file, uint64_t offset, size_t n, uint8_t *at)
{
    while (n > 0) {
        IoRequest request = {
            .offset = offset,
            .buffer = at,
            .n_bytes = (uint32_t)MIN(n, IO_REQUEST_BYTES_MAX),
        };
        int r;

        if (!io_is_cached(file, offset + request.n_bytes - 1))
            io_submit(file, &request, 1);
        r = io_request_finish(file, &request);
        if (r < 0)
            return r;
        offset += request.n_bytes;
        at += request.n_bytes;
        n -= request.n_bytes;
    }
    return 0;
}

int io_read(IoFile *file, uint64_t offset, size_t n, void *buffer)
{
    int r;

    if (offset > file->identity.size_bytes || n > file->identity.size_bytes - offset)
        return -ENODATA;
    r = io_file_pin(file);
    if (r < 0)
        return r;
    r = read_pinned(file, offset, n, buffer);
    io_file_unpin(file);
    return r;
}
