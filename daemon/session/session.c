/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/session/session.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/bus/bus.h"
#include "daemon/core_link.h"
#include "daemon/gateway_link.h"
#include "daemon/history/records.h"
#include "daemon/log.h"
#include "daemon/session/executor.h"

const char *session_state_to_string(SessionState state)
{
    static const char *const names[_SESSION_STATE_MAX] = {"opening", "placing", "running",
                                                          "restarting"};
    return state < _SESSION_STATE_MAX ? names[state] : "unknown";
}

static LogRecord session_record(const Session *s, LogEvent event, int level)
{
    LogRecord record = log_record(event, level);

    log_field(&record, "SESSION", "%" PRIu64, s->id);
    log_field(&record, "UID", "%u", s->identity.uid);
    log_field(&record, "GENERATION", "%u", s->generation);
    return record;
}

static void send_refused(Session *s, uint64_t session, SessionCause cause, const char *reason)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_SESSION_REFUSED, s->serial);
    frame.session_refused.session = session;
    frame.session_refused.cause = cause;
    text_copy(frame.session_refused.reason, sizeof(frame.session_refused.reason), reason);
    gateway_send(s->peer, &frame, -EBADF);
    s->serial = 0;
    LogRecord record = session_record(s, LOG_EVENT_REFUSED, LOG_NOTICE);
    log_field(&record, "CAUSE", "%s", session_cause_to_string(cause));
    log_field(&record, "REASON", "%s", reason);
    log_send(&record, "session %" PRIu64 " of %s refused: %s", s->id, s->identity.user, reason);
}

/* Everything but the scheduler's part. */
static void session_free(Session *s, SessionCause cause, const char *reason)
{
    Manager *m = s->manager;

    if (s->executor)
        s->executor->session = NULL;
    LogRecord record = session_record(s, LOG_EVENT_SESSION_REMOVED, LOG_INFO);
    log_field(&record, "CAUSE", "%s", session_cause_to_string(cause));
    log_field(&record, "REASON", "%s", reason);
    log_send(&record, "session %" PRIu64 " of %s ended: %s%s%s", s->id, s->identity.user,
             session_cause_to_string(cause), reason[0] ? ", " : "", reason);
    bus_session_removed(m, s, session_cause_to_string(cause));
    list_remove(&s->node);
    m->n_sessions--;
    fd_close(s->channel_fd);
    core_link_release(m, s->identity.ticket);
    charge_cancel(&s->charge);
    account_unref(s->account);
    free(s);
    manager_changed(m);
}

/* For the history. @end NULL: its executor died, and @lost says how; or its session was closed. */
static void record_query(Session *s, const SessionQuery *q, const ControlQueryEnd *end,
                         const SchedAction *lost)
{
    uint64_t now = clock_now_usec();
    HistoryRecord r = {
        .start_usec = q->started_usec,
        .uid = s->identity.uid,
        .state = end    ? end->state
                 : lost ? QUERY_STATE_FAILED
                        : QUERY_STATE_CANCELLED,
        .cause = lost ? lost->cause : SESSION_CAUSE_NONE,
        .generation = s->generation,
        .session = s->id,
        .query = q->estimate.query,
        .fingerprint = q->estimate.fingerprint,
        .rows = end ? end->rows : 0,
        .scan_bytes = end ? end->scan_bytes : q->estimate.scan_bytes,
        .estimate_bytes = q->estimate.memory_peak_bytes,
        .grant_bytes = q->grant_bytes,
        .peak_bytes = end    ? end->memory_peak_bytes
                      : lost ? lost->peak_bytes
                             : 0,
        .limit_bytes = lost          ? lost->max_bytes
                       : s->executor ? s->executor->max_bytes
                                     : 0,
        .cpu_usec = end ? end->cpu_usec : 0,
        .queued_usec = (q->granted_usec ? q->granted_usec : now) - q->asked_usec,
        .elapsed_usec = end ? end->elapsed_usec : now - q->asked_usec,
    };

    if (lost)
        text_copy(r.operator_name, sizeof(r.operator_name), lost->operator_name);
    text_copy(r.version, sizeof(r.version), s->version);
    text_copy(r.operation, sizeof(r.operation), q->estimate.operation_id);
    records_add(s->manager->records, &r);
}

/* Shorter ones may have ended, and the word of it be on its way. */
#define UNFINISHED_USEC (100 * USEC_PER_MSEC)

/* What still runs or waits when a session is closed was cancelled by that. */
static void record_unfinished(Session *s)
{
    uint64_t now = clock_now_usec();

    for (size_t i = 0; i < SCHED_QUERIES_PER_SESSION; i++)
        if (s->queries[i].used && now - s->queries[i].asked_usec >= UNFINISHED_USEC)
            record_query(s, &s->queries[i], NULL, NULL);
}

void session_close(Session *s, SessionCause cause, const char *reason)
{
    Manager *m = s->manager;
    SchedEvent event = {
        .type = SCHED_EVENT_SESSION_CLOSED, .session = s->id, .closed = {.cause = cause}};

    /* The gateway's word may come before its executor's that the last query has ended. */
    if (s->executor)
        executor_drain(s->executor);
    s = manager_find_session(m, event.session);
    if (!s)
        return;
    record_unfinished(s);

    if (reason[0]) { /* not the client's own wish: the gateway has to be told */
        ControlFrame frame;
        control_init(&frame, CONTROL_SESSION_LOST, s->announced ? 0 : s->serial);
        frame.session_lost.session = s->id;
        frame.session_lost.generation = s->generation;
        frame.session_lost.cause = cause;
        text_copy(frame.session_lost.reason, sizeof(frame.session_lost.reason), reason);
        gateway_send(s->peer, &frame, -EBADF);
    }
    session_free(s, cause, reason);
    manager_feed(m, &event);
}

static Session *find_pair(Manager *m, uid_t uid, const char *client_id)
{
    list_for_each (n, &m->sessions) {
        Session *s = container_of(n, Session, node);
        if (s->identity.uid == uid && strcmp(s->client_id, client_id) == 0)
            return s;
    }
    return NULL;
}

static void send_ready(Session *s, uint64_t serial, int channel_fd)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_SESSION_READY, serial);
    frame.session_ready.session = s->id;
    frame.session_ready.uid = s->identity.uid;
    frame.session_ready.generation = s->generation;
    frame.session_ready.has_channel = channel_fd >= 0;
    if (s->executor)
        text_copy(frame.session_ready.executor_version,
                  sizeof(frame.session_ready.executor_version),
                  s->executor->hello.executor_version);
    gateway_send(s->peer, &frame, channel_fd);
}

static int session_new(Manager *m, GatewayPeer *peer, const ControlSessionOpen *open,
                       const Identity *identity, Session **ret_session)
{
    _cleanup_free_ Session *s = calloc(1, sizeof(*s));

    if (!s)
        return -ENOMEM;
    *s = (Session){.manager = m,
                   .id = ++m->last_session,
                   .identity = *identity,
                   .profile = open->profile,
                   .performance = open->performance,
                   .peer = peer,
                   .serial = open->header.serial,
                   .channel_fd = -EBADF,
                   .started_usec = clock_realtime_usec(),
                   .active_usec = clock_now_usec()};
    text_copy(s->client_id, sizeof(s->client_id), open->session_id);
    int r = account_ref(&m->books, identity->uid, &s->account);
    if (r < 0)
        return r;
    r = charge_enter(s->account, CHARGE_SESSIONS, 1, &s->charge);
    if (r != 0) {
        send_refused(s, 0, SESSION_CAUSE_QUOTA,
                     "you have as many sessions as UserMax= of [Sessions] allows; end one first");
        account_unref(s->account);
        return r;
    }
    list_append(&m->sessions, &s->node);
    m->n_sessions++;
    *ret_session = TAKE_PTR(s);
    return 0;
}

bool session_open(Manager *m, GatewayPeer *peer, const ControlSessionOpen *open,
                  const Identity *identity)
{
    Session *s = find_pair(m, identity->uid, open->session_id);
    SchedEvent event = {.type = SCHED_EVENT_SESSION_OPENED};
    ControlFrame frame;

    if (s && s->peer == peer) {
        send_ready(s, open->header.serial, -EBADF);
        return false;
    }
    int r = s ? -EEXIST : session_new(m, peer, open, identity, &s);
    if (r < 0) {
        control_init(&frame, CONTROL_SESSION_REFUSED, open->header.serial);
        frame.session_refused.cause = r == -EEXIST ? SESSION_CAUSE_PROTOCOL : SESSION_CAUSE_SPAWN;
        text_copy(frame.session_refused.reason, sizeof(frame.session_refused.reason),
                  r == -EEXIST ? "this session belongs to another gateway" : strerror(-r));
        gateway_send(peer, &frame, -EBADF);
    }
    if (r != 0)
        return false;
    LogRecord record = session_record(s, LOG_EVENT_SESSION_ADDED, LOG_INFO);
    log_field(&record, "CLIENT_SESSION", "%s", s->client_id);
    log_send(&record, "session %" PRIu64 " of %s opened", s->id, s->identity.user);
    bus_session_added(m, s);
    manager_changed(m);
    event.session = s->id;
    event.opened.tenant = s->identity.uid;
    event.opened.group = identity->group;
    event.opened.profile = s->profile;
    event.opened.mode = s->performance ? SCHED_MODE_PERFORMANCE : SCHED_MODE_STANDARD;
    manager_feed(m, &event);
    return true; /* also if it has ended by now: then the ticket is released */
}

void session_retry(Session *s, uint64_t serial)
{
    SchedEvent event = {.type = SCHED_EVENT_SESSION_RETRY, .session = s->id};

    if (s->state != SESSION_RESTARTING)
        return; /* it crossed a READY */
    s->serial = serial;
    s->active_usec = clock_now_usec();
    manager_feed(s->manager, &event);
}

void session_ready(Session *s)
{
    LogRecord record = session_record(s, LOG_EVENT_NONE, LOG_INFO);
    Executor *e = s->executor;

    log_field(&record, "EXECUTOR", "%" PRIu64, e->id);
    log_field(&record, "NODE", "%d", (int)e->node_id);
    log_field(&record, "SECCOMP", "%u", e->locked.seccomp_mode);
    log_field(&record, "LANDLOCK", "%u", e->locked.landlock_abi);
    log_field(&record, "RING", "%u", e->locked.ring_restricted);
    log_send(&record, "session %" PRIu64 " has executor %" PRIu64 ", generation %u", s->id, e->id,
             s->generation);
    s->state = SESSION_RUNNING;
    text_copy(s->version, sizeof(s->version), e->hello.executor_version);
    s->announced = true;
    s->active_usec = clock_now_usec();
    send_ready(s, s->serial, TAKE_FD(s->channel_fd));
    s->serial = 0;
    bus_session_changed(s->manager, s);
}

static SessionQuery *find_query(Session *s, uint64_t query)
{
    for (size_t i = 0; i < SCHED_QUERIES_PER_SESSION; i++)
        if (s->queries[i].used && s->queries[i].estimate.query == query)
            return &s->queries[i];
    return NULL;
}

static void forget_query(Session *s, uint64_t query)
{
    SessionQuery *q = find_query(s, query);

    if (!q)
        return;
    q->used = false;
    s->n_queries--;
    s->active_usec = clock_now_usec();
    bus_session_changed(s->manager, s);
    manager_changed(s->manager);
}

static void forget_queries(Session *s)
{
    for (size_t i = 0; i < SCHED_QUERIES_PER_SESSION; i++)
        s->queries[i].used = false;
    s->n_queries = 0;
}

static void remember_query(Session *s, const ControlQueryEstimate *estimate)
{
    SessionQuery *q = find_query(s, estimate->query);

    for (size_t i = 0; !q && i < SCHED_QUERIES_PER_SESSION; i++)
        if (!s->queries[i].used) {
            q = &s->queries[i];
            s->n_queries++;
        }
    if (!q)
        return; /* one too many: the scheduler refuses it */
    *q = (SessionQuery){.used = true,
                        .estimate = *estimate,
                        .started_usec = clock_realtime_usec(),
                        .asked_usec = clock_now_usec()};
    bus_session_changed(s->manager, s);
    manager_changed(s->manager);
}

/* One that failed before its estimate is a query, too. */
static void record_end(Session *s, const ControlQueryEnd *end)
{
    uint64_t now = clock_now_usec(), took = MIN(end->elapsed_usec, now);
    SessionQuery unknown = {.estimate.query = end->query,
                            .started_usec = clock_realtime_usec() - took,
                            .asked_usec = now - took,
                            .granted_usec = now - took};
    const SessionQuery *q = find_query(s, end->query);

    record_query(s, q ? q : &unknown, end, NULL);
}

/* Estimate against use: what an administrator wants to read the day after. */
static void log_query(Session *s, const ControlQueryEnd *end)
{
    static const char *const states[_QUERY_STATE_MAX] = {"done", "failed", "cancelled"};
    LogRecord record = session_record(s, LOG_EVENT_NONE, LOG_INFO);
    const SessionQuery *q = find_query(s, end->query);
    char peak[32], estimate[32];

    log_field(&record, "QUERY", "%" PRIu64, end->query);
    log_field(&record, "STATE", "%s", states[end->state]);
    log_field(&record, "PEAK_BYTES", "%" PRIu64, end->memory_peak_bytes);
    log_field(&record, "ESTIMATE_BYTES", "%" PRIu64, q ? q->estimate.memory_peak_bytes : 0);
    log_field(&record, "SCAN_BYTES", "%" PRIu64, end->scan_bytes);
    log_field(&record, "ROWS", "%" PRIu64, end->rows);
    log_field(&record, "CPU_USEC", "%" PRIu64, end->cpu_usec);
    log_field(&record, "ELAPSED_USEC", "%" PRIu64, end->elapsed_usec);
    log_send(&record,
             "query %" PRIu64 " of session %" PRIu64 " %s after %" PRIu64 " ms, %s of %s estimated",
             end->query, s->id, states[end->state], end->elapsed_usec / USEC_PER_MSEC,
             text_format_bytes(peak, sizeof(peak), end->memory_peak_bytes),
             text_format_bytes(estimate, sizeof(estimate), q ? q->estimate.memory_peak_bytes : 0));
}

static void asked(Session *s, const char *cause)
{
    s->executor->asked_cause = cause;
    s->executor->asked_usec = clock_now_usec();
}

void session_executor_frame(Session *s, const ControlFrame *f)
{
    SchedEvent event = {.session = s->id};

    s->active_usec = clock_now_usec();
    switch (f->header.type) {
    case CONTROL_QUERY_ESTIMATE:
        remember_query(s, &f->query_estimate);
        asked(s, "estimate");
        event.type = SCHED_EVENT_QUERY_ESTIMATE;
        event.estimate.serial = f->header.serial;
        event.estimate.query = f->query_estimate.query;
        event.estimate.scan_bytes = f->query_estimate.scan_bytes;
        event.estimate.memory_peak_bytes = f->query_estimate.memory_peak_bytes;
        event.estimate.memory_useful_bytes = f->query_estimate.memory_useful_bytes;
        event.estimate.fingerprint = f->query_estimate.fingerprint;
        event.estimate.parallelism = f->query_estimate.parallelism;
        event.estimate.profile = f->query_estimate.profile;
        break;
    case CONTROL_QUERY_END:
        log_query(s, &f->query_end);
        record_end(s, &f->query_end);
        forget_query(s, f->query_end.query);
        event.type = SCHED_EVENT_QUERY_END;
        event.end.query = f->query_end.query;
        event.end.state = f->query_end.state;
        event.end.memory_peak_bytes = f->query_end.memory_peak_bytes;
        event.end.elapsed_usec = f->query_end.elapsed_usec;
        break;
    case CONTROL_MEMORY_REQUEST:
        asked(s, "request");
        event.type = SCHED_EVENT_MEMORY_REQUEST;
        event.request.serial = f->header.serial;
        event.request.query = f->memory_request.query;
        event.request.total_bytes = f->memory_request.total_bytes;
        event.request.minimum_bytes = f->memory_request.minimum_bytes;
        text_copy(event.request.operator_name, sizeof(event.request.operator_name),
                  f->memory_request.operator_name);
        break;
    case CONTROL_MEMORY_RETURN:
        event.type = SCHED_EVENT_MEMORY_RETURN;
        event.returned.serial = f->header.serial;
        event.returned.total_bytes = f->memory_return.total_bytes;
        break;
    default:
        return;
    }
    manager_feed(s->manager, &event);
}

static void place(Manager *m, Session *s, const SchedAction *a)
{
    Executor *e = manager_find_executor(m, a->executor);

    if (!e)
        return;
    if (!s) {
        executor_kill(e, SESSION_CAUSE_CLOSED, "its session is gone");
        return;
    }
    if (a->generation > 1)
        s->n_restarts++;
    s->state = SESSION_PLACING;
    s->generation = a->generation;
    executor_place(e, s, a);
    bus_session_changed(m, s);
}

static void answer_query(Session *s, const SchedAction *a, bool refused)
{
    SessionQuery *q = find_query(s, a->query);
    ControlFrame frame;

    control_init(&frame, CONTROL_QUERY_GRANT, a->serial);
    frame.query_grant.query = a->query;
    frame.query_grant.memory_bytes = a->grant_bytes;
    frame.query_grant.n_threads = a->n_threads;
    frame.query_grant.refused = refused;
    text_copy(frame.query_grant.reason, sizeof(frame.query_grant.reason), a->reason);
    s->executor->asked_cause = NULL;
    executor_send(s->executor, &frame);
    if (refused) {
        forget_query(s, a->query);
        return;
    }
    s->executor->grant_bytes = a->grant_bytes;
    if (q) {
        if (q->granted_usec == 0)
            q->granted_usec = clock_now_usec();
        q->grant_bytes = MAX(q->grant_bytes, a->grant_bytes);
        q->n_threads = a->n_threads;
        q->position = 0;
    }
    bus_session_changed(s->manager, s);
    manager_changed(s->manager);
}

static void answer_memory(Session *s, const SchedAction *a)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_MEMORY_REPLY, a->serial);
    frame.memory_reply.total_bytes = a->grant_bytes;
    frame.memory_reply.verdict = a->verdict;
    text_copy(frame.memory_reply.reason, sizeof(frame.memory_reply.reason), a->reason);
    s->executor->grant_bytes = a->grant_bytes;
    s->executor->asked_cause = NULL;
    executor_send(s->executor, &frame);
    /* The grant is the process's: each query that runs in it has as much. */
    for (size_t i = 0; i < SCHED_QUERIES_PER_SESSION; i++)
        if (s->queries[i].used && s->queries[i].grant_bytes > 0)
            s->queries[i].grant_bytes = MAX(s->queries[i].grant_bytes, a->grant_bytes);
}

/* The executor answers with QUERY_END; its client reads the reason. */
static void cancel_query(Session *s, const SchedAction *a)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_QUERY_CANCEL, 0);
    frame.query_cancel.query = a->query;
    text_copy(frame.query_cancel.reason, sizeof(frame.query_cancel.reason), a->reason);
    executor_send(s->executor, &frame);
    log_line(LOG_NOTICE, "query %" PRIu64 " of session %" PRIu64 ": %s", a->query, s->id,
             a->reason);
}

static void shrink(Session *s, const SchedAction *a)
{
    ControlFrame frame;

    control_init(&frame, CONTROL_MEMORY_SHRINK, 0);
    frame.memory_shrink.total_bytes = a->grant_bytes;
    executor_send(s->executor, &frame);
}

static void notice(Session *s, const SchedAction *a)
{
    SessionQuery *q = find_query(s, a->query);
    ControlFrame frame;

    control_init(&frame, CONTROL_SESSION_NOTICE, 0);
    frame.session_notice.session = s->id;
    frame.session_notice.query = a->query;
    frame.session_notice.queue_position = a->position;
    text_copy(frame.session_notice.reason, sizeof(frame.session_notice.reason), a->reason);
    gateway_send(s->peer, &frame, -EBADF);
    if (q && a->type == SCHED_ACTION_QUEUE) {
        q->position = a->position;
        text_copy(q->reason, sizeof(q->reason), a->reason);
        manager_changed(s->manager);
    }
}

static void lost(Session *s, const SchedAction *a)
{
    LogRecord record = session_record(s, LOG_EVENT_OUT_OF_MEMORY, LOG_WARNING);
    ControlFrame frame;

    control_init(&frame, CONTROL_SESSION_LOST, 0);
    ControlSessionLost *l = &frame.session_lost;
    l->session = s->id;
    l->generation = s->generation;
    l->cause = a->cause;
    l->may_retry = a->may_retry;
    l->signal = s->last_signal;
    l->memory_peak_bytes = a->peak_bytes;
    l->memory_limit_bytes = a->max_bytes;
    text_copy(l->operator_name, sizeof(l->operator_name), a->operator_name);
    text_copy(l->reason, sizeof(l->reason), a->reason);
    gateway_send(s->peer, &frame, -EBADF);
    if (a->cause == SESSION_CAUSE_OOM) {
        log_field(&record, "PEAK_BYTES", "%" PRIu64, a->peak_bytes);
        log_field(&record, "LIMIT_BYTES", "%" PRIu64, a->max_bytes);
        log_field(&record, "OPERATOR", "%s", a->operator_name);
        log_field(&record, "OUTCOME", "%s", a->may_retry ? "restarting" : "refused");
        log_send(&record, "session %" PRIu64 " ran out of memory: %s", s->id,
                 a->may_retry ? "it will be restarted with more" : a->reason);
        bus_out_of_memory(s->manager, s, a->peak_bytes, a->max_bytes,
                          a->may_retry ? "restarting" : "refused");
    }
    for (size_t i = 0; i < SCHED_QUERIES_PER_SESSION; i++)
        if (s->queries[i].used)
            record_query(s, &s->queries[i], NULL, a);
    forget_queries(s);
    s->channel_fd = fd_close(s->channel_fd);
    if (!a->may_retry) {
        session_free(s, a->cause, a->reason);
        return;
    }
    s->state = SESSION_RESTARTING;
    bus_session_changed(s->manager, s);
    manager_changed(s->manager);
}

static void refuse_session(Session *s, const SchedAction *a)
{
    send_refused(s, s->announced ? s->id : 0, a->cause, a->reason);
    session_free(s, a->cause, a->reason);
}

/* The executor died between PLACE and LOCKED: the gateway still waits for its OPEN or RETRY, and
 * gets that answered. */
static void lost_unseen(Session *s, const SchedAction *a)
{
    SchedEvent event = {.type = SCHED_EVENT_SESSION_RETRY, .session = s->id};

    s->channel_fd = fd_close(s->channel_fd);
    if (!a->may_retry) {
        refuse_session(s, a);
        return;
    }
    s->state = SESSION_RESTARTING;
    manager_feed(s->manager, &event);
}

/* Orders about an executor alone. Return: false when it is not one of these. */
static bool carry_out_executor(Manager *m, const SchedAction *a)
{
    Executor *e = manager_find_executor(m, a->executor);

    switch (a->type) {
    case SCHED_ACTION_SPAWN:
        if (!m->stopping)
            executor_spawn(m, a);
        return true;
    case SCHED_ACTION_STOP:
        if (e)
            executor_kill(e, a->cause ? a->cause : SESSION_CAUSE_CLOSED, a->reason);
        return true;
    case SCHED_ACTION_MOVE:
        if (e)
            executor_move(e, a);
        return true;
    case SCHED_ACTION_RESIZE:
        if (e)
            executor_resize(e, a);
        return true;
    default:
        return false;
    }
}

void session_carry_out(Manager *m, const SchedAction *a)
{
    if (carry_out_executor(m, a))
        return;
    if (a->type == SCHED_ACTION_DRAINED) {
        log_line(LOG_NOTICE, "this host is drained: the last session has gone");
        bus_drained(m);
        return;
    }
    Session *s = manager_find_session(m, a->session);
    if (a->type == SCHED_ACTION_PLACE) {
        place(m, s, a);
        return;
    }
    if (!s)
        return; /* it ended by another way; the scheduler hears of that next */
    switch (a->type) {
    case SCHED_ACTION_QUEUE:
    case SCHED_ACTION_NOTICE:
        notice(s, a);
        return;
    case SCHED_ACTION_LOST:
        (s->serial ? lost_unseen : lost)(s, a);
        return;
    case SCHED_ACTION_REFUSE_SESSION:
        refuse_session(s, a);
        return;
    default:
        break;
    }
    if (!s->executor || (a->executor && s->executor->id != a->executor))
        return; /* meant for one that is gone */
    switch (a->type) {
    case SCHED_ACTION_GRANT:
    case SCHED_ACTION_REFUSE_QUERY:
        answer_query(s, a, a->type == SCHED_ACTION_REFUSE_QUERY);
        break;
    case SCHED_ACTION_MEMORY_REPLY:
        answer_memory(s, a);
        break;
    case SCHED_ACTION_SHRINK:
        shrink(s, a);
        break;
    case SCHED_ACTION_CANCEL:
        cancel_query(s, a);
        break;
    default:
        break;
    }
}
