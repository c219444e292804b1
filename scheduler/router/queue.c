/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries that wait, and whose turn it is. What keeps each one back is remembered with it and
 * looked at again only when that may have changed, so a walk over the queue is a few comparisons
 * for each.
 */
#include <assert.h>
#include <string.h>

#include "scheduler/router/router.h"
#include "scheduler/scaler/scaler.h"

#define QUEUE_NOTICE_USEC USEC_PER_SEC
/* In a longer queue positions are counted anew this often, not after every event. */
#define QUEUE_SHORT 64u
#define QUEUE_COUNT_USEC (250 * USEC_PER_MSEC)

/* May others pass? OWN: yes, nobody but itself keeps it back. */
typedef enum Blocked {
    BLOCKED_NOT,
    BLOCKED_OWN,
    BLOCKED_HOST,
} Blocked;

/* Which pools could give at least one slot; made once per admission. */
typedef struct OpenPools {
    bool open[SCHED_NODES_MAX][_SCHED_CLASS_MAX];
    bool any[_SCHED_CLASS_MAX];
} OpenPools;

/* The three signals: what the client or executor says, the size, and what the same plan did before.
 */
static uint32_t choose_class(const Sched *s, const Session *se, const SchedEvent *event,
                             const History *h)
{
    uint32_t said = se->profile != LATENCY_PROFILE_UNKNOWN ? se->profile : event->estimate.profile;
    if (said == LATENCY_PROFILE_INTERACTIVE)
        return SCHED_CLASS_INTERACTIVE;
    if (said == LATENCY_PROFILE_BATCH ||
        event->estimate.scan_bytes > s->config.interactive_scan_bytes ||
        (h && h->elapsed_usec > s->config.interactive_usec))
        return SCHED_CLASS_BATCH;
    return SCHED_CLASS_INTERACTIVE;
}

const char *router_refused(const Sched *s, const Session *se, uint64_t *ret_limit)
{
    *ret_limit = SCHED_QUERIES_PER_SESSION;
    if (se->n_running + se->n_queued >= SCHED_QUERIES_PER_SESSION)
        return "queries in one session";
    *ret_limit = s->config.queue_max;
    if (s->n_waiting >= s->config.queue_max)
        return "waiting queries on this host";
    return sched_queries_bound(s, se->tenant, se->group, ret_limit);
}

static bool refuse_estimate(Sched *s, Session *se, const SchedEvent *event)
{
    uint64_t limit;
    const char *what = router_refused(s, se, &limit);
    if (!what)
        return false;
    SchedAction *a = sched_emit(s, SCHED_ACTION_REFUSE_QUERY, se);
    a->query = event->estimate.query;
    a->serial = se->answered_serial = event->estimate.serial;
    a->cause = SESSION_CAUSE_QUOTA;
    sched_reason(a, "Not accepted: the limit of %s is %ju. Wait for one to end, then run it again.",
                 what, (uintmax_t)limit);
    return true;
}

Query router_make_query(const Sched *s, const Session *se, const SchedEvent *event)
{
    const History *h = sched_history_find(s, event->estimate.fingerprint);
    uint64_t guess = MIN(event->estimate.memory_peak_bytes, SCHED_BYTES_MAX);
    /* A guess may not claim more than a quarter of the host; what has been seen may. */
    guess = MIN(guess, sched_grant_for_max(s->config.memory_budget_bytes / 4));
    uint64_t seen = MAX(h ? h->peak_bytes + h->peak_bytes / 8 : 0, se->min_need_bytes);
    uint32_t threads = MIN(MAX(event->estimate.parallelism, 1u), SCHED_CPUS_MAX);
    uint64_t useful = event->estimate.scan_bytes / s->config.thread_scan_bytes + 1;
    if (se->mode == SCHED_MODE_STANDARD)
        threads = (uint32_t)MIN((uint64_t)threads, useful);

    return (Query){.query = event->estimate.query,
                   .serial = event->estimate.serial,
                   .fingerprint = event->estimate.fingerprint,
                   .scan_bytes = event->estimate.scan_bytes,
                   .memory_bytes = seen ? seen : guess,
                   .useful_bytes = event->estimate.memory_useful_bytes,
                   .proven = seen != 0,
                   .since_usec = s->now_usec,
                   .asked_usec = s->now_usec,
                   .session = sched_session_index(s, se),
                   .tenant = se->tenant,
                   .class = choose_class(s, se, event, h),
                   .n_threads_max = threads,
                   .why = "for its turn",
                   .n_slots_wanted = (threads + s->config.slot_cpus - 1) / s->config.slot_cpus};
}

static Query *new_query(Sched *s, Session *se, const SchedEvent *event)
{
    Query *q = container_of(s->free_queries.next, Query, in_session);
    list_remove(&q->in_session);
    *q = router_make_query(s, se, event);
    list_append(&se->queries, &q->in_session);
    list_append(&s->waiting, &q->in_queue);
    se->n_queued++;
    s->n_waiting++;
    se->warned = false;
    sched_each_payer(s, se, t) t->n_queries++;
    q->position = s->n_waiting;
    sched_touch(s, se);
    return q;
}

/* What the process may use in all when @q runs beside the session's other queries. */
uint64_t router_total(const Sched *s, const Session *se, const Query *q)
{
    uint64_t total = s->config.floor_bytes + q->memory_bytes;
    list_for_each (n, &se->queries) {
        const Query *other = container_of(n, Query, in_session);
        if (other->stage != QUERY_WAITING)
            total += other->memory_bytes;
    }
    total = ALIGN_UP(MIN(total, SCHED_BYTES_MAX), MIB);
    uint64_t ceiling = scaler_ceiling(s, se, true);
    return MAX(MIN(total, ceiling), s->config.floor_bytes);
}

void router_estimate(Sched *s, Session *se, const SchedEvent *event)
{
    if (refuse_estimate(s, se, event))
        return;
    assert(!list_empty(&s->free_queries)); /* the checks above leave one */
    (void)new_query(s, se, event);
}

/* It waits no more. */
static void begin(Sched *s, Session *se, Query *q)
{
    list_remove(&q->in_queue);
    se->n_queued--;
    s->n_waiting--;
    se->n_running++;
    s->n_running++;
    sched_each_payer(s, se, t) t->n_running++;
    q->stage = QUERY_RAISING;
    q->admitted = ++s->n_admitted;
    sched_touch(s, se);
}

void router_adopt(Sched *s, Session *se, const SchedEvent *event)
{
    if (list_empty(&s->free_queries) || se->n_running >= SCHED_QUERIES_PER_SESSION)
        return;
    Query *q = new_query(s, se, event);
    if (se->n_running == 0) {
        se->class = q->class;
        (void)router_lease(s, se, q->class, q->n_slots_wanted); /* if not, the pump finds some */
        se->n_slots_wanted = MAX(se->n_slots, 1u);
    }
    begin(s, se, q);
    q->stage = QUERY_RUNNING;
}

/* Idle sessions had their time to give back and nobody else could: what there is has to do. */
static bool may_settle(const Sched *s, const Query *q, bool own)
{
    return s->now_usec - q->since_usec >= s->config.open_wait_usec &&
           (s->n_running == 0 || (own && s->tenants[q->tenant].n_running == 0));
}

/* What keeps it back, but for slots. */
void router_weigh(const Sched *s, Query *q)
{
    const Session *se = &s->sessions[q->session];
    const Executor *e = sched_executor_of(s, se);
    q->node = se->node;
    q->movable = router_movable(s, se);
    q->rides = se->n_running > 0;
    q->hold = HOLD_NOT;
    q->seen_room = s->n_room;
    q->seen_ceilings = s->n_ceilings;
    if (e->resize_serial != 0 || e->state != EXECUTOR_READY) {
        q->why = "for its session's memory limit to be written";
        q->hold = HOLD_SESSION;
        return;
    }
    const char *bound = sched_turn_bound(s, se);
    if (bound) {
        q->why = bound;
        q->hold = HOLD_QUOTA;
        return;
    }
    uint64_t total = router_total(s, se, q);
    if (total <= e->grant_bytes || total <= scaler_room(s, se, true))
        return;
    bool own = scaler_own_limit(s, se, total);
    q->why = own ? "for memory: the limit of its session or user is reached" : "for memory";
    if (may_settle(s, q, own))
        return;
    q->hold = own ? HOLD_TENANT : HOLD_MEMORY;
    q->lacking_bytes = scaler_lacking(s, se, total);
}

/* Could the answer be another than the last time? @spare_bytes: what an admission may take. */
static bool may_have_changed(const Sched *s, const Query *q, uint64_t spare_bytes)
{
    switch (q->hold) {
    case HOLD_UNKNOWN:
        return true;
    case HOLD_MEMORY:
        return q->seen_ceilings != s->n_ceilings || q->lacking_bytes <= spare_bytes ||
               may_settle(s, q, true);
    case HOLD_QUOTA:
        return q->seen_room != s->n_room;
    case HOLD_TENANT:
        return q->seen_ceilings != s->n_ceilings || q->seen_room != s->n_room ||
               may_settle(s, q, true);
    default:
        return false; /* HOLD_SESSION: touched when it changes; HOLD_NOT: weighed when chosen */
    }
}

static void find_open_pools(const Sched *s, OpenPools *ret_pools)
{
    memset(ret_pools, 0, sizeof(*ret_pools));
    for (uint32_t i = 0; i < s->slots.n_pools; i++) {
        const SlotPool *p = &s->slots.pools[i];
        bool open = p->n_free > 0 || s->lessees[i].n_many > 0;
        ret_pools->open[p->node][p->class] = open;
        ret_pools->any[p->class] = ret_pools->any[p->class] || open;
    }
}

bool router_slot_for(const Sched *s, const Query *q)
{
    OpenPools pools;
    find_open_pools(s, &pools);
    return q->rides || pools.open[q->node][q->class] || (q->movable && pools.any[q->class]);
}

static Blocked blocked_by(Sched *s, Query *q, const OpenPools *pools, uint64_t spare_bytes)
{
    if (may_have_changed(s, q, spare_bytes))
        router_weigh(s, q);
    if (s->pressure == SCHED_PRESSURE_FULL && q->class == SCHED_CLASS_BATCH && s->n_running > 0) {
        q->why = "because the host is short of memory";
        return BLOCKED_OWN;
    }
    if (q->hold == HOLD_SESSION || q->hold == HOLD_QUOTA)
        return BLOCKED_OWN;
    if (q->hold == HOLD_TENANT) {
        scaler_tenant_short(s, &s->sessions[q->session]);
        return BLOCKED_OWN;
    }
    if (q->hold == HOLD_MEMORY) {
        scaler_host_short(s, q->lacking_bytes);
        return BLOCKED_HOST;
    }
    if (q->rides || pools->open[q->node][q->class] || (q->movable && pools->any[q->class]))
        return BLOCKED_NOT;
    q->why = q->class == SCHED_CLASS_BATCH ? "for a slot of the batch pool"
                                           : "for a slot of the interactive pool";
    return BLOCKED_HOST;
}

/* Before @best in the queue: who only the host kept back has been overtaken. */
static void count_overtaken(Sched *s, const Query *best, const OpenPools *pools,
                            uint64_t spare_bytes)
{
    list_for_each (n, &s->waiting) {
        Query *q = container_of(n, Query, in_queue);
        if (q == best)
            break;
        if (blocked_by(s, q, pools, spare_bytes) != BLOCKED_OWN)
            q->overtaken++;
    }
}

/*
 * Whose turn is it? The tenant with the least running work, then the oldest; but a query that has
 * been overtaken SCHED_OVERTAKE_MAX times is next, and while only the host keeps it back nobody
 * else is. @ret_due: it has been.
 */
static Query *walk_queue(Sched *s, const OpenPools *pools, uint64_t spare_bytes, bool *ret_due)
{
    Query *best = NULL;
    uint32_t least = UINT32_MAX;
    *ret_due = false;
    list_for_each (n, &s->waiting) {
        Query *q = container_of(n, Query, in_queue);
        Blocked b = blocked_by(s, q, pools, spare_bytes);
#ifndef BERTH_MUTATION_NO_TURN
        if (b != BLOCKED_OWN && q->overtaken >= SCHED_OVERTAKE_MAX) {
            *ret_due = true;
            return b == BLOCKED_NOT ? q : NULL;
        }
#endif
        if (b != BLOCKED_NOT || s->tenants[q->tenant].n_running >= least)
            continue;
#ifdef BERTH_MUTATION_UNFAIR
        return q;
#endif
        least = s->tenants[q->tenant].n_running;
        best = q;
    }
    return best;
}

static Query *choose_query(Sched *s)
{
    OpenPools pools;
    uint64_t budget = s->config.memory_budget_bytes - s->config.memory_reserve_bytes;
    uint64_t spare = budget - MIN(budget, s->committed_bytes);
    bool due;
    find_open_pools(s, &pools);
    for (;;) {
        Query *best = walk_queue(s, &pools, spare, &due);
        if (!best)
            return NULL;
        router_weigh(s, best); /* others may have taken what there was */
        if (blocked_by(s, best, &pools, spare) != BLOCKED_NOT)
            continue;
        if (!due)
            count_overtaken(s, best, &pools, spare);
        return best;
    }
}

static void grant(Sched *s, Session *se, Query *q)
{
    const Executor *e = sched_executor_of(s, se);
    sched_touch(s, se);
    router_tell_cpus(s, se);
    se->grant_bytes = e->grant_bytes;
    q->stage = QUERY_RUNNING;
    q->since_usec = s->now_usec;
    SchedAction *a = sched_emit(s, SCHED_ACTION_GRANT, se);
    a->query = q->query;
    a->serial = se->answered_serial = q->serial;
    se->asked = se->returned = false;
    a->grant_bytes = e->grant_bytes;
    uint32_t cpus = se->n_slots ? se->n_slots * s->config.slot_cpus : s->node_online[se->node];
    a->n_threads = MAX(MIN(q->n_threads_max, cpus), 1u);
}

void router_granted(Sched *s, Session *se)
{
    list_for_each (n, &se->queries) {
        Query *q = container_of(n, Query, in_session);
        if (q->stage == QUERY_RAISING)
            grant(s, se, q);
    }
}

static void admit(Sched *s, Query *q)
{
    Session *se = &s->sessions[q->session];
    const Executor *e = sched_executor_of(s, se);
    uint64_t total = router_total(s, se, q);
    if (total > e->grant_bytes)
        total = MIN(total, scaler_room(s, se, true));
    total = scaler_plenty(s, se, total, q->useful_bytes);
    if (se->n_running == 0) {
        bool leased = router_lease(s, se, q->class, q->n_slots_wanted);
        assert(leased);
        se->n_slots_wanted = se->n_slots;
    }
    begin(s, se, q);
    if (total > e->grant_bytes)
        scaler_resize(s, se, total);
    else
        grant(s, se, q);
}

void router_admit(Sched *s)
{
    while (s->n_waiting > 0 && sched_may_emit(s)) {
        Query *q = choose_query(s);
        if (!q)
            return;
        admit(s, q);
    }
}

static void tell_position(Sched *s, Query *q)
{
    bool again = q->told_position != q->position && s->now_usec - q->told_usec >= QUEUE_NOTICE_USEC;
    if ((q->told_position != 0 && !again) || !sched_may_emit(s))
        return;
    SchedAction *a = sched_emit(s, SCHED_ACTION_QUEUE, &s->sessions[q->session]);
    a->query = q->query;
    a->serial = q->serial;
    a->position = q->position;
    sched_reason(a, "Queued at position %u of %u, waiting %s.", q->position, s->n_waiting, q->why);
    q->told_position = q->position;
    q->told_usec = s->now_usec;
}

void router_tell(Sched *s)
{
    uint32_t position = 0;
    while (!list_empty(&s->untold) && sched_may_emit(s)) {
        Session *se = container_of(s->untold.next, Session, in_untold);
        list_remove(&se->in_untold);
        if (se->state == SCHED_SESSION_LIVE)
            router_tell_cpus(s, se);
    }
    if (s->n_waiting <= QUEUE_SHORT || s->now_usec >= s->tell_usec) {
        s->tell_usec = s->now_usec + QUEUE_COUNT_USEC;
        list_for_each (n, &s->waiting) {
            Query *q = container_of(n, Query, in_queue);
            q->position = ++position;
            tell_position(s, q);
        }
        return;
    }
    /* Who has just come stands at the end. */
    for (ListNode *n = s->waiting.prev; n != &s->waiting; n = n->prev) {
        Query *q = container_of(n, Query, in_queue);
        if (q->told_position != 0)
            break;
        tell_position(s, q);
    }
}
