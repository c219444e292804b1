/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table itself. To add a call: say who needs it, prefer an argument condition, and keep within
 * SECCOMP_CALLS_MAX. Conditional rows come first because only they run the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "sandbox/seccomp/seccomp.h"

/* What pthread_create() of glibc asks of clone(2): all of it, and not one NEW* flag. */
#define THREAD_FLAGS                                                                               \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |            \
     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

#define ROW(call) .nr = __NR_##call, .name = #call
#define ALLOW(call, why)                                                                           \
    {                                                                                              \
        ROW(call), .rule = SECCOMP_RULE_ALLOW, .reason = why                                       \
    }
#define KILL(call, why)                                                                            \
    {                                                                                              \
        ROW(call), .rule = SECCOMP_RULE_KILL, .reason = why                                        \
    }
#define ERRNO(call, error, why)                                                                    \
    {                                                                                              \
        ROW(call), .rule = SECCOMP_RULE_ERRNO, .action = error, .reason = why                      \
    }
#define ONE_OF(call, arg, bits, otherwise, why, ...)                                               \
    {                                                                                              \
        ROW(call), .rule = SECCOMP_RULE_ONE_OF, .argument = arg, .mask = bits,                     \
                   .action = otherwise, .reason = why, .values = {__VA_ARGS__},                    \
                   .n_values = sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)                \
    }

const SeccompCall seccomp_calls[] = {
    /* Only with these arguments. */
    ONE_OF(futex, 1, ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME), EPERM,
           "mutexes and joins; no requeue, no priority inheritance", FUTEX_WAIT, FUTEX_WAKE,
           FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET),
    ONE_OF(mmap, 2, PROT_EXEC, EPERM, "memory; never executable", 0),
    ONE_OF(mprotect, 2, PROT_EXEC, EPERM, "thread stacks; never executable", 0),
    ONE_OF(io_uring_register, 1, ~0u, -1, "other files in the ring's table",
           IORING_REGISTER_FILES_UPDATE),
    ONE_OF(fcntl, 1, ~0u, EPERM, "flags and duplicates; no owner, no lease, no notify, no lock",
           F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC),
    ONE_OF(flock, 1, ~0u, EPERM, "who writes, who reads; never waits", LOCK_EX | LOCK_NB,
           LOCK_SH | LOCK_NB),
    ONE_OF(clone, 0, ~0u, EPERM, "worker threads; no process, no namespace", THREAD_FLAGS),
    {ROW(tgkill), .rule = SECCOMP_RULE_OWN_PID, .argument = 0, .action = EPERM,
     .reason = "abort(), raise()"},

    /* Reading data. */
    ALLOW(io_uring_enter, "the restricted ring"),
    ALLOW(read, "data, sockets, eventfd"),
    ALLOW(pread64, "data without a ring"),
    ALLOW(readv, "sockets"),
    ALLOW(preadv, "data without a ring"),
    ALLOW(preadv2, "data without a ring, RWF_NOWAIT"),
    ALLOW(openat, "mounts and Landlock decide what"),
    ALLOW(close, ""),
    ALLOW(fstat, "file sizes"),
    ALLOW(newfstatat, "file sizes"),
    ALLOW(statx, "file sizes"),
    ALLOW(getdents64, "directories of data files"),
    ALLOW(lseek, "file sizes"),
    ALLOW(fadvise64, "read-ahead"),
    ALLOW(readlinkat, "links in data directories"),

    /* Writing spill and outputs. */
    ALLOW(write, "sockets, spill, outputs"),
    ALLOW(pwrite64, "spill"),
    ALLOW(writev, "sockets"),
    ALLOW(pwritev, "spill"),
    ALLOW(ftruncate, "spill"),
    ALLOW(fallocate, "spill"),
    ALLOW(fsync, "outputs"),
    ALLOW(fdatasync, "outputs"),
    ALLOW(mkdirat, "outputs"),
    ALLOW(unlinkat, "spill, failed outputs"),
    ALLOW(renameat2, "outputs appear whole, never over another"),
    ALLOW(fstatfs, "room for spill"),

    /* Descriptors that were passed in. */
    ALLOW(sendmsg, "control and data channel"),
    ALLOW(recvmsg, "control and data channel"),
    ALLOW(sendto, "control and data channel"),
    ALLOW(recvfrom, "control and data channel"),
    ALLOW(shutdown, "end of the data channel"),
    ALLOW(ppoll, "both channels"),
    ALLOW(eventfd2, "wake the poll loop"),
#ifdef __NR_poll
    ALLOW(poll, "both channels"),
#endif

    /* Memory. */
    ALLOW(munmap, ""),
    ALLOW(mremap, "growing buffers"),
    ALLOW(madvise, "huge pages, giving back"),
    ALLOW(brk, "malloc"),

    /* Threads, time, the end. */
    ALLOW(set_robust_list, "pthread_create"),
    ALLOW(rseq, "pthread_create"),
    ALLOW(exit, "threads"),
    ALLOW(exit_group, ""),
    ALLOW(sched_yield, "spinning"),
    ALLOW(sched_getaffinity, "number of CPUs"),
    ALLOW(gettid, "raise()"),
    ALLOW(getpid, "raise()"),
    ALLOW(clock_gettime, "where the vDSO cannot"),
    ALLOW(clock_nanosleep, "timers"),
    ALLOW(getrandom, "hash seeds"),
    ALLOW(rt_sigaction, "abort()"),
    ALLOW(rt_sigprocmask, "pthread_create, abort()"),
    ALLOW(rt_sigreturn, "signal handlers"),
    ALLOW(sigaltstack, "stack-overflow handler"),
    ALLOW(restart_syscall, "interrupted sleeps"),

    /* A refusal that libraries know how to live with. */
    ERRNO(clone3, ENOSYS, "its flags are out of reach of a filter; glibc falls back to clone"),

    /* Nothing we link calls these after lock-down: whoever does is not our program any more. */
    KILL(execve, "another program"),
    KILL(execveat, "another program"),
    KILL(socket, "the network, and kernel attack surface"),
    KILL(socketpair, "kernel attack surface"),
    KILL(ptrace, "other processes"),
    KILL(process_vm_readv, "other processes"),
    KILL(process_vm_writev, "other processes"),
    KILL(pidfd_open, "other processes"),
    KILL(pidfd_getfd, "other processes"),
    KILL(kcmp, "other processes"),
    KILL(unshare, "new namespaces"),
    KILL(setns, "other namespaces"),
    KILL(mount, "mounts"),
    KILL(umount2, "mounts"),
    KILL(pivot_root, "mounts"),
    KILL(chroot, "mounts"),
    KILL(open_tree, "mounts"),
    KILL(move_mount, "mounts"),
    KILL(mount_setattr, "mounts"),
    KILL(fsopen, "mounts"),
    KILL(fsconfig, "mounts"),
    KILL(fsmount, "mounts"),
    KILL(fspick, "mounts"),
    KILL(open_by_handle_at, "files around the mount namespace"),
    KILL(mknodat, "devices"),
#ifdef __NR_mknod
    KILL(mknod, "devices"),
#endif
    KILL(setuid, "identity"),
    KILL(setgid, "identity"),
    KILL(setreuid, "identity"),
    KILL(setregid, "identity"),
    KILL(setresuid, "identity"),
    KILL(setresgid, "identity"),
    KILL(setfsuid, "identity"),
    KILL(setfsgid, "identity"),
    KILL(setgroups, "identity"),
    KILL(capset, "identity"),
    KILL(add_key, "keyrings of the same user"),
    KILL(request_key, "keyrings of the same user"),
    KILL(keyctl, "keyrings of the same user"),
    KILL(io_uring_setup, "a second ring would have no restrictions"),
    KILL(bpf, "kernel attack surface"),
    KILL(perf_event_open, "kernel attack surface"),
    KILL(userfaultfd, "kernel attack surface"),
    KILL(fanotify_init, "kernel attack surface"),
    KILL(splice, "page-cache writes"),
    KILL(vmsplice, "page-cache writes"),
    KILL(tee, "page-cache writes"),
    KILL(init_module, "the host"),
    KILL(finit_module, "the host"),
    KILL(delete_module, "the host"),
    KILL(kexec_load, "the host"),
    KILL(kexec_file_load, "the host"),
    KILL(reboot, "the host"),
    KILL(settimeofday, "the host"),
    KILL(clock_settime, "the host"),
    KILL(sethostname, "the host"),
    KILL(setdomainname, "the host"),
    KILL(swapon, "the host"),
    KILL(swapoff, "the host"),
    KILL(quotactl, "the host"),
    KILL(syslog, "the host"),
    KILL(acct, "the host"),
#ifdef __NR_iopl
    KILL(iopl, "the host"),
    KILL(ioperm, "the host"),
#endif
};

const size_t n_seccomp_calls = ARRAY_SIZE(seccomp_calls);

const uint32_t seccomp_lock_calls[] = {
    __NR_setgroups,
    __NR_setresgid,
    __NR_setresuid,
    __NR_getresuid,
    __NR_capget,
    __NR_capset,
    __NR_prctl,
    __NR_unshare, /* CLONE_THREAD: are we alone? */
    __NR_landlock_create_ruleset,
    __NR_landlock_add_rule,
    __NR_landlock_restrict_self,
    __NR_seccomp,
};

const size_t n_seccomp_lock_calls = ARRAY_SIZE(seccomp_lock_calls);
