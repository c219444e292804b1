/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/write/compress.h"

#include <errno.h>
#include <libdeflate.h>
#include <lz4.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/cleanup.h"

#define ZSTD_LEVEL 3 /* as Spark's writer */
#define GZIP_LEVEL 6

/* What a context of level 3 and a window of 2 MiB takes (zstd), or of level 6 (libdeflate): their
 * sizes are not to be had from the stable interfaces. */
#define ZSTD_BYTES ((uint64_t)4 << 20)
#define GZIP_BYTES ((uint64_t)1 << 20)

int compressor_init(Compressor *c, MemPool *pool, WriteCodec codec)
{
    uint64_t bytes = codec == WRITE_CODEC_ZSTD   ? ZSTD_BYTES
                     : codec == WRITE_CODEC_GZIP ? GZIP_BYTES
                                                 : 0;
    *c = (Compressor){.pool = pool};
    int r = bytes > 0 ? mem_charge(pool, bytes, "write") : 0;
    if (r == 0)
        c->charged = bytes;
    return r;
}

void compressor_done(Compressor *c)
{
    if (c->zstd)
        (void)ZSTD_freeCCtx(c->zstd);
    if (c->deflate)
        libdeflate_free_compressor(c->deflate);
    if (c->charged)
        mem_uncharge(c->pool, c->charged);
    *c = (Compressor){0};
}

static int add_zstd(Compressor *c, const void *data, size_t n, Bytes *to)
{
    if (!c->zstd)
        c->zstd = ZSTD_createCCtx();
    if (!c->zstd)
        return -ENOMEM;
    int r = bytes_reserve(to, ZSTD_compressBound(n));
    if (r != 0)
        return r;
    size_t k =
        ZSTD_compressCCtx(c->zstd, to->data + to->n, to->capacity - to->n, data, n, ZSTD_LEVEL);
    if (ZSTD_isError(k))
        return ZSTD_getErrorCode(k) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
    to->n += k;
    return 0;
}

static int add_gzip(Compressor *c, const void *data, size_t n, Bytes *to)
{
    if (!c->deflate)
        c->deflate = libdeflate_alloc_compressor(GZIP_LEVEL);
    if (!c->deflate)
        return -ENOMEM;
    int r = bytes_reserve(to, libdeflate_gzip_compress_bound(c->deflate, n));
    if (r != 0)
        return r;
    size_t k =
        libdeflate_gzip_compress(c->deflate, data, n, to->data + to->n, to->capacity - to->n);
    to->n += k;
    return k > 0 ? 0 : -EIO;
}

static int add_lz4(const void *data, size_t n, Bytes *to)
{
    if (n > LZ4_MAX_INPUT_SIZE)
        return -EIO;
    int bound = LZ4_compressBound((int)n);
    int r = bytes_reserve(to, (size_t)bound);
    if (r != 0)
        return r;
    int k = LZ4_compress_default(data, (char *)to->data + to->n, (int)n, bound);
    to->n += k > 0 ? (size_t)k : 0;
    return k > 0 ? 0 : -EIO;
}

int compress_add(Compressor *c, WriteCodec codec, const void *data, size_t n, Bytes *to)
{
    int r;
    switch (codec) {
    case WRITE_CODEC_SNAPPY:
        r = bytes_reserve(to, snappy_compress_bound(n));
        if (r == 0)
            to->n += snappy_compress(data, n, to->data + to->n);
        return r;
    case WRITE_CODEC_GZIP:
        return add_gzip(c, data, n, to);
    case WRITE_CODEC_ZSTD:
        return add_zstd(c, data, n, to);
    case WRITE_CODEC_LZ4_RAW:
        return add_lz4(data, n, to);
    default:
        return bytes_add(to, data, n);
    }
}
