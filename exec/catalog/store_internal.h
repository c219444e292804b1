/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The two places where texts of entries are; @kind tells databases from what is in them. */

#include "exec/catalog/store.h"

/* On disk: a file NAME.table or NAME.database in the folder "_catalog" of @folder. */
int disk_read(const char *folder, const char *name, bool database, char **ret_bytes, size_t *ret_n,
              QueryError *error);
int disk_write(const char *folder, const char *name, bool database, const char *bytes, size_t n,
               CatalogPut how, QueryError *error);
int disk_remove(const char *folder, const char *name, bool database, QueryError *error);
/* Of tables. */
int disk_rename(const char *folder, const char *name, const char *to, QueryError *error);
int disk_list(const char *folder, bool database, MemArena *arena, const char ***ret_names,
              uint32_t *ret_n, QueryError *error);
int disk_lock(const char *folder, int *ret_fd, QueryError *error);
/* NAME.db below the shared folder, when it holds a catalogue that we may read. */
bool disk_is_database(const char *folder);
/* The names of such. */
int disk_list_shared(const char *shared, MemArena *arena, const char ***ret_names, uint32_t *ret_n);
/* "/a/_catalog/b.table", for messages. */
void disk_path(const char *folder, const char *name, bool database, char *buf, size_t size);

/* In memory; @database NULL: databases. */
int memory_read(CatalogMemory *memory, const char *database, const char *name, char **ret_bytes,
                size_t *ret_n);
int memory_write(CatalogMemory *memory, const char *database, const char *name, const char *bytes,
                 size_t n, CatalogPut how);
int memory_remove(CatalogMemory *memory, const char *database, const char *name);
int memory_list(CatalogMemory *memory, const char *database, MemArena *arena,
                const char ***ret_names, uint32_t *ret_n);
