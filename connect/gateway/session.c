/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session as its client sees it. What the client has done to it is kept here (configuration, and
 * the statements that changed state), so an executor is replaceable:
 *
 *   NEW -> OPENING -> REPLAYING -> READY -> LOST -> RETRYING -> REPLAYING -> READY
 *
 * and back to NEW when berthd itself goes, or when the executor died in a way that berthd does not
 * repeat.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "connect/gateway/gateway_internal.h"

/* ---- ids ---- */

void uuid_generate(char text[UUID_TEXT])
{
    uint8_t b[16];
    size_t n = 0;
    while (n < sizeof(b)) {
        ssize_t k = getrandom(b + n, sizeof(b) - n, 0);
        if (k > 0)
            n += (size_t)k;
    }
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    snprintf(text, UUID_TEXT,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

bool uuid_parse(ProtoBytes bytes, char text[UUID_TEXT])
{
    if (bytes.n_bytes != UUID_TEXT - 1)
        return false;
    for (unsigned i = 0; i < UUID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? bytes.data[i] != '-' : !isxdigit(bytes.data[i]))
            return false;
        text[i] = (char)tolower(bytes.data[i]);
    }
    text[UUID_TEXT - 1] = 0;
    return true;
}

/* ---- finding ---- */

static ListNode *bucket_of(Gateway *g, uint32_t uid, const char *id)
{
    uint32_t h = 2166136261u ^ uid;
    for (const char *p = id; *p; p++)
        h = (h ^ (uint8_t)*p) * 16777619u;
    return &g->buckets[h % SESSION_BUCKETS];
}

Session *session_find(Gateway *g, uint32_t uid, const char *id)
{
    ListNode *bucket = bucket_of(g, uid, id);
    list_for_each (pos, bucket) {
        Session *s = container_of(pos, Session, bucket);
        if (s->tenant->uid == uid && strcmp(s->id, id) == 0 && s->state != SESSION_STATE_CLOSED)
            return s;
    }
    return NULL;
}

static Session *session_by_handle(Gateway *g, uint64_t handle)
{
    list_for_each (pos, &g->sessions) {
        Session *s = container_of(pos, Session, node);
        if (s->handle == handle && handle != 0 && s->state != SESSION_STATE_CLOSED)
            return s;
    }
    return NULL;
}

static Session *session_by_serial(Gateway *g, uint64_t serial)
{
    list_for_each (pos, &g->sessions) {
        Session *s = container_of(pos, Session, node);
        if (s->serial == serial && serial != 0 && s->state != SESSION_STATE_CLOSED)
            return s;
    }
    return NULL;
}

bool session_has_tombstone(Gateway *g, uint32_t uid, const char *id)
{
    for (unsigned i = 0; i < TOMBSTONES_MAX; i++)
        if (g->tombstones[i].uid == uid && strcmp(g->tombstones[i].id, id) == 0)
            return true;
    return false;
}

bool session_operation_was(const Session *s, const char *operation_id)
{
    for (unsigned i = 0; s->ended && i < OPERATION_TOMBSTONES_MAX; i++)
        if (strcmp(s->ended[i], operation_id) == 0)
            return true;
    return false;
}

int session_remember_operation(Session *s, const char *operation_id)
{
    if (!s->ended && !(s->ended = calloc(OPERATION_TOMBSTONES_MAX, sizeof(*s->ended))))
        return -ENOMEM;
    text_copy(s->ended[s->next_ended], UUID_TEXT, operation_id);
    s->next_ended = (s->next_ended + 1) % OPERATION_TOMBSTONES_MAX;
    return 0;
}

StoredError *session_store_error(Session *s)
{
    StoredError *e = &s->errors[s->next_error];
    s->next_error = (s->next_error + 1) % ERRORS_KEPT_MAX;
    gateway_error_done(&e->error);
    uuid_generate(e->id);
    return e;
}

/* ---- life ---- */

static void set_state(Session *s, SessionState state)
{
    s->state = state;
    s->state_usec = clock_now_usec();
}

int session_new(Gateway *g, Tenant *t, const char *id, Session **ret_session)
{
    Session *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->gateway = g;
    s->tenant = t;
    text_copy(s->id, sizeof(s->id), id);
    uuid_generate(s->server_id);
    s->channel = (Channel){.session = s, .fd = -EBADF, .source.fd = -EBADF};
    list_init(&s->channel.outgoing);
    list_init(&s->operations);
    list_init(&s->history);
    list_append(&g->sessions, &s->node);
    list_append(bucket_of(g, t->uid, id), &s->bucket);
    g->n_sessions++;
    t->n_sessions++;
    set_state(s, SESSION_STATE_NEW);
    s->used_usec = s->state_usec;
    *ret_session = s;
    return 0;
}

static void history_free(Session *s, History *h)
{
    list_remove(&h->node);
    s->n_history--;
    s->n_history_bytes -= h->plan.n_bytes;
    grpc_buffer_unref(h->request);
    free(h);
}

/* Only by the sweep. */
void session_free(Session *s)
{
    Gateway *g = s->gateway;
    channel_close(&s->channel);
    while (!list_empty(&s->operations))
        operation_free(container_of(s->operations.next, Operation, node));
    while (!list_empty(&s->history))
        history_free(s, container_of(s->history.next, History, node));
    for (unsigned i = 0; i < ERRORS_KEPT_MAX; i++)
        gateway_error_done(&s->errors[i].error);
    artifact_free_all(s);
    config_done(&s->config);
    free(s->ended);
    list_remove(&s->bucket);
    list_remove(&s->node);
    g->n_sessions--;
    s->tenant->n_sessions--;
    tenant_release_if_empty(g, s->tenant);
    free(s);
}

static void fail_operations(Session *s, const GatewayError *e)
{
    list_for_each_safe (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, node);
        if (op->state != OPERATION_STATE_DONE)
            operation_fail(op, e);
    }
}

static void tell_close(Session *s)
{
    ControlFrame frame;
    if (s->handle == 0)
        return;
    control_init(&frame, CONTROL_SESSION_CLOSE, 0);
    frame.session_close.session = s->handle;
    (void)control_link_send(s->gateway, &frame, -EBADF);
}

void session_end(Session *s, const GatewayError *e, bool tombstone, bool tell_daemon)
{
    Gateway *g = s->gateway;
    if (s->state == SESSION_STATE_CLOSED)
        return;
    fail_operations(s, e);
    if (tell_daemon)
        tell_close(s);
    channel_close(&s->channel);
    if (tombstone) {
        Tombstone *t = &g->tombstones[g->next_tombstone];
        g->next_tombstone = (g->next_tombstone + 1) % TOMBSTONES_MAX;
        t->uid = s->tenant->uid;
        text_copy(t->id, sizeof(t->id), s->id);
    }
    set_state(s, SESSION_STATE_CLOSED);
}

static bool is_connected(const Gateway *g, uint64_t client)
{
    list_for_each (pos, &g->clients) {
        const Client *c = container_of(pos, Client, node);
        if (c->id == client)
            return !c->dead;
    }
    return false;
}

bool session_evict(Gateway *g, Tenant *t)
{
    Session *oldest = NULL;
    list_for_each (pos, &g->sessions) {
        Session *s = container_of(pos, Session, node);
        if (s->tenant == t && s->state != SESSION_STATE_CLOSED && list_empty(&s->operations) &&
            (!oldest || s->used_usec < oldest->used_usec) && !is_connected(g, s->client))
            oldest = s;
    }
    if (!oldest)
        return false;
    _cleanup_error_ GatewayError e = {0};
    session_end(oldest, &e, true, true); /* and counts until the sweep */
    return true;
}

/* ---- an executor for it ---- */

/* Any live connection of the same user will do: its socket says who it is. */
static Client *some_client(Session *s)
{
    list_for_each (pos, &s->gateway->clients) {
        Client *c = container_of(pos, Client, node);
        if (c->tenant == s->tenant && c->identity == IDENTITY_STATE_KNOWN && !c->dead)
            return c;
    }
    return NULL;
}

void session_want_executor(Session *s, Client *client)
{
    ControlFrame frame;
    if (s->state != SESSION_STATE_NEW)
        return;
    if (!client)
        client = some_client(s);
    if (!client)
        return; /* the next request brings one */
    control_init(&frame, CONTROL_SESSION_OPEN, ++s->gateway->last_serial);
    text_copy(frame.session_open.session_id, sizeof(frame.session_open.session_id), s->id);
    frame.session_open.profile = s->profile;
    frame.session_open.performance = s->performance;
    client_put_token(client, &frame.session_open.token);
    if (control_link_send(s->gateway, &frame, client->fd) < 0)
        return; /* session_on_daemon_back() comes here again */
    s->serial = frame.header.serial;
    set_state(s, SESSION_STATE_OPENING);
}

/* ---- state that goes to each executor ---- */

void session_send_config(Session *s, const char *changes, size_t n_changes)
{
    if (s->state == SESSION_STATE_READY || s->state == SESSION_STATE_REPLAYING)
        (void)channel_send(&s->channel, DATA_CONFIG, 0, 0, 0, NULL, changes, n_changes);
}

static int send_whole_config(Session *s)
{
    size_t n_bytes = 0, at = 0;
    for (unsigned i = 0; i < s->config.n_entries; i++)
        n_bytes += strlen(s->config.entries[i].key) + strlen(s->config.entries[i].value) + 2;
    if (n_bytes == 0)
        return 0;
    _cleanup_free_ char *text = malloc(n_bytes);
    if (!text)
        return -ENOMEM;
    for (unsigned i = 0; i < s->config.n_entries; i++) {
        const ConfigEntry *e = &s->config.entries[i];
        at += (size_t)(stpcpy(text + at, e->key) - (text + at)) + 1;
        at += (size_t)(stpcpy(text + at, e->value) - (text + at)) + 1;
    }
    return channel_send(&s->channel, DATA_CONFIG, 0, 0, 0, NULL, text, n_bytes);
}

static void remember_plan(Session *s, GrpcBuffer *request, ProtoBytes plan)
{
    /* The same statement again has the same effect as its last run. */
    list_for_each_safe (pos, &s->history) {
        History *h = container_of(pos, History, node);
        if (h->plan.n_bytes == plan.n_bytes && memcmp(h->plan.data, plan.data, plan.n_bytes) == 0)
            history_free(s, h);
    }
    History *h = NULL;
    if (s->n_history < HISTORY_MAX && s->n_history_bytes + plan.n_bytes <= HISTORY_BYTES_MAX)
        h = calloc(1, sizeof(*h));
    if (!h) {
        s->history_cut = true;
        return;
    }
    h->request = grpc_buffer_ref(request);
    h->plan = plan;
    list_append(&s->history, &h->node);
    s->n_history++;
    s->n_history_bytes += plan.n_bytes;
}

int session_copy_state(Session *to, const Session *from)
{
    list_for_each (pos, &from->history) {
        const History *h = container_of(pos, History, node);
        remember_plan(to, h->request, h->plan);
    }
    to->history_cut = from->history_cut;
    int r = artifact_copy_all(to, from);
    return r < 0 ? r : config_copy(&to->config, &from->config);
}

static void become_ready(Session *s)
{
    set_state(s, SESSION_STATE_READY);
    s->replay = NULL;
    s->n_failed_replays = 0;
    list_for_each_safe (pos, &s->operations)
        operation_dispatch(container_of(pos, Operation, node));
}

/* One statement after the other: each may need what the one before made. */
static void replay_next(Session *s)
{
    if (s->replay == &s->history) {
        become_ready(s);
        return;
    }
    History *h = container_of(s->replay, History, node);
    s->replay = s->replay->next;
    s->replay_number = ++s->last_number;
    if (channel_send(&s->channel, DATA_EXECUTE, DATA_FLAG_REPLAY, s->replay_number, 0, h->request,
                     h->plan.data, h->plan.n_bytes) < 0)
        session_on_channel_lost(s);
}

static void on_replay_frame(Session *s, const DataHeader *h, const GrpcBuffer *payload)
{
    _cleanup_error_ GatewayError e = {0};
    switch (h->type) {
    case DATA_RESPONSE:
        (void)channel_send(&s->channel, DATA_CREDIT, 0, h->operation, h->n_payload, NULL, NULL, 0);
        return;
    case DATA_ERROR:
        /* What it made is missing now, and whoever uses it gets an error that names it. */
        if (gateway_error_from_frame(&e, grpc_buffer_bytes(payload), grpc_buffer_size(payload)) ==
            0)
            gateway_log("session %s: a statement could not be replayed: %s", s->id,
                        e.message ? e.message : "");
        break;
    }
    s->replay_number = 0;
    replay_next(s);
}

/* ---- frames of the executor ---- */

static void on_config_frame(Session *s, const GrpcBuffer *payload)
{
    const char *p = (const char *)grpc_buffer_bytes(payload), *end = p + grpc_buffer_size(payload);
    while (p < end) {
        const char *key = p, *value = memchr(p, 0, (size_t)(end - p));
        value = value ? value + 1 : NULL;
        const char *stop = value ? memchr(value, 0, (size_t)(end - value)) : NULL;
        if (!stop)
            return;
        if (strcmp(value, DATA_CONFIG_UNSET) == 0)
            config_unset(&s->config, key);
        else
            (void)config_set(&s->config, key, value);
        p = stop + 1;
    }
}

void session_on_frame(Session *s, const DataHeader *h, GrpcBuffer **payload)
{
    if (h->type == DATA_CONFIG) {
        on_config_frame(s, *payload);
        return;
    }
    if (h->type == DATA_FETCH) {
        artifact_send(s, h, *payload);
        return;
    }
    if (s->state == SESSION_STATE_REPLAYING && h->operation == s->replay_number) {
        on_replay_frame(s, h, *payload);
        return;
    }
    list_for_each (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, node);
        if (op->number != h->operation || op->state != OPERATION_STATE_RUNNING)
            continue;
        if (h->type == DATA_COMPLETE && (h->flags & DATA_FLAG_REPLAY) && op->type == DATA_EXECUTE)
            remember_plan(s, op->request, op->payload);
        operation_on_frame(op, h, payload);
        return;
    }
    /* An operation that was released while it ran. Its statement has had its effect all the same,
     * but its plan is gone; only a cancelled one can get here, and those change nothing. */
}

void session_on_channel_lost(Session *s)
{
    channel_close(&s->channel);
    s->replay_number = 0;
    if (s->state == SESSION_STATE_READY || s->state == SESSION_STATE_REPLAYING)
        set_state(s, SESSION_STATE_LOST); /* berthd sees the process end and says why */
}

/* ---- frames of berthd ---- */

/* berthd has named another owner of the socket than when it was accepted (GW-1). */
static void refuse_other_user(Session *s)
{
    _cleanup_error_ GatewayError e = {0};
    gateway_error_set(
        &e, GRPC_UNAUTHENTICATED, GATEWAY_ERROR_PLAIN, "", "",
        "the kernel names another owner of this connection than before; connect again");
    fail_operations(s, &e);
    s->serial = 0;
    set_state(s, SESSION_STATE_NEW);
}

void session_on_ready(Gateway *g, const ControlSessionReady *f, int *fd)
{
    Session *s = f->header.serial ? session_by_serial(g, f->header.serial) : NULL;
    if (!s)
        s = session_by_handle(g, f->session);
    bool other_user = s && s->handle == 0 && s->tenant->uid != f->uid;
    if (!s || s->state == SESSION_STATE_NEW || other_user) {
        /* It was released while berthd worked on it. */
        ControlFrame frame;
        control_init(&frame, CONTROL_SESSION_CLOSE, 0);
        frame.session_close.session = f->session;
        (void)control_link_send(g, &frame, -EBADF);
        if (other_user)
            refuse_other_user(s);
        return;
    }
    s->serial = 0;
    s->handle = f->session;
    if (!f->has_channel)
        return; /* the pair was open already: nothing new */

    /* An unasked replacement: what ran on the old executor starts again, if it may. */
    if (s->state == SESSION_STATE_READY || s->state == SESSION_STATE_REPLAYING) {
        _cleanup_error_ GatewayError e = {0};
        gateway_error_set(&e, GRPC_INTERNAL, GATEWAY_ERROR_SPARK, "BERTH_EXECUTOR_REPLACED",
                          "XX000",
                          "The executor of this session was replaced while the operation ran.");
        list_for_each_safe (pos, &s->operations) {
            Operation *op = container_of(pos, Operation, node);
            if (op->state != OPERATION_STATE_RUNNING)
                continue;
            if (operation_may_restart(op))
                operation_prepare_restart(op);
            else
                operation_fail(op, &e);
        }
    }
    channel_close(&s->channel);
    s->generation = f->generation;
    int channel = *fd;
    *fd = -EBADF;
    if (channel_open(&s->channel, s, channel) < 0) {
        fd_close(channel);
        set_state(s, SESSION_STATE_LOST);
        return;
    }
    set_state(s, SESSION_STATE_REPLAYING);
    s->replay = s->history.next;
    if (send_whole_config(s) < 0)
        session_on_channel_lost(s);
    else
        replay_next(s);
}

void session_on_refused(Gateway *g, const ControlSessionRefused *f)
{
    Session *s = f->header.serial ? session_by_serial(g, f->header.serial) : NULL;
    if (!s)
        s = session_by_handle(g, f->session);
    if (!s)
        return;
    _cleanup_error_ GatewayError e = {0};
    if (f->cause == SESSION_CAUSE_SHUTDOWN)
        gateway_error_set(&e, GRPC_UNAVAILABLE, GATEWAY_ERROR_PLAIN, "", "",
                          "berthd is shutting down: %s", f->reason);
    else if (f->cause == SESSION_CAUSE_NO_IDENTITY)
        gateway_error_set(&e, GRPC_UNAUTHENTICATED, GATEWAY_ERROR_PLAIN, "", "",
                          "the kernel cannot say who you are: %s", f->reason);
    else
        gateway_error_set(&e, GRPC_INTERNAL, GATEWAY_ERROR_SPARK, "BERTH_SESSION_REFUSED", "53000",
                          "%s (%s)", f->reason[0] ? f->reason : "The session was refused.",
                          session_cause_to_string((SessionCause)f->cause));
    fail_operations(s, &e);
    channel_close(&s->channel);
    s->serial = 0;
    s->handle = 0;
    s->replay = NULL;
    set_state(s, SESSION_STATE_NEW); /* a later request may try again */
}

/* What the user can do about it, in words. */
static void explain_loss(const ControlSessionLost *f, const char *why_not_again, GatewayError *e)
{
    char peak[32], limit[32];
    if (f->cause == SESSION_CAUSE_OOM) {
        gateway_error_set(e, GRPC_INTERNAL, GATEWAY_ERROR_SPARK, "BERTH_OUT_OF_MEMORY", "53200",
                          "The executor of this session ran out of memory: it used %s of its limit "
                          "of %s%s%s. %s%s"
                          "Ask for less (filter earlier, aggregate before joining), or have the "
                          "limit of your account "
                          "raised.%s%s",
                          text_format_bytes(peak, sizeof(peak), f->memory_peak_bytes),
                          text_format_bytes(limit, sizeof(limit), f->memory_limit_bytes),
                          f->operator_name[0] ? "; the operator that asked last was " : "",
                          f->operator_name, f->reason, f->reason[0] ? ". " : "",
                          why_not_again[0] ? " " : "", why_not_again);
        return;
    }
    gateway_error_set(e, GRPC_INTERNAL, GATEWAY_ERROR_SPARK, "BERTH_EXECUTOR_LOST", "XX000",
                      "The executor of this session ended (%s%s%s).%s%s",
                      session_cause_to_string((SessionCause)f->cause), f->reason[0] ? ": " : "",
                      f->reason, why_not_again[0] ? " " : "", why_not_again);
}

static void restart_or_fail(Session *s, const ControlSessionLost *f)
{
    _cleanup_error_ GatewayError e = {0};
    explain_loss(f,
                 s->history_cut
                     ? "Its state was too large to be restored."
                     : "Part of the result had been delivered, or something outside the session "
                       "had been changed, so it could not be run again.",
                 &e);
    list_for_each_safe (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, node);
        if (op->state == OPERATION_STATE_DONE)
            continue;
        if (!s->history_cut && operation_may_restart(op))
            operation_prepare_restart(op);
        else
            operation_fail(op, &e);
    }
}

void session_on_lost(Gateway *g, const ControlSessionLost *f)
{
    Session *s = session_by_handle(g, f->session);
    if (!s || f->generation < s->generation)
        return;
    channel_drain(&s->channel); /* it may have finished something before it died */
    channel_close(&s->channel);
    s->replay_number = 0;
    if (s->replay) { /* it died of its own history */
        s->replay = NULL;
        s->n_failed_replays++;
    }
    gateway_log("session %s: executor lost (%s), %s", s->id,
                session_cause_to_string((SessionCause)f->cause),
                f->may_retry ? "asking for another" : "not repeated");

    bool hopeless = s->n_failed_replays >= FAILED_REPLAYS_MAX;
    if (f->cause == SESSION_CAUSE_ADMIN || f->cause == SESSION_CAUSE_CLOSED || hopeless) {
        _cleanup_error_ GatewayError e = {0};
        explain_loss(f, hopeless ? "The state of the session could not be restored." : "", &e);
        session_end(s, &e, true, f->may_retry);
        return;
    }
    if (f->may_retry && !s->history_cut) {
        ControlFrame frame;
        restart_or_fail(s, f);
        control_init(&frame, CONTROL_SESSION_RETRY, ++g->last_serial);
        frame.session_retry.session = s->handle;
        if (control_link_send(g, &frame, -EBADF) == 0) {
            s->serial = frame.header.serial;
            set_state(s, SESSION_STATE_RETRYING);
        }
        return;
    }
    if (f->may_retry)
        tell_close(s);
    _cleanup_error_ GatewayError e = {0};
    explain_loss(f, "", &e);
    fail_operations(s, &e);
    s->handle = 0;
    s->serial = 0;
    set_state(
        s,
        SESSION_STATE_NEW); /* configuration and views are here: the next request opens it again */
}

void session_on_notice(Gateway *g, const ControlSessionNotice *f)
{
    Session *s = session_by_handle(g, f->session);
    if (s)
        text_copy(s->notice, sizeof(s->notice), f->reason);
}

/* ---- berthd itself ---- */

void session_on_daemon_gone(Session *s)
{
    if (s->state == SESSION_STATE_CLOSED)
        return;
    channel_drain(&s->channel);
    channel_close(&s->channel);
    s->handle = 0;
    s->serial = 0;
    s->replay_number = 0;
    s->replay = NULL;
    set_state(s, SESSION_STATE_NEW);

    _cleanup_error_ GatewayError e = {0};
    gateway_error_set(&e, GRPC_UNAVAILABLE, GATEWAY_ERROR_PLAIN, "", "",
                      "berthd went away while the operation ran");
    list_for_each_safe (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, node);
        if (op->state == OPERATION_STATE_DONE)
            continue;
        /* A stream that can be kept open is: the client need not know. */
        if (op->type == DATA_EXECUTE && !s->history_cut && operation_may_restart(op))
            operation_prepare_restart(op);
        else
            operation_fail(op, &e);
    }
}

void session_on_daemon_back(Session *s)
{
    list_for_each (pos, &s->operations)
        if (container_of(pos, Operation, node)->state == OPERATION_STATE_PENDING) {
            session_want_executor(s, NULL);
            return;
        }
}

void session_tick(Session *s, uint64_t now)
{
    if (s->state == SESSION_STATE_CLOSED)
        return;
    channel_resume(&s->channel);
    list_for_each_safe (pos, &s->operations)
        operation_tick(container_of(pos, Operation, node), now);

    if (s->state == SESSION_STATE_LOST && now - s->state_usec > LOST_REPORT_USEC) {
        /* The channel broke and berthd has nothing to say: give that executor up. */
        ControlSessionLost f = {.session = s->handle, .cause = SESSION_CAUSE_PROTOCOL};
        tell_close(s);
        session_on_lost(s->gateway, &f);
    }
    if (s->state == SESSION_STATE_NEW)
        session_on_daemon_back(s); /* operations that wait for a connection of their user */
    if (list_empty(&s->operations) && now - s->used_usec > IDLE_SESSION_USEC) {
        _cleanup_error_ GatewayError e = {0};
        session_end(s, &e, true, true);
    }
}
