/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Shared by the files of bus/ only. */

#include <systemd/sd-bus.h>

#include "daemon/bus/bus.h"
#include "daemon/session/executor.h"
#include "daemon/session/session.h"

#define BUS_PATH "/org/berth/Berth1"
#define BUS_SESSION_PREFIX BUS_PATH "/session"
#define BUS_NAME "org.berth.Berth1"
#define BUS_MANAGER_INTERFACE BUS_NAME ".Manager"
#define BUS_SESSION_INTERFACE BUS_NAME ".Session"
#define BUS_READ_ALL BUS_NAME ".read-all"
#define BUS_ERROR_NO_SUCH_SESSION BUS_NAME ".Error.NoSuchSession"
#define BUS_ERROR_RELOAD BUS_NAME ".Error.ConfigurationInvalid"
#define BUS_REQUESTS_MAX 256u
#define BUS_RELOADS_MAX 8u
#define BUS_REASON_MAX 200u
#define BUS_PATH_MAX 64u
#define BUS_NOBODY ((uid_t)-1)

struct Bus {
    Manager *manager;
    sd_bus *bus; /* NULL: not connected */
    sd_event_source *retry;
    ListNode requests; /* AuthRequest: calls that wait for an answer about their sender */
    unsigned n_requests;
    sd_bus_message *reloads[BUS_RELOADS_MAX]; /* that wait for the core; serial n is in n - 1 */
    bool complained;
};

extern const sd_bus_vtable manager_vtable[];
extern const sd_bus_vtable session_vtable[];

/*
 * Continues a call when it is known whether its sender may. Answers @call in every case; a session
 * it names may have ended in between. @caller is BUS_NOBODY when the bus does not know it any more.
 */
typedef int (*AuthContinuation)(Manager *m, sd_bus_message *call, uid_t caller, bool allowed);

/**
 * bus_authorize() - may the sender of @call do @action?
 * @owner:  this uid may without further questions; BUS_NOBODY: nobody
 * @action: of packaging/polkit; asked for everybody else
 *
 * The uid comes from the bus; polkit is asked by the sender's bus name, never by a pid. Any failure
 * is a no. Where polkit is not on the bus, uid 0 may and nobody else. Interactive only if the
 * caller's message says so. Both questions are asynchronous. Return: for the method handler, 1 or
 * negative errno.
 */
int bus_authorize(Bus *bus, sd_bus_message *call, uid_t owner, const char *action,
                  AuthContinuation next);

/* The answer to a call that bus_authorize() did not allow. */
int bus_refuse(sd_bus_message *call, const char *what);

/* Calls that wait are forgotten. */
void bus_cancel_requests(Bus *bus);

/* Of the text in a call: @id must be the digits of a live session. NULL otherwise. */
Session *bus_find_session(Manager *m, const char *id);
void bus_session_path(const Session *s, char *buf);

/* Methods of both interfaces; the session is the first argument, or the object that the call was
 * sent to. */
int bus_method_kill(sd_bus_message *call, void *userdata, sd_bus_error *ret_error);
int bus_method_set_limit(sd_bus_message *call, void *userdata, sd_bus_error *ret_error);

int bus_method_list_queue(sd_bus_message *call, void *userdata, sd_bus_error *ret_error);
int bus_method_set_quota(sd_bus_message *call, void *userdata, sd_bus_error *ret_error);
int bus_method_list_quotas(sd_bus_message *call, void *userdata, sd_bus_error *ret_error);
int bus_method_drain(sd_bus_message *call, void *userdata, sd_bus_error *ret_error);
int bus_method_would_fit(sd_bus_message *call, void *userdata, sd_bus_error *ret_error);
int bus_method_list_history(sd_bus_message *call, void *userdata, sd_bus_error *ret_error);

/* Calls @list, which shows everything of everybody or of the caller only. */
int bus_list_for(Manager *m, sd_bus_message *call, AuthContinuation list);
/* Closes the array and sends; @r: how building it went. Takes @reply. Return: 1, negative errno. */
int bus_send_list(sd_bus_message *reply, int r);

int bus_find_object(sd_bus *bus, const char *path, const char *interface, void *userdata,
                    void **ret_found, sd_bus_error *ret_error);
