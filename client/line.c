/* SPDX-License-Identifier: Apache-2.0 */
#include "client/line.h"

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

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
    sigset_t waiting; /* the signal mask while it waits for a key */
};

/*
 * The next character. SIGINT is blocked but here, where it ends the wait: one that comes while a
 * key is being worked on is not lost. As in libedit's own reader bytes that are no character go.
 */
static int get_char(EditLine *edit, wchar_t *ret)
{
    LineReader *r;
    char bytes[MB_LEN_MAX];
    el_get(edit, EL_CLIENTDATA, &r);
    for (size_t n = 0;; n = n == sizeof(bytes) ? 0 : n) {
        struct pollfd p = {.fd = fileno(r->in), .events = POLLIN};
        if (ppoll(&p, 1, NULL, &r->waiting) < 0)
            return -1;
        ssize_t got = read(p.fd, bytes + n, 1);
        if (got <= 0)
            return (int)got;
        mbstate_t state = {0};
        size_t length = mbrtowc(ret, bytes, ++n, &state);
        if (length == (size_t)-1)
            n = 0;
        else if (length != (size_t)-2)
            return 1;
    }
}

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
    el_set(r->edit, EL_GETCFN, get_char);
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
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupt, &r->waiting);
    const char *line = el_gets(r->edit, &n);
    int error = errno;
    (void)sigprocmask(SIG_SETMASK, &r->waiting, NULL);
    if (!line || n <= 0) {
        if (error != EINTR)
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
