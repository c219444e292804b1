/* SPDX-License-Identifier: Apache-2.0 */

/* A list behind a lock: there are few, and they are asked for rarely. */

#include "exec/connect/persist.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

typedef struct Entry {
    uint64_t key;
    PersistLevel level;
} Entry;

struct PersistTable {
    pthread_mutex_t lock;
    Entry *entries;
    uint32_t n, capacity;
};

PersistTable *persist_table_new(void)
{
    PersistTable *t = calloc(1, sizeof(*t));
    if (t)
        pthread_mutex_init(&t->lock, NULL);
    return t;
}

PersistTable *persist_table_free(PersistTable *t)
{
    if (!t)
        return NULL;
    pthread_mutex_destroy(&t->lock);
    free(t->entries);
    free(t);
    return NULL;
}

uint64_t persist_key(const void *bytes, size_t n)
{
    return XXH3_64bits(bytes, n);
}

/* With the lock held. */
static Entry *find(PersistTable *t, uint64_t key)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->entries[i].key == key)
            return &t->entries[i];
    return NULL;
}

static int add_entry(PersistTable *t, uint64_t key, PersistLevel level)
{
    if (find(t, key))
        return 0;
    if (t->n == PERSIST_MAX)
        return -ENOSPC;
    if (t->n == t->capacity) {
        uint32_t capacity = t->capacity ? t->capacity * 2 : 16;
        Entry *grown = reallocarray(t->entries, capacity, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        t->entries = grown;
        t->capacity = capacity;
    }
    t->entries[t->n++] = (Entry){key, level};
    return 0;
}

int persist_add(PersistTable *t, uint64_t key, PersistLevel level)
{
    pthread_mutex_lock(&t->lock);
    int r = add_entry(t, key, level);
    pthread_mutex_unlock(&t->lock);
    return r;
}

void persist_remove(PersistTable *t, uint64_t key)
{
    pthread_mutex_lock(&t->lock);
    Entry *e = find(t, key);
    if (e)
        *e = t->entries[--t->n];
    pthread_mutex_unlock(&t->lock);
}

void persist_clear(PersistTable *t)
{
    pthread_mutex_lock(&t->lock);
    t->n = 0;
    pthread_mutex_unlock(&t->lock);
}

bool persist_find(PersistTable *t, uint64_t key, PersistLevel *ret)
{
    pthread_mutex_lock(&t->lock);
    const Entry *e = find(t, key);
    if (e && ret)
        *ret = e->level;
    pthread_mutex_unlock(&t->lock);
    return e != NULL;
}
