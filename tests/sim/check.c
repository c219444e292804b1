/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/router/router.h"
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

static bool in_list(const ListNode *n)
{
    return n->next != n;
}

/* What it is filed under follows from its fields: did anybody forget sched_refile()? */
static void check_filing(const Sched *s, const Session *se)
{
    const Executor *e = sched_executor_of(s, se);
    uint32_t i = sched_session_index(s, se);
    bool live = se->state == SCHED_SESSION_LIVE && e->state == EXECUTOR_READY;
    bool settled = live && e->resize_serial == 0;
    bool holds = live && e->grant_bytes > s->config.floor_bytes;
    bool idle = se->n_running == 0 && se->n_requests == 0 && se->trip_usec == 0;
    bool asked_long_ago = s->now_usec - se->shrink_usec >= SCHED_SHRINK_REPEAT_USEC;
    bool in_idle = heap_has(&s->idle[0], i) || heap_has(&s->idle[1], i) || heap_has(&s->spent, i);
    assert(lookup_get(&s->session_ids, se->id) == i);
    assert(!in_list(&se->in_touched));
    assert(in_idle <= (settled && holds && idle));
    assert(!(settled && holds && idle && asked_long_ago) || in_idle || heap_has(&s->due, i));
    assert(heap_has(&s->large, i) == holds);
    assert(se->giving == (holds && se->n_running == 0 && !se->returned));
    assert(in_list(&se->in_pressing) == (live && (se->n_requests > 0 || se->trip_usec != 0)));
    assert(in_list(&se->in_opening) == (se->state == SCHED_SESSION_OPENING));
    assert(in_list(&se->in_seeking) == (se->state == SCHED_SESSION_OPENING && !e));
    assert(in_list(&se->in_bucket) == (se->n_slots > 0));
    assert(in_list(&se->in_short) == ((se->n_running > 0 && se->n_slots == 0) ||
                                      (se->n_slots > 0 && se->n_slots < se->n_slots_wanted)));
    assert(se->cpus_told || se->state != SCHED_SESSION_LIVE);
    assert(se->filed_node == se->node && se->filed_load == 1 + se->n_slots);
    assert(se->filed_bytes == (e && !se->spread ? sched_executor_committed(e) : 0));
    assert(se->coming_bytes == 0 || in_list(&se->in_asked));
}

static void check_sums(const Sched *s)
{
    uint64_t coming = 0, used[SCHED_NODES_MAX] = {0};
    uint32_t n_giving = 0, n_stopping = 0, n_executors = 0, n_free = 0;
    sched_each_live(s, se)
    {
        coming += se->coming_bytes;
        n_giving += se->giving;
        used[se->node] += se->filed_bytes;
    }
    sched_each_executor(s, e)
    {
        n_executors++;
        n_stopping += e->state == EXECUTOR_STOPPING;
        coming += e->coming_bytes;
        assert(lookup_get(&s->executor_ids, e->id) == (uint32_t)(e - s->executors));
        assert(e->state != EXECUTOR_STOPPING || e->coming_bytes == sched_executor_committed(e));
    }
    assert(coming == s->coming_bytes && n_giving == s->n_giving);
    assert(n_stopping == s->n_stopping && n_executors == s->n_executors);
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        assert(used[n] == s->node_used[n]);
    for (uint32_t i = 0; i < s->slots.n_pools; i++) {
        const SlotPool *p = &s->slots.pools[i];
        n_free = 0;
        for (uint32_t k = p->first; k < p->first + p->n_slots; k++)
            n_free += s->slots.slots[k].owner == SLOT_FREE &&
                      s->slots.groups[s->slots.slots[k].group].online;
        assert(n_free == p->n_free);
    }
}

void check_sched(const Sched *s)
{
    if (s->adopting)
        return; /* half of it has not been named yet */
    uint64_t committed = 0;
    uint32_t n_sessions = 0, n_running = 0, n_waiting = 0;
    uint32_t *n_slots = calloc(s->config.sessions_max, sizeof(*n_slots));
    uint64_t *tenant_sums = calloc(s->n_tenants_max, sizeof(*tenant_sums));
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
        sched_each_payer(s, e, t) tenant_sums[t - s->tenants] += sched_executor_committed(e);
    }
    assert(committed == s->committed_bytes);
    sched_each_live(s, se)
    {
        n_sessions++;
        n_running += se->n_running;
        n_waiting += se->n_queued;
        check_session(s, se, n_slots[sched_session_index(s, se)]);
        check_filing(s, se);
    }
    check_sums(s);
    assert(n_sessions == s->n_sessions && n_running == s->n_running && n_waiting == s->n_waiting);
    for (uint32_t i = 0; i < s->n_tenants_max; i++) {
        const Tenant *t = &s->tenants[i];
        bool used = t->n_executors > 0 || t->n_sessions > 0;
        assert(used ||
               (t->committed_bytes == 0 && t->n_queries == 0 && t->n_running == 0)); /* D-12 */
        assert(!used || t->committed_bytes == tenant_sums[i]);
        assert(used || (t->spill_bytes == 0 && t->undelivered_bytes == 0 && t->n_giving == 0));
    }
    free(n_slots);
    free(tenant_sums);
}

static void digest(uint64_t *hash, const void *data, size_t size)
{
    for (size_t i = 0; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, (const char *)data + i, 8);
        *hash = (*hash ^ word) * UINT64_C(0x100000001b3);
    }
}

uint64_t check_digest(const Sched *s)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    digest(&hash, s, sizeof(*s));
    digest(&hash, s->sessions, s->config.sessions_max * sizeof(*s->sessions));
    digest(&hash, s->executors, s->n_executors_max * sizeof(*s->executors));
    digest(&hash, s->tenants, s->n_tenants_max * sizeof(*s->tenants));
    digest(&hash, s->queries, s->n_queries_max * sizeof(*s->queries));
    return hash;
}

uint64_t check_before(const Sched *s, uint32_t *ran)
{
    for (uint32_t i = 0; i < s->n_tenants_max; i++)
        ran[i] = s->tenants[i].n_running;
    return s->n_admitted;
}

/* Did the tenant begin queries in this event, all of this class and each with slots in its turn? */
static bool began_by_turn(const Sched *s, uint32_t tenant, uint32_t class, uint64_t n_before)
{
    bool any = false;
    list_for_each (n, &s->tenants[tenant].sessions) {
        const Session *se = sched_session_in(&s->tenants[tenant], n);
        list_for_each (m, &se->queries) {
            const Query *q = container_of(m, Query, in_session);
            if (q->stage == QUERY_WAITING || q->admitted <= n_before)
                continue;
            if (q->rides || q->class != class || q->overtaken >= SCHED_OVERTAKE_MAX)
                return false;
            any = true;
        }
    }
    return any;
}

void check_fairness(const Sched *s, const uint32_t *ran_before, uint64_t n_admitted_before)
{
    uint32_t least[_SCHED_CLASS_MAX] = {UINT32_MAX, UINT32_MAX};
    for (uint32_t i = 0; i < s->n_tenants_max && !s->adopting; i++) {
        const Tenant *t = &s->tenants[i];
        assert(t->n_running <= ran_before[i] || !t->quota.running_max ||
               t->n_running <= t->quota.running_max);
    }
    if (s->adopting || s->n_admitted == n_admitted_before || s->n_waiting == 0)
        return;
    list_for_each (n, &s->waiting) {
        Query q = *container_of(n, Query, in_queue);
        router_weigh(s, &q);
        if (q.hold == HOLD_NOT && q.movable &&
            (q.class != SCHED_CLASS_BATCH || s->pressure != SCHED_PRESSURE_FULL))
            least[q.class] = MIN(least[q.class], s->tenants[q.tenant].n_running);
    }
    for (uint32_t i = 0; i < s->n_tenants_max; i++)
        for (uint32_t class = 0; class < _SCHED_CLASS_MAX; class ++)
            assert(s->tenants[i].is_group || s->tenants[i].n_running <= ran_before[i] ||
                   least[class] == UINT32_MAX || s->tenants[i].n_running <= least[class] + 1 ||
                   !began_by_turn(s, i, class, n_admitted_before));
}
