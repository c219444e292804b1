/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One executor as the manager sees it, from the order to spawn it to the removed directory:
 *
 *   SPAWNING -> STARTING -> WARM -> PLACING -> RUNNING -> ENDING
 *     BORN        WARM              LOCKED                EXITED, GONE      (frames of the core)
 *
 * Any state may go to ENDING. A deadline guards STARTING and PLACING. The manager reads its socket
 * from RUNNING on; a frame that does not belong there is the executor's end. It serves one session
 * in its life (D-7): @session is set in PLACING and never changes except to NULL.
 */

#include "daemon/manager.h"
#include "daemon/session/death.h"
#include "sandbox/cgroup/cgroup.h"

typedef enum ExecutorState {
    EXECUTOR_SPAWNING,
    EXECUTOR_STARTING,
    EXECUTOR_WARM,
    EXECUTOR_PLACING,
    EXECUTOR_RUNNING,
    EXECUTOR_ENDING,
    _EXECUTOR_STATE_MAX,
} ExecutorState;

struct Executor {
    ListNode node;
    Manager *manager;
    uint64_t id; /* the scheduler's */
    ExecutorState state;
    Session *session;
    Charge charge_executor, charge_memory, charge_fds;

    bool ordered;      /* SPAWNING: the core knows of it */
    unsigned n_pauses; /* its birth has made way so often */
    char leaf[CGROUP_NAME_MAX];
    int leaf_fd; /* to read; -EBADF: no cgroup */
    pid_t pid;
    int control_fd; /* from LOCKED on */
    int watch_fd;
    sd_event_source *control_source, *watch_source, *deadline;

    ControlExecutorHello hello;
    ControlExecutorLocked locked;
    uint64_t namespaces[6]; /* mnt pid net ipc uts cgroup: inode numbers of /proc/PID/ns */

    /* What is in force, and the wish that is being carried out. */
    uint64_t grant_bytes, high_bytes, max_bytes;
    uint32_t node_id, cpu_weight;
    uint64_t mems;
    SchedCpus cpus;
    SchedAction *later_move; /* a MOVE that came while PLACING; owned */
    const char *asked_cause; /* what made the scheduler think about this one, and when */
    uint64_t asked_usec;
    const char *resize_cause; /* of the RESIZE that is under way */
    uint64_t resize_usec;

    CgroupMemory memory;  /* as last read */
    uint64_t n_high_told; /* crossings of memory.high up to here are known to the scheduler */
    char operator_name[CONTROL_OPERATOR_MAX];

    /* The end. */
    Death death;
    bool exited, removed;
    SessionCause verdict; /* why berthd killed it; NONE: it did not */
    char reason[CONTROL_REASON_MAX];
};

const char *executor_state_to_string(ExecutorState state);

/* The scheduler's orders. They never fail towards the caller: a failure ends the executor. */
void executor_spawn(Manager *m, const SchedAction *action);
void executor_place(Executor *e, Session *session, const SchedAction *action);
void executor_move(Executor *e, const SchedAction *action);
void executor_resize(Executor *e, const SchedAction *action);

/* Reads what its executor has sent already; feeds the scheduler, so not from within it. */
void executor_drain(Executor *e);

/* SIGKILL and all that follows. The first call's cause and reason stay. */
void executor_kill(Executor *e, SessionCause cause, const char *reason);

/* What the core has done, or seen. @fds that are kept are taken out. Numbers of executors that are
 * gone are ignored. */
void executor_core_frame(Manager *m, const ControlFrame *frame, int *fds);

/* berthd stops: all of them, the warm ones too. */
void executor_stop_all(Manager *m);

/* Sends a frame; a peer that cannot be written to is killed. */
void executor_send(Executor *e, const ControlFrame *frame);

/* Reads the leaf's memory files into e->memory; nothing without a leaf. */
void executor_read_memory(Executor *e);
