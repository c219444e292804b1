/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where entries are kept: below a folder, the warehouse, or where there is none in the memory of
 * the session, with which they end. README.md says what lies where.
 *
 * On disk every change is one rename, so a reader sees an entry as it was or as it is, whoever else
 * is at work, and a process may be killed at any point.
 */

#include <sys/types.h>

#include "exec/catalog/entry.h"

#define CATALOG_NAMES_MAX 100000u
#define CATALOG_DEFAULT "default"

typedef struct CatalogMemory CatalogMemory;

typedef struct CatalogStore {
    const char *root;   /* absolute; NULL: in memory */
    const char *shared; /* a folder of databases of several users; NULL: none */
    bool is_private;    /* @root must belong to @uid alone, and is made so */
    uid_t uid;
    CatalogMemory *memory;
} CatalogStore;

/* A database that was found: its entry, and where the entries of its tables are. */
typedef struct CatalogDatabase {
    const char *name;
    CatalogEntry entry;
    bool shared; /* of CatalogStore.shared, and has no file of its own */
} CatalogDatabase;

#define CATALOG_E_NONE 1   /* there is no such entry */
#define CATALOG_E_EXISTS 2 /* the name is taken */

typedef enum CatalogPut {
    CATALOG_PUT_NEW, /* CATALOG_E_EXISTS if there is one */
    CATALOG_PUT_ANY,
    CATALOG_PUT_LOCKED, /* the same, by whoever holds catalog_lock() */
} CatalogPut;

/* @pool: charged for entries in memory; outlives it. Return: NULL: no memory. */
CatalogMemory *catalog_memory_new(MemPool *pool);
CatalogMemory *catalog_memory_free(CatalogMemory *memory);

/* Makes the warehouse where it is to be somebody's alone, before anything is made below it. Return:
 * 0; QUERY_E_FAILED. */
int catalog_prepare(const CatalogStore *store, QueryError *error);
/**
 * catalog_database() - one database
 * `default` is always there. Return: 0; CATALOG_E_NONE; QUERY_E_FAILED; mem_arena_error();
 * negative errno.
 */
int catalog_database(const CatalogStore *store, const char *name, MemArena *arena,
                     CatalogDatabase *ret_database, QueryError *error);
/* All names in order, `default` among them. Return: 0; as above. */
int catalog_databases(const CatalogStore *store, MemArena *arena, const char ***ret_names,
                      uint32_t *ret_n, QueryError *error);
/* @entry: of kind database, its location where its tables are to be. Makes the folder. Return: 0;
 * CATALOG_E_EXISTS; QUERY_E_FAILED; -ENOMEM. */
int catalog_put_database(const CatalogStore *store, const char *name, const CatalogEntry *entry,
                         CatalogPut how, QueryError *error);
/* Its entry alone: the caller has seen to what is in it. Return: 0; CATALOG_E_NONE;
 * QUERY_E_FAILED. */
int catalog_remove_database(const CatalogStore *store, const CatalogDatabase *database,
                            QueryError *error);

/* A table or view. Names are in lower case. Return: 0; CATALOG_E_NONE; as catalog_database(). */
int catalog_get(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                MemArena *arena, CatalogEntry *ret_entry, QueryError *error);
int catalog_list(const CatalogStore *store, const CatalogDatabase *database, MemArena *arena,
                 const char ***ret_names, uint32_t *ret_n, QueryError *error);
/* Return: 0; CATALOG_E_EXISTS; QUERY_E_FAILED; -ENOMEM. */
int catalog_put(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                const CatalogEntry *entry, CatalogPut how, QueryError *error);
/* Also of an entry that cannot be read. Return: 0; CATALOG_E_NONE; QUERY_E_FAILED. */
int catalog_remove(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                   QueryError *error);
/* Within one database. Return: 0; CATALOG_E_NONE; CATALOG_E_EXISTS; QUERY_E_FAILED. */
int catalog_rename(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                   const char *to, QueryError *error);
/**
 * catalog_lock() - keeps other writers of a database away while an entry is read and put back
 * @ret_lock:  out; to be closed. -EBADF in memory, where the session's own lock is enough
 * Waits for at most a few seconds. Return: 0; QUERY_E_FAILED.
 */
int catalog_lock(const CatalogStore *store, const CatalogDatabase *database, int *ret_lock,
                 QueryError *error);
