/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/history/history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define FILE_NAME "history.sqlite"
#define APPLICATION_ID 0x42727468 /* "Brth" */
#define SCHEMA_VERSION 1
#define TRIM_STEP 1000u /* rows above the bound before the oldest go: not one delete an append */

struct History {
    sqlite3 *db;
    HistoryLimits limits;
    char path[PATH_MAX];
};

static const char schema[] =
    "CREATE TABLE queries("
    " id INTEGER PRIMARY KEY, start_usec INTEGER NOT NULL, uid INTEGER NOT NULL,"
    " state INTEGER NOT NULL, cause INTEGER NOT NULL, generation INTEGER NOT NULL,"
    " session INTEGER NOT NULL, query INTEGER NOT NULL, fingerprint INTEGER NOT NULL,"
    " n_rows INTEGER NOT NULL, scan_bytes INTEGER NOT NULL, estimate_bytes INTEGER NOT NULL,"
    " grant_bytes INTEGER NOT NULL, peak_bytes INTEGER NOT NULL, limit_bytes INTEGER NOT NULL,"
    " cpu_usec INTEGER NOT NULL, queued_usec INTEGER NOT NULL, elapsed_usec INTEGER NOT NULL,"
    " version TEXT NOT NULL, operation TEXT NOT NULL, operator TEXT NOT NULL) STRICT;"
    "CREATE INDEX queries_of_user ON queries(uid, id);"
    "CREATE TABLE workloads("
    " uid INTEGER NOT NULL, fingerprint INTEGER NOT NULL, version TEXT NOT NULL,"
    " n INTEGER NOT NULL, n_failed INTEGER NOT NULL, n_oom INTEGER NOT NULL,"
    " first_usec INTEGER NOT NULL, last_usec INTEGER NOT NULL, estimate_bytes INTEGER NOT NULL,"
    " grant_bytes INTEGER NOT NULL, peak_bytes INTEGER NOT NULL, last_peak_bytes INTEGER NOT NULL,"
    " elapsed_usec INTEGER NOT NULL, cpu_usec INTEGER NOT NULL, queued_usec INTEGER NOT NULL,"
    " PRIMARY KEY(uid, fingerprint, version)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX workloads_by_use ON workloads(last_usec);";

static const char insert_query[] =
    "INSERT INTO queries(start_usec, uid, state, cause, generation, session, query, fingerprint,"
    " n_rows, scan_bytes, estimate_bytes, grant_bytes, peak_bytes, limit_bytes, cpu_usec,"
    " queued_usec, elapsed_usec, version, operation, operator)"
    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)";

static const char upsert_workload[] =
    "INSERT INTO workloads VALUES(?1,?2,?3,1,?4,?5,?6,?6,?7,?8,?9,?9,?10,?11,?12)"
    " ON CONFLICT(uid, fingerprint, version) DO UPDATE SET"
    " n = n + 1, n_failed = n_failed + ?4, n_oom = n_oom + ?5, last_usec = max(last_usec, ?6),"
    " estimate_bytes = max(estimate_bytes, ?7), grant_bytes = max(grant_bytes, ?8),"
    " peak_bytes = max(peak_bytes, ?9), last_peak_bytes = ?9,"
    " elapsed_usec = elapsed_usec + ?10, cpu_usec = cpu_usec + ?11,"
    " queued_usec = queued_usec + ?12";

static const char list_queries[] =
    "SELECT id, start_usec, uid, state, cause, generation, session, query, fingerprint, n_rows,"
    " scan_bytes, estimate_bytes, grant_bytes, peak_bytes, limit_bytes, cpu_usec, queued_usec,"
    " elapsed_usec, version, operation, operator FROM queries"
    " WHERE (?1 < 0 OR uid = ?1) AND (?2 = 0 OR fingerprint = ?2) AND start_usec >= ?3"
    " AND (?4 = 0 OR state = 1) ORDER BY id DESC LIMIT ?5";

static const char list_workloads[] =
    "SELECT uid, fingerprint, version, n, n_failed, n_oom, first_usec, last_usec, estimate_bytes,"
    " grant_bytes, peak_bytes, last_peak_bytes, elapsed_usec, cpu_usec, queued_usec FROM workloads"
    " WHERE (?1 < 0 OR uid = ?1) AND (?2 = 0 OR fingerprint = ?2) AND last_usec >= ?3"
    " AND (?4 = 0 OR n_failed > 0) ORDER BY last_usec DESC LIMIT ?5";

_Static_assert(QUERY_STATE_FAILED == 1, "list_queries names it");

/* sqlite's 64 bits are signed; sizes and times end there, hashes wrap. */
static int64_t bounded(uint64_t v)
{
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static void stmt_done(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}

static int error_of(History *h, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA:
    case SQLITE_MISMATCH:
    case SQLITE_ERROR: /* a table that is not there, or another */
    case SQLITE_CONSTRAINT:
        return -EUCLEAN;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    default: {
        int number = h->db ? sqlite3_system_errno(h->db) : 0;
        return number == ENOSPC || number == EDQUOT ? -ENOSPC : -EIO;
    }
    }
}

static int run(History *h, const char *sql)
{
    return error_of(h, sqlite3_exec(h->db, sql, NULL, NULL, NULL));
}

static int64_t pragma_number(History *h, const char *sql)
{
    __attribute__((cleanup(stmt_done))) sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(h->db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        return -1;
    return sqlite3_column_int64(stmt, 0);
}

static void close_db(History *h)
{
    if (h->db)
        (void)sqlite3_close_v2(h->db);
    h->db = NULL;
}

/* -EUCLEAN when there is a file, and not one of ours. */
static int open_db(History *h)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE;
    /* sqlite would make it, and the files beside it, as the umask says. */
    int fd = open(h->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    (void)close(fd);
    int r = error_of(h, sqlite3_open_v2(h->path, &h->db, flags, NULL));

    if (r < 0)
        return r;
    (void)sqlite3_busy_timeout(h->db, 1000);
    (void)sqlite3_limit(h->db, SQLITE_LIMIT_LENGTH, 1 << 20);
    (void)sqlite3_db_config(h->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(h->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* Nobody else opens it, so the write-ahead log needs no shared memory. NORMAL: a power cut may
     * cost the last records, never the file. */
    r = run(h, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
               "PRAGMA synchronous = NORMAL; PRAGMA cell_size_check = ON;"
               "PRAGMA journal_size_limit = 4194304");
    if (r < 0)
        return r;
    int64_t id = pragma_number(h, "PRAGMA application_id");
    int64_t version = pragma_number(h, "PRAGMA user_version");
    if (id == APPLICATION_ID && version == SCHEMA_VERSION)
        return 0;
    if (id != 0 || version != 0 || pragma_number(h, "SELECT count(*) FROM sqlite_schema") != 0)
        return -EUCLEAN;
    r = run(h, "BEGIN IMMEDIATE");
    r = r < 0 ? r : run(h, schema);
    r = r < 0 ? r : run(h, "PRAGMA application_id = 1114797160; PRAGMA user_version = 1; COMMIT");
    return r;
}

_Static_assert(APPLICATION_ID == 1114797160 && SCHEMA_VERSION == 1, "open_db() writes them");

/* The file is kept for who wants to look; one of them, so that they cannot fill the disk. */
static int begin_again(History *h)
{
    char other[PATH_MAX + 16];

    close_db(h);
    (void)snprintf(other, sizeof(other), "%s.damaged", h->path);
    if (rename(h->path, other) < 0 && errno != ENOENT)
        return -errno;
    (void)snprintf(other, sizeof(other), "%s-wal", h->path);
    (void)unlink(other);
    (void)snprintf(other, sizeof(other), "%s-shm", h->path);
    (void)unlink(other);
    (void)snprintf(other, sizeof(other), "%s-journal", h->path);
    (void)unlink(other);
    return open_db(h);
}

int history_open(const char *dir, const HistoryLimits *limits, History **ret_history,
                 bool *ret_damaged)
{
    _cleanup_(history_closep) History *h = calloc(1, sizeof(*h));

    *ret_damaged = false;
    if (!h)
        return -ENOMEM;
    h->limits = *limits;
    if (snprintf(h->path, sizeof(h->path), "%s/" FILE_NAME, dir) >= (int)sizeof(h->path) - 16)
        return -ENAMETOOLONG;
    int r = open_db(h);
    if (r == -EUCLEAN) {
        *ret_damaged = true;
        r = begin_again(h);
    }
    if (r < 0)
        return r;
    *ret_history = TAKE_PTR(h);
    return 0;
}

History *history_close(History *h)
{
    if (h)
        close_db(h);
    free(h);
    return NULL;
}

static void bind_numbers(sqlite3_stmt *stmt, int first, const int64_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)sqlite3_bind_int64(stmt, first + (int)i, numbers[i]);
}

static int append_query(History *h, sqlite3_stmt *stmt, const HistoryRecord *r)
{
    const int64_t numbers[] = {
        bounded(r->start_usec),
        r->uid,
        r->state,
        r->cause,
        r->generation,
        bounded(r->session),
        bounded(r->query),
        (int64_t)r->fingerprint,
        bounded(r->rows),
        bounded(r->scan_bytes),
        bounded(r->estimate_bytes),
        bounded(r->grant_bytes),
        bounded(r->peak_bytes),
        bounded(r->limit_bytes),
        bounded(r->cpu_usec),
        bounded(r->queued_usec),
        bounded(r->elapsed_usec),
    };

    bind_numbers(stmt, 1, numbers, ARRAY_SIZE(numbers));
    (void)sqlite3_bind_text(stmt, 18, r->version, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 19, r->operation, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(stmt, 20, r->operator_name, -1, SQLITE_STATIC);
    int e = error_of(h, sqlite3_step(stmt));
    (void)sqlite3_reset(stmt);
    return e;
}

static int append_workload(History *h, sqlite3_stmt *stmt, const HistoryRecord *r)
{
    const int64_t numbers[] = {
        r->state == QUERY_STATE_FAILED, r->cause == SESSION_CAUSE_OOM, bounded(r->start_usec),
        bounded(r->estimate_bytes),     bounded(r->grant_bytes),       bounded(r->peak_bytes),
        bounded(r->elapsed_usec),       bounded(r->cpu_usec),          bounded(r->queued_usec),
    };

    if (r->fingerprint == 0)
        return 0;
    (void)sqlite3_bind_int64(stmt, 1, r->uid);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)r->fingerprint);
    (void)sqlite3_bind_text(stmt, 3, r->version, -1, SQLITE_STATIC);
    bind_numbers(stmt, 4, numbers, ARRAY_SIZE(numbers));
    int e = error_of(h, sqlite3_step(stmt));
    (void)sqlite3_reset(stmt);
    return e;
}

/* Rows are numbered without gaps but for those that went, so two look-ups count them. */
static int trim(History *h)
{
    char sql[300];
    int64_t first = pragma_number(h, "SELECT min(id) FROM queries");
    int64_t last = pragma_number(h, "SELECT max(id) FROM queries");
    int64_t max = bounded(h->limits.queries_max);
    int r = 0;

    if (last - first >= max + TRIM_STEP) {
        (void)snprintf(sql, sizeof(sql), "DELETE FROM queries WHERE id <= %lld",
                       (long long)(last - max));
        r = run(h, sql);
        max = bounded(h->limits.workloads_max);
        if (r == 0 && pragma_number(h, "SELECT count(*) FROM workloads") > max) {
            (void)snprintf(sql, sizeof(sql),
                           "DELETE FROM workloads WHERE last_usec <= (SELECT last_usec FROM "
                           "workloads ORDER BY last_usec DESC LIMIT 1 OFFSET %lld)",
                           (long long)max);
            r = run(h, sql);
        }
    }
    return r;
}

static int append_all(History *h, const HistoryRecord *records, size_t n)
{
    __attribute__((cleanup(stmt_done))) sqlite3_stmt *query = NULL;
    __attribute__((cleanup(stmt_done))) sqlite3_stmt *workload = NULL;
    int r;

    if (!h->db)
        return -EUCLEAN; /* a begin_again() that failed half-way */
    r = error_of(h, sqlite3_prepare_v2(h->db, insert_query, -1, &query, NULL));
    if (r == 0)
        r = error_of(h, sqlite3_prepare_v2(h->db, upsert_workload, -1, &workload, NULL));
    if (r == 0)
        r = run(h, "BEGIN IMMEDIATE");
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = append_query(h, query, &records[i]);
        if (r == 0)
            r = append_workload(h, workload, &records[i]);
    }
    if (r == 0)
        r = trim(h);
    if (r == 0)
        r = run(h, "COMMIT");
    if (r < 0 && !sqlite3_get_autocommit(h->db))
        (void)sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

int history_append(History *h, const HistoryRecord *records, size_t n)
{
    int r = append_all(h, records, n);

    if (r != -EUCLEAN)
        return r;
    r = begin_again(h);
    if (r == 0)
        r = append_all(h, records, n);
    return r < 0 ? r : -EUCLEAN;
}

static int prepare_list(History *h, const char *sql, const HistoryFilter *filter, size_t max,
                        sqlite3_stmt **ret_stmt)
{
    if (!h->db)
        return -EUCLEAN;
    int r = error_of(h, sqlite3_prepare_v2(h->db, sql, -1, ret_stmt, NULL));
    if (r < 0)
        return r;
    const int64_t numbers[] = {
        filter->uid == UINT32_MAX ? -1 : (int64_t)filter->uid,
        (int64_t)filter->fingerprint,
        bounded(filter->since_usec),
        filter->failed_only,
        (int64_t)MIN(max, (size_t)HISTORY_LIST_MAX),
    };
    bind_numbers(*ret_stmt, 1, numbers, ARRAY_SIZE(numbers));
    return 0;
}

/* A damaged file may hold anything: texts end where the field ends. */
static void column_text(sqlite3_stmt *stmt, int column, char *buf, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    (void)snprintf(buf, size, "%s", text ? text : "");
}

static uint64_t column_number(sqlite3_stmt *stmt, int column)
{
    return (uint64_t)sqlite3_column_int64(stmt, column);
}

static int finish_list(History *h, int r)
{
    if (r != -EUCLEAN)
        return r;
    r = begin_again(h);
    return r < 0 ? r : -EUCLEAN;
}

int history_list(History *h, const HistoryFilter *filter, HistoryRecord *records, size_t max,
                 size_t *ret_n)
{
    sqlite3_stmt *stmt = NULL;
    size_t n = 0;
    int code = SQLITE_DONE, r = prepare_list(h, list_queries, filter, max, &stmt);

    while (r == 0 && n < max && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        HistoryRecord *to = &records[n++];
        uint64_t *const numbers[] = {
            &to->session,     &to->query,          &to->fingerprint, &to->rows,
            &to->scan_bytes,  &to->estimate_bytes, &to->grant_bytes, &to->peak_bytes,
            &to->limit_bytes, &to->cpu_usec,       &to->queued_usec, &to->elapsed_usec,
        };

        *to = (HistoryRecord){
            .id = column_number(stmt, 0),
            .start_usec = column_number(stmt, 1),
            .uid = (uint32_t)column_number(stmt, 2),
            .state = (uint32_t)column_number(stmt, 3),
            .cause = (uint32_t)column_number(stmt, 4),
            .generation = (uint32_t)column_number(stmt, 5),
        };
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
            *numbers[i] = column_number(stmt, 6 + (int)i);
        column_text(stmt, 18, to->version, sizeof(to->version));
        column_text(stmt, 19, to->operation, sizeof(to->operation));
        column_text(stmt, 20, to->operator_name, sizeof(to->operator_name));
        if (to->state >= _QUERY_STATE_MAX || to->cause >= _SESSION_CAUSE_MAX)
            r = -EUCLEAN;
    }
    if (r == 0)
        r = error_of(h, code);
    stmt_done(&stmt);
    *ret_n = r == 0 ? n : 0;
    return finish_list(h, r);
}

int history_workloads(History *h, const HistoryFilter *filter, HistoryWorkload *workloads,
                      size_t max, size_t *ret_n)
{
    sqlite3_stmt *stmt = NULL;
    size_t n = 0;
    int code = SQLITE_DONE, r = prepare_list(h, list_workloads, filter, max, &stmt);

    while (r == 0 && n < max && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        HistoryWorkload *to = &workloads[n++];
        uint64_t *const numbers[] = {
            &to->n,
            &to->n_failed,
            &to->n_oom,
            &to->first_usec,
            &to->last_usec,
            &to->estimate_bytes,
            &to->grant_bytes,
            &to->peak_bytes,
            &to->last_peak_bytes,
            &to->elapsed_usec,
            &to->cpu_usec,
            &to->queued_usec,
        };

        *to = (HistoryWorkload){.uid = (uint32_t)column_number(stmt, 0),
                                .fingerprint = column_number(stmt, 1)};
        column_text(stmt, 2, to->version, sizeof(to->version));
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
            *numbers[i] = column_number(stmt, 3 + (int)i);
    }
    if (r == 0)
        r = error_of(h, code);
    stmt_done(&stmt);
    *ret_n = r == 0 ? n : 0;
    return finish_list(h, r);
}
