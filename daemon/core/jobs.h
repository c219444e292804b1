/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is done for one executor on a control thread (D-3). Each job carries all that it needs;
 * @executor is looked at by done() only.
 */

#include "base/control.h"
#include "daemon/config/config_ref.h"
#include "daemon/worker.h"
#include "sandbox/cgroup/cgroup.h"
#include "sandbox/sandbox.h"

typedef struct CoreExecutor CoreExecutor;

/* Makes the leaf, sets its limits, spawns into it. */
typedef struct BirthJob {
    WorkerJob job;
    CoreExecutor *executor;
    ConfigRef *config;
    char leaf[CGROUP_NAME_MAX];
    int root_fd;
    uint32_t controllers;
    uint64_t high_bytes, max_bytes;
    int child_fd; /* the executor's end of the control socket */
    /* out */
    int result;
    SandboxReport report;
    int leaf_fd, watch_fd, pidfd;
    pid_t pid;
    uint64_t namespaces[6];
} BirthJob;
void job_birth(WorkerJob *job);

/* CPUs, memory nodes, weight; and at hand-out the spill directory. */
typedef struct PlaceJob {
    WorkerJob job;
    CoreExecutor *executor;
    ConfigRef *config;
    char leaf[CGROUP_NAME_MAX];
    int leaf_fd;
    uint32_t controllers;
    pid_t pid; /* for its affinity where there is no cpuset controller; -1: not */
    uint64_t cpus[CONTROL_CPU_WORDS];
    uint64_t mems;
    bool write_cpus, write_mems, make_spill;
    uint32_t cpu_weight;
    uid_t uid;
    gid_t gid;
    /* out */
    int result;
    int spill_fd;
} PlaceJob;
void job_place(WorkerJob *job);

typedef struct ResizeJob {
    WorkerJob job;
    CoreExecutor *executor;
    int leaf_fd;
    uint64_t serial;
    bool raise;
    uint64_t high_bytes, max_bytes; /* wished; then what is in force */
    uint64_t old_high_bytes, old_max_bytes;
    /* out */
    int result;
    uint64_t current_bytes;
} ResizeJob;
void job_resize(WorkerJob *job);

/* Kills what is left in the leaf, waits until it is empty, reads its last figures, removes it and
 * the spill files. */
typedef struct RemoveJob {
    WorkerJob job;
    CoreExecutor *executor;
    ConfigRef *config;
    char leaf[CGROUP_NAME_MAX];
    int root_fd, leaf_fd;
    /* out */
    int result;
    CgroupMemory memory;
} RemoveJob;
void job_remove(WorkerJob *job);

/* Opens SpillDirectory= (made if missing, root's alone) and removes what an earlier berthd left. */
int spill_clean(const char *directory);
