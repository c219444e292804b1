/* SPDX-License-Identifier: Apache-2.0 */
/* What is there before the manager: configuration, users, cgroup, spill directory, socket, PSI. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "daemon/core/core.h"
#include "daemon/core/jobs.h"
#include "daemon/log.h"

#define LISTEN_BACKLOG 16
#define LISTEN_FD 3 /* the first one that a service manager passes */
/* Some task stalled for 150 ms in a second: the host is short. */
#define PRESSURE_STALL_USEC (150 * USEC_PER_MSEC)
#define PRESSURE_WINDOW_USEC (1000 * USEC_PER_MSEC)

static void on_config_report(void *userdata, ConfigLevel level, const char *file, unsigned line,
                             const char *message)
{
    LogRecord record = log_record(LOG_EVENT_CONFIG, level == CONFIG_ERROR ? LOG_ERR : LOG_WARNING);

    log_field(&record, "FILE", "%s", file);
    log_field(&record, "LINE", "%u", line);
    if (line > 0)
        log_send(&record, "%s:%u: %s", file, line, message);
    else
        log_send(&record, "%s: %s", file, message);
}

int core_load_config(const char *path, ConfigRef **ret_config)
{
    ConfigRef *ref = calloc(1, sizeof(*ref));

    if (!ref)
        return -ENOMEM;
    ref->n_refs = 1;
    int r = config_load(&ref->config, "", path, on_config_report, NULL);
    if (r < 0) {
        config_unref(ref);
        return r;
    }
    *ret_config = ref;
    return 0;
}

int core_config_file(const Config *config)
{
    _cleanup_close_ int fd = memfd_create("berthd.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -errno;
    int r = fd_write_all(fd, config, sizeof(*config));
    if (r < 0)
        return r;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int find_users(Core *core)
{
    const Config *c = &core->config->config;
    struct passwd *entry = getpwnam(c->gateway_user);

    if (!entry) {
        log_line(LOG_ERR, "GatewayUser=%s does not exist", c->gateway_user);
        return -ENOENT;
    }
    core->gateway_uid = entry->pw_uid;
    entry = getpwnam(c->manager_user);
    if (!entry || entry->pw_uid == 0) {
        log_line(LOG_ERR, "ManagerUser=%s %s", c->manager_user,
                 entry ? "is root, who may not be it" : "does not exist");
        return -ENOENT;
    }
    core->manager_uid = entry->pw_uid;
    core->manager_gid = entry->pw_gid;
    return 0;
}

static int make_socket(Core *core)
{
    const Config *config = &core->config->config;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = -EBADF;

    if (!text_copy(address.sun_path, sizeof(address.sun_path), config->gateway_socket))
        return -ENAMETOOLONG;
    char *slash = strrchr(address.sun_path, '/');
    if (slash && slash != address.sun_path) {
        *slash = 0;
        (void)mkdir(address.sun_path, 0755);
        *slash = '/';
    }
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)unlink(address.sun_path);
    mode_t before = umask(0117);
    int r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    (void)umask(before);
    if (r < 0)
        return r;
    core->own_socket = true;
    struct group *group = getgrnam(config->gateway_group);
    if (!group)
        log_line(LOG_WARNING, "group %s does not exist: only root can reach %s",
                 config->gateway_group, address.sun_path);
    else if (chown(address.sun_path, (uid_t)-1, group->gr_gid) < 0)
        log_line(LOG_WARNING, "cannot give %s to group %s: %m", address.sun_path,
                 config->gateway_group);
    if (listen(fd, LISTEN_BACKLOG) < 0)
        return -errno;
    core->listen_fd = TAKE_FD(fd);
    return 0;
}

/* As sd_listen_fds(3). Return: how many a service manager has passed to this process. */
static uint64_t n_passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t number = 0, n = 0;

    if (pid && fds && text_parse_u64(pid, INT32_MAX, &number) == 0 && number == (uint64_t)getpid())
        (void)text_parse_u64(fds, 1024, &n);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    return n;
}

static bool is_passed_socket(int fd)
{
    int domain = 0, type = 0, listening = 0;
    socklen_t n = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening;
}

static int open_socket(Core *core)
{
    uint64_t n = n_passed();

    if (n > 1 || (n == 1 && !is_passed_socket(LISTEN_FD))) {
        log_line(LOG_ERR,
                 "expected one listening AF_UNIX seqpacket socket by activation, got %u "
                 "descriptors",
                 (unsigned)n);
        return -EINVAL;
    }
    if (n == 1) {
        core->listen_fd = LISTEN_FD;
        (void)fcntl(LISTEN_FD, F_SETFD, FD_CLOEXEC);
        (void)fd_set_nonblock(LISTEN_FD, true);
        return 0;
    }
    int r = make_socket(core);
    if (r < 0)
        log_line(LOG_ERR, "cannot listen on %s: %s", core->config->config.gateway_socket,
                 strerror(-r));
    return r;
}

void core_unlisten(Core *core)
{
    if (core->own_socket)
        (void)unlink(core->config->config.gateway_socket);
    core->own_socket = false;
    core->listen_fd = fd_close(core->listen_fd);
}

/* MemTotal of /proc/meminfo: what no set of limits can come to. */
static uint64_t host_bytes(void)
{
    char text[8192];
    unsigned long long kib = 0;
    const char *at = NULL;

    if (fd_read_file_at(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) > 0)
        at = strstr(text, "MemTotal:");
    return at && sscanf(at, "MemTotal: %llu kB", &kib) == 1 ? (uint64_t)kib << 10 : 0;
}

/* A directory of the manager's own; that there is none, or not for it, the manager says. */
static void make_history(const Core *core)
{
    const char *path = core->config->config.history_directory;

    if (path[0] && mkdir(path, 0700) == 0 && lchown(path, core->manager_uid, core->manager_gid) < 0)
        log_line(LOG_WARNING, "HistoryDirectory=%s: %m", path);
}

int core_prepare(Core *core)
{
    const Config *c = &core->config->config;
    int r = find_users(core);

    if (r == 0)
        r = cgroup_root_open(c->cgroup_root, c->require_cgroup, &core->cgroup);
    if (r == 0) {
        r = spill_clean(c->spill_directory);
        if (r < 0)
            log_line(LOG_ERR, "SpillDirectory=%s: %s", c->spill_directory, strerror(-r));
    }
    if (r == 0)
        r = open_socket(core);
    if (r < 0)
        return r;
    make_history(core);
    core->memory_bound_bytes = MAX(host_bytes(), config_share_of(c->budget, host_bytes()));
    if (cgroup_pressure_watch(-EBADF, CGROUP_PRESSURE_MEMORY, PRESSURE_STALL_USEC,
                              PRESSURE_WINDOW_USEC, &core->pressure_fd) != 0) {
        core->pressure_fd = -EBADF;
        if (core->cgroup.n_unenforced < UNENFORCED_MAX)
            core->cgroup.unenforced[core->cgroup.n_unenforced++] =
                "Reaction to memory pressure of the whole host: the kernel has no PSI.";
    }
    return 0;
}
