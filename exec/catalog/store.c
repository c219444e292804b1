/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/catalog/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "exec/catalog/store_internal.h"
#include "exec/io/io.h"

/* ---- the folders ---- */

/*
 * A folder of one's own in a place where everybody may make one: it must be ours, or another could
 * have been faster.
 */
static int check_root(const CatalogStore *store, bool make, QueryError *error)
{
    struct stat st;
    if (!store->is_private)
        return 0;
    if (make)
        (void)mkdirat(AT_FDCWD, store->root, 0700); /* whoever needs it finds out */
    if (fstatat(AT_FDCWD, store->root, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISDIR(st.st_mode) && st.st_uid == store->uid && !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    return query_error_set(error, DATA_ERROR_FILE, "BERTH_CATALOG_FILE", "58030",
                           "The warehouse %.400s is not a folder that is yours alone; the "
                           "administrator must remove it.",
                           store->root);
}

int catalog_prepare(const CatalogStore *store, QueryError *error)
{
    return check_root(store, true, error);
}

/* Where the entries of a database's tables are. */
static const char *folder_of(const CatalogDatabase *database)
{
    return database->entry.location;
}

static int shared_folder(const CatalogStore *store, const char *name, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%s/%s.db", store->shared, name);
    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* ---- databases ---- */

static int read_entry(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                      MemArena *arena, CatalogEntry *ret, QueryError *error)
{
    _cleanup_free_ char *bytes = NULL;
    char where[IO_PATH_MAX + 300] = "in memory";
    size_t n;
    int r;
    if (!store->root) {
        r = memory_read(store->memory, database ? database->name : NULL, name, &bytes, &n);
    } else {
        const char *folder = database ? folder_of(database) : store->root;
        disk_path(folder, name, !database, where, sizeof(where));
        r = disk_read(folder, name, !database, &bytes, &n, error);
    }
    return r ? r : catalog_entry_read(bytes, n, where, arena, ret, error);
}

/* One that others have shared has no file of its own. */
static int find_shared(const CatalogStore *store, const char *name, MemArena *arena,
                       CatalogDatabase *ret)
{
    char folder[IO_PATH_MAX];
    if (!store->root || !store->shared || shared_folder(store, name, folder, sizeof(folder)) < 0 ||
        !disk_is_database(folder))
        return CATALOG_E_NONE;
    ret->shared = true;
    ret->entry = (CatalogEntry){.kind = CATALOG_DATABASE,
                                .location = mem_arena_strndup(arena, folder, strlen(folder))};
    return ret->entry.location ? 0 : mem_arena_error(arena);
}

int catalog_database(const CatalogStore *store, const char *name, MemArena *arena,
                     CatalogDatabase *ret, QueryError *error)
{
    int r = check_root(store, false, error);
    if (r != 0)
        return r;
    *ret = (CatalogDatabase){.name = mem_arena_strndup(arena, name, strlen(name))};
    if (!ret->name)
        return mem_arena_error(arena);
    if (strcmp(name, CATALOG_DEFAULT) == 0) {
        ret->entry = (CatalogEntry){.kind = CATALOG_DATABASE,
                                    .comment = "default database",
                                    .location = store->root ? store->root : ""};
        return 0;
    }
    if (!catalog_name_is_valid(name))
        return CATALOG_E_NONE;
    r = read_entry(store, NULL, name, arena, &ret->entry, error);
    if (r == 0 && ret->entry.kind != CATALOG_DATABASE)
        r = CATALOG_E_NONE;
    return r == CATALOG_E_NONE ? find_shared(store, name, arena, ret) : r;
}

/* Two lists in order into one, each name once. */
static int merge_names(MemArena *arena, const char *const *a, uint32_t n_a, const char *const *b,
                       uint32_t n_b, const char ***ret_names, uint32_t *ret_n)
{
    const char **names = mem_arena_new_array(arena, const char *, (size_t)n_a + n_b + 1);
    uint32_t n = 0;
    if (!names)
        return mem_arena_error(arena);
    for (uint32_t i = 0, k = 0; i < n_a || k < n_b;) {
        int c = i == n_a ? 1 : k == n_b ? -1 : strcmp(a[i], b[k]);
        names[n++] = c <= 0 ? a[i] : b[k];
        i += c <= 0;
        k += c >= 0;
    }
    *ret_names = names;
    *ret_n = n;
    return 0;
}

int catalog_databases(const CatalogStore *store, MemArena *arena, const char ***ret_names,
                      uint32_t *ret_n, QueryError *error)
{
    const char **names = NULL, **shared = NULL;
    const char *usual[] = {CATALOG_DEFAULT};
    uint32_t n = 0, n_shared = 0;
    int r = check_root(store, false, error);
    if (r == 0)
        r = store->root ? disk_list(store->root, true, arena, &names, &n, error)
                        : memory_list(store->memory, NULL, arena, &names, &n);
    if (r == 0)
        r = merge_names(arena, names, n, usual, 1, &names, &n);
    if (r == 0 && store->root && store->shared)
        r = disk_list_shared(store->shared, arena, &shared, &n_shared);
    return r ? r : merge_names(arena, names, n, shared, n_shared, ret_names, ret_n);
}

static int write_entry(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                       const CatalogEntry *entry, CatalogPut how, QueryError *error)
{
    _cleanup_free_ char *bytes = NULL;
    size_t n;
    int r = catalog_entry_write(entry, &bytes, &n);
    if (r == -E2BIG)
        return query_error_set(error, DATA_ERROR_UNSUPPORTED, "UNSUPPORTED_FEATURE", "0A000",
                               "The feature is not supported: a table of so many columns or "
                               "properties in the catalogue.");
    if (r == 0 && !store->root)
        return memory_write(store->memory, database ? database->name : NULL, name, bytes, n, how);
    if (r == 0)
        r = check_root(store, true, error);
    return r ? r
             : disk_write(database ? folder_of(database) : store->root, name, !database, bytes, n,
                          how, error);
}

int catalog_put_database(const CatalogStore *store, const char *name, const CatalogEntry *entry,
                         CatalogPut how, QueryError *error)
{
    char folder[IO_PATH_MAX];
    if (strcmp(name, CATALOG_DEFAULT) == 0)
        return CATALOG_E_EXISTS;
    if (how == CATALOG_PUT_NEW && store->root && store->shared &&
        shared_folder(store, name, folder, sizeof(folder)) == 0 && disk_is_database(folder))
        return CATALOG_E_EXISTS;
    return write_entry(store, NULL, name, entry, how, error);
}

int catalog_remove_database(const CatalogStore *store, const CatalogDatabase *database,
                            QueryError *error)
{
    return store->root ? disk_remove(store->root, database->name, true, error)
                       : memory_remove(store->memory, NULL, database->name);
}

/* ---- tables and views ---- */

int catalog_get(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                MemArena *arena, CatalogEntry *ret_entry, QueryError *error)
{
    if (!catalog_name_is_valid(name))
        return CATALOG_E_NONE;
    int r = read_entry(store, database, name, arena, ret_entry, error);
    return r == 0 && ret_entry->kind == CATALOG_DATABASE ? CATALOG_E_NONE : r;
}

int catalog_list(const CatalogStore *store, const CatalogDatabase *database, MemArena *arena,
                 const char ***ret_names, uint32_t *ret_n, QueryError *error)
{
    return store->root ? disk_list(folder_of(database), false, arena, ret_names, ret_n, error)
                       : memory_list(store->memory, database->name, arena, ret_names, ret_n);
}

int catalog_put(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                const CatalogEntry *entry, CatalogPut how, QueryError *error)
{
    return write_entry(store, database, name, entry, how, error);
}

int catalog_remove(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                   QueryError *error)
{
    if (!catalog_name_is_valid(name))
        return CATALOG_E_NONE;
    return store->root ? disk_remove(folder_of(database), name, false, error)
                       : memory_remove(store->memory, database->name, name);
}

int catalog_rename(const CatalogStore *store, const CatalogDatabase *database, const char *name,
                   const char *to, QueryError *error)
{
    _cleanup_free_ char *bytes = NULL;
    size_t n;
    if (store->root)
        return disk_rename(folder_of(database), name, to, error);
    int r = memory_read(store->memory, database->name, name, &bytes, &n);
    if (r == 0)
        r = memory_write(store->memory, database->name, to, bytes, n, CATALOG_PUT_NEW);
    return r ? r : memory_remove(store->memory, database->name, name);
}

int catalog_lock(const CatalogStore *store, const CatalogDatabase *database, int *ret_lock,
                 QueryError *error)
{
    *ret_lock = -EBADF;
    return store->root ? disk_lock(folder_of(database), ret_lock, error) : 0;
}
