/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is written where; between write.c, insert.c and the tables. */

#include "exec/connect/query.h"
#include "exec/write/commit.h"

typedef struct WriteCommand {
    const char *format, *path;
    CommitMode mode;
    const UOption *options;
    uint32_t n_options;
    const char *const *partitions;
    uint32_t n_partitions;
    URel *input;
    char *ret_id; /* out, nullable, 40 bytes: what is in the names of the files */
} WriteCommand;

/* Return: 0 also when the mode says that there is nothing to do. */
int query_write(Query *q, const WriteCommand *command);
/* Relative paths start where the client stands, as in reading. NULL: no memory. */
const char *write_absolute_path(Query *q, const char *path);
/* "Now it happens": the command will not be run again. Return: 0; as emit. */
int write_tell_effect(Query *q);
/* Is it an overwrite of only those partitions that the rows have? (partitionOverwriteMode) */
bool write_is_dynamic(Query *q, const WriteCommand *command);

/* How the rows of an INSERT come to be those of the table. */
typedef struct InsertOptions {
    bool dynamic;           /* an overwrite of the partitions that the rows have */
    const UExpr *condition; /* an overwrite of the rows for which it is true; NULL: of all */
} InsertOptions;

/* insert.c: SQL_INSERT. @options: nullable. */
int query_insert(Query *q, const SqlStatement *statement, const InsertOptions *options);
/* write_table.c: saveAsTable() and insertInto(). */
int write_to_table(Query *q, const WriteCommand *command, const char *table, bool insert,
                   bool named_format);
