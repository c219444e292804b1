/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Both ends of a sandboxed session for tests and benchmarks: the daemon's (spawn, HELLO, HANDOUT,
 * LOCKED) and, in a test program standing in the executor's place, the executor's. The same calls
 * in the same order as berthd and exec/main.c make them, so what the tests show holds for those.
 */

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/control.h"
#include "sandbox/sandbox.h"

/* ---- the daemon's end ---- */

typedef struct PeerSession {
    pid_t pid;
    int pidfd;
    int control_fd;
    int data_fd; /* after peer_hand_out() */
    SandboxReport report;
    ControlExecutorHello hello;
    ControlExecutorLocked locked;
} PeerSession;

#define PEER_SESSION_INIT                                                                          \
    {                                                                                              \
        .pid = -1, .pidfd = -EBADF, .control_fd = -EBADF, .data_fd = -EBADF                        \
    }

/* @spec without control_fd. Waits for HELLO. Return: 0; -ECONNRESET it ended before; negative
 * errno. */
int peer_spawn(const SandboxSpec *spec, PeerSession *session);

/* HANDOUT with a data channel and, if @spill_fd >= 0, a spill directory; waits for LOCKED. */
int peer_hand_out(PeerSession *session, uid_t uid, gid_t gid, int spill_fd);

/* Closes the channels, waits (kills after @timeout_ms) and returns the wait status in @ret_info. */
int peer_end(PeerSession *session, int timeout_ms, siginfo_t *ret_info);

/* ---- the executor's end ---- */

typedef struct PeerInside {
    SandboxRoots roots;
    Ring ring;
    int data_fd;
    int spill_fd;
    uid_t uid;
    ControlExecutorLocked locked;
} PeerInside;

/*
 * From the first line of main() to the state in which a tenant's bytes may come. @flags: layers to
 * leave out. Return: 0; 1 the daemon went away while we were warm; negative errno after sending
 * EXECUTOR_FAILED.
 */
int peer_inside(int argc, char **argv, uint32_t flags, PeerInside *ret_inside);
