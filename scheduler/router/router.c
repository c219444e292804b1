/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/router/router.h"

#include <assert.h>
#include <string.h>

#include "scheduler/scaler/scaler.h"

#define QUEUE_NOTICE_USEC USEC_PER_SEC

/* What keeps a waiting query back. OWN: its session's, its tenant's or its class's bound, so others
 * may pass. */
typedef enum Blocked {
    BLOCKED_NOT,
    BLOCKED_OWN,
    BLOCKED_HOST,
} Blocked;

/* Which pools could give at least one slot; made once per admission. */
typedef struct OpenPools {
    bool open[SCHED_NODES_MAX][_SCHED_CLASS_MAX];
} OpenPools;

static void node_cpus(const Sched *s, uint32_t node, SchedCpus *ret_cpus)
{
    for (unsigned w = 0; w < SCHED_CPU_WORDS; w++)
        ret_cpus->bits[w] = s->topology.nodes[node].cpus.bits[w] & s->slots.online.bits[w];
}

void router_count_cpus(Sched *s)
{
    SchedCpus cpus;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++) {
        node_cpus(s, n, &cpus);
        s->node_online[n] = sched_cpus_count(&cpus);
    }
}

uint32_t router_choose_node(Sched *s)
{
    uint32_t load[SCHED_NODES_MAX] = {0}, best = SCHED_NONE;
    uint64_t best_score = UINT64_MAX;
    for (uint32_t i = 0; i < s->config.sessions_max; i++)
        if (s->session_ids[i] != 0)
            load[s->sessions[i].node] += 1 + s->sessions[i].n_slots;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++) {
        unsigned cpus = s->node_online[n];
        uint64_t score = cpus ? (uint64_t)load[n] * 65536 / cpus : UINT64_MAX;
        if (score < best_score) {
            best = n;
            best_score = score;
        }
    }
    assert(best != SCHED_NONE); /* at least one CPU is online, always */
    return best;
}

bool router_fits_home(const Sched *s, const Session *se)
{
    const Executor *e = sched_executor_of(s, se);
    if (se->spread && e->grant_bytes > s->config.floor_bytes)
        return false; /* back home only when small: moving pages is slow */
    uint64_t used = s->node_used[se->node];
    if (se->spread)
        used += sched_executor_committed(e);
    return used <= s->node_share[se->node];
}

void router_fill_place(const Sched *s, const Session *se, SchedAction *a)
{
    const SchedConfig *c = &s->config;
    a->node = se->node;
    a->class = se->class;
    a->n_slots = se->n_slots;
    uint32_t weight = se->n_slots > 0 ? c->cpu_weight[se->class] * se->n_slots
                                      : c->cpu_weight[SCHED_CLASS_INTERACTIVE];
    if (se->mode == SCHED_MODE_PERFORMANCE)
        weight *= 2;
    a->cpu_weight = MIN(weight, 10000u);
    bool home = !se->spread && s->topology.nodes[se->node].memory_bytes > 0;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        if (home ? n == se->node : s->topology.nodes[n].memory_bytes > 0)
            a->mems |= UINT64_C(1) << n;
    if (se->n_slots > 0)
        slot_pool_cpus(&s->slots, slot_table_pool(&s->slots, se->node, se->class),
                       sched_session_index(s, se), &a->cpus);
    else
        node_cpus(s, se->node, &a->cpus);
}

static void tell_cpus(Sched *s, Session *se)
{
    if (se->cpus_told)
        return;
    router_fill_place(s, se, sched_emit(s, SCHED_ACTION_MOVE, se));
    se->cpus_told = true;
}

/* The session of the pool that can best do with a slot less: the most slots, above @above. */
static Session *lease_victim(Sched *s, const SlotPool *pool, uint32_t above)
{
    Session *victim = NULL;
    sched_each_live(s, se)
    {
        if (se->n_slots <= above || se->node != pool->node || se->class != pool->class)
            continue;
        above = se->n_slots;
        victim = se;
    }
    return victim;
}

/*
 * Leases up to @want slots: free ones first, then one after the other from whoever has more than
 * this session would, so that a pool is shared evenly however late somebody comes. Return: false
 * when not even one.
 */
static bool lease(Sched *s, Session *se, uint32_t node, uint32_t class, uint32_t want)
{
    const SlotPool *pool = slot_table_pool(&s->slots, node, class);
    uint32_t index = sched_session_index(s, se), got = 0;
    uint32_t useful =
        pool ? slot_pool_n_online(&s->slots, pool) / s->config.slots_per_cpu[class] : 0;
    assert(se->n_slots == 0);
    want = MIN(want, MAX(useful, 1u));
    while (pool && got < want) {
        Session *victim = NULL;
        if (!slot_pool_acquire(&s->slots, pool, index)) {
            victim = lease_victim(s, pool, got + 1);
            if (!victim)
                break;
            victim->n_slots = slot_pool_release(&s->slots, pool, sched_session_index(s, victim),
                                                victim->n_slots - 1);
            victim->cpus_told = false;
            if (!slot_pool_acquire(&s->slots, pool, index))
                break;
        }
        got++;
    }
    if (got == 0)
        return false;
    se->node = node;
    se->class = class;
    se->n_slots = got;
    se->cpus_told = false;
    return true;
}

/* At home if possible; elsewhere when the session is small enough to move. */
static bool lease_anywhere(Sched *s, Session *se, uint32_t class, uint32_t want)
{
    if (lease(s, se, se->node, class, want))
        return true;
    uint32_t home = se->node;
    for (uint32_t n = 0; se->grant_bytes <= s->config.floor_bytes && n < SCHED_NODES_MAX; n++)
        if (n != home && s->topology.nodes[n].present && lease(s, se, n, class, want))
            return true;
    return false;
}

void router_idle(Sched *s, Session *se)
{
    if (se->n_slots > 0)
        (void)slot_pool_release(&s->slots, slot_table_pool(&s->slots, se->node, se->class),
                                sched_session_index(s, se), 0);
    se->n_slots = se->n_slots_wanted = 0;
    se->idle_usec = s->now_usec;
    se->cpus_told = false;
    s->dirty = true;
}

static void lost_slot(void *userdata, uint32_t owner)
{
    Session *se = &((Sched *)userdata)->sessions[owner];
    assert(se->n_slots > 0);
    se->n_slots--;
}

void router_cpus_changed(Sched *s, const SchedCpus *online)
{
    assert(sched_cpus_count(online) > 0);
    bool usable = false;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        for (unsigned w = 0; w < SCHED_CPU_WORDS; w++)
            usable = usable || (s->topology.nodes[n].cpus.bits[w] & online->bits[w]);
    if (!usable)
        return; /* only CPUs that no node knew at the start */
    slot_table_set_online(&s->slots, online, lost_slot, s);
    router_count_cpus(s);
    sched_each_live(s, se) se->cpus_told = false;
}

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

static bool refuse_estimate(Sched *s, Session *se, const SchedEvent *event)
{
    const Tenant *t = &s->tenants[se->tenant];
    const char *what = NULL;
    uint32_t limit = 0;
    if (se->n_running + se->n_queued >= SCHED_QUERIES_PER_SESSION)
        what = "queries in one session", limit = SCHED_QUERIES_PER_SESSION;
    else if (t->n_queries >= s->config.tenant_queries_max)
        what = "queries of one user", limit = s->config.tenant_queries_max;
    else if (s->n_waiting >= s->config.queue_max)
        what = "waiting queries on this host", limit = s->config.queue_max;
    if (!what)
        return false;
    SchedAction *a = sched_emit(s, SCHED_ACTION_REFUSE_QUERY, se);
    a->query = event->estimate.query;
    a->serial = se->answered_serial = event->estimate.serial;
    a->cause = SESSION_CAUSE_QUOTA;
    sched_reason(a, "Not accepted: the limit of %s is %u. Wait for one to end, then run it again.",
                 what, limit);
    return true;
}

void router_estimate(Sched *s, Session *se, const SchedEvent *event)
{
    if (refuse_estimate(s, se, event))
        return;
    assert(!list_empty(&s->free_queries)); /* the checks above leave one */
    Query *q = container_of(s->free_queries.next, Query, in_session);
    const History *h = sched_history_find(s, event->estimate.fingerprint);
    uint64_t guess = MIN(event->estimate.memory_peak_bytes, SCHED_BYTES_MAX);
    /* A guess may not claim more than a quarter of the host; what has been seen may. */
    guess = MIN(guess, sched_grant_for_max(s->config.memory_budget_bytes / 4));
    uint64_t seen = MAX(h ? h->peak_bytes + h->peak_bytes / 8 : 0, se->min_need_bytes);
    uint32_t threads = MIN(MAX(event->estimate.parallelism, 1u), SCHED_CPUS_MAX);
    uint64_t useful = event->estimate.scan_bytes / s->config.thread_scan_bytes + 1;
    if (se->mode == SCHED_MODE_STANDARD)
        threads = (uint32_t)MIN((uint64_t)threads, useful);

    list_remove(&q->in_session);
    *q = (Query){.query = event->estimate.query,
                 .serial = event->estimate.serial,
                 .fingerprint = event->estimate.fingerprint,
                 .scan_bytes = event->estimate.scan_bytes,
                 .memory_bytes = seen ? seen : guess,
                 .useful_bytes = event->estimate.memory_useful_bytes,
                 .proven = seen != 0,
                 .since_usec = s->now_usec,
                 .session = sched_session_index(s, se),
                 .class = choose_class(s, se, event, h),
                 .n_threads_max = threads,
                 .why = "for its turn",
                 .n_slots_wanted = (threads + s->config.slot_cpus - 1) / s->config.slot_cpus};
    list_append(&se->queries, &q->in_session);
    list_append(&s->waiting, &q->in_queue);
    se->n_queued++;
    s->n_waiting++;
    s->tenants[se->tenant].n_queries++;
    s->dirty = true;
}

/* What the process may use in all when @q runs beside the session's other queries. */
static uint64_t total_with(const Sched *s, const Session *se, const Query *q)
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

/* Idle sessions had their time to give back and nobody else could: what there is has to do. */
static bool settle_for_less(const Sched *s, const Query *q, const Session *se, bool own)
{
    return s->now_usec - q->since_usec >= s->config.open_wait_usec &&
           (s->n_running == 0 || (own && s->tenants[se->tenant].n_running == 0));
}

static Blocked blocked_by(Sched *s, Query *q, const OpenPools *pools)
{
    const Session *se = &s->sessions[q->session];
    const Executor *e = sched_executor_of(s, se);
    if (e->resize_serial != 0 || e->state != EXECUTOR_READY) {
        q->why = "for its session's memory limit to be written";
        return BLOCKED_OWN;
    }
    if (s->pressure == SCHED_PRESSURE_FULL && q->class == SCHED_CLASS_BATCH && s->n_running > 0) {
        q->why = "because the host is short of memory";
        return BLOCKED_OWN;
    }
    uint64_t total = total_with(s, se, q);
    if (total > e->grant_bytes && total > scaler_room(s, se, true)) {
        bool own = scaler_own_limit(s, se, total);
        scaler_short(s, se, total);
        q->why = own ? "for memory: the limit of its session or user is reached" : "for memory";
        if (!settle_for_less(s, q, se, own))
            return own ? BLOCKED_OWN : BLOCKED_HOST;
    }
    if (se->n_running > 0)
        return BLOCKED_NOT; /* it runs on the lease that the session has */
    bool open = pools->open[se->node][q->class];
    for (uint32_t n = 0; !open && se->grant_bytes <= s->config.floor_bytes && n < SCHED_NODES_MAX;
         n++)
        open = pools->open[n][q->class];
    if (open)
        return BLOCKED_NOT;
    q->why = q->class == SCHED_CLASS_BATCH ? "for a slot of the batch pool"
                                           : "for a slot of the interactive pool";
    return BLOCKED_HOST;
}

static void find_open_pools(Sched *s, OpenPools *ret_pools)
{
    *ret_pools = (OpenPools){0};
    for (uint32_t i = 0; i < s->slots.n_pools; i++) {
        const SlotPool *p = &s->slots.pools[i];
        ret_pools->open[p->node][p->class] = slot_pool_n_free(&s->slots, p) > 0;
    }
    sched_each_live(s, se) if (se->n_slots > 1) ret_pools->open[se->node][se->class] = true;
}

/*
 * Whose turn is it? The tenant with the least running work, then the oldest; but a query that has
 * been overtaken SCHED_OVERTAKE_MAX times is next, and while only the host keeps it back nobody
 * else is.
 */
static Query *choose_query(Sched *s)
{
    OpenPools pools;
    Query *best = NULL;
    find_open_pools(s, &pools);
    list_for_each (n, &s->waiting) {
        Query *q = container_of(n, Query, in_queue);
        Blocked b = q->overtaken >= SCHED_OVERTAKE_MAX ? blocked_by(s, q, &pools) : BLOCKED_OWN;
        if (b == BLOCKED_NOT)
            return q;
        if (b == BLOCKED_HOST)
            return NULL;
    }
    list_for_each (n, &s->waiting) {
        Query *q = container_of(n, Query, in_queue);
        uint32_t running = s->tenants[s->sessions[q->session].tenant].n_running;
        if (best && running >= s->tenants[s->sessions[best->session].tenant].n_running)
            continue;
        if (q->overtaken < SCHED_OVERTAKE_MAX && blocked_by(s, q, &pools) == BLOCKED_NOT)
            best = q;
    }
    if (!best)
        return NULL;
    list_for_each (n, &s->waiting) {
        Query *q = container_of(n, Query, in_queue);
        if (q == best)
            break;
        if (blocked_by(s, q, &pools) != BLOCKED_OWN)
            q->overtaken++;
    }
    return best;
}

static void grant(Sched *s, Session *se, Query *q)
{
    const Executor *e = sched_executor_of(s, se);
    tell_cpus(s, se);
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
    uint64_t total = total_with(s, se, q);
    if (total > e->grant_bytes)
        total = MIN(total, scaler_room(s, se, true));
    total = scaler_plenty(s, se, total, q->useful_bytes);
    if (se->n_running == 0) {
        bool leased = lease_anywhere(s, se, q->class, q->n_slots_wanted);
        assert(leased);
        se->n_slots_wanted = se->n_slots;
    }
    list_remove(&q->in_queue);
    se->n_queued--;
    s->n_waiting--;
    se->n_running++;
    s->n_running++;
    s->tenants[se->tenant].n_running++;
    q->stage = QUERY_RAISING;
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

static void refuse_open(Sched *s, Session *se)
{
    Executor *e = sched_executor_of(s, se);
    SchedAction *a = sched_emit(s, SCHED_ACTION_REFUSE_SESSION, se);
    a->cause = e ? SESSION_CAUSE_SPAWN : SESSION_CAUSE_QUOTA;
    sched_reason(
        a, "No executor for the session within %ju s: %s",
        (uintmax_t)(s->config.open_wait_usec / USEC_PER_SEC),
        e ? "it was not ready in time; the journal of berthd says how far it came."
          : "all memory of this host's budget or of the user's quota is in use. Try again when "
            "other sessions have ended, or ask the administrator for more.");
    sched_session_drop(s, se);
    if (e)
        sched_stop(s, e, SESSION_CAUSE_SPAWN);
}

static Session *oldest_without_executor(Sched *s)
{
    Session *oldest = NULL;
    sched_each_live(s, se)
    {
        const Tenant *t = &s->tenants[se->tenant];
        uint64_t high, max, quota = s->config.tenant_memory_max_bytes;
        if (se->state != SCHED_SESSION_OPENING || se->executor != SCHED_NONE ||
            se->spawn_after_usec > s->now_usec)
            continue;
        sched_limits(s->config.floor_bytes, &high, &max);
        if (quota && t->committed_bytes + max > quota) {
            s->tenants[se->tenant].memory_short = true;
            continue; /* its user's other sessions must give back first; others need not wait for
                         that */
        }
        if (!oldest || se->opened_usec < oldest->opened_usec ||
            (se->opened_usec == oldest->opened_usec && se->id < oldest->id))
            oldest = se;
    }
    return oldest;
}

static Executor *find_warm(Sched *s)
{
    Executor *coming = NULL;
    sched_each_executor(s, e)
    {
        if (e->session != SCHED_NONE || e->tenant != SCHED_NONE ||
            e->max_bytes > s->warm_max_bytes || e->view != s->view)
            continue;
        if (e->state == EXECUTOR_READY)
            return e;
        if (e->state == EXECUTOR_SPAWNING && !coming)
            coming = e;
    }
    return coming;
}

static void place(Sched *s, Session *se)
{
    const Executor *e = sched_executor_of(s, se);
    se->state = SCHED_SESSION_LIVE;
    se->grant_bytes = e->grant_bytes;
    se->n_spawn_failures = 0;
    se->idle_usec = s->now_usec;
    if (s->node_online[se->node] == 0)
        se->node = router_choose_node(s);
    SchedAction *a = sched_emit(s, SCHED_ACTION_PLACE, se);
    router_fill_place(s, se, a);
    a->grant_bytes = e->grant_bytes;
    a->high_bytes = e->high_bytes;
    a->max_bytes = e->max_bytes;
    a->n_threads = s->node_online[se->node];
    se->cpus_told = true;
}

void router_open(Sched *s)
{
    Session *waiting;
    while (sched_may_emit(s) && (waiting = oldest_without_executor(s))) {
        Executor *e = find_warm(s);
        if (!e)
            e = scaler_may_spawn(s) ? scaler_spawn(s, waiting) : NULL;
        if (!e)
            break;
        Tenant *t = &s->tenants[waiting->tenant];
        e->session = sched_session_index(s, waiting);
        e->tenant = waiting->tenant;
        t->n_executors++;
        t->committed_bytes += sched_executor_committed(e);
        waiting->executor = (uint32_t)(e - s->executors);
    }
    sched_each_live(s, se)
    {
        if (se->state != SCHED_SESSION_OPENING || !sched_may_emit(s))
            continue;
        const Executor *e = sched_executor_of(s, se);
        if (e && e->state == EXECUTOR_READY)
            place(s, se);
        else if (s->now_usec - se->opened_usec >= s->config.open_wait_usec)
            refuse_open(s, se);
    }
}

static bool runs_long(const Sched *s, const Session *se)
{
    if (se->class != SCHED_CLASS_INTERACTIVE || se->n_slots == 0 ||
        se->profile == LATENCY_PROFILE_INTERACTIVE)
        return false;
    list_for_each (n, &se->queries) {
        const Query *q = container_of(n, Query, in_session);
        if (q->stage == QUERY_RUNNING && s->now_usec - q->since_usec >= s->config.interactive_usec)
            return true;
    }
    return false;
}

/* A query that turned out long makes room for short ones. */
static void move_to_batch(Sched *s, Session *se)
{
    const SlotPool *to = slot_table_pool(&s->slots, se->node, SCHED_CLASS_BATCH);
    if (slot_pool_n_free(&s->slots, to) == 0 && !lease_victim(s, to, 1))
        return;
    uint32_t want = se->n_slots_wanted;
    (void)slot_pool_release(&s->slots, slot_table_pool(&s->slots, se->node, se->class),
                            sched_session_index(s, se), 0);
    se->n_slots = 0;
    bool leased = lease(s, se, se->node, SCHED_CLASS_BATCH, want);
    assert(leased);
    sched_reason(sched_emit(s, SCHED_ACTION_NOTICE, se),
                 "Running longer than %ju s: moved to the batch pool.",
                 (uintmax_t)(s->config.interactive_usec / USEC_PER_SEC));
}

void router_correct(Sched *s)
{
    sched_each_live(s, se)
    {
        if (se->state != SCHED_SESSION_LIVE || !sched_may_emit(s))
            continue;
        if (runs_long(s, se))
            move_to_batch(s, se);
        if (se->n_running > 0 && se->n_slots == 0) {
            /* Its CPUs went offline. Until a slot is free it runs on all CPUs of a node. */
            bool leased = lease(s, se, se->node, se->class, MAX(se->n_slots_wanted, 1u));
            for (uint32_t n = 0; !leased && n < SCHED_NODES_MAX; n++)
                leased = s->topology.nodes[n].present &&
                         lease(s, se, n, se->class, MAX(se->n_slots_wanted, 1u));
        }
        if (se->n_slots == 0 && s->node_online[se->node] == 0) {
            se->node = router_choose_node(s);
            se->cpus_told = false;
        }
        while (s->n_waiting == 0 && se->n_slots > 0 && se->n_slots < se->n_slots_wanted &&
               slot_pool_acquire(&s->slots, slot_table_pool(&s->slots, se->node, se->class),
                                 sched_session_index(s, se))) {
            se->n_slots++;
            se->cpus_told = false;
        }
    }
}

void router_tell(Sched *s)
{
    uint32_t position = 0;
    sched_each_live(s, se) if (se->state == SCHED_SESSION_LIVE && sched_may_emit(s))
        tell_cpus(s, se);
    list_for_each (n, &s->waiting) {
        Query *q = container_of(n, Query, in_queue);
        q->position = ++position;
        bool again =
            q->told_position != position && s->now_usec - q->told_usec >= QUEUE_NOTICE_USEC;
        if ((q->told_position != 0 && !again) || !sched_may_emit(s))
            continue;
        const Session *se = &s->sessions[q->session];
        SchedAction *a = sched_emit(s, SCHED_ACTION_QUEUE, se);
        a->query = q->query;
        a->serial = q->serial;
        a->position = position;
        sched_reason(a, "Queued at position %u of %u, waiting %s.", position, s->n_waiting, q->why);
        q->told_position = position;
        q->told_usec = s->now_usec;
    }
}

uint64_t router_deadline(const Sched *s, const Session *se)
{
    uint64_t t = SCHED_NEVER;
    if (se->state == SCHED_SESSION_OPENING) {
        t = se->opened_usec + s->config.open_wait_usec;
        if (se->executor == SCHED_NONE && se->spawn_after_usec > s->now_usec)
            t = MIN(t, se->spawn_after_usec);
    }
    list_for_each (n, &se->queries) {
        const Query *q = container_of(n, Query, in_session);
        uint64_t at = q->since_usec + s->config.interactive_usec;
        if (q->stage == QUERY_RUNNING && se->class == SCHED_CLASS_INTERACTIVE &&
            se->profile != LATENCY_PROFILE_INTERACTIVE && at > s->now_usec)
            t = MIN(t, at);
    }
    return t;
}
