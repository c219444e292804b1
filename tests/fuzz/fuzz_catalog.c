/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the catalogue's entries. As it is, whatever it is; and with the sum put right, so
 * that what stands before it is read at all: then what was read is written and read again.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "exec/catalog/entry.h"

#define BYTES_MAX 65536u
#define END_BYTES 21u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_and_write(MemPool *pool, const char *bytes, size_t n)
{
    MemArena *arena;
    CatalogEntry entry, again;
    QueryError error = {0};
    assert(mem_arena_new(pool, "fuzz", &arena) == 0);
    if (catalog_entry_read(bytes, n, "fuzz", arena, &entry, &error) == 0) {
        char *text;
        size_t n_text;
        assert(catalog_entry_write(&entry, &text, &n_text) == 0);
        assert(catalog_entry_read(text, n_text, "again", arena, &again, &error) == 0);
        assert(again.kind == entry.kind && again.n_columns == entry.n_columns &&
               again.n_sources == entry.n_sources && again.n_options == entry.n_options);
        for (uint32_t i = 0; i < entry.n_columns; i++)
            assert(strcmp(again.columns[i].name, entry.columns[i].name) == 0);
        free(text);
    }
    mem_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MemPool *pool;
    if (n > BYTES_MAX)
        return 0;
    assert(mem_pool_new(UINT64_C(64) << 20, NULL, NULL, &pool) == 0);
    char *bytes = malloc(n + END_BYTES + 1);
    assert(bytes);
    if (n > 0)
        memcpy(bytes, data, n);
    read_and_write(pool, bytes, n);
    (void)snprintf(bytes + n, END_BYTES + 1, "end\t%016llx\n",
                   (unsigned long long)XXH64(bytes, n, 0));
    read_and_write(pool, bytes, n + END_BYTES);
    free(bytes);
    assert(mem_pool_reserved(pool) == 0);
    mem_pool_free(pool);
    return 0;
}
