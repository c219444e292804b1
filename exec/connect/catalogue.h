/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Names of tables and databases to what exec/catalog keeps of them, and from there to trees. A name
 * without a database is of the session's current one; names compare in lower case.
 */

#include <stdio.h>

#include "exec/catalog/store.h"
#include "exec/connect/query.h"

/* A table or view that was found; everything in the query's arena. */
typedef struct TableRef {
    CatalogDatabase database;
    const char *name;
    CatalogEntry entry;
} TableRef;

/* Where the session's catalogue is, looked up once in a query. Return: 0; as query_result(). */
int catalogue_store(Query *q, const CatalogStore **ret_store);
/* Where statements of replay need not be run again: it is still there. */
bool catalogue_is_kept(Query *q);
/* Before the catalogue changes: the gateway is told as of any other effect, or to run this again in
 * a new executor (in memory). Return: 0; as emit. */
int catalogue_tell(Query *q);

/* @name NULL: the current one. Return: 0; CATALOG_E_NONE; as query_result(). */
int catalogue_database(Query *q, const char *name, CatalogDatabase *ret_database);
/* The same, with SCHEMA_NOT_FOUND. */
int catalogue_need_database(Query *q, const char *name, CatalogDatabase *ret_database);
/* Return: 0; CATALOG_E_NONE, also without the database; as query_result(). */
int catalogue_find(Query *q, const char *database, const char *name, TableRef *ret_table);
/* The same, with TABLE_OR_VIEW_NOT_FOUND. */
int catalogue_need(Query *q, const char *database, const char *name, TableRef *ret_table);
/* PlanContext.find */
int catalogue_find_view(void *userdata, const char *database, const char *name,
                        const PlanView **ret_view);

/* Its columns with their types, in the builder's arena. Return: 0; QUERY_E_FAILED; the builder's.
 */
int catalogue_fields(UBuilder *b, const CatalogEntry *entry, PlanField **ret_fields);
/* Into an entry; @comments nullable. Return: 0; QUERY_E_FAILED (a type that has no text); ... */
int catalogue_columns(Query *q, const PlanField *fields, const char *const *comments, uint32_t n,
                      CatalogColumn **ret_columns);
/* A name with quotes where it needs them; a type so that it can be read again. */
void catalogue_put_name(FILE *out, const char *name);
void catalogue_put_type(FILE *out, Type type, bool upper);
/* The files of a table. NULL: the builder's failure. */
URel *catalogue_files(UBuilder *b, const CatalogEntry *entry);
/* Lower case, in the query's arena; NULL: no memory. */
const char *catalogue_lower(Query *q, const char *name);
/* May the folder of a managed table go with it? Not what another user has written into an entry. */
bool catalogue_owns_folder(Query *q, const TableRef *table);

/* "`spark_catalog`.`db`.`t`" */
const char *catalogue_quoted(const TableRef *table, char *buf, size_t size);
/* Errors. Return: QUERY_E_FAILED. */
int catalogue_no_database(Query *q, const char *name);
int catalogue_no_table(Query *q, const char *database, const char *name);
int catalogue_exists(Query *q, const char *database, const char *name);
int catalogue_bad_name(Query *q, const char *name);
