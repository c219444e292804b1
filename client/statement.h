/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Cuts a text of SQL into statements at semicolons outside quotes and comments. */

#include <stdbool.h>
#include <stddef.h>

typedef struct StatementSplitter {
    char *text; /* what has come and is not yet a whole statement */
    size_t n_text, capacity, scanned;
    char quote; /* ' " ` when inside, else 0 */
    bool line_comment, block_comment;
} StatementSplitter;

/* Longest statement that is taken; the executor's bound is the same. */
#define STATEMENT_BYTES_MAX (1u << 20)

void statement_splitter_done(StatementSplitter *s);
/* Appends input. Return: 0; -EMSGSIZE when no statement ended within STATEMENT_BYTES_MAX; -ENOMEM.
 */
int statement_splitter_add(StatementSplitter *s, const char *text, size_t n);
/**
 * statement_splitter_next() - the next whole statement, without its semicolon, trimmed; for free(3)
 * @at_end: no more input: the rest counts as a statement
 * Return: 1; 0 none yet (empty statements are skipped); -ENOMEM.
 */
int statement_splitter_next(StatementSplitter *s, bool at_end, char **ret_statement);
/* Has something other than white space come that is no whole statement yet? */
bool statement_splitter_pending(const StatementSplitter *s);
