/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/text.h"

#define CHUNK_BLOCKS 100u
#define NAME_TRIES 100u

struct SpillChunk {
    SpillChunk *next;
    uint32_t n;
    SpillBlock blocks[CHUNK_BLOCKS];
};

struct SpillSpace {
    MemPool *pool;
    int directory_fd;
    uint64_t bytes_max;
    pthread_mutex_t lock; /* of @fd while it is opened */
    atomic_int fd;        /* -EBADF until something is written */
    _Atomic uint64_t end; /* where the next block goes */
};

int spill_space_new(const ExecSpill *options, MemPool *pool, SpillSpace **ret_space)
{
    SpillSpace *space = calloc(1, sizeof(*space));

    if (!space)
        return -ENOMEM;
    space->pool = pool;
    space->directory_fd = options->directory_fd;
    space->bytes_max = options->bytes_max ? options->bytes_max : UINT64_MAX;
    pthread_mutex_init(&space->lock, NULL);
    atomic_init(&space->fd, -EBADF);
    *ret_space = space;
    return 0;
}

SpillSpace *spill_space_free(SpillSpace *space)
{
    if (!space)
        return NULL;
    if (atomic_load(&space->fd) >= 0)
        (void)close(atomic_load(&space->fd));
    pthread_mutex_destroy(&space->lock);
    free(space);
    return NULL;
}

uint64_t spill_space_bytes(const SpillSpace *space)
{
    return atomic_load(&space->end);
}

/* A file that has no name; where the file system cannot make one, a name that lives for a moment.
 */
static int open_unnamed(int directory_fd)
{
    int fd = openat(directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
        return fd >= 0 ? fd : -errno;
    for (uint32_t i = 0; i < NAME_TRIES; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), ".spill-%d-%u", (int)getpid(), i);
        fd = openat(directory_fd, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0) {
            (void)unlinkat(directory_fd, name, 0);
            return fd;
        }
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

static int space_open(SpillSpace *space)
{
    int fd = atomic_load_explicit(&space->fd, memory_order_acquire);

    if (likely(fd >= 0))
        return fd;
    pthread_mutex_lock(&space->lock);
    fd = atomic_load(&space->fd);
    if (fd < 0) {
        fd = open_unnamed(space->directory_fd);
        if (fd >= 0)
            atomic_store_explicit(&space->fd, fd, memory_order_release);
    }
    pthread_mutex_unlock(&space->lock);
    return fd;
}

static int fail_write(const SpillSpace *space, int error_number, QueryError *error)
{
    char written[32], limit[64] = "";
    uint64_t bytes = atomic_load(&space->end);

    text_format_bytes(written, sizeof(written), bytes);
    if (space->bytes_max != UINT64_MAX) {
        char max[32];
        (void)snprintf(limit, sizeof(limit), " of at most %s",
                       text_format_bytes(max, sizeof(max), space->bytes_max));
    }
    return query_error_set(
        error, DATA_ERROR_MEMORY, "BERTH_SPILL_FAILED",
        error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG ? "53100"
                                                                                  : "58030",
        "The query did not fit in its memory, and its temporary file in the spill directory cannot "
        "be written: %s, after %s%s. Ask for a larger memory limit, free space below the spill "
        "directory, or lower the need: select fewer columns, filter earlier, or aggregate before "
        "joining.",
        strerror(error_number), written, limit);
}

static int write_all(int fd, const uint8_t *bytes, size_t n, uint64_t offset)
{
    while (n > 0) {
        ssize_t k = pwrite(fd, bytes, n, (off_t)offset);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -errno : -ENOSPC;
        bytes += k;
        n -= (size_t)k;
        offset += (uint64_t)k;
    }
    return 0;
}

/* --- shapes and runs --- */

int spill_shape_of_layout(MemArena *arena, const RowLayout *l, uint32_t head, SpillShape *ret)
{
    *ret = (SpillShape){.size = l->size + head};
    ret->strings = mem_arena_new_array(arena, uint32_t, l->n_columns + 1);
    if (!ret->strings)
        return mem_arena_error(arena);
    for (uint32_t c = 0; c < l->n_columns; c++)
        if (l->phys[c] == PHYS_STRING)
            ret->strings[ret->n_strings++] = l->offsets[c] + head;
    return 0;
}

static int run_add(SpillRun *run, SpillSpace *space, const SpillBlock *block)
{
    if (!run->last || run->last->n == CHUNK_BLOCKS) {
        void *memory;
        int r = mem_block_alloc(space->pool, sizeof(SpillChunk), "spill", &memory);

        if (r)
            return r;
        SpillChunk *chunk = memory;
        chunk->next = NULL;
        chunk->n = 0;
        if (run->last)
            run->last->next = chunk;
        else
            run->first = chunk;
        run->last = chunk;
    }
    run->last->blocks[run->last->n++] = *block;
    run->n_blocks++;
    run->n_rows += block->n_rows;
    run->raw_bytes += block->raw;
    run->raw_max = MAX(run->raw_max, block->raw);
    return 0;
}

void spill_run_done(SpillRun *run, SpillSpace *space)
{
    for (SpillChunk *c = run->first, *next; c; c = next) {
        next = c->next;
        mem_block_free(space->pool, c, sizeof(*c));
    }
    *run = (SpillRun){0};
}

void spill_run_join(SpillRun *to, SpillRun *from, SpillSpace *space)
{
    SpillChunk *only = from->first;

    if (!only)
        return;
    /* Short lists are copied, so that many of them do not become many chunks. */
    if (only == from->last && to->last && to->last->n + only->n <= CHUNK_BLOCKS) {
        memcpy(to->last->blocks + to->last->n, only->blocks, sizeof(SpillBlock) * only->n);
        to->last->n += only->n;
        mem_block_free(space->pool, only, sizeof(*only));
    } else if (to->last) {
        to->last->next = from->first;
        to->last = from->last;
    } else {
        to->first = from->first;
        to->last = from->last;
    }
    to->n_blocks += from->n_blocks;
    to->n_rows += from->n_rows;
    to->raw_bytes += from->raw_bytes;
    to->raw_max = MAX(to->raw_max, from->raw_max);
    *from = (SpillRun){0};
}

const SpillBlock *spill_cursor_next(SpillCursor *cursor)
{
    while (cursor->chunk && cursor->at == cursor->chunk->n) {
        cursor->chunk = cursor->chunk->next;
        cursor->at = 0;
    }
    return cursor->chunk ? &cursor->chunk->blocks[cursor->at++] : NULL;
}

/* --- writing --- */

size_t spill_packed_bytes(uint32_t capacity)
{
    return (size_t)LZ4_COMPRESSBOUND(capacity);
}

void spill_writer_init(SpillWriter *w, SpillSpace *space, const SpillShape *shape, void *buffer,
                       uint32_t capacity, void *packed)
{
    *w = (SpillWriter){
        .space = space, .shape = shape, .buffer = buffer, .packed = packed, .capacity = capacity};
}

/* @packed has room for @capacity bytes compressed; the first @n_raw bytes of @raw are the block. */
static int write_block(SpillWriter *w, SpillRun *run, const uint8_t *raw, uint32_t n_raw,
                       uint8_t *packed, uint32_t capacity, uint32_t n_rows, QueryError *error)
{
    SpillSpace *space = w->space;
    const uint8_t *stored = packed;
    int fd = space_open(space);

    if (fd < 0)
        return fail_write(space, -fd, error);
    int n = LZ4_compress_default((const char *)raw, (char *)packed, (int)n_raw,
                                 LZ4_COMPRESSBOUND((int)capacity));
    SpillBlock block = {.stored = (uint32_t)n, .raw = n_raw, .n_rows = n_rows};
    if (n <= 0 || (uint32_t)n >= n_raw) {
        stored = raw;
        block.stored = n_raw;
    }
    block.checksum = XXH3_64bits(stored, block.stored);
    block.offset = atomic_fetch_add(&space->end, block.stored);
    int r = block.offset + block.stored > space->bytes_max
                ? -EFBIG
                : write_all(fd, stored, block.stored, block.offset);
    if (r < 0)
        return fail_write(space, -r, error);
    w->written += block.stored;
    return run_add(run, space, &block);
}

int spill_flush(SpillWriter *w, SpillRun *run, QueryError *error)
{
    uint32_t n_fixed = w->n_rows * w->shape->size, n_rows = w->n_rows, n_strings = w->n_strings;

    if (n_rows == 0)
        return 0;
    w->n_rows = w->n_strings = 0;
    if (n_strings)
        memmove(w->buffer + n_fixed, w->buffer + w->capacity - n_strings, n_strings);
    return write_block(w, run, w->buffer, n_fixed + n_strings, w->packed, w->capacity, n_rows,
                       error);
}

static uint64_t long_strings(const SpillShape *shape, const uint8_t *head, uint32_t n_head,
                             const uint8_t *row)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < shape->n_strings; i++) {
        uint32_t length, at = shape->strings[i];
        memcpy(&length, at < n_head ? head + at : row + (at - n_head), sizeof(length));
        n += length > VEC_STRING_INLINE ? length : 0;
    }
    return n;
}

/* Puts a row at @to and its strings below @end, which counts from the front of all strings. The
 * pointers become offsets from the end of the strings. */
static uint32_t put_row(const SpillShape *shape, const void *head, uint32_t n_head,
                        const uint8_t *row, uint8_t *to, uint8_t *strings_end, uint32_t n_before)
{
    uint32_t n = n_before;

    if (n_head)
        memcpy(to, head, n_head);
    memcpy(to + n_head, row, shape->size - n_head);
    for (uint32_t i = 0; i < shape->n_strings; i++) {
        VecString s;
        memcpy(&s, to + shape->strings[i], sizeof(s));
        if (s.length <= VEC_STRING_INLINE)
            continue;
        n += s.length;
        memcpy(strings_end - n, s.ptr, s.length);
        s.ptr = (const char *)(uintptr_t)n;
        memcpy(to + shape->strings[i], &s, sizeof(s));
    }
    return n;
}

/* A row that does not fit in the buffer is a block of its own. */
static int write_large(SpillWriter *w, SpillRun *run, const void *head, uint32_t n_head,
                       const uint8_t *row, uint64_t n_bytes, QueryError *error)
{
    void *memory;

    if (n_bytes > LZ4_MAX_INPUT_SIZE)
        return fail_write(w->space, EFBIG, error);
    size_t bytes = n_bytes + spill_packed_bytes((uint32_t)n_bytes);
    int r = mem_block_alloc(w->space->pool, bytes, "spill", &memory);
    if (r)
        return r;
    (void)put_row(w->shape, head, n_head, row, memory, (uint8_t *)memory + n_bytes, 0);
    r = write_block(w, run, memory, (uint32_t)n_bytes, (uint8_t *)memory + n_bytes,
                    (uint32_t)n_bytes, 1, error);
    mem_block_free(w->space->pool, memory, bytes);
    return r;
}

int spill_write(SpillWriter *w, SpillRun *run, const void *head, uint32_t n_head,
                const uint8_t *row, QueryError *error)
{
    uint64_t n =
        w->shape->size + (w->shape->n_strings ? long_strings(w->shape, head, n_head, row) : 0);

    if (w->n_rows * (uint64_t)w->shape->size + w->n_strings + n > w->capacity) {
        int r = spill_flush(w, run, error);
        if (r)
            return r;
        if (n > w->capacity)
            return write_large(w, run, head, n_head, row, n, error);
    }
    w->n_strings =
        put_row(w->shape, head, n_head, row, w->buffer + (size_t)w->n_rows * w->shape->size,
                w->buffer + w->capacity, w->n_strings);
    w->n_rows++;
    return 0;
}

/* --- reading --- */

static int fail_read(const char *what, QueryError *error)
{
    return query_error_set(error, DATA_ERROR_RUNTIME, "BERTH_SPILL_FAILED", "58030",
                           "A temporary file of the query in the spill directory cannot be read "
                           "back: %s.",
                           what);
}

static int read_all(int fd, uint8_t *bytes, size_t n, uint64_t offset)
{
    while (n > 0) {
        ssize_t k = pread(fd, bytes, n, (off_t)offset);

        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -errno : -ENODATA;
        bytes += k;
        n -= (size_t)k;
        offset += (uint64_t)k;
    }
    return 0;
}

/* Offsets from the end become pointers again. */
static bool point_strings(const SpillShape *shape, const SpillBlock *block, uint8_t *rows)
{
    uint32_t n_strings = block->raw - block->n_rows * shape->size;
    uint8_t *end = rows + block->raw;

    for (uint32_t i = 0; i < block->n_rows; i++)
        for (uint32_t k = 0; k < shape->n_strings; k++) {
            VecString s;
            uint8_t *at = rows + (size_t)i * shape->size + shape->strings[k];
            memcpy(&s, at, sizeof(s));
            if (s.length <= VEC_STRING_INLINE)
                continue;
            uintptr_t back = (uintptr_t)s.ptr;
            if (back > n_strings || s.length > back)
                return false;
            s.ptr = (const char *)(end - back);
            memcpy(at, &s, sizeof(s));
        }
    return true;
}

int spill_read(SpillSpace *space, const SpillShape *shape, const SpillBlock *block, void *to,
               void *scratch, QueryError *error)
{
    bool packed = block->stored != block->raw;
    uint8_t *stored = packed ? scratch : to;
    int r = read_all(atomic_load(&space->fd), stored, block->stored, block->offset);

    if (r < 0)
        return fail_read(r == -ENODATA ? "it became shorter" : strerror(-r), error);
    if (XXH3_64bits(stored, block->stored) != block->checksum)
        return fail_read("its checksum is wrong", error);
    if (packed && LZ4_decompress_safe((const char *)stored, to, (int)block->stored,
                                      (int)block->raw) != (int)block->raw)
        return fail_read("it cannot be decompressed", error);
    if ((uint64_t)block->n_rows * shape->size > block->raw ||
        (shape->n_strings && !point_strings(shape, block, to)))
        return fail_read("its rows are damaged", error);
    return 0;
}

int spill_reader_init(SpillReader *r, SpillSpace *space, const SpillShape *shape,
                      const SpillRun *run)
{
    void *memory;

    *r = (SpillReader){.space = space,
                       .shape = shape,
                       .cursor = spill_run_begin(run),
                       .raw_max = ALIGN_UP(run->raw_max, 8u)};
    r->n_memory = 2 * (size_t)r->raw_max;
    if (r->n_memory == 0)
        return 0;
    int k = mem_block_alloc(space->pool, r->n_memory, "spill", &memory);
    if (k) {
        r->n_memory = 0;
        return k;
    }
    r->memory = memory;
    return 0;
}

int spill_reader_next(SpillReader *r, QueryError *error)
{
    const SpillBlock *block = spill_cursor_next(&r->cursor);

    r->n_rows = 0;
    if (!block)
        return 0;
    int k = spill_read(r->space, r->shape, block, r->memory, r->memory + r->raw_max, error);
    if (k == 0)
        r->n_rows = block->n_rows;
    return k;
}

void spill_reader_done(SpillReader *r)
{
    if (r->n_memory)
        mem_block_free(r->space->pool, r->memory, r->n_memory);
    *r = (SpillReader){0};
}
