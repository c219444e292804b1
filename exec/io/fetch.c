/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/io/io_internal.h"

#include <stdlib.h>

#include "base/cleanup.h"

/*
 * Ranges are sorted and joined to spans when little lies between them, each span is one block of
 * the recycler, and each span is read in pieces of IO_REQUEST_BYTES_MAX.
 */

#define FETCH_GAP_MAX ((uint64_t)64 << 10)
#define FETCH_SPAN_MAX ((uint64_t)8 << 20) /* joined; one range may be longer */

typedef struct FetchSpan {
    uint64_t offset, n_bytes;
    uint8_t *block;
    size_t n_block;
    uint32_t first_request, n_requests;
    bool complete;
} FetchSpan;

typedef struct FetchRange {
    uint64_t offset, n_bytes;
    uint32_t span;
    uint32_t index; /* in the caller's array, while sorting */
} FetchRange;

struct IoFetch {
    IoFile *file;
    MemPool *pool;
    uint64_t bytes;
    FetchSpan *spans;
    FetchRange *ranges; /* in the caller's order */
    IoRequest *requests;
    size_t n_spans, n_ranges, n_requests;
};

static int compare_offsets(const void *a, const void *b)
{
    const FetchRange *x = a, *y = b;

    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Fills @spans and the span numbers of @sorted. Return: number of spans. */
static size_t join_ranges(FetchRange *sorted, size_t n, FetchSpan *spans)
{
    size_t n_spans = 0;

    for (size_t i = 0; i < n; i++) {
        FetchSpan *span = n_spans ? &spans[n_spans - 1] : NULL;
        uint64_t end = sorted[i].offset + sorted[i].n_bytes;

        if (span && sorted[i].offset <= span->offset + span->n_bytes + FETCH_GAP_MAX &&
            end - span->offset <= FETCH_SPAN_MAX) {
            span->n_bytes = MAX(span->n_bytes, end - span->offset);
        } else {
            spans[n_spans++] =
                (FetchSpan){.offset = sorted[i].offset, .n_bytes = sorted[i].n_bytes};
        }
        sorted[i].span = (uint32_t)(n_spans - 1);
    }
    return n_spans;
}

static uint32_t span_requests(const FetchSpan *span)
{
    return (uint32_t)((span->n_bytes + IO_REQUEST_BYTES_MAX - 1) / IO_REQUEST_BYTES_MAX);
}

static int span_start(IoFetch *fetch, FetchSpan *span)
{
    void *block;
    int r = mem_block_alloc(fetch->pool, span->n_bytes + IO_SLOP, "file read", &block);

    if (r != 0)
        return r;
    span->block = block;
    span->n_block = span->n_bytes + IO_SLOP;
    memset(span->block + span->n_bytes, 0, IO_SLOP);
    fetch->bytes += span->n_bytes;
    for (uint32_t i = 0; i < span->n_requests; i++) {
        uint64_t at = (uint64_t)i * IO_REQUEST_BYTES_MAX;

        fetch->requests[span->first_request + i] = (IoRequest){
            .offset = span->offset + at,
            .buffer = span->block + at,
            .n_bytes = (uint32_t)MIN(span->n_bytes - at, (uint64_t)IO_REQUEST_BYTES_MAX),
        };
    }
    return 0;
}

static int fetch_plan(IoFetch *fetch, const IoRange *ranges, size_t n_ranges)
{
    _cleanup_free_ FetchRange *sorted = NULL;
    uint64_t n_requests = 0;

    fetch->ranges = calloc(n_ranges + 1, sizeof(FetchRange));
    fetch->spans = calloc(n_ranges + 1, sizeof(FetchSpan));
    sorted = calloc(n_ranges + 1, sizeof(FetchRange));
    if (!fetch->ranges || !fetch->spans || !sorted)
        return -ENOMEM;
    for (size_t i = 0; i < n_ranges; i++)
        sorted[i] = (FetchRange){
            .offset = ranges[i].offset, .n_bytes = ranges[i].n_bytes, .index = (uint32_t)i};
    qsort(sorted, n_ranges, sizeof(FetchRange), compare_offsets);
    fetch->n_spans = join_ranges(sorted, n_ranges, fetch->spans);
    fetch->n_ranges = n_ranges;
    for (size_t i = 0; i < n_ranges; i++)
        fetch->ranges[sorted[i].index] = sorted[i];
    for (size_t i = 0; i < fetch->n_spans; i++) {
        fetch->spans[i].first_request = (uint32_t)n_requests;
        fetch->spans[i].n_requests = span_requests(&fetch->spans[i]);
        n_requests += fetch->spans[i].n_requests;
    }
    if (n_requests > UINT32_MAX)
        return -EFBIG;
    fetch->n_requests = n_requests;
    fetch->requests = calloc(n_requests + 1, sizeof(IoRequest));
    return fetch->requests ? 0 : -ENOMEM;
}

/*
 * What is in the page cache is only a copy away, and a ring would make that copy when it is
 * submitted: under its lock, one worker at a time, and long before the decoder comes to look at
 * the bytes. So such a fetch is left to whoever waits. One byte of each span is asked for; when the
 * guess was wrong, pread waits for the disk with the kernel's readahead.
 */
static bool fetch_is_cached(const IoFetch *fetch)
{
    for (size_t i = 0; i < fetch->n_spans; i++) {
        const FetchSpan *span = &fetch->spans[i];

        if (span->n_bytes > 0 && !io_is_cached(fetch->file, span->offset + span->n_bytes - 1))
            return false;
    }
    return true;
}

int io_fetch_start(IoFile *file, MemPool *pool, const IoRange *ranges, size_t n_ranges,
                   IoFetch **ret_fetch)
{
    IoFetch *fetch;
    int r;

    if (n_ranges > IO_RANGES_MAX)
        return -E2BIG;
    for (size_t i = 0; i < n_ranges; i++)
        if (ranges[i].offset > file->identity.size_bytes ||
            ranges[i].n_bytes > file->identity.size_bytes - ranges[i].offset)
            return -ENODATA;
    fetch = calloc(1, sizeof(*fetch));
    if (!fetch)
        return -ENOMEM;
    r = io_file_pin(file);
    if (r < 0) {
        free(fetch);
        return r;
    }
    fetch->file = io_file_ref(file);
    fetch->pool = pool;
    r = fetch_plan(fetch, ranges, n_ranges);
    for (size_t i = 0; r == 0 && i < fetch->n_spans; i++)
        r = span_start(fetch, &fetch->spans[i]);
    if (r != 0) {
        (void)io_fetch_free(fetch);
        return r;
    }
    if (!fetch_is_cached(fetch))
        io_submit(file, fetch->requests, fetch->n_requests);
    *ret_fetch = fetch;
    return 0;
}

int io_fetch_wait(IoFetch *fetch, size_t range, const uint8_t **ret_bytes)
{
    const FetchRange *wanted = &fetch->ranges[range];
    FetchSpan *span = &fetch->spans[wanted->span];

    if (!span->complete) {
        for (uint32_t i = 0; i < span->n_requests; i++) {
            int r = io_request_finish(fetch->file, &fetch->requests[span->first_request + i]);

            if (r < 0)
                return r;
        }
        span->complete = true;
    }
    *ret_bytes = span->block + (wanted->offset - span->offset);
    return 0;
}

/* The kernel may still write into the blocks: nothing is freed before that has ended. */
static void fetch_drain(IoFetch *fetch)
{
    for (size_t i = 0; i < fetch->n_requests; i++)
        io_request_drain(fetch->file, &fetch->requests[i]);
}

IoFetch *io_fetch_free(IoFetch *fetch)
{
    if (!fetch)
        return NULL;
    if (fetch->requests)
        fetch_drain(fetch);
    for (size_t i = 0; i < fetch->n_spans; i++)
        mem_block_free(fetch->pool, fetch->spans[i].block, fetch->spans[i].n_block);
    free(fetch->spans);
    free(fetch->ranges);
    free(fetch->requests);
    io_file_unpin(fetch->file);
    (void)io_file_unref(fetch->file);
    free(fetch);
    return NULL;
}

uint64_t io_fetch_bytes(const IoFetch *fetch)
{
    return fetch->bytes;
}
