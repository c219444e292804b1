/* SPDX-License-Identifier: Apache-2.0 */

/* Entries of a session that has no warehouse: the same texts, in a list. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec/catalog/store_internal.h"

typedef struct Kept {
    char *database, *name, *bytes;
    size_t n, charged;
} Kept;

struct CatalogMemory {
    pthread_mutex_t lock;
    MemPool *pool;
    Kept *list; /* by database and name */
    uint32_t n, capacity;
};

CatalogMemory *catalog_memory_new(MemPool *pool)
{
    CatalogMemory *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    pthread_mutex_init(&m->lock, NULL);
    m->pool = pool;
    return m;
}

static void kept_done(CatalogMemory *m, Kept *k)
{
    free(k->database);
    free(k->name);
    free(k->bytes);
    mem_uncharge(m->pool, k->charged);
}

CatalogMemory *catalog_memory_free(CatalogMemory *m)
{
    if (!m)
        return NULL;
    for (uint32_t i = 0; i < m->n; i++)
        kept_done(m, &m->list[i]);
    free(m->list);
    pthread_mutex_destroy(&m->lock);
    free(m);
    return NULL;
}

/* Where it is, or where it would go. With the lock held. */
static uint32_t find(const CatalogMemory *m, const char *database, const char *name,
                     bool *ret_found)
{
    uint32_t i = 0;
    *ret_found = false;
    for (; i < m->n; i++) {
        int c = strcmp(m->list[i].database, database);
        c = c ? c : strcmp(m->list[i].name, name);
        *ret_found = c == 0;
        if (c >= 0)
            break;
    }
    return i;
}

int memory_read(CatalogMemory *m, const char *database, const char *name, char **ret_bytes,
                size_t *ret_n)
{
    bool found;
    char *copy = NULL;
    pthread_mutex_lock(&m->lock);
    uint32_t at = find(m, database ? database : "", name, &found);
    if (found) {
        copy = malloc(m->list[at].n);
        if (copy)
            memcpy(copy, m->list[at].bytes, m->list[at].n);
        *ret_n = m->list[at].n;
    }
    pthread_mutex_unlock(&m->lock);
    if (copy)
        *ret_bytes = copy;
    return copy ? 0 : found ? -ENOMEM : CATALOG_E_NONE;
}

static int insert(CatalogMemory *m, uint32_t at, const Kept *k)
{
    if (m->n >= CATALOG_NAMES_MAX)
        return -E2BIG;
    if (m->n == m->capacity) {
        uint32_t capacity = m->capacity ? m->capacity * 2 : 16;
        Kept *grown = reallocarray(m->list, capacity, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        m->list = grown;
        m->capacity = capacity;
    }
    memmove(m->list + at + 1, m->list + at, (m->n - at) * sizeof(*m->list));
    m->list[at] = *k;
    m->n++;
    return 0;
}

int memory_write(CatalogMemory *m, const char *database, const char *name, const char *bytes,
                 size_t n, CatalogPut how)
{
    const char *folder = database ? database : "";
    size_t charge = n + strlen(folder) + strlen(name) + sizeof(Kept);
    bool found;
    int r = mem_charge(m->pool, charge, "catalogue");
    if (r != 0)
        return r;
    Kept k = {strdup(folder), strdup(name), malloc(n), n, charge};
    if (k.bytes)
        memcpy(k.bytes, bytes, n);
    r = k.database && k.name && k.bytes ? 0 : -ENOMEM;
    pthread_mutex_lock(&m->lock);
    uint32_t at = find(m, folder, name, &found);
    if (r == 0 && found && how == CATALOG_PUT_NEW)
        r = CATALOG_E_EXISTS;
    else if (r == 0 && found) {
        Kept old = m->list[at];
        m->list[at] = k;
        k = old;
    } else if (r == 0)
        r = insert(m, at, &k);
    pthread_mutex_unlock(&m->lock);
    if (r != 0 || found)
        kept_done(m, &k);
    return r;
}

int memory_remove(CatalogMemory *m, const char *database, const char *name)
{
    bool found;
    pthread_mutex_lock(&m->lock);
    uint32_t at = find(m, database ? database : "", name, &found);
    if (found) {
        kept_done(m, &m->list[at]);
        m->n--;
        memmove(m->list + at, m->list + at + 1, (m->n - at) * sizeof(*m->list));
    }
    pthread_mutex_unlock(&m->lock);
    return found ? 0 : CATALOG_E_NONE;
}

int memory_list(CatalogMemory *m, const char *database, MemArena *arena, const char ***ret_names,
                uint32_t *ret_n)
{
    int r = 0;
    pthread_mutex_lock(&m->lock);
    const char **names = mem_arena_new_array(arena, const char *, m->n + 2);
    uint32_t n = 0;
    for (uint32_t i = 0; names && i < m->n && r == 0; i++)
        if (strcmp(m->list[i].database, database ? database : "") == 0) {
            names[n] = mem_arena_strndup(arena, m->list[i].name, strlen(m->list[i].name));
            r = names[n++] ? 0 : mem_arena_error(arena);
        }
    pthread_mutex_unlock(&m->lock);
    if (!names)
        return mem_arena_error(arena);
    *ret_names = names;
    *ret_n = n;
    return r;
}
