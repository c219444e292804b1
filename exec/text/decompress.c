/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/text/decompress.h"

#include <bzlib.h>
#include <errno.h>
#include <libdeflate.h>
#include <string.h>
#include <strings.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "exec/io/io.h"

/*
 * Into one block that doubles. How long the text will be is not believed from the file: a block is
 * charged before it is taken, so a file that says too much, or unpacks to too much, is refused like
 * anything else that does not fit.
 */

#define ZSTD_WINDOW_LOG_MAX 27
#define GROWTH_MIN ((size_t)1 << 20)
#define BZIP2_BYTES ((uint64_t)4 << 20) /* of its decoder, at most (bzip2 manual, 3.2) */

typedef enum TextCodec {
    CODEC_NONE,
    CODEC_GZIP,
    CODEC_ZSTD,
    CODEC_BZIP2,
    CODEC_OTHER,
} TextCodec;

static TextCodec codec_of(const char *path)
{
    static const struct {
        const char *end;
        TextCodec codec;
    } table[] = {
        {".gz", CODEC_GZIP},   {".zst", CODEC_ZSTD},     {".bz2", CODEC_BZIP2},
        {".lz4", CODEC_OTHER}, {".snappy", CODEC_OTHER}, {".deflate", CODEC_OTHER},
    };
    size_t n = strlen(path);

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        size_t m = strlen(table[i].end);

        if (n > m && strcasecmp(path + n - m, table[i].end) == 0)
            return table[i].codec;
    }
    return CODEC_NONE;
}

bool text_is_compressed(const char *path)
{
    return codec_of(path) != CODEC_NONE;
}

typedef struct Output {
    MemPool *pool;
    uint8_t *block;
    size_t n_block; /* of which IO_SLOP are not for text */
    size_t n;
} Output;

static int grow(Output *o)
{
    size_t size = MAX(o->n_block * 2, GROWTH_MIN);
    void *block;
    int r = mem_block_alloc(o->pool, size, "decompress", &block);

    if (r != 0)
        return r;
    if (o->n > 0)
        memcpy(block, o->block, o->n);
    mem_block_free(o->pool, o->block, o->n_block);
    o->block = block;
    o->n_block = size;
    return 0;
}

static size_t room(const Output *o)
{
    return o->n_block > IO_SLOP ? o->n_block - IO_SLOP - o->n : 0;
}

/* Members follow each other. Zeros behind the last are padding. */
static int gunzip(Output *o, struct libdeflate_decompressor *d, const uint8_t *at, size_t n)
{
    while (n > 0 && *at != 0) {
        size_t used = 0, made = 0;
        enum libdeflate_result result = LIBDEFLATE_INSUFFICIENT_SPACE;
        int r;

        if (room(o) > 0)
            result =
                libdeflate_gzip_decompress_ex(d, at, n, o->block + o->n, room(o), &used, &made);
        if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
            r = grow(o);
            if (r != 0)
                return r;
            continue;
        }
        if (result != LIBDEFLATE_SUCCESS || used == 0)
            return -EBADMSG;
        o->n += made;
        at += used;
        n -= used;
    }
    return 0;
}

static int unzstd(Output *o, ZSTD_DCtx *d, const uint8_t *text, size_t n)
{
    ZSTD_inBuffer in = {text, n, 0};
    size_t left = 0;

    if (ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX)))
        return -EBADMSG;
    while (in.pos < in.size || left > 0) {
        ZSTD_outBuffer out;
        size_t before = in.pos;

        if (room(o) == 0) {
            int r = grow(o);
            if (r != 0)
                return r;
        }
        out = (ZSTD_outBuffer){o->block + o->n, room(o), 0};
        left = ZSTD_decompressStream(d, &out, &in);
        if (ZSTD_isError(left) || (in.pos == before && out.pos == 0))
            return -EBADMSG;
        o->n += out.pos;
    }
    return 0;
}

/* A decoder's window is as large as the file wants, up to a limit: that is charged beforehand. */
static int zstd_all(Output *o, const uint8_t *text, size_t n)
{
    const uint64_t window = UINT64_C(1) << ZSTD_WINDOW_LOG_MAX;
    unsigned long long size = ZSTD_getFrameContentSize(text, n);
    uint64_t charge = size < window ? size + (1 << 20) : window;
    ZSTD_DCtx *d;
    int r = mem_charge(o->pool, charge, "decompress");

    if (r != 0)
        return r;
    d = ZSTD_createDCtx();
    r = d ? unzstd(o, d, text, n) : -ENOMEM;
    (void)ZSTD_freeDCtx(d);
    mem_uncharge(o->pool, charge);
    return r;
}

static int gzip_all(Output *o, const uint8_t *text, size_t n)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    int r = d ? gunzip(o, d, text, n) : -ENOMEM;

    libdeflate_free_decompressor(d);
    return r;
}

/* Return: 0 at the end of the stream; -EBADMSG; -ENOMEM; MEM_E_*. */
static int bunzip_stream(Output *o, bz_stream *s, const uint8_t *text, uint64_t n)
{
    for (uint64_t left = n;;) {
        uint32_t n_in = (uint32_t)MIN(left, (uint64_t)INT32_MAX), n_out;
        int r = room(o) == 0 ? grow(o) : 0;

        if (r != 0)
            return r;
        n_out = (uint32_t)MIN(room(o), (size_t)INT32_MAX);
        s->next_in = (char *)text + (n - left);
        s->avail_in = n_in;
        s->next_out = (char *)o->block + o->n;
        s->avail_out = n_out;
        r = BZ2_bzDecompress(s);
        left -= n_in - s->avail_in;
        o->n += n_out - s->avail_out;
        if (r == BZ_STREAM_END)
            return 0;
        if (r != BZ_OK)
            return r == BZ_MEM_ERROR ? -ENOMEM : -EBADMSG;
        if (s->avail_in == n_in && s->avail_out == n_out) /* it wants more, and there is none */
            return -EBADMSG;
    }
}

/* Streams follow each other. */
static int bunzip(Output *o, const uint8_t *text, uint64_t n)
{
    int r = 0;

    for (uint64_t at = 0; at < n && r == 0;) {
        bz_stream s = {0};
        int started = BZ2_bzDecompressInit(&s, 0, 0);

        if (started != BZ_OK)
            return started == BZ_MEM_ERROR ? -ENOMEM : -EBADMSG;
        r = bunzip_stream(o, &s, text + at, n - at);
        at += (uint64_t)s.total_in_hi32 << 32 | s.total_in_lo32;
        (void)BZ2_bzDecompressEnd(&s);
    }
    return r;
}

static int bzip2_all(Output *o, const uint8_t *text, uint64_t n)
{
    int r = mem_charge(o->pool, BZIP2_BYTES, "decompress");

    if (r != 0)
        return r;
    r = bunzip(o, text, n);
    mem_uncharge(o->pool, BZIP2_BYTES);
    return r;
}

int text_decompress(MemPool *pool, const char *path, const uint8_t *text, uint64_t n,
                    void **ret_block, size_t *ret_n_block, uint64_t *ret_n)
{
    Output o = {.pool = pool};
    TextCodec codec = codec_of(path);
    int r = codec == CODEC_OTHER ? -EOPNOTSUPP : grow(&o);

    if (r == 0)
        r = codec == CODEC_GZIP    ? gzip_all(&o, text, n)
            : codec == CODEC_BZIP2 ? bzip2_all(&o, text, n)
                                   : zstd_all(&o, text, n);
    if (o.block)
        memset(o.block + o.n, 0, IO_SLOP);
    *ret_block = o.block;
    *ret_n_block = o.n_block;
    *ret_n = o.n;
    return r;
}
