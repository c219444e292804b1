/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One (uid, session id) of a gateway, from SESSION_OPEN to its end. It outlives its executors: when
 * one dies and the scheduler says so, it gets the next generation.
 */

#include "daemon/manager.h"

typedef enum SessionState {
    SESSION_OPENING, /* waits for a place */
    SESSION_PLACING, /* an executor is being made its own */
    SESSION_RUNNING,
    SESSION_RESTARTING, /* executor lost; waits for the gateway's RETRY and then for a place */
    _SESSION_STATE_MAX,
} SessionState;

/* A query that waits or runs, as its executor estimated it. */
typedef struct SessionQuery {
    bool used;
    ControlQueryEstimate estimate;
    uint64_t grant_bytes; /* the largest it had; 0: not granted yet */
    uint32_t n_threads;
    uint32_t position;                 /* in the queue; 0: running */
    uint64_t started_usec;             /* since 1970 */
    uint64_t asked_usec, granted_usec; /* monotonic */
    char reason[CONTROL_REASON_MAX];   /* why it waits */
} SessionQuery;

struct Session {
    ListNode node;
    Manager *manager;
    uint64_t id;
    SessionState state;
    Identity identity;
    char client_id[CONTROL_SESSION_ID_MAX];
    uint32_t profile, performance;
    GatewayPeer *peer;
    uint64_t serial; /* of the OPEN or RETRY that waits for an answer; 0: none */
    Account *account;
    Charge charge;
    Executor *executor; /* NULL: none at the moment */
    int channel_fd;     /* the gateway's end, until SESSION_READY carries it */
    uint32_t generation;
    char version[CONTROL_VERSION_NAME_MAX]; /* of its latest executor */
    SessionQuery queries[SCHED_QUERIES_PER_SESSION];
    unsigned n_queries;
    unsigned n_resizes, n_restarts;
    uint32_t last_signal;
    SessionCause last_cause; /* of the last executor's end */
    bool announced;          /* the gateway has had a SESSION_READY */
    bool changed;            /* for the bus */
    uint64_t started_usec;   /* since 1970 */
    uint64_t active_usec;    /* monotonic: when it last had work */
};

const char *session_state_to_string(SessionState state);

/* @identity is the kernel's word for the socket that came with @open. Answers @peer. Return: true
 * when a session holds its ticket now. */
bool session_open(Manager *m, GatewayPeer *peer, const ControlSessionOpen *open,
                  const Identity *identity);
void session_retry(Session *s, uint64_t serial);

/* Ends it: scheduler, books and bus are told; its executor is stopped by the scheduler's order.
 * Frees @s. */
void session_close(Session *s, SessionCause cause, const char *reason);

/* Its executor reported LOCKED. */
void session_ready(Session *s);

/* A frame of its executor in state RUNNING. */
void session_executor_frame(Session *s, const ControlFrame *frame);

/* One order of the scheduler. */
void session_carry_out(Manager *m, const SchedAction *action);
