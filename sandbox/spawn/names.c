/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "base/cleanup.h"
#include "sandbox/sandbox.h"

const char *sandbox_step_to_string(SandboxStep step)
{
    static const char *const names[_SANDBOX_STEP_MAX] = {
        [SANDBOX_STEP_NONE] = "none",
        [SANDBOX_STEP_SPEC] = "specification",
        [SANDBOX_STEP_CLONE] = "clone",
        [SANDBOX_STEP_DESCRIPTORS] = "descriptors",
        [SANDBOX_STEP_LIMITS] = "limits",
        [SANDBOX_STEP_MOUNT_ROOT] = "mount of the root",
        [SANDBOX_STEP_MOUNT_EXECUTOR] = "mount of the executor",
        [SANDBOX_STEP_MOUNT_LIBRARY] = "mount of the libraries",
        [SANDBOX_STEP_MOUNT_DATA] = "mount of a data root",
        [SANDBOX_STEP_PIVOT] = "change of the root",
        [SANDBOX_STEP_CAPABILITIES] = "capabilities",
        [SANDBOX_STEP_EXEC] = "exec",
        [SANDBOX_STEP_WARM] = "warm-up",
        [SANDBOX_STEP_RING] = "ring",
        [SANDBOX_STEP_IDENTITY] = "identity",
        [SANDBOX_STEP_KEYRING] = "keyring",
        [SANDBOX_STEP_LANDLOCK] = "Landlock",
        [SANDBOX_STEP_SECCOMP] = "seccomp",
        [SANDBOX_STEP_VERIFY] = "verification",
    };
    return step >= 0 && step < _SANDBOX_STEP_MAX ? names[step] : "unknown";
}

const char *sandbox_missing_to_string(SandboxMissing bit)
{
    switch (bit) {
    case SANDBOX_MISSING_CGROUP:
        return "limits of memory, CPU and processes (no cgroup of its own)";
    case SANDBOX_MISSING_USER_NAMESPACE:
        return "user namespace";
    case SANDBOX_MISSING_MOUNT_NAMESPACE:
        return "mount namespace (files are limited by Landlock alone)";
    case SANDBOX_MISSING_PID_NAMESPACE:
        return "pid namespace";
    case SANDBOX_MISSING_NET_NAMESPACE:
        return "network namespace";
    case SANDBOX_MISSING_IPC_NAMESPACE:
        return "ipc, uts and cgroup namespaces";
    case SANDBOX_MISSING_LANDLOCK:
        return "Landlock (not in this kernel)";
    case SANDBOX_MISSING_RING:
        return "io_uring (files are read with pread)";
    case SANDBOX_MISSING_BOUNDING_SET:
        return "empty capability bounding set (no_new_privs holds)";
    case SANDBOX_MISSING_KEYRING:
        return "session keyring of its own";
    case _SANDBOX_MISSING_ALL:
        break;
    }
    return NULL;
}
