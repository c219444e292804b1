/* SPDX-License-Identifier: Apache-2.0 */
/* The calls about operations: start, analyze, take up again, release, interrupt, ask how they are.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "connect/gateway/gateway_internal.h"
#include "connect/proto/spark.h"

#define REPLY_MAX (1u << 20)
/* Gates features in clients: what of Spark's interface we speak. */
#define SPARK_VERSION "4.2.0"
#define RETRY_WHEN_FULL_MSEC 2000u

static void fail_handle(Rpc *rpc, const char *error_class, ProtoBytes id, const char *text)
{
    _cleanup_error_ GatewayError e = {0};
    char shown[UUID_TEXT] = "";
    if (!uuid_parse(id, shown))
        shown[0] = 0;
    gateway_error_set(&e, GRPC_INTERNAL, GATEWAY_ERROR_HANDLE, error_class, "HY000",
                      "The handle %s is invalid. %s", shown[0] ? shown : "given", text);
    rpc_fail(rpc, NULL, &e);
}

/* ---- ExecutePlan ---- */

/* The least and the most that a client may want a chunk to be; the most is what others get. */
#define CHUNK_BYTES_MIN (1u << 10)
#define CHUNK_BYTES_MAX (64u << 20)

typedef struct Chunking {
    int64_t preferred;
    bool allowed;
} Chunking;

static uint32_t read_chunking(ProtoReader r)
{
    static const ProtoRow rows[] = {
        PROTO_ROW(Chunking, allowed, SPARK_RESULT_CHUNKING_OPTIONS_ALLOW_ARROW_BATCH_CHUNKING,
                  PROTO_KIND_BOOL, 0),
        PROTO_ROW(Chunking, preferred, SPARK_RESULT_CHUNKING_OPTIONS_PREFERRED_ARROW_CHUNK_SIZE,
                  PROTO_KIND_INT64, 0),
    };
    Chunking c = {0};
    (void)proto_decode(r, rows, ARRAY_SIZE(rows), &c, NULL);
    if (!c.allowed)
        return 0;
    bool good = c.preferred >= CHUNK_BYTES_MIN && c.preferred <= CHUNK_BYTES_MAX;
    return good ? (uint32_t)c.preferred : CHUNK_BYTES_MAX;
}

/* May the client come back for it, and does it take batches in chunks? */
static void read_options(Operation *op, ProtoReader r)
{
    ProtoField f;
    while (proto_next(&r, &f) > 0) {
        ProtoReader option, options;
        ProtoField inner;
        if (f.number != SPARK_EXECUTE_REQUEST_OPTIONS || proto_enter(&r, &f, &option) < 0)
            continue;
        while (proto_next(&option, &inner) > 0) {
            const ProtoRow row = {.number = SPARK_REATTACH_OPTIONS_REATTACHABLE,
                                  .kind = PROTO_KIND_BOOL};
            if (proto_enter(&option, &inner, &options) < 0)
                continue;
            if (inner.number == SPARK_REQUEST_OPTION_REATTACH_OPTIONS)
                (void)proto_decode(options, &row, 1, &op->reattachable, NULL);
            else if (inner.number == SPARK_REQUEST_OPTION_RESULT_CHUNKING_OPTIONS)
                op->chunk_bytes = read_chunking(options);
        }
    }
}

/*
 * Commands that may run again on another executor. Those that change at most the session may, since
 * an executor that dies takes that with it; and those that write files, until the executor says
 * (DATA_FLAG_EFFECT) that it is about to make them visible.
 */
static bool is_repeatable(ProtoBytes plan)
{
    ProtoReader r = proto_reader(plan.data, plan.n_bytes), command;
    ProtoField f;
    while (proto_next(&r, &f) > 0) {
        if (f.number == SPARK_PLAN_ROOT)
            return true;
        if (f.number == SPARK_PLAN_COMPRESSED_OPERATION && proto_enter(&r, &f, &command) == 0) {
            const ProtoRow row = {.number = SPARK_PLAN_COMPRESSED_OPERATION_OP_TYPE,
                                  .kind = PROTO_KIND_INT32};
            int32_t type = 0;
            return proto_decode(command, &row, 1, &type, NULL) == 0 &&
                   type == SPARK_OP_TYPE_RELATION;
        }
        if (f.number == SPARK_PLAN_COMMAND && proto_enter(&r, &f, &command) == 0) {
            ProtoField what;
            return proto_next(&command, &what) > 0 &&
                   (what.number == SPARK_COMMAND_SQL_COMMAND ||
                    what.number == SPARK_COMMAND_WRITE_OPERATION ||
                    what.number == SPARK_COMMAND_CREATE_DATAFRAME_VIEW);
        }
    }
    return false;
}

/* Finished ones that nobody shows any more make room first: some clients never release. */
static void drop_finished(Session *s)
{
    list_for_each_safe (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, node);
        if (s->n_operations < OPERATIONS_PER_SESSION_MAX)
            return;
        if (op->state == OPERATION_STATE_DONE && !op->rpc)
            operation_free(op);
    }
}

/* Is there room for one more, and is there a berthd? Otherwise the call has been ended. */
static bool may_start(Rpc *rpc, Session *s)
{
    _cleanup_error_ GatewayError e = {0};
    drop_finished(s);
    if (s->n_operations >= OPERATIONS_PER_SESSION_MAX) {
        gateway_error_set(&e, GRPC_RESOURCE_EXHAUSTED, GATEWAY_ERROR_PLAIN, "", "",
                          "this session has %u operations, which is the limit", s->n_operations);
        e.retry_msec = RETRY_WHEN_FULL_MSEC; /* clients wait and come again by themselves */
        rpc_fail(rpc, NULL, &e);
        return false;
    }
    if (!control_link_is_up(rpc->client->gateway)) {
        rpc_fail_plain(rpc, GRPC_UNAVAILABLE, "berthd is not running");
        return false;
    }
    return true;
}

static void start(Rpc *rpc, Session *s, Operation *op)
{
    operation_attach(op, rpc, 1);
    session_want_executor(s, rpc->client);
    operation_dispatch(op);
}

void rpc_execute(Rpc *rpc, const Envelope *e)
{
    ProtoBytes plan = {0};
    const ProtoRow row = {.number = SPARK_EXECUTE_PLAN, .kind = PROTO_KIND_MESSAGE};
    char id[UUID_TEXT];
    Operation *op;

    Session *s = rpc_session(rpc, e, SESSION_NEED_CREATE);
    if (!s)
        return;
    if (e->operation_id.n_bytes == 0) {
        uuid_generate(id);
    } else if (!uuid_parse(e->operation_id, id)) {
        fail_handle(
            rpc, "INVALID_HANDLE.FORMAT", e->operation_id,
            "Handle must be an UUID string of the format '00112233-4455-6677-8899-aabbccddeeff'");
        return;
    } else if (session_find_operation(s, e->operation_id)) {
        fail_handle(rpc, "INVALID_HANDLE.OPERATION_ALREADY_EXISTS", e->operation_id,
                    "Operation already exists.");
        return;
    } else if (session_operation_was(s, id)) {
        fail_handle(rpc, "INVALID_HANDLE.OPERATION_ABANDONED", e->operation_id,
                    "Operation was considered abandoned because of inactivity and removed.");
        return;
    }
    if (proto_decode(rpc_request(rpc), &row, 1, &plan, NULL) < 0 || !plan.data) {
        rpc_fail_plain(rpc, GRPC_INVALID_ARGUMENT, "the request has no plan");
        return;
    }
    if (!may_start(rpc, s))
        return;
    if (operation_new(s, id, DATA_EXECUTE, rpc->request, plan, &op) < 0) {
        rpc_fail_plain(rpc, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    read_options(op, rpc_request(rpc));
    op->not_repeatable = !is_repeatable(plan);
    start(rpc, s, op);
}

/* ---- AnalyzePlan ---- */

static void reply_version(Rpc *rpc, const Session *s)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    proto_writer_init(&w, REPLY_MAX, NULL, NULL);
    proto_put_string(&w, SPARK_ANALYZED_SESSION_ID, s->id);
    proto_put_string(&w, SPARK_ANALYZED_SERVER_SIDE_SESSION_ID, s->server_id);
    proto_begin(&w, SPARK_ANALYZED_SPARK_VERSION);
    proto_put_string(&w, SPARK_ANALYZED_SPARK_VERSION_VERSION, SPARK_VERSION);
    proto_end(&w);
    rpc_reply(rpc, &w);
}

void rpc_analyze(Rpc *rpc, const Envelope *e)
{
    ProtoBytes version = {0}, whole;
    const ProtoRow row = {.number = SPARK_ANALYZE_SPARK_VERSION, .kind = PROTO_KIND_MESSAGE};
    char id[UUID_TEXT];
    Operation *op;

    Session *s = rpc_session(rpc, e, SESSION_NEED_CREATE);
    if (!s)
        return;
    (void)proto_decode(rpc_request(rpc), &row, 1, &version, NULL);
    if (version.data) {
        reply_version(rpc, s);
        return;
    }
    if (!may_start(rpc, s))
        return;
    uuid_generate(id);
    whole = (ProtoBytes){grpc_buffer_bytes(rpc->request), grpc_buffer_size(rpc->request)};
    if (operation_new(s, id, DATA_ANALYZE, rpc->request, whole, &op) < 0) {
        rpc_fail_plain(rpc, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    start(rpc, s, op);
}

/* ---- ReattachExecute, ReleaseExecute ---- */

static void disconnect(Operation *op)
{
    _cleanup_error_ GatewayError e = {0};
    Rpc *old = op->rpc;
    gateway_error_set(&e, GRPC_INTERNAL, GATEWAY_ERROR_HANDLE, "INVALID_CURSOR.DISCONNECTED",
                      "HY109",
                      "The cursor is invalid. The cursor has been disconnected by the server.");
    operation_detach(op);
    rpc_fail(old, NULL, &e);
}

static void fail_cursor(Rpc *rpc, const char *error_class, const char *text)
{
    _cleanup_error_ GatewayError e = {0};
    gateway_error_set(&e, GRPC_INTERNAL, GATEWAY_ERROR_HANDLE, error_class, "HY109",
                      "The cursor is invalid. %s", text);
    rpc_fail(rpc, NULL, &e);
}

/* The operation of the request, or NULL and the call has been ended. */
static Operation *find_operation(Rpc *rpc, Session *s, ProtoBytes id)
{
    char text[UUID_TEXT];
    Operation *op = session_find_operation(s, id);
    if (op)
        return op;
    if (uuid_parse(id, text) && session_operation_was(s, text))
        fail_handle(rpc, "INVALID_HANDLE.OPERATION_ABANDONED", id,
                    "Operation was considered abandoned because of inactivity and removed.");
    else
        fail_handle(rpc, "INVALID_HANDLE.OPERATION_NOT_FOUND", id, "Operation not found.");
    return NULL;
}

void rpc_reattach(Rpc *rpc, const Envelope *e)
{
    ProtoBytes last = {0};
    const ProtoRow row = {.number = SPARK_REATTACH_LAST_RESPONSE_ID, .kind = PROTO_KIND_STRING};
    uint64_t sequence = 0;

    Session *s = rpc_session(rpc, e, SESSION_NEED_EXISTING);
    if (!s)
        return;
    Operation *op = find_operation(rpc, s, e->operation_id);
    if (!op)
        return;
    if (!op->reattachable) {
        fail_cursor(rpc, "INVALID_CURSOR.NOT_REATTACHABLE", "The cursor is not reattachable.");
        return;
    }
    (void)proto_decode(rpc_request(rpc), &row, 1, &last, NULL);
    if (last.n_bytes > 0 &&
        (!operation_parse_response_id(op, last, &sequence) || sequence > op->n_sequence)) {
        fail_cursor(rpc, "INVALID_CURSOR.POSITION_NOT_FOUND", "The cursor position is not found.");
        return;
    }
    if (sequence < op->n_released) {
        fail_cursor(rpc, "INVALID_CURSOR.POSITION_NOT_AVAILABLE",
                    "The cursor position is no longer available.");
        return;
    }
    if (op->rpc)
        disconnect(op);
    operation_attach(op, rpc, sequence + 1);
}

typedef struct ReleaseRequest {
    ProtoBytes all, until;
} ReleaseRequest;

void rpc_release_execute(Rpc *rpc, const Envelope *e)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    static const ProtoRow rows[] = {
        PROTO_ROW(ReleaseRequest, all, SPARK_RELEASE_RELEASE_ALL, PROTO_KIND_MESSAGE, 0),
        PROTO_ROW(ReleaseRequest, until, SPARK_RELEASE_RELEASE_UNTIL, PROTO_KIND_MESSAGE, 0),
    };
    ReleaseRequest request = {0};

    Session *s = rpc_session(rpc, e, SESSION_NEED_EXISTING);
    if (!s)
        return;
    (void)proto_decode(rpc_request(rpc), rows, ARRAY_SIZE(rows), &request, NULL);
    proto_writer_init(&w, REPLY_MAX, NULL, NULL);
    proto_put_string(&w, SPARK_RELEASED_SESSION_ID, s->id);
    proto_put_string(&w, SPARK_RELEASED_SERVER_SIDE_SESSION_ID, s->server_id);

    /* Many of these come, late and out of order: one for an operation that has gone is no error. */
    Operation *op = session_find_operation(s, e->operation_id);
    if (op && request.all.data) {
        if (op->rpc)
            disconnect(op); /* frees one that cannot be taken up again */
        op = session_find_operation(s, e->operation_id);
        if (op)
            operation_free(op);
        proto_put_bytes(&w, SPARK_RELEASED_OPERATION_ID, e->operation_id.data,
                        e->operation_id.n_bytes);
    } else if (op) {
        const ProtoRow row = {.number = SPARK_RELEASE_RELEASE_UNTIL_RESPONSE_ID,
                              .kind = PROTO_KIND_STRING};
        ProtoBytes id = {0};
        uint64_t sequence;
        if (request.until.data)
            (void)proto_decode(proto_reader(request.until.data, request.until.n_bytes), &row, 1,
                               &id, NULL);
        if (operation_parse_response_id(op, id, &sequence) && sequence <= op->n_sequence)
            operation_release_until(op, sequence);
        proto_put_bytes(&w, SPARK_RELEASED_OPERATION_ID, e->operation_id.data,
                        e->operation_id.n_bytes);
    }
    rpc_reply(rpc, &w);
}

/* ---- Interrupt, GetStatus ---- */

typedef struct InterruptCall {
    int32_t type;
    ProtoBytes tag, operation_id;
} InterruptCall;

static bool is_meant(const InterruptCall *c, const Operation *op, const Operation *one)
{
    switch (c->type) {
    case SPARK_INTERRUPT_TYPE_ALL:
        return true;
    case SPARK_INTERRUPT_TYPE_TAG:
        return operation_has_tag(op, c->tag);
    case SPARK_INTERRUPT_TYPE_OPERATION_ID:
        return op == one;
    }
    return false;
}

void rpc_interrupt(Rpc *rpc, const Envelope *e)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    static const ProtoRow rows[] = {
        PROTO_ROW(InterruptCall, type, SPARK_INTERRUPT_INTERRUPT_TYPE, PROTO_KIND_INT32, 0),
        PROTO_ROW(InterruptCall, tag, SPARK_INTERRUPT_OPERATION_TAG, PROTO_KIND_STRING,
                  TAG_BYTES_MAX),
        PROTO_ROW(InterruptCall, operation_id, SPARK_INTERRUPT_OPERATION_ID, PROTO_KIND_STRING,
                  1024),
    };
    InterruptCall call = {0};

    Session *s = rpc_session(rpc, e, SESSION_NEED_CREATE);
    if (!s)
        return;
    if (proto_decode(rpc_request(rpc), rows, ARRAY_SIZE(rows), &call, NULL) < 0) {
        rpc_fail_plain(rpc, GRPC_INVALID_ARGUMENT, "the request is malformed");
        return;
    }
    proto_writer_init(&w, REPLY_MAX, NULL, NULL);
    proto_put_string(&w, SPARK_INTERRUPTED_SESSION_ID, s->id);
    proto_put_string(&w, SPARK_INTERRUPTED_SERVER_SIDE_SESSION_ID, s->server_id);
    const Operation *one =
        call.operation_id.data ? session_find_operation(s, call.operation_id) : NULL;
    list_for_each_safe (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, node);
        if (op->type != DATA_EXECUTE || op->state == OPERATION_STATE_DONE ||
            !is_meant(&call, op, one))
            continue;
        proto_put_string(&w, SPARK_INTERRUPTED_INTERRUPTED_IDS, op->id);
        operation_interrupt(op);
    }
    rpc_reply(rpc, &w);
}

static uint32_t state_of(const Operation *op)
{
    if (op->state != OPERATION_STATE_DONE)
        return op->interrupted ? SPARK_OPERATION_STATE_TERMINATING : SPARK_OPERATION_STATE_RUNNING;
    if (!op->failed)
        return SPARK_OPERATION_STATE_SUCCEEDED;
    return op->error.kind == DATA_ERROR_CANCELLED ? SPARK_OPERATION_STATE_CANCELLED
                                                  : SPARK_OPERATION_STATE_FAILED;
}

static void put_status(ProtoWriter *w, ProtoBytes id, uint32_t state)
{
    proto_begin(w, SPARK_STATUS_OPERATION_STATUSES);
    proto_put_bytes(w, SPARK_STATUS_OPERATION_STATUS_OPERATION_ID, id.data, id.n_bytes);
    proto_put_varint(w, SPARK_STATUS_OPERATION_STATUS_STATE, state);
    proto_end(w);
}

void rpc_get_status(Rpc *rpc, const Envelope *e)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    ProtoBytes request = {0};
    const ProtoRow row = {.number = SPARK_GET_STATUS_OPERATION_STATUS, .kind = PROTO_KIND_MESSAGE};
    ProtoField f;
    bool asked = false;

    Session *s = rpc_session(rpc, e, SESSION_NEED_EXISTING);
    if (!s)
        return;
    (void)proto_decode(rpc_request(rpc), &row, 1, &request, NULL);
    proto_writer_init(&w, REPLY_MAX, NULL, NULL);
    proto_put_string(&w, SPARK_STATUS_SESSION_ID, s->id);
    proto_put_string(&w, SPARK_STATUS_SERVER_SIDE_SESSION_ID, s->server_id);
    ProtoReader r = proto_reader(request.data, request.n_bytes);
    while (proto_next(&r, &f) > 0) {
        if (f.number != SPARK_GET_STATUS_OPERATION_STATUS_REQUEST_OPERATION_IDS ||
            f.wire != PROTO_WIRE_BYTES)
            continue;
        asked = true;
        const Operation *op = session_find_operation(s, f.bytes);
        if (proto_is_utf8(f.bytes))
            put_status(&w, f.bytes, op ? state_of(op) : SPARK_OPERATION_STATE_UNKNOWN);
    }
    if (request.data && !asked) {
        list_for_each (pos, &s->operations) {
            const Operation *op = container_of(pos, Operation, node);
            if (op->type == DATA_EXECUTE)
                put_status(&w, (ProtoBytes){(const uint8_t *)op->id, UUID_TEXT - 1}, state_of(op));
        }
    }
    rpc_reply(rpc, &w);
}
