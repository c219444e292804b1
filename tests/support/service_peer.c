/* SPDX-License-Identifier: Apache-2.0 */

/*
 * service_peer: the executor's service behind data frames on stdin and stdout, one operation after
 * the other. Lets the conformance tests talk to exec/connect with a real client and nothing between
 * but a few lines of Python.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/data_frame.h"
#include "base/fd.h"
#include "exec/connect/service.h"
#include "exec/io/io.h"

static int put(uint16_t type, uint16_t flags, uint64_t operation, uint64_t rows, const void *data,
               size_t n)
{
    DataHeader h = {.magic = DATA_MAGIC,
                    .type = type,
                    .flags = flags,
                    .operation = operation,
                    .rows = rows,
                    .n_payload = (uint32_t)n};
    int r = fd_write_all(1, &h, sizeof(h));
    return r ? r : fd_write_all(1, data, n);
}

static int emit(void *userdata, const uint8_t *bytes, size_t n, uint64_t rows, uint16_t flags)
{
    return put(DATA_RESPONSE, flags, *(uint64_t *)userdata, rows, bytes, n);
}

static uint8_t *piece; /* the last one */

static int fetch(void *userdata, const char *name, uint64_t offset, ServicePiece *ret_piece)
{
    DataHeader h;
    int r = put(DATA_FETCH, 0, *(uint64_t *)userdata, offset, name, strlen(name));
    if (r == 0)
        r = fd_read_all(0, &h, sizeof(h));
    if (r != 0 || h.type != DATA_ARTIFACT || h.n_payload > DATA_PIECE_MAX)
        return -EPROTO;
    free(piece);
    piece = malloc(h.n_payload + 1u);
    if (!piece || (h.n_payload > 0 && fd_read_all(0, piece, h.n_payload) != 0))
        return -EPROTO;
    *ret_piece = (ServicePiece){.bytes = h.flags & DATA_FLAG_MISSING ? NULL : piece,
                                .n_bytes = h.n_payload,
                                .n_total = h.rows};
    return 0;
}

static int put_error(uint64_t operation, int r, const QueryError *e)
{
    QueryError own = {.kind = DATA_ERROR_RUNTIME, .error_class = "INTERNAL_ERROR"};
    if (r == QUERY_E_CANCELLED)
        own.kind = DATA_ERROR_CANCELLED;
    if (r != QUERY_E_FAILED) {
        snprintf(own.message, sizeof(own.message), "code %d", r);
        e = &own;
    }
    DataError d = {.kind = e->kind,
                   .n_class = (uint32_t)strlen(e->error_class),
                   .n_sqlstate = (uint32_t)strlen(e->sqlstate),
                   .n_message = (uint32_t)strlen(e->message),
                   .n_parameters = (uint32_t)strlen(e->parameters),
                   .position_line = e->line,
                   .position_column = e->column,
                   .position_start = e->start,
                   .position_stop = e->stop};
    char payload[sizeof(d) + sizeof(QueryError)];
    size_t n = 0;
    memcpy(payload, &d, sizeof(d));
    n += sizeof(d);
    memcpy(payload + n, e->error_class, d.n_class);
    n += d.n_class;
    memcpy(payload + n, e->sqlstate, d.n_sqlstate);
    n += d.n_sqlstate;
    memcpy(payload + n, e->message, d.n_message);
    n += d.n_message;
    memcpy(payload + n, e->parameters, d.n_parameters);
    n += d.n_parameters;
    return put(DATA_ERROR, 0, operation, 0, payload, n);
}

static int serve(ServiceSession *session, const DataHeader *h, const uint8_t *payload)
{
    uint64_t operation = h->operation;
    ServiceOperation op = {.userdata = &operation, .emit = emit, .fetch = fetch};
    QueryError error = {0};
    uint16_t flags = 0;
    uint8_t *reply = NULL;
    size_t n_reply = 0;
    int r;
    switch (h->type) {
    case DATA_EXECUTE:
        r = service_execute(session, &op, payload, h->n_payload, &flags, &error);
        return r ? put_error(operation, r, &error) : put(DATA_COMPLETE, flags, operation, 0, "", 0);
    case DATA_ANALYZE:
        r = service_analyze(session, &op, payload, h->n_payload, &reply, &n_reply, &error);
        if (r == 0)
            r = put(DATA_ANALYZED, 0, operation, 0, reply, n_reply);
        else
            r = put_error(operation, r, &error);
        free(reply);
        return r;
    case DATA_CONFIG:
        r = service_config(session, (const char *)payload, h->n_payload, &error);
        return r ? put_error(operation, r, &error) : put(DATA_COMPLETE, 0, operation, 0, "", 0);
    default:
        return -EPROTO;
    }
}

int main(void)
{
    MemPool *pool;
    IoContext *io;
    SessionFiles *files;
    ServiceSession *session;
    if (mem_pool_new(UINT64_C(8) << 30, NULL, NULL, &pool) != 0 || io_context_new_pread(&io) != 0 ||
        session_files_new(pool, io, &files) != 0)
        return 2;
    ServiceHost host = {.pool = pool, .files = files};
    if (service_session_new(&host, &session) != 0)
        return 2;
    DataHeader h;
    int r = 0;
    while (r == 0 && fd_read_all(0, &h, sizeof(h)) == 0) {
        if (h.magic != DATA_MAGIC || h.n_payload > DATA_PAYLOAD_MAX)
            return 3;
        uint8_t *payload = malloc(h.n_payload + 1u);
        if (!payload || (h.n_payload > 0 && fd_read_all(0, payload, h.n_payload) != 0))
            return 3;
        r = serve(session, &h, payload);
        free(payload);
    }
    service_session_free(session);
    session_files_free(files);
    io_context_free(io);
    mem_pool_free(pool);
    free(piece);
    return r != 0;
}
