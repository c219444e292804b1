/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The manager owns everything else: event loop, configuration, scheduler, executors, sessions,
 * gateway peers, bus, control threads. One thread (the loop) touches it; the control threads see
 * only their jobs.
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
#include "daemon/account/identity.h"
#include "daemon/cgroup_root.h"
#include "daemon/config/config.h"
#include "daemon/mount_watch.h"
#include "daemon/worker.h"
#include "scheduler/scheduler.h"

#define GATEWAY_PEERS_MAX 8u
#define LOOKUPS_MAX 1024u
#define RECENT_MAX 16u
#define RECENT_USEC (5 * USEC_PER_SEC)

typedef struct Manager Manager;
typedef struct Session Session;
typedef struct Executor Executor;
typedef struct GatewayPeer GatewayPeer;
typedef struct Bus Bus;

/* A configuration that jobs on other threads may still read after a reload. Counted by the loop
 * only. */
typedef struct ConfigRef {
    unsigned n_refs;
    Config config;
} ConfigRef;

ConfigRef *config_ref(ConfigRef *ref);
ConfigRef *config_unref(ConfigRef *ref);

/*
 * Four control threads (D-3), so that what is slow cannot delay what is urgent:
 * raises and placements; shrinks, migrations and removals; births; look-ups of identities.
 */
typedef enum WorkerKind {
    WORKER_URGENT,
    WORKER_SLOW,
    WORKER_BIRTH,
    WORKER_LOOKUP,
    _WORKER_KIND_MAX,
} WorkerKind;

/* Somebody whom NSS was asked about a moment ago. */
typedef struct RecentIdentity {
    uint64_t usec; /* monotonic; 0: empty */
    Identity identity;
} RecentIdentity;

struct Manager {
    sd_event *event;
    ConfigRef *config;
    const char *config_path; /* --config; NULL: search */
    Worker *workers[_WORKER_KIND_MAX];
    sd_event_source *worker_sources[_WORKER_KIND_MAX];

    CgroupRoot cgroup;
    uint64_t host_memory_bytes;
    uid_t gateway_uid;
    AccountBooks books;

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
    unsigned n_lookups; /* sockets whose owner is being looked up */
    RecentIdentity recent[RECENT_MAX];
    unsigned n_recent;
    unsigned n_failed_births; /* in a row */

    int listen_fd;
    bool own_socket; /* made here, to be unlinked */
    sd_event_source *listen_source;
    ListNode peers; /* GatewayPeer.node */
    unsigned n_peers;

    Bus *bus; /* NULL: without */
    MountWatch mounts;
    int pressure_fd;
    sd_event_source *pressure_source, *pressure_timer, *house_timer, *stop_timer, *changed_source;
    bool stopping;
};

/**
 * manager_new() - everything up to a running loop: cgroup, threads, scheduler, sockets, bus
 * @config: taken
 * Logs why it fails. Return: 0 or negative errno.
 */
int manager_new(ConfigRef *config, const char *config_path, Manager **ret_manager);
/* Accepts NULL. All sessions and executors are gone by then (manager_stop()). Return: NULL. */
Manager *manager_free(Manager *m);

/* Tells READY=1 and runs until manager_stop() is through. Return: 0 or negative errno. */
int manager_run(Manager *m);

/* Begins the orderly end: no new session, every executor killed, the loop ends when all leaves are
 * removed. */
void manager_stop(Manager *m);

/* Loads and reports to the log. Return: 0; -EINVAL, ...: as config_load(). */
int manager_load_config(const char *path, ConfigRef **ret_config);

/* Reads the configuration again. Return: 0; negative errno: the old one stays (logged). */
int manager_reload(Manager *m);

/* Tells the scheduler; event->now_usec is filled in. Copies. Out of memory is logged and ends
 * berthd. */
void manager_feed(Manager *m, const SchedEvent *event);

/* A one-shot or re-armed timer. @source may be NULL inside. Return: 0 or negative errno. */
int manager_timer(Manager *m, sd_event_source **source, uint64_t at_usec,
                  sd_event_time_handler_t handler, void *userdata);

/* Something that the status line or the properties show has changed. */
void manager_changed(Manager *m);

Session *manager_find_session(Manager *m, uint64_t id);
Executor *manager_find_executor(Manager *m, uint64_t id);
