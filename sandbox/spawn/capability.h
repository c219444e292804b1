/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Capability sets by raw system calls: safe between clone3 and exec, where libcap would allocate.
 * A set is a mask with bit n for capability n.
 */

#include <linux/capability.h>
#include <stdint.h>

#define CAPABILITY_MASK(cap) (UINT64_C(1) << (cap))

/* What the executor starts with: to unmount its libraries, to lock the ring's pages, to change
 * identity. */
#define CAPABILITIES_AT_EXEC                                                                       \
    (CAPABILITIES_WARM | CAPABILITY_MASK(CAP_SYS_ADMIN) | CAPABILITY_MASK(CAP_IPC_LOCK))

/* What it waits with. */
#define CAPABILITIES_WARM                                                                          \
    (CAPABILITY_MASK(CAP_SETUID) | CAPABILITY_MASK(CAP_SETGID) | CAPABILITY_MASK(CAP_SETPCAP))

/* Drops everything but @keep from the bounding set. Return: 0; -EPERM without CAP_SETPCAP. */
int capability_bound(uint64_t keep);

/* permitted = effective = what is there of @mask; inheritable and ambient empty. Return: 0 or
 * negative errno. */
int capability_limit(uint64_t mask);

/* permitted | effective | inheritable; the kernel keeps ambient within the first and the last.
 * Return: 0 or negative errno. */
int capability_read(uint64_t *ret_mask);
