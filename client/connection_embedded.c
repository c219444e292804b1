/* SPDX-License-Identifier: Apache-2.0 */

/* An executor of our own: posix_spawn with the data channel as descriptor 3, then frames of
 * base/data_frame.h. */

#include "client/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/data_frame.h"
#include "base/fd.h"
#include "base/text.h"

#define EXECUTOR_DATA_FD 3
#define ARGS_MAX 128

extern char **environ;

typedef struct Embedded {
    Connection base;
    int fd;
    pid_t pid;
    uint64_t last_operation;
    uint8_t *payload;
    size_t payload_capacity;
} Embedded;

/* Arguments of the executor; the strings are owned. */
typedef struct Arguments {
    char *argv[ARGS_MAX + 1];
    size_t n;
} Arguments;

static void arguments_done(Arguments *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->argv[i]);
}

static int argument_add(Arguments *a, const char *option, const char *value)
{
    if (a->n >= ARGS_MAX)
        return -E2BIG;
    char *text;
    if (asprintf(&text, "%s%s", option, value ? value : "") < 0)
        return -ENOMEM;
    a->argv[a->n++] = text;
    return 0;
}

/*
 * A root of the session's view: an existing directory, absolute after links are followed, not "/"
 * (the whole machine is no view) and not below one that is there already.
 */
static int argument_add_root(Arguments *a, const char *option, const char *path)
{
    _cleanup_free_ char *real = path ? realpath(path, NULL) : NULL;
    struct stat st;
    if (!real || stat(real, &st) < 0 || !S_ISDIR(st.st_mode) || strcmp(real, "/") == 0)
        return 0;
    for (size_t i = 0; i < a->n; i++) {
        size_t n_option = strlen(option);
        if (strncmp(a->argv[i], option, n_option) != 0)
            continue;
        const char *other = a->argv[i] + n_option;
        size_t n = strlen(other);
        if (strncmp(real, other, n) == 0 && (real[n] == '/' || real[n] == '\0'))
            return 0;
    }
    return argument_add(a, option, real);
}

static int add_roots(Arguments *a, const EmbeddedOptions *o)
{
    /* Where users keep data; with their own rights, so nothing here is more than they could read
     * and write anyway. */
    static const char *const places[] = {"/home", "/srv", "/data", "/mnt", "/media", "/tmp"};
    _cleanup_free_ char *cwd = getcwd(NULL, 0);
    int r = 0;
    for (size_t i = 0; r == 0 && i < o->n_write_dirs; i++)
        r = argument_add_root(a, "--write=", o->write_dirs[i]);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++)
        r = argument_add_root(a, "--write=", places[i]);
    if (r == 0)
        r = argument_add_root(a, "--write=", getenv("HOME"));
    if (r == 0)
        r = argument_add_root(a, "--write=", cwd);
    for (size_t i = 0; r == 0 && i < o->n_read_dirs; i++)
        r = argument_add_root(a, "--read=", o->read_dirs[i]);
    return r;
}

/* The executor: as told, installed, or beside this binary in a build tree. */
static char *find_executor(const EmbeddedOptions *o)
{
    if (o->executor)
        return strdup(o->executor);
    const char *from_env = getenv("BERTH_EXECUTOR");
    if (from_env)
        return strdup(from_env);
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = '\0';
        char *slash = strrchr(self, '/');
        char *beside = NULL;
        if (slash &&
            asprintf(&beside, "%.*s/../exec/berth-executor", (int)(slash - self), self) >= 0) {
            if (access(beside, X_OK) == 0)
                return beside;
            free(beside);
        }
    }
    return strdup(BERTH_LIBEXECDIR "/berth-executor");
}

static int spawn_executor(const char *path, Arguments *a, int data_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    /* dup2 onto itself would keep close-on-exec: socketpair() below never gives 3 unless 0..2 are
     * closed. */
    r = posix_spawn_file_actions_adddup2(&actions, data_fd, EXECUTOR_DATA_FD);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(&actions, EXECUTOR_DATA_FD + 1);
    if (r == 0)
        r = posix_spawn(ret_pid, path, &actions, NULL, a->argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int lost(Embedded *e, ConnectionError *error)
{
    int status = 0;
    pid_t pid = e->pid > 0 ? waitpid(e->pid, &status, 0) : -1;
    e->pid = -1;
    if (pid > 0 && WIFSIGNALED(status))
        return connection_error_set(
            error, CONNECTION_E_LOST, "BERTH_EXECUTOR_LOST",
            "The executor was ended by signal %d (%s)%s.", WTERMSIG(status),
            strsignal(WTERMSIG(status)),
            WTERMSIG(status) == SIGKILL
                ? "; if the machine ran out of memory, try --memory with less"
                : "");
    return connection_error_set(error, CONNECTION_E_LOST, "BERTH_EXECUTOR_LOST",
                                "The executor ended (status %d).",
                                pid > 0 ? WEXITSTATUS(status) : -1);
}

static int send_frame(Embedded *e, DataType type, uint64_t operation, uint64_t rows,
                      const void *payload, size_t n_payload)
{
    DataHeader h = {.magic = DATA_MAGIC,
                    .type = (uint16_t)type,
                    .operation = operation,
                    .rows = rows,
                    .n_payload = (uint32_t)n_payload};
    int r = fd_write_all(e->fd, &h, sizeof(h));
    return r == 0 && n_payload > 0 ? fd_write_all(e->fd, payload, n_payload) : r;
}

/* Waits for input; on the user's Ctrl-C it sends one CANCEL and goes on waiting for the final
 * frame. */
static int wait_readable(Embedded *e, uint64_t operation, bool *cancelled)
{
    for (;;) {
        if (*e->base.interrupted && !*cancelled) {
            *cancelled = true;
            int r = send_frame(e, DATA_CANCEL, operation, 0, NULL, 0);
            if (r < 0)
                return r;
        }
        struct pollfd p = {.fd = e->fd, .events = POLLIN};
        int n = poll(&p, 1, 200); /* a signal between the check and poll() is seen 200 ms later */
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
    }
}

static int read_frame(Embedded *e, DataHeader *h)
{
    int r = fd_read_all(e->fd, h, sizeof(*h));
    if (r < 0)
        return r;
    if (h->magic != DATA_MAGIC || h->n_payload > DATA_PAYLOAD_MAX)
        return -EPROTO;
    if (h->n_payload > e->payload_capacity) {
        uint8_t *grown = realloc(e->payload, h->n_payload);
        if (!grown)
            return -ENOMEM;
        e->payload = grown;
        e->payload_capacity = h->n_payload;
    }
    return fd_read_all(e->fd, e->payload, h->n_payload);
}

static void take_text(char *dst, size_t size, const char **at, const char *end, uint32_t n)
{
    size_t fits = MIN((size_t)n, (size_t)(end - *at));
    (void)snprintf(dst, size, "%.*s", (int)fits, *at);
    *at += fits;
}

static int statement_failed(const Embedded *e, uint32_t n_payload, ConnectionError *error)
{
    DataError d;
    memset(error, 0, sizeof(*error));
    if (n_payload < sizeof(d))
        return -EPROTO;
    memcpy(&d, e->payload, sizeof(d));
    const char *at = (const char *)e->payload + sizeof(d),
               *end = (const char *)e->payload + n_payload;
    take_text(error->error_class, sizeof(error->error_class), &at, end, d.n_class);
    take_text(error->sqlstate, sizeof(error->sqlstate), &at, end, d.n_sqlstate);
    take_text(error->message, sizeof(error->message), &at, end, d.n_message);
    error->line = d.position_line;
    error->column = d.position_column;
    return CONNECTION_E_STATEMENT;
}

static int embedded_execute(Connection *c, const uint8_t *plan, size_t n_plan,
                            ConnectionReply on_reply, void *userdata, ConnectionError *error)
{
    Embedded *e = (Embedded *)c;
    uint64_t operation = ++e->last_operation;
    bool cancelled = false;
    int stop = 0;
    int r = send_frame(e, DATA_EXECUTE, operation, 0, plan, n_plan);
    while (r == 0) {
        DataHeader h;
        r = wait_readable(e, operation, &cancelled);
        if (r == 0)
            r = read_frame(e, &h);
        if (r < 0)
            break;
        if (h.operation != operation)
            continue;
        if (h.type == DATA_COMPLETE)
            return stop;
        if (h.type == DATA_ERROR)
            return stop ? stop : statement_failed(e, h.n_payload, error);
        if (h.type != DATA_RESPONSE) {
            r = -EPROTO;
            break;
        }
        if (stop == 0) {
            stop = on_reply(userdata, e->payload, h.n_payload);
            if (stop != 0) {
                cancelled = true;
                r = send_frame(e, DATA_CANCEL, operation, 0, NULL, 0);
            }
        }
        if (r == 0)
            r = send_frame(e, DATA_CREDIT, operation, h.n_payload, NULL, 0);
    }
    return r == -EPROTO || r == -ENOMEM ? r : lost(e, error);
}

static int embedded_configure(Connection *c, const char *key, const char *value,
                              ConnectionError *error)
{
    Embedded *e = (Embedded *)c;
    char payload[8192];
    int n = snprintf(payload, sizeof(payload), "%s%c%s", key, '\0', value);
    if (n < 0 || (size_t)n + 1 > sizeof(payload))
        return connection_error_set(error, CONNECTION_E_STATEMENT, "INVALID_CONF_VALUE",
                                    "%s is too long", key);
    int r = send_frame(e, DATA_CONFIG, 0, 0, payload, (size_t)n + 1);
    return r < 0 ? lost(e, error) : 0;
}

static void embedded_close(Connection *c)
{
    Embedded *e = (Embedded *)c;
    e->fd = fd_close(e->fd); /* the executor ends when its channel does */
    if (e->pid > 0)
        (void)waitpid(e->pid, NULL, 0);
    free(e->payload);
    free(e);
}

static const ConnectionOps embedded_ops = {
    .execute = embedded_execute,
    .configure = embedded_configure,
    .close = embedded_close,
};

static int build_arguments(const EmbeddedOptions *o, const char *path, Arguments *a)
{
    int r = argument_add(a, path, NULL);
    if (r == 0)
        r = argument_add(a, "--embedded", NULL);
    if (r == 0 && o->memory)
        r = argument_add(a, "--memory=", o->memory);
    if (r == 0 && o->spill)
        r = argument_add(a, "--spill-dir=", o->spill);
    if (r == 0 && o->threads)
        r = argument_add(a, "--threads=", o->threads);
    if (r == 0 && o->io)
        r = argument_add(a, "--io=", o->io);
    if (r == 0 && o->quiet)
        r = argument_add(a, "--quiet", NULL);
    return r == 0 ? add_roots(a, o) : r;
}

int connection_open_embedded(const EmbeddedOptions *options, volatile sig_atomic_t *interrupted,
                             Connection **ret_connection, ConnectionError *error)
{
    _cleanup_free_ char *path = find_executor(options);
    _cleanup_(arguments_done) Arguments arguments = {0};
    if (!path)
        return -ENOMEM;
    int r = build_arguments(options, path, &arguments);
    if (r < 0)
        return r;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    _cleanup_close_ int ours = pair[0], theirs = pair[1];
    Embedded *e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    r = spawn_executor(path, &arguments, theirs, &e->pid);
    if (r < 0) {
        free(e);
        return connection_error_set(error, CONNECTION_E_LOST, "BERTH_NO_EXECUTOR",
                                    "Cannot start %s: %s.", path, strerror(-r));
    }
    e->base.ops = &embedded_ops;
    e->base.interrupted = interrupted;
    e->fd = TAKE_FD(ours);
    *ret_connection = &e->base;
    return 0;
}
