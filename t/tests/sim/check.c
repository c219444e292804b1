/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check.h"

#include <assert.h>
#include <stdlib.h>

#include "scheduler/scheduler_internal.h"

static void check_session(const Sched *s, const Session *se, uint32_t n_slots)
{
    uint32_t n_running = 0, n_queued = 0;
    const Executor *e = sched_executor_of(s, se);
    list_for_each (n, &se->queries) {
        const Query *q = container_of(n, Query, in_session);
        n_running += q->stage != QUERY_WAITING;
        n_queued += q->stage == QUERY_WAITING;
        assert(q->overtaken <= SCHED_OVERTAKE_MAX); /* no starvation */
        assert(q->stage != QUERY_RAISING || e->resize_serial != 0);
    }
    assert(n_running == se->n_running && n_queued == se->n_queued);
    assert(n_running + n_queued <= SCHED_QUERIES_PER_SESSION);
    assert(n_slots == se->n_slots);
    assert(n_slots == 0 || n_running > 0); /* a lease only while there is work */
    assert((se->state == SCHED_SESSION_LIVE) <= (e != NULL));
    assert(!e || &s->sessions[e->session] == se);
    /* Never told more than the limits in force carry (D-10). */
    assert(se->state != SCHED_SESSION_LIVE || se->grant_bytes <= e->grant_bytes);
}

void check_sched(const Sched *s)
{
    uint64_t committed = 0;
    uint32_t n_sessions = 0, n_running = 0, n_waiting = 0;
    uint32_t *n_slots = calloc(s->config.sessions_max, sizeof(*n_slots));
    uint64_t *tenant_sums =
        calloc(s->n_executors_max + s->config.sessions_max, sizeof(*tenant_sums));
    assert(n_slots && tenant_sums);

    for (uint32_t i = 0; i < s->slots.n_slots; i++) {
        if (s->slots.slots[i].owner == SLOT_FREE)
            continue;
        n_slots[s->slots.slots[i].owner]++;
        assert(s->slots.groups[s->slots.slots[i].group].online); /* no lease on a missing slot */
    }
    sched_each_executor(s, e)
    {
        committed += sched_executor_committed(e);
        if (e->tenant != SCHED_NONE)
            tenant_sums[e->tenant] += sched_executor_committed(e);
    }
    assert(committed == s->committed_bytes);
    sched_each_live(s, se)
    {
        n_sessions++;
        n_running += se->n_running;
        n_waiting += se->n_queued;
        check_session(s, se, n_slots[sched_session_index(s, se)]);
    }
    assert(n_sessions == s->n_sessions && n_running == s->n_running && n_waiting == s->n_waiting);
    for (uint32_t i = 0; i < s->n_executors_max + s->config.sessions_max; i++) {
        const Tenant *t = &s->tenants[i];
        bool used = t->n_executors > 0 || t->n_sessions > 0;
        assert(used ||
               (t->committed_bytes == 0 && t->n_queries == 0 && t->n_running == 0)); /* D-12 */
        assert(!used || t->committed_bytes == tenant_sums[i]);
        assert(!used || !s->config.tenant_memory_max_bytes ||
               t->committed_bytes <= s->config.tenant_memory_max_bytes);
    }
    free(n_slots);
    free(tenant_sums);
}
