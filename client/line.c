/* SPDX-License-Identifier: Apache-2.0 */
#include "client/line.h"

#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define HISTORY_LINES 1000

struct LineReader {
    FILE *in;
    char *line; /* of getline(), when not interactive */
    size_t n_line;
    EditLine *edit; /* NULL: not interactive */
    History *history;
    char *history_path;
    const char *prompt;
};

static char *prompt_of(EditLine *edit)
{
    LineReader *r;
    el_get(edit, EL_CLIENTDATA, &r);
    return (char *)r->prompt;
}

/* Where the history is kept; directories are made on the way. NULL: nowhere. */
static char *history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *dir = NULL, *path = NULL;
    if (state && state[0] == '/') {
        if (asprintf(&dir, "%s/berth", state) < 0)
            return NULL;
    } else if (!home || asprintf(&dir, "%s/.local/state/berth", home) < 0) {
        return NULL;
    }
    for (char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(dir, 0755);
        *slash = '/';
    }
    (void)mkdir(dir, 0700);
    if (asprintf(&path, "%s/history", dir) < 0)
        path = NULL;
    free(dir);
    return path;
}

LineReader *line_reader_new(FILE *in, bool interactive)
{
    LineReader *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->in = in;
    if (!interactive)
        return r;
    r->edit = el_init("berth", in, stdout, stderr);
    r->history = history_init();
    if (!r->edit || !r->history)
        return line_reader_free(r);
    HistEvent event;
    history(r->history, &event, H_SETSIZE, HISTORY_LINES);
    history(r->history, &event, H_SETUNIQUE, 1);
    r->history_path = history_path();
    if (r->history_path)
        history(r->history, &event, H_LOAD, r->history_path);
    el_set(r->edit, EL_CLIENTDATA, r);
    el_set(r->edit, EL_PROMPT, prompt_of);
    el_set(r->edit, EL_EDITOR, "emacs");
    el_set(r->edit, EL_HIST, history, r->history);
    el_set(r->edit, EL_SIGNAL, 0);
    el_source(r->edit, NULL);
    return r;
}

LineReader *line_reader_free(LineReader *r)
{
    if (!r)
        return NULL;
    HistEvent event;
    if (r->history && r->history_path)
        history(r->history, &event, H_SAVE, r->history_path);
    if (r->edit)
        el_end(r->edit);
    if (r->history)
        history_end(r->history);
    free(r->history_path);
    free(r->line);
    free(r);
    return NULL;
}

int line_read(LineReader *r, const char *prompt, const char **ret_line)
{
    int n = 0;
    errno = 0;
    if (!r->edit) {
        if (getline(&r->line, &r->n_line, r->in) < 0)
            return errno == EINTR ? -EINTR : 0;
        *ret_line = r->line;
        return 1;
    }
    r->prompt = prompt;
    const char *line = el_gets(r->edit, &n);
    if (!line || n <= 0) {
        if (errno != EINTR)
            return 0;
        el_reset(r->edit);
        fputc('\n', stdout);
        return -EINTR;
    }
    HistEvent event;
    if (strspn(line, " \t\r\n") < (size_t)n)
        history(r->history, &event, H_ENTER, line);
    *ret_line = line;
    return 1;
}
