/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Partitions of a table: folders k=v below its own, in the order of its partition columns. */

#include "exec/connect/catalogue.h"

/* Of PARTITION (name = value, ...): for each column of the table's the value as text, or NULL: it
 * was not said. A value of null is its folder's name. */
typedef struct PartitionSpec {
    const char **texts; /* [n_partitions of the table] */
    uint32_t n_given;
} PartitionSpec;

/* Return: 0; QUERY_E_FAILED (not partitioned, no such column, a value that does not fit); ... */
int table_partition_spec(Query *q, const TableRef *table, const SqlStatement *statement,
                         PartitionSpec *ret_spec);
/* Folders "p=1/q=2" that @spec (nullable) says, in order. Return: 0; the builder's failure. */
int table_list_partitions(Query *q, const TableRef *table, const PartitionSpec *spec,
                          DecodeList *ret_names);
/* Removes those; @keep_id (nullable): but for folders with files that have it in their names. */
int table_drop_partitions(Query *q, const TableRef *table, const SqlStatement *statement,
                          const char *keep_id);
/* ALTER TABLE ... ADD PARTITION: an empty folder. */
int table_add_partition(Query *q, const TableRef *table, const SqlStatement *statement);

/* NOT_A_PARTITIONED_TABLE. */
int table_not_partitioned(Query *q, const TableRef *table);

/* table.c */
/* Entry and folder. */
int table_drop(Query *q, const TableRef *table);
int table_remove_folder(Query *q, const char *path);
/* COLUMN_ALREADY_EXISTS. */
int table_column_twice(Query *q, const char *name);
