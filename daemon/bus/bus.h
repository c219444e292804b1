/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * berthd on the system bus as org.berth.Berth1. All of these accept a manager without a bus and do
 * nothing then; a bus that is not there, or goes away, is tried again every few seconds and is
 * never an error.
 */

#include "daemon/manager.h"

/* Return: 0, also without a bus; -ENOMEM. */
int bus_new(Manager *m);
/* Accepts NULL. Return: NULL. */
Bus *bus_free(Bus *bus);

void bus_session_added(Manager *m, const Session *s);
void bus_session_removed(Manager *m, const Session *s, const char *cause);
/* State, limits or queries of @s differ. Told by bus_flush_changes(). */
void bus_session_changed(Manager *m, Session *s);
/* PropertiesChanged of every session that changed, and of the manager; once per turn of the loop.
 */
void bus_flush_changes(Manager *m);
void bus_limit_resized(Manager *m, Session *s, uint64_t old_bytes, uint64_t new_bytes,
                       const char *cause, uint64_t latency_usec);
/* Answers the Reload of @serial (0: nobody asked on the bus). */
void bus_reloaded(Manager *m, uint64_t serial, int result);

/* The last session has gone while the host is drained. */
void bus_drained(Manager *m);
void bus_out_of_memory(Manager *m, const Session *s, uint64_t peak_bytes, uint64_t limit_bytes,
                       const char *outcome);
