/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From a specification to a confined process. Three callers, three parts:
 *
 *   berthd                  sandbox_spawn(), sandbox_spill_open()
 *   exec/main.c, pooled     sandbox_warm() -> sandbox_prepare() -> EXECUTOR_HELLO -> wait ->
 *                           HANDOUT -> sandbox_take_identity() -> sandbox_lock() -> EXECUTOR_LOCKED
 *   exec/main.c, embedded   sandbox_embed() -> sandbox_lock()
 *
 * sandbox_lock() must run before the executor starts its first thread: the filter, the Landlock
 * domain and the empty capability sets belong to a thread and are inherited by the threads it
 * makes. It refuses (-EBUSY) when there is more than one.
 *
 * Nothing in sandbox/ logs. sandbox_spawn() does not allocate between clone3 and exec.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/control.h"
#include "base/ring.h"

#define SANDBOX_ROOTS_MAX 64u
#define SANDBOX_ARGS_MAX 32u
#define SANDBOX_CPUS_MAX 1024u

/* Where a start or a lock-down can fail: `step` of ControlExecutorFailed. Texts by
 * sandbox_step_to_string(). */
typedef enum SandboxStep {
    SANDBOX_STEP_NONE,
    SANDBOX_STEP_SPEC,        /* the specification itself is impossible */
    SANDBOX_STEP_CLONE,       /* clone3, also a vanished or full cgroup leaf */
    SANDBOX_STEP_DESCRIPTORS, /* /dev/null, control socket, close_range */
    SANDBOX_STEP_LIMITS,      /* rlimits, affinity, memory policy */
    SANDBOX_STEP_MOUNT_ROOT,  /* tmpfs root, propagation */
    SANDBOX_STEP_MOUNT_EXECUTOR,
    SANDBOX_STEP_MOUNT_LIBRARY,
    SANDBOX_STEP_MOUNT_DATA,
    SANDBOX_STEP_PIVOT,
    SANDBOX_STEP_CAPABILITIES,
    SANDBOX_STEP_EXEC,
    SANDBOX_STEP_WARM, /* from here on in the executor itself */
    SANDBOX_STEP_RING,
    SANDBOX_STEP_IDENTITY,
    SANDBOX_STEP_KEYRING,
    SANDBOX_STEP_LANDLOCK,
    SANDBOX_STEP_SECCOMP,
    SANDBOX_STEP_VERIFY, /* locked, but the kernel does not say what it should */
    _SANDBOX_STEP_MAX,
    _SANDBOX_STEP_INVALID = -EINVAL,
} SandboxStep;

const char *sandbox_step_to_string(SandboxStep step);

/* One directory of the host that a session sees, under the same name. */
typedef struct SandboxRoot {
    const char *path;   /* absolute, without "." and "..": its name inside */
    const char *source; /* the real path, if @path has a symbolic link in it; NULL: @path */
    bool writable;      /* as far as the file permissions go; else read-only for everybody */
} SandboxRoot;

typedef enum SandboxFlags {
    SANDBOX_FLAG_NONE = 0,
    /* For the escape test and the mutation runs only: leave one layer out, to show that the test
       can fail. */
    SANDBOX_FLAG_WITHOUT_NAMESPACES = 1u << 0,
    SANDBOX_FLAG_WITHOUT_SECCOMP = 1u << 1,
    SANDBOX_FLAG_WITHOUT_LANDLOCK = 1u << 2,
} SandboxFlags;

/* Everything is borrowed for the call. SANDBOX_SPEC_INIT first, then fill in. */
typedef struct SandboxSpec {
    const char *executor; /* absolute path of the binary; root-owned, 0711 when installed */
    /* argv without argv[0], NULL-terminated or NULL; sandbox_spawn() appends --read=PATH and
     * --write=PATH for the roots. */
    const char *const *args;
    const SandboxRoot *roots; /* at most SANDBOX_ROOTS_MAX; missing ones are skipped and reported */
    size_t n_roots;
    int cgroup_fd;  /* directory of the leaf, or -EBADF: stay in the caller's cgroup */
    int control_fd; /* the executor's end; becomes descriptor 3. The caller still owns its copy */
    int stderr_fd;  /* or -EBADF: /dev/null */
    uint32_t flags; /* SandboxFlags */
    uint64_t nofile_max;    /* RLIMIT_NOFILE; 0: 1,024 */
    uint64_t file_size_max; /* RLIMIT_FSIZE in bytes; 0: as the caller */
    const uint32_t *cpus;   /* affinity for hosts without cpuset, or NULL */
    size_t n_cpus;
    int numa_node; /* preferred node for the first pages, or -1 */
} SandboxSpec;

#define SANDBOX_SPEC_INIT                                                                          \
    {                                                                                              \
        .cgroup_fd = -EBADF, .control_fd = -EBADF, .stderr_fd = -EBADF, .numa_node = -1            \
    }

typedef struct SandboxReport {
    SandboxStep step;       /* on failure: where; else SANDBOX_STEP_NONE */
    uint64_t roots_skipped; /* bit i: roots[i] does not exist or is not a plain directory */
} SandboxReport;

/**
 * sandbox_spawn() - start one executor in its cgroup leaf and its namespaces
 * @spec:        borrowed
 * @ret_pid:     out, the child in the caller's pid namespace; reap through @ret_pidfd
 * @ret_pidfd:   out, owned by the caller, close-on-exec
 * @ret_report:  out, always written, may not be NULL
 *
 * Returns when the executor's image is running (its EXECUTOR_HELLO comes later over the control
 * socket) or has failed, in which case the child is already reaped. Takes 1..10 ms, mostly network
 * namespace and mounts: call it from a worker thread, not on the event loop (D-3). Thread-safe.
 *
 * Needs CAP_SYS_ADMIN, SETUID, SETGID, SETPCAP, IPC_LOCK. Kernel 5.12 (mount_setattr); floor 6.1.
 *
 * Return: 0; negative errno with @ret_report->step saying where. -ESRCH at SANDBOX_STEP_CLONE: the
 * child died before its first word, as it does in a leaf after cgroup_kill(). -ETIMEDOUT: 20 s
 * without progress, killed. -EINVAL at SANDBOX_STEP_SPEC: a root that is relative, "/", or hides
 * /lib or /usr/lib.
 */
int sandbox_spawn(const SandboxSpec *spec, pid_t *ret_pid, int *ret_pidfd,
                  SandboxReport *ret_report);

/**
 * sandbox_spill_open() - the spill directory as it may be handed to an executor
 * @path:    absolute, the session's own directory, owned by the client
 * @ret_fd:  out, owned by the caller: a detached nosuid, nodev, noexec mount of it
 *
 * A plain directory descriptor would be a way out of the mount namespace by "..": a detached mount
 * has no parent. Send it with HANDOUT. Needs CAP_SYS_ADMIN. Return: 0 or negative errno (-ELOOP:
 * symbolic link).
 */
int sandbox_spill_open(const char *path, int *ret_fd);

/* The directories named by --read= and --write= on the executor's command line, pooled and embedded
 * alike. */
typedef struct SandboxRoots {
    const char *paths[SANDBOX_ROOTS_MAX];
    bool writable[SANDBOX_ROOTS_MAX];
    size_t n;
} SandboxRoots;

/**
 * sandbox_roots_from_argv() - collect --read=PATH and --write=PATH; others are not looked at
 *
 * The paths point into @argv.
 * Return: 0; -E2BIG beyond SANDBOX_ROOTS_MAX; -EINVAL for a relative path.
 */
int sandbox_roots_from_argv(int argc, char **argv, SandboxRoots *ret_roots);

/**
 * sandbox_warm() - first thing after exec in a pooled executor
 * @ring:      RingOptions, or NULL for none (io=pread)
 * @ret_ring:  out, zeroed and @fd -EBADF when there is none
 * @ret_hello: out, io_mode, ring_restricted, ring_errno and landlock_abi are filled in
 *
 * Closes every descriptor above CONTROL_EXECUTOR_FD, unmounts the libraries and the binary (so
 * dlopen ends here: load what you need before), joins a fresh session keyring, creates the ring
 * while CAP_IPC_LOCK is held, empties the bounding set, locks the securebits, and keeps only
 * SETUID, SETGID and SETPCAP. A kernel without a usable ring is no failure: IO_MODE_PREAD and the
 * reason in ring_errno.
 *
 * Return: 0; negative errno, @ret_step says where.
 */
int sandbox_warm(const RingOptions *ring, Ring *ret_ring, ControlExecutorHello *ret_hello,
                 SandboxStep *ret_step);

/**
 * sandbox_take_identity() - become the client, for good
 * @groups: supplementary groups, at most CONTROL_GROUPS_MAX
 *
 * Groups, gid and uid in all four forms; then no capability is left. Uid 0 is possible and has no
 * power either. Return: 0; negative errno: exit, the process is half-way.
 */
int sandbox_take_identity(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups);

/* What could not be had, by bit. sandbox_missing_to_string() names each for people. */
typedef enum SandboxMissing {
    SANDBOX_MISSING_CGROUP = 1u << 0, /* always in embedded mode: no memory, cpu or process limit */
    SANDBOX_MISSING_USER_NAMESPACE = 1u << 1,
    SANDBOX_MISSING_MOUNT_NAMESPACE = 1u << 2,
    SANDBOX_MISSING_PID_NAMESPACE = 1u << 3,
    SANDBOX_MISSING_NET_NAMESPACE = 1u << 4,
    SANDBOX_MISSING_IPC_NAMESPACE = 1u << 5, /* ipc, uts or cgroup namespace */
    SANDBOX_MISSING_LANDLOCK = 1u << 6,
    SANDBOX_MISSING_RING = 1u << 7,
    SANDBOX_MISSING_BOUNDING_SET = 1u << 8, /* not emptied; no_new_privs holds */
    SANDBOX_MISSING_KEYRING = 1u << 9,
    _SANDBOX_MISSING_ALL = (1u << 10) - 1,
} SandboxMissing;

/* "memory, CPU and process limits (no cgroup of its own)". NULL for a bit that does not exist. */
const char *sandbox_missing_to_string(SandboxMissing bit);

/* What sandbox_prepare() has done ahead; handed to sandbox_lock(), which empties it. */
typedef struct SandboxPrepared {
    int ruleset_fd; /* Landlock, or -EBADF */
    bool filtered;  /* the first stage of the filter is loaded */
} SandboxPrepared;

/**
 * sandbox_prepare() - do ahead of the hand-out what takes longest in sandbox_lock()
 * @roots: as for sandbox_lock()
 * @flags: SandboxFlags, the same as for sandbox_lock()
 *
 * After sandbox_warm(), before EXECUTOR_HELLO. Sets no_new_privs, makes the Landlock ruleset of the
 * roots, and loads the first stage of the filter: from here on the executor may call what is in the
 * table and what sandbox_take_identity() and sandbox_lock() need. So a warm executor, still root by
 * name, waits confined. Optional: it halves the time of a hand-out.
 *
 * Return: 0; negative errno, @ret_step says where.
 */
int sandbox_prepare(const SandboxRoots *roots, uint32_t flags, SandboxPrepared *ret_prepared,
                    SandboxStep *ret_step);

typedef struct SandboxLockOptions {
    const SandboxRoots *roots;
    int spill_fd;              /* read and write below it, or -EBADF */
    const Ring *ring;          /* or NULL */
    bool embedded;             /* what needs root may be missing */
    uint32_t flags;            /* SandboxFlags */
    SandboxPrepared *prepared; /* or NULL: everything is done now */
} SandboxLockOptions;

/**
 * sandbox_lock() - give up everything that is left
 * @ret_locked:   out, the self-report; header untouched
 * @ret_missing:  out, SandboxMissing bits, may be NULL
 *
 * Order: capabilities, bounding and ambient set, securebits; no_new_privs; dumpable 0; Landlock;
 * seccomp; then the report is read back from the kernel and compared (D-6). Before any thread.
 * Tenant bytes only after it.
 *
 * Return: 0; -EBUSY more than one thread; negative errno, @ret_step says where: exit.
 */
int sandbox_lock(const SandboxLockOptions *options, ControlExecutorLocked *ret_locked,
                 uint32_t *ret_missing, SandboxStep *ret_step);

/**
 * sandbox_embed() - the executor's own start without berthd and without root
 * @roots:       what shall be visible; must exist by now (spill and output directories too)
 * @ring:        as sandbox_warm()
 * @spill_path:  directory for spill files, or NULL
 * @ret_ring, @ret_hello: as sandbox_warm()
 * @ret_spill_fd: out, owned by the caller; negative errno: it cannot be had
 * @ret_missing: out, what the kernel did not allow
 *
 * Tries a user namespace (the caller's uid mapped to itself) with the same namespaces and the same
 * read-only root, layer by layer; what is refused is left out and named. With a pid namespace it
 * forks: the calling process stays behind, waits and exits with the executor's status, and this
 * function returns in the child only. So the launcher needs nothing but posix_spawn() with a socket
 * as descriptor 3.
 *
 * Return: 0; negative errno only for what has no way out (-EINVAL, -ENOMEM).
 */
int sandbox_embed(const SandboxRoots *roots, const RingOptions *ring, const char *spill_path,
                  Ring *ret_ring, ControlExecutorHello *ret_hello, int *ret_spill_fd,
                  uint32_t *ret_missing);
