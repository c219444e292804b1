/* SPDX-License-Identifier: Apache-2.0 */
#include "client/statement.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void statement_splitter_done(StatementSplitter *s)
{
    free(s->text);
    memset(s, 0, sizeof(*s));
}

int statement_splitter_add(StatementSplitter *s, const char *text, size_t n)
{
    if (s->n_text + n > 2 * (size_t)STATEMENT_BYTES_MAX)
        return -EMSGSIZE;
    if (s->n_text + n + 1 > s->capacity) {
        size_t capacity = MAX(s->n_text + n + 1, s->capacity * 2);
        char *grown = realloc(s->text, capacity);
        if (!grown)
            return -ENOMEM;
        s->text = grown;
        s->capacity = capacity;
    }
    memcpy(s->text + s->n_text, text, n);
    s->n_text += n;
    s->text[s->n_text] = '\0';
    return 0;
}

/* Moves over one character (or a pair that belongs together). Return: true at a semicolon that
 * ends. */
static bool step(StatementSplitter *s)
{
    const char *p = s->text + s->scanned;
    size_t left = s->n_text - s->scanned;
    s->scanned++;
    if (s->line_comment) {
        s->line_comment = *p != '\n';
    } else if (s->block_comment) {
        if (left > 1 && p[0] == '*' && p[1] == '/') {
            s->block_comment = false;
            s->scanned++;
        }
    } else if (s->quote) {
        if (*p == '\\' && s->quote != '`' && left > 1)
            s->scanned++;
        else if (*p == s->quote)
            s->quote = 0; /* a doubled quote opens again at once */
    } else if (*p == '\'' || *p == '"' || *p == '`') {
        s->quote = *p;
    } else if (left > 1 && p[0] == '-' && p[1] == '-') {
        s->line_comment = true;
    } else if (left > 1 && p[0] == '/' && p[1] == '*') {
        s->block_comment = true;
        s->scanned++;
    } else {
        return *p == ';';
    }
    return false;
}

/* Without white space around it; NULL when nothing is left. */
static char *trimmed(const char *text, size_t n)
{
    while (n > 0 && isspace((unsigned char)text[0])) {
        text++;
        n--;
    }
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    return n > 0 ? strndup(text, n) : NULL;
}

static void drop(StatementSplitter *s, size_t n)
{
    memmove(s->text, s->text + n, s->n_text - n + 1);
    s->n_text -= n;
    s->scanned = 0;
}

int statement_splitter_next(StatementSplitter *s, bool at_end, char **ret_statement)
{
    while (s->scanned < s->n_text) {
        /* The last byte may be half of a pair ("--"): wait for more. */
        if (!at_end && s->scanned + 1 == s->n_text && strchr("-/*\\", s->text[s->scanned]))
            break;
        if (!step(s))
            continue;
        char *statement = trimmed(s->text, s->scanned - 1);
        drop(s, s->scanned);
        if (statement) {
            *ret_statement = statement;
            return 1;
        }
    }
    if (at_end && s->n_text > 0) {
        char *statement = trimmed(s->text, s->n_text);
        drop(s, s->n_text);
        if (statement) {
            *ret_statement = statement;
            return 1;
        }
    }
    return 0;
}

bool statement_splitter_pending(const StatementSplitter *s)
{
    for (size_t i = 0; i < s->n_text; i++)
        if (!isspace((unsigned char)s->text[i]))
            return true;
    return false;
}
