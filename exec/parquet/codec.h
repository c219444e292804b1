/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes behind the output that snappy_decompress() may write. */
#define CODEC_SLOP 64u

/* Contexts of the libraries, made when first needed; one per reader. */
typedef struct Codec {
    void *zstd, *deflate;
} Codec;

void codec_done(Codec *codec);
/* Name of a CompressionCodec of parquet.thrift. */
const char *codec_name(uint8_t codec);
bool codec_known(uint8_t codec);

/**
 * codec_decompress() - a whole page
 * @dst:  @n_dst bytes and CODEC_SLOP writable ones behind; must be filled exactly
 * Return: 0; -EBADMSG; -ENOMEM; -EOPNOTSUPP.
 */
int codec_decompress(Codec *codec, uint8_t kind, const uint8_t *src, size_t n_src, uint8_t *dst,
                     size_t n_dst);

/**
 * snappy_decompress() - one raw Snappy block (google/snappy, format_description.txt)
 * @src:  @n_src bytes, CODEC_SLOP readable ones behind
 * @dst:  as above
 * Return: 0; -EBADMSG.
 */
int snappy_decompress(const uint8_t *src, size_t n_src, uint8_t *dst, size_t n_dst);

/**
 * snappy_stored() - the content of a block that is nothing but one literal
 * Packed dictionary codes do not compress, so most pages of codes are such blocks.
 * Return: where in @src the @n_dst bytes are; NULL when it is any other block, or broken.
 */
const uint8_t *snappy_stored(const uint8_t *src, size_t n_src, size_t n_dst);
