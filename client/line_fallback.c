/* SPDX-License-Identifier: Apache-2.0 */
#include "client/line.h"

#include <errno.h>
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

int line_read(LineReader *r, const char *prompt, const char **ret_line)
{
    if (r->interactive) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    errno = 0;
    if (getline(&r->line, &r->n_line, r->in) < 0) {
        bool signal = errno == EINTR;
        clearerr(r->in);
        if (signal && r->interactive)
            fputc('\n', stdout);
        return signal ? -EINTR : 0;
    }
    *ret_line = r->line;
    return 1;
}
