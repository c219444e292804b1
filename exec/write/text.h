/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A text file in the making: bytes that are collected, compressed if wanted, and written. */

#include "exec/write/write.h"

#define TEXT_STEP_BYTES ((size_t)1 << 20) /* held before they are written */

typedef struct TextFile {
    const WriteSpec *spec;
    MemPool *pool;
    Output *out;
    Compressor compressor;
    Bytes raw, packed;
} TextFile;

int text_open(const WriteSpec *spec, MemPool *pool, Output *out, TextFile *ret);
int text_flush(TextFile *t);
/* Writes when enough is there. */
static inline int text_step(TextFile *t)
{
    return t->raw.n >= TEXT_STEP_BYTES ? text_flush(t) : 0;
}
void text_done(TextFile *t);
