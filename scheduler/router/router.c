/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/router/router.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/scaler/scaler.h"

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
    uint32_t best = SCHED_NONE;
    uint64_t best_score = UINT64_MAX;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++) {
        unsigned cpus = s->node_online[n];
        uint64_t score = cpus ? (uint64_t)s->node_load[n] * 65536 / cpus : UINT64_MAX;
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
    uint64_t used = s->node_used[se->node] + sched_executor_committed(e);
    if (!se->spread && se->filed_node == se->node)
        used -= se->filed_bytes; /* counted already */
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
    sched_each_payer(s, se, t)
    {
        uint32_t percent = t->quota.cpu_weight_percent;
        weight = percent ? MIN(weight, 10000u) * MIN(percent, 1000u) / 100 : weight;
    }
    a->cpu_weight = MAX(MIN(weight, 10000u), 1u);
    bool home = !se->spread && s->topology.nodes[se->node].memory_bytes > 0;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        if (home ? n == se->node : s->topology.nodes[n].memory_bytes > 0)
            a->mems |= UINT64_C(1) << n;
    if (se->n_slots > 0)
        slot_pool_cpus(&s->slots, sched_session_index(s, se), &a->cpus);
    else
        node_cpus(s, se->node, &a->cpus);
}

void router_tell_cpus(Sched *s, Session *se)
{
    if (se->cpus_told)
        return;
    router_fill_place(s, se, sched_emit(s, SCHED_ACTION_MOVE, se));
    se->cpus_told = true;
    list_remove(&se->in_untold);
}

int router_init(Sched *s)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->slots.n_pools; i++)
        n += s->slots.pools[i].n_slots + 1;
    s->lessees = calloc(s->slots.n_pools, sizeof(*s->lessees));
    s->buckets = calloc(n, sizeof(*s->buckets));
    if (!s->lessees || !s->buckets)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        list_init(&s->buckets[i]);
    n = 0;
    for (uint32_t i = 0; i < s->slots.n_pools; i++) {
        s->lessees[i] = (Lessees){.by_count = &s->buckets[n], .n_max = s->slots.pools[i].n_slots};
        list_init(&s->lessees[i].shorted);
        n += s->slots.pools[i].n_slots + 1;
    }
    router_count_cpus(s);
    return 0;
}

static Lessees *lessees_of(Sched *s, const SlotPool *pool)
{
    return &s->lessees[pool - s->slots.pools];
}

/* Every change of what a session leases goes through here. */
static void set_slots(Sched *s, Session *se, uint32_t n_slots)
{
    Lessees *l = lessees_of(s, slot_table_pool(&s->slots, se->node, se->class));
    list_remove(&se->in_bucket);
    if ((se->n_slots == 0) != (n_slots == 0))
        list_remove(&se->in_short);
    l->n_many -= se->n_slots > 1;
    se->n_slots = n_slots;
    l->n_many += n_slots > 1;
    if (n_slots > 0)
        list_append(&l->by_count[n_slots], &se->in_bucket);
    l->highest = MAX(l->highest, n_slots);
    sched_touch(s, se);
    sched_untold(s, se);
}

/* The session of the pool that can best do with a slot less: the most slots, above @above. */
static Session *lease_victim(Sched *s, const SlotPool *pool, uint32_t above)
{
    Lessees *l = lessees_of(s, pool);
    while (l->highest > 0 && list_empty(&l->by_count[l->highest]))
        l->highest--;
    if (l->highest <= above)
        return NULL;
    return container_of(l->by_count[l->highest].next, Session, in_bucket);
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
    uint32_t useful = pool ? pool->n_online / s->config.slots_per_cpu[class] : 0;
    assert(se->n_slots == 0);
    want = MIN(want, MAX(useful, 1u));
    while (pool && got < want) {
        if (!slot_pool_acquire(&s->slots, pool, index)) {
            Session *victim = lease_victim(s, pool, got + 1);
            if (!victim)
                break;
            set_slots(s, victim,
                      slot_pool_release(&s->slots, pool, sched_session_index(s, victim),
                                        victim->n_slots - 1));
            if (!slot_pool_acquire(&s->slots, pool, index))
                break;
        }
        got++;
    }
    if (got == 0)
        return false;
    se->node = node;
    se->class = class;
    set_slots(s, se, got);
    return true;
}

bool router_lease(Sched *s, Session *se, uint32_t class, uint32_t want)
{
    if (lease(s, se, se->node, class, want))
        return true;
    uint32_t home = se->node;
    for (uint32_t n = 0; router_movable(s, se) && n < SCHED_NODES_MAX; n++)
        if (n != home && s->topology.nodes[n].present && lease(s, se, n, class, want))
            return true;
    return false;
}

static void give_slots(Sched *s, Session *se)
{
    if (se->n_slots == 0)
        return;
    (void)slot_pool_release(&s->slots, slot_table_pool(&s->slots, se->node, se->class),
                            sched_session_index(s, se), 0);
    set_slots(s, se, 0);
}

void router_idle(Sched *s, Session *se)
{
    give_slots(s, se);
    se->n_slots_wanted = 0;
    se->idle_usec = s->now_usec;
    list_remove(&se->in_late);
    list_remove(&se->in_short);
    sched_untold(s, se);
    sched_touch(s, se);
    s->dirty = true;
}

static void lost_slot(void *userdata, uint32_t owner)
{
    Sched *s = userdata;
    Session *se = &s->sessions[owner];
    assert(se->n_slots > 0);
    set_slots(s, se, se->n_slots - 1);
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
    sched_each_live(s, se) sched_untold(s, se);
    sched_touch_all(s);
}

void router_file(Sched *s, Session *se)
{
    const SlotPool *pool = slot_table_pool(&s->slots, se->node, se->class);
    bool slotless = se->n_running > 0 && se->n_slots == 0;
    bool shorted = se->n_slots > 0 && se->n_slots < se->n_slots_wanted;
    if (pool)
        sched_list_keep(slotless ? &s->slotless : &lessees_of(s, pool)->shorted, &se->in_short,
                        slotless || shorted);
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

/* Whose turn is it to get an executor? Those whose user's other sessions must give back first do
 * not keep others waiting. */
static Session *next_seeking(Sched *s)
{
    list_for_each (n, &s->seeking) {
        Session *se = container_of(n, Session, in_seeking);
        if (se->spawn_after_usec > s->now_usec)
            continue;
        if (s->floor_max_bytes <= scaler_quota_room(s, se))
            return se;
        scaler_tenant_short(s, se);
    }
    return NULL;
}

static Executor *find_warm(Sched *s)
{
    Executor *coming = NULL;
    list_for_each (n, &s->warm) {
        Executor *e = container_of(n, Executor, in_list);
        if (e->max_bytes > s->floor_max_bytes || e->view != s->view)
            continue;
        if (e->state == EXECUTOR_READY)
            return e;
        if (!coming)
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
    Session *se;
    while (sched_may_emit(s) && (se = next_seeking(s))) {
        Executor *e = find_warm(s);
        if (!e)
            e = scaler_may_spawn(s) ? scaler_spawn(s, se) : NULL;
        if (!e)
            break;
        list_remove(&e->in_list);
        e->session = sched_session_index(s, se);
        e->tenant = se->tenant;
        e->group = se->group;
        sched_charge(s, e, 1, sched_executor_committed(e));
        se->executor = (uint32_t)(e - s->executors);
        list_remove(&se->in_seeking);
        sched_touch(s, se);
    }
    list_for_each (n, &s->touched) {
        se = container_of(n, Session, in_touched);
        const Executor *e = sched_executor_of(s, se);
        if (se->state == SCHED_SESSION_OPENING && e && e->state == EXECUTOR_READY &&
            sched_may_emit(s))
            place(s, se);
    }
    list_for_each_safe (n, &s->opening) {
        se = container_of(n, Session, in_opening);
        if (s->now_usec - se->opened_usec < s->config.open_wait_usec || !sched_may_emit(s))
            return;
        if (se->state == SCHED_SESSION_OPENING)
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

static bool may_move_to_batch(Sched *s, uint32_t node)
{
    const SlotPool *to = slot_table_pool(&s->slots, node, SCHED_CLASS_BATCH);
    return to->n_free > 0 || lease_victim(s, to, 1);
}

/* A query that turned out long makes room for short ones. */
static void move_to_batch(Sched *s, Session *se)
{
    uint32_t want = se->n_slots_wanted;
    give_slots(s, se);
    bool leased = lease(s, se, se->node, SCHED_CLASS_BATCH, want);
    assert(leased);
    list_remove(&se->in_late);
    sched_reason(sched_emit(s, SCHED_ACTION_NOTICE, se),
                 "Running longer than %ju s: moved to the batch pool.",
                 (uintmax_t)(s->config.interactive_usec / USEC_PER_SEC));
}

/* Its CPUs went offline. Until a slot is free it runs on all CPUs of a node. */
static void find_slots(Sched *s, Session *se)
{
    uint32_t want = MAX(se->n_slots_wanted, 1u);
    bool leased = lease(s, se, se->node, se->class, want);
    for (uint32_t n = 0; !leased && n < SCHED_NODES_MAX; n++)
        leased = s->topology.nodes[n].present && lease(s, se, n, se->class, want);
    if (leased)
        list_remove(&se->in_short);
}

/* What is free again goes to those who got fewer slots than they have use for, by turns. */
static void give_more(Sched *s)
{
    for (uint32_t i = 0; s->n_waiting == 0 && i < s->slots.n_pools; i++) {
        const SlotPool *pool = &s->slots.pools[i];
        ListNode *shorted = &s->lessees[i].shorted;
        while (pool->n_free > 0 && !list_empty(shorted)) {
            Session *se = container_of(shorted->next, Session, in_short);
            list_remove(&se->in_short);
            if (!slot_pool_acquire(&s->slots, pool, sched_session_index(s, se)))
                break;
            set_slots(s, se, se->n_slots + 1);
            if (se->n_slots < se->n_slots_wanted)
                list_append(shorted, &se->in_short);
        }
    }
}

void router_correct(Sched *s)
{
    list_for_each (n, &s->touched) {
        Session *se = container_of(n, Session, in_touched);
        if (se->state != SCHED_SESSION_LIVE)
            continue;
        router_file(s, se); /* it may have lost its slots just now */
        sched_list_keep(&s->late[se->node], &se->in_late, runs_long(s, se));
        if (se->n_slots == 0 && s->node_online[se->node] == 0) {
            se->node = router_choose_node(s);
            sched_untold(s, se);
        }
    }
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++) {
        while (!list_empty(&s->late[n]) && sched_may_emit(s)) {
            Session *se = container_of(s->late[n].next, Session, in_late);
            if (!runs_long(s, se))
                list_remove(&se->in_late);
            else if (may_move_to_batch(s, n))
                move_to_batch(s, se);
            else
                break;
        }
    }
    list_for_each_safe (n, &s->slotless)
        find_slots(s, container_of(n, Session, in_short));
    give_more(s);
}

uint64_t router_deadline(const Sched *s, const Session *se)
{
    uint64_t t = router_end_deadline(s, se);
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
