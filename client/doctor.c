/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth doctor: what this host can enforce, asked from the kernel itself, without a daemon and
 * without root. Each check says what was found, what it means for Berth, and how to mend it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/io_uring.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "client/bus.h"
#include "client/options.h"
#include "client/verbs.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define FOUND_MAX 256

typedef enum Result {
    RESULT_OK,
    RESULT_WARN,
    RESULT_FAIL,
} Result;

typedef struct Check {
    const char *name;
    const char *meaning; /* what Berth uses it for */
    Result (*run)(char *found, const char **ret_mend);
} Check;

_printf_(2, 3) static void found_set(char *found, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(found, FOUND_MAX, format, args);
    va_end(args);
}

/* The first bytes of a small file, without the newline at its end. Return: 0, negative errno. */
static int read_file(const char *path, char *buf, size_t size)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, buf, size - 1);
    if (n < 0)
        return -errno;
    while (n > 0 && buf[n - 1] == '\n')
        n--;
    buf[n] = '\0';
    return 0;
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)) != NULL; p += n)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static Result check_kernel(char *found, const char **ret_mend)
{
    struct utsname u;
    unsigned major = 0, minor = 0;
    (void)uname(&u);
    found_set(found, "%s %s", u.sysname, u.release);
    (void)sscanf(u.release, "%u.%u", &major, &minor);
    if (major > 5 || (major == 5 && minor >= 18))
        return RESULT_OK;
    *ret_mend = "Install a kernel of 5.18 or later, such as Debian 12's 6.1.";
    return major > 5 || (major == 5 && minor >= 14) ? RESULT_WARN : RESULT_FAIL;
}

static Result check_cgroup(char *found, const char **ret_mend)
{
    struct statfs fs;
    if (statfs(CGROUP_ROOT, &fs) == 0 && (uint64_t)fs.f_type == CGROUP2_SUPER_MAGIC) {
        found_set(found, "unified hierarchy at " CGROUP_ROOT);
        return RESULT_OK;
    }
    bool hybrid =
        statfs(CGROUP_ROOT "/unified", &fs) == 0 && (uint64_t)fs.f_type == CGROUP2_SUPER_MAGIC;
    found_set(found, hybrid ? "hybrid hierarchy: the controllers are on version 1"
                            : "no cgroup v2 at " CGROUP_ROOT);
    *ret_mend = "Boot with systemd.unified_cgroup_hierarchy=1; in a container, let the host do so.";
    return RESULT_FAIL;
}

static Result check_controllers(char *found, const char **ret_mend)
{
    static const char *const needed[] = {"memory", "pids", "cpu", "cpuset", "io"};
    char list[FOUND_MAX], missing[64] = "";
    Result result = RESULT_OK;
    if (read_file(CGROUP_ROOT "/cgroup.controllers", list, sizeof(list)) < 0) {
        found_set(found, "cannot be read without cgroup v2");
        *ret_mend = "See cgroup v2.";
        return RESULT_FAIL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (has_word(list, needed[i]))
            continue;
        size_t n = strlen(missing);
        (void)snprintf(missing + n, sizeof(missing) - n, " %s", needed[i]);
        /* Without the first two there is no fence at all. */
        result = i < 2 ? RESULT_FAIL : MAX(result, RESULT_WARN);
    }
    if (result == RESULT_OK) {
        found_set(found, "%s", list);
        return RESULT_OK;
    }
    found_set(found, "missing:%s", missing);
    *ret_mend = "Take cgroup_disable= off the kernel command line, and use a kernel that has these "
                "controllers.";
    return result;
}

/* The unit's own cgroup if berthd runs, else what a user manager would get. */
static Result check_delegation(char *found, const char **ret_mend)
{
    char path[128], list[FOUND_MAX];
    const char *whose = "berthd.service";
    if (read_file(CGROUP_ROOT "/system.slice/berthd.service/cgroup.controllers", list,
                  sizeof(list)) < 0) {
        (void)snprintf(path, sizeof(path),
                       CGROUP_ROOT "/user.slice/user-%u.slice/user@%u.service/cgroup.controllers",
                       getuid(), getuid());
        whose = "your user manager";
        if (read_file(path, list, sizeof(list)) < 0) {
            found_set(found, "neither berthd.service nor a user manager runs here");
            *ret_mend = "Start berthd by systemd: its unit has Delegate=cpu cpuset io memory pids.";
            return RESULT_WARN;
        }
    }
    found_set(found, "%s has: %s", whose, *list ? list : "none");
    if (has_word(list, "memory") && has_word(list, "pids") && has_word(list, "cpu") &&
        has_word(list, "cpuset"))
        return RESULT_OK;
    *ret_mend = strcmp(whose, "berthd.service") == 0
                    ? "Put Delegate=cpu cpuset io memory pids into the unit and restart it."
                    : "For limits without berthd: a drop-in for user@.service with [Service] "
                      "Delegate=cpu cpuset io memory pids.";
    return RESULT_WARN;
}

static int ring_register(int fd, unsigned op, const void *arg, unsigned n)
{
    return syscall(__NR_io_uring_register, fd, op, arg, n) < 0 ? -errno : 0;
}

static const char *ring_mend(int error)
{
    char value[8];
    if (error == -ENOSYS)
        return "Use a kernel with CONFIG_IO_URING.";
    if (read_file("/proc/sys/kernel/io_uring_disabled", value, sizeof(value)) == 0 &&
        strcmp(value, "0") != 0)
        return "sysctl kernel.io_uring_disabled=0, or 1 and kernel.io_uring_group for berth's "
               "users.";
    if (error == -ENOMEM)
        return "Raise LimitMEMLOCK= or ulimit -l.";
    return "A seccomp filter around this process forbids it, as container runtimes do: allow "
           "io_uring_* there.";
}

static Result check_ring(char *found, const char **ret_mend)
{
    struct io_uring_params params = {.flags = IORING_SETUP_R_DISABLED};
    struct io_uring_restriction only_read[] = {
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ},
        {.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE},
    };
    _cleanup_close_ int fd = (int)syscall(__NR_io_uring_setup, 8, &params);
    int r = fd < 0 ? -errno : 0;
    const char *step = "io_uring_setup";
    if (r == 0) {
        r = ring_register(fd, IORING_REGISTER_RESTRICTIONS, only_read, ARRAY_SIZE(only_read));
        step = "restricting a ring";
    }
    if (r == 0) {
        r = ring_register(fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
        step = "enabling a restricted ring";
    }
    if (r == 0) {
        found_set(found, "a ring can be set up, restricted and enabled");
        return RESULT_OK;
    }
    found_set(found, "%s: %s", step, strerror(-r));
    *ret_mend = ring_mend(r);
    return RESULT_WARN;
}

static Result check_landlock(char *found, const char **ret_mend)
{
#ifdef __NR_landlock_create_ruleset
    long abi =
        syscall(__NR_landlock_create_ruleset, NULL, 0, 1u /* LANDLOCK_CREATE_RULESET_VERSION */);
#else
    long abi = -1;
    errno = ENOSYS;
#endif
    if (abi >= 1) {
        found_set(found, "ABI %ld%s", abi,
                  abi < 3 ? "; truncation is not covered before ABI 3" : "");
        return RESULT_OK;
    }
    found_set(found, "not available: %s", strerror(errno));
    *ret_mend = errno == EOPNOTSUPP
                    ? "Add landlock to lsm= on the kernel command line."
                    : "Use a kernel of 5.13 or later with CONFIG_SECURITY_LANDLOCK.";
    return RESULT_WARN;
}

static Result check_seccomp(char *found, const char **ret_mend)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    if (syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) {
        found_set(found, "filters that end the process");
        return RESULT_OK;
    }
    found_set(found, "%s", strerror(errno));
    *ret_mend = "Use a kernel with CONFIG_SECCOMP_FILTER.";
    return RESULT_FAIL;
}

static Result check_numa(char *found, const char **ret_mend)
{
    char online[64];
    DIR *dir = opendir("/sys/devices/system/node");
    unsigned n_nodes = 0, number;
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        n_nodes += sscanf(e->d_name, "node%u", &number) == 1;
    if (dir)
        closedir(dir);
    if (read_file("/sys/devices/system/cpu/online", online, sizeof(online)) < 0)
        (void)text_copy(online, sizeof(online), "unknown");
    if (n_nodes == 0) {
        found_set(found, "the kernel shows no nodes; CPUs %s count as one", online);
        *ret_mend = "Only a host of several sockets needs CONFIG_NUMA.";
    } else {
        found_set(found, "%u node%s, CPUs %s", n_nodes, n_nodes == 1 ? "" : "s", online);
    }
    return RESULT_OK;
}

static Result check_psi(char *found, const char **ret_mend)
{
    char text[FOUND_MAX];
    int r = read_file("/proc/pressure/memory", text, sizeof(text));
    if (r == 0) {
        text[strcspn(text, "\n")] = '\0';
        found_set(found, "%s", text);
        return RESULT_OK;
    }
    found_set(found, "/proc/pressure/memory: %s", strerror(-r));
    *ret_mend = r == -ENOENT ? "Use a kernel with CONFIG_PSI." : "Boot with psi=1.";
    return RESULT_WARN;
}

/* Return: kB of a line of /proc/meminfo; -1 without it. */
static int64_t meminfo(const char *key)
{
    char text[4096];
    long long kib;
    if (read_file("/proc/meminfo", text, sizeof(text)) < 0)
        return -1;
    const char *p = strstr(text, key);
    return p && sscanf(p + strlen(key), " %lld", &kib) == 1 ? kib : -1;
}

static Result check_swap(char *found, const char **ret_mend)
{
    char buf[32];
    int64_t total = meminfo("SwapTotal:");
    if (total > 0) {
        found_set(found, "%s", text_format_bytes(buf, sizeof(buf), (uint64_t)total * 1024));
        return RESULT_OK;
    }
    found_set(found, "none");
    *ret_mend = "Add some swap (zram will do): a session above its trip wire is then slowed down, "
                "not stopped, until it is "
                "given more.";
    return RESULT_WARN;
}

static Result check_memory(char *found, const char **ret_mend)
{
    char buf[32];
    int64_t total = meminfo("MemTotal:");
    found_set(found, "%s",
              text_format_bytes(buf, sizeof(buf), (uint64_t)MAX(total, INT64_C(0)) * 1024));
    if (total >= 1024 * 1024)
        return RESULT_OK;
    *ret_mend = "An idle session alone is given 128 MiB; use a host of 2 GiB or more.";
    return RESULT_WARN;
}

/* Tried in a child, for the answer depends on sysctl, AppArmor and the container around us alike.
 */
static Result check_userns(char *found, const char **ret_mend)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status)) {
        found_set(found, "could not be tried");
        *ret_mend = "Try again with more processes allowed (ulimit -u).";
        return RESULT_WARN;
    }
    if (WEXITSTATUS(status) == 0) {
        found_set(found, "may be made by this user");
        return RESULT_OK;
    }
    found_set(found, "may not be made: %s", strerror(WEXITSTATUS(status)));
    *ret_mend = "Nothing to do for berthd, which is root. For `berth sql --embedded`: sysctl "
                "user.max_user_namespaces and "
                "kernel.apparmor_restrict_unprivileged_userns=0.";
    return RESULT_WARN;
}

static Result check_memlock(char *found, const char **ret_mend)
{
    struct rlimit limit;
    char buf[32];
    (void)getrlimit(RLIMIT_MEMLOCK, &limit);
    if (limit.rlim_cur == RLIM_INFINITY) {
        found_set(found, "unlimited");
        return RESULT_OK;
    }
    found_set(found, "%s for all processes of a user together",
              text_format_bytes(buf, sizeof(buf), limit.rlim_cur));
    if (limit.rlim_cur >= 1024 * 1024)
        return RESULT_OK;
    *ret_mend =
        "ulimit -l 8192, or LimitMEMLOCK=8M: rings of several executors of one user share it.";
    return RESULT_WARN;
}

static Result check_daemon(char *found, const char **ret_mend)
{
    _cleanup_bus_ sd_bus *bus = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *version = NULL;
    int r = sd_bus_open_system(&bus);
    if (r < 0) {
        found_set(found, "no system bus: %s", strerror(-r));
        *ret_mend = "Berth's daemon needs D-Bus; `berth sql --embedded` does not.";
        return RESULT_WARN;
    }
    /* Not a question that would start it. */
    if (sd_bus_get_name_creds(bus, BUS_NAME, 0, NULL) < 0) {
        found_set(found, "not running");
        *ret_mend = "systemctl start berthd";
        return RESULT_WARN;
    }
    r = sd_bus_get_property_string(bus, BUS_NAME, BUS_PATH, BUS_MANAGER, "Version", &error,
                                   &version);
    if (r < 0) {
        found_set(found, "does not answer: %s", error.message ? error.message : strerror(-r));
        *ret_mend = "systemctl status berthd; journalctl -u berthd";
        return RESULT_FAIL;
    }
    found_set(found, "version %s", version);
    if (strcmp(version, BERTH_VERSION) == 0)
        return RESULT_OK;
    *ret_mend = "This command is version " BERTH_VERSION ": restart berthd after an upgrade.";
    return RESULT_WARN;
}

static const Check checks[] = {
    {"kernel",
     "memory.high acts at once from 5.18 on; before 5.14 a session cannot be ended as a whole",
     check_kernel},
    {"cgroup v2", "every session lives in a leaf of its own, with its limits", check_cgroup},
    {"controllers",
     "memory and pids are the fence; cpu, cpuset and io keep sessions out of each other's way",
     check_controllers},
    {"delegation", "berthd may write below its own cgroup only if systemd has given it away",
     check_delegation},
    {"io_uring",
     "executors read through one restricted ring; without it they use pread, a little slower",
     check_ring},
    {"Landlock", "the second wall around files, behind the mount namespace", check_landlock},
    {"seccomp", "an executor can make 64 system calls at most", check_seccomp},
    {"user namespaces", "the embedded mode uses them where an ordinary user may", check_userns},
    {"NUMA", "sessions are placed on a node, memory beside CPUs", check_numa},
    {"memory", "what there is to share", check_memory},
    {"pressure", "the scheduler holds batch work back while the host stalls", check_psi},
    {"swap", "lets the kernel slow down what has crossed its trip wire", check_swap},
    {"MEMLOCK", "rings and registered buffers count against it, per user", check_memlock},
    {"berthd", "serves sessions", check_daemon},
};

static const char *const result_names[] = {"ok", "warn", "fail"};

static void print_check(const Check *c, Result result, const char *found, const char *mend)
{
    static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m"};
    bool color = options_colors();
    printf("%s%-4s%s  %-15s %s\n", color ? colors[result] : "", result_names[result],
           color ? "\033[0m" : "", c->name, found);
    if (result != RESULT_OK) {
        printf("      what for:       %s\n", c->meaning);
        printf("      how to mend it: %s\n", mend);
    }
}

static void print_check_json(JsonWriter *w, const Check *c, Result result, const char *found,
                             const char *mend)
{
    json_begin_object(w);
    json_key(w, "check");
    json_string(w, c->name);
    json_key(w, "result");
    json_string(w, result_names[result]);
    json_key(w, "found");
    json_string(w, found);
    json_key(w, "meaning");
    json_string(w, c->meaning);
    json_key(w, "mend");
    json_string(w, result == RESULT_OK ? NULL : mend);
    json_end_object(w);
}

int verb_doctor(int argc, char **argv)
{
    Options o;
    JsonWriter w;
    unsigned n[ARRAY_SIZE(result_names)] = {0};
    int r = options_parse(argc, argv, OPTIONS_NONE, "[--json]", 0, 0, &o);
    if (r >= 0)
        return r;
    json_init(&w, stdout);
    if (o.json)
        json_begin_array(&w);
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        char found[FOUND_MAX] = "";
        const char *mend = "";
        Result result = checks[i].run(found, &mend);
        n[result]++;
        if (o.json)
            print_check_json(&w, &checks[i], result, found, mend);
        else
            print_check(&checks[i], result, found, mend);
    }
    if (o.json) {
        json_end_array(&w);
        putchar('\n');
    } else {
        printf("\n%u ok, %u to improve, %u missing.%s\n", n[RESULT_OK], n[RESULT_WARN],
               n[RESULT_FAIL],
               n[RESULT_FAIL]
                   ? " Sessions cannot be held to limits here; `berth sql --embedded` still works."
                   : "");
    }
    return n[RESULT_FAIL] ? EXIT_FAILURE : EXIT_SUCCESS;
}
