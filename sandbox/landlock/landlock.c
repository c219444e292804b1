/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/landlock/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Beyond Debian 12's linux/landlock.h. */
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

typedef struct RulesetAttr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
    uint64_t scoped;             /* ABI 6 */
} RulesetAttr;

uint32_t landlock_abi(void)
{
    long abi = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi > 0 ? (uint32_t)abi : 0;
}

uint64_t landlock_handled_fs(uint32_t abi)
{
    if (abi == 0)
        return 0;
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* bits 0..12: ABI 1 */
    if (abi >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        rights |= FS_TRUNCATE;
    if (abi >= 5)
        rights |= FS_IOCTL_DEV;
    return rights;
}

uint64_t landlock_allowed_fs(uint32_t abi, bool writable)
{
    uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    if (writable)
        rights |= LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                  LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE;
    return rights & landlock_handled_fs(abi);
}

uint64_t landlock_handled_net(uint32_t abi)
{
    return abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0;
}

uint64_t landlock_scoped(uint32_t abi)
{
    return abi >= 6 ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0;
}

static int allow_below(int ruleset_fd, int dir_fd, uint64_t rights)
{
    struct landlock_path_beneath_attr attr = {.allowed_access = rights, .parent_fd = dir_fd};
    return syscall(__NR_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0
               ? -errno
               : 0;
}

int landlock_prepare(uint32_t abi, const SandboxRoots *roots, bool *ret_denied, int *ret_fd)
{
    RulesetAttr attr = {.handled_access_fs = landlock_handled_fs(abi),
                        .handled_access_net = landlock_handled_net(abi),
                        .scoped = landlock_scoped(abi)};
    /* An older kernel refuses a longer structure. */
    size_t size = abi >= 6   ? sizeof(attr)
                  : abi >= 4 ? offsetof(RulesetAttr, scoped)
                             : sizeof(uint64_t);
    bool denied = false;
    _cleanup_close_ int ruleset_fd = (int)syscall(__NR_landlock_create_ruleset, &attr, size, 0);
    if (ruleset_fd < 0)
        return -errno;
    for (size_t i = 0; roots && i < roots->n; i++) {
        _cleanup_close_ int fd = open(roots->paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
            denied |= errno == EACCES;
            continue; /* then nothing is allowed there */
        }
        int r = allow_below(ruleset_fd, fd, landlock_allowed_fs(abi, roots->writable[i]));
        if (r < 0)
            return r;
    }
    *ret_denied = denied;
    *ret_fd = TAKE_FD(ruleset_fd);
    return 0;
}

int landlock_confine(uint32_t abi, int ruleset_fd, int spill_fd)
{
    if (spill_fd >= 0) {
        int r = allow_below(ruleset_fd, spill_fd, landlock_allowed_fs(abi, true));
        if (r < 0)
            return r;
    }
    return syscall(__NR_landlock_restrict_self, ruleset_fd, 0) < 0 ? -errno : 0;
}
