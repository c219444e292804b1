/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/spawn/capability.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel says EINVAL for the first one that it does not know. */
#define CAPABILITIES_END 64

int capability_bound(uint64_t keep)
{
    for (int i = 0; i < CAPABILITIES_END; i++) {
        if (keep & (UINT64_C(1) << i))
            continue;
        int r = prctl(PR_CAPBSET_READ, i, 0, 0, 0);
        if (r < 0)
            break;
        if (r > 0 && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
            return -errno;
    }
    return 0;
}

int capability_limit(uint64_t mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(__NR_capget, &header, data) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        data[i].permitted &= (uint32_t)(mask >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -errno;
    return syscall(__NR_capset, &header, data) < 0 ? -errno : 0;
}

int capability_read(uint64_t *ret_mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(__NR_capget, &header, data) < 0)
        return -errno;
    uint64_t low = data[0].effective | data[0].permitted | data[0].inheritable;
    uint64_t high = data[1].effective | data[1].permitted | data[1].inheritable;
    *ret_mask = low | high << 32;
    return 0;
}
