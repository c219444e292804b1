/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/session/grant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

struct GrantSource {
    ControlLink *link;
    MemPool *pool;
    uint32_t n_threads;
    _Atomic uint64_t granted_bytes; /* of the process */
    atomic_uint n_running;          /* queries that have a grant */
    _Atomic uint64_t peak_bytes;    /* of recent queries */
};

/*
 * What a session keeps between queries, so that the next one does not start with page faults: spare
 * memory as far as recent queries needed it, the more recent the more, and all pages of its files.
 * Both until berthd asks for them.
 */
#define SPARE_MIN_BYTES (UINT64_C(16) << 20)
#define PEAK_FADES 16u /* one part in so many with each query */

static int broker_ask(void *userdata, uint64_t total_bytes, uint64_t minimum_bytes,
                      const char *operator_name, uint64_t *ret_total, char *reason,
                      size_t reason_size)
{
    GrantSource *s = userdata;
    uint64_t granted = atomic_load(&s->granted_bytes);
    if (!s->link) {
        char have[32], want[32];
        (void)snprintf(reason, reason_size,
                       "the limit of this process is %s and %s needs %s in all",
                       text_format_bytes(have, sizeof(have), granted), operator_name,
                       text_format_bytes(want, sizeof(want), total_bytes + GRANT_PROCESS_BYTES));
        return MEM_E_REFUSED;
    }
    ControlFrame ask, reply;
    control_init(&ask, CONTROL_MEMORY_REQUEST, 0);
    ask.memory_request.total_bytes = total_bytes + GRANT_PROCESS_BYTES;
    ask.memory_request.minimum_bytes = minimum_bytes + GRANT_PROCESS_BYTES;
    (void)text_copy(ask.memory_request.operator_name, sizeof(ask.memory_request.operator_name),
                    operator_name);
    int r = control_link_ask(s->link, &ask, CONTROL_MEMORY_REPLY, NULL, &reply);
    if (r != 0)
        return r < 0 ? r : -ECANCELED;
    const ControlMemoryReply *m = &reply.memory_reply;
    if (m->verdict == MEMORY_VERDICT_REFUSED) {
        (void)text_copy(reason, reason_size, m->reason);
        return MEM_E_REFUSED;
    }
    atomic_store(&s->granted_bytes, m->total_bytes);
    *ret_total = m->total_bytes > GRANT_PROCESS_BYTES ? m->total_bytes - GRANT_PROCESS_BYTES : 0;
    if (m->verdict == MEMORY_VERDICT_PARTLY || *ret_total < total_bytes) {
        (void)text_copy(reason, reason_size, m->reason);
        return *ret_total >= minimum_bytes ? MEM_E_SPILL : MEM_E_REFUSED;
    }
    return 0;
}

static uint64_t pool_limit(uint64_t process_bytes)
{
    return process_bytes > 2 * GRANT_PROCESS_BYTES ? process_bytes - GRANT_PROCESS_BYTES
                                                   : process_bytes / 2;
}

int grant_source_new(uint64_t memory_bytes, uint32_t n_threads, GrantSource **ret_source)
{
    GrantSource *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->n_threads = MAX(n_threads, 1u);
    atomic_init(&s->granted_bytes, memory_bytes);
    int r = mem_pool_new(pool_limit(memory_bytes), broker_ask, s, &s->pool);
    if (r < 0) {
        free(s);
        return r;
    }
    *ret_source = s;
    return 0;
}

void grant_source_connect(GrantSource *s, ControlLink *link)
{
    s->link = link;
}

GrantSource *grant_source_free(GrantSource *s)
{
    if (!s)
        return NULL;
    mem_pool_free(s->pool);
    free(s);
    return NULL;
}

MemPool *grant_source_pool(GrantSource *s)
{
    return s->pool;
}

int grant_ask(GrantSource *s, uint64_t query, const ServiceEstimate *estimate,
              const atomic_bool *cancelled, ServiceGrant *ret_grant, QueryError *error)
{
    if (!s->link) {
        *ret_grant =
            (ServiceGrant){.memory_bytes = mem_pool_limit(s->pool), .n_threads = s->n_threads};
        return 0;
    }
    /* Like planning, this needs neither slot nor turn: the way to berthd and back would be most of
     * it. What memory it wants beyond the floor it asks for like any other. */
    if (estimate->is_slight && estimate->memory_peak_bytes <= mem_pool_limit(s->pool)) {
        atomic_fetch_add(&s->n_running, 1);
        *ret_grant = (ServiceGrant){.memory_bytes = mem_pool_limit(s->pool), .n_threads = 1};
        return 0;
    }
    ControlFrame ask, reply;
    control_init(&ask, CONTROL_QUERY_ESTIMATE, 0);
    ControlQueryEstimate *e = &ask.query_estimate;
    e->query = query;
    e->scan_bytes = estimate->scan_bytes;
    e->rows = estimate->rows;
    e->memory_peak_bytes = estimate->memory_peak_bytes + GRANT_PROCESS_BYTES;
    if (estimate->memory_useful_bytes)
        e->memory_useful_bytes = estimate->memory_useful_bytes + GRANT_PROCESS_BYTES;
    e->fingerprint = estimate->fingerprint;
    e->parallelism = estimate->parallelism;
    int r = control_link_ask(s->link, &ask, CONTROL_QUERY_GRANT, cancelled, &reply);
    if (r == CONTROL_LINK_E_CANCELLED || r == CONTROL_LINK_E_GONE)
        return QUERY_E_CANCELLED;
    if (r < 0)
        return r;
    const ControlQueryGrant *g = &reply.query_grant;
    if (g->refused)
        return query_error_set(error, DATA_ERROR_MEMORY, "BERTH_QUERY_REFUSED", "53000", "%s",
                               g->reason);
    atomic_fetch_add(&s->n_running, 1);
    atomic_store(&s->granted_bytes, g->memory_bytes);
    mem_pool_set_limit(s->pool, pool_limit(g->memory_bytes));
    *ret_grant =
        (ServiceGrant){.memory_bytes = mem_pool_limit(s->pool), .n_threads = MAX(g->n_threads, 1u)};
    return 0;
}

/*
 * Tells berthd what is still needed and keeps to it. The limit falls first: memory that is charged
 * between the two is asked for again.
 */
static void give_back(GrantSource *s, uint64_t keep_bytes)
{
    uint64_t total = mem_pool_reserved(s->pool) + keep_bytes + GRANT_PROCESS_BYTES;
    if (total >= atomic_load(&s->granted_bytes))
        return;
    atomic_store(&s->granted_bytes, total);
    mem_pool_set_limit(s->pool, pool_limit(total));
    ControlFrame tell;
    control_init(&tell, CONTROL_MEMORY_RETURN, 0);
    tell.memory_return.total_bytes = total;
    (void)control_link_tell(s->link,
                            &tell); /* a control socket that is gone ends the process elsewhere */
}

void grant_end(GrantSource *s, uint64_t query, const ServiceUsage *usage)
{
    if (!s->link)
        return;
    ControlFrame tell;
    control_init(&tell, CONTROL_QUERY_END, 0);
    ControlQueryEnd *e = &tell.query_end;
    e->query = query;
    e->state = usage->cancelled ? QUERY_STATE_CANCELLED
               : usage->failed  ? QUERY_STATE_FAILED
                                : QUERY_STATE_DONE;
    e->rows = usage->rows;
    e->scan_bytes = usage->scan_bytes;
    e->memory_peak_bytes = usage->memory_peak_bytes + GRANT_PROCESS_BYTES;
    e->cpu_usec = usage->cpu_usec;
    e->elapsed_usec = usage->elapsed_usec;
    (void)control_link_tell(s->link, &tell);
    uint64_t before = atomic_load(&s->peak_bytes), peak;
    do
        peak = MAX(before - before / PEAK_FADES, usage->memory_peak_bytes);
    while (!atomic_compare_exchange_weak(&s->peak_bytes, &before, peak));
    if (atomic_fetch_sub(&s->n_running, 1) == 1) { /* others would only ask for it again */
        uint64_t keep = MAX(peak, SPARE_MIN_BYTES);
        (void)mem_recycler_trim(keep);
        give_back(s, keep);
    }
}

void grant_shrink(GrantSource *s, uint64_t total_bytes)
{
    uint64_t cached = mem_pool_cache_bytes(s->pool), all = mem_pool_reserved(s->pool);
    uint64_t rest = GRANT_PROCESS_BYTES + SPARE_MIN_BYTES + (all > cached ? all - cached : 0);
    mem_pool_shrink_cache(s->pool, total_bytes > rest ? total_bytes - rest : 0);
    uint64_t used = mem_pool_reserved(s->pool) + GRANT_PROCESS_BYTES;
    uint64_t keep = total_bytes > used ? total_bytes - used : 0;
    (void)mem_recycler_trim(keep);
    if (s->link)
        give_back(s, keep);
}
