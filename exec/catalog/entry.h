/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the catalogue knows of one table, view or database, and the text in which it is kept:
 *
 *   berth-catalog <TAB> 1 <TAB> table
 *   format <TAB> parquet
 *   column <TAB> name <TAB> type <TAB> "null" or "required" [<TAB> comment]
 *   ...
 *   end <TAB> <xxh64 of all before this line, 16 hexadecimal digits>
 *
 * One fact a line, its fields apart by tabs; in a field backslash, tab and newline are written \\,
 * \t and \n. Lines that are not known are an error: a newer version says so in its first line. The
 * bytes are a tenant's: whatever they are, the reader ends with an entry or with an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/unresolved.h"

#define CATALOG_BYTES_MAX (UINT32_C(4) << 20) /* of one entry */
#define CATALOG_COLUMNS_MAX 10000u
#define CATALOG_PAIRS_MAX 10000u
#define CATALOG_NAME_MAX 128u /* bytes of the name of a table or database */

typedef enum CatalogKind {
    CATALOG_TABLE,
    CATALOG_VIEW,
    CATALOG_DATABASE,
    _CATALOG_KIND_MAX,
} CatalogKind;

typedef struct CatalogColumn {
    const char *name;
    const char *type;    /* DDL, as Spark writes it: "decimal(10,2)" */
    const char *comment; /* NULL: none */
    bool required;       /* NOT NULL */
} CatalogColumn;

/* Everything in the arena that it was read into; texts are never NULL where the kind needs them. */
typedef struct CatalogEntry {
    CatalogKind kind;
    bool managed;         /* table: its folder is the catalogue's to remove */
    const char *format;   /* table */
    const char *location; /* table, database: an absolute path */
    const char *comment;  /* NULL: none */
    const char *text;     /* view: its query */
    const char *database; /* view: what names in it are looked for in */
    int64_t created_usec;
    CatalogColumn *columns; /* table; view: its columns under their own names */
    uint32_t n_columns;
    const char **partitions; /* table */
    uint32_t n_partitions;
    const char **sources; /* view: the names that its query gives to its columns */
    uint32_t n_sources;
    UOption *options, *properties;
    uint32_t n_options, n_properties;
} CatalogEntry;

/**
 * catalog_entry_read() - text into an entry
 * @where: what the text is of, for messages
 * Return: 0; QUERY_E_FAILED (BERTH_CATALOG_DAMAGED); mem_arena_error().
 */
int catalog_entry_read(const char *bytes, size_t n, const char *where, MemArena *arena,
                       CatalogEntry *ret_entry, QueryError *error);
/* The text, for free(3). Return: 0; -E2BIG beyond the limits above; -ENOMEM. */
int catalog_entry_write(const CatalogEntry *entry, char **ret_bytes, size_t *ret_n);
/* Letters, digits and underscores, as Spark has it. */
bool catalog_name_is_valid(const char *name);
