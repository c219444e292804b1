/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The executor's io_uring ring, as plain maps: sandbox/ring makes and restricts it, exec/io drives
 * it, and neither includes the other.
 *
 * What works on it after lock-down: READ, READ_FIXED, WRITE, WRITE_FIXED on registered files
 * (IOSQE_FIXED_FILE is required, IOSQE_ASYNC allowed), io_uring_enter, and io_uring_register with
 * IORING_REGISTER_FILES_UPDATE. Everything else gives -EACCES in the completion, or kills.
 *
 * One ring per process and several threads: callers hold one mutex of their own around ring_sqe()
 * .. ring_submit() and another around ring_cqe() .. ring_cqe_seen(). IORING_SETUP_SINGLE_ISSUER
 * would bind submission to one thread, and a hand-over between threads costs more than an
 * uncontended mutex.
 *
 * Never more than @n_entries operations in flight: completions then always fit, and the kernel
 * never has to keep an overflow list, whose memory no limit covers.
 */

#include <errno.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RING_ENTRIES_MAX 4096u
#define RING_FILES_MAX 4096u

typedef struct RingOptions {
    uint32_t n_entries; /* submission slots, 1..RING_ENTRIES_MAX; rounded up to a power of two */
    uint32_t n_files;   /* slots of the file table, 1..RING_FILES_MAX, empty at first */
    const struct iovec
        *buffers; /* registered for READ_FIXED / WRITE_FIXED, or NULL; they stay pinned */
    uint32_t n_buffers;
    uint32_t n_workers; /* kernel threads for reads that block, 0: 2 */
} RingOptions;

typedef struct Ring {
    int fd; /* -EBADF: no ring */
    bool restricted;
    uint32_t n_entries; /* submission slots, and the most that may be in flight */
    uint32_t n_files;
    uint32_t n_buffers;
    uint32_t *sq_head, *sq_tail, *sq_flags, *sq_array;
    uint32_t sq_mask;
    uint32_t sq_pending; /* prepared since the last submit */
    struct io_uring_sqe *sqes;
    uint32_t *cq_head, *cq_tail;
    uint32_t cq_mask;
    struct io_uring_cqe *cqes;
    void *map, *sqes_map; /* for ring_close() */
    size_t n_map, n_sqes_map;
} Ring;

#define RING_INIT                                                                                  \
    {                                                                                              \
        .fd = -EBADF                                                                               \
    }

/* A zeroed submission, or NULL when all slots are prepared: submit first. Submission mutex. */
static inline struct io_uring_sqe *ring_sqe(Ring *ring)
{
    uint32_t tail = *ring->sq_tail + ring->sq_pending;
    if (tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE) >= ring->n_entries)
        return NULL;
    struct io_uring_sqe *sqe = &ring->sqes[tail & ring->sq_mask];
    ring->sq_array[tail & ring->sq_mask] = tail & ring->sq_mask;
    ring->sq_pending++;
    memset(sqe, 0, sizeof(*sqe));
    return sqe;
}

/* Fills @sqe for a read into @buffer from slot @file of the file table. */
static inline void ring_prepare_read(struct io_uring_sqe *sqe, uint32_t file, void *buffer,
                                     uint32_t n_bytes, uint64_t offset, uint64_t user_data)
{
    sqe->opcode = IORING_OP_READ;
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->fd = (int)file;
    sqe->addr = (uint64_t)(uintptr_t)buffer;
    sqe->len = n_bytes;
    sqe->off = offset;
    sqe->user_data = user_data;
}

/**
 * ring_submit() - hand what is prepared to the kernel and optionally wait
 * @n_wait: completions to wait for, 0: none
 * Return: number submitted; negative errno (-EINTR and -EAGAIN: call again; nothing is lost).
 */
static inline int ring_submit(Ring *ring, uint32_t n_wait)
{
    if (ring->sq_pending > 0) {
        __atomic_store_n(ring->sq_tail, *ring->sq_tail + ring->sq_pending, __ATOMIC_RELEASE);
        ring->sq_pending = 0;
    }
    uint32_t n = *ring->sq_tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
    if (n == 0 && n_wait == 0)
        return 0;
    long r = syscall(__NR_io_uring_enter, ring->fd, n, n_wait,
                     n_wait > 0 ? IORING_ENTER_GETEVENTS : 0u, NULL, 0);
    return r < 0 ? -errno : (int)r;
}

/* The oldest completion, or NULL. Valid until ring_cqe_seen(). Completion mutex. */
static inline struct io_uring_cqe *ring_cqe(Ring *ring)
{
    uint32_t head = *ring->cq_head;
    if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
        return NULL;
    return &ring->cqes[head & ring->cq_mask];
}

static inline void ring_cqe_seen(Ring *ring)
{
    __atomic_store_n(ring->cq_head, *ring->cq_head + 1, __ATOMIC_RELEASE);
}

/**
 * ring_wait() - sleep until @n_wait completions are there, submitting nothing
 * Needs no mutex. Return: 0; -EINTR; negative errno.
 */
static inline int ring_wait(const Ring *ring, uint32_t n_wait)
{
    long r = syscall(__NR_io_uring_enter, ring->fd, 0, n_wait, IORING_ENTER_GETEVENTS, NULL, 0);
    return r < 0 ? -errno : 0;
}

/**
 * ring_file_set() - put @fd (or -1: nothing) into slot @file of the file table
 * The table keeps the file open by itself. Thread-safe. Return: 0; negative errno.
 */
static inline int ring_file_set(const Ring *ring, uint32_t file, int fd)
{
    struct io_uring_files_update update = {.offset = file, .fds = (uint64_t)(uintptr_t)&fd};
    long r = syscall(__NR_io_uring_register, ring->fd, IORING_REGISTER_FILES_UPDATE, &update, 1);
    return r == 1 ? 0 : r < 0 ? -errno : -EIO;
}
