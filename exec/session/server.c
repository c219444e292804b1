/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/session/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/text.h"
#include "exec/connect/service.h"
#include "exec/op/run.h"
#include "exec/session/channel.h"
#include "exec/session/control_link.h"
#include "exec/session/grant.h"
#include "exec/session/overrun.h"

/* The gateway bounds operations per session too; this bound is ours, against a gateway gone wrong.
 */
#define OPERATIONS_MAX 64

typedef struct Server Server;

typedef struct Operation {
    ListNode link;
    Server *server;
    DataHeader header;
    uint8_t *payload;
    pthread_t thread;
    atomic_bool cancelled;
    char cancel_reason[CONTROL_REASON_MAX]; /* "": the client's wish; written before @cancelled */
    atomic_bool finished;                   /* the thread has nothing left to do but to return */
    int64_t credit;                         /* payload bytes that may still be sent; server lock */
    uint64_t query;                         /* number for berthd */
    void *overrun;                          /* fault injection, while the query has a grant */
    uint64_t overrun_bytes;
    /* The answer to DATA_FETCH that it waits for, or the last one; server lock. */
    enum { FETCH_NONE, FETCH_ASKED, FETCH_ANSWERED, FETCH_REFUSED } fetch;
    DataHeader piece;
    uint8_t *piece_bytes;
    bool ended; /* a query of it, which berthd is yet to be told; its own thread only */
    ServiceUsage usage;
} Operation;

struct Server {
    Channel *channel;
    ControlLink *control; /* NULL: embedded */
    GrantSource *grants;
    SessionFiles *files;
    ServiceSession *session;
    pthread_mutex_t lock; /* operations, their credit, last_query */
    pthread_cond_t changed;
    ListNode operations;
    unsigned n_operations;
    uint64_t last_query;
    _Atomic uint64_t overrun_bytes;
};

/* Waits until the operation has credit. One frame may overdraw, so a large batch never waits for
 * ever. */
static int wait_credit(Operation *op, size_t n_payload)
{
    Server *s = op->server;
    int r = 0;
    pthread_mutex_lock(&s->lock);
    while (op->credit <= 0 && !atomic_load(&op->cancelled))
        pthread_cond_wait(&s->changed, &s->lock);
    if (atomic_load(&op->cancelled))
        r = QUERY_E_CANCELLED;
    else
        op->credit -= (int64_t)n_payload;
    pthread_mutex_unlock(&s->lock);
    return r;
}

static int on_emit(void *userdata, const uint8_t *bytes, size_t n_bytes, uint64_t rows,
                   uint16_t flags)
{
    Operation *op = userdata;
    int r = wait_credit(op, n_bytes);
    if (r != 0)
        return r;
    return channel_write(op->server->channel, DATA_RESPONSE, flags, op->header.operation, rows,
                         bytes, n_bytes);
}

/* A frame that is lost breaks the channel, and with it the session. */
static void on_configured(void *userdata, const char *key, const char *value)
{
    Operation *op = userdata;
    if (!value)
        value = DATA_CONFIG_UNSET;
    size_t n_key = strlen(key) + 1, n_value = strlen(value) + 1;
    _cleanup_free_ char *pair = malloc(n_key + n_value);
    if (!pair)
        return;
    memcpy(pair, key, n_key);
    memcpy(pair + n_key, value, n_value);
    (void)channel_write(op->server->channel, DATA_CONFIG, 0, 0, 0, pair, n_key + n_value);
}

static void drop_piece(Operation *op)
{
    if (op->piece_bytes)
        channel_payload_free(op->server->channel, op->piece_bytes, op->piece.n_payload);
    op->piece_bytes = NULL;
}

static int on_fetch(void *userdata, const char *name, uint64_t offset, ServicePiece *ret_piece)
{
    Operation *op = userdata;
    Server *s = op->server;
    drop_piece(op);
    pthread_mutex_lock(&s->lock);
    op->fetch = FETCH_ASKED;
    pthread_mutex_unlock(&s->lock);
    int r =
        channel_write(s->channel, DATA_FETCH, 0, op->header.operation, offset, name, strlen(name));
    pthread_mutex_lock(&s->lock);
    while (r == 0 && op->fetch == FETCH_ASKED && !atomic_load(&op->cancelled))
        pthread_cond_wait(&s->changed, &s->lock);
    if (r == 0 && op->fetch == FETCH_ASKED)
        r = QUERY_E_CANCELLED;
    else if (r == 0 && op->fetch == FETCH_REFUSED)
        r = MEM_E_REFUSED;
    op->fetch = FETCH_NONE;
    pthread_mutex_unlock(&s->lock);
    if (r != 0)
        return r;
    bool missing = op->piece.flags & DATA_FLAG_MISSING;
    *ret_piece = (ServicePiece){.bytes = missing           ? NULL
                                         : op->piece_bytes ? op->piece_bytes
                                                           : (const uint8_t *)"",
                                .n_bytes = op->piece.n_payload,
                                .n_total = op->piece.rows};
    return 0;
}

/* @payload becomes the operation's that waits for it. */
static void take_piece(Server *s, const DataHeader *header, uint8_t *payload, bool refused)
{
    pthread_mutex_lock(&s->lock);
    list_for_each (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, link);
        if (op->header.operation != header->operation || op->fetch != FETCH_ASKED)
            continue;
        op->fetch = refused ? FETCH_REFUSED : FETCH_ANSWERED;
        op->piece = *header;
        op->piece_bytes = TAKE_PTR(payload);
        break;
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (payload) /* it was cancelled meanwhile */
        channel_payload_free(s->channel, payload, header->n_payload);
}

/*
 * The client waits for the last frame, nobody for this, so it comes behind. But a client may close
 * its session as soon as it has its answer, and berthd then ends this process: what took long or
 * went wrong, and belongs in the history, is told first.
 */
#define TELL_FIRST_USEC 10000u

static void tell_end(Operation *op)
{
    if (op->ended)
        grant_end(op->server->grants, op->query, &op->usage);
    op->ended = false;
}

static int on_grant(void *userdata, void *operation, const ServiceEstimate *estimate,
                    ServiceGrant *ret_grant, QueryError *error)
{
    Server *s = userdata;
    Operation *op = operation;
    tell_end(op);
    int r = grant_ask(s->grants, op->query, estimate, &op->cancelled, ret_grant, error);
    if (r == 0) {
        op->overrun_bytes = atomic_load(&s->overrun_bytes);
        op->overrun = overrun_take(op->overrun_bytes, &op->cancelled);
    }
    return r;
}

static void on_end(void *userdata, void *operation, const ServiceUsage *usage)
{
    Operation *op = operation;
    overrun_free(op->overrun, op->overrun_bytes);
    op->overrun = NULL;
    op->usage = *usage;
    op->ended = true;
}

static void send_error(Operation *op, const QueryError *error)
{
    struct {
        DataError head;
        char text[sizeof(QueryError)];
    } out = {.head = {.kind = error->kind,
                      .n_class = (uint32_t)strlen(error->error_class),
                      .n_sqlstate = (uint32_t)strlen(error->sqlstate),
                      .n_message = (uint32_t)strlen(error->message),
                      .n_parameters = (uint32_t)strlen(error->parameters),
                      .position_line = error->line,
                      .position_column = error->column,
                      .position_start = error->start,
                      .position_stop = error->stop}};
    char *p = out.text;
    p = mempcpy(p, error->error_class, out.head.n_class);
    p = mempcpy(p, error->sqlstate, out.head.n_sqlstate);
    p = mempcpy(p, error->message, out.head.n_message);
    p = mempcpy(p, error->parameters, out.head.n_parameters);
    (void)channel_write(op->server->channel, DATA_ERROR, 0, op->header.operation, 0, &out,
                        sizeof(out.head) + (size_t)(p - out.text));
}

/* Whatever went wrong becomes exactly one final frame. */
static void send_failure(Operation *op, int r, QueryError *error)
{
    if (r == QUERY_E_CANCELLED || atomic_load(&op->cancelled)) {
        memset(error, 0, sizeof(*error));
        (void)query_error_set(error, DATA_ERROR_CANCELLED, "OPERATION_CANCELED", "HY008", "%s",
                              op->cancel_reason[0] ? op->cancel_reason
                                                   : "The operation was cancelled.");
    } else if (r != QUERY_E_FAILED || error->error_class[0] == '\0') {
        (void)query_error_set(error, r == -ENOMEM ? DATA_ERROR_MEMORY : DATA_ERROR_RUNTIME,
                              r == -ENOMEM ? "BERTH_OUT_OF_MEMORY" : "INTERNAL_ERROR", "XX000",
                              "The executor could not finish the operation: %s.", strerror(abs(r)));
    }
    send_error(op, error);
}

static int analyze(Operation *op, const ServiceOperation *service, QueryError *error)
{
    Server *s = op->server;
    _cleanup_free_ uint8_t *reply = NULL;
    size_t n_reply = 0;
    int r = service_analyze(s->session, service, op->payload, op->header.n_payload, &reply,
                            &n_reply, error);
    if (r == 0 && n_reply > DATA_PAYLOAD_MAX)
        r = -EMSGSIZE;
    if (r == 0)
        (void)channel_write(s->channel, DATA_ANALYZED, 0, op->header.operation, 0, reply, n_reply);
    return r;
}

static int execute(Operation *op, const ServiceOperation *service, QueryError *error)
{
    Server *s = op->server;
    uint16_t flags = 0;
    int r = service_execute(s->session, service, op->payload, op->header.n_payload, &flags, error);
    if (op->usage.elapsed_usec >= TELL_FIRST_USEC || r != 0)
        tell_end(op);
    if (r == 0)
        (void)channel_write(s->channel, DATA_COMPLETE, flags, op->header.operation, 0, NULL, 0);
    return r;
}

static void *operation_main(void *arg)
{
    Operation *op = arg;
    Server *s = op->server;
    ServiceOperation service = {.userdata = op,
                                .cancelled = &op->cancelled,
                                .replay = op->header.flags & DATA_FLAG_REPLAY,
                                .chunk_bytes =
                                    (uint32_t)MIN(op->header.rows, (uint64_t)DATA_PIECE_MAX * 4),
                                .emit = on_emit,
                                .fetch = on_fetch,
                                .configured = on_configured};
    QueryError error = {0};
    int r = op->header.type == DATA_ANALYZE ? analyze(op, &service, &error)
                                            : execute(op, &service, &error);
    if (r != 0)
        send_failure(op, r, &error);
    channel_payload_free(s->channel, op->payload, op->header.n_payload);
    op->payload = NULL;
    drop_piece(op);
    tell_end(op);
    atomic_store(&op->finished, true);
    return NULL;
}

/* Joins threads that are done, or all of them. */
static void reap(Server *s, bool all)
{
    pthread_mutex_lock(&s->lock);
    list_for_each_safe (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, link);
        if (!all && !atomic_load(&op->finished))
            continue;
        list_remove(&op->link);
        s->n_operations--;
        pthread_mutex_unlock(&s->lock);
        pthread_join(op->thread, NULL);
        free(op);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

static void cancel(Server *s, uint64_t operation, uint64_t query, const char *reason)
{
    pthread_mutex_lock(&s->lock);
    list_for_each (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, link);
        if ((operation == 0 || op->header.operation == operation) &&
            (query == 0 || op->query == query)) {
            if (!atomic_load(&op->cancelled))
                (void)text_copy(op->cancel_reason, sizeof(op->cancel_reason), reason);
            atomic_store(&op->cancelled, true);
        }
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void refuse(Server *s, const DataHeader *header, DataErrorKind kind, const char *error_class,
                   const char *sqlstate, const char *message)
{
    Operation op = {.server = s, .header = *header};
    QueryError error = {0};
    (void)query_error_set(&error, kind, error_class, sqlstate, "%s", message);
    send_error(&op, &error);
}

static int start_operation(Server *s, const DataHeader *header, uint8_t *payload)
{
    reap(s, false);
    Operation *op = s->n_operations < OPERATIONS_MAX ? calloc(1, sizeof(*op)) : NULL;
    if (!op) {
        refuse(s, header, DATA_ERROR_RUNTIME, "BERTH_TOO_MANY_OPERATIONS", "53000",
               "This session already runs as many operations as one executor takes; wait for one "
               "to end.");
        channel_payload_free(s->channel, payload, header->n_payload);
        return 0;
    }
    op->server = s;
    op->header = *header;
    op->payload = payload;
    op->credit = (int64_t)DATA_CREDIT_INITIAL;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, SERVICE_STACK_BYTES);
    pthread_mutex_lock(&s->lock);
    op->query = ++s->last_query;
    int r = pthread_create(&op->thread, &attr, operation_main, op);
    if (r == 0) {
        list_append(&s->operations, &op->link);
        s->n_operations++;
    }
    pthread_mutex_unlock(&s->lock);
    pthread_attr_destroy(&attr);
    if (r != 0) {
        refuse(s, header, DATA_ERROR_RUNTIME, "BERTH_NO_THREAD", "53000",
               "The executor could not start a thread for this operation.");
        channel_payload_free(s->channel, payload, header->n_payload);
        free(op);
    }
    return 0;
}

static void add_credit(Server *s, const DataHeader *header)
{
    pthread_mutex_lock(&s->lock);
    list_for_each (pos, &s->operations) {
        Operation *op = container_of(pos, Operation, link);
        if (op->header.operation == header->operation)
            op->credit = MIN(op->credit + (int64_t)MIN(header->rows, DATA_CREDIT_INITIAL * 16),
                             (int64_t)DATA_CREDIT_INITIAL * 16);
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* A value that Spark refuses was refused by the gateway before it came here; what is left breaks
 * the rules. */
static int configure(Server *s, const uint8_t *payload, uint32_t n_payload)
{
    QueryError error = {0};
    int r = service_config(s->session, (const char *)payload, n_payload, &error);
    if (r == 0)
        overrun_configure(&s->overrun_bytes, (const char *)payload, n_payload);
    return r > 0 ? 0 : r;
}

static int handle_frame(Server *s, const DataHeader *header, uint8_t *payload)
{
    int r = 0;
    switch (header->type) {
    case DATA_EXECUTE:
    case DATA_ANALYZE:
        return start_operation(s, header, payload);
    case DATA_CONFIG:
        r = configure(s, payload, header->n_payload);
        break;
    case DATA_CANCEL:
        if (header->operation != 0)
            cancel(s, header->operation, 0, "");
        break;
    case DATA_CREDIT:
        add_credit(s, header);
        break;
    case DATA_ARTIFACT:
        take_piece(s, header, payload, false);
        return 0;
    default:
        r = -EPROTO;
        break;
    }
    channel_payload_free(s->channel, payload, header->n_payload);
    return r;
}

static void on_order(void *userdata, const ControlFrame *order)
{
    Server *s = userdata;
    if (!order || order->header.type == CONTROL_QUIT)
        channel_shutdown(s->channel);
    else if (order->header.type == CONTROL_QUERY_CANCEL)
        cancel(s, 0, order->query_cancel.query, order->query_cancel.reason);
    else if (order->header.type == CONTROL_MEMORY_SHRINK)
        grant_shrink(s->grants, order->memory_shrink.total_bytes);
}

static int serve(Server *s)
{
    for (;;) {
        DataHeader header;
        uint8_t *payload;
        int r = channel_read(s->channel, &header, &payload);
        if (r == CHANNEL_E_END)
            return 0;
        if (r == CHANNEL_E_REFUSED && header.type == DATA_ARTIFACT) {
            take_piece(s, &header, NULL, true);
            continue;
        }
        if (r == CHANNEL_E_REFUSED) {
            refuse(s, &header, DATA_ERROR_MEMORY, "BERTH_OUT_OF_MEMORY", "53200",
                   "The request is larger than what memory this session may use allows.");
            continue;
        }
        if (r == 0)
            r = handle_frame(s, &header, payload);
        if (r != 0)
            return r;
    }
}

int server_run(const ServerOptions *options)
{
    Server s = {.n_operations = 0};
    ExecSpill spill = {.directory_fd = options->spill_fd};
    _cleanup_close_ int data_fd = options->data_fd, control_fd = options->control_fd;
    list_init(&s.operations);
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.changed, NULL);

    /*
     * The link's orders need the channel and the channel's pool needs the link's answers: an order
     * that comes in between finds the channel missing only if berthd sends one before the first
     * estimate, and then the socket ends with us.
     */
    int r = grant_source_new(options->memory_bytes, options->n_threads, &s.grants);
    if (r == 0)
        r = channel_new(TAKE_FD(data_fd), grant_source_pool(s.grants), &s.channel);
    if (r == 0 && control_fd >= 0) {
        r = control_link_new(TAKE_FD(control_fd), on_order, &s, &s.control);
        if (r == 0)
            grant_source_connect(s.grants, s.control);
    }
    if (r == 0) {
        r = session_files_new(grant_source_pool(s.grants), options->io, &s.files);
    }
    if (r == 0) {
        ServiceHost host = {.userdata = &s,
                            .pool = grant_source_pool(s.grants),
                            .files = s.files,
                            .spill = options->spill_fd >= 0 ? &spill : NULL,
                            .warehouse = options->warehouse,
                            .uid = options->uid,
                            .grant = on_grant,
                            .end = on_end};
        r = service_session_new(&host, &s.session);
    }
    if (r == 0)
        r = serve(&s);

    cancel(&s, 0, 0, "");
    if (s.channel)
        channel_shutdown(s.channel);
    reap(&s, true);
    service_session_free(s.session);
    session_files_free(s.files);
    control_link_free(s.control);
    channel_free(s.channel);
    grant_source_free(s.grants);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.lock);
    return r;
}
