/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/parquet/codec.h"

#include <errno.h>
#include <libdeflate.h>
#include <lz4.h>
#include <string.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "exec/parquet/parquet_internal.h"

static const char *const names[] = {
    "UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW",
};

const char *codec_name(uint8_t codec)
{
    return codec < ARRAY_SIZE(names) ? names[codec] : "unknown";
}

bool codec_known(uint8_t codec)
{
    return codec < ARRAY_SIZE(names) && codec != PARQUET_CODEC_LZO && codec != PARQUET_CODEC_BROTLI;
}

void codec_done(Codec *codec)
{
    if (codec->zstd)
        (void)ZSTD_freeDCtx(codec->zstd);
    if (codec->deflate)
        libdeflate_free_decompressor(codec->deflate);
    *codec = (Codec){0};
}

static int zstd_decompress(Codec *codec, const uint8_t *src, size_t n_src, uint8_t *dst,
                           size_t n_dst)
{
    if (!codec->zstd)
        codec->zstd = ZSTD_createDCtx();
    if (!codec->zstd)
        return -ENOMEM;
    return ZSTD_decompressDCtx(codec->zstd, dst, n_dst, src, n_src) == n_dst ? 0 : -EBADMSG;
}

/* Several members may follow one another. */
static int gzip_decompress(Codec *codec, const uint8_t *src, size_t n_src, uint8_t *dst,
                           size_t n_dst)
{
    size_t done = 0;

    if (!codec->deflate)
        codec->deflate = libdeflate_alloc_decompressor();
    if (!codec->deflate)
        return -ENOMEM;
    while (n_src > 0) {
        size_t n_in = 0, n_out = 0;

        if (libdeflate_gzip_decompress_ex(codec->deflate, src, n_src, dst + done, n_dst - done,
                                          &n_in, &n_out) != LIBDEFLATE_SUCCESS ||
            n_in == 0)
            return -EBADMSG;
        src += n_in;
        n_src -= n_in;
        done += n_out;
    }
    return done == n_dst ? 0 : -EBADMSG;
}

static int lz4_raw_decompress(const uint8_t *src, size_t n_src, uint8_t *dst, size_t n_dst)
{
    if (n_src > INT32_MAX || n_dst > INT32_MAX)
        return -EBADMSG;
    return LZ4_decompress_safe((const char *)src, (char *)dst, (int)n_src, (int)n_dst) == (int)n_dst
               ? 0
               : -EBADMSG;
}

static uint32_t big_endian_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/*
 * The undocumented framing of Hadoop's LZ4: blocks of u32 output length, u32 input length, both
 * big-endian, and the data. Some writers put a bare LZ4 block under the same codec number.
 */
static int lz4_hadoop_decompress(const uint8_t *src, size_t n_src, uint8_t *dst, size_t n_dst)
{
    const uint8_t *at = src, *end = src + n_src;
    size_t done = 0;

    while (end - at >= 8) {
        uint32_t n_out = big_endian_u32(at), n_in = big_endian_u32(at + 4);

        at += 8;
        if (n_in > (size_t)(end - at) || n_out > n_dst - done ||
            lz4_raw_decompress(at, n_in, dst + done, n_out) != 0)
            return lz4_raw_decompress(src, n_src, dst, n_dst);
        at += n_in;
        done += n_out;
    }
    if (at == end && done == n_dst)
        return 0;
    return lz4_raw_decompress(src, n_src, dst, n_dst);
}

int codec_decompress(Codec *codec, uint8_t kind, const uint8_t *src, size_t n_src, uint8_t *dst,
                     size_t n_dst)
{
    switch (kind) {
    case PARQUET_CODEC_NONE:
        if (n_src != n_dst)
            return -EBADMSG;
        memcpy(dst, src, n_src);
        return 0;
    case PARQUET_CODEC_SNAPPY:
        return snappy_decompress(src, n_src, dst, n_dst);
    case PARQUET_CODEC_GZIP:
        return gzip_decompress(codec, src, n_src, dst, n_dst);
    case PARQUET_CODEC_ZSTD:
        return zstd_decompress(codec, src, n_src, dst, n_dst);
    case PARQUET_CODEC_LZ4_RAW:
        return lz4_raw_decompress(src, n_src, dst, n_dst);
    case PARQUET_CODEC_LZ4_HADOOP:
        return lz4_hadoop_decompress(src, n_src, dst, n_dst);
    default:
        return -EOPNOTSUPP;
    }
}
