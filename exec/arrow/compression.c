/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/arrow/compression.h"

#include <errno.h>
#include <lz4.h>
#include <string.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "connect/arrow/arrow.h"

/*
 * The frames of LZ4 are taken apart here: the library's own reader of frames allocates megabytes
 * that nobody has been charged for, and is not needed where all of the output is one block. Source:
 * lz4/lz4, doc/lz4_Frame_format.md. Checksums are passed over.
 */

#define LZ4_MAGIC UINT32_C(0x184D2204)
#define LZ4_WINDOW ((size_t)64 << 10)

enum {
    LZ4_DICTIONARY_ID = 1 << 0,
    LZ4_CONTENT_CHECKSUM = 1 << 2,
    LZ4_CONTENT_SIZE = 1 << 3,
    LZ4_BLOCK_CHECKSUM = 1 << 4,
    LZ4_INDEPENDENT = 1 << 5,
};

static uint32_t load32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof(value));
    return value;
}

/* Return: bytes of the frame's header; 0: it is none. */
static size_t header_bytes(const uint8_t *in, size_t n_in, uint8_t *ret_flags)
{
    size_t n = 7;

    if (n_in < n || load32(in) != LZ4_MAGIC || in[4] >> 6 != 1)
        return 0;
    *ret_flags = in[4];
    n += in[4] & LZ4_CONTENT_SIZE ? 8 : 0;
    n += in[4] & LZ4_DICTIONARY_ID ? 4 : 0;
    return n <= n_in ? n : 0;
}

/* One block, behind @done bytes of output. Return: bytes that it gave, or -1. */
static int64_t unpack_block(const uint8_t *in, size_t n_in, bool stored, bool independent,
                            uint8_t *out, size_t done, size_t n_out)
{
    size_t left = n_out - done, n_window = independent ? 0 : MIN(done, LZ4_WINDOW);

    if (stored) {
        if (n_in > left)
            return -1;
        memcpy(out + done, in, n_in);
        return (int64_t)n_in;
    }
    if (n_in > INT32_MAX)
        return -1;
    return LZ4_decompress_safe_usingDict((const char *)in, (char *)out + done, (int)n_in,
                                         (int)MIN(left, (size_t)INT32_MAX),
                                         (const char *)out + done - n_window, (int)n_window);
}

static int lz4_frame(const uint8_t *in, size_t n_in, uint8_t *out, size_t n_out)
{
    uint8_t flags;
    size_t at = header_bytes(in, n_in, &flags), done = 0;

    if (at == 0)
        return -EBADMSG;
    while (n_in - at >= 4) {
        uint32_t word = load32(in + at);
        size_t n = word & INT32_MAX, behind = flags & LZ4_BLOCK_CHECKSUM ? 4 : 0;
        int64_t made;

        at += 4;
        if (word == 0)
            return done == n_out ? 0 : -EBADMSG;
        if (n > n_in - at || behind > n_in - at - n)
            return -EBADMSG;
        made = unpack_block(in + at, n, word >> 31, flags & LZ4_INDEPENDENT, out, done, n_out);
        if (made < 0)
            return -EBADMSG;
        done += (size_t)made;
        at += n + behind;
    }
    return -EBADMSG;
}

void arrow_codec_done(ArrowCodec *codec)
{
    if (codec->zstd)
        (void)ZSTD_freeDCtx(codec->zstd);
    codec->zstd = NULL;
}

int arrow_decompress(ArrowCodec *codec, uint8_t kind, const uint8_t *in, size_t n_in, uint8_t *out,
                     size_t n_out)
{
    if (kind == ARROW_LZ4_FRAME)
        return lz4_frame(in, n_in, out, n_out);
    if (!codec->zstd)
        codec->zstd = ZSTD_createDCtx();
    if (!codec->zstd)
        return -ENOMEM;
    return ZSTD_decompressDCtx(codec->zstd, out, n_out, in, n_in) == n_out ? 0 : -EBADMSG;
}
