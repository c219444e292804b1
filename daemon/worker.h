/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The control thread: does, one after the other, everything that may sleep (writes of memory.max
 * and cpuset.mems, spawning, rmdir, NSS look-ups), so that the event loop never does (D-3). Jobs of
 * one thread keep their order, which the budget relies on: a lowering queued before a raise has
 * happened before it.
 *
 * A second thread of the same kind serves look-ups, so that a slow name service cannot delay a
 * limit.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

typedef struct Worker Worker;
typedef struct WorkerJob WorkerJob;

/* Embedded in the caller's request, which is borrowed from worker_submit() until @done was called.
 */
struct WorkerJob {
    ListNode node;
    void (*run)(WorkerJob *job);  /* on the thread; must not touch what the loop owns */
    void (*done)(WorkerJob *job); /* on the loop, in worker_dispatch(); frees the request */
};

/* Return: 0; -ENOMEM; negative errno of eventfd(2) or pthread_create(3). */
int worker_new(const char *name, Worker **ret_worker);

/* Never blocks, never fails. */
void worker_submit(Worker *worker, WorkerJob *job);

/* Readable while finished jobs wait for worker_dispatch(). Borrowed. */
int worker_fd(const Worker *worker);

/* Calls done() of every finished job. */
void worker_dispatch(Worker *worker);

/* No job is queued, running, or waiting for its done(). */
bool worker_idle(const Worker *worker);

/* Runs what is queued to its end, calls every done(), joins the thread. Accepts NULL. Return: NULL.
 */
Worker *worker_free(Worker *worker);
