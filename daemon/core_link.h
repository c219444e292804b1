/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The manager's end of the channel to the core (daemon/core/README.md): what the scheduler orders
 * goes out here, what the core has done comes in. A core that is gone ends the manager.
 */

#include "daemon/manager.h"
#include "daemon/outbox.h"

typedef struct CoreLink CoreLink;

/* Waits for CORE_START. @ret_fds: as its comment says, CONTROL_FDS_MAX entries, owned by the
 * caller. Return: 0 or negative errno. */
int core_link_start(ControlCoreStart *ret_start, int *ret_fds);

int core_link_new(Manager *m, CoreLink **ret_link);
/* Accepts NULL. Return: NULL. */
CoreLink *core_link_free(CoreLink *link);

/* Sends now or as soon as there is room; @fd is taken. Cannot fail: without a core there is nobody
 * to be told. */
void core_link_send(Manager *m, const ControlFrame *frame, int fd);

/* Whose socket is @fd (taken)? The answer goes to gateway_identified() with the same @serial. */
void core_link_identify(Manager *m, uint64_t serial, bool keep, const ControlToken *token, int fd);
void core_link_release(Manager *m, uint64_t ticket);
void core_link_reload(Manager *m, uint64_t serial);
void core_link_config_taken(Manager *m, uint64_t serial, bool taken);
void core_link_notify(Manager *m, CoreNotice notice, const char *status);

/* Reads the configuration that came as @fd. Return: 0 or negative errno. */
int core_link_read_config(int fd, ConfigRef **ret_config);
