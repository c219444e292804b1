/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files of text that are compressed as a whole: what the end of the name says. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/memory/memory.h"

/* Does the name end in .gz, .zst, .bz2, or that of a codec that is not read (.lz4, ...)? */
bool text_is_compressed(const char *path);
/**
 * text_decompress() - all of a file
 * @ret_block, @ret_n_block: out, also after a failure, for mem_block_free(); IO_SLOP readable bytes
 *                           behind the text
 * Return: 0; -EBADMSG; -EOPNOTSUPP; -ENOMEM; MEM_E_*.
 */
int text_decompress(MemPool *pool, const char *path, const uint8_t *text, uint64_t n,
                    void **ret_block, size_t *ret_n_block, uint64_t *ret_n);
