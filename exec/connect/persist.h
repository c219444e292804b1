/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a session was asked to persist, and how. Berth keeps no results for later queries, so this
 * changes no plan; it is what storageLevel and isCached() say.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERSIST_MAX 10000u

typedef struct PersistLevel {
    bool disk, memory, off_heap, deserialized;
    int32_t replication;
} PersistLevel;

typedef struct PersistTable PersistTable;

PersistTable *persist_table_new(void);
PersistTable *persist_table_free(PersistTable *t);
/* The same bytes are the same DataFrame, or table. */
uint64_t persist_key(const void *bytes, size_t n);
/* Return: 0; -ENOSPC beyond PERSIST_MAX; -ENOMEM. One that is there keeps its level. */
int persist_add(PersistTable *t, uint64_t key, PersistLevel level);
void persist_remove(PersistTable *t, uint64_t key);
void persist_clear(PersistTable *t);
bool persist_find(PersistTable *t, uint64_t key, PersistLevel *ret);
