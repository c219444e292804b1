/* SPDX-License-Identifier: Apache-2.0 */

/*
 * bench_scan FILE ring|pread [--cached]: reads all of FILE as a scan of the executor does, row
 * group sized fetches with two of them ahead, through the restricted ring. Prints seconds, bytes
 * and how many of the requests went through the ring. Without --cached the page cache is not asked.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "exec/io/io.h"
#include "sandbox/ring/ring.h"

#define FETCH_BYTES ((uint64_t)8 << 20)
#define AHEAD 3u

static int read_all(IoFile *file, MemPool *pool, uint64_t *ret_sum)
{
    uint64_t size = io_file_size(file), started = 0, done = 0, lengths[AHEAD];
    IoFetch *fetches[AHEAD] = {0};
    int r = 0;

    *ret_sum = 0;
    for (uint64_t n = 0; r == 0 && done < size; n++) {
        for (uint64_t k = started / FETCH_BYTES; r == 0 && started < size && k < n + AHEAD; k++) {
            IoRange range = {started, MIN(FETCH_BYTES, size - started)};
            r = io_fetch_start(file, pool, &range, 1, &fetches[k % AHEAD]);
            lengths[k % AHEAD] = range.n_bytes;
            started += range.n_bytes;
        }
        const uint8_t *bytes;
        if (r == 0)
            r = io_fetch_wait(fetches[n % AHEAD], 0, &bytes);
        if (r == 0) {
            *ret_sum += bytes[0];
            done += lengths[n % AHEAD];
        }
        fetches[n % AHEAD] = io_fetch_free(fetches[n % AHEAD]);
    }
    for (uint32_t i = 0; i < AHEAD; i++)
        (void)io_fetch_free(fetches[i]);
    return r;
}

int main(int argc, char **argv)
{
    RingOptions options = {.n_entries = 64, .n_files = 64};
    Ring ring = RING_INIT;
    QueryError error = {0};
    IoContext *io;
    IoFile *file;
    MemPool *pool;
    uint64_t sum;

    if (argc < 3) {
        fprintf(stderr, "usage: bench_scan FILE ring|pread [--cached]\n");
        return 2;
    }
    bool by_ring = strcmp(argv[2], "ring") == 0;
    int r = by_ring ? ring_open(&options, &ring) : 0;
    if (r == 0)
        r = by_ring ? io_context_new_ring(&ring, &io) : io_context_new_pread(&io);
    if (r == 0)
        io_context_set_probe(io, argc > 3);
    if (r == 0)
        r = mem_pool_new(UINT64_C(1) << 30, NULL, NULL, &pool);
    if (r == 0)
        r = io_file_open(io, argv[1], &file, &error);
    if (r) {
        fprintf(stderr, "%d %s\n", r, error.message);
        return 1;
    }
    uint64_t start = clock_now_nsec();
    r = read_all(file, pool, &sum);
    uint64_t nsec = clock_now_nsec() - start;
    IoMetrics m = io_context_metrics(io);
    if (r) {
        fprintf(stderr, "read: %s\n", strerror(r < 0 ? -r : r));
        return 1;
    }
    printf("{\"seconds\": %.6f, \"bytes\": %llu, \"requests\": %llu, \"by_ring\": %llu}\n",
           (double)nsec / 1e9, (unsigned long long)m.bytes_read, (unsigned long long)m.n_reads,
           (unsigned long long)m.n_ring);
    io_file_unref(file);
    io_context_free(io);
    mem_pool_free(pool);
    ring_close(&ring);
    return 0;
}
