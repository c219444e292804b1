/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One executor as the core sees it: a process, its leaf, its limits.
 *
 *   SPAWNING -> STARTING -> WARM -> PLACING -> HANDOUT -> LOCKED -> EXITED -> gone
 *    birth       HELLO              cpuset      LOCKED               leaf removed
 *
 * Until it is locked its socket is read here: who sends HANDOUT says who it becomes, so that cannot
 * be the manager. From then on it can change nothing about itself, a tenant's bytes are in it, and
 * the core never reads from it again: the manager gets the socket. The core keeps a copy, so that
 * an executor does not notice a manager that ends.
 */

#include <signal.h>

#include "daemon/core/core.h"
#include "sandbox/cgroup/cgroup.h"

typedef enum CoreState {
    CORE_STATE_SPAWNING,
    CORE_STATE_STARTING,
    CORE_STATE_WARM,
    CORE_STATE_PLACING,
    CORE_STATE_HANDOUT,
    CORE_STATE_LOCKED,
    CORE_STATE_EXITED,
    _CORE_STATE_MAX,
} CoreState;

typedef struct CoreExecutor {
    ListNode node;
    Core *core;
    uint64_t id;
    CoreState state;
    unsigned n_jobs; /* on control threads: not freed before they are done */
    bool place_job;  /* one of them places it: not reaped before that is done */
    bool resize_job; /* at most one */
    bool remove_job;
    bool killed, reap_later, removed;

    char leaf[CGROUP_NAME_MAX];
    int leaf_fd; /* -EBADF: no cgroup */
    pid_t pid;
    int pidfd, control_fd;
    int channel_fd; /* the gateway's end, until it is locked */
    CoreSource control_source, pid_source;

    uint64_t high_bytes, max_bytes; /* in force */
    uint64_t promised_bytes;        /* the larger of old and new while a resize is under way */
    ControlHandout handout;         /* PLACING: what it will be told */
    uint64_t retry_usec;            /* of its removal; 0: not waiting */
    siginfo_t death;
} CoreExecutor;

/* What the manager asks for. Return: NULL; or what it asked for that it may not have. Numbers of
 * executors that are gone are no fault: frames cross. */
const char *executor_spawn(Core *core, const ControlCoreSpawn *frame);
const char *executor_kill(Core *core, const ControlCoreKill *frame);
const char *executor_place(Core *core, const ControlCorePlace *frame);
const char *executor_move(Core *core, const ControlCoreMove *frame);
const char *executor_resize(Core *core, const ControlCoreResize *frame);

/* The manager is gone: SIGKILL to all. */
void executor_kill_all(Core *core);
/* Removals whose time has come. */
void executor_retry(Core *core, uint64_t now_usec);
