/* SPDX-License-Identifier: Apache-2.0 */

/* AnalyzePlan: questions about plans that are not run. */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_expression.h"
#include "connect/proto/spark_service.h"
#include "exec/connect/query.h"
#include "exec/plan/explain.h"

/* The relation of a Plan inside @r's field 1, bound. */
static int bind_plan(Query *q, ProtoReader r, uint32_t number, PlanNode **ret_plan)
{
    ProtoField f;
    while (decode_next(&q->decoder, &r, &f) > 0) {
        ProtoReader plan, root;
        uint32_t kind;
        if (f.number != number)
            continue;
        if (!decode_enter(&q->decoder, &r, &f, &plan))
            break;
        int result = query_plan(q, plan, &kind, &root);
        if (result != 0)
            return result;
        if (kind != SPARK_PLAN_ROOT)
            break;
        URel *tree = decode_relation(&q->decoder, root);
        if (!tree)
            return query_result(q, q->builder.result);
        /* What tail() and limits do to rows says nothing about columns. */
        if (tree->kind == UREL_TAIL)
            tree = tree->input;
        return query_bind(q, tree, ret_plan);
    }
    decode_malformed(&q->decoder);
    return query_result(q, q->builder.result);
}

static uint64_t int_field(Query *q, ProtoReader r, uint32_t number)
{
    ProtoField f;
    uint64_t value = 0;
    while (decode_next(&q->decoder, &r, &f) > 0)
        if (f.number == number && f.wire == PROTO_WIRE_VARINT)
            value = f.value;
    return value;
}

static int put_text(ProtoWriter *w, uint32_t number, FILE *out, char **text)
{
    if (fclose(out) != 0)
        return -ENOMEM;
    proto_put_string(w, number, *text);
    return 0;
}

static int analyze_explain(Query *q, ProtoReader r, ProtoWriter *w)
{
    PlanNode *bound, *plan;
    int result = bind_plan(q, r, SPARK_ANALYZE_EXPLAIN_PLAN, &bound);
    if (result == 0)
        result = query_result(q, plan_optimise(&q->context, bound, &plan));
    if (result != 0)
        return result;
    PlanExplainMode mode = PLAN_EXPLAIN_SIMPLE;
    switch (int_field(q, r, SPARK_ANALYZE_EXPLAIN_EXPLAIN_MODE)) {
    case SPARK_EXPLAIN_MODE_EXTENDED:
        mode = PLAN_EXPLAIN_EXTENDED;
        break;
    case SPARK_EXPLAIN_MODE_COST:
        mode = PLAN_EXPLAIN_COST;
        break;
    case SPARK_EXPLAIN_MODE_FORMATTED:
        mode = PLAN_EXPLAIN_FORMATTED;
        break;
    default:
        break;
    }
    _cleanup_free_ char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return -ENOMEM;
    plan_explain(out, mode, bound, plan);
    proto_begin(w, SPARK_ANALYZED_EXPLAIN);
    result = put_text(w, SPARK_ANALYZED_EXPLAIN_EXPLAIN_STRING, out, &text);
    proto_end(w);
    return result;
}

static int analyze_tree_string(Query *q, ProtoReader r, ProtoWriter *w)
{
    PlanNode *plan;
    int result = bind_plan(q, r, SPARK_ANALYZE_TREE_STRING_PLAN, &plan);
    if (result != 0)
        return result;
    _cleanup_free_ char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return -ENOMEM;
    plan_print_schema(out, plan->fields, plan->n_fields,
                      (int)int_field(q, r, SPARK_ANALYZE_TREE_STRING_LEVEL));
    proto_begin(w, SPARK_ANALYZED_TREE_STRING);
    result = put_text(w, SPARK_ANALYZED_TREE_STRING_TREE_STRING, out, &text);
    proto_end(w);
    return result;
}

static bool is_local(const PlanNode *node)
{
    return node->kind == PLAN_VALUES || (node->kind == PLAN_PROJECT && is_local(node->input));
}

static void put_files(ProtoWriter *w, const PlanNode *node)
{
    if (node->kind == PLAN_SCAN) {
        for (uint32_t i = 0; i < node->scan.n_files; i++) {
            _cleanup_free_ char *uri = NULL;
            if (asprintf(&uri, "file://%s", node->scan.files[i].path) < 0)
                return;
            proto_put_string(w, SPARK_ANALYZED_INPUT_FILES_FILES, uri);
        }
    }
    if (node->kind == PLAN_UNION)
        for (uint32_t i = 0; i < node->union_all.n_inputs; i++)
            put_files(w, node->union_all.inputs[i]);
    if (node->input)
        put_files(w, node->input);
    if (node->right)
        put_files(w, node->right);
}

static int analyze_ddl_parse(Query *q, ProtoReader r, ProtoWriter *w)
{
    ProtoField f;
    PlanField *fields = NULL;
    uint32_t n_fields = 0;
    bool found = false;
    while (decode_next(&q->decoder, &r, &f) > 0) {
        if (f.number != SPARK_ANALYZE_DDL_PARSE_DDL_STRING || f.wire != PROTO_WIRE_BYTES)
            continue;
        found = true;
        const char *text = (const char *)f.bytes.data;
        /* A schema, or else a single type. */
        QueryError schema_error = {0};
        UBuilder builder = {.arena = q->arena, .error = &schema_error};
        Type type;
        proto_begin(w, SPARK_ANALYZED_DDL_PARSE);
        if (sql_parse_schema(&builder, text, f.bytes.n_bytes, &fields, &n_fields) == 0) {
            reply_put_struct(w, SPARK_ANALYZED_DDL_PARSE_PARSED, fields, n_fields);
        } else if (sql_parse_type(&q->builder, text, f.bytes.n_bytes, &type) == 0) {
            reply_put_type(w, SPARK_ANALYZED_DDL_PARSE_PARSED, type);
        }
        proto_end(w);
    }
    if (!found)
        decode_malformed(&q->decoder);
    return query_result(q, q->builder.result);
}

/* ---- JsonToDDL ---- */

static void put_name(FILE *out, const char *name)
{
    bool plain = *name && !(*name >= '0' && *name <= '9');
    for (const char *c = name; *c; c++)
        plain &= (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                 *c == '_';
    if (!plain)
        (void)fputc('`', out);
    for (const char *c = name; *c; c++) {
        if (*c == '`')
            (void)fputc('`', out);
        (void)fputc(*c, out);
    }
    if (!plain)
        (void)fputc('`', out);
}

/* As Spark's DataType.sql. Types nest as deep as the decoder lets them. */
static void put_sql_type(FILE *out, Type type)
{
    char text[64];
    switch (type.kind) {
    case TYPE_STRUCT:
        (void)fputs("STRUCT<", out);
        for (uint32_t i = 0; i < type.n_children; i++) {
            (void)fputs(i > 0 ? ", " : "", out);
            put_name(out, type.children[i].name);
            (void)fputs(": ", out);
            put_sql_type(out, type.children[i].type);
            (void)fputs(type.children[i].nullable ? "" : " NOT NULL", out);
        }
        (void)fputc('>', out);
        return;
    case TYPE_ARRAY:
    case TYPE_MAP:
        (void)fputs(type.kind == TYPE_MAP ? "MAP<" : "ARRAY<", out);
        put_sql_type(out, type.children[0].type);
        if (type.kind == TYPE_MAP) {
            (void)fputs(", ", out);
            put_sql_type(out, type.children[1].type);
        }
        (void)fputc('>', out);
        return;
    default:
        type_format(type, text, sizeof(text));
        for (char *c = text; *c; c++)
            (void)fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, out);
    }
}

static int analyze_json_to_ddl(Query *q, ProtoReader r, ProtoWriter *w)
{
    ProtoField f;
    PlanField *fields = NULL;
    uint32_t n_fields = 0;
    bool found = false;
    while (decode_next(&q->decoder, &r, &f) > 0) {
        if (f.number != SPARK_ANALYZE_JSON_TO_DDL_JSON_STRING || f.wire != PROTO_WIRE_BYTES)
            continue;
        found = decode_schema_text(&q->decoder, (const char *)f.bytes.data, f.bytes.n_bytes,
                                   &fields, &n_fields);
    }
    if (!found)
        decode_malformed(&q->decoder);
    if (q->builder.result != 0)
        return query_result(q, q->builder.result);
    _cleanup_free_ char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_fields; i++) {
        (void)fputs(i > 0 ? "," : "", out);
        put_name(out, fields[i].name);
        (void)fputc(' ', out);
        put_sql_type(out, fields[i].type);
        (void)fputs(fields[i].nullable ? "" : " NOT NULL", out);
    }
    proto_begin(w, SPARK_ANALYZED_JSON_TO_DDL);
    int result = put_text(w, SPARK_ANALYZED_JSON_TO_DDL_DDL_STRING, out, &text);
    proto_end(w);
    return result;
}

static int analyze_same_semantics(Query *q, ProtoReader r, ProtoWriter *w)
{
    PlanNode *a, *b;
    int result = bind_plan(q, r, SPARK_ANALYZE_SAME_SEMANTICS_TARGET_PLAN, &a);
    if (result == 0)
        result = bind_plan(q, r, SPARK_ANALYZE_SAME_SEMANTICS_OTHER_PLAN, &b);
    if (result != 0)
        return result;
    _cleanup_free_ char *text_a = NULL, *text_b = NULL;
    size_t n_a, n_b;
    FILE *out_a = open_memstream(&text_a, &n_a), *out_b = open_memstream(&text_b, &n_b);
    if (out_a)
        plan_explain(out_a, PLAN_EXPLAIN_SIMPLE, a, a);
    if (out_b)
        plan_explain(out_b, PLAN_EXPLAIN_SIMPLE, b, b);
    bool ok = out_a && out_b;
    if (out_a)
        ok &= fclose(out_a) == 0;
    if (out_b)
        ok &= fclose(out_b) == 0;
    if (!ok)
        return -ENOMEM;
    bool same = plan_fingerprint(a) == plan_fingerprint(b) && strcmp(text_a, text_b) == 0;
    proto_begin(w, SPARK_ANALYZED_SAME_SEMANTICS);
    proto_put_bool(w, SPARK_ANALYZED_SAME_SEMANTICS_RESULT, same);
    proto_end(w);
    return 0;
}

static int analyze_with_plan(Query *q, uint32_t number, ProtoReader r, ProtoWriter *w)
{
    PlanNode *plan;
    int result = bind_plan(q, r, 1, &plan);
    if (result != 0)
        return result;
    switch (number) {
    case SPARK_ANALYZE_SCHEMA:
        proto_begin(w, SPARK_ANALYZED_SCHEMA);
        reply_put_struct(w, SPARK_ANALYZED_SCHEMA_SCHEMA, plan->fields, plan->n_fields);
        break;
    case SPARK_ANALYZE_IS_LOCAL:
        proto_begin(w, SPARK_ANALYZED_IS_LOCAL);
        proto_put_bool(w, SPARK_ANALYZED_IS_LOCAL_IS_LOCAL, is_local(plan));
        break;
    case SPARK_ANALYZE_IS_STREAMING:
        proto_begin(w, SPARK_ANALYZED_IS_STREAMING);
        proto_put_bool(w, SPARK_ANALYZED_IS_STREAMING_IS_STREAMING, false);
        break;
    case SPARK_ANALYZE_INPUT_FILES:
        proto_begin(w, SPARK_ANALYZED_INPUT_FILES);
        put_files(w, plan);
        break;
    default:
        proto_begin(w, SPARK_ANALYZED_SEMANTIC_HASH);
        proto_put_int64(w, SPARK_ANALYZED_SEMANTIC_HASH_RESULT,
                        (int32_t)(plan_fingerprint(plan) & INT32_MAX));
        break;
    }
    proto_end(w);
    return 0;
}

/* ---- persist ---- */

static PersistLevel decode_level(Query *q, ProtoReader r)
{
    PersistLevel level = {0};
    ProtoField f;
    while (decode_next(&q->decoder, &r, &f) > 0) {
        if (f.number == SPARK_STORAGE_LEVEL_USE_DISK)
            level.disk = proto_bool(f.value);
        else if (f.number == SPARK_STORAGE_LEVEL_USE_MEMORY)
            level.memory = proto_bool(f.value);
        else if (f.number == SPARK_STORAGE_LEVEL_USE_OFF_HEAP)
            level.off_heap = proto_bool(f.value);
        else if (f.number == SPARK_STORAGE_LEVEL_DESERIALIZED)
            level.deserialized = proto_bool(f.value);
        else if (f.number == SPARK_STORAGE_LEVEL_REPLICATION)
            level.replication = proto_int32(f.value);
    }
    return level;
}

static void put_level(ProtoWriter *w, PersistLevel level)
{
    proto_begin(w, SPARK_ANALYZED_GET_STORAGE_LEVEL);
    proto_begin(w, SPARK_ANALYZED_GET_STORAGE_LEVEL_STORAGE_LEVEL);
    proto_put_bool(w, SPARK_STORAGE_LEVEL_USE_DISK, level.disk);
    proto_put_bool(w, SPARK_STORAGE_LEVEL_USE_MEMORY, level.memory);
    proto_put_bool(w, SPARK_STORAGE_LEVEL_USE_OFF_HEAP, level.off_heap);
    proto_put_bool(w, SPARK_STORAGE_LEVEL_DESERIALIZED, level.deserialized);
    proto_put_int64(w, SPARK_STORAGE_LEVEL_REPLICATION, level.replication);
    proto_end(w);
    proto_end(w);
}

/* All three have the relation in field 1. */
static int analyze_persist(Query *q, uint32_t number, ProtoReader r, ProtoWriter *w)
{
    PersistTable *table = q->session->persist;
    PersistLevel level = {.disk = true, .memory = true, .deserialized = true, .replication = 1};
    uint64_t key = 0;
    bool found = false;
    ProtoField f;
    while (decode_next(&q->decoder, &r, &f) > 0) {
        ProtoReader inner;
        if (f.number == SPARK_ANALYZE_PERSIST_RELATION && f.wire == PROTO_WIRE_BYTES) {
            key = persist_key(f.bytes.data, f.bytes.n_bytes);
            found = true;
        } else if (number == SPARK_ANALYZE_PERSIST &&
                   f.number == SPARK_ANALYZE_PERSIST_STORAGE_LEVEL &&
                   decode_enter(&q->decoder, &r, &f, &inner)) {
            level = decode_level(q, inner);
        }
    }
    if (!found)
        decode_malformed(&q->decoder);
    if (q->builder.result != 0)
        return query_result(q, q->builder.result);
    if (number == SPARK_ANALYZE_PERSIST) {
        int result = persist_add(table, key, level);
        if (result < 0 && result != -ENOSPC)
            return result;
        proto_put_empty(w, SPARK_ANALYZED_PERSIST);
    } else if (number == SPARK_ANALYZE_UNPERSIST) {
        persist_remove(table, key);
        proto_put_empty(w, SPARK_ANALYZED_UNPERSIST);
    } else {
        if (!persist_find(table, key, &level))
            level = (PersistLevel){.replication = 1};
        put_level(w, level);
    }
    return 0;
}

static int analyze_one(Query *q, uint32_t number, ProtoReader r, ProtoWriter *w)
{
    switch (number) {
    case SPARK_ANALYZE_SCHEMA:
    case SPARK_ANALYZE_IS_LOCAL:
    case SPARK_ANALYZE_IS_STREAMING:
    case SPARK_ANALYZE_INPUT_FILES:
    case SPARK_ANALYZE_SEMANTIC_HASH:
        return analyze_with_plan(q, number, r, w);
    case SPARK_ANALYZE_EXPLAIN:
        return analyze_explain(q, r, w);
    case SPARK_ANALYZE_TREE_STRING:
        return analyze_tree_string(q, r, w);
    case SPARK_ANALYZE_SPARK_VERSION:
        proto_begin(w, SPARK_ANALYZED_SPARK_VERSION);
        proto_put_string(w, SPARK_ANALYZED_SPARK_VERSION_VERSION, "4.2.0");
        proto_end(w);
        return 0;
    case SPARK_ANALYZE_DDL_PARSE:
        return analyze_ddl_parse(q, r, w);
    case SPARK_ANALYZE_JSON_TO_DDL:
        return analyze_json_to_ddl(q, r, w);
    case SPARK_ANALYZE_SAME_SEMANTICS:
        return analyze_same_semantics(q, r, w);
    case SPARK_ANALYZE_PERSIST:
    case SPARK_ANALYZE_UNPERSIST:
    case SPARK_ANALYZE_GET_STORAGE_LEVEL:
        return analyze_persist(q, number, r, w);
    default:
        decode_unsupported(&q->decoder, "this question of AnalyzePlan");
        return query_result(q, q->builder.result);
    }
}

int service_analyze(ServiceSession *session, const ServiceOperation *operation,
                    const uint8_t *request, size_t n_request, uint8_t **ret_reply,
                    size_t *ret_n_reply, QueryError *error)
{
    Query q;
    int r = query_open(session, operation, error, &q);
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, DATA_PAYLOAD_MAX, NULL, NULL);
    ProtoReader reader = proto_reader(request, n_request);
    ProtoField f;
    bool answered = false;
    while (r == 0 && !answered && decode_next(&q.decoder, &reader, &f) > 0) {
        ProtoReader inner;
        /* The identifiers around the question are the gateway's affair. */
        bool envelope = f.number <= SPARK_ANALYZE_CLIENT_TYPE ||
                        f.number == SPARK_ANALYZE_CLIENT_OBSERVED_SERVER_SIDE_SESSION_ID;
        if (envelope)
            continue;
        answered = true;
        if (decode_enter(&q.decoder, &reader, &f, &inner))
            r = analyze_one(&q, f.number, inner, &w);
    }
    if (r == 0 && !answered)
        decode_malformed(&q.decoder);
    if (r == 0)
        r = query_result(&q, q.builder.result);
    if (r == 0)
        r = proto_writer_finish(&w);
    if (r == 0) {
        uint8_t *reply = proto_writer_take(&w, ret_n_reply);
        *ret_reply = reply ? reply : calloc(1, 1);
    }
    query_close(&q);
    return r;
}
