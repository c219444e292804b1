/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries to get out of the executor's sandbox. This program stands in berth-executor's place: it is
 * started by sandbox_spawn(), warms, takes an identity and locks with the calls of exec/main.c,
 * then tries one thing. Each attempt gets a fresh sandbox, because the filter kills for many of
 * them.
 *
 *   escape [--without=LAYER]... [--only=NUMBER] [--uid=N]
 *
 * Needs root. Prints one line per attempt, then "N attempts in M variants, K succeeded". Exit code
 * 0 when nothing succeeded and what must work worked; 1 otherwise; 77 without root.
 * --without=seccomp|namespaces|landlock leaves a layer out and shows that the test can fail.
 */
#include "tests/integration/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sandbox/cgroup/cgroup.h"

#define UID_DEFAULT 61234
#define TIMEOUT_MSEC 20000
#define ARG_MAX_LENGTH 512

typedef struct Test {
    uid_t uid;
    uint32_t flags;
    int only;
    char base[256];
    char self[4096];
    char token[64];
    pid_t victim;
    unsigned long victim_address;
    int tcp_port;
    int shm_key;
    int stop_fd; /* its closing ends the victim */
    int spill_fd;
    int cgroup_root_fd, cgroup_fd; /* a leaf for the sandboxes, or -EBADF without cgroup v2 */
} Test;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- inside ---- */

static const char *argument(int argc, char **argv, const char *name)
{
    size_t n = strlen(name);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
            return argv[i] + n + 1;
    return NULL;
}

static int number_argument(int argc, char **argv, const char *name)
{
    const char *text = argument(argc, argv, name);
    return text ? atoi(text) : 0;
}

static int inside_main(int argc, char **argv)
{
    PeerInside inside;
    int index = number_argument(argc, argv, "--inside");
    World world = {.base = argument(argc, argv, "--base"),
                   .victim = number_argument(argc, argv, "--victim"),
                   .tcp_port = number_argument(argc, argv, "--port"),
                   .shm_key = number_argument(argc, argv, "--shm"),
                   .token = argument(argc, argv, "--token"),
                   .inside = &inside};
    const char *address = argument(argc, argv, "--address");
    world.victim_address = address ? strtoul(address, NULL, 16) : 0;
    if (peer_inside(argc, argv, (uint32_t)number_argument(argc, argv, "--flags"), &inside) != 0)
        return 1;
    char go; /* after the host has looked at us */
    if (read(inside.data_fd, &go, 1) != 1)
        return 1;
    int32_t r = attempts[index].run(&world);
    return write(inside.data_fd, &r, sizeof(r)) == sizeof(r) ? 0 : 1;
}

/* ---- the world outside ---- */

static int listen_unix(const char *name, bool abstract)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path + abstract, sizeof(a.sun_path) - abstract, "%s", name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name) + !abstract);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 16) < 0)
        die(name);
    if (!abstract && chmod(name, 0777) < 0)
        die(name);
    return fd;
}

static int listen_tcp(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        die("tcp");
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void write_file(const char *path, const char *text, mode_t mode, uid_t uid)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0 || fchown(fd, uid, uid) < 0 ||
        fchmod(fd, mode) < 0)
        die(path);
    (void)close(fd);
}

static void make_files(Test *t)
{
    char path[512];
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(t->base, sizeof(t->base), "%s/berth-escape-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(t->base) || chmod(t->base, 0755) < 0)
        die(t->base);
    (void)snprintf(t->token, sizeof(t->token), "berth-escape-%d", getpid());
    static const char *const dirs[] = {"data", "spill"};
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", t->base, dirs[i]);
        if (mkdir(path, 0755) < 0 || chown(path, t->uid, t->uid) < 0)
            die(path);
    }
    if (sandbox_spill_open(path, &t->spill_fd) < 0)
        die("sandbox_spill_open");
    (void)snprintf(path, sizeof(path), "%s/data/data.bin", t->base);
    write_file(path, "data of a tenant\n", 0644, t->uid);
    (void)snprintf(path, sizeof(path), "%s/data/victim.bin", t->base);
    write_file(path, "to be unlinked\n", 0644, t->uid);
    (void)snprintf(path, sizeof(path), "%s/secret", t->base);
    write_file(path, "beside the root\n", 0644, t->uid);
    (void)snprintf(path, sizeof(path), "%s/data/suid", t->base);
    char command[2048];
    (void)snprintf(command, sizeof(command), "cp /bin/true '%s' && chmod 4755 '%s'", path, path);
    if (system(command) != 0)
        die("cp /bin/true");
}

/* A process of the client's uid, with what such a process may have lying about. */
static void start_victim(Test *t)
{
    char name[512];
    int fds[2], pair[2];
    if (pipe2(fds, O_CLOEXEC) < 0 || pipe2(pair, O_CLOEXEC) < 0)
        die("pipe");
    t->shm_key = 0x42450000 | (getpid() & 0xffff);
    t->victim_address =
        (unsigned long)(uintptr_t)&attempts; /* the same in a copy of this process */
    t->victim = fork();
    if (t->victim < 0)
        die("fork");
    if (t->victim > 0) {
        (void)close(fds[0]);
        (void)close(pair[1]);
        t->stop_fd = fds[1];
        if (fd_read_all(pair[0], &t->tcp_port, sizeof(t->tcp_port)) < 0)
            die("victim");
        (void)close(pair[0]);
        return;
    }
    (void)close(fds[1]);
    (void)listen_tcp(&t->tcp_port);
    (void)listen_unix(t->token, true);
    (void)snprintf(name, sizeof(name), "%s/outside.sock", t->base);
    (void)listen_unix(name, false);
    (void)snprintf(name, sizeof(name), "%s/data/inside.sock", t->base);
    (void)listen_unix(name, false);
    if (setresgid(t->uid, t->uid, t->uid) < 0 || setresuid(t->uid, t->uid, t->uid) < 0)
        die("setresuid");
    (void)prctl(PR_SET_DUMPABLE, 1);
    int shm = shmget(t->shm_key, 4096, IPC_CREAT | 0600);
    (void)snprintf(name, sizeof(name), "/%s", t->token);
    (void)mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
    (void)fd_write_all(pair[1], &t->tcp_port, sizeof(t->tcp_port));
    char byte;
    (void)read(fds[0], &byte, 1);
    (void)shmctl(shm, IPC_RMID, NULL);
    (void)mq_unlink(name);
    _exit(0);
}

/* Without controllers, as on a host with cgroup v1, a leaf still shows that the birth works. */
static void make_leaf(Test *t)
{
    static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < ARRAY_SIZE(roots) && t->cgroup_root_fd < 0; i++)
        (void)cgroup_open_root(roots[i], &t->cgroup_root_fd);
    if (t->cgroup_root_fd < 0 || cgroup_create(t->cgroup_root_fd, t->token, &t->cgroup_fd) < 0)
        puts("no cgroup v2 to start in");
}

static void end_world(Test *t)
{
    char command[512];
    for (int i = 0; t->cgroup_fd >= 0 && cgroup_remove(t->cgroup_root_fd, t->token) < 0 && i < 100;
         i++)
        (void)usleep(10000);
    (void)close(t->stop_fd);
    (void)waitpid(t->victim, NULL, 0);
    (void)close(t->spill_fd);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", t->base);
    (void)system(command);
}

/* ---- one attempt ---- */

typedef struct Outcome {
    bool started;
    bool locked; /* as D-6 promises, by its own report and by the kernel's */
    bool reported;
    int result;
    int signal;
    char trouble[160];
} Outcome;

/* The kernel's view from outside. */
static bool check_status(const Test *t, pid_t pid, char *trouble, size_t size)
{
    char path[64], text[4096];
    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    if (fd_read_file_at(AT_FDCWD, path, text, sizeof(text)) < 0)
        return false;
    const struct {
        const char *field;
        uint64_t value;
    } rows[] = {{"CapInh:", 0}, {"CapPrm:", 0},     {"CapEff:", 0}, {"CapBnd:", 0},
                {"CapAmb:", 0}, {"NoNewPrivs:", 1}, {"Uid:", 0},    {"Seccomp:", 2}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *line = strstr(text, rows[i].field);
        uint64_t wanted = rows[i].value;
        int base = 16;
        if (strcmp(rows[i].field, "Uid:") == 0) {
            wanted = t->uid;
            base = 10;
        } else if (strcmp(rows[i].field, "Seccomp:") == 0 &&
                   (t->flags & SANDBOX_FLAG_WITHOUT_SECCOMP)) {
            wanted = 0;
        }
        if (line && strtoull(line + strlen(rows[i].field), NULL, base) != wanted) {
            (void)snprintf(trouble, size, "status: %.*s", (int)strcspn(line, "\n"), line);
            return false;
        }
    }
    return true;
}

/* What the executor says of itself, and what the kernel says of it, must be what D-6 promises. */
static bool check_locked(const Test *t, const PeerSession *s, Outcome *o)
{
    const ControlExecutorLocked *l = &s->locked;
    const char *wrong = NULL;
    if (l->uid != t->uid)
        wrong = "uid";
    else if (l->capabilities != 0)
        wrong = "capabilities";
    else if (!l->no_new_privs)
        wrong = "no_new_privs";
    else if (!(t->flags & SANDBOX_FLAG_WITHOUT_SECCOMP) &&
             (l->seccomp_mode != 2 || l->n_seccomp_calls > 64))
        wrong = "seccomp";
    else if (!(t->flags & SANDBOX_FLAG_WITHOUT_LANDLOCK) &&
             l->landlock_abi != s->hello.landlock_abi)
        wrong = "landlock";
    else if (s->hello.io_mode == IO_MODE_RING && !l->ring_restricted)
        wrong = "ring";
    if (wrong)
        (void)snprintf(o->trouble, sizeof(o->trouble), "locked report: %s", wrong);
    return !wrong && check_status(t, s->pid, o->trouble, sizeof(o->trouble));
}

static Outcome run_attempt(const Test *t, size_t index)
{
    char texts[8][ARG_MAX_LENGTH], data[512];
    const char *args[9] = {0};
    Outcome o = {0};
    PeerSession s = PEER_SESSION_INIT;
    SandboxSpec spec = SANDBOX_SPEC_INIT;
    size_t n = 0;
    (void)snprintf(texts[n++], ARG_MAX_LENGTH, "--inside=%zu", index);
    (void)snprintf(texts[n++], ARG_MAX_LENGTH, "--base=%s", t->base);
    (void)snprintf(texts[n++], ARG_MAX_LENGTH, "--victim=%d", t->victim);
    (void)snprintf(texts[n++], ARG_MAX_LENGTH, "--port=%d", t->tcp_port);
    (void)snprintf(texts[n++], ARG_MAX_LENGTH, "--shm=%d", t->shm_key);
    (void)snprintf(texts[n++], ARG_MAX_LENGTH, "--token=%s", t->token);
    (void)snprintf(texts[n++], ARG_MAX_LENGTH, "--flags=%u", t->flags);
    (void)snprintf(texts[n++], ARG_MAX_LENGTH, "--address=%lx", t->victim_address);
    for (size_t i = 0; i < n; i++)
        args[i] = texts[i];
    (void)snprintf(data, sizeof(data), "%s/data", t->base);
    const SandboxRoot root = {.path = data};
    spec.executor = t->self;
    spec.args = args;
    spec.roots = &root;
    spec.n_roots = 1;
    spec.flags = t->flags;
    spec.cgroup_fd = t->cgroup_fd;

    int r = peer_spawn(&spec, &s);
    if (r == 0)
        r = peer_hand_out(&s, t->uid, t->uid, t->spill_fd);
    if (r < 0)
        (void)snprintf(o.trouble, sizeof(o.trouble), "%s: %s",
                       sandbox_step_to_string(s.report.step), strerror(-r));
    else
        o.locked = check_locked(t, &s, &o);
    o.started = r == 0 && write(s.data_fd, "g", 1) == 1;

    siginfo_t info = {0};
    int32_t result = 0;
    if (s.data_fd >= 0) {
        struct pollfd p = {.fd = s.data_fd, .events = POLLIN};
        (void)poll(&p, 1, TIMEOUT_MSEC);
        o.reported = p.revents != 0 && fd_read_all(s.data_fd, &result, sizeof(result)) == 0;
    }
    (void)peer_end(&s, TIMEOUT_MSEC, &info);
    o.result = result;
    o.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
    return o;
}

typedef enum Verdict { VERDICT_GOOD, VERDICT_BAD, VERDICT_BROKEN, VERDICT_SKIP } Verdict;

static Verdict judge(const Attempt *a, const Outcome *o)
{
    if (!o->started)
        return VERDICT_BROKEN;
    if (o->reported && o->result == ATTEMPT_SKIP)
        return VERDICT_SKIP;
    switch (a->kind) {
    case ATTEMPT_WORK:
        return o->reported && o->result == 0 ? VERDICT_GOOD : VERDICT_BAD;
    case ATTEMPT_DIE:
        return !o->reported && o->signal != 0 && o->signal != SIGSYS && o->signal != SIGKILL
                   ? VERDICT_GOOD
                   : VERDICT_BAD;
    case ATTEMPT_ESCAPE:
        break;
    }
    /* No report and no death by the filter: something else is running in its place. */
    if (!o->reported)
        return o->signal == SIGSYS || (a->also_signal && o->signal == a->also_signal) ? VERDICT_GOOD
                                                                                      : VERDICT_BAD;
    return o->result < 0 ? VERDICT_GOOD : VERDICT_BAD;
}

static void print_outcome(const Attempt *a, const Outcome *o, Verdict verdict)
{
    static const char *const bad[] = {"SUCCEEDED", "BROKEN", "BROKEN"};
    char how[64];
    if (o->reported && o->result == ATTEMPT_SKIP)
        (void)snprintf(how, sizeof(how), "not in this kernel");
    else if (o->reported)
        (void)snprintf(how, sizeof(how), "%s",
                       o->result == 0 ? "works" : strerrorname_np(-o->result));
    else if (o->signal)
        (void)snprintf(how, sizeof(how), "SIG%s", sigabbrev_np(o->signal));
    else
        (void)snprintf(how, sizeof(how), "no answer");
    const char *word = verdict == VERDICT_BAD      ? bad[a->kind]
                       : verdict == VERDICT_BROKEN ? "BROKEN"
                       : !o->locked                ? "NOT SAFE"
                       : verdict == VERDICT_SKIP   ? "skipped"
                                                   : "ok";
    if (a->number > 0)
        printf("%-9s %2d  %-44s %s", word, a->number, a->name, how);
    else
        printf("%-9s  -  %-44s %s", word, a->name, how);
    printf("%s%s\n", o->trouble[0] ? "; " : "", o->trouble);
    (void)fflush(stdout);
}

static int run_all(const Test *t)
{
    size_t n_variants = 0, n_succeeded = 0, n_broken = 0;
    int n_numbers = 0, last = 0;
    for (size_t i = 0; i < n_attempts; i++) {
        const Attempt *a = &attempts[i];
        if (t->only && a->number != t->only)
            continue;
        Outcome o = run_attempt(t, i);
        Verdict verdict = judge(a, &o);
        print_outcome(a, &o, verdict);
        if (a->kind == ATTEMPT_ESCAPE) {
            n_variants++;
            n_numbers += a->number != last;
            last = a->number;
        }
        n_succeeded += a->kind == ATTEMPT_ESCAPE && verdict == VERDICT_BAD;
        n_broken += (a->kind != ATTEMPT_ESCAPE && verdict == VERDICT_BAD) ||
                    verdict == VERDICT_BROKEN || !o.locked;
    }
    printf("%d attempts in %zu variants, %zu succeeded; of what must be so, %zu were not\n",
           n_numbers, n_variants, n_succeeded, n_broken);
    return n_succeeded > 0 || n_broken > 0;
}

static uint32_t layer(const char *name)
{
    if (strcmp(name, "seccomp") == 0)
        return SANDBOX_FLAG_WITHOUT_SECCOMP;
    if (strcmp(name, "namespaces") == 0)
        return SANDBOX_FLAG_WITHOUT_NAMESPACES;
    if (strcmp(name, "landlock") == 0)
        return SANDBOX_FLAG_WITHOUT_LANDLOCK;
    (void)fprintf(stderr, "escape: no layer \"%s\"; there are seccomp, namespaces, landlock\n",
                  name);
    exit(2);
}

int main(int argc, char **argv)
{
    if (argument(argc, argv, "--inside"))
        return inside_main(argc, argv);
    Test t = {.uid = UID_DEFAULT,
              .spill_fd = -EBADF,
              .stop_fd = -EBADF,
              .cgroup_root_fd = -EBADF,
              .cgroup_fd = -EBADF};
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--without=", 10) == 0)
            t.flags |= layer(argv[i] + 10);
        else if (strncmp(argv[i], "--only=", 7) == 0)
            t.only = atoi(argv[i] + 7);
        else if (strncmp(argv[i], "--uid=", 6) == 0)
            t.uid = (uid_t)atoi(argv[i] + 6);
        else {
            (void)fprintf(stderr, "usage: escape [--without=seccomp|namespaces|landlock]... "
                                  "[--only=NUMBER] [--uid=N]\n");
            return 2;
        }
    }
    if (geteuid() != 0) {
        puts("the sandbox of a pooled executor needs root");
        return 77;
    }
    ssize_t n = readlink("/proc/self/exe", t.self, sizeof(t.self) - 1);
    if (n < 0)
        die("/proc/self/exe");
    make_files(&t);
    start_victim(&t);
    make_leaf(&t);
    int r = run_all(&t);
    end_world(&t);
    return r;
}
