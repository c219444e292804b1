/* SPDX-License-Identifier: Apache-2.0 */

#include "exec/connect/service.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_relation.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/query.h"
#include "exec/op/team.h"

int service_session_new(const ServiceHost *host, ServiceSession **ret_session)
{
    ServiceSession *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->host = *host;
    int r = plan_session_new(host->pool, &s->plan);
    if (r == 0)
        r = exec_team_new(&s->team);
    s->persist = r == 0 ? persist_table_new() : NULL;
    s->catalogue = r == 0 ? catalog_memory_new(host->pool) : NULL;
    if (r == 0 && (!s->persist || !s->catalogue)) {
        persist_table_free(s->persist);
        (void)catalog_memory_free(s->catalogue);
        (void)exec_team_free(s->team);
        r = -ENOMEM;
    }
    if (r < 0) {
        plan_session_free(s->plan);
        free(s);
        return r;
    }
    *ret_session = s;
    return 0;
}

ServiceSession *service_session_free(ServiceSession *session)
{
    if (!session)
        return NULL;
    (void)exec_team_free(session->team);
    persist_table_free(session->persist);
    (void)catalog_memory_free(session->catalogue);
    plan_session_free(session->plan);
    free(session);
    return NULL;
}

static int execute_plan(Query *q, ProtoReader plan)
{
    ProtoReader inner;
    uint32_t number;
    int r = query_plan(q, plan, &number, &inner);
    if (r != 0)
        return r;
    return number == SPARK_PLAN_ROOT ? query_execute_relation(q, inner)
                                     : query_execute_command(q, inner);
}

int service_execute(ServiceSession *session, const ServiceOperation *operation, const uint8_t *plan,
                    size_t n_plan, uint16_t *ret_flags, QueryError *error)
{
    Query q;
    int r = query_open(session, operation, error, &q);
    if (r == 0)
        r = execute_plan(&q, proto_reader(plan, n_plan));
    if (ret_flags)
        *ret_flags = q.flags;
    query_close(&q);
    return r;
}

static int execute_text(Query *q, const char *text, size_t n)
{
    SqlStatement statement;
    int r = query_result(q, sql_parse_statement(&q->builder, text, n, NULL, &statement));
    if (r != 0)
        return r;
    q->decoder.sql_text = text;
    q->decoder.n_sql_text = n;
    q->decoder.n_sql_texts = 1;
    PlanNode *plan;
    if (statement.kind == SQL_QUERY) {
        r = query_bind(q, statement.query, &plan);
        return r ? r : query_emit_plan(q, plan, -1);
    }
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    r = query_statement(q, &statement, &w);
    if (r == 0)
        r = proto_writer_finish(&w);
    return r ? r : query_execute_relation(q, proto_reader(w.data, w.n_bytes));
}

int service_execute_sql(ServiceSession *session, const ServiceOperation *operation,
                        const char *text, size_t n_text, uint16_t *ret_flags, QueryError *error)
{
    Query q;
    int r = query_open(session, operation, error, &q);
    if (r == 0)
        r = execute_text(&q, text, n_text);
    if (ret_flags)
        *ret_flags = q.flags;
    query_close(&q);
    return r;
}

int service_config(ServiceSession *session, const char *payload, size_t n_payload,
                   QueryError *error)
{
    size_t at = 0;
    while (at < n_payload) {
        const char *key = payload + at;
        const char *end = memchr(key, 0, n_payload - at);
        if (!end)
            return -EPROTO;
        at += (size_t)(end - key) + 1;
        const char *value = payload + at;
        end = at < n_payload ? memchr(value, 0, n_payload - at) : NULL;
        if (!end)
            return -EPROTO;
        at += (size_t)(end - value) + 1;
        bool unset = strcmp(value, DATA_CONFIG_UNSET) == 0;
        int r = plan_session_set_conf(session->plan, key, unset ? NULL : value, error);
        if (r != 0)
            return r;
    }
    return 0;
}
