/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/scheduler.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "scheduler/router/router.h"
#include "scheduler/scaler/scaler.h"
#include "scheduler/scheduler_internal.h"

SchedAction *sched_emit(Sched *s, SchedActionType type, const Session *session)
{
    assert(s->n_actions < SCHED_ACTIONS_MAX);
    SchedAction *a = &s->actions[(s->first_action + s->n_actions++) % SCHED_ACTIONS_MAX];
    *a = (SchedAction){.type = type};
    if (session) {
        a->session = session->id;
        a->tenant = s->tenants[session->tenant].uid;
        a->generation = session->generation;
        if (session->executor != SCHED_NONE)
            a->executor = s->executors[session->executor].id;
    }
    return a;
}

bool sched_may_emit(Sched *s)
{
    if (s->n_actions + SCHED_ACTIONS_MARGIN < SCHED_ACTIONS_MAX)
        return true;
    s->dirty = true;
    return false;
}

void sched_reason(SchedAction *action, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(action->reason, sizeof(action->reason), format, args);
    va_end(args);
}

uint32_t sched_session_index(const Sched *s, const Session *session)
{
    return (uint32_t)(session - s->sessions);
}

Executor *sched_executor_of(const Sched *s, const Session *session)
{
    return session->executor == SCHED_NONE ? NULL : &s->executors[session->executor];
}

uint64_t sched_executor_committed(const Executor *e)
{
    return e->resize_serial ? MAX(e->max_bytes, e->next_max_bytes) : e->max_bytes;
}

static Session *find_session(Sched *s, uint64_t id)
{
    uint32_t i = lookup_get(&s->session_ids, id);
    return i == LOOKUP_NONE ? NULL : &s->sessions[i];
}

static Executor *find_executor(Sched *s, uint64_t id)
{
    uint32_t i = lookup_get(&s->executor_ids, id);
    return i == LOOKUP_NONE ? NULL : &s->executors[i];
}

static Query *find_query(Session *session, uint64_t query)
{
    list_for_each (n, &session->queries) {
        Query *q = container_of(n, Query, in_session);
        if (q->query == query)
            return q;
    }
    return NULL;
}

void sched_query_drop(Sched *s, Query *q)
{
    Session *se = &s->sessions[q->session];
    bool waited = q->stage == QUERY_WAITING;
    if (waited) {
        list_remove(&q->in_queue);
        se->n_queued--;
        s->n_waiting--;
    } else {
        se->n_running--;
        s->n_running--;
    }
    sched_each_payer(s, se, t)
    {
        t->n_queries--;
        t->n_running -= !waited;
        s->roomier = s->roomier || t->quota.running_max;
    }
    list_remove(&q->in_session);
    list_append(&s->free_queries, &q->in_session);
    sched_touch(s, se);
    s->dirty = true;
}

void sched_session_unplace(Sched *s, Session *session)
{
    while (!list_empty(&session->queries))
        sched_query_drop(s, container_of(session->queries.next, Query, in_session));
    router_idle(s, session);
    Executor *e = sched_executor_of(s, session);
    if (e)
        e->session = SCHED_NONE;
    session->executor = SCHED_NONE;
    session->n_requests = 0;
    session->trip_usec = session->grant_bytes = session->shrink_usec = 0;
    session->answered_serial = 0;
    session->n_raises = 0;
    session->spread = session->asked = session->returned = session->stuck = false;
    sched_touch(s, session);
    s->dirty = true;
}

void sched_session_drop(Sched *s, Session *session)
{
    uint32_t i = sched_session_index(s, session);
    sched_usage(s, session, 0, 0);
    sched_session_unplace(s, session);
    lookup_remove(&s->session_ids, session->id);
    session->id = 0;
    sched_refile(s, session);
    list_remove(&session->in_touched);
    list_remove(&session->in_untold);
    sched_each_payer(s, session, t)
    {
        list_remove(&session->in_account[t_k]);
        t->n_sessions--;
        sched_account_release(s, t);
    }
    s->free_sessions[s->config.sessions_max - s->n_sessions--] = i;
    s->recheck = s->roomier = true; /* the others' ceilings are higher */
}

Executor *sched_executor_new(Sched *s, uint64_t id)
{
    if (list_empty(&s->free_executors))
        return NULL;
    Executor *e = container_of(s->free_executors.next, Executor, in_list);
    list_remove(&e->in_list);
    *e = (Executor){.id = id ? id : ++s->last_executor,
                    .state = EXECUTOR_SPAWNING,
                    .session = SCHED_NONE,
                    .tenant = SCHED_NONE,
                    .group = SCHED_NONE,
                    .grant_bytes = s->config.floor_bytes,
                    .view = s->view};
    list_init(&e->in_list);
    lookup_put(&s->executor_ids, e->id, (uint32_t)(e - s->executors));
    s->n_executors++;
    return e;
}

void sched_stop(Sched *s, Executor *e, SessionCause cause)
{
    if (e->state == EXECUTOR_STOPPING)
        return;
    e->state = EXECUTOR_STOPPING;
    e->stop_cause = cause;
    s->n_stopping++;
    list_remove(&e->in_list);
    sched_recount(s, e);
    if (e->session != SCHED_NONE)
        sched_touch(s, &s->sessions[e->session]);
    SchedAction *a = sched_emit(s, SCHED_ACTION_STOP, NULL);
    a->executor = e->id;
    a->cause = cause;
}

const History *sched_history_find(const Sched *s, uint64_t fingerprint)
{
    const History *set = s->history[fingerprint % SCHED_HISTORY_SETS];
    for (unsigned i = 0; fingerprint != 0 && i < SCHED_HISTORY_WAYS; i++)
        if (set[i].fingerprint == fingerprint)
            return &set[i];
    return NULL;
}

void sched_history_learn(Sched *s, uint64_t fingerprint, uint64_t peak, uint64_t elapsed_usec)
{
    if (fingerprint == 0)
        return;
    History *h = (History *)sched_history_find(s, fingerprint);
    if (!h) {
        h = s->history[fingerprint % SCHED_HISTORY_SETS];
        for (unsigned i = 1; i < SCHED_HISTORY_WAYS; i++)
            if (s->history[fingerprint % SCHED_HISTORY_SETS][i].used < h->used)
                h = &s->history[fingerprint % SCHED_HISTORY_SETS][i];
        *h =
            (History){.fingerprint = fingerprint, .peak_bytes = peak, .elapsed_usec = elapsed_usec};
    }
    /* Up at once, down by an eighth of the way: too little costs more than too much. */
    h->peak_bytes = peak > h->peak_bytes ? peak : h->peak_bytes - (h->peak_bytes - peak) / 8;
    h->elapsed_usec = (h->elapsed_usec * 3 + elapsed_usec) / 4;
    h->used = ++s->last_use;
}

/* Who opens it, and how. */
typedef struct Opener {
    uint32_t tenant, group; /* accounts */
    uint32_t profile, mode;
} Opener;

static Opener opener(Sched *s, uint32_t uid, uint32_t gid, uint32_t profile, uint32_t mode)
{
    return (Opener){.tenant = sched_account_open(s, false, uid),
                    .group = gid ? sched_account_open(s, true, gid) : SCHED_NONE,
                    .profile = profile,
                    .mode = mode};
}

static Session *new_session(Sched *s, uint64_t id, const Opener *o)
{
    uint32_t i = s->free_sessions[s->config.sessions_max - ++s->n_sessions];
    Session *se = &s->sessions[i];
    *se = (Session){.id = id,
                    .state = SCHED_SESSION_OPENING,
                    .tenant = o->tenant,
                    .group = o->group,
                    .profile = o->profile,
                    .mode = o->mode,
                    .generation = 1,
                    .executor = SCHED_NONE,
                    .opened_usec = s->now_usec,
                    .idle_usec = s->now_usec,
                    .class = o->profile == LATENCY_PROFILE_BATCH ? SCHED_CLASS_BATCH
                                                                 : SCHED_CLASS_INTERACTIVE};
    ListNode *const nodes[] = {&se->queries,    &se->in_opening,    &se->in_seeking,
                               &se->in_touched, &se->in_untold,     &se->in_pressing,
                               &se->in_late,    &se->in_short,      &se->in_asked,
                               &se->in_bucket,  &se->in_account[0], &se->in_account[1]};
    for (size_t k = 0; k < ARRAY_SIZE(nodes); k++)
        list_init(nodes[k]);
    se->node = router_choose_node(s);
    lookup_put(&s->session_ids, se->id, i);
    sched_each_payer(s, se, t)
    {
        t->n_sessions++;
        list_append(&t->sessions, &se->in_account[t_k]);
    }
    sched_refile(s, se);
    s->recheck = true; /* the others' ceilings are lower */
    s->dirty = true;
    return se;
}

static void on_opened(Sched *s, const SchedEvent *event)
{
    assert(event->session != 0);
    if (find_session(s, event->session))
        return;
    Opener o = opener(s, event->opened.tenant, event->opened.group, event->opened.profile,
                      event->opened.mode);
    uint64_t limit = 0;
    const char *why = sched_open_bound(s, o.tenant, o.group, &limit);
    if (why) {
        SchedAction *a = sched_emit(s, SCHED_ACTION_REFUSE_SESSION, NULL);
        a->session = event->session;
        a->tenant = event->opened.tenant;
        a->cause = s->draining ? SESSION_CAUSE_SHUTDOWN : SESSION_CAUSE_QUOTA;
        if (s->draining)
            sched_reason(a, "This host takes no new sessions: it is being drained.");
        else
            sched_reason(
                a,
                "Cannot open another session: %s is %ju. Stop a session that is not needed, or ask "
                "the administrator to raise the limit.",
                why, (uintmax_t)limit);
        for (uint32_t k = 0; k < SCHED_PAYERS; k++)
            if (sched_payer(s, o.tenant, o.group, k))
                sched_account_release(s, sched_payer(s, o.tenant, o.group, k));
        return;
    }
    (void)new_session(s, event->session, &o);
}

static void on_adopted(Sched *s, const SchedEvent *event)
{
    uint64_t max = MIN(event->adopted.max_bytes, SCHED_BYTES_MAX);
    if (find_session(s, event->session) || find_executor(s, event->adopted.executor))
        return;
    if (s->n_sessions >= s->config.sessions_max || list_empty(&s->free_executors)) {
        SchedAction *a = sched_emit(s, SCHED_ACTION_REFUSE_SESSION, NULL);
        a->session = event->session;
        a->executor = event->adopted.executor;
        a->tenant = event->adopted.tenant;
        a->cause = SESSION_CAUSE_QUOTA;
        sched_reason(a, "The limit of sessions has become smaller: there is no place for it.");
        return;
    }
    Opener o = opener(s, event->adopted.tenant, event->adopted.group, event->adopted.profile,
                      event->adopted.mode);
    Session *se = new_session(s, event->session, &o);
    Executor *e = sched_executor_new(s, event->adopted.executor);
    e->state = EXECUTOR_READY;
    e->session = sched_session_index(s, se);
    e->tenant = o.tenant;
    e->group = o.group;
    e->max_bytes = max;
    e->high_bytes = MIN(event->adopted.high_bytes, max);
    e->grant_bytes = MAX(sched_grant_for_max(max), event->adopted.grant_bytes);
    /* Above the budget, if that has become smaller: nothing is raised until it fits. */
    s->committed_bytes += max;
    sched_charge(s, e, 1, max);
    s->last_executor = MAX(s->last_executor, e->id);
    se->state = SCHED_SESSION_LIVE;
    se->executor = (uint32_t)(e - s->executors);
    se->generation = event->adopted.generation;
    se->grant_bytes = event->adopted.grant_bytes;
    se->answered_serial = event->adopted.serial;
    sched_untold(s, se);
    sched_touch(s, se);
    sched_refile(s, se);
}

static void on_retry(Sched *s, Session *se)
{
    if (se->state != SCHED_SESSION_LOST)
        return;
    se->state = SCHED_SESSION_OPENING;
    se->generation++;
    se->opened_usec = s->now_usec;
    se->node = router_choose_node(s);
    sched_refile(s, se);
    s->dirty = true;
}

static void on_closed(Sched *s, Session *se, SessionCause cause)
{
    Executor *e = sched_executor_of(s, se);
    sched_session_drop(s, se);
    if (e)
        sched_stop(s, e, cause);
}

/* The session goes on with another one, or not. */
static void executor_lost(Sched *s, Session *se, const Executor *dead, SessionCause cause)
{
    if (se->state != SCHED_SESSION_OPENING) {
        cause = dead->state == EXECUTOR_STOPPING ? dead->stop_cause : cause;
        scaler_lost(s, se, cause, dead->restart, dead->max_bytes);
        return;
    }
    sched_session_unplace(s, se);
    se->spawn_after_usec = s->now_usec + (100 * USEC_PER_MSEC << se->n_spawn_failures);
    if (++se->n_spawn_failures < SCHED_SPAWN_TRIES_MAX)
        return;
    SchedAction *a = sched_emit(s, SCHED_ACTION_REFUSE_SESSION, se);
    a->cause = SESSION_CAUSE_SPAWN;
    sched_reason(
        a,
        "The executor could not be started in %u attempts (last cause: %s). The journal of "
        "berthd names the step that failed.",
        SCHED_SPAWN_TRIES_MAX, session_cause_to_string(cause));
    sched_session_drop(s, se);
}

static void on_executor_exit(Sched *s, const SchedEvent *event)
{
    Executor *e = find_executor(s, event->exit.executor);
    if (!e)
        return;
    Executor dead = *e;
    e->state = EXECUTOR_FREE;
    e->id = 0;
    sched_recount(s, e);
    list_remove(&e->in_list);
    list_append(&s->free_executors, &e->in_list);
    lookup_remove(&s->executor_ids, dead.id);
    s->n_executors--;
    s->n_stopping -= dead.state == EXECUTOR_STOPPING;
    s->committed_bytes -= sched_executor_committed(&dead);
    s->dirty = s->roomier = true;
    if (dead.state == EXECUTOR_SPAWNING && dead.session == SCHED_NONE) {
        /* Warm ones are a comfort: try again after 1, 2, 4, ... 64 s. */
        s->n_warm_failures = MIN(s->n_warm_failures + 1, 7u);
        s->warm_after_usec = s->now_usec + (USEC_PER_SEC << (s->n_warm_failures - 1));
    }
    Session *se = dead.session == SCHED_NONE ? NULL : &s->sessions[dead.session];
    if (se) {
        se->peak_bytes = MIN(event->exit.peak_bytes, SCHED_BYTES_MAX);
        if (event->exit.operator_name[0])
            memcpy(se->operator_name, event->exit.operator_name, sizeof(se->operator_name));
    }
    if (se)
        executor_lost(s, se, &dead, (SessionCause)event->exit.cause);
    sched_charge(s, &dead, -1, -sched_executor_committed(&dead));
}

static void on_ready(Sched *s, uint64_t id)
{
    Executor *e = find_executor(s, id);
    if (!e || e->state != EXECUTOR_SPAWNING)
        return;
    e->state = EXECUTOR_READY;
    if (e->session == SCHED_NONE)
        s->n_warm_failures = 0;
    else
        sched_touch(s, &s->sessions[e->session]);
    s->dirty = true;
}

static void on_query_end(Sched *s, Session *se, const SchedEvent *event)
{
    Query *q = find_query(se, event->end.query);
    if (!q)
        return;
    if (event->end.state == QUERY_STATE_DONE && q->stage != QUERY_WAITING) {
        sched_history_learn(s, q->fingerprint, MIN(event->end.memory_peak_bytes, SCHED_BYTES_MAX),
                            event->end.elapsed_usec);
        se->min_need_bytes = 0;
    }
    scaler_query_gone(se, q->query);
    sched_query_drop(s, q);
    if (se->n_running == 0)
        router_idle(s, se);
}

/* What follows from the configuration alone. */
static void measure(Sched *s)
{
    uint64_t high, total = 0;
    sched_limits(s->config.floor_bytes, &high, &s->floor_max_bytes);
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        total += s->topology.nodes[n].memory_bytes >> 20;
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        s->node_share[n] = s->config.memory_budget_bytes / MAX(total, UINT64_C(1)) *
                           (s->topology.nodes[n].memory_bytes >> 20);
}

static void on_config(Sched *s, const SchedConfig *config)
{
    SchedConfig c = *config;
    c.sessions_max = s->config.sessions_max;
    c.n_warm = s->config.n_warm;
    c.slot_cpus = s->config.slot_cpus;
    memcpy(c.slots_per_cpu, s->config.slots_per_cpu, sizeof(c.slots_per_cpu));
    s->config = c;
    measure(s);
    sched_each_live(s, se) sched_untold(s, se); /* weights may differ */
    sched_touch_all(s);
}

/* Those that have changed, and those with a wish that could be met now. */
static void serve(Sched *s)
{
    uint64_t spare =
        s->config.memory_budget_bytes - MIN(s->committed_bytes, s->config.memory_budget_bytes);
    list_for_each_safe (n, &s->touched) {
        Session *se = container_of(n, Session, in_touched);
        if (se->state == SCHED_SESSION_LIVE && sched_may_emit(s))
            scaler_serve(s, se);
    }
    list_for_each_safe (n, &s->pressing) {
        Session *se = container_of(n, Session, in_pressing);
        if (!list_empty(&se->in_touched))
            continue;
        if (se->seen_room == s->n_room || se->lacking_bytes > spare)
            scaler_still_lacking(s, se);
        else if (sched_may_emit(s))
            scaler_serve(s, se);
    }
}

static void pump(Sched *s)
{
    while (s->dirty && !s->adopting && sched_may_emit(s)) {
        s->n_room += s->roomier;
        s->n_ceilings += s->recheck;
        s->dirty = s->memory_short = s->roomier = s->recheck = false;
        s->short_bytes = 0;
        while (!list_empty(&s->short_tenants)) {
            container_of(s->short_tenants.next, Tenant, in_list)->memory_short = false;
            list_remove(s->short_tenants.next);
        }
        s->pumping = true;
        sched_take_due(s);
        router_open(s);
        serve(s);
        router_correct(s);
        router_end(s);
        router_admit(s);
        list_for_each (n, &s->touched)
            sched_refile(s, container_of(n, Session, in_touched));
        scaler_shrink(s);
        scaler_warm(s);
        router_tell(s);
        s->pumping = false;
        if (!sched_may_emit(s))
            return; /* the rest follows when these have been taken */
        while (!list_empty(&s->touched)) {
            Session *se = container_of(s->touched.next, Session, in_touched);
            list_remove(&se->in_touched);
            sched_refile(s, se);
        }
        if (s->n_actions > 0)
            return;
    }
}

static void dispatch(Sched *s, const SchedEvent *event)
{
    Session *se = find_session(s, event->session);
    Executor *e;
    switch (event->type) {
    case SCHED_EVENT_SESSION_OPENED:
        on_opened(s, event);
        return;
    case SCHED_EVENT_SESSION_ADOPTED:
        on_adopted(s, event);
        return;
    case SCHED_EVENT_EXECUTOR_READY:
        on_ready(s, event->ready.executor);
        return;
    case SCHED_EVENT_EXECUTOR_EXIT:
        on_executor_exit(s, event);
        return;
    case SCHED_EVENT_RESIZED:
        e = find_executor(s, event->resized.executor);
        if (e && e->resize_serial == event->resized.serial && e->resize_serial != 0)
            scaler_resized(s, e, event);
        return;
    case SCHED_EVENT_PSI:
        s->pressure = event->psi.level;
        s->dirty = s->roomier = true;
        return;
    case SCHED_EVENT_CPU_CHANGED:
        router_cpus_changed(s, &event->online);
        s->dirty = true;
        return;
    case SCHED_EVENT_CONFIG:
        on_config(s, event->config);
        s->dirty = true;
        return;
    case SCHED_EVENT_VIEW_CHANGED:
        s->view++;
        s->dirty = true;
        return;
    case SCHED_EVENT_LEARNED:
        sched_history_learn(s, event->learned.fingerprint,
                            MIN(event->learned.peak_bytes, SCHED_BYTES_MAX),
                            event->learned.elapsed_usec);
        return;
    case SCHED_EVENT_QUOTA_SET:
        sched_quota_set(s, event->quota.group, event->quota.id, &event->quota.quota);
        return;
    case SCHED_EVENT_DRAIN:
        router_drain(s, event->drain.on, event->drain.deadline_usec);
        return;
    case SCHED_EVENT_TIMER:
        s->dirty = true;
        return;
    default:
        break;
    }
    if (!se)
        return;
    if (event->type == SCHED_EVENT_SESSION_RETRY) {
        on_retry(s, se);
    } else if (event->type == SCHED_EVENT_SESSION_CLOSED) {
        on_closed(s, se, (SessionCause)event->closed.cause);
    } else if (event->type == SCHED_EVENT_LIMIT_SET) {
        se->limit_set_bytes = MIN(event->limit.max_bytes, SCHED_BYTES_MAX);
        s->roomier = true;
        sched_touch(s, se);
    } else if (event->type == SCHED_EVENT_USAGE) {
        sched_usage(s, se, event->usage.spill_bytes, event->usage.undelivered_bytes);
    } else if (se->state != SCHED_SESSION_LIVE ||
               sched_executor_of(s, se)->state == EXECUTOR_STOPPING) {
        return; /* from an executor that is on its way out */
    } else if (event->type == SCHED_EVENT_QUERY_ESTIMATE) {
        router_estimate(s, se, event);
    } else if (event->type == SCHED_EVENT_QUERY_ADOPTED) {
        router_adopt(s, se, event);
    } else if (event->type == SCHED_EVENT_QUERY_END) {
        on_query_end(s, se, event);
    } else if (event->type == SCHED_EVENT_MEMORY_REQUEST) {
        scaler_request(s, se, event);
    } else if (event->type == SCHED_EVENT_MEMORY_RETURN) {
        scaler_returned(s, se, event->returned.serial, event->returned.total_bytes);
    } else if (event->type == SCHED_EVENT_MEMORY_HIGH) {
        scaler_trip(s, se, event->high.current_bytes, event->high.high_bytes);
    }
}

void sched_event(Sched *s, const SchedEvent *event)
{
    assert(s->n_actions == 0);
    assert(event->now_usec >= s->now_usec);
    s->now_usec = event->now_usec;
    s->adopting =
        event->type == SCHED_EVENT_SESSION_ADOPTED || event->type == SCHED_EVENT_QUERY_ADOPTED;
    dispatch(s, event);
    pump(s);
}

bool sched_next_action(Sched *s, SchedAction *ret_action)
{
    if (s->n_actions == 0)
        pump(s);
    if (s->n_actions == 0)
        return false;
    *ret_action = s->actions[s->first_action];
    s->first_action = (s->first_action + 1) % SCHED_ACTIONS_MAX;
    s->n_actions--;
    return true;
}

uint64_t sched_next_timer(const Sched *s)
{
    uint64_t t = s->warm_after_usec > s->now_usec ? s->warm_after_usec : SCHED_NEVER;
    if (s->memory_short || !list_empty(&s->short_tenants))
        t = MIN(t, s->now_usec + SCHED_SHRINK_REPEAT_USEC / 4);
    if (s->n_waiting > 0)
        t = MIN(t, s->now_usec + USEC_PER_SEC);
    if (s->memory_short && !list_empty(&s->just_asked))
        t = MIN(t, container_of(s->just_asked.next, Session, in_asked)->shrink_usec +
                       SCHED_SQUEEZE_PATIENCE_USEC);
    uint64_t idle = scaler_idle_deadline(s), drain = router_drain_deadline(s);
    t = MIN(t, drain);
    t = MIN(t, idle);
    if (s->due.n > 0)
        t = MIN(t, s->due.entries[0].key);
    return t == SCHED_NEVER ? t : MAX(t, s->now_usec + 10 * USEC_PER_MSEC);
}

int sched_new(const SchedConfig *config, const SchedTopology *topology, Sched **ret_sched)
{
    char reason[128];
    assert(sched_config_check(config, reason, sizeof(reason)) == 0);
    Sched *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->config = *config;
    s->topology = *topology;
    s->dirty = true;
    ListNode *const lists[] = {
        &s->waiting,  &s->free_queries, &s->free_executors, &s->free_tenants, &s->short_tenants,
        &s->warm,     &s->opening,      &s->seeking,        &s->touched,      &s->untold,
        &s->pressing, &s->just_asked,   &s->slotless};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        list_init(lists[i]);
    for (uint32_t n = 0; n < SCHED_NODES_MAX; n++)
        list_init(&s->late[n]);
    /* Room for those that are being stopped while their successors start. */
    uint32_t n_sessions = config->sessions_max;
    s->n_executors_max = 2 * n_sessions + config->n_warm;
    s->n_tenants_max = SCHED_PAYERS * (s->n_executors_max + n_sessions);
    s->n_queries_max = config->queue_max + n_sessions * SCHED_QUERIES_PER_SESSION;
    s->sessions = calloc(n_sessions, sizeof(*s->sessions));
    s->executors = calloc(s->n_executors_max, sizeof(*s->executors));
    s->tenants = calloc(s->n_tenants_max, sizeof(*s->tenants));
    s->queries = calloc(s->n_queries_max, sizeof(*s->queries));
    s->free_sessions = calloc(n_sessions, sizeof(*s->free_sessions));
    if (!s->sessions || !s->executors || !s->tenants || !s->queries || !s->free_sessions ||
        lookup_init(&s->session_ids, n_sessions) < 0 ||
        lookup_init(&s->executor_ids, s->n_executors_max) < 0 ||
        lookup_init(&s->accounts, s->n_tenants_max) < 0 || heap_init(&s->due, n_sessions) < 0 ||
        heap_init(&s->idle[SCHED_MODE_STANDARD], n_sessions) < 0 ||
        heap_init(&s->idle[SCHED_MODE_PERFORMANCE], n_sessions) < 0 ||
        heap_init(&s->spent, n_sessions) < 0 || heap_init(&s->lower, n_sessions) < 0 ||
        heap_init(&s->large, n_sessions) < 0 ||
        slot_table_init(&s->slots, topology, config->slot_cpus, config->slots_per_cpu, n_sessions) <
            0 ||
        router_init(s) < 0) {
        (void)sched_free(s);
        return -ENOMEM;
    }
    measure(s);
    for (uint32_t i = 0; i < n_sessions; i++)
        s->free_sessions[i] = n_sessions - 1 - i; /* the first one first */
    for (uint32_t i = 0; i < s->n_queries_max; i++)
        list_append(&s->free_queries, &s->queries[i].in_session);
    for (uint32_t i = 0; i < s->n_executors_max; i++)
        list_append(&s->free_executors, &s->executors[i].in_list);
    for (uint32_t i = 0; i < s->n_tenants_max; i++)
        list_append(&s->free_tenants, &s->tenants[i].in_list);
    *ret_sched = s;
    return 0;
}

Sched *sched_free(Sched *s)
{
    if (!s)
        return NULL;
    slot_table_done(&s->slots);
    lookup_done(&s->session_ids);
    lookup_done(&s->executor_ids);
    lookup_done(&s->accounts);
    heap_done(&s->due);
    for (uint32_t mode = 0; mode < _SCHED_MODE_MAX; mode++)
        heap_done(&s->idle[mode]);
    heap_done(&s->spent);
    heap_done(&s->lower);
    heap_done(&s->large);
    free(s->sessions);
    free(s->executors);
    free(s->tenants);
    free(s->queries);
    free(s->free_sessions);
    free(s->lessees);
    free(s->buckets);
    free(s);
    return NULL;
}
