/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/op/team.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define STACK_BYTES ((size_t)1 << 20)

/* On the stack of the caller of exec_team_run(); everything under the team's lock. */
typedef struct Job {
    const TeamRounds *rounds;
    void *userdata;
    uint32_t n_wanted, n_begun, n_ended; /* in this round */
    bool closed;                         /* one member found nothing more to do */
    bool finished;                       /* all rounds; nobody looks at the job any more */
    pthread_cond_t done;
} Job;

typedef struct Thread {
    ExecTeam *team;
    pthread_t thread;
    pthread_cond_t wake;
    Job *job; /* NULL: idle */
    bool running;
} Thread;

struct ExecTeam {
    pthread_mutex_t lock;
    Thread **threads;
    uint32_t n_threads, capacity;
    bool quit;
};

int exec_team_new(ExecTeam **ret_team)
{
    ExecTeam *team = calloc(1, sizeof(*team));

    if (!team)
        return -ENOMEM;
    if (pthread_mutex_init(&team->lock, NULL) != 0) {
        free(team);
        return -ENOMEM;
    }
    *ret_team = team;
    return 0;
}

ExecTeam *exec_team_free(ExecTeam *team)
{
    if (!team)
        return NULL;
    pthread_mutex_lock(&team->lock);
    team->quit = true;
    for (uint32_t i = 0; i < team->n_threads; i++) {
        assert(!team->threads[i]->job);
        pthread_cond_signal(&team->threads[i]->wake);
    }
    pthread_mutex_unlock(&team->lock);
    for (uint32_t i = 0; i < team->n_threads; i++) {
        pthread_join(team->threads[i]->thread, NULL);
        pthread_cond_destroy(&team->threads[i]->wake);
        free(team->threads[i]);
    }
    free(team->threads);
    pthread_mutex_destroy(&team->lock);
    free(team);
    return NULL;
}

static bool reserve_locked(ExecTeam *team)
{
    uint32_t capacity = team->capacity ? team->capacity * 2 : 8;
    Thread **grown;

    if (team->n_threads < team->capacity)
        return true;
    grown = team->n_threads < TEAM_THREADS_MAX
                ? reallocarray(team->threads, capacity, sizeof(*grown))
                : NULL;
    if (!grown)
        return false;
    team->threads = grown;
    team->capacity = capacity;
    return true;
}

static void *thread_main(void *userdata);

static bool start_locked(ExecTeam *team, Job *job)
{
    _cleanup_free_ Thread *t = NULL;
    pthread_attr_t attr;
    int r;

    if (!reserve_locked(team) || !(t = calloc(1, sizeof(*t))) || pthread_attr_init(&attr) != 0)
        return false;
    *t = (Thread){.team = team, .job = job};
    (void)pthread_cond_init(&t->wake, NULL);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    r = pthread_create(&t->thread, &attr, thread_main, t);
    pthread_attr_destroy(&attr);
    if (r != 0)
        return false;
    team->threads[team->n_threads++] = TAKE_PTR(t);
    return true;
}

/* Lowest numbers first, so that a session's next query meets the same threads. */
static void hire_locked(ExecTeam *team, Job *job, uint32_t n)
{
    for (uint32_t i = 0; i < team->n_threads && n > 0; i++) {
        Thread *t = team->threads[i];

        if (t->job)
            continue;
        t->job = job;
        pthread_cond_signal(&t->wake);
        n--;
    }
    while (n > 0 && start_locked(team, job))
        n--;
}

/* The next round that wants several members; those of one are done on the way. */
static uint32_t advance(const TeamRounds *rounds, void *userdata)
{
    uint32_t n;

    while ((n = rounds->next(userdata)) == 1)
        rounds->work(userdata, 0);
    return n;
}

/* Those who were called for the last round and have not begun. */
static void dismiss_locked(ExecTeam *team, const Job *job)
{
    for (uint32_t i = 0; i < team->n_threads; i++)
        if (team->threads[i]->job == job && !team->threads[i]->running)
            team->threads[i]->job = NULL;
}

static void job_open_locked(ExecTeam *team, Job *job, uint32_t n, bool is_caller)
{
    job->n_wanted = n;
    job->n_begun = job->n_ended = 0;
    job->closed = false;
    hire_locked(team, job, is_caller ? n : n - 1);
}

/*
 * One member of the round; who is the last to end goes on with the next round, and so on.
 * The caller of exec_team_run() does not wait for others to wake up, and calls one more than he has
 * need of: who first gets a processor begins, and who would have shared the caller's does not.
 */
static void job_run_locked(ExecTeam *team, Job *job, bool is_caller)
{
    for (;;) {
        uint32_t member = job->n_begun++, n;

        pthread_mutex_unlock(&team->lock);
        job->rounds->work(job->userdata, member);
        pthread_mutex_lock(&team->lock);
        job->closed = true;
        if (++job->n_ended < job->n_begun)
            return;
        dismiss_locked(team, job);
        pthread_mutex_unlock(&team->lock);
        n = advance(job->rounds, job->userdata);
        pthread_mutex_lock(&team->lock);
        if (n == 0) {
            job->finished = true;
            pthread_cond_signal(&job->done);
            return;
        }
        job_open_locked(team, job, n, is_caller);
    }
}

static void *thread_main(void *userdata)
{
    Thread *t = userdata;
    ExecTeam *team = t->team;

    pthread_mutex_lock(&team->lock);
    for (;;) {
        while (!t->job && !team->quit)
            pthread_cond_wait(&t->wake, &team->lock);
        if (!t->job)
            break;
        t->running = true;
        if (!t->job->closed && t->job->n_begun < t->job->n_wanted)
            job_run_locked(team, t->job, false);
        t->running = false;
        t->job = NULL;
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

void exec_team_run(ExecTeam *team, const TeamRounds *rounds, void *userdata)
{
    Job job = {.rounds = rounds, .userdata = userdata};
    uint32_t n = advance(rounds, userdata);

    if (n == 0)
        return;
    (void)pthread_cond_init(&job.done, NULL);
    pthread_mutex_lock(&team->lock);
    job_open_locked(team, &job, n, true);
    job_run_locked(team, &job, true);
    while (!job.finished)
        pthread_cond_wait(&job.done, &team->lock);
    pthread_mutex_unlock(&team->lock);
    pthread_cond_destroy(&job.done);
}
