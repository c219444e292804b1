/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The core: the process of berthd that runs as root. It does what the manager asks for and only
 * what its own table allows (README.md). One thread, the loop, owns everything here; four control
 * threads see their jobs.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/control.h"
#include "base/list.h"
#include "daemon/config/config_ref.h"
#include "daemon/core/cgroup_root.h"
#include "daemon/worker.h"

/* Something whose descriptor is in the epoll set; embedded in what owns it. */
typedef struct CoreSource CoreSource;
struct CoreSource {
    void (*call)(CoreSource *source, uint32_t events);
    int fd; /* borrowed; -EBADF: not watched */
};

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

typedef struct CoreWorker {
    CoreSource source;
    Worker *worker;
} CoreWorker;

typedef struct Lookups Lookups;

typedef struct Core {
    ConfigRef *config;
    ConfigRef *offered; /* read again; the manager has not said yet whether it can use it */
    const char *config_path;

    int epoll_fd, signal_fd, channel_fd;
    CoreSource signal_source, channel_source, manager_source;
    CoreWorker workers[_WORKER_KIND_MAX];

    pid_t manager_pid; /* 0: none, not yet or not any more */
    int manager_pidfd;
    uid_t manager_uid;
    gid_t manager_gid;
    uid_t gateway_uid;

    CgroupRoot cgroup;
    int pressure_fd;
    int listen_fd;
    bool own_socket; /* made here, to be unlinked */

    /* D-1 once more: no set of limits may come to more than the host has, or root has configured.
     */
    uint64_t memory_bound_bytes;

    ListNode executors; /* CoreExecutor.node */
    unsigned n_executors;
    unsigned n_retries; /* removals that wait for another attempt */
    Lookups *lookups;

    bool stopping; /* by signal: the manager ends the sessions */
    bool ending;   /* the manager is gone: what is left is ended here */
    uint64_t give_up_usec;
    int exit_code;
} Core;

/* Watches @fd until core_unwatch(). Return: 0 or negative errno. */
int core_watch(Core *core, CoreSource *source, int fd, void (*call)(CoreSource *, uint32_t));
void core_unwatch(Core *core, CoreSource *source);

/* To the manager. One that does not read for seconds is ended. @fds stay the caller's. */
void core_send(Core *core, const ControlFrame *frame, const int *fds, size_t n_fds);

void core_submit(Core *core, WorkerKind kind, WorkerJob *job);

/* berthd as root. @config: taken. Return: the exit code. */
int core_run(ConfigRef *config, const char *config_path);

/* ---- prepare.c: what is there before the manager ---- */

/* Users, cgroup, spill directory, socket, PSI. Logs. Return: 0 or negative errno. */
int core_prepare(Core *core);
/* Unlinks and closes what core_prepare() made, but for the cgroup. */
void core_unlisten(Core *core);

/* A sealed copy of the configuration for the manager. Return: descriptor or negative errno. */
int core_config_file(const Config *config);

/* Reads and logs. Return: 0; -EINVAL, ...: as config_load(). */
int core_load_config(const char *path, ConfigRef **ret_config);

/* ---- start.c ---- */

/* Starts the manager as its user, without any right, and sends it CORE_START. Logs. Return: 0 or
 * negative errno. */
int core_start_manager(Core *core);

/* Tells the service manager, if there is one. */
void core_notify(const char *text);

/* ---- lookup.c: who is at the other end, and the tickets for that ---- */

typedef struct Identity Identity; /* identity.h */

int lookups_new(Core *core, Lookups **ret_lookups);
Lookups *lookups_free(Lookups *lookups);
/* Takes @fd. */
void lookups_ask(Lookups *lookups, uint64_t serial, bool keep, const ControlToken *token, int fd);
void lookups_release(Lookups *lookups, uint64_t ticket);
/* Whom @ticket was given for; NULL: no such ticket. Borrowed until lookups_release(). */
const Identity *lookups_find(const Lookups *lookups, uint64_t ticket);
