/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Inside parquet/: the pages that ParquetCache (parquet.h) keeps. An entry is the content of a page
 * once it is decompressed, or a dictionary once it is decoded; whoever reads it holds a reference.
 */

#include "exec/parquet/reader_internal.h"

typedef struct CachedPage CachedPage;
struct CachedPage {
    CachedPage *chain;         /* of its slot in the table */
    CachedPage *older, *newer; /* by last use */
    uint64_t file, offset;     /* of the page's body */
    uint64_t used;             /* the cache's clock when it was last looked up */
    uint64_t bytes;            /* charged */
    uint32_t n_users;
    bool gone; /* out of the table; freed by its last user */

    size_t n_content; /* bytes of a data page */
    PageBuffer *page; /* what it is, or what a dictionary's strings point to; NULL: values alone */
    void *values;     /* a dictionary's, or NULL */
    size_t n_values;  /* bytes of that block */
    uint32_t n_dict;
    uint64_t dict_id;
    bool is_unique;
};

/* Return: an entry with one user more, or NULL. */
const CachedPage *page_cache_get(ParquetCache *cache, uint64_t file, uint64_t offset);
/* One user less. */
void page_cache_put(ParquetCache *cache, const CachedPage *page);
/**
 * page_cache_add() - keep a page that was just made
 * @draft:  file, offset and content, which is charged to @from
 * Return: the entry with one user, now the owner of the content; NULL: there is no room for it.
 */
const CachedPage *page_cache_add(ParquetCache *cache, MemPool *from, const CachedPage *draft);
