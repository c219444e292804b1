/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "exec/io/io.h"

#define IO_REQUEST_BYTES_MAX ((size_t)1 << 20)

/* One read of the kernel's, at most IO_REQUEST_BYTES_MAX. Does not move while it is in flight. */
typedef struct IoRequest {
    uint64_t offset;
    uint8_t *buffer;
    uint32_t n_bytes;
    int32_t result;   /* valid when done: bytes read or negative errno */
    bool submitted;   /* false: whoever waits for it reads it */
    atomic_bool done; /* set by whoever reaps; submitted requests only */
} IoRequest;

struct IoContext {
    Ring *ring; /* NULL: pread */
    atomic_bool ring_broken, no_probe;
    pthread_mutex_t submit_lock; /* ring_sqe .. ring_submit, slots */
    pthread_mutex_t reap_lock;   /* ring_cqe .. ring_cqe_seen, @reaping */
    pthread_cond_t reaped;
    bool reaping; /* one thread sleeps in the kernel for all */
    atomic_uint in_flight;
    uint64_t slots[RING_FILES_MAX / 64]; /* 1 = taken */
    pthread_mutex_t files_lock;          /* taken before submit_lock */
    ListNode idle_files;                 /* open and not pinned, least recently used first */
    uint32_t n_open;
    _Atomic uint64_t bytes_read, n_reads, n_ring, wait_nsec;
};

struct IoFile {
    IoContext *io;
    atomic_uint n_refs;
    int fd;          /* -EBADF: parked */
    uint32_t n_pins; /* reads under way; under the files' lock, as @fd and @idle */
    ListNode idle;
    atomic_int slot;      /* in the ring's file table; -1: none */
    const uint8_t *bytes; /* a buffer that plays the file, or NULL */
    IoIdentity identity;
    char path[];
};

/* Hands as many of @requests to the ring as there is room for; the others stay unsubmitted. */
void io_submit(IoFile *file, IoRequest *requests, size_t n_requests);
/*
 * Is the byte at @offset in the page cache? False also when the file system cannot say, and when
 * nobody wants to know: there is no ring, or io_context_set_probe() said so.
 */
bool io_is_cached(IoFile *file, uint64_t offset);
/* Waits for one request and, when it came short or was never submitted, reads the rest. */
int io_request_finish(IoFile *file, IoRequest *request);
/* Waits until the kernel has let go of the request's buffer. */
void io_request_drain(IoFile *file, IoRequest *request);
void io_slot_release(IoContext *io, int slot);
/* Keeps the file open while it is read. Return: 0; -ESTALE when it is another one by now; errno. */
int io_file_pin(IoFile *file);
void io_file_unpin(IoFile *file);

/* hold.c: a file of a folder that has been set aside since it was listed. Return: a descriptor, or
 * negative errno. */
int io_open_aside(const char *path);
