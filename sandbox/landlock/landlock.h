/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Landlock: which files the locked executor may still open, enforced by the kernel beside the
 * mounts.
 *
 * What the kernel can restrict depends on its ABI number; we ask for everything it knows. Sources:
 * kernel userspace-api/landlock.rst; ABI 1 5.13, 2 5.19 (refer), 3 6.2 (truncate), 4 6.7 (TCP),
 * 5 6.10 (device ioctl), 6 6.12 (signals and abstract sockets), 7 6.15 (logging only). Constants
 * are ours: Debian 12's headers end at 2.
 */

#include <stdint.h>

#include "sandbox/sandbox.h"

#define LANDLOCK_ABI_KNOWN 7u

/* 0: the kernel has none (or it is switched off). */
uint32_t landlock_abi(void);

/* Everything that file-system rights of this ABI can forbid. 0 for ABI 0. */
uint64_t landlock_handled_fs(uint32_t abi);

/* What stays allowed below a root, a subset of landlock_handled_fs(). Never execute, device, socket
 * or link making. */
uint64_t landlock_allowed_fs(uint32_t abi, bool writable);

/* TCP bind and connect (ABI 4), signal and abstract-socket scopes (ABI 6): all forbidden. */
uint64_t landlock_handled_net(uint32_t abi);
uint64_t landlock_scoped(uint32_t abi);

/**
 * landlock_prepare() - a ruleset: read below the roots, write below the writable ones, nothing else
 * @abi:        of landlock_abi(), not 0
 * @roots:      may be NULL; roots that do not exist are passed over
 * @ret_denied: out, a root exists but may not be looked up by this identity: prepare again as
 * another
 * @ret_fd:     out, owned by the caller
 * Return: 0 or negative errno.
 */
int landlock_prepare(uint32_t abi, const SandboxRoots *roots, bool *ret_denied, int *ret_fd);

/**
 * landlock_confine() - enter the ruleset, for the calling thread and those it makes
 * @spill_fd: written below as well, or -EBADF
 * no_new_privs must be set. Return: 0 or negative errno.
 */
int landlock_confine(uint32_t abi, int ruleset_fd, int spill_fd);
