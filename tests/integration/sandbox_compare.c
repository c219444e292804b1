/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the sandbox that `escape` tries to leave that of the executor? Both programs are started by
 * sandbox_spawn() with the same specification and handed out; then what the two say of their
 * lock-down and what the kernel says of them must be the same: credentials, number of filters and -
 * where the kernel shows them - each instruction of them, mounts, kinds of descriptors, limits.
 *
 *   sandbox_compare EXECUTOR STAND-IN
 *
 * Needs root. Exit code 0 when they are the same.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "tests/support/sandbox_peer.h"

#define UID 61234
#define TEXT_MAX 16384
#define FILTERS_MAX 8
#define INSTRUCTIONS_MAX 4096

typedef struct Subject {
    PeerSession session;
    char status[TEXT_MAX], mounts[TEXT_MAX], limits[TEXT_MAX], descriptors[TEXT_MAX];
    struct sock_filter filter[FILTERS_MAX][INSTRUCTIONS_MAX];
    int n_instructions[FILTERS_MAX]; /* negative errno: not shown */
} Subject;

static size_t n_different;

static void same(const char *what, const char *a, const char *b)
{
    bool equal = strcmp(a, b) == 0;
    n_different += !equal;
    printf("%s: %s\n", equal ? "same" : "DIFFERENT", what);
    if (!equal)
        printf("--- executor\n%s--- stand-in\n%s---\n", a, b);
}

static void append(char *text, const char *more)
{
    size_t n = strlen(text);
    (void)snprintf(text + n, TEXT_MAX - n, "%s\n", more);
}

static void read_proc(pid_t pid, const char *name, char *text)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    if (fd_read_file_at(AT_FDCWD, path, text, TEXT_MAX) < 0) {
        perror(path);
        exit(1);
    }
}

/* The lines that say what it may do. */
static void read_status(pid_t pid, char *ret)
{
    static const char *const keys[] = {
        "Uid:",    "Gid:",    "Groups:",     "CapInh:",  "CapPrm:",          "CapEff:",
        "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:", "NStgid:"};
    char text[TEXT_MAX], *save = NULL;
    read_proc(pid, "status", text);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
            if (strncmp(line, keys[i], strlen(keys[i])) == 0)
                /* Of the pids only the one inside. */
                append(ret, strcmp(keys[i], "NStgid:") == 0 ? strrchr(line, '\t') : line);
}

/* Root, mount point, options and type of each; the numbers of mounts and devices differ. */
static void read_mounts(pid_t pid, char *ret)
{
    char text[TEXT_MAX], *save = NULL;
    read_proc(pid, "mountinfo", text);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char root[2048], point[2048], options[512], kept[5000];
        if (sscanf(line, "%*d %*d %*s %2047s %2047s %511s", root, point, options) != 3)
            continue;
        (void)snprintf(kept, sizeof(kept), "%s %s %s", root, point, options);
        append(ret, kept);
    }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return atoi((*a)->d_name) - atoi((*b)->d_name);
}

/* "3 socket": without the numbers of inodes. */
static void read_descriptors(pid_t pid, char *ret)
{
    char path[64], target[512], kept[1024];
    struct dirent **entries = NULL;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    int n = scandir(path, &entries, NULL, by_name);
    for (int i = 0; i < n; i++) {
        char link[400];
        (void)snprintf(link, sizeof(link), "%s/%s", path, entries[i]->d_name);
        ssize_t length = readlink(link, target, sizeof(target) - 1);
        if (length > 0) {
            target[length] = 0;
            target[strcspn(target, ":")] = 0;
            (void)snprintf(kept, sizeof(kept), "%s %s", entries[i]->d_name, target);
            append(ret, kept);
        }
        free(entries[i]);
    }
    free(entries);
}

static void read_filters(Subject *s)
{
    pid_t pid = s->session.pid;
    int status;
    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid) {
        perror("ptrace");
        exit(1);
    }
    for (size_t i = 0; i < FILTERS_MAX; i++) {
        long n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, NULL);
        s->n_instructions[i] = n < 0 ? -errno : (int)n;
        if (n > 0 && n <= INSTRUCTIONS_MAX)
            (void)ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, s->filter[i]);
    }
    (void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static void compare_filters(const Subject *a, const Subject *b)
{
    size_t n = 0;
    for (size_t i = 0; i < FILTERS_MAX; i++) {
        int length = a->n_instructions[i];
        if (length < 0 && b->n_instructions[i] < 0)
            continue;
        n++;
        bool equal = length > 0 && length <= INSTRUCTIONS_MAX && length == b->n_instructions[i] &&
                     memcmp(a->filter[i], b->filter[i], sizeof(a->filter[i][0]) * length) == 0;
        n_different += !equal;
        printf("%s: filter %zu, %d and %d instructions\n", equal ? "same" : "DIFFERENT", i, length,
               b->n_instructions[i]);
    }
    if (n == 0)
        printf("not compared: the instructions of the filters, which this kernel does not show\n");
}

static void start(const char *program, const char *argument, const char *data, Subject *s)
{
    const char *args[] = {argument, NULL};
    const SandboxRoot roots[] = {{.path = data}, {.path = "/home"}};
    SandboxSpec spec = SANDBOX_SPEC_INIT;
    char real[4096];
    s->session = (PeerSession)PEER_SESSION_INIT;
    spec.executor = realpath(program, real);
    spec.args = args;
    spec.roots = roots;
    spec.n_roots = ARRAY_SIZE(roots);
    int r = peer_spawn(&spec, &s->session);
    if (r == 0)
        r = peer_hand_out(&s->session, UID, UID, -EBADF);
    if (r < 0) {
        (void)fprintf(stderr, "%s: %s: %s\n", program,
                      sandbox_step_to_string(s->session.report.step), strerror(-r));
        exit(1);
    }
    (void)usleep(200000); /* what it opens or starts for itself is there */
    read_status(s->session.pid, s->status);
    read_mounts(s->session.pid, s->mounts);
    read_proc(s->session.pid, "limits", s->limits);
    read_descriptors(s->session.pid, s->descriptors);
    read_filters(s);
}

static void locked_text(const Subject *s, char *text)
{
    const ControlExecutorLocked *l = &s->session.locked;
    (void)snprintf(text, TEXT_MAX,
                   "uid %u, capabilities %llu, no_new_privs %u, seccomp %u with %u calls, Landlock "
                   "%u, ring restricted %u, io %u\n",
                   l->uid, (unsigned long long)l->capabilities, l->no_new_privs, l->seccomp_mode,
                   l->n_seccomp_calls, l->landlock_abi, l->ring_restricted, l->io_mode);
}

int main(int argc, char **argv)
{
    static Subject executor, stand_in;
    static char a[TEXT_MAX], b[TEXT_MAX];
    char data[] = "/tmp/berth-compare-XXXXXX";
    if (argc != 3 || geteuid() != 0) {
        (void)fputs("usage: sandbox_compare EXECUTOR STAND-IN, as root\n", stderr);
        return 2;
    }
    if (!mkdtemp(data) || chmod(data, 0755) < 0) {
        perror(data);
        return 1;
    }
    start(argv[1], NULL, data, &executor);
    start(argv[2], "--inside=0", data, &stand_in);
    locked_text(&executor, a);
    locked_text(&stand_in, b);
    same("what each says of its lock-down", a, b);
    printf("%s", a);
    same("credentials, pid and filters in /proc/PID/status", executor.status, stand_in.status);
    same("mounts", executor.mounts, stand_in.mounts);
    same("resource limits", executor.limits, stand_in.limits);
    same("descriptors", executor.descriptors, stand_in.descriptors);
    compare_filters(&executor, &stand_in);
    (void)peer_end(&executor.session, 5000, NULL);
    (void)peer_end(&stand_in.session, 5000, NULL);
    (void)rmdir(data);
    printf("%zu differences\n", n_different);
    return n_different > 0;
}
