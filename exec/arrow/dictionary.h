/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The dictionaries of a file as one worker has them: those that the columns it reads have, as they
 * are at the batch that it reads.
 */

#include "exec/arrow/message.h"
#include "exec/arrow/values.h"

typedef struct ArrowDictionaries ArrowDictionaries;

int arrow_dictionaries_new(MemPool *pool, ArrowDictionaries **ret_dictionaries);
ArrowDictionaries *arrow_dictionaries_free(ArrowDictionaries *d);
/**
 * arrow_dictionaries_load() - as they are before batch @batch of @file
 * @wanted:  per field
 * Return: 0; QUERY_E_FAILED; MEM_E_*; -ENOMEM. After a failure it holds nothing.
 */
int arrow_dictionaries_load(ArrowDictionaries *d, IoFile *io, const ArrowFile *file, uint32_t batch,
                            const bool *wanted, QueryError *error);
/* Per number, until the next load. */
const ArrowDictionary *arrow_dictionaries_values(const ArrowDictionaries *d);
const uint32_t *arrow_dictionaries_sizes(const ArrowDictionaries *d);
/* For Vector.dict_id. */
uint64_t arrow_dictionaries_id(const ArrowDictionaries *d, uint32_t number);
