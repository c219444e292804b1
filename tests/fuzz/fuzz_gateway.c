/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reaches the gateway's own decoders. The first byte chooses: a method of the service, whose
 * message the rest is, sent through a real pair of connections; or a frame of the executor for an
 * operation that runs.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "connect/gateway/gateway_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const char *const methods[] = {
    "ExecutePlan",     "AnalyzePlan",  "Config",         "ReleaseExecute",
    "ReattachExecute", "Interrupt",    "ReleaseSession", "FetchErrorDetails",
    "GetStatus",       "CloneSession", "ArtifactStatus", "AddArtifacts",
};

static const GrpcHandlers client_handlers = {0};

/* A gateway with one named client, whose socket leads to nobody. */
static void set_up(Gateway *g, Client **ret_client)
{
    if (gateway_init(g, "/nowhere") < 0)
        exit(1);
    Client *c = calloc(1, sizeof(*c));
    if (!c)
        exit(1);
    *c =
        (Client){.gateway = g, .fd = -EBADF, .source.fd = -EBADF, .identity = IDENTITY_STATE_KNOWN};
    list_init(&c->dirty);
    list_append(&g->clients, &c->node);
    g->n_clients++;
    c->tenant = tenant_acquire(g, 1000, "user");
    if (!c->tenant || grpc_connection_new(true, &rpc_handlers, c, &c->tenant->inbound, 1 << 20,
                                          &c->connection) < 0)
        exit(1);
    c->tenant->n_clients++;
    *ret_client = c;
}

static void exchange(GrpcConnection *a, GrpcConnection *b)
{
    for (bool moved = true; moved;) {
        const uint8_t *out;
        ssize_t n;
        moved = false;
        while ((n = grpc_connection_send(a, &out)) > 0)
            moved = grpc_connection_receive(b, out, (size_t)n) == 0 || moved;
        while ((n = grpc_connection_send(b, &out)) > 0)
            moved = grpc_connection_receive(a, out, (size_t)n) == 0 || moved;
    }
}

static void call_method(Client *c, const char *name, const uint8_t *data, size_t n_bytes)
{
    char path[128] = "/spark.connect.SparkConnectService/";
    GrpcAccount account = {.limit = 64 << 20};
    GrpcConnection *peer;
    GrpcCall *call;
    strcat(path, name);
    if (grpc_connection_new(false, &client_handlers, NULL, &account, 64 << 20, &peer) < 0)
        exit(1);
    if (grpc_call_start(peer, "x", path, NULL, 0, NULL, &call) == 0) {
        /* The one method that takes several: each behind a byte that says how long it is. */
        bool many = strcmp(name, "AddArtifacts") == 0;
        do {
            size_t n = many && n_bytes > 0 ? MIN((size_t)*data, n_bytes - 1) : n_bytes;
            const uint8_t *from = data + (many && n_bytes > 0);
            _cleanup_grpc_buffer_ GrpcBuffer *b = grpc_buffer_new(NULL, 0, n);
            if (b && grpc_buffer_append(&b, from, n) == 0)
                (void)grpc_call_send(call, b);
            n_bytes -= (size_t)(from + n - data);
            data = from + n;
        } while (n_bytes > 0);
        grpc_call_finish(call, NULL);
        exchange(peer, c->connection);
    }
    grpc_connection_free(peer);
}

static void feed_frames(Gateway *g, Client *c, const uint8_t *data, size_t n_bytes)
{
    static const uint16_t types[] = {DATA_RESPONSE, DATA_COMPLETE, DATA_ANALYZED, DATA_ERROR,
                                     DATA_CONFIG};
    static const char session_id[] = "00112233-4455-6677-8899-aabbccddeeff";
    Session *s;
    Operation *op;
    int pair[2];
    GrpcBuffer *request = grpc_buffer_new(&c->tenant->inbound, 0, 16);
    if (!request || session_new(g, c->tenant, session_id, &s) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        exit(1);
    if (channel_open(&s->channel, s, pair[0]) < 0 ||
        operation_new(s, session_id, data[0] & 1 ? DATA_ANALYZE : DATA_EXECUTE, request,
                      (ProtoBytes){request->data, 0}, &op) < 0)
        exit(1);
    grpc_buffer_unref(request);
    op->reattachable = true;
    s->state = SESSION_STATE_READY;
    operation_dispatch(op);
    for (size_t at = 1; at + 4 <= n_bytes;) {
        DataHeader h = {.magic = DATA_MAGIC,
                        .type = types[data[at] % ARRAY_SIZE(types)],
                        .flags = data[at + 1] & 7,
                        .operation = op->number,
                        .rows = data[at + 2]};
        h.n_payload =
            h.type == DATA_COMPLETE ? 0 : (uint32_t)MIN(data[at + 3] * 4u, n_bytes - at - 4);
        _cleanup_grpc_buffer_ GrpcBuffer *b =
            grpc_buffer_new(&c->tenant->outbound, RESPONSE_HEADROOM, h.n_payload);
        if (!b || grpc_buffer_append(&b, data + at + 4, h.n_payload) < 0)
            exit(1);
        at += 4 + h.n_payload;
        session_on_frame(s, &h, &b);
        if (s->n_operations == 0)
            break;
        if (op->state != OPERATION_STATE_DONE && (h.flags & DATA_FLAG_REPLAY) &&
            operation_may_restart(op)) {
            operation_prepare_restart(op);
            operation_dispatch(op);
        }
        if (op->failed) {
            ProtoWriter w = {0};
            proto_writer_init(&w, 1 << 20, NULL, NULL);
            gateway_error_write_details(&op->error, &w);
            proto_writer_done(&w);
        }
    }
    close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static Gateway gateway;
    Client *client;
    if (n_bytes < 2)
        return 0;
    set_up(&gateway, &client);
    if (data[0] < ARRAY_SIZE(methods)) {
        call_method(client, methods[data[0]], data + 1, n_bytes - 1);
        call_method(client, methods[data[0]], data + 1,
                    n_bytes - 1); /* and on the state that it made */
    } else {
        feed_frames(&gateway, client, data + 1, n_bytes - 1);
    }
    gateway_done(&gateway);
    if (!list_empty(&gateway.tenants))
        abort(); /* D-12: something is still on an account */
    return 0;
}
