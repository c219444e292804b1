/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The manager owns everything else in its process: event loop, scheduler, executors, sessions,
 * gateway peers, bus, the link to the core. It has one thread, one user without rights, and nothing
 * that it could do to an executor but ask the core.
 *
 * What happens reaches the scheduler through manager_feed(); the scheduler's actions are carried
 * out by session/ before the next event. An action that fails at once answers with a further event,
 * which waits in a queue, so the scheduler is never entered twice.
 */

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "daemon/account/account.h"
#include "daemon/config/config_ref.h"
#include "daemon/mount_watch.h"
#include "daemon/quota/quota.h"
#include "scheduler/scheduler.h"

#define GATEWAY_PEERS_MAX 8u
#define LOOKUPS_MAX 1024u
#define UNENFORCED_MAX 8u

typedef struct Manager Manager;
typedef struct Session Session;
typedef struct Executor Executor;
typedef struct GatewayPeer GatewayPeer;
typedef struct Bus Bus;

typedef struct CoreLink CoreLink;
typedef struct Records Records;

/* Who a client is, as the core had it from the kernel. */
typedef struct Identity {
    uint64_t ticket; /* the core's name for it; 0: only to be shown */
    uid_t uid;
    uint32_t group; /* the one whose quota counts; 0: none */
    char user[32];  /* the account's name, or the number in digits */
} Identity;

/* The delegated piece of the cgroup tree, to read; the core writes. */
typedef struct CgroupView {
    int fd; /* -EBADF: no cgroup v2 here, and the configuration allows it */
    uint32_t controllers;
    char path[CONTROL_PATH_MAX]; /* as in /proc/PID/cgroup; "" without */
    /* One sentence for each promise that this host cannot keep. */
    char unenforced[UNENFORCED_MAX][128];
    unsigned n_unenforced;
} CgroupView;

struct Manager {
    sd_event *event;
    ConfigRef *config;
    CoreLink *core;

    CgroupView cgroup;
    uint64_t host_memory_bytes;
    uid_t gateway_uid;
    AccountBooks books;
    Quotas quotas;

    Sched *sched;
    SchedConfig sched_config;
    SchedTopology topology;
    sd_event_source *sched_timer;
    ListNode events; /* FedEvent, to be told to the scheduler */
    bool feeding;

    ListNode sessions;  /* Session.node */
    ListNode executors; /* Executor.node */
    uint64_t last_session;
    unsigned n_sessions;
    ListNode lookups; /* sockets whose owner the core is looking up */
    unsigned n_lookups;
    uint64_t last_lookup;
    unsigned n_failed_births; /* in a row */

    int listen_fd;
    sd_event_source *listen_source;
    ListNode peers; /* GatewayPeer.node */
    unsigned n_peers;

    Bus *bus;         /* NULL: without */
    Records *records; /* NULL: no history is kept */
    MountWatch mounts;
    int pressure_fd;
    sd_event_source *pressure_source, *pressure_timer, *house_timer, *stop_timer, *changed_source;
    sd_event_source *watchdog_timer;
    uint64_t watchdog_usec; /* between two signs of life; 0: nobody watches */
    bool stopping, draining;
};

/**
 * manager_new() - everything up to a running loop: scheduler, sockets, bus
 * @start: what the core has prepared
 * @fds:   that came with it; taken
 * Logs why it fails. Return: 0 or negative errno.
 */
int manager_new(const ControlCoreStart *start, int *fds, Manager **ret_manager);
/* Accepts NULL. All sessions and executors are gone by then (manager_stop()). Return: NULL. */
Manager *manager_free(Manager *m);

/* Tells READY=1 and runs until manager_stop() is through. Return: 0 or negative errno. */
int manager_run(Manager *m);

/* Begins the orderly end: no new session, every executor killed, the loop ends when all leaves are
 * removed. */
void manager_stop(Manager *m);

/* The core has read the configuration again, because of a signal (@serial 0) or because D-Bus has
 * asked for it. @config is taken; @result negative: it has a fault, and the old one stays. */
void manager_reloaded(Manager *m, uint64_t serial, int result, ConfigRef *config);

/* Tells the scheduler; event->now_usec is filled in. Copies. Out of memory is logged and ends
 * berthd. */
void manager_feed(Manager *m, const SchedEvent *event);

/* A one-shot or re-armed timer. @source may be NULL inside. Return: 0 or negative errno. */
int manager_timer(Manager *m, sd_event_source **source, uint64_t at_usec,
                  sd_event_time_handler_t handler, void *userdata);

/* From now on, and after a restart. All zero: none. Return: 0; -ENOMEM; -ENOSPC. */
int manager_set_quota(Manager *m, bool group, uint32_t id, const SchedQuota *quota);

/* No new sessions from now on; after @usec (0: never) those that are left are ended. !@on: as
 * usual. */
void manager_drain(Manager *m, bool on, uint64_t usec);

/* Something that the status line or the properties show has changed. */
void manager_changed(Manager *m);

Session *manager_find_session(Manager *m, uint64_t id);
Executor *manager_find_executor(Manager *m, uint64_t id);
