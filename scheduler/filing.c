/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each session is filed, so that no step of the pump has to look at all of them. What a
 * session is in follows from its fields alone: sched_refile() is the only place that puts it there
 * or takes it out, and tests/sim/check.c asks whether anybody forgot to call it.
 */
#include "scheduler/router/router.h"
#include "scheduler/scaler/scaler.h"
#include "scheduler/scheduler_internal.h"

/* A deadline that has passed could not be met just now: look again in a while, not in a loop. */
#define DUE_AGAIN_USEC (10 * USEC_PER_MSEC)

void sched_list_keep(ListNode *list, ListNode *node, bool in)
{
    bool is_in = node->next != node;
    if (in && !is_in)
        list_append(list, node);
    else if (!in && is_in)
        list_remove(node);
}

void sched_touch(Sched *s, Session *se)
{
    sched_list_keep(&s->touched, &se->in_touched, true);
    s->dirty = s->dirty || !s->pumping;
    if (se->n_queued == 0)
        return;
    list_for_each (n, &se->queries)
        container_of(n, Query, in_session)->hold = HOLD_UNKNOWN;
}

void sched_touch_all(Sched *s)
{
    sched_each_live(s, se) sched_touch(s, se);
    s->roomier = true;
}

void sched_untold(Sched *s, Session *se)
{
    se->cpus_told = false;
    sched_list_keep(&s->untold, &se->in_untold, true);
    s->dirty = s->dirty || !s->pumping;
}

void sched_recount(Sched *s, Executor *e)
{
    uint64_t coming = 0;
    if (e->state == EXECUTOR_STOPPING)
        coming = sched_executor_committed(e);
    else if (e->state != EXECUTOR_FREE && e->resize_serial != 0 && e->next_max_bytes < e->max_bytes)
        coming = e->max_bytes - e->next_max_bytes;
    s->coming_bytes += coming - e->coming_bytes;
    e->coming_bytes = coming;
}

static void file_asked(Sched *s, Session *se, bool settled)
{
    const Executor *e = sched_executor_of(s, se);
    bool in = settled && scaler_was_just_asked(s, se);
    uint64_t coming = 0;
    if (in && e->max_bytes > se->asked_max_bytes)
        coming = e->max_bytes - se->asked_max_bytes;
    s->coming_bytes += coming - se->coming_bytes;
    se->coming_bytes = coming;
    sched_list_keep(&s->just_asked, &se->in_asked, in);
}

static void file_giving(Sched *s, Session *se, bool giving)
{
    if (giving == se->giving)
        return;
    se->giving = giving;
    s->n_giving += giving ? 1 : UINT32_MAX;
    sched_each_payer(s, se, t)
    {
        t->n_giving += giving ? 1 : UINT32_MAX;
        if (s->n_giving == 0 || t->n_giving == 0)
            s->roomier = true; /* who waited for these has nobody to wait for */
    }
}

static void file_node(Sched *s, Session *se)
{
    const Executor *e = sched_executor_of(s, se);
    s->node_used[se->filed_node] -= se->filed_bytes;
    s->node_load[se->filed_node] -= se->filed_load;
    se->filed_node = se->node;
    se->filed_bytes = e && !se->spread ? sched_executor_committed(e) : 0;
    se->filed_load = se->id ? 1 + se->n_slots : 0;
    s->node_used[se->node] += se->filed_bytes;
    s->node_load[se->node] += se->filed_load;
}

void sched_refile(Sched *s, Session *se)
{
    const Executor *e = sched_executor_of(s, se);
    uint32_t i = sched_session_index(s, se);
    bool live = se->id != 0 && se->state == SCHED_SESSION_LIVE && e && e->state == EXECUTOR_READY;
    bool settled = live && e->resize_serial == 0;
    bool holds = live && e->grant_bytes > s->config.floor_bytes;
    bool lower = live && se->grant_bytes < e->grant_bytes;
    bool done = lower ? se->stuck : se->returned;
    bool askable = settled && holds && scaler_is_idle(se) && scaler_may_ask(s, se);
    uint64_t key = se->idle_usec | (se->n_queued > 0 ? SCHED_IDLE_QUEUED : 0);

    for (uint32_t mode = 0; mode < _SCHED_MODE_MAX; mode++)
        heap_keep(&s->idle[mode], i, askable && !done && se->mode == mode, key);
    heap_keep(&s->spent, i, askable && done, key);
    heap_keep(&s->lower, i, askable && lower, key);
    heap_keep(&s->large, i, holds, UINT64_MAX - (e ? e->grant_bytes : 0));
    file_giving(s, se, holds && se->n_running == 0 && !se->returned);
    file_asked(s, se, settled);
    file_node(s, se);
    sched_list_keep(&s->pressing, &se->in_pressing,
                    live && (se->n_requests > 0 || se->trip_usec != 0));
    sched_list_keep(&s->opening, &se->in_opening, se->id && se->state == SCHED_SESSION_OPENING);
    sched_list_keep(&s->seeking, &se->in_seeking,
                    se->id && se->state == SCHED_SESSION_OPENING && !e);
    router_file(s, se);
    uint64_t due = SCHED_NEVER;
    if (se->id != 0) {
        uint64_t scaler = scaler_deadline(s, se), router = router_deadline(s, se);
        due = MIN(scaler, router);
    }
    if (due != SCHED_NEVER)
        due = MAX(due, s->now_usec + DUE_AGAIN_USEC);
    heap_keep(&s->due, i, due != SCHED_NEVER, due);
}

void sched_take_due(Sched *s)
{
    while (s->due.n > 0 && s->due.entries[0].key <= s->now_usec) {
        uint32_t i = s->due.entries[0].index;
        heap_remove(&s->due, i);
        sched_touch(s, &s->sessions[i]);
    }
    while (!list_empty(&s->just_asked)) {
        Session *se = container_of(s->just_asked.next, Session, in_asked);
        if (scaler_was_just_asked(s, se))
            break;
        list_remove(&se->in_asked);
        s->coming_bytes -= se->coming_bytes;
        se->coming_bytes = 0;
    }
}
