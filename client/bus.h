/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* berthd on the system bus. Every failure is told once, in one line on standard error. */

#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"

#define BUS_NAME "org.berth.Berth1"
#define BUS_PATH "/org/berth/Berth1"
#define BUS_MANAGER "org.berth.Berth1.Manager"

static inline void sd_bus_flush_close_unrefp_(sd_bus **bus)
{
    sd_bus_flush_close_unref(*bus);
}
#define _cleanup_bus_ _cleanup_(sd_bus_flush_close_unrefp_)
#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

/* Return: 0; negative errno, already told. */
int bus_connect(sd_bus **ret_bus);

/* A method of the manager. @types as in sd_bus_call_method(). Return: 0; negative errno, already
 * told. */
int bus_call(sd_bus *bus, const char *method, sd_bus_message **ret_reply, const char *types, ...);

/* The same in steps, for what no format string says: begin, append, finish. Return: 0; negative
 * errno, told. */
int bus_begin(sd_bus *bus, const char *method, sd_bus_message **ret_call);
int bus_finish(sd_bus *bus, sd_bus_message *call, sd_bus_message **ret_reply);

/* All properties of the manager, as a message at the beginning of a{sv}. Return: 0; negative errno,
 * told. */
int bus_properties(sd_bus *bus, sd_bus_message **ret_reply);

/* A reply that is not what the interface says. Return: -EBADMSG, told. */
int bus_malformed(int r);
