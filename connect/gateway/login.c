/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the far end of a TLS connection? Whoever shows a token with each call. The first one is
 * sent on to berthd, which knows whose it is; until the answer nothing behind that call's headers
 * is looked at. A connection has one token for its life.
 *
 * Where the kernel names the owner, a token is not looked at.
 */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/token_text.h"
#include "connect/gateway/gateway_internal.h"

/* "Bearer TOKEN", the scheme in any case (RFC 9110). */
void login_header(Rpc *rpc, const char *name, const char *value)
{
    /* Some clients write the name of the scheme's page instead of the header's. */
    if (strcmp(name, "authorization") != 0 && strcmp(name, "authentication") != 0)
        return;
    if (strncasecmp(value, "Bearer ", 7) != 0)
        return;
    value += 7;
    while (*value == ' ')
        value++;
    rpc->has_token = token_parse(value, &rpc->token);
}

static void refuse(Rpc *rpc, GrpcCode code, const char *message)
{
    grpc_call_finish(rpc->call, &(GrpcStatus){.code = code, .message = message});
}

/* One bad login more from there; its connection ends when the answer has left. */
static void punish(Client *c)
{
    c->closing = true; /* what it paid at accept is gone */
    c->closing_usec = clock_now_usec();
    grpc_connection_shutdown(c->connection);
}

/* The token of the first call: berthd is asked, and the connection stands still. */
static bool ask(Rpc *rpc)
{
    Client *c = rpc->client;
    c->token = rpc->token;
    c->identity = IDENTITY_STATE_NONE;
    client_ask_identity(c);
    if (c->identity != IDENTITY_STATE_ASKED) {
        c->identity = IDENTITY_STATE_UNPROVEN;
        refuse(rpc, GRPC_UNAVAILABLE, "berthd is not running");
        return false;
    }
    grpc_connection_hold(c->connection, true);
    return true;
}

bool login_open(Rpc *rpc)
{
    Client *c = rpc->client;
    if (c->tls) {
        /* One answer for no token, no form, and another one than before. */
        if (!rpc->has_token || (c->identity != IDENTITY_STATE_UNPROVEN &&
                                !token_equal(&rpc->token, &c->token, sizeof(Token)))) {
            refuse(rpc, GRPC_UNAUTHENTICATED, "a valid token is needed: sc://host:port/;token=...");
            punish(c);
            return false;
        }
        if (c->identity == IDENTITY_STATE_UNPROVEN && !c->gateway->stopping)
            return ask(rpc);
        if (c->identity == IDENTITY_STATE_ASKED)
            return true;
    }
    if (c->identity == IDENTITY_STATE_REFUSED) {
        refuse(rpc, GRPC_UNAUTHENTICATED, "the kernel cannot say whose connection this is");
        return false;
    }
    /* Also while berthd is being asked about a connection that was accepted without it (GW-1). */
    if (c->identity != IDENTITY_STATE_KNOWN || c->gateway->stopping) {
        refuse(rpc, GRPC_UNAVAILABLE,
               c->gateway->stopping ? "the gateway is shutting down" : "berthd is not running");
        return false;
    }
    return true;
}

void login_answer(Client *c, const ControlIdentity *identity)
{
    if (identity->result == 0 && client_adopt(c, identity->uid, identity->user) == 0) {
        c->identity = IDENTITY_STATE_KNOWN;
        grpc_connection_hold(c->connection, false);
        return;
    }
    c->identity = IDENTITY_STATE_REFUSED;
    const char *why = identity->result == 0 ? "too many connections of this user"
                                            : "the token is not valid, or not any more";
    grpc_connection_abort_calls(c->connection, &(GrpcStatus){.code = identity->result == 0
                                                                         ? GRPC_RESOURCE_EXHAUSTED
                                                                         : GRPC_UNAUTHENTICATED,
                                                             .message = why});
    if (identity->result != 0)
        gateway_log("a token was refused"); /* never which one */
    punish(c);
}
