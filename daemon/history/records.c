/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/history/records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/log.h"

#define WAIT_USEC USEC_PER_SEC /* the longest that a record waits to be written */
#define BATCH 256u             /* so many are written at once */
#define WAITING_MAX 4096u      /* more are dropped */
#define QUESTIONS_MAX 32u
#define REOPEN_USEC (30 * USEC_PER_SEC)
#define QUERIES_KEPT UINT64_C(1000000)
#define WORKLOADS_KEPT UINT64_C(200000)
#define LEARNT_MAX 8192u /* as many as the scheduler remembers */

struct Records {
    Manager *manager;
    Worker *worker;
    sd_event_source *io, *timer;
    HistoryRecord *waiting; /* WAITING_MAX of them */
    size_t n_waiting;
    unsigned n_questions;
    uint64_t n_dropped;
    int complained; /* the error that was logged last */
    /* The thread's. */
    History *history;
    uint64_t tried_usec;
    char directory[CONFIG_PATH_MAX];
};

typedef struct Job {
    WorkerJob job;
    Records *records;
    int result;
    bool damaged;
    /* To be written. */
    HistoryRecord *written;
    size_t n_written;
    /* A question; of the scheduler when @answered is NULL. */
    HistoryFilter filter;
    bool workloads;
    size_t max;
    RecordsAnswer answer;
    RecordsAnswered answered;
    void *userdata;
} Job;

/* --- on the thread --- */

static int have_history(Job *j)
{
    static const HistoryLimits limits = {.queries_max = QUERIES_KEPT,
                                         .workloads_max = WORKLOADS_KEPT};
    Records *r = j->records;
    uint64_t now = clock_now_usec();

    if (r->history)
        return 0;
    if (r->tried_usec != 0 && now - r->tried_usec < REOPEN_USEC)
        return -EAGAIN; /* said already */
    r->tried_usec = now;
    return history_open(r->directory, &limits, &r->history, &j->damaged);
}

static void run_write(WorkerJob *job)
{
    Job *j = container_of(job, Job, job);

    j->result = have_history(j);
    if (j->result == 0)
        j->result = history_append(j->records->history, j->written, j->n_written);
}

static void run_ask(WorkerJob *job)
{
    Job *j = container_of(job, Job, job);
    size_t size = j->workloads ? sizeof(HistoryWorkload) : sizeof(HistoryRecord);
    void *rows = calloc(MAX(j->max, (size_t)1), size);

    j->result = rows ? have_history(j) : -ENOMEM;
    if (j->result == 0)
        j->result =
            j->workloads
                ? history_workloads(j->records->history, &j->filter, rows, j->max, &j->answer.n)
                : history_list(j->records->history, &j->filter, rows, j->max, &j->answer.n);
    if (j->workloads)
        j->answer.workloads = rows;
    else
        j->answer.queries = rows;
    j->answer.error = j->result;
}

/* --- on the loop --- */

static void job_free(Job *j)
{
    free(j->written);
    free(j->answer.queries);
    free(j->answer.workloads);
    free(j);
}

/* Once for each sort of trouble, and once when it is over. */
static void complain(Records *r, const Job *j)
{
    bool damaged = j->damaged || j->result == -EUCLEAN;
    int result = j->result == -EUCLEAN ? 0 : j->result;

    if (damaged)
        log_line(LOG_WARNING,
                 "%s/history.sqlite was damaged: it is history.sqlite.damaged now, and the history "
                 "begins again",
                 r->directory);
    if (result == -EAGAIN || result == r->complained)
        return;
    if (result < 0)
        log_line(LOG_WARNING, "the history of queries in %s cannot be kept: %s", r->directory,
                 strerror(-result));
    else
        log_line(LOG_NOTICE, "the history of queries is kept again; %" PRIu64 " were lost",
                 r->n_dropped);
    r->complained = result;
}

static void done_write(WorkerJob *job)
{
    Job *j = container_of(job, Job, job);
    Records *r = j->records;

    if (j->result < 0 && j->result != -EUCLEAN)
        r->n_dropped += j->n_written;
    complain(r, j);
    job_free(j);
}

static void done_ask(WorkerJob *job)
{
    Job *j = container_of(job, Job, job);
    Records *r = j->records;

    complain(r, j);
    r->n_questions--;
    j->answered(r->manager, j->userdata, &j->answer);
    job_free(j);
}

/* What the workloads of before have used. The oldest first, so that the latest stay. */
static void done_learn(WorkerJob *job)
{
    Job *j = container_of(job, Job, job);
    Records *r = j->records;

    complain(r, j);
    for (size_t i = j->answer.n; i-- > 0;) {
        const HistoryWorkload *w = &j->answer.workloads[i];
        SchedEvent event = {.type = SCHED_EVENT_LEARNED};

        event.learned.fingerprint = w->fingerprint;
        event.learned.peak_bytes = w->last_peak_bytes;
        event.learned.elapsed_usec = w->elapsed_usec / MAX(w->n, UINT64_C(1));
        manager_feed(r->manager, &event);
    }
    if (j->answer.n > 0)
        log_line(LOG_INFO, "%zu workloads are known from before", j->answer.n);
    job_free(j);
}

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Records *r = userdata;

    worker_dispatch(r->worker);
    return 0;
}

static void flush(Records *r)
{
    r->timer = sd_event_source_disable_unref(r->timer);
    if (r->n_waiting == 0)
        return;
    Job *j = calloc(1, sizeof(*j));
    HistoryRecord *copy = malloc(r->n_waiting * sizeof(*copy));
    if (j && copy) {
        memcpy(copy, r->waiting, r->n_waiting * sizeof(*copy));
        *j = (Job){.job = {.run = run_write, .done = done_write},
                   .records = r,
                   .written = copy,
                   .n_written = r->n_waiting};
        worker_submit(r->worker, &j->job);
    } else {
        r->n_dropped += r->n_waiting;
        free(copy);
        free(j);
    }
    r->n_waiting = 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    flush(userdata);
    return 0;
}

void records_add(Records *r, const HistoryRecord *record)
{
    if (!r)
        return;
    if (r->n_waiting == WAITING_MAX) {
        r->n_dropped++;
        return;
    }
    r->waiting[r->n_waiting++] = *record;
    if (r->n_waiting >= BATCH && worker_idle(r->worker))
        flush(r);
    else if (!r->timer)
        (void)manager_timer(r->manager, &r->timer, clock_now_usec() + WAIT_USEC, on_timer, r);
}

static Job *question(Records *r, const HistoryFilter *filter, bool workloads, size_t max)
{
    Job *j = calloc(1, sizeof(*j));

    if (j)
        *j = (Job){.job = {.run = run_ask},
                   .records = r,
                   .filter = *filter,
                   .workloads = workloads,
                   .max = MIN(max, (size_t)HISTORY_LIST_MAX)};
    return j;
}

int records_ask(Records *r, const HistoryFilter *filter, bool workloads, size_t max,
                RecordsAnswered answered, void *userdata)
{
    if (!r)
        return -ENOENT;
    if (r->n_questions >= QUESTIONS_MAX)
        return -EBUSY;
    Job *j = question(r, filter, workloads, max);
    if (!j)
        return -ENOMEM;
    j->job.done = done_ask;
    j->answered = answered;
    j->userdata = userdata;
    flush(r); /* who asks wants to see what has just ended */
    r->n_questions++;
    worker_submit(r->worker, &j->job);
    return 0;
}

void records_submit(Records *r, WorkerJob *job)
{
    worker_submit(r->worker, job);
}

const char *records_directory(const Records *r)
{
    return r->directory;
}

int records_new(Manager *m)
{
    const char *directory = m->config->config.history_directory;
    _cleanup_free_ Records *r = calloc(1, sizeof(*r));

    if (directory[0] == 0)
        return 0;
    if (!r)
        return -ENOMEM;
    r->manager = m;
    (void)text_copy(r->directory, sizeof(r->directory), directory);
    r->waiting = malloc(WAITING_MAX * sizeof(*r->waiting));
    Job *j = question(r, &(HistoryFilter){.uid = UINT32_MAX}, true, LEARNT_MAX);
    int e = r->waiting && j ? worker_new("records", &r->worker) : -ENOMEM;
    if (e == 0)
        e = sd_event_add_io(m->event, &r->io, worker_fd(r->worker), EPOLLIN, on_worker, r);
    if (e < 0) {
        r->worker = worker_free(r->worker);
        free(r->waiting);
        free(j);
        return e;
    }
    j->job.done = done_learn;
    worker_submit(r->worker, &j->job);
    m->records = TAKE_PTR(r);
    return 0;
}

Records *records_free(Records *r)
{
    if (!r)
        return NULL;
    flush(r);
    r->io = sd_event_source_disable_unref(r->io);
    r->worker = worker_free(r->worker); /* what is queued is carried out and answered */
    r->history = history_close(r->history);
    free(r->waiting);
    free(r);
    return NULL;
}
