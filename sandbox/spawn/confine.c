/* SPDX-License-Identifier: Apache-2.0 */
/* The executor's own half: warm, identity, lock. Runs in one thread, before the first byte of a
 * tenant. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/landlock/landlock.h"
#include "sandbox/namespace/mount_plan.h"
#include "sandbox/ring/ring.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp/seccomp.h"
#include "sandbox/spawn/capability.h"
#include "sandbox/spawn/confine.h"

/*
 * Mutations (meson -Dmutation=NAME): one key behaviour removed, in this block alone, to show that a
 * test notices. Never in a build that ships; see README, "Mutations".
 */
#ifdef BERTH_MUTATION_NO_SECCOMP
#define MUTATION_FLAGS SANDBOX_FLAG_WITHOUT_SECCOMP
#else
#define MUTATION_FLAGS 0u
#endif
#ifdef BERTH_MUTATION_NO_DROP
#define CAPABILITIES_LOCKED CAPABILITIES_WARM
#define MUTATION_SECUREBITS SECBIT_KEEP_CAPS
#else
#define CAPABILITIES_LOCKED UINT64_C(0)
#define MUTATION_SECUREBITS 0
#endif

/* NO_SETUID_FIXUP stays off, locked: the change of uid must clear what it can. */
#define SECUREBITS                                                                                 \
    (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |                        \
     SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED |  \
     MUTATION_SECUREBITS)

#define OPEN_FILES_SEEN 256u

/* Linux 6.3; not in Debian 12's linux/prctl.h. */
#define SET_MDWE 65
#define MDWE_REFUSE_EXEC_GAIN 1ul

int sandbox_roots_from_argv(int argc, char **argv, SandboxRoots *ret_roots)
{
    SandboxRoots roots = {.n = 0};
    for (int i = 1; i < argc; i++) {
        bool writable = strncmp(argv[i], "--write=", 8) == 0;
        if (!writable && strncmp(argv[i], "--read=", 7) != 0)
            continue;
        const char *path = strchr(argv[i], '=') + 1;
        if (path[0] != '/')
            return -EINVAL;
        if (roots.n == SANDBOX_ROOTS_MAX)
            return -E2BIG;
        roots.paths[roots.n] = path;
        roots.writable[roots.n++] = writable;
    }
    *ret_roots = roots;
    return 0;
}

void confine_make_ring(const RingOptions *options, Ring *ret_ring, ControlExecutorHello *ret_hello)
{
    *ret_ring = (Ring)RING_INIT;
    int r = options ? ring_open(options, ret_ring) : 0;
    ret_hello->ring_errno = r;
    ret_hello->io_mode = ret_ring->fd >= 0 ? IO_MODE_RING : IO_MODE_PREAD;
    ret_hello->ring_restricted = ret_ring->restricted;
    ret_hello->landlock_abi = landlock_abi();
    /* The ring's pages are there; nothing else has a reason to be locked into memory. */
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_MEMLOCK, &none);
}

/* A session keyring of its own, so that the user's is not reachable. Kernels without keys have none
 * to reach. */
static int join_keyring(void)
{
    if (syscall(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
        return -errno;
    return 0;
}

int sandbox_warm(const RingOptions *ring, Ring *ret_ring, ControlExecutorHello *ret_hello,
                 SandboxStep *ret_step)
{
    *ret_step = SANDBOX_STEP_WARM;
    /* The start left nothing above the control socket; the second sweep is for what the linker may
     * have left. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0 ||
        syscall(__NR_close_range, CONTROL_EXECUTOR_FD + 1, ~0u, 0) < 0)
        return -errno;
    int r = mount_plan_forget_executor();
    if (r < 0)
        return r;
    *ret_step = SANDBOX_STEP_KEYRING;
    r = join_keyring();
    if (r < 0)
        return r;
    *ret_step = SANDBOX_STEP_RING;
    confine_make_ring(ring, ret_ring, ret_hello);
    /* All that does not depend on the client happens here, before anybody waits: what is left for
     * the hand-out are three capabilities to change identity. */
    *ret_step = SANDBOX_STEP_CAPABILITIES;
    r = capability_bound(0);
    if (r >= 0 && prctl(PR_SET_SECUREBITS, SECUREBITS) < 0)
        r = -errno;
    if (r >= 0)
        r = capability_limit(CAPABILITIES_WARM);
    if (r < 0) {
        ring_close(ret_ring);
        return r;
    }
    *ret_step = SANDBOX_STEP_NONE;
    return 0;
}

int sandbox_take_identity(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups)
{
    if (n_groups > CONTROL_GROUPS_MAX || uid == (uid_t)-1 || gid == (gid_t)-1)
        return -EINVAL;
    /* Raw calls: the wrappers would also signal the other threads of a process that has none. */
    if (syscall(__NR_setgroups, n_groups, groups) < 0 ||
        syscall(__NR_setresgid, gid, gid, gid) < 0 || syscall(__NR_setresuid, uid, uid, uid) < 0)
        return -errno;
    return capability_limit(CAPABILITIES_LOCKED);
}

/* There is no /proc to ask: unshare(CLONE_THREAD) changes nothing and fails beside other threads.
 */
static bool is_single_threaded(void)
{
    return unshare(CLONE_THREAD) == 0;
}

/* Descriptors are given out from below, so this sees them all unless somebody hides one. */
static int count_open_files(uint32_t *ret_n)
{
    struct pollfd fds[OPEN_FILES_SEEN];
    for (size_t i = 0; i < OPEN_FILES_SEEN; i++)
        fds[i] = (struct pollfd){.fd = (int)i};
    if (poll(fds, OPEN_FILES_SEEN, 0) < 0)
        return -errno;
    uint32_t n_open = 0;
    for (size_t i = 0; i < OPEN_FILES_SEEN; i++)
        n_open += !(fds[i].revents & POLLNVAL);
    *ret_n = n_open;
    return 0;
}

static int drop_capabilities(bool embedded, uint32_t *missing)
{
    /* After sandbox_warm() this reads every bit once more and finds it gone. */
    int r = capability_bound(0);
    if (r < 0 && !embedded)
        return r;
    if (r < 0)
        *missing |= SANDBOX_MISSING_BOUNDING_SET;
    if (embedded) {
        if (join_keyring() < 0)
            *missing |= SANDBOX_MISSING_KEYRING;
        (void)prctl(PR_SET_SECUREBITS, SECUREBITS); /* needs a user namespace of its own */
    }
    return capability_limit(CAPABILITIES_LOCKED);
}

/* Everything that can be read back before prctl is gone (D-6). */
static int verify(ControlExecutorLocked *locked)
{
    uid_t uids[3];
    if (syscall(__NR_getresuid, &uids[0], &uids[1], &uids[2]) < 0)
        return -errno;
    int r = capability_read(&locked->capabilities);
    if (r < 0)
        return r;
    locked->uid = uids[1];
    locked->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    if (uids[0] != uids[1] || uids[1] != uids[2] || locked->capabilities != CAPABILITIES_LOCKED ||
        locked->no_new_privs != 1 || prctl(PR_GET_DUMPABLE) != 0)
        return -ENOTRECOVERABLE;
    return count_open_files(&locked->n_open_fds);
}

static int load_filter(SeccompStage stage, ControlExecutorLocked *locked)
{
    int r = seccomp_load(stage, getpid());
    if (r < 0)
        return r;
    /* A filter that is in force is one that refuses. */
    if (prctl(PR_GET_SECCOMP) >= 0 || errno != EPERM)
        return -ENOTRECOVERABLE;
    locked->seccomp_mode = SECCOMP_MODE_FILTER;
    locked->n_seccomp_calls = seccomp_n_allowed();
    return 0;
}

int sandbox_prepare(const SandboxRoots *roots, uint32_t flags, SandboxPrepared *ret_prepared,
                    SandboxStep *ret_step)
{
    flags |= MUTATION_FLAGS;
    SandboxPrepared prepared = {.ruleset_fd = -EBADF};
    *ret_step = SANDBOX_STEP_LANDLOCK;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    uint32_t abi = flags & SANDBOX_FLAG_WITHOUT_LANDLOCK ? 0 : landlock_abi();
    bool denied = false;
    int r = abi > 0 ? landlock_prepare(abi, roots, &denied, &prepared.ruleset_fd) : 0;
    if (r < 0)
        return r;
    if (denied) /* the client may see it: again, as the client */
        fd_closep(&prepared.ruleset_fd);
    *ret_step = SANDBOX_STEP_SECCOMP;
    if (!(flags & SANDBOX_FLAG_WITHOUT_SECCOMP)) {
        r = seccomp_load(SECCOMP_STAGE_WARM, getpid());
        if (r < 0) {
            fd_closep(&prepared.ruleset_fd);
            return r;
        }
        prepared.filtered = true;
    }
    *ret_step = SANDBOX_STEP_NONE;
    *ret_prepared = prepared;
    return 0;
}

/* Takes the ruleset that is there, or makes one. */
static int confine_files(const SandboxLockOptions *options, uint32_t abi)
{
    bool denied;
    _cleanup_close_ int ruleset_fd =
        options->prepared ? TAKE_FD(options->prepared->ruleset_fd) : -EBADF;
    if (abi == 0)
        return 0;
    int r = ruleset_fd < 0 ? landlock_prepare(abi, options->roots, &denied, &ruleset_fd) : 0;
    return r < 0 ? r : landlock_confine(abi, ruleset_fd, options->spill_fd);
}

int sandbox_lock(const SandboxLockOptions *options, ControlExecutorLocked *ret_locked,
                 uint32_t *ret_missing, SandboxStep *ret_step)
{
    uint32_t missing = options->embedded ? SANDBOX_MISSING_CGROUP : 0;
    uint32_t flags = options->flags | MUTATION_FLAGS;
    bool filtered = options->prepared && options->prepared->filtered;
    ControlExecutorLocked locked = {.header = ret_locked->header};

    *ret_step = SANDBOX_STEP_CAPABILITIES;
    if (!is_single_threaded())
        return -EBUSY;
    int r = drop_capabilities(options->embedded, &missing);
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    /* A second layer under the filter's rule: memory never becomes executable. */
    (void)prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);

    *ret_step = SANDBOX_STEP_LANDLOCK;
    uint32_t abi = flags & SANDBOX_FLAG_WITHOUT_LANDLOCK ? 0 : landlock_abi();
    r = confine_files(options, abi);
    if (r < 0)
        return r;
    locked.landlock_abi = abi;
    if (abi == 0)
        missing |= SANDBOX_MISSING_LANDLOCK;

    bool has_ring = options->ring && options->ring->fd >= 0;
    locked.io_mode = has_ring ? IO_MODE_RING : IO_MODE_PREAD;
    locked.ring_restricted = has_ring && options->ring->restricted;
    if (!has_ring)
        missing |= SANDBOX_MISSING_RING;

    *ret_step = SANDBOX_STEP_VERIFY;
    r = verify(&locked);
    if (r < 0)
        return r;
    *ret_step = SANDBOX_STEP_SECCOMP;
    if (!(flags & SANDBOX_FLAG_WITHOUT_SECCOMP)) {
        r = load_filter(filtered ? SECCOMP_STAGE_FINAL : SECCOMP_STAGE_FULL, &locked);
        if (r < 0)
            return r;
    }
    *ret_step = SANDBOX_STEP_NONE;
    *ret_locked = locked;
    if (ret_missing)
        *ret_missing = missing;
    return 0;
}
