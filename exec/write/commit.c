/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/write/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/io/io.h"
#include "exec/write/commit_replace.h"
#include "exec/write/commit_tree.h"
#include "exec/write/write.h"

#define TRIES 16u

struct Commit {
    char path[IO_PATH_MAX]; /* no '/' at the end */
    char *name;             /* its last component, within @path */
    CommitMode mode;
    CommitStepCall step;
    void *userdata;
    int parent_fd, target_fd; /* target: append to what is there; or -EBADF */
    int staging_fd;
    char staging[TREE_NAME_BYTES]; /* in target_fd if that is there, else in parent_fd */
    char id[40];
    bool ended;
};

static int step(Commit *c, CommitStep at)
{
    return c->step ? c->step(c->userdata, at) : 0;
}

static int place_fd(const Commit *c)
{
    return c->target_fd >= 0 ? c->target_fd : c->parent_fd;
}

int write_fail(QueryError *error, const char *path, int error_number)
{
    int e = error_number < 0 ? -error_number : error_number;
    const char *hint = "";
    if (e == EROFS || e == EACCES || e == EPERM)
        hint = " It must be writable for you, and lie below a directory that the administrator "
               "lets sessions write to (WritePaths= of berthd.conf; --write of berth sql "
               "--embedded).";
    return query_error_set(error, DATA_ERROR_FILE, "TASK_WRITE_FAILED", "58030",
                           "Task failed while writing rows to file:%.500s: %s.%s", path,
                           strerror(e), hint);
}

static int already_exists(const Commit *c, QueryError *error)
{
    char name[600];
    (void)query_error_set(error, DATA_ERROR_ANALYSIS, "PATH_ALREADY_EXISTS", "42K04",
                          "Path file:%.500s already exists. Set mode as \"overwrite\" to overwrite "
                          "the existing path.",
                          c->path);
    (void)snprintf(name, sizeof(name), "file:%.500s", c->path);
    query_error_parameters(error, "outputPath", name, NULL);
    return QUERY_E_FAILED;
}

/* ---- the beginning ---- */

static int split_path(Commit *c, const char *path, QueryError *error)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (path[0] != '/' || n < 2 || n >= sizeof(c->path))
        return write_fail(error, path, path[0] == '/' && n < 2 ? EBUSY : EINVAL);
    memcpy(c->path, path, n);
    c->path[n] = '\0';
    c->name = strrchr(c->path, '/') + 1;
    if (strcmp(c->name, ".") == 0 || strcmp(c->name, "..") == 0)
        return write_fail(error, path, EINVAL);
    return 0;
}

/* The directory of the target, made if need be. Return: 0 or negative errno. */
static int open_parent(Commit *c)
{
    char folder[IO_PATH_MAX];
    size_t n = (size_t)(c->name - c->path);
    memcpy(folder, c->path, n);
    folder[n] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), refused = 0;
    for (char *at = folder + 1; fd < 0 && errno == ENOENT && *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdirat(AT_FDCWD, folder, 0777) < 0 && errno != EEXIST)
            refused = errno; /* it may be there all the same, and only not be ours to make */
        *at = '/';
        errno = ENOENT;
    }
    if (fd < 0)
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    c->parent_fd = fd;
    return fd >= 0 ? 0 : refused && errno == ENOENT ? -refused : -errno;
}

static int make_id(Commit *c)
{
    uint8_t random[16];
    char hex[33];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    for (uint32_t i = 0; i < sizeof(random); i++)
        (void)snprintf(hex + 2 * (size_t)i, 3, "%02x", random[i]);
    tree_uuid(hex, c->id);
    (void)snprintf(c->staging, sizeof(c->staging), TREE_STAGING "%s", hex);
    return 0;
}

/* A directory of ours, locked before any sweeper can take it for a dead one's. */
static int make_staging(Commit *c)
{
    for (uint32_t i = 0; i < TRIES; i++) {
        struct stat here, there;
        int r = make_id(c);
        if (r < 0)
            return r;
        if (mkdirat(place_fd(c), c->staging, 0777) < 0)
            return -errno;
        c->staging_fd = tree_open(place_fd(c), c->staging);
        if (c->staging_fd >= 0 && tree_lock(c->staging_fd) == 0 &&
            fstat(c->staging_fd, &here) == 0 &&
            fstatat(place_fd(c), c->staging, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            here.st_ino == there.st_ino) {
            tree_sweep(place_fd(c), here.st_uid); /* which is us: geteuid() is not to be had here */
            return 0;
        }
        c->staging_fd = fd_close(c->staging_fd);
    }
    return -EBUSY;
}

/* Return: 1 it is there; 0 it is not; negative errno. */
static int look_at_target(Commit *c)
{
    struct stat st;
    if (fstatat(c->parent_fd, c->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (c->mode == COMMIT_APPEND || c->mode == COMMIT_REPLACE) {
        c->target_fd = openat(c->parent_fd, c->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (c->target_fd < 0)
            return -errno;
    }
    if (c->mode == COMMIT_OVERWRITE && S_ISLNK(st.st_mode))
        return -ELOOP; /* the link would be replaced, not what it means */
    return 1;
}

int commit_begin(const char *path, CommitMode mode, CommitStepCall step_call, void *userdata,
                 Commit **ret_commit, QueryError *error)
{
    _cleanup_(commit_freep) Commit *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->mode = mode;
    c->step = step_call;
    c->userdata = userdata;
    c->parent_fd = c->target_fd = c->staging_fd = -EBADF;
    int r = split_path(c, path, error);
    if (r != 0)
        return r;
    r = open_parent(c);
    if (r == 0)
        r = look_at_target(c);
    if (r < 0)
        return write_fail(error, c->path, r);
    if (r == 1 && mode == COMMIT_ERROR)
        return already_exists(c, error);
    if (r == 1 && mode == COMMIT_IGNORE)
        return COMMIT_E_IGNORED;
    r = make_staging(c);
    if (r < 0)
        return write_fail(error, c->path, r);
    r = step(c, COMMIT_STEP_STAGED);
    if (r == 0)
        *ret_commit = TAKE_PTR(c);
    return r;
}

int commit_directory(const Commit *commit)
{
    return commit->staging_fd;
}

const char *commit_id(const Commit *commit)
{
    return commit->id;
}

/* ---- the end ---- */

static void on_moved(void *userdata)
{
    Commit *c = userdata;
    c->ended = true; /* of one file: this was the rename that counts */
    (void)step(c, COMMIT_STEP_MOVED);
}

/* The target is new, or all of it is replaced: one rename. */
static int end_whole(Commit *c)
{
    if (renameat2(c->parent_fd, c->staging, c->parent_fd, c->name, RENAME_NOREPLACE) == 0) {
        c->ended = true;
        (void)step(c, COMMIT_STEP_VISIBLE);
        (void)fsync(c->parent_fd);
        return 0;
    }
    if (errno != EEXIST || c->mode != COMMIT_OVERWRITE)
        return -errno;
    if (renameat2(c->parent_fd, c->staging, c->parent_fd, c->name, RENAME_EXCHANGE) < 0)
        return -errno;
    c->ended = true;
    (void)step(c, COMMIT_STEP_VISIBLE);
    (void)fsync(c->parent_fd);
    c->staging_fd = fd_close(c->staging_fd); /* it is the target now, which others want to hold */
    tree_discard(c->parent_fd, c->staging, -EBADF); /* what was there before */
    return 0;
}

/* Now what is in the staging directory counts, under another name of it. */
static int rename_staging(Commit *c, const char *prefix)
{
    char name[TREE_NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s%s", prefix, c->staging + strlen(TREE_STAGING));
    if (renameat2(c->target_fd, c->staging, c->target_fd, name, RENAME_NOREPLACE) < 0)
        return -errno;
    memcpy(c->staging, name, sizeof(name));
    c->ended = true;
    (void)step(c, COMMIT_STEP_VISIBLE);
    (void)fsync(c->target_fd);
    return 0;
}

/*
 * Files are added to those of a directory. One file is moved and that is all. Of several, the
 * rename to a name that readers look into is what counts; then they are moved up one by one.
 */
static int end_append(Commit *c, uint64_t n_files)
{
    if (n_files > 1) {
        int r = rename_staging(c, TREE_COMMITTED);
        if (r < 0)
            return r;
    }
    int r = tree_move_up(c->staging_fd, c->target_fd, 0, on_moved, c);
    if (r < 0 && !c->ended)
        return r; /* nothing has been moved */
    c->ended = true;
    if (r == 0)
        (void)tree_remove(c->target_fd, c->staging);
    return 0;
}

/*
 * Partitions take their places one by one, each by a rename. Of several, one that says so comes
 * first: whoever writes here next goes on where a dead writer ended.
 */
static int end_replace(Commit *c)
{
    uint32_t n = 0;
    int r = replace_partitions(c->staging_fd, c->target_fd, c->id, true, &n, NULL, NULL);
    if (r == 0 && n > 1)
        r = rename_staging(c, TREE_REPLACING);
    if (r == 0)
        r = replace_partitions(c->staging_fd, c->target_fd, c->id, false, &n, on_moved, c);
    if (r < 0) /* once it counts, the rest stays for the next writer */
        return r;
    c->ended = true;
    (void)renameat2(c->staging_fd, "_SUCCESS", c->target_fd, "_SUCCESS", RENAME_NOREPLACE);
    tree_discard(c->target_fd, c->staging, c->target_fd); /* what was there before */
    return 0;
}

static int end_within(Commit *c, uint64_t n_files)
{
    return c->mode == COMMIT_REPLACE ? end_replace(c) : end_append(c, n_files);
}

static int write_success(Commit *c)
{
    _cleanup_close_ int fd =
        openat(c->staging_fd, "_SUCCESS", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return fd < 0 ? -errno : fsync(fd) < 0 ? -errno : 0;
}

/* Somebody has made the target since we looked. */
static int within_after_all(Commit *c, uint64_t n_files)
{
    int fd = openat(c->parent_fd, c->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (renameat2(c->parent_fd, c->staging, fd, c->staging, RENAME_NOREPLACE) < 0) {
        int r = -errno;
        (void)fd_close(fd);
        return r;
    }
    c->target_fd = fd;
    return end_within(c, n_files);
}

int commit_end(Commit *c, QueryError *error)
{
    uint64_t n_files = 0;
    int r = write_success(c);
    if (r == 0)
        r = tree_sync(c->staging_fd, 0, &n_files);
    if (r == 0)
        r = fsync(place_fd(c)) < 0 ? -errno : 0;
    if (r < 0)
        return write_fail(error, c->path, r);
    r = step(c, COMMIT_STEP_SYNCED);
    if (r == 0)
        r = step(c, COMMIT_STEP_POINT);
    if (r != 0)
        return r;
    r = c->target_fd >= 0 ? end_within(c, n_files) : end_whole(c);
    if (r == -EEXIST && c->target_fd < 0 && (c->mode == COMMIT_APPEND || c->mode == COMMIT_REPLACE))
        r = within_after_all(c, n_files);
    if (r == -EEXIST && c->mode == COMMIT_IGNORE)
        r = 0; /* somebody was faster: that is what was asked for */
    if (r == -EEXIST)
        return already_exists(c, error);
    if (r < 0)
        return write_fail(error, c->path, r);
    (void)step(c, COMMIT_STEP_DONE);
    return 0;
}

Commit *commit_free(Commit *c)
{
    if (!c)
        return NULL;
    if (c->staging_fd >= 0 && !c->ended)
        (void)tree_remove(place_fd(c), c->staging);
    (void)fd_close(c->staging_fd);
    (void)fd_close(c->target_fd);
    (void)fd_close(c->parent_fd);
    free(c);
    return NULL;
}
