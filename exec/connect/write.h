/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is written where; between write.c and table.c. */

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
} WriteCommand;

/* Return: 0 also when the mode says that there is nothing to do. */
int query_write(Query *q, const WriteCommand *command);
/* Relative paths start where the client stands, as in reading. NULL: no memory. */
const char *write_absolute_path(Query *q, const char *path);
/* Names and types in the builder's arena. */
PlanField *write_copy_fields(UBuilder *b, const PlanField *fields, uint32_t n);
/* "Now it happens": the command will not be run again. Return: 0; as emit. */
int write_tell_effect(Query *q);
