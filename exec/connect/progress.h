/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Signs of progress while a query runs: a thread that reads its counters now and then. */

#include <pthread.h>
#include <stdbool.h>

#include "exec/connect/service.h"
#include "exec/op/run.h"

typedef struct ProgressTeller {
    const ServiceOperation *operation;
    const ExecProgress *progress;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started, stop;
} ProgressTeller;

/**
 * progress_start() - emit an ExecutionProgress a few times a second, from half a second on
 * @progress: borrowed until progress_stop()
 *
 * Costs a thread, so the caller leaves it out for queries that end sooner. Without memory for the
 * thread there is no progress, and no error.
 */
void progress_start(ProgressTeller *teller, const ServiceOperation *operation,
                    const ExecProgress *progress);
/* Nothing is emitted after it. Also for a teller that is all zero. */
void progress_stop(ProgressTeller *teller);
