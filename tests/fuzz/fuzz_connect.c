/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Any bytes as a Plan and as an AnalyzePlanRequest. Queries are refused when they ask for their
 * grant, so nothing runs. Guards: no crash, no leak, a failure has a class.
 */

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "exec/connect/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int refuse(void *userdata, void *operation, const ServiceEstimate *estimate,
                  ServiceGrant *ret_grant, QueryError *error)
{
    return query_error_set(error, DATA_ERROR_RUNTIME, "REFUSED", "XX000", "not here");
}

static int drop(void *userdata, const uint8_t *bytes, size_t n, uint64_t rows, uint16_t flags)
{
    return 0;
}

/* Whatever the name: the plan's own bytes once more, in pieces. */
typedef struct Input {
    const uint8_t *data;
    size_t n;
} Input;

static int fetch(void *userdata, const char *name, uint64_t offset, ServicePiece *ret_piece)
{
    const Input *in = userdata;
    size_t n_left = offset < in->n ? in->n - (size_t)offset : 0;
    *ret_piece = (ServicePiece){.bytes = name[sizeof("cache")] == '?' ? NULL : in->data + offset,
                                .n_bytes = n_left < 64 ? n_left : 64,
                                .n_total = in->n};
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    MemPool *pool;
    ServiceSession *session;
    if (n > 1 << 18 || mem_pool_new(UINT64_C(512) << 20, NULL, NULL, &pool) != 0)
        return 0;
    ServiceHost host = {.pool = pool, .grant = refuse};
    if (service_session_new(&host, &session) == 0) {
        Input input = {data, n};
        ServiceOperation op = {.userdata = &input, .emit = drop, .fetch = fetch};
        QueryError error = {0};
        uint16_t flags;
        int r = service_execute(session, &op, data, n, &flags, &error);
        assert(r != QUERY_E_FAILED || error.error_class[0]);
        uint8_t *reply = NULL;
        size_t n_reply;
        error = (QueryError){0};
        r = service_analyze(session, &op, data, n, &reply, &n_reply, &error);
        assert(r != QUERY_E_FAILED || error.error_class[0]);
        free(reply);
        service_session_free(session);
    }
    mem_pool_free(pool);
    return 0;
}
