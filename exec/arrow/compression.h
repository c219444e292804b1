/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A codec's state, made when first needed; one per reader. Zeroed to begin with. */
typedef struct ArrowCodec {
    void *zstd;
} ArrowCodec;

void arrow_codec_done(ArrowCodec *codec);
/**
 * arrow_decompress() - one buffer, without the length in front
 * @kind:  ARROW_LZ4_FRAME or ARROW_ZSTD
 * @out:   @n_out bytes, which must be filled exactly
 * Return: 0; -EBADMSG; -ENOMEM.
 */
int arrow_decompress(ArrowCodec *codec, uint8_t kind, const uint8_t *in, size_t n_in, uint8_t *out,
                     size_t n_out);
