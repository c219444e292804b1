/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who pays: accounts of users and groups, and their quotas. A session is on its user's account and,
 * if it came with one, on its group's; every bound is asked of both.
 */
#include <assert.h>
#include <string.h>

#include "scheduler/scheduler_internal.h"

static const SchedQuota *find_quota(const Sched *s, uint64_t key)
{
    for (uint32_t i = 0; i < s->n_quotas; i++)
        if (s->quotas[i].key == key)
            return &s->quotas[i].quota;
    return NULL;
}

uint32_t sched_account_open(Sched *s, bool group, uint32_t id)
{
    uint64_t key = sched_account_key(group, id);
    uint32_t i = lookup_get(&s->accounts, key);
    if (i != LOOKUP_NONE)
        return i;
    assert(!list_empty(&s->free_tenants));
    Tenant *t = container_of(s->free_tenants.next, Tenant, in_list);
    const SchedQuota *quota = find_quota(s, key);
    list_remove(&t->in_list);
    *t = (Tenant){.key = key, .uid = id, .is_group = group};
    if (quota)
        t->quota = *quota;
    list_init(&t->in_list);
    list_init(&t->sessions);
    i = (uint32_t)(t - s->tenants);
    lookup_put(&s->accounts, key, i);
    return i;
}

void sched_account_release(Sched *s, Tenant *t)
{
    if (t->n_sessions > 0 || t->n_executors > 0)
        return;
    lookup_remove(&s->accounts, t->key);
    list_remove(&t->in_list);
    list_append(&s->free_tenants, &t->in_list);
}

void sched_quota_set(Sched *s, bool group, uint32_t id, const SchedQuota *quota)
{
    static const SchedQuota none;
    uint64_t key = sched_account_key(group, id);
    uint32_t i = 0, account = lookup_get(&s->accounts, key);
    while (i < s->n_quotas && s->quotas[i].key != key)
        i++;
    if (memcmp(quota, &none, sizeof(none)) == 0) {
        if (i < s->n_quotas)
            s->quotas[i] = s->quotas[--s->n_quotas];
    } else if (i == SCHED_QUOTAS_MAX) {
        sched_reason(sched_emit(s, SCHED_ACTION_NOTICE, NULL),
                     "The quota was not set: there are %u already.", SCHED_QUOTAS_MAX);
        return;
    } else {
        s->quotas[i] = (QuotaSet){.key = key, .quota = *quota};
        s->n_quotas = MAX(s->n_quotas, i + 1);
    }
    s->dirty = s->roomier = s->recheck = true;
    if (account == LOOKUP_NONE)
        return;
    Tenant *t = &s->tenants[account];
    t->quota = *quota;
    list_for_each (n, &t->sessions) {
        Session *se = sched_session_in(t, n);
        sched_untold(s, se); /* the weight may differ */
        sched_touch(s, se);
    }
}

uint64_t sched_memory_max(const Sched *s, const Tenant *t)
{
    if (t->quota.memory_max_bytes || t->is_group)
        return t->quota.memory_max_bytes;
    return s->config.tenant_memory_max_bytes;
}

static const char *sessions_bound(const Sched *s, uint32_t tenant, uint32_t group,
                                  uint64_t *ret_limit)
{
    for (uint32_t k = 0; k < SCHED_PAYERS; k++) {
        const Tenant *t = sched_payer(s, tenant, group, k);
        if (!t)
            continue;
        uint64_t memory = sched_memory_max(s, t);
        uint32_t most = t->quota.sessions_max;
        if (!most)
            most = t->is_group ? UINT32_MAX : s->config.tenant_sessions_max;
        *ret_limit = most;
        if (t->n_sessions >= most)
            return t->is_group ? "the limit of sessions of the group"
                               : "the limit of sessions per user";
        *ret_limit = memory / s->floor_max_bytes;
        if (memory && t->n_sessions >= *ret_limit)
            return t->is_group ? "the number of idle sessions that the group's memory quota carries"
                               : "the number of idle sessions that the user's memory quota carries";
    }
    return NULL;
}

const char *sched_open_bound(const Sched *s, uint32_t tenant, uint32_t group, uint64_t *ret_limit)
{
    const SchedConfig *c = &s->config;
    const char *why = sessions_bound(s, tenant, group, ret_limit);
    if (s->draining)
        return "drained";
    if (why)
        return why;
    *ret_limit = c->sessions_max;
    if (s->n_sessions >= c->sessions_max)
        return "this host's limit of sessions";
    /* Idle sessions must leave a quarter of the budget, or no query could ever be admitted. */
    *ret_limit = (c->memory_budget_bytes - c->memory_budget_bytes / 4) / s->floor_max_bytes;
    return s->n_sessions >= *ret_limit
               ? "the number of idle sessions that the memory budget carries"
               : NULL;
}

const char *sched_queries_bound(const Sched *s, uint32_t tenant, uint32_t group,
                                uint64_t *ret_limit)
{
    for (uint32_t k = 0; k < SCHED_PAYERS; k++) {
        const Tenant *t = sched_payer(s, tenant, group, k);
        if (!t)
            continue;
        *ret_limit = s->config.tenant_queries_max;
        if (!t->is_group && t->n_queries >= *ret_limit)
            return "queries of one user";
        *ret_limit = t->quota.queued_max;
        if (*ret_limit && t->n_queries - t->n_running >= *ret_limit)
            return t->is_group ? "waiting queries of the group" : "waiting queries of one user";
    }
    return NULL;
}

const char *sched_turn_bound(const Sched *s, const Session *se)
{
    sched_each_payer(s, se, t)
    {
        const SchedQuota *q = &t->quota;
        if (q->running_max && t->n_running >= q->running_max)
            return t->is_group ? "for another query of its group to end"
                               : "for another query of its user to end";
        if (q->undelivered_max_bytes && t->undelivered_bytes >= q->undelivered_max_bytes)
            return "for results that are ready to be read";
        if (q->spill_max_bytes && t->spill_bytes >= q->spill_max_bytes)
            return "for spilled data of other queries to be removed";
    }
    return NULL;
}

void sched_charge(Sched *s, const Executor *e, int executors, uint64_t more_bytes)
{
    sched_each_payer(s, e, t)
    {
        t->committed_bytes += more_bytes;
        t->n_executors += (uint32_t)executors;
        sched_account_release(s, t);
    }
}

void sched_usage(Sched *s, Session *se, uint64_t spill_bytes, uint64_t undelivered_bytes)
{
    spill_bytes = MIN(spill_bytes, SCHED_BYTES_MAX);
    undelivered_bytes = MIN(undelivered_bytes, SCHED_BYTES_MAX);
    sched_each_payer(s, se, t)
    {
        t->spill_bytes += spill_bytes - se->spill_bytes;
        t->undelivered_bytes += undelivered_bytes - se->undelivered_bytes;
    }
    s->roomier = true;
    se->spill_bytes = spill_bytes;
    se->undelivered_bytes = undelivered_bytes;
    sched_touch(s, se);
}
