/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Compression of pages and of whole text files. */

#include "exec/write/bytes.h"

typedef enum WriteCodec {
    WRITE_CODEC_NONE,
    WRITE_CODEC_SNAPPY,
    WRITE_CODEC_GZIP,
    WRITE_CODEC_ZSTD,
    WRITE_CODEC_LZ4_RAW,
    _WRITE_CODEC_MAX,
} WriteCodec;

/* Contexts of the libraries, made when first needed and charged before that; one per writer. */
typedef struct Compressor {
    MemPool *pool;
    uint64_t charged;
    void *zstd, *deflate;
} Compressor;

/* Return: 0; MEM_E_*. */
int compressor_init(Compressor *c, MemPool *pool, WriteCodec codec);
void compressor_done(Compressor *c);

/**
 * compress_add() - the compressed form of @n bytes behind what is in @to
 * For gzip and zstd it is a whole member or frame, so that several may follow one another in a
 * file.
 * Return: 0; -ENOMEM; MEM_E_*; -EIO a library failed.
 */
int compress_add(Compressor *c, WriteCodec codec, const void *data, size_t n, Bytes *to);

size_t snappy_compress_bound(size_t n);
/**
 * snappy_compress() - one raw Snappy block (google/snappy, format_description.txt)
 * @dst:  room for snappy_compress_bound(@n) bytes
 * Return: bytes written.
 */
size_t snappy_compress(const uint8_t *src, size_t n, uint8_t *dst);
