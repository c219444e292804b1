/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/namespace/mount_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Where the dynamic linker looks without ld.so.cache. Usually two are links to the others. */
static const char *const library_dirs[] = {"/usr/lib", "/usr/lib64", "/lib", "/lib64"};

/* Never visible, and no root may lie in, or hold, one of them. */
static const char *const forbidden_dirs[] = {"/proc", "/sys", "/dev"};

/* Is @path equal to @dir or below it? Both normalised. */
static bool path_is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool path_is_normal(const char *path)
{
    if (path[0] != '/' || path[1] == '\0')
        return false;
    for (const char *p = path; *p;) {
        const char *name = p + 1;
        const char *end = strchrnul(name, '/');
        size_t n = (size_t)(end - name);
        if (n == 0 || (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
            return false;
        p = end;
    }
    return true;
}

static int check_root(const SandboxRoot *root, bool libraries)
{
    if (!root->path || !path_is_normal(root->path) ||
        (root->source && !path_is_normal(root->source)))
        return -EINVAL;
    if (strlen(root->path) >= PATH_MAX || (root->source && strlen(root->source) >= PATH_MAX))
        return -ENAMETOOLONG;
    const char *names[] = {root->path, root->source ? root->source : root->path};
    for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
        for (size_t i = 0; i < ARRAY_SIZE(forbidden_dirs); i++)
            if (path_is_below(names[k], forbidden_dirs[i]) ||
                path_is_below(forbidden_dirs[i], names[k]))
                return -EINVAL;
    }
    for (size_t i = 0; libraries && i < ARRAY_SIZE(library_dirs); i++)
        if (path_is_below(root->path, library_dirs[i]) ||
            path_is_below(library_dirs[i], root->path))
            return -EINVAL;
    return path_is_below(root->path, MOUNT_PLAN_EXECUTOR) ? -EINVAL : 0;
}

static int add_library(int host_fd, const char *dir, MountPlan *plan)
{
    struct stat st;
    if (fstatat(host_fd, dir + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    MountOp op = {.step = SANDBOX_STEP_MOUNT_LIBRARY, .target = dir, .source = dir, .root = -1};
    if (S_ISLNK(st.st_mode)) {
        op.kind = MOUNT_OP_LINK;
        ssize_t n = readlinkat(host_fd, dir + 1, op.link, sizeof(op.link));
        if (n < 0)
            return -errno;
        if ((size_t)n >= sizeof(op.link))
            return -ENAMETOOLONG;
        op.link[n] = '\0';
    } else if (S_ISDIR(st.st_mode)) {
        op.kind = MOUNT_OP_BIND;
        op.executable = true;
    } else {
        return 0;
    }
    plan->ops[plan->n_ops++] = op;
    return 0;
}

int mount_plan_init(int host_fd, const char *executor, const SandboxRoot *roots, size_t n_roots,
                    MountPlan *ret_plan)
{
    ret_plan->n_ops = 0;
    if (n_roots > SANDBOX_ROOTS_MAX)
        return -E2BIG;
    if (executor) {
        if (!path_is_normal(executor))
            return -EINVAL;
        for (size_t i = 0; i < ARRAY_SIZE(library_dirs); i++) {
            int r = add_library(host_fd, library_dirs[i], ret_plan);
            if (r < 0)
                return r;
        }
        ret_plan->ops[ret_plan->n_ops++] = (MountOp){.kind = MOUNT_OP_BIND,
                                                     .step = SANDBOX_STEP_MOUNT_EXECUTOR,
                                                     .target = MOUNT_PLAN_EXECUTOR,
                                                     .source = executor,
                                                     .root = -1,
                                                     .executable = true,
                                                     .file = true};
    }
    size_t first = ret_plan->n_ops;
    for (size_t i = 0; i < n_roots; i++) {
        int r = check_root(&roots[i], executor != NULL);
        if (r < 0)
            return r;
        /* Insertion by name: a directory sorts before what lies below it. */
        size_t at = ret_plan->n_ops++;
        for (; at > first && strcmp(ret_plan->ops[at - 1].target, roots[i].path) > 0; at--)
            ret_plan->ops[at] = ret_plan->ops[at - 1];
        ret_plan->ops[at] = (MountOp){.kind = MOUNT_OP_BIND,
                                      .step = SANDBOX_STEP_MOUNT_DATA,
                                      .target = roots[i].path,
                                      .source = roots[i].source ? roots[i].source : roots[i].path,
                                      .root = (int)i,
                                      .writable = roots[i].writable,
                                      .recursive = true};
    }
    return 0;
}

static int open_strict(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_PATH | O_CLOEXEC | O_NOFOLLOW,
                           .resolve = resolve | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(__NR_openat2, dir_fd, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

static uint64_t bind_attributes(const MountOp *op)
{
    return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (op->writable ? 0 : MOUNT_ATTR_RDONLY) |
           (op->executable ? 0 : MOUNT_ATTR_NOEXEC);
}

/*
 * A detached copy of the source with its restrictions. A data root is the administrator's choice
 * but clients may own parts of the way to it: no link is followed. The binary and the libraries are
 * ours, and package managers do link them.
 */
static int clone_source(const MountOp *op)
{
    _cleanup_close_ int source =
        op->root >= 0 ? open_strict(AT_FDCWD, op->source, O_DIRECTORY, RESOLVE_NO_SYMLINKS)
                      : open(op->source, O_PATH | O_CLOEXEC);
    if (source < 0)
        return op->root >= 0 ? source : -errno;
    unsigned recursive = op->recursive ? AT_RECURSIVE : 0;
    _cleanup_close_ int tree =
        open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
    if (tree < 0)
        return -errno;
    struct mount_attr attr = {.attr_set = bind_attributes(op), .propagation = MS_PRIVATE};
    if (mount_setattr(tree, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
        return -errno;
    return TAKE_FD(tree);
}

static bool is_skippable(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EACCES || r == -ENAMETOOLONG;
}

/* mkdir -p in the empty tmpfs, then the mount point itself. */
static int make_mount_point(int root_fd, const MountOp *op)
{
    char path[PATH_MAX];
    size_t n = strlen(op->target);
    memcpy(path, op->target, n + 1);
    for (size_t i = 1; i < n; i++) {
        if (path[i] != '/')
            continue;
        path[i] = '\0';
        if (mkdirat(root_fd, path + 1, 0755) < 0 && errno != EEXIST)
            return -errno;
        path[i] = '/';
    }
    if (op->kind == MOUNT_OP_LINK)
        return symlinkat(op->link, root_fd, path + 1) < 0 ? -errno : 0;
    if (op->file) {
        _cleanup_close_ int fd =
            openat(root_fd, path + 1, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
        return fd < 0 ? -errno : 0;
    }
    return mkdirat(root_fd, path + 1, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int attach(int root_fd, const MountOp *op, int tree)
{
    _cleanup_close_ int target = open_strict(root_fd, op->target + 1, op->file ? 0 : O_DIRECTORY,
                                             RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (target < 0)
        return target;
    return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
               ? -errno
               : 0;
}

static int fill_root(int root_fd, const MountPlan *plan, int *trees, uint64_t *skipped,
                     SandboxStep *ret_step)
{
    for (size_t i = 0; i < plan->n_ops; i++) {
        const MountOp *op = &plan->ops[i];
        *ret_step = op->step;
        trees[i] = op->kind == MOUNT_OP_BIND ? clone_source(op) : -EBADF;
        if (op->root >= 0 && is_skippable(trees[i]))
            *skipped |= UINT64_C(1) << op->root;
        else if (op->kind == MOUNT_OP_BIND && trees[i] < 0)
            return trees[i];
    }
    for (size_t i = 0; i < plan->n_ops; i++) {
        if (plan->ops[i].kind == MOUNT_OP_BIND && trees[i] < 0)
            continue;
        *ret_step = plan->ops[i].step;
        int r = make_mount_point(root_fd, &plan->ops[i]);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < plan->n_ops; i++) {
        const MountOp *op = &plan->ops[i];
        if (trees[i] < 0)
            continue;
        *ret_step = op->step;
        int r = attach(root_fd, op, trees[i]);
        if (op->root >= 0 && is_skippable(r)) /* below another root, which does not hold it */
            *skipped |= UINT64_C(1) << op->root;
        else if (r < 0)
            return r;
    }
    return 0;
}

int mount_plan_apply(const MountPlan *plan, uint64_t *ret_skipped, SandboxStep *ret_step)
{
    uint64_t skipped = 0;
    int trees[MOUNT_PLAN_OPS_MAX];
    *ret_step = SANDBOX_STEP_MOUNT_ROOT;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    /* The new root needs a place in the old tree: /proc always exists, and no root may lie below
     * it. */
    if (mount("berth", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=0755,size=256k,nr_inodes=4k") < 0)
        return -errno;
    _cleanup_close_ int root_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
        trees[i] = -EBADF;
    int r = fill_root(root_fd, plan, trees, &skipped, ret_step);
    for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
        fd_closep(&trees[i]);
    if (r < 0) {
        (void)umount2("/proc", MNT_DETACH);
        return r;
    }
    *ret_step = SANDBOX_STEP_PIVOT;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(root_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -errno;
    /* pivot_root(".", ".") stacks the old root on the new one, from where it is detached. */
    if (fchdir(root_fd) < 0 || syscall(__NR_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    *ret_skipped = skipped;
    *ret_step = SANDBOX_STEP_NONE;
    return 0;
}

int mount_plan_forget_executor(void)
{
    /* First the one name that exists in our own root only: without it this is the host's tree. */
    if (umount2(MOUNT_PLAN_EXECUTOR, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
        return errno == ENOENT || errno == EINVAL ? 1 : -errno;
    for (size_t i = 0; i < ARRAY_SIZE(library_dirs); i++)
        if (umount2(library_dirs[i], MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
            errno != ENOENT && errno != ELOOP)
            return -errno;
    return 0;
}
