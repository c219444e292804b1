/* SPDX-License-Identifier: Apache-2.0 */
#include "client/line.h"

#include <stdlib.h>

struct LineReader {
    FILE *in;
    bool interactive;
    char *line;
    size_t n_line;
};

LineReader *line_reader_new(FILE *in, bool interactive)
{
    LineReader *r = calloc(1, sizeof(*r));
    if (r) {
        r->in = in;
        r->interactive = interactive;
    }
    return r;
}

LineReader *line_reader_free(LineReader *r)
{
    if (r)
        free(r->line);
    free(r);
    return NULL;
}

const char *line_read(LineReader *r, const char *prompt)
{
    if (r->interactive) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    return getline(&r->line, &r->n_line, r->in) < 0 ? NULL : r->line;
}
