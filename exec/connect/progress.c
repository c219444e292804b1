/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/connect/progress.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/data_frame.h"
#include "connect/proto/proto.h"
#include "connect/proto/spark_service.h"

#define FIRST_USEC (USEC_PER_SEC / 2)
#define PERIOD_USEC (USEC_PER_SEC / 4)
#define STACK_BYTES (256u << 10)
#define MESSAGE_BYTES_MAX 256u

/* The whole query is one stage, and its rows are the tasks: what pipelines will come and how long
 * each takes is not known before. */
static void emit_progress(ProgressTeller *t)
{
    _cleanup_proto_writer_ ProtoWriter w;
    uint64_t all = atomic_load(&t->progress->rows_total),
             done = atomic_load(&t->progress->rows_scanned);
    if (all == 0)
        return;
    proto_writer_init(&w, MESSAGE_BYTES_MAX, NULL, NULL);
    proto_begin(&w, SPARK_RESPONSE_EXECUTION_PROGRESS);
    proto_begin(&w, SPARK_EXECUTION_PROGRESS_STAGES);
    proto_put_int64(&w, SPARK_EXECUTION_PROGRESS_STAGE_INFO_NUM_TASKS, (int64_t)all);
    proto_put_int64(&w, SPARK_EXECUTION_PROGRESS_STAGE_INFO_NUM_COMPLETED_TASKS,
                    (int64_t)(done < all ? done : all));
    proto_put_int64(&w, SPARK_EXECUTION_PROGRESS_STAGE_INFO_INPUT_BYTES_READ,
                    (int64_t)atomic_load(&t->progress->bytes_scanned));
    proto_end(&w);
    proto_end(&w);
    if (proto_writer_finish(&w) == 0)
        (void)t->operation->emit(t->operation->userdata, w.data, w.n_bytes, 0, DATA_FLAG_PROGRESS);
}

static void *teller_main(void *userdata)
{
    ProgressTeller *t = userdata;
    uint64_t wait = FIRST_USEC;
    pthread_mutex_lock(&t->lock);
    while (!t->stop) {
        uint64_t until = clock_now_usec() + wait;
        struct timespec at = {.tv_sec = (time_t)(until / USEC_PER_SEC),
                              .tv_nsec = (long)(until % USEC_PER_SEC * 1000)};
        if (pthread_cond_timedwait(&t->changed, &t->lock, &at) != ETIMEDOUT || t->stop)
            continue;
        pthread_mutex_unlock(&t->lock); /* it may wait for credit */
        emit_progress(t);
        pthread_mutex_lock(&t->lock);
        wait = PERIOD_USEC;
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

void progress_start(ProgressTeller *t, const ServiceOperation *operation,
                    const ExecProgress *progress)
{
    pthread_condattr_t monotonic;
    pthread_attr_t attr;
    *t = (ProgressTeller){.operation = operation, .progress = progress};
    if (pthread_attr_init(&attr) != 0)
        return;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    t->started = pthread_create(&t->thread, &attr, teller_main, t) == 0;
    pthread_attr_destroy(&attr);
    if (!t->started) {
        pthread_mutex_destroy(&t->lock);
        pthread_cond_destroy(&t->changed);
    }
}

void progress_stop(ProgressTeller *t)
{
    if (!t->started)
        return;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    t->started = false;
}
