/* SPDX-License-Identifier: Apache-2.0 */
/* The server side of a gRPC connection: any bytes of a peer, in pieces; calls are echoed, so the
 * way back is used as well (GRPC-1, GRPC-3, GRPC-4). The first byte chooses the pieces; when it is
 * odd, each call holds its connection until the piece has been read. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "connect/grpc/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static int n_open;
static bool holds;

static void on_open(void *userdata, GrpcCall *call)
{
    n_open++;
    grpc_call_set_data(call, call);
    if (holds)
        grpc_connection_hold(grpc_call_connection(call), true);
}

static void on_message(void *userdata, GrpcCall *call, GrpcBuffer *message)
{
    (void)grpc_call_send(call, message);
}

static void on_ended(void *userdata, GrpcCall *call, const GrpcStatus *status)
{
    grpc_call_finish(call, &(GrpcStatus){.code = GRPC_INTERNAL, .message = "%\n"});
}

static void on_closed(void *userdata, GrpcCall *call)
{
    if (grpc_call_data(call))
        n_open--;
}

static const GrpcHandlers handlers = {
    .open = on_open, .message = on_message, .ended = on_ended, .closed = on_closed};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    GrpcAccount account = {.limit = 8 << 20};
    GrpcConnection *c;
    const uint8_t *out;

    if (n_bytes == 0 || grpc_connection_new(true, &handlers, NULL, &account, 1 << 20, &c) < 0)
        return 0;
    size_t piece = data[0] ? data[0] : n_bytes;
    holds = data[0] & 1;
    for (size_t at = 1; at < n_bytes; at += piece) {
        if (grpc_connection_receive(c, data + at, MIN(piece, n_bytes - at)) < 0)
            break;
        /* What had waited may bring a call that holds again. */
        for (unsigned i = 0; i < 1000 && grpc_connection_is_held(c); i++)
            grpc_connection_hold(c, false);
        if (grpc_connection_is_held(c))
            break;
        while (grpc_connection_send(c, &out) > 0)
            continue;
    }
    (void)grpc_connection_expire(c, UINT64_MAX - 1);
    while (grpc_connection_send(c, &out) > 0)
        continue;
    grpc_connection_free(c);
    if (account.n_bytes != 0 || n_open != 0)
        abort();
    return 0;
}
