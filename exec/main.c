/* SPDX-License-Identifier: Apache-2.0 */

/*
 * berth-executor: the birth of an executor, and then exec/session until its end.
 *
 *   pooled     started by berthd inside its namespaces, descriptor 3 is the control socket: make
 * the ring, say HELLO, wait for HANDOUT, become the client, lock, serve embedded   started by
 * `berth` or a test as the caller, descriptor 3 is the data channel: confine ourselves as far as
 * the kernel lets an ordinary user, print one notice of what is missing, serve
 *
 * The only file of exec/ that may include sandbox/.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"
#include "base/text.h"
#include "exec/io/io.h"
#include "exec/kernel/zone.h"
#include "exec/session/server.h"
#include "sandbox/sandbox.h"

/* Submission slots: at most this many reads are in flight; more gain nothing on one host's disks.
 */
#define EXECUTOR_RING_ENTRIES 64u
/* Files that may be open in the ring at a time; the table is sparse and costs eight bytes a slot.
 */
#define EXECUTOR_RING_FILES 1024u
#define EMBEDDED_DATA_FD CONTROL_EXECUTOR_FD

typedef struct Options {
    bool embedded;
    bool pread_only;
    bool quiet;
    uint64_t memory_bytes;
    uint64_t n_threads;
    const char *spill_directory;
} Options;

static void usage(FILE *out)
{
    fputs(
        "Usage: berth-executor [--io=ring|pread]\n"
        "       berth-executor --embedded [--memory=SIZE] [--threads=N] [--read=DIR]... "
        "[--write=DIR]...\n"
        "\n"
        "Runs the queries of one Berth session. It is started by berthd (control socket as "
        "descriptor 3) or by\n"
        "`berth sql --embedded` (data channel as descriptor 3), not by hand.\n"
        "\n"
        "  --embedded       confine this process as far as its user may, without berthd\n"
        "  --io=ring|pread  how files are read; ring falls back to pread where the kernel has "
        "none\n"
        "  --memory=SIZE    limit of an embedded executor (default: half of the machine)\n"
        "  --threads=N      threads of an embedded query (default: the CPUs this process may use)\n"
        "  --spill-dir=DIR  where an embedded executor writes what does not fit in memory "
        "(default: "
        "$TMPDIR or /var/tmp)\n"
        "  --read=DIR       directory the session may read; may be repeated\n"
        "  --write=DIR      directory the session may also write; may be repeated\n"
        "  --quiet          no notice of what an embedded executor cannot confine\n"
        "  --help, --version\n",
        out);
}

enum {
    OPT_EMBEDDED = 256,
    OPT_IO,
    OPT_MEMORY,
    OPT_THREADS,
    OPT_SPILL,
    OPT_READ,
    OPT_WRITE,
    OPT_QUIET,
    OPT_HELP,
    OPT_VERSION,
};

/* Return: -1 go on; else the exit status. */
static int parse_options(int argc, char **argv, Options *o)
{
    static const struct option longs[] = {
        {"embedded", no_argument, NULL, OPT_EMBEDDED},
        {"io", required_argument, NULL, OPT_IO},
        {"memory", required_argument, NULL, OPT_MEMORY},
        {"threads", required_argument, NULL, OPT_THREADS},
        {"spill-dir", required_argument, NULL, OPT_SPILL},
        {"read", required_argument, NULL, OPT_READ},
        {"write", required_argument, NULL, OPT_WRITE},
        {"quiet", no_argument, NULL, OPT_QUIET},
        {"help", no_argument, NULL, OPT_HELP},
        {"version", no_argument, NULL, OPT_VERSION},
        {0},
    };
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        int r = 0;
        switch (c) {
        case OPT_EMBEDDED:
            o->embedded = true;
            break;
        case OPT_IO:
            o->pread_only = strcmp(optarg, "pread") == 0;
            r = o->pread_only || strcmp(optarg, "ring") == 0 ? 0 : -EINVAL;
            break;
        case OPT_MEMORY:
            r = text_parse_bytes(optarg, &o->memory_bytes);
            if (r == 0 && o->memory_bytes == 0)
                r = -ERANGE;
            break;
        case OPT_THREADS:
            r = text_parse_u64(optarg, CONTROL_CPUS_MAX, &o->n_threads);
            if (r == 0 && o->n_threads == 0)
                r = -ERANGE;
            break;
        case OPT_SPILL:
            o->spill_directory = optarg;
            r = optarg[0] == '/' ? 0 : -EINVAL;
            break;
        case OPT_READ:
        case OPT_WRITE:
            break; /* sandbox_roots_from_argv() */
        case OPT_QUIET:
            o->quiet = true;
            break;
        case OPT_HELP:
            usage(stdout);
            return EXIT_SUCCESS;
        case OPT_VERSION:
            puts("berth-executor " BERTH_VERSION);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return 2;
        }
        if (r < 0) {
            fprintf(stderr, "berth-executor: --%s=%s: %s\n",
                    c == OPT_IO       ? "io"
                    : c == OPT_MEMORY ? "memory"
                    : c == OPT_SPILL  ? "spill-dir"
                                      : "threads",
                    optarg, strerror(-r));
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "berth-executor: unexpected argument '%s'\n", argv[optind]);
        return 2;
    }
    return -1;
}

static void make_io(Ring *ring, IoContext **ret_io, int *ret_error)
{
    *ret_error = ring->fd >= 0 ? io_context_new_ring(ring, ret_io) : io_context_new_pread(ret_io);
}

/* A closed peer is an error code, never a signal; and no core of a tenant's data. */
static void set_process_defaults(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    /* So is a spill file that reaches its limit. */
    (void)signal(SIGXFSZ, SIG_IGN);
    /* Ctrl-C in the terminal goes to the whole group; the client turns it into a CANCEL frame. */
    (void)signal(SIGINT, SIG_IGN);
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}

static int fail(SandboxStep step, int error, const char *what)
{
    ControlFrame f;
    control_init(&f, CONTROL_EXECUTOR_FAILED, 0);
    f.executor_failed.error = error;
    f.executor_failed.step = (uint32_t)step;
    (void)snprintf(f.executor_failed.reason, sizeof(f.executor_failed.reason), "%s: %s", what,
                   strerror(-error));
    (void)control_send(CONTROL_EXECUTOR_FD, &f, NULL, 0);
    return EXIT_FAILURE;
}

/* Waits for HANDOUT; QUIT and a closed socket end a warm executor quietly. Return: 1 handed out, 0
 * end, errno. */
static int wait_handout(ControlHandout *ret_handout, int *ret_data_fd, int *ret_spill_fd)
{
    ControlFrame f;
    int fds[CONTROL_FDS_MAX];
    size_t n_fds = 0;
    int r =
        control_receive(CONTROL_EXECUTOR_FD, CONTROL_SENDER_DAEMON_TO_EXECUTOR, &f, fds, &n_fds);
    if (r <= 0)
        return r;
    if (f.header.type == CONTROL_QUIT)
        return 0;
    if (f.header.type != CONTROL_HANDOUT || n_fds != 1 + f.handout.has_spill)
        return -EPROTO;
    *ret_handout = f.handout;
    *ret_data_fd = fds[0];
    *ret_spill_fd = f.handout.has_spill ? fds[1] : -EBADF;
    return 1;
}

/* The first folder that may be written and is called so (docs/decisions/0012). */
static const char *find_warehouse(const SandboxRoots *roots)
{
    static const char name[] = "/warehouse";
    for (size_t i = 0; i < roots->n; i++) {
        size_t n = strlen(roots->paths[i]), k = sizeof(name) - 1;
        if (roots->writable[i] && n > k && strcmp(roots->paths[i] + n - k, name) == 0)
            return roots->paths[i];
    }
    return NULL;
}

static int run_pooled(const Options *o, const SandboxRoots *roots)
{
    RingOptions ring_options = {.n_entries = EXECUTOR_RING_ENTRIES, .n_files = EXECUTOR_RING_FILES};
    Ring ring = RING_INIT;
    SandboxStep step = SANDBOX_STEP_NONE;
    ControlFrame hello;
    control_init(&hello, CONTROL_EXECUTOR_HELLO, 0);
    int r = sandbox_warm(o->pread_only ? NULL : &ring_options, &ring, &hello.executor_hello, &step);
    if (r < 0)
        return fail(step, r, "warming up");
    SandboxPrepared prepared;
    r = sandbox_prepare(roots, 0, &prepared, &step);
    if (r < 0)
        return fail(step, r, "preparing the lock");
    (void)text_copy(hello.executor_hello.executor_version,
                    sizeof(hello.executor_hello.executor_version), BERTH_VERSION);
    r = control_send(CONTROL_EXECUTOR_FD, &hello, NULL, 0);
    if (r < 0)
        return EXIT_FAILURE;

    ControlHandout handout;
    int data_fd = -EBADF, spill_fd = -EBADF;
    r = wait_handout(&handout, &data_fd, &spill_fd);
    if (r == 0)
        return EXIT_SUCCESS;
    if (r < 0)
        return fail(SANDBOX_STEP_IDENTITY, r, "hand-out");

    r = sandbox_take_identity(handout.uid, handout.gid, handout.groups, handout.n_groups);
    if (r < 0)
        return fail(SANDBOX_STEP_IDENTITY, r, "taking the client's identity");
    ControlFrame locked;
    control_init(&locked, CONTROL_EXECUTOR_LOCKED, 0);
    SandboxLockOptions lock = {.roots = roots,
                               .prepared = &prepared,
                               .spill_fd = spill_fd,
                               .ring = ring.fd >= 0 ? &ring : NULL};
    r = sandbox_lock(&lock, &locked.executor_locked, NULL, &step);
    if (r < 0)
        return fail(step, r, "locking down");
    r = control_send(CONTROL_EXECUTOR_FD, &locked, NULL, 0);
    if (r < 0)
        return EXIT_FAILURE;

    IoContext *io = NULL;
    make_io(&ring, &io, &r);
    if (r < 0)
        return fail(SANDBOX_STEP_RING, r, "starting input");
    ServerOptions server = {.data_fd = data_fd,
                            .control_fd = CONTROL_EXECUTOR_FD,
                            .memory_bytes = handout.memory_grant_bytes,
                            .n_threads = handout.n_threads,
                            .io = io,
                            .spill_fd = spill_fd,
                            .warehouse = find_warehouse(roots),
                            .uid = handout.uid};
    r = server_run(&server);
    io_context_free(io);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static uint32_t usable_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    return MAX((uint32_t)CPU_COUNT(&set), 1u);
}

static uint64_t half_of_memory(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit / 2 : UINT64_C(1) << 30;
}

static void print_missing(uint32_t missing)
{
    fputs("berth-executor: sandboxed without berthd; this machine does not let an ordinary user "
          "set: ",
          stderr);
    const char *comma = "";
    for (uint32_t bit = 1; bit & _SANDBOX_MISSING_ALL; bit <<= 1) {
        if (!(missing & bit))
            continue;
        fprintf(stderr, "%s%s", comma, sandbox_missing_to_string((SandboxMissing)bit));
        comma = "; ";
    }
    fputs("\n", stderr);
}

/* A temporary directory of the machine's on disk, when none is named. */
static const char *spill_directory(const Options *o)
{
    const char *named = o->spill_directory ? o->spill_directory : getenv("TMPDIR");

    return named && *named == '/' ? named : "/var/tmp";
}

static int run_embedded(Options *o, const SandboxRoots *roots)
{
    if (o->memory_bytes == 0)
        o->memory_bytes = half_of_memory();
    if (o->n_threads == 0)
        o->n_threads = usable_cpus();
    RingOptions ring_options = {.n_entries = EXECUTOR_RING_ENTRIES, .n_files = EXECUTOR_RING_FILES};
    Ring ring = RING_INIT;
    ControlExecutorHello hello;
    uint32_t missing = 0, missing_lock = 0;
    int spill_fd = -EBADF;
    int r = sandbox_embed(roots, o->pread_only ? NULL : &ring_options, spill_directory(o), &ring,
                          &hello, &spill_fd, &missing);
    if (r < 0) {
        fprintf(stderr, "berth-executor: cannot confine itself: %s\n", strerror(-r));
        return EXIT_FAILURE;
    }
    ControlExecutorLocked locked;
    SandboxStep step = SANDBOX_STEP_NONE;
    if (spill_fd < 0 && o->spill_directory) {
        fprintf(stderr, "berth-executor: --spill-dir=%s: %s\n", o->spill_directory,
                strerror(-spill_fd));
        return EXIT_FAILURE;
    }
    SandboxLockOptions lock = {.roots = roots,
                               .spill_fd = spill_fd,
                               .ring = ring.fd >= 0 ? &ring : NULL,
                               .embedded = true};
    r = sandbox_lock(&lock, &locked, &missing_lock, &step);
    if (r < 0) {
        fprintf(stderr, "berth-executor: cannot confine itself (%s): %s\n",
                sandbox_step_to_string(step), strerror(-r));
        return EXIT_FAILURE;
    }
    if (!o->quiet && (missing | missing_lock))
        print_missing(missing | missing_lock);
    IoContext *io = NULL;
    make_io(&ring, &io, &r);
    if (r < 0) {
        fprintf(stderr, "berth-executor: starting input: %s\n", strerror(-r));
        return EXIT_FAILURE;
    }
    ServerOptions server = {.data_fd = EMBEDDED_DATA_FD,
                            .control_fd = -EBADF,
                            .memory_bytes = o->memory_bytes,
                            .n_threads = (uint32_t)o->n_threads,
                            .io = io,
                            .spill_fd = spill_fd};
    r = server_run(&server);
    io_context_free(io);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    Options options = {0};
    SandboxRoots roots;
    int r = parse_options(argc, argv, &options);
    if (r >= 0)
        return r;
    r = sandbox_roots_from_argv(argc, argv, &roots);
    if (r < 0) {
        fprintf(stderr, "berth-executor: --read and --write want at most %u absolute paths\n",
                SANDBOX_ROOTS_MAX);
        return 2;
    }
    if (fcntl(CONTROL_EXECUTOR_FD, F_GETFD) < 0) {
        fputs("berth-executor: descriptor 3 is missing; it is started by berthd or by `berth sql "
              "--embedded`\n",
              stderr);
        return 2;
    }
    set_process_defaults();
    if (options.embedded && roots.n < SANDBOX_ROOTS_MAX && access(ZONE_DIRECTORY, R_OK) == 0)
        roots.paths[roots.n++] = ZONE_DIRECTORY; /* berthd gives it to pooled ones */
    return options.embedded ? run_embedded(&options, &roots) : run_pooled(&options, &roots);
}
