/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What an executor sees, first as a list, then as mounts.
 *
 * mount_plan_init() runs in the parent (it may look at the host and may fail with a reason);
 * mount_plan_apply() runs in the child between clone3 and exec, or in the embedded executor: only
 * system calls, no allocation.
 *
 * The order keeps root away from paths that a client can write (INV-3): first every source is
 * copied into a detached mount, then every mount point is made in the empty tmpfs, then one is put
 * on the other; mount points are only opened by then, below the root and without following a link.
 */

#include "sandbox/sandbox.h"

#define MOUNT_PLAN_OPS_MAX (SANDBOX_ROOTS_MAX + 8u)
#define MOUNT_PLAN_LINK_MAX 256u

/* Where the binary is inside. */
#define MOUNT_PLAN_EXECUTOR "/berth-executor"

typedef enum MountOpKind {
    MOUNT_OP_BIND, /* @source read-only (unless @writable) on @target */
    MOUNT_OP_LINK, /* symbolic link @target -> @link, as on the host */
} MountOpKind;

typedef struct MountOp {
    MountOpKind kind;
    SandboxStep step;   /* to report when it fails */
    const char *target; /* absolute, inside */
    const char *source; /* absolute, on the host */
    char link[MOUNT_PLAN_LINK_MAX];
    int root;        /* index in SandboxSpec.roots, or -1 */
    bool writable;   /* else MS_RDONLY */
    bool executable; /* else MS_NOEXEC */
    bool file;       /* the mount point is a file */
    bool recursive;
} MountOp;

typedef struct MountPlan {
    MountOp ops[MOUNT_PLAN_OPS_MAX];
    size_t n_ops;
} MountPlan;

/**
 * mount_plan_init() - list what has to be mounted
 * @host_fd:  "/" of the host, O_PATH, or another directory in a test: where /lib, /lib64, ... are
 * looked at
 * @executor: absolute path of the binary, or NULL (embedded: nothing to execute any more)
 * @ret_plan: out, borrows the strings of @roots and @executor
 *
 * Libraries and binary only with @executor. Roots come outermost first, so that /data/out,
 * writable, lies over /data.
 *
 * Return: 0; -EINVAL: a root is relative, has "." or ".." or "//", is "/", or touches /proc, /sys,
 * /dev or the libraries; -E2BIG; -ENAMETOOLONG; negative errno.
 */
int mount_plan_init(int host_fd, const char *executor, const SandboxRoot *roots, size_t n_roots,
                    MountPlan *ret_plan);

/**
 * mount_plan_apply() - build the root, pivot into it, forget the old one
 * @ret_skipped: out, bit per root that does not exist, is no directory or is reached through a
 * symbolic link
 * @ret_step:    out, on failure
 *
 * The caller is alone in a new mount namespace. Afterwards the working directory is "/" and the
 * root is read-only. On failure before the pivot the process still has its old root.
 *
 * Return: 0 or negative errno.
 */
int mount_plan_apply(const MountPlan *plan, uint64_t *ret_skipped, SandboxStep *ret_step);

/* Unmounts what only the start needed, lazily: the images stay mapped. Return: 0, 1 no such root;
 * negative errno. */
int mount_plan_forget_executor(void);
