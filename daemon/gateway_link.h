/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The gateway socket and the gateways on it. A peer must have the configured user's uid
 * (SO_PEERCRED), say GATEWAY_HELLO first, and send well-formed frames only: anything else closes
 * it, and with it end its sessions.
 */

#include "daemon/manager.h"

/* Serves the socket that the core has made or was passed. Return: 0 or negative errno. */
int gateway_listen(Manager *m);

/* No more of them. */
void gateway_unlisten(Manager *m);

/* Closes all peers. Their sessions end. */
void gateway_close_all(Manager *m);

/* The core's answer to core_link_identify(). */
void gateway_identified(Manager *m, const ControlCoreIdentity *answer);

/* Sends, or keeps for later; a peer too far behind is closed, but not inside this call. @fd is
 * taken. */
void gateway_send(GatewayPeer *peer, const ControlFrame *frame, int fd);
