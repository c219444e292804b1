/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function per way out, each run in a fresh sandbox: the first refusal may be the end of the
 * process. They use raw system calls, as an attacker would, and clean up nothing. Numbers are those
 * of the project's list of escape attempts, 1..58.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#ifdef __x86_64__
#include <asm/ldt.h>
#endif

#include "base/cleanup.h"
#include "tests/integration/escape.h"

#define KEXEC_BAD_FLAGS 0xdead0000ul

/* -errno of a failed call, 0 for one that worked. */
static int result(long r)
{
    return r < 0 ? -errno : 0;
}
#define TRY(nr, ...) result(syscall(__NR_##nr, ##__VA_ARGS__))

/* For calls that check the right first and then find our argument invalid: only a missing right is
 * a refusal. */
static int privilege(int r)
{
    return r == -EPERM || r == -EACCES || r == -ENOSYS ? r : 0;
}

static const char *path_of(const World *w, const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", w->base, name);
    return path;
}

static int open_path(const char *path, int flags)
{
    return result(openat(AT_FDCWD, path, flags | O_CLOEXEC, 0600));
}

/* ---- 1..4, 10, 14..16, 44, 48, 49: files ---- */

static int shadow(const World *w)
{
    (void)w;
    return open_path("/etc/shadow", O_RDONLY);
}

static int passwd_dotdot(const World *w)
{
    int dir = open(path_of(w, "data"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -errno : result(openat(dir, "../../../../../../etc/passwd", O_RDONLY));
}

static int passwd_spill(const World *w)
{
    return result(openat(w->inside->spill_fd, "../../../../../../etc/passwd", O_RDONLY));
}

static int sibling_of_root(const World *w)
{
    return open_path(path_of(w, "secret"), O_RDONLY);
}

static int proc_root(const World *w)
{
    (void)w;
    return open_path("/proc/1/root/etc/passwd", O_RDONLY);
}

static int proc_environ(const World *w)
{
    (void)w;
    return open_path("/proc/1/environ", O_RDONLY);
}

static int proc_victim(const World *w)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", w->victim);
    return open_path(path, O_RDWR);
}

static int proc_fds(const World *w)
{
    (void)w;
    return open_path("/proc/self/fd", O_RDONLY);
}

static int write_self(const World *w)
{
    (void)w;
    return open_path("/proc/self/exe", O_WRONLY);
}

static int write_image(const World *w)
{
    (void)w;
    return open_path("/berth-executor", O_RDWR);
}

static int read_library(const World *w)
{
    (void)w;
    return open_path("/usr/lib/os-release", O_RDONLY);
}

static int write_data(const World *w)
{
    return open_path(path_of(w, "data/data.bin"), O_WRONLY);
}

static int create_in_data(const World *w)
{
    return open_path(path_of(w, "data/new"), O_WRONLY | O_CREAT);
}

static int truncate_data(const World *w)
{
    return TRY(truncate, path_of(w, "data/data.bin"), 0);
}

static int unlink_data(const World *w)
{
    return result(unlinkat(AT_FDCWD, path_of(w, "data/victim.bin"), 0));
}

static int chmod_data(const World *w)
{
    return TRY(fchmodat, AT_FDCWD, path_of(w, "data/data.bin"), 0777);
}

static int mknod_spill(const World *w)
{
    return TRY(mknodat, w->inside->spill_fd, "device", S_IFBLK | 0600, makedev(8, 0));
}

static int by_handle(const World *w)
{
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + 8];
    } h = {.handle = {.handle_bytes = 8, .handle_type = 1}};
    int dir = open(path_of(w, "data"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return privilege(TRY(open_by_handle_at, dir, &h.handle, O_RDONLY));
}

static int link_data(const World *w)
{
    return TRY(linkat, AT_FDCWD, path_of(w, "data/data.bin"), w->inside->spill_fd, "link", 0);
}

static int spill_file(const World *w)
{
    return openat(w->inside->spill_fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static int capability_xattr(const World *w)
{
    static const unsigned char all[20] = {1, 0, 0, 2, 255, 255, 255, 255};
    return TRY(fsetxattr, spill_file(w), "security.capability", all, sizeof(all), 0);
}

static int chown_root(const World *w)
{
    return TRY(fchown, spill_file(w), 0, 0);
}

static int dev_tty(const World *w)
{
    (void)w;
    return open_path("/dev/tty", O_RDWR);
}

static int dev_mem(const World *w)
{
    (void)w;
    return open_path("/dev/mem", O_RDONLY);
}

static int first_openable(const char *const *paths, int flags)
{
    int r = -ENOENT;
    for (; *paths; paths++) {
        r = open_path(*paths, flags);
        if (r == 0)
            return 0;
    }
    return r;
}

static int cgroup_limit(const World *w)
{
    (void)w;
    return first_openable(
        (const char *const[]){"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/unified/memory.max",
                              "/sys/fs/cgroup/memory/memory.limit_in_bytes", NULL},
        O_WRONLY);
}

static int cgroup_procs(const World *w)
{
    (void)w;
    return first_openable((const char *const[]){"/sys/fs/cgroup/cgroup.procs",
                                                "/sys/fs/cgroup/unified/cgroup.procs", NULL},
                          O_WRONLY);
}

static int release_agent(const World *w)
{
    (void)w;
    return first_openable((const char *const[]){"/sys/fs/cgroup/memory/release_agent",
                                                "/sys/fs/cgroup/systemd/release_agent", NULL},
                          O_WRONLY);
}

static int core_pattern(const World *w)
{
    (void)w;
    return open_path("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static int oom_score(const World *w)
{
    (void)w;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : result(write(fd, "-1000", 5));
}

/* ---- 5..7: other programs; one that starts never reports, which counts as success ---- */

static int exec_path(const char *path)
{
    char *const argv[] = {(char *)path, (char *)"-c", (char *)"exit 0", NULL};
    return TRY(execve, path, argv, argv + 3);
}

static int exec_suid(const World *w)
{
    return exec_path(path_of(w, "data/suid"));
}

static int exec_shell(const World *w)
{
    (void)w;
    return exec_path("/bin/sh");
}

static int exec_memfd(const World *w)
{
#ifdef __x86_64__
    /* The smallest program: one segment at 4 MiB that calls exit(0). */
    static const unsigned char image[] = {
        0x7f, 'E',  'L',  'F', 2, 1,    1,    0,    0,    0,    0, 0,    0, 0, 0,    0,  2,
        0,    62,   0,    1,   0, 0,    0,    0x78, 0,    0x40, 0, 0,    0, 0, 0,    64, 0,
        0,    0,    0,    0,   0, 0,    0,    0,    0,    0,    0, 0,    0, 0, 0,    0,  0,
        0,    64,   0,    56,  0, 1,    0,    0,    0,    0,    0, 0,    0, 1, 0,    0,  0,
        5,    0,    0,    0,   0, 0,    0,    0,    0,    0,    0, 0,    0, 0, 0x40, 0,  0,
        0,    0,    0,    0,   0, 0x40, 0,    0,    0,    0,    0, 0x84, 0, 0, 0,    0,  0,
        0,    0,    0x84, 0,   0, 0,    0,    0,    0,    0,    0, 0x10, 0, 0, 0,    0,  0,
        0,    0xb8, 0x3c, 0,   0, 0,    0x31, 0xff, 0x0f, 0x05, 0, 0,    0};
    (void)w;
    int fd = (int)syscall(__NR_memfd_create, "image", 0);
    if (fd < 0)
        return -errno;
    if (write(fd, image, sizeof(image)) < 0)
        return -errno;
    char *const argv[] = {(char *)"image", NULL};
    return TRY(execveat, fd, "", argv, argv + 1, AT_EMPTY_PATH);
#else
    (void)w;
    return ATTEMPT_SKIP;
#endif
}

static int execveat_data(const World *w)
{
    char *const argv[] = {(char *)"suid", NULL};
    int fd = open(path_of(w, "data/suid"), O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : TRY(execveat, fd, "", argv, argv + 1, AT_EMPTY_PATH);
}

/* ---- 8, 9, 53: memory ---- */

static int mmap_rwx(const World *w)
{
    (void)w;
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -errno : 0;
}

static int mprotect_exec(const World *w)
{
    (void)w;
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -errno : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int pkey_mprotect_exec(const World *w)
{
    (void)w;
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -errno : TRY(pkey_mprotect, p, 4096, PROT_READ | PROT_EXEC, -1);
}

static int mmap_zero(const World *w)
{
    (void)w;
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return p == MAP_FAILED ? -errno : 0;
}

static int raise_nofile(const World *w)
{
    (void)w;
    const struct rlimit limit = {1 << 20, 1 << 20};
    return TRY(prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
}

static int lock_memory(const World *w)
{
    (void)w;
    return TRY(mlockall, MCL_CURRENT);
}

/* ---- 11..13: mounts ---- */

static int mount_tmpfs(const World *w)
{
    return TRY(mount, "none", path_of(w, "data"), "tmpfs", 0, NULL);
}

static int remount_rw(const World *w)
{
    return TRY(mount, NULL, path_of(w, "data"), NULL, MS_REMOUNT | MS_BIND, NULL);
}

static int umount_data(const World *w)
{
    return TRY(umount2, path_of(w, "data"), MNT_DETACH);
}

static int change_root(const World *w)
{
    return TRY(chroot, path_of(w, "data"));
}

static int pivot(const World *w)
{
    return TRY(pivot_root, path_of(w, "data"), path_of(w, "data"));
}

static int clone_tree(const World *w)
{
    return TRY(open_tree, AT_FDCWD, path_of(w, "data"), 1);
}

static int new_filesystem(const World *w)
{
    (void)w;
    return TRY(fsopen, "tmpfs", 0);
}

/* ---- 17..21: sockets ---- */

static int connect_unix(const char *name, bool abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = (int)syscall(__NR_socket, AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return -errno;
    (void)snprintf(address.sun_path + abstract, sizeof(address.sun_path) - abstract, "%s", name);
    socklen_t n =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name) + !abstract);
    return TRY(connect, fd, &address, n);
}

static int connect_abstract(const World *w)
{
    return connect_unix(w->token, true);
}

static int connect_outside(const World *w)
{
    return connect_unix(path_of(w, "outside.sock"), false);
}

static int connect_in_data(const World *w)
{
    return connect_unix(path_of(w, "data/inside.sock"), false);
}

static int connect_tcp(const World *w)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)w->tcp_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = (int)syscall(__NR_socket, AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? -errno : TRY(connect, fd, &address, sizeof(address));
}

static int socket_netlink(const World *w)
{
    (void)w;
    return TRY(socket, AF_NETLINK, SOCK_RAW, 0);
}

static int socket_vsock(const World *w)
{
    (void)w;
    return TRY(socket, AF_VSOCK, SOCK_STREAM, 0);
}

static int socket_alg(const World *w)
{
    (void)w;
    return TRY(socket, AF_ALG, SOCK_SEQPACKET, 0);
}

static int socket_packet(const World *w)
{
    (void)w;
    return TRY(socket, AF_PACKET, SOCK_RAW, 0);
}

static int socket_pair(const World *w)
{
    int pair[2];
    (void)w;
    return TRY(socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
}

/* ---- 22..29: other processes ---- */

static int trace_victim(const World *w)
{
    return TRY(ptrace, 0x4206 /* PTRACE_SEIZE */, w->victim, 0, 0);
}

static int vm_access(const World *w, long nr)
{
    static char byte;
    struct iovec local = {&byte, 1}, remote = {(void *)w->victim_address, 1};
    return result(syscall(nr, w->victim, &local, 1, &remote, 1, 0));
}

static int vm_read(const World *w)
{
    return vm_access(w, __NR_process_vm_readv);
}

static int vm_write(const World *w)
{
    return vm_access(w, __NR_process_vm_writev);
}

static int kill_victim(const World *w)
{
    return TRY(kill, w->victim, 0);
}

static int kill_all(const World *w)
{
    (void)w;
    return TRY(kill, -1, 0);
}

static int tgkill_victim(const World *w)
{
    return TRY(tgkill, w->victim, w->victim, 0);
}

static int steal_descriptor(const World *w)
{
    int pidfd = (int)syscall(__NR_pidfd_open, w->victim, 0);
    return pidfd < 0 ? -errno : TRY(pidfd_getfd, pidfd, 0, 0);
}

static int compare_victim(const World *w)
{
    return TRY(kcmp, getpid(), w->victim, 1 /* KCMP_VM */, 0, 0);
}

static int limit_victim(const World *w)
{
    const struct rlimit limit = {0, 0};
    return TRY(prlimit64, w->victim, RLIMIT_CORE, &limit, NULL);
}

static int pin_victim(const World *w)
{
    unsigned long cpus = 1;
    return TRY(sched_setaffinity, w->victim, sizeof(cpus), &cpus);
}

static int renice_victim(const World *w)
{
    return TRY(setpriority, PRIO_PROCESS, w->victim, 10);
}

static int migrate_victim(const World *w)
{
    unsigned long nodes = 1;
    return TRY(migrate_pages, w->victim, 2, &nodes, &nodes);
}

static int aim_signal(const World *w)
{
    return TRY(fcntl, w->inside->data_fd, F_SETOWN, w->victim);
}

static int realtime_self(const World *w)
{
    const struct sched_param param = {.sched_priority = 1};
    (void)w;
    return TRY(sched_setscheduler, 0, SCHED_FIFO, &param);
}

/* ---- 30..35: namespaces, identity ---- */

static int unshare_user(const World *w)
{
    (void)w;
    return TRY(unshare, CLONE_NEWUSER);
}

static int clone_with(unsigned long flags)
{
    long pid = syscall(__NR_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return result(pid);
}

static int clone_user(const World *w)
{
    (void)w;
    return clone_with(CLONE_NEWUSER);
}

static int clone3_user(const World *w)
{
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    (void)w;
    long pid = syscall(__NR_clone3, &args, sizeof(args));
    if (pid == 0)
        _exit(0);
    return result(pid);
}

static int enter_namespace(const World *w)
{
    return TRY(setns, w->inside->spill_fd, 0);
}

static int become_root(const World *w)
{
    (void)w;
    return TRY(setresuid, 0, 0, 0);
}

static int join_group(const World *w)
{
    const gid_t group = 0;
    (void)w;
    return TRY(setgroups, 1, &group);
}

static int take_capabilities(const World *w)
{
    uint32_t header[2] = {0x20080522, 0}, data[6];
    (void)w;
    memset(data, 255, sizeof(data));
    return TRY(capset, header, data);
}

static int clear_no_new_privs(const World *w)
{
    (void)w;
    return TRY(prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static int become_dumpable(const World *w)
{
    (void)w;
    return TRY(prctl, PR_SET_DUMPABLE, 1);
}

/* ---- 36..38, 45..47, 50, 54, 55, 57, 58: kernel surface ---- */

static int bpf_map(const World *w)
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    (void)w;
    return TRY(bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int perf_event(const World *w)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .exclude_kernel = 1, .exclude_hv = 1};
    (void)w;
    return TRY(perf_event_open, &attr, 0, -1, -1, 0);
}

static int fault_handler(const World *w)
{
    (void)w;
    return TRY(userfaultfd, 0);
}

static int fault_handler_user(const World *w)
{
    (void)w;
    return TRY(userfaultfd, 1 /* UFFD_USER_MODE_ONLY */);
}

static int add_user_key(const World *w)
{
    (void)w;
    return TRY(add_key, "user", "berth", "x", 1, KEY_SPEC_USER_KEYRING);
}

static int describe_keyring(const World *w)
{
    (void)w;
    return TRY(keyctl, KEYCTL_DESCRIBE, KEY_SPEC_USER_KEYRING, NULL, 0);
}

static int reboot_host(const World *w)
{
    (void)w;
    return privilege(TRY(reboot, 0, 0, 0, NULL)); /* wrong magic: never more than a question */
}

static int kexec(const World *w)
{
    (void)w;
    return privilege(TRY(kexec_load, 0, 0, NULL, KEXEC_BAD_FLAGS));
}

static int load_module(const World *w)
{
    (void)w;
    return privilege(TRY(init_module, NULL, 0, ""));
}

static int unload_module(const World *w)
{
    (void)w;
    return privilege(TRY(delete_module, "berth_no_such_module", O_NONBLOCK));
}

static int set_time(const World *w)
{
    struct timeval now;
    (void)w;
    (void)gettimeofday(&now, NULL);
    return TRY(settimeofday, &now, NULL);
}

static int set_hostname(const World *w)
{
    (void)w;
    return TRY(sethostname, "escaped", 7);
}

static int swap_on(const World *w)
{
    (void)w;
    return privilege(TRY(swapon, "/nowhere", 0));
}

static int quota(const World *w)
{
    (void)w;
    return TRY(quotactl, 0x80000200 /* Q_QUOTAON, user */, "/dev/vda", 2, "/aquota.user");
}

static int kernel_log(const World *w)
{
    char text[64];
    (void)w;
    return TRY(syslog, 3, text, sizeof(text));
}

static int io_ports(const World *w)
{
    (void)w;
#ifdef __NR_iopl
    return TRY(iopl, 3);
#else
    return ATTEMPT_SKIP;
#endif
}

static int local_descriptor_table(const World *w)
{
    (void)w;
#ifdef __x86_64__
    struct user_desc d = {.entry_number = 0, .limit = 1, .seg_32bit = 1, .useable = 1};
    long r = syscall(__NR_modify_ldt, 1, &d, sizeof(d));
    return (int)r < 0 ? (r == -1 ? -errno : (int)r) : 0; /* returns an int in a long */
#else
    return ATTEMPT_SKIP;
#endif
}

static int read_implies_exec(const World *w)
{
    (void)w;
    return TRY(personality, READ_IMPLIES_EXEC);
}

static int shared_segment(const World *w)
{
    return TRY(shmget, w->shm_key, 4096, 0600);
}

static int message_queue(const World *w)
{
    return TRY(mq_open, w->token, O_RDWR, 0, NULL);
}

static int vm_splice(const World *w)
{
    char byte = 'x';
    struct iovec v = {&byte, 1};
    int pipe_fds[2] = {-1, -1};
    (void)w;
    (void)syscall(__NR_pipe2, pipe_fds, 0);
    return TRY(vmsplice, pipe_fds[1], &v, 1, 0);
}

static int splice_data(const World *w)
{
    int fd = open(path_of(w, "data/data.bin"), O_RDONLY | O_CLOEXEC);
    int pipe_fds[2] = {-1, -1};
    (void)syscall(__NR_pipe2, pipe_fds, 0);
    return TRY(splice, fd, NULL, pipe_fds[1], NULL, 16, 0);
}

static int watch_files(const World *w)
{
    (void)w;
    return TRY(fanotify_init, 0, 0);
}

static int load_filter(unsigned flags)
{
    struct sock_filter allow = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW};
    struct sock_fprog program = {.len = 1, .filter = &allow};
    return TRY(seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int further_filter(const World *w)
{
    (void)w;
    return load_filter(0);
}

static int filter_listener(const World *w)
{
    (void)w;
    return load_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

static int advise_process(const World *w)
{
    struct iovec v = {&v, 1};
    return TRY(process_madvise, w->inside->data_fd, &v, 1, MADV_COLD, 0);
}

/* ---- 39..43: io_uring, ioctl ---- */

static int second_ring(const World *w)
{
    struct io_uring_params params = {0};
    (void)w;
    return TRY(io_uring_setup, 4, &params);
}

static int ring_try(const World *w, const struct io_uring_sqe *request)
{
    Ring *ring = &w->inside->ring;
    if (ring->fd < 0)
        return ATTEMPT_SKIP;
    struct io_uring_sqe *sqe = ring_sqe(ring);
    *sqe = *request;
    int r = ring_submit(ring, 1);
    struct io_uring_cqe *cqe = ring_cqe(ring);
    if (!cqe)
        return r < 0 ? r : -EIO;
    r = cqe->res;
    ring_cqe_seen(ring);
    return r < 0 ? r : 0;
}

static int ring_open_file(const World *w)
{
    static const char name[] = "/";
    return ring_try(w, &(struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
                                              .fd = AT_FDCWD,
                                              .addr = (uint64_t)(uintptr_t)name,
                                              .open_flags = O_RDONLY | O_DIRECTORY});
}

static int ring_socket(const World *w)
{
    return ring_try(w, &(struct io_uring_sqe){.opcode = 45 /* IORING_OP_SOCKET */,
                                              .fd = AF_UNIX,
                                              .off = SOCK_STREAM,
                                              .flags = IOSQE_FIXED_FILE});
}

static int ring_plain_descriptor(const World *w)
{
    static char byte;
    int fd = open(path_of(w, "data/data.bin"), O_RDONLY | O_CLOEXEC);
    return ring_try(
        w, &(struct io_uring_sqe){
               .opcode = IORING_OP_READ, .fd = fd, .addr = (uint64_t)(uintptr_t)&byte, .len = 1});
}

static int ring_link(const World *w)
{
    return ring_try(w, &(struct io_uring_sqe){.opcode = IORING_OP_READ,
                                              .flags = IOSQE_FIXED_FILE | IOSQE_IO_LINK});
}

static int ring_register(const World *w, int fd, unsigned opcode, void *arg, unsigned n)
{
    return w->inside->ring.fd < 0 ? ATTEMPT_SKIP : TRY(io_uring_register, fd, opcode, arg, n);
}

static int ring_personality(const World *w)
{
    return ring_register(w, w->inside->ring.fd, IORING_REGISTER_PERSONALITY, NULL, 0);
}

static int ring_files(const World *w)
{
    int fd = 0;
    return ring_register(w, w->inside->ring.fd, IORING_REGISTER_FILES, &fd, 1);
}

static int ring_eventfd(const World *w)
{
    int fd = (int)syscall(__NR_eventfd2, 0, 0);
    return ring_register(w, w->inside->ring.fd, IORING_REGISTER_EVENTFD, &fd, 1);
}

static int ring_blind(const World *w)
{
    char room[512] = {0};
    return ring_register(w, -1, 31 /* IORING_REGISTER_SEND_MSG_RING */, room, 1);
}

static int ioctl_any(const World *w)
{
    int n;
    return TRY(ioctl, w->inside->data_fd, FIONREAD, &n);
}

static int type_into_tty(const World *w)
{
    (void)w;
    return TRY(ioctl, 0, TIOCSTI, "x");
}

static int type_into_tty_high(const World *w)
{
    (void)w;
    return TRY(ioctl, 0, TIOCSTI | 1ull << 32, "x");
}

/* ---- 51, 52, 56 ---- */

static int int80(const World *w)
{
    (void)w;
#ifdef __x86_64__
    long r;
    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "0"(20L /* i386 getpid */)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)r < 0 ? (int)r : 0;
#else
    return ATTEMPT_SKIP;
#endif
}

static int x32(const World *w)
{
    (void)w;
#ifdef __x86_64__
    return result(syscall(0x40000000 | __NR_getpid));
#else
    return ATTEMPT_SKIP;
#endif
}

static int fork_self(const World *w)
{
    (void)w;
    return clone_with(0);
}

static int fork_call(const World *w)
{
    (void)w;
#ifdef __NR_fork
    long pid = syscall(__NR_fork);
    if (pid == 0)
        _exit(0);
    return result(pid);
#else
    return ATTEMPT_SKIP;
#endif
}

static int vfork_clone(const World *w)
{
    (void)w;
    return clone_with(CLONE_VFORK);
}

/* Succeeds when there is a descriptor that nobody declared, or a standard one that is not
 * /dev/null. */
static int undeclared_descriptor(const World *w)
{
    const PeerInside *in = w->inside;
    for (int fd = 0; fd < 1024; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0)
            continue;
        if (fd <= 2 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
            continue;
        if (fd != CONTROL_EXECUTOR_FD && fd != in->ring.fd && fd != in->data_fd &&
            fd != in->spill_fd)
            return 0;
    }
    return -EBADF;
}

/* ---- what must work all the same ---- */

static void *count_thread(void *arg)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    char *memory = malloc(8 << 20);
    for (int i = 0; memory && i < 8 << 20; i += 4096)
        memory[i] = 1;
    free(memory);
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&mutex);
        ++*(int *)arg;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static int work_threads(const World *w)
{
    pthread_t threads[4];
    int count = 0;
    (void)w;
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        int r = pthread_create(&threads[i], NULL, count_thread, &count);
        if (r != 0)
            return -r;
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        (void)pthread_join(threads[i], NULL);
    return count == 4000 ? 0 : -EIO;
}

static void *filtered_thread(void *arg)
{
    *(int *)arg = TRY(prctl, PR_GET_DUMPABLE); /* EPERM by the filter */
    return NULL;
}

/* The filter and Landlock are inherited by threads made after the lock. */
static int work_thread_filtered(const World *w)
{
    pthread_t thread;
    int r = 0;
    (void)w;
    if (pthread_create(&thread, NULL, filtered_thread, &r) != 0)
        return -EIO;
    (void)pthread_join(thread, NULL);
    return w->inside->locked.seccomp_mode == 0 || r == -EPERM ? 0 : -EIO;
}

static int work_read(const World *w)
{
    char text[16] = "";
    int fd = open(path_of(w, "data/data.bin"), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return pread(fd, text, 4, 0) == 4 && memcmp(text, "data", 4) == 0 ? 0 : -EIO;
}

static int work_ring_read(const World *w)
{
    static char text[16];
    Ring *ring = &w->inside->ring;
    if (ring->fd < 0)
        return ATTEMPT_SKIP;
    int fd = open(path_of(w, "data/data.bin"), O_RDONLY | O_CLOEXEC);
    int r = ring_file_set(ring, 5, fd);
    if (r < 0)
        return r;
    (void)close(fd);
    struct io_uring_sqe sqe = {0};
    ring_prepare_read(&sqe, 5, text, 4, 0, 7);
    r = ring_try(w, &sqe);
    return r < 0 ? r : memcmp(text, "data", 4) == 0 ? 0 : -EIO;
}

static int work_ring_read_async(const World *w)
{
    static char text[16];
    Ring *ring = &w->inside->ring;
    if (ring->fd < 0)
        return ATTEMPT_SKIP;
    int fd = open(path_of(w, "data/data.bin"), O_RDONLY | O_CLOEXEC);
    int r = ring_file_set(ring, 0, fd);
    if (r < 0)
        return r;
    struct io_uring_sqe sqe = {0};
    ring_prepare_read(&sqe, 0, text, 4, 0, 7);
    sqe.flags |= IOSQE_ASYNC;
    r = ring_try(w, &sqe);
    return r < 0 ? r : memcmp(text, "data", 4) == 0 ? 0 : -EIO;
}

static int work_spill(const World *w)
{
    char text[8] = "";
    int spill = w->inside->spill_fd;
    int fd = openat(spill, "run.0", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (pwrite(fd, "spilled", 7, 4096) != 7 || pread(fd, text, 7, 4096) != 7 ||
        strcmp(text, "spilled") != 0 || ftruncate(fd, 0) < 0 || fdatasync(fd) < 0 ||
        mkdirat(spill, "d", 0700) < 0 ||
        renameat2(spill, "run.0", spill, "run.1", RENAME_NOREPLACE) < 0 ||
        unlinkat(spill, "run.1", 0) < 0 || unlinkat(spill, "d", AT_REMOVEDIR) < 0)
        return -errno;
    return 0;
}

static int work_ring_write(const World *w)
{
    static char text[] = "spilled";
    char back[8] = "";
    Ring *ring = &w->inside->ring;
    if (ring->fd < 0)
        return ATTEMPT_SKIP;
    int fd = openat(w->inside->spill_fd, "run.2", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : ring_file_set(ring, 1, fd);
    if (r < 0)
        return r;
    r = ring_try(w, &(struct io_uring_sqe){.opcode = IORING_OP_WRITE,
                                           .fd = 1,
                                           .flags = IOSQE_FIXED_FILE,
                                           .addr = (uint64_t)(uintptr_t)text,
                                           .len = 7});
    return r < 0 ? r : pread(fd, back, 7, 0) == 7 && strcmp(back, "spilled") == 0 ? 0 : -EIO;
}

static int work_calls(const World *w)
{
    cpu_set_t cpus;
    struct timespec little = {.tv_nsec = 1000};
    char random[8];
    struct pollfd p = {.fd = w->inside->data_fd, .events = POLLIN};
    int dir = open(path_of(w, "data"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char entries[1024];
    if (dir < 0 || syscall(__NR_getdents64, dir, entries, sizeof(entries)) <= 0 ||
        clock_nanosleep(CLOCK_MONOTONIC, 0, &little, NULL) != 0 ||
        sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ||
        syscall(__NR_getrandom, random, sizeof(random), 0) != sizeof(random) || poll(&p, 1, 0) < 0)
        return -errno;
    return 0;
}

static int work_abort(const World *w)
{
    (void)w;
    abort();
}

static int work_fault(const World *w)
{
    return *(volatile char *)(uintptr_t)(w->victim_address & 8); /* the first page: never mapped */
}

#define E(number, name, run)                                                                       \
    {                                                                                              \
        number, ATTEMPT_ESCAPE, name, run, 0                                                       \
    }

const Attempt attempts[] = {
    {0, ATTEMPT_WORK, "threads, mutexes, memory", work_threads, 0},
    {0, ATTEMPT_WORK, "a new thread is under the filter", work_thread_filtered, 0},
    {0, ATTEMPT_WORK, "read a data file", work_read, 0},
    {0, ATTEMPT_WORK, "read a data file by the ring", work_ring_read, 0},
    {0, ATTEMPT_WORK, "read a data file by the ring's workers", work_ring_read_async, 0},
    {0, ATTEMPT_WORK, "spill: write, read, rename, remove", work_spill, 0},
    {0, ATTEMPT_WORK, "spill by the ring", work_ring_write, 0},
    {0, ATTEMPT_WORK, "directory, time, random, poll, affinity", work_calls, 0},
    {0, ATTEMPT_DIE, "abort() ends the process", work_abort, 0},
    {0, ATTEMPT_DIE, "a wild pointer ends the process", work_fault, 0},
    E(1, "open /etc/shadow", shadow),
    E(1, "openat from the data root upwards", passwd_dotdot),
    E(1, "openat from the spill directory upwards", passwd_spill),
    E(1, "open a file beside the data root", sibling_of_root),
    E(2, "open below /proc/1/root", proc_root),
    E(2, "open /proc/1/environ", proc_environ),
    E(2, "open the memory of a process outside", proc_victim),
    E(2, "list own descriptors in /proc", proc_fds),
    E(3, "write /proc/self/exe", write_self),
    E(3, "write own image", write_image),
    E(3, "read a library", read_library),
    E(4, "write a data file", write_data),
    E(4, "create a file beside the data", create_in_data),
    E(4, "truncate a data file", truncate_data),
    E(4, "unlink a data file", unlink_data),
    E(4, "chmod a data file", chmod_data),
    E(5, "execve a set-uid file in the data", exec_suid),
    E(6, "execve /bin/sh", exec_shell),
    E(7, "memfd_create and execveat", exec_memfd),
    E(7, "execveat of a data file", execveat_data),
    E(8, "mmap writable and executable", mmap_rwx),
    E(8, "mprotect executable", mprotect_exec),
    E(8, "pkey_mprotect executable", pkey_mprotect_exec),
    E(9, "mmap at address 0", mmap_zero),
    E(10, "mknod a block device", mknod_spill),
    E(11, "mount a tmpfs", mount_tmpfs),
    E(11, "remount the data writable", remount_rw),
    E(11, "umount the data", umount_data),
    E(12, "chroot", change_root),
    E(12, "pivot_root", pivot),
    E(13, "open_tree with a clone", clone_tree),
    E(13, "fsopen", new_filesystem),
    E(14, "open_by_handle_at", by_handle),
    E(15, "link a data file out of its tree", link_data),
    E(16, "set file capabilities", capability_xattr),
    E(16, "chown to root", chown_root),
    E(17, "connect to an abstract socket of the host", connect_abstract),
    E(18, "connect to a socket beside the data root", connect_outside),
    E(18, "connect to a socket in the data root", connect_in_data),
    E(19, "connect to TCP on loopback", connect_tcp),
    E(20, "netlink socket", socket_netlink),
    E(21, "vsock socket", socket_vsock),
    E(21, "AF_ALG socket", socket_alg),
    E(21, "packet socket", socket_packet),
    E(21, "socketpair", socket_pair),
    E(22, "ptrace a process of the same user", trace_victim),
    E(23, "read its memory", vm_read),
    E(23, "write its memory", vm_write),
    E(24, "kill it", kill_victim),
    E(24, "kill everything", kill_all),
    E(24, "tgkill it", tgkill_victim),
    E(25, "take a descriptor of it", steal_descriptor),
    E(26, "kcmp with it", compare_victim),
    E(27, "prlimit on it", limit_victim),
    E(27, "sched_setaffinity on it", pin_victim),
    E(27, "setpriority on it", renice_victim),
    E(27, "migrate_pages of it", migrate_victim),
    E(28, "aim SIGIO at it", aim_signal),
    E(29, "real-time scheduling", realtime_self),
    E(30, "unshare a user namespace", unshare_user),
    E(31, "clone a user namespace", clone_user),
    E(32, "clone3 a user namespace", clone3_user),
    E(33, "setns", enter_namespace),
    E(34, "setresuid 0", become_root),
    E(34, "setgroups", join_group),
    E(34, "capset", take_capabilities),
    E(35, "clear no_new_privs", clear_no_new_privs),
    E(35, "become dumpable", become_dumpable),
    E(36, "bpf", bpf_map),
    E(36, "perf_event_open", perf_event),
    E(37, "userfaultfd", fault_handler),
    E(37, "userfaultfd for user mode", fault_handler_user),
    E(38, "add a key to the user keyring", add_user_key),
    E(38, "look into the user keyring", describe_keyring),
    E(39, "a second ring", second_ring),
    E(40, "ring: open a file", ring_open_file),
    E(40, "ring: make a socket", ring_socket),
    E(40, "ring: link requests", ring_link),
    E(41, "ring: register a personality", ring_personality),
    E(41, "ring: register other files", ring_files),
    E(41, "ring: register an eventfd", ring_eventfd),
    E(41, "ring: register without a ring", ring_blind),
    E(42, "ring: read an unregistered descriptor", ring_plain_descriptor),
    E(43, "any ioctl", ioctl_any),
    E(43, "ioctl TIOCSTI", type_into_tty),
    E(43, "ioctl TIOCSTI with bit 32", type_into_tty_high),
    E(44, "open /dev/tty", dev_tty),
    E(44, "open /dev/mem", dev_mem),
    E(45, "reboot", reboot_host),
    E(45, "kexec_load", kexec),
    E(45, "init_module", load_module),
    E(45, "delete_module", unload_module),
    E(46, "settimeofday", set_time),
    E(46, "sethostname", set_hostname),
    E(46, "swapon", swap_on),
    E(46, "quotactl", quota),
    E(46, "read the kernel log", kernel_log),
    E(46, "iopl", io_ports),
    E(47, "modify_ldt", local_descriptor_table),
    E(47, "personality READ_IMPLIES_EXEC", read_implies_exec),
    E(48, "raise own memory limit", cgroup_limit),
    E(48, "leave own cgroup", cgroup_procs),
    E(49, "cgroup v1 release_agent", release_agent),
    E(49, "core_pattern", core_pattern),
    E(49, "oom_score_adj -1000", oom_score),
    E(50, "shared memory of the user", shared_segment),
    E(50, "message queue of the user", message_queue),
    {51, ATTEMPT_ESCAPE, "i386 system call", int80, SIGSEGV},
    E(51, "x32 system call", x32),
    E(52, "fork by clone", fork_self),
    E(52, "fork", fork_call),
    E(52, "vfork", vfork_clone),
    E(53, "raise RLIMIT_NOFILE", raise_nofile),
    E(53, "mlockall", lock_memory),
    E(54, "vmsplice", vm_splice),
    E(54, "splice", splice_data),
    E(55, "fanotify_init", watch_files),
    E(56, "an undeclared descriptor", undeclared_descriptor),
    E(57, "a further filter", further_filter),
    E(57, "a filter listener", filter_listener),
    E(58, "process_madvise", advise_process),
};

const size_t n_attempts = ARRAY_SIZE(attempts);
