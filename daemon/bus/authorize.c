/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/bus/bus_internal.h"
#include "daemon/log.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_FLAG_INTERACTIVE 1u
#define POLKIT_TIMEOUT_USEC (25 * USEC_PER_SEC)
#define POLKIT_INTERACTIVE_USEC (300 * USEC_PER_SEC) /* somebody types a password */

typedef struct AuthRequest {
    ListNode node;
    Bus *bus;
    sd_bus_message *call;
    sd_bus_slot *slot; /* of the question that is open */
    uid_t owner, caller;
    const char *action;
    AuthContinuation next;
} AuthRequest;

static void request_free(AuthRequest *q)
{
    list_remove(&q->node);
    q->bus->n_requests--;
    sd_bus_slot_unref(q->slot);
    sd_bus_message_unref(q->call);
    free(q);
}

void bus_cancel_requests(Bus *bus)
{
    while (!list_empty(&bus->requests))
        request_free(container_of(bus->requests.next, AuthRequest, node));
}

static void decide(AuthRequest *q, bool allowed)
{
    Manager *m = q->bus->manager;
    /* Who looks at a list is of no interest; who changes something, or tried to, is. */
    bool reads = strcmp(q->action, BUS_READ_ALL) == 0;
    LogRecord record = log_record(LOG_EVENT_AUTHORIZATION, reads ? LOG_DEBUG : LOG_NOTICE);

    log_field(&record, "UID", "%u", q->caller);
    log_field(&record, "ACTION", "%s", q->action);
    log_field(&record, "SENDER", "%s", sd_bus_message_get_sender(q->call));
    log_send(&record, "uid %u %s %s", q->caller, allowed ? "may" : "may not", q->action);
    int r = q->next(m, q->call, q->caller, allowed);
    if (r < 0)
        (void)sd_bus_reply_method_errno(q->call, r, NULL);
    request_free(q);
}

static int on_polkit(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    AuthRequest *q = userdata;
    const sd_bus_error *error = sd_bus_message_get_error(reply);
    int authorized = 0, challenge = 0;

    if (error) {
        /* No polkit on this bus: only root may. Whatever else went wrong is a no. */
        bool absent = sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                      sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER);
        decide(q, absent && q->caller == 0);
        return 0;
    }
    if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") <= 0 ||
        sd_bus_message_read(reply, "bb", &authorized, &challenge) <= 0)
        authorized = 0;
    decide(q, authorized);
    return 0;
}

static int ask_polkit(AuthRequest *q)
{
    bool interactive = sd_bus_message_get_allow_interactive_authorization(q->call) > 0;
    sd_bus_message *message = NULL;

    int r = sd_bus_message_new_method_call(
        q->bus->bus, &message, POLKIT_NAME, "/org/freedesktop/PolicyKit1/Authority",
        "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
    if (r >= 0)
        r = sd_bus_message_append(message, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(q->call), q->action, 0,
                                  interactive ? POLKIT_FLAG_INTERACTIVE : 0u, "");
    if (r >= 0)
        r = sd_bus_call_async(q->bus->bus, &q->slot, message, on_polkit, q,
                              interactive ? POLKIT_INTERACTIVE_USEC : POLKIT_TIMEOUT_USEC);
    sd_bus_message_unref(message);
    return r;
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
    AuthRequest *q = userdata;
    uint32_t uid;

    q->slot = sd_bus_slot_unref(q->slot);
    if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "u", &uid) <= 0 ||
        uid == BUS_NOBODY) {
        decide(q, false);
        return 0;
    }
    q->caller = uid;
    if (q->owner != BUS_NOBODY && uid == q->owner)
        decide(q, true);
    else if (ask_polkit(q) < 0)
        decide(q, false);
    return 0;
}

int bus_authorize(Bus *bus, sd_bus_message *call, uid_t owner, const char *action,
                  AuthContinuation next)
{
    const char *sender = sd_bus_message_get_sender(call);

    if (!sender)
        return -EACCES;
    if (bus->n_requests >= BUS_REQUESTS_MAX)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                          "Too many calls are waiting for an authorization.");
    AuthRequest *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    *q = (AuthRequest){.bus = bus,
                       .call = sd_bus_message_ref(call),
                       .owner = owner,
                       .caller = BUS_NOBODY,
                       .action = action,
                       .next = next};
    list_append(&bus->requests, &q->node);
    bus->n_requests++;
    /* sd_bus_query_sender_creds() would ask the same question and block the loop until it is
     * answered. */
    int r = sd_bus_call_method_async(bus->bus, &q->slot, "org.freedesktop.DBus",
                                     "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetConnectionUnixUser", on_uid, q, "s", sender);
    if (r < 0) {
        request_free(q);
        return r;
    }
    return 1;
}

int bus_refuse(sd_bus_message *call, const char *what)
{
    bool interactive = sd_bus_message_get_allow_interactive_authorization(call) > 0;

    return sd_bus_reply_method_errorf(call,
                                      interactive ? SD_BUS_ERROR_ACCESS_DENIED
                                                  : SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                      "You may not %s.", what);
}
