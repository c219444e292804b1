/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the state for D-Bus and tests. */
#include "scheduler/router/router.h"
#include "scheduler/scheduler_internal.h"

const char *sched_class_to_string(SchedClass class)
{
    return class == SCHED_CLASS_INTERACTIVE ? "interactive" : "batch";
}

void sched_totals(const Sched *s, SchedTotals *ret_totals)
{
    SchedTotals t = {
        .budget_bytes = MAX(s->config.memory_budget_bytes, s->committed_bytes),
        .committed_bytes = s->committed_bytes,
        .n_sessions = s->n_sessions,
        .n_executors = s->n_executors,
        .n_running = s->n_running,
        .n_queued = s->n_waiting,
        .pressure = s->pressure,
    };
    list_for_each (n, &s->warm)
        t.n_warm += container_of(n, Executor, in_list)->state == EXECUTOR_READY;
    *ret_totals = t;
}

static void session_info(const Sched *s, const Session *se, SchedSessionInfo *ret_info)
{
    const Executor *e = sched_executor_of(s, se);
    SchedAction place = {0};
    router_fill_place(s, se, &place);
    *ret_info = (SchedSessionInfo){
        .session = se->id,
        .executor = e ? e->id : 0,
        .tenant = s->tenants[se->tenant].uid,
        .state = se->state,
        .profile = se->profile,
        .mode = se->mode,
        .generation = se->generation,
        .node = se->node,
        .class = se->class,
        .n_slots = se->n_slots,
        .n_running = se->n_running,
        .n_queued = se->n_queued,
        .n_raises = se->n_raises,
        .mems = place.mems,
        .cpus = place.cpus,
        .grant_bytes = se->grant_bytes,
        .high_bytes = e ? e->high_bytes : 0,
        .max_bytes = e ? sched_executor_committed(e) : 0,
        .limit_set_bytes = se->limit_set_bytes,
    };
}

bool sched_each_session(const Sched *s, size_t *index, SchedSessionInfo *ret_info)
{
    for (; *index < s->config.sessions_max; (*index)++) {
        if (s->sessions[*index].id == 0)
            continue;
        session_info(s, &s->sessions[(*index)++], ret_info);
        return true;
    }
    return false;
}

bool sched_get_session(const Sched *s, uint64_t session, SchedSessionInfo *ret_info)
{
    uint32_t i = lookup_get(&s->session_ids, session);
    if (i == LOOKUP_NONE)
        return false;
    session_info(s, &s->sessions[i], ret_info);
    return true;
}

/* @index: the number of the session times the most queries that one can have, plus the query's
 * place in it. */
bool sched_each_query(const Sched *s, size_t *index, SchedQueryInfo *ret_info)
{
    for (size_t i = *index / SCHED_QUERIES_PER_SESSION; i < s->config.sessions_max; i++) {
        const Session *se = &s->sessions[i];
        size_t skip =
            i == *index / SCHED_QUERIES_PER_SESSION ? *index % SCHED_QUERIES_PER_SESSION : 0;
        if (se->id == 0 || skip >= se->n_running + se->n_queued)
            continue;
        const ListNode *n = se->queries.next;
        for (size_t k = 0; k < skip; k++)
            n = n->next;
        const Query *q = container_of(n, Query, in_session);
        *ret_info = (SchedQueryInfo){
            .session = se->id,
            .query = q->query,
            .tenant = s->tenants[se->tenant].uid,
            .class = q->class,
            .position = q->stage == QUERY_WAITING ? MAX(q->position, 1u) : 0,
            .since_usec = q->since_usec,
            .estimate_bytes = q->memory_bytes,
            .scan_bytes = q->scan_bytes,
            .fingerprint = q->fingerprint,
        };
        *index = i * SCHED_QUERIES_PER_SESSION + skip + 1;
        return true;
    }
    *index = (size_t)s->config.sessions_max * SCHED_QUERIES_PER_SESSION;
    return false;
}

bool sched_each_pool(const Sched *s, size_t *index, SchedPoolInfo *ret_info)
{
    if (*index >= s->slots.n_pools)
        return false;
    const SlotPool *p = &s->slots.pools[(*index)++];
    SchedPoolInfo info = {
        .node = p->node,
        .class = p->class,
        .n_slots = p->n_online,
        .memory_bytes = s->node_share[p->node],
        .memory_used_bytes = s->node_used[p->node],
    };
    info.n_leased = info.n_slots - p->n_free;
    sched_each_live(s, se) info.n_sessions +=
        se->n_slots > 0 && se->node == p->node && se->class == p->class;
    list_for_each (n, &s->waiting) {
        const Query *q = container_of(n, Query, in_queue);
        info.n_queued += q->class == p->class && s->sessions[q->session].node == p->node;
    }
    *ret_info = info;
    return true;
}

bool sched_each_slot(const Sched *s, size_t *index, SchedSlotInfo *ret_info)
{
    if (*index >= s->slots.n_slots)
        return false;
    uint32_t i = (uint32_t)(*index)++;
    const Slot *slot = &s->slots.slots[i];
    const SlotGroup *g = &s->slots.groups[slot->group];
    const SlotPool *p = s->slots.pools;
    while (i >= p->first + p->n_slots)
        p++;
    *ret_info = (SchedSlotInfo){
        .node = p->node,
        .class = p->class,
        .index = i - p->first,
        .online = g->online,
        .session = slot->owner == SLOT_FREE ? 0 : s->sessions[slot->owner].id,
    };
    for (unsigned c = 0; c < g->n_cpus; c++)
        sched_cpus_add(&ret_info->cpus, g->cpus[c]);
    return true;
}
