/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One restricted io_uring ring, made by the executor itself after exec: a ring cannot be sent over
 * a socket and is close-on-exec, so berthd could not hand one over.
 *
 * Raw system calls: liburing.so of Debian 12 (2.3) does not export
 * io_uring_register_restrictions(). The kernel checks restrictions from the moment the ring is
 * enabled, and refuses a second set.
 *
 * Plain ring, submission under a mutex: SINGLE_ISSUER would refuse our worker threads, COOP_TASKRUN
 * would leave completions waiting while their submitter computes. Never SQPOLL, never a
 * personality: both keep the credentials of their creation, root's, past the change of identity.
 */

#include "base/ring.h"

/**
 * ring_open() - set up, register the sparse file table (and buffers), restrict, enable, map
 * @ret_ring: out, owned by the caller; on failure untouched
 *
 * Call it while CAP_IPC_LOCK is held: RLIMIT_MEMLOCK is counted per user, and a neighbour's ring
 * released late makes ours fail (measured at 64 KiB: 121 of 200). Without it, -ENOMEM means: read
 * with pread instead.
 *
 * Return: 0; -EINVAL bad options; -ENOSYS, -EPERM (switched off), -ENOMEM; negative errno.
 */
int ring_open(const RingOptions *options, Ring *ret_ring);

/* Unmaps and closes; a RING_INIT ring is fine. */
void ring_close(Ring *ring);
