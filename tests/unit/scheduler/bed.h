/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A scheduler with a host around it that does at once what the actions say; tests look at what was
 * said. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "scheduler/scheduler.h"
#include "tests/sim/check.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define BED_ACTIONS_MAX 4096

typedef struct Bed {
    Sched *sched;
    SchedConfig config;
    SchedTopology topology;
    uint64_t now, serial;
    bool hold_acks; /* RESIZED is the test's affair */
    SchedAction actions[BED_ACTIONS_MAX];
    size_t n_actions;
} Bed;

static inline void bed_send(Bed *b, SchedEvent event)
{
    SchedAction a;
    size_t from = b->n_actions;
    b->now += 10;
    event.now_usec = b->now;
    sched_event(b->sched, &event);
    while (sched_next_action(b->sched, &a)) {
        assert_true(b->n_actions < BED_ACTIONS_MAX);
        b->actions[b->n_actions++] = a;
    }
    check_sched(b->sched);
    for (size_t i = from, n = b->n_actions; i < n; i++) {
        SchedEvent answer = {0};
        a = b->actions[i];
        if (a.type == SCHED_ACTION_SPAWN) {
            answer.type = SCHED_EVENT_EXECUTOR_READY;
            answer.ready.executor = a.executor;
        } else if (a.type == SCHED_ACTION_RESIZE && !b->hold_acks) {
            answer.type = SCHED_EVENT_RESIZED;
            answer.resized.executor = a.executor;
            answer.resized.serial = a.serial;
            answer.resized.high_bytes = a.high_bytes;
            answer.resized.max_bytes = a.max_bytes;
        } else if (a.type == SCHED_ACTION_STOP) {
            answer.type = SCHED_EVENT_EXECUTOR_EXIT;
            answer.exit.executor = a.executor;
            answer.exit.cause = a.cause;
        } else {
            continue;
        }
        bed_send(b, answer);
    }
}

/* n_nodes nodes of @n_cpus CPUs and @memory each. */
static inline Bed *bed_new(uint32_t n_nodes, uint32_t n_cpus, uint64_t memory)
{
    Bed *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    for (uint32_t n = 0; n < n_nodes; n++) {
        b->topology.nodes[n].present = true;
        b->topology.nodes[n].memory_bytes = memory;
        b->topology.n_nodes++;
        for (uint32_t i = n * n_cpus; i < (n + 1) * n_cpus; i++) {
            sched_cpus_add(&b->topology.nodes[n].cpus, i);
            sched_cpus_add(&b->topology.online, i);
        }
    }
    b->config = sched_config_default(n_nodes * memory);
    b->now = USEC_PER_SEC;
    return b;
}

static inline void bed_start(Bed *b)
{
    char reason[128];
    assert_int_equal(sched_config_check(&b->config, reason, sizeof(reason)), 0);
    assert_int_equal(sched_new(&b->config, &b->topology, &b->sched), 0);
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_TIMER});
}

static inline void bed_free(Bed *b)
{
    b->sched = sched_free(b->sched);
    free(b);
}

/* The last action of a type about a session (0: any). NULL: there was none. */
static inline const SchedAction *bed_last(const Bed *b, SchedActionType type, uint64_t session)
{
    for (size_t i = b->n_actions; i-- > 0;)
        if (b->actions[i].type == type && (session == 0 || b->actions[i].session == session))
            return &b->actions[i];
    return NULL;
}

static inline void bed_forget(Bed *b)
{
    b->n_actions = 0;
}

static inline void bed_open(Bed *b, uint64_t session, uint32_t tenant)
{
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_SESSION_OPENED,
                             .session = session,
                             .opened.tenant = tenant});
}

static inline void bed_estimate(Bed *b, uint64_t session, uint64_t query, uint64_t memory,
                                uint64_t scan, uint32_t parallelism)
{
    SchedEvent e = {.type = SCHED_EVENT_QUERY_ESTIMATE, .session = session};
    e.estimate.serial = ++b->serial;
    e.estimate.query = query;
    e.estimate.memory_peak_bytes = memory;
    e.estimate.scan_bytes = scan;
    e.estimate.parallelism = parallelism;
    bed_send(b, e);
}

static inline void bed_estimate_useful(Bed *b, uint64_t session, uint64_t query, uint64_t memory,
                                       uint64_t useful)
{
    SchedEvent e = {.type = SCHED_EVENT_QUERY_ESTIMATE, .session = session};
    e.estimate.serial = ++b->serial;
    e.estimate.query = query;
    e.estimate.memory_peak_bytes = memory;
    e.estimate.memory_useful_bytes = useful;
    e.estimate.parallelism = 1;
    bed_send(b, e);
}

static inline void bed_end(Bed *b, uint64_t session, uint64_t query)
{
    SchedEvent e = {.type = SCHED_EVENT_QUERY_END, .session = session};
    e.end.query = query;
    e.end.state = QUERY_STATE_DONE;
    bed_send(b, e);
}

static inline void bed_request(Bed *b, uint64_t session, uint64_t total, uint64_t minimum)
{
    SchedEvent e = {.type = SCHED_EVENT_MEMORY_REQUEST, .session = session};
    e.request.serial = ++b->serial;
    e.request.total_bytes = total;
    e.request.minimum_bytes = minimum;
    strcpy(e.request.operator_name, "hash join");
    bed_send(b, e);
}

static inline void bed_return(Bed *b, uint64_t session, uint64_t total)
{
    SchedEvent e = {.type = SCHED_EVENT_MEMORY_RETURN, .session = session};
    e.returned.total_bytes = total;
    bed_send(b, e);
}

static inline void bed_high(Bed *b, uint64_t session, uint64_t current)
{
    SchedEvent e = {.type = SCHED_EVENT_MEMORY_HIGH, .session = session};
    e.high.current_bytes = current;
    e.high.high_bytes = current;
    bed_send(b, e);
}

static inline void bed_exit(Bed *b, uint64_t executor, SessionCause cause, uint64_t peak)
{
    SchedEvent e = {.type = SCHED_EVENT_EXECUTOR_EXIT};
    e.exit.executor = executor;
    e.exit.cause = cause;
    e.exit.peak_bytes = peak;
    strcpy(e.exit.operator_name, "hash join");
    bed_send(b, e);
}

static inline void bed_wait(Bed *b, uint64_t usec)
{
    uint64_t until = b->now + usec;
    while (sched_next_timer(b->sched) < until) {
        b->now = sched_next_timer(b->sched) > b->now ? sched_next_timer(b->sched) : b->now;
        bed_send(b, (SchedEvent){.type = SCHED_EVENT_TIMER});
    }
    b->now = until;
    bed_send(b, (SchedEvent){.type = SCHED_EVENT_TIMER});
}

static inline SchedSessionInfo bed_session(const Bed *b, uint64_t session)
{
    SchedSessionInfo info;
    assert_true(sched_get_session(b->sched, session, &info));
    return info;
}
