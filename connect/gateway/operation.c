/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ExecutePlan or AnalyzePlan. Its messages are numbered and kept until the client has released
 * them, so a stream may break and be taken up again; the executor may die and be replaced, and what
 * the client has already got is then skipped, by count, in the second run.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "connect/gateway/gateway_internal.h"
#include "connect/proto/spark.h"

#define RESTARTS_MAX 10u
#define RETAINED_MESSAGES_MAX 1000u

/* ---- response ids: the key and the number of the message, in the clothes of a UUID ---- */

#define KEY_MASK UINT64_C(0xffffffffffff0fff)
#define KEY_VERSION UINT64_C(0x0000000000004000)
#define SEQUENCE_VARIANT UINT64_C(0x8000000000000000)

static void format_response_id(const Operation *op, uint64_t sequence, char text[UUID_TEXT])
{
    uint64_t low = sequence | SEQUENCE_VARIANT;
    snprintf(text, UUID_TEXT, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(op->response_key >> 32),
             (unsigned)(op->response_key >> 16 & 0xffff), (unsigned)(op->response_key & 0xffff),
             (unsigned)(low >> 48), low & UINT64_C(0xffffffffffff));
}

bool operation_parse_response_id(const Operation *op, ProtoBytes id, uint64_t *ret_sequence)
{
    char text[UUID_TEXT], digits[33], expected[UUID_TEXT];
    size_t n = 0;
    if (!uuid_parse(id, text))
        return false;
    for (const char *p = text; *p; p++)
        if (*p != '-')
            digits[n++] = *p;
    digits[n] = 0;
    uint64_t sequence = strtoull(digits + 16, NULL, 16) & ~SEQUENCE_VARIANT;
    format_response_id(op, sequence, expected);
    if (strcmp(expected, text) != 0)
        return false;
    *ret_sequence = sequence;
    return true;
}

/* ---- life ---- */

int operation_new(Session *s, const char *id, DataType type, GrpcBuffer *request,
                  ProtoBytes payload, Operation **ret_operation)
{
    Operation *op = calloc(1, sizeof(*op));
    if (!op)
        return -ENOMEM;
    op->session = s;
    op->type = type;
    op->request = grpc_buffer_ref(request);
    op->payload = payload;
    op->all_deterministic = true;
    text_copy(op->id, sizeof(op->id), id);
    while (getrandom(&op->response_key, sizeof(op->response_key), 0) != sizeof(op->response_key))
        continue;
    op->response_key = (op->response_key & KEY_MASK) | KEY_VERSION;
    list_init(&op->responses);
    list_append(&s->operations, &op->node);
    s->n_operations++;
    op->started_usec = op->quiet_since_usec = s->used_usec = clock_now_usec();
    *ret_operation = op;
    return 0;
}

static void response_free(Operation *op, Response *r)
{
    if (r->is_sent)
        op->n_retained_bytes -= grpc_buffer_size(r->buffer);
    op->n_released = r->sequence;
    list_remove(&r->node);
    grpc_buffer_unref(r->buffer);
    free(r);
}

void operation_free(Operation *op)
{
    Session *s = op->session;
    if (op->rpc)
        op->rpc->operation = NULL;
    if (op->state == OPERATION_STATE_RUNNING)
        (void)channel_send(&s->channel, DATA_CANCEL, 0, op->number, 0, NULL, NULL, 0);
    if (op->type == DATA_EXECUTE && s->state != SESSION_STATE_CLOSED)
        (void)session_remember_operation(s, op->id);
    while (!list_empty(&op->responses))
        response_free(op, container_of(op->responses.next, Response, node));
    s->used_usec = clock_now_usec();
    list_remove(&op->node);
    s->n_operations--;
    grpc_buffer_unref(op->request);
    gateway_error_done(&op->error);
    free(op);
}

Operation *session_find_operation(const Session *s, ProtoBytes id)
{
    char text[UUID_TEXT];
    if (!uuid_parse(id, text))
        return NULL;
    list_for_each (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, node);
        if (op->type == DATA_EXECUTE && strcmp(op->id, text) == 0)
            return op;
    }
    return NULL;
}

void operation_dispatch(Operation *op)
{
    Session *s = op->session;
    if (op->state != OPERATION_STATE_PENDING || s->state != SESSION_STATE_READY)
        return;
    op->number = ++s->last_number;
    op->state = OPERATION_STATE_RUNNING;
    int r = channel_send(&s->channel, op->type, 0, op->number, op->chunk_bytes, op->request,
                         op->payload.data, op->payload.n_bytes);
    if (r == -ENOMEM || r == -EMSGSIZE) {
        _cleanup_error_ GatewayError e = {0};
        gateway_error_set(&e, GRPC_RESOURCE_EXHAUSTED, GATEWAY_ERROR_PLAIN, "", "",
                          "the request could not be passed on: %s", strerror(-r));
        operation_fail(op, &e);
    }
}

/* ---- the stream that shows it ---- */

static void finish_stream(Operation *op)
{
    if (op->failed)
        gateway_error_finish(&op->error, op->session, op->rpc->call);
    else
        grpc_call_finish(op->rpc->call, &(GrpcStatus){.code = GRPC_OK});
}

void operation_attach(Operation *op, Rpc *rpc, uint64_t from)
{
    assert(!op->rpc && !rpc->operation);
    op->rpc = rpc;
    rpc->operation = op;
    op->n_attached_from = from;
    op->n_confirmed = from - 1;
    op->quiet_since_usec = clock_now_usec();
    list_for_each (pos, &op->responses) {
        Response *r = container_of(pos, Response, node);
        if (r->sequence >= from)
            (void)grpc_call_send(rpc->call, r->buffer);
    }
    if (op->state == OPERATION_STATE_DONE)
        finish_stream(op);
}

void operation_detach(Operation *op)
{
    op->rpc->operation = NULL;
    op->rpc = NULL;
    op->detached_usec = clock_now_usec();
    if (!op->reattachable)
        operation_free(op); /* nobody can come back for it */
}

static void give_credit(Operation *op, bool all)
{
    if (op->credit_owed == 0 || (!all && op->credit_owed < CREDIT_STEP))
        return;
    if (op->state == OPERATION_STATE_RUNNING)
        (void)channel_send(&op->session->channel, DATA_CREDIT, 0, op->number, op->credit_owed, NULL,
                           NULL, 0);
    op->credit_owed = 0;
}

/* Sent ones go when there are too many of them; the newest sent one always stays. */
static void trim(Operation *op)
{
    unsigned n_sent = 0;
    if (!op->reattachable) {
        operation_release_until(op, op->n_confirmed);
        return;
    }
    list_for_each (pos, &op->responses)
        n_sent += container_of(pos, Response, node)->is_sent;
    while (n_sent > 1 &&
           (op->n_retained_bytes > RETAINED_BYTES_MAX || n_sent > RETAINED_MESSAGES_MAX)) {
        response_free(op, container_of(op->responses.next, Response, node));
        n_sent--;
    }
}

void operation_on_sent(Operation *op)
{
    op->n_confirmed++;
    list_for_each (pos, &op->responses) {
        Response *r = container_of(pos, Response, node);
        if (r->sequence > op->n_confirmed)
            break;
        if (r->is_sent)
            continue;
        r->is_sent = true;
        op->n_retained_bytes += grpc_buffer_size(r->buffer);
        op->credit_owed += r->n_payload;
    }
    trim(op);
    give_credit(op, op->n_confirmed == op->n_sequence);
}

void operation_release_until(Operation *op, uint64_t sequence)
{
    while (!list_empty(&op->responses)) {
        Response *r = container_of(op->responses.next, Response, node);
        if (r->sequence > sequence)
            return;
        if (!r->is_sent)
            op->credit_owed += r->n_payload;
        response_free(op, r);
    }
}

/* ---- messages ---- */

static void put_id(uint8_t **at, uint32_t number, const char *text)
{
    *(*at)++ = (uint8_t)(number << 3 | PROTO_WIRE_BYTES);
    *(*at)++ = UUID_TEXT - 1;
    memcpy(*at, text, UUID_TEXT - 1);
    *at += UUID_TEXT - 1;
}

/* Takes over the reference. @buffer has RESPONSE_HEADROOM in front of the executor's part. */
static int append(Operation *op, GrpcBuffer *buffer, size_t n_payload)
{
    char response_id[UUID_TEXT];
    uint8_t ids[RESPONSE_HEADROOM], *at = ids;
    Response *r = calloc(1, sizeof(*r));
    if (!r) {
        grpc_buffer_unref(buffer);
        return -ENOMEM;
    }
    r->sequence = ++op->n_sequence;
    r->buffer = buffer;
    r->n_payload = n_payload;
    format_response_id(op, r->sequence, response_id);
    put_id(&at, SPARK_RESPONSE_SESSION_ID, op->session->id);
    put_id(&at, SPARK_RESPONSE_SERVER_SIDE_SESSION_ID, op->session->server_id);
    put_id(&at, SPARK_RESPONSE_OPERATION_ID, op->id);
    put_id(&at, SPARK_RESPONSE_RESPONSE_ID, response_id);
    grpc_buffer_prepend(buffer, ids, (size_t)(at - ids));
    list_append(&op->responses, &r->node);
    op->quiet_since_usec = clock_now_usec();
    if (op->rpc)
        (void)grpc_call_send(op->rpc->call, buffer);
    return 0;
}

static int append_own(Operation *op, const uint8_t *bytes, size_t n_bytes)
{
    /* Our own few bytes are not refused for a full account: they end or keep alive what fills it.
     */
    GrpcBuffer *b = grpc_buffer_new(NULL, RESPONSE_HEADROOM, n_bytes);
    if (!b)
        return -ENOMEM;
    if (n_bytes > 0)
        (void)grpc_buffer_append(&b, bytes, n_bytes);
    return append(op, b, 0);
}

static void set_cancelled(GatewayError *e)
{
    gateway_error_set(e, GRPC_INTERNAL, DATA_ERROR_CANCELLED, "OPERATION_CANCELED", "HY008",
                      "Operation has been canceled.");
}

void operation_fail(Operation *op, const GatewayError *e)
{
    _cleanup_error_ GatewayError cancelled = {0};
    if (op->state == OPERATION_STATE_DONE)
        return;
    /* Whatever kept the executor from saying so: it was interrupted, and that is the reason. */
    if (op->interrupted && e->kind != DATA_ERROR_CANCELLED) {
        set_cancelled(&cancelled);
        e = &cancelled;
    }
    op->state = OPERATION_STATE_DONE;
    op->failed = true;
    op->error = *e;
    op->error.message = e->message ? strdup(e->message) : NULL;
    op->error.parameters = e->parameters ? strdup(e->parameters) : NULL;
    if (op->rpc)
        finish_stream(op);
}

static void fail_memory(Operation *op)
{
    _cleanup_error_ GatewayError e = {0};
    gateway_error_set(&e, GRPC_RESOURCE_EXHAUSTED, GATEWAY_ERROR_PLAIN, "", "",
                      "the gateway is out of memory");
    if (op->state == OPERATION_STATE_RUNNING)
        (void)channel_send(&op->session->channel, DATA_CANCEL, 0, op->number, 0, NULL, NULL, 0);
    operation_fail(op, &e);
}

static void on_complete(Operation *op)
{
    static const uint8_t result_complete[] = {
        SPARK_RESPONSE_RESULT_COMPLETE << 3 | PROTO_WIRE_BYTES, 0};
    if (append_own(op, result_complete, sizeof(result_complete)) < 0) {
        fail_memory(op);
        return;
    }
    op->state = OPERATION_STATE_DONE;
    if (op->rpc)
        finish_stream(op);
}

static void on_analyzed(Operation *op, GrpcBuffer *payload)
{
    uint8_t ids[RESPONSE_HEADROOM], *at = ids;
    put_id(&at, SPARK_ANALYZED_SESSION_ID, op->session->id);
    put_id(&at, SPARK_ANALYZED_SERVER_SIDE_SESSION_ID, op->session->server_id);
    grpc_buffer_prepend(payload, ids, (size_t)(at - ids));
    op->state = OPERATION_STATE_DONE;
    if (op->rpc) {
        (void)grpc_call_send(op->rpc->call, payload);
        finish_stream(op);
    }
}

static void fail_misaligned(Operation *op)
{
    _cleanup_error_ GatewayError e = {0};
    gateway_error_set(
        &e, GRPC_INTERNAL, GATEWAY_ERROR_SPARK, "BERTH_RESULT_CHANGED", "XX000",
        "The executor was replaced after part of the result had been delivered, and its second "
        "run split the result differently.");
    (void)channel_send(&op->session->channel, DATA_CANCEL, 0, op->number, 0, NULL, NULL, 0);
    operation_fail(op, &e);
}

/* Is this message one that the client has from an earlier run? */
static bool skip(Operation *op, uint64_t rows, bool *ret_misaligned)
{
    *ret_misaligned = false;
    if (rows == 0) {
        if (op->n_skip_plain == 0)
            return false;
        op->n_skip_plain--;
        return true;
    }
    if (op->n_skip_rows == 0)
        return false;
    *ret_misaligned = rows > op->n_skip_rows;
    op->n_skip_rows -= MIN(rows, op->n_skip_rows);
    return true;
}

/* For whoever looks at this moment; it does not count among the messages that a rerun repeats. */
static void on_progress(Operation *op, const DataHeader *h, GrpcBuffer **payload)
{
    if (!op->rpc || grpc_call_queued_bytes(op->rpc->call) > 0)
        (void)channel_send(&op->session->channel, DATA_CREDIT, 0, op->number, h->n_payload, NULL,
                           NULL, 0);
    else if (append(op, TAKE_PTR(*payload), h->n_payload) < 0)
        fail_memory(op);
}

static void on_response(Operation *op, const DataHeader *h, GrpcBuffer **payload)
{
    bool misaligned;
    if (h->flags & DATA_FLAG_EFFECT)
        op->effect = true;
    if (h->n_payload == 0)
        return;
    if (h->flags & DATA_FLAG_PROGRESS) {
        on_progress(op, h, payload);
        return;
    }
    if (skip(op, h->rows, &misaligned)) {
        if (misaligned)
            fail_misaligned(op);
        else
            (void)channel_send(&op->session->channel, DATA_CREDIT, 0, op->number, h->n_payload,
                               NULL, NULL, 0);
        return;
    }
    if (h->rows > 0 && !(h->flags & DATA_FLAG_DETERMINISTIC))
        op->all_deterministic = false;
    op->n_rows += h->rows;
    op->n_plain += h->rows == 0;
    if (append(op, TAKE_PTR(*payload), h->n_payload) < 0)
        fail_memory(op);
}

void operation_on_frame(Operation *op, const DataHeader *h, GrpcBuffer **payload)
{
    _cleanup_error_ GatewayError e = {0};
    switch (h->type) {
    case DATA_RESPONSE:
        if (op->type == DATA_EXECUTE)
            on_response(op, h, payload);
        return;
    case DATA_COMPLETE:
        if (op->type == DATA_EXECUTE)
            on_complete(op);
        return;
    case DATA_ANALYZED:
        if (op->type == DATA_ANALYZE)
            on_analyzed(op, *payload);
        return;
    case DATA_ERROR:
        if (gateway_error_from_frame(&e, grpc_buffer_bytes(*payload), grpc_buffer_size(*payload)) <
            0)
            gateway_error_set(&e, GRPC_INTERNAL, GATEWAY_ERROR_SPARK, "INTERNAL_ERROR", "XX000",
                              "The executor reported an error in a form that is not understood.");
        operation_fail(op, &e);
        return;
    }
}

/* ---- restart and interrupt ---- */

bool operation_may_restart(const Operation *op)
{
    if (op->interrupted || op->n_restarts >= RESTARTS_MAX)
        return false;
    if (op->state == OPERATION_STATE_PENDING || op->type == DATA_ANALYZE)
        return true; /* nothing has run, or nothing can have been changed */
    if (op->effect || op->not_repeatable)
        return false;
    return op->n_rows == 0 || op->all_deterministic;
}

void operation_prepare_restart(Operation *op)
{
    if (op->state == OPERATION_STATE_RUNNING)
        op->n_restarts++;
    op->state = OPERATION_STATE_PENDING;
    op->number = 0;
    op->n_skip_rows = op->n_rows;
    op->n_skip_plain = op->n_plain;
    op->credit_owed = 0; /* the next executor starts with the whole credit */
}

void operation_interrupt(Operation *op)
{
    op->interrupted = true;
    if (op->state == OPERATION_STATE_RUNNING && op->session->channel.fd >= 0) {
        (void)channel_send(&op->session->channel, DATA_CANCEL, 0, op->number, 0, NULL, NULL, 0);
        return;
    }
    _cleanup_error_ GatewayError e = {0};
    set_cancelled(&e);
    operation_fail(op, &e);
}

bool operation_has_tag(const Operation *op, ProtoBytes tag)
{
    ProtoReader r = proto_reader(grpc_buffer_bytes(op->request), grpc_buffer_size(op->request));
    ProtoField f;
    while (tag.n_bytes > 0 && proto_next(&r, &f) > 0)
        if (f.number == SPARK_EXECUTE_TAGS && f.wire == PROTO_WIRE_BYTES &&
            f.bytes.n_bytes == tag.n_bytes && memcmp(f.bytes.data, tag.data, tag.n_bytes) == 0)
            return true;
    return false;
}

void operation_tick(Operation *op, uint64_t now)
{
    if (!op->rpc) {
        if (now - op->detached_usec > DETACHED_USEC)
            operation_free(op);
        return;
    }
    if (op->type == DATA_EXECUTE && op->state != OPERATION_STATE_DONE &&
        now - op->quiet_since_usec >= HEARTBEAT_USEC && grpc_call_queued_bytes(op->rpc->call) == 0)
        (void)append_own(op, NULL, 0); /* a message without a type is a legal sign of life */
}
