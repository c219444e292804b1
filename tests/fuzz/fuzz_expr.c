/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any text as an expression that is computed: over a table of a few rows of every type, by the same
 * way that a client's statement takes. Guards: no crash, no read outside of a value, no leak, an
 * error has a class and a message (EXPR-1, EXPR-2, EXPR-5).
 */

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exec/connect/service.h"
#include "exec/io/io.h"

#define TEXT_MAX 2048u
#define SECONDS_MAX 5

static const char before[] = "SELECT ";
static const char behind[] =
    " FROM VALUES (1, 2L, 1.50BD, 'text', DATE'2024-02-29', TIMESTAMP'2024-02-29 12:34:56.789', "
    "true, 2.5D, array(1, 2, NULL), map('a', 1), named_struct('x', 1, 'y', 'z'), X'00ff'), "
    "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), "
    "(-2147483648, 9223372036854775807L, -99999999.99BD, 'a longer text than twelve bytes', "
    "DATE'0001-01-01', TIMESTAMP'9999-12-31 23:59:59.999999', false, double('NaN'), array(), "
    "map(), named_struct('x', NULL, 'y', ''), X'') "
    "AS t(i, l, c, s, d, ts, b, x, a, m, st, y)";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int drop(void *userdata, const uint8_t *bytes, size_t n_bytes, uint64_t rows, uint16_t flags)
{
    return 0;
}

/* What takes too long is cancelled, as an impatient client would. */
typedef struct Watch {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
    atomic_bool cancel;
} Watch;

static void *watch(void *arg)
{
    Watch *w = arg;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SECONDS_MAX;
    pthread_mutex_lock(&w->lock);
    while (!w->over && pthread_cond_timedwait(&w->ended, &w->lock, &until) == 0)
        ;
    atomic_store(&w->cancel, !w->over);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void run(ServiceSession *session, const char *sql)
{
    Watch w = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    ServiceOperation op = {.emit = drop, .cancelled = &w.cancel};
    QueryError error = {0};
    uint16_t flags;
    pthread_t thread;
    bool watched = pthread_create(&thread, NULL, watch, &w) == 0;
    int r = service_execute_sql(session, &op, sql, strlen(sql), &flags, &error);
    assert(r != QUERY_E_FAILED || (error.error_class[0] && error.message[0]));
    pthread_mutex_lock(&w.lock);
    w.over = true;
    pthread_cond_signal(&w.ended);
    pthread_mutex_unlock(&w.lock);
    if (watched)
        pthread_join(thread, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MemPool *pool;
    IoContext *io;
    SessionFiles *files;
    ServiceSession *session;

    if (n > TEXT_MAX || memchr(data, '`', n) || memchr(data, 0, n)) /* names of files among them */
        return 0;
    if (mem_pool_new(UINT64_C(48) << 20, NULL, NULL, &pool) != 0 ||
        io_context_new_pread(&io) != 0 || session_files_new(pool, io, &files) != 0)
        abort();
    ServiceHost host = {.pool = pool, .files = files};
    char *sql = malloc(sizeof(before) + n + sizeof(behind));
    assert(sql);
    memcpy(sql, before, sizeof(before) - 1);
    memcpy(sql + sizeof(before) - 1, data, n);
    memcpy(sql + sizeof(before) - 1 + n, behind, sizeof(behind));
    if (service_session_new(&host, &session) == 0) {
        run(session, sql);
        service_session_free(session);
    }
    free(sql);
    session_files_free(files);
    io_context_free(io);
    mem_pool_free(pool); /* asserts that all is given back */
    return 0;
}
