/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as Spark's clients want them: code INTERNAL, and in grpc-status-details-bin a
 * google.rpc.Status with an ErrorInfo whose "classes" decide the exception. The whole of it (long
 * messages, positions) waits in the session under errorId until FetchErrorDetails takes it, once.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "connect/gateway/gateway_internal.h"
#include "connect/proto/spark.h"

#define CLASSES_MAX 6u
#define METADATA_PARAMETERS_MAX 1024u /* longer ones only by FetchErrorDetails, as Spark does */
#define DETAILS_MAX 16384u
#define PARAMETERS_MAX 64u

/* The hierarchy of an exception, most special first; PySpark takes the first that it knows. */
typedef struct KindRow {
    const char *classes[CLASSES_MAX];
} KindRow;

#define THROWABLE "java.lang.Throwable"
#define EXCEPTION "java.lang.Exception"
#define RUNTIME "java.lang.RuntimeException"

static const KindRow kind_rows[_DATA_ERROR_KIND_MAX] = {
    [DATA_ERROR_ANALYSIS] = {{"org.apache.spark.sql.AnalysisException", EXCEPTION, THROWABLE}},
    [DATA_ERROR_PARSE] = {{"org.apache.spark.sql.catalyst.parser.ParseException",
                           "org.apache.spark.sql.AnalysisException", EXCEPTION, THROWABLE}},
    [DATA_ERROR_ARITHMETIC] = {{"org.apache.spark.SparkArithmeticException",
                                "java.lang.ArithmeticException", RUNTIME, EXCEPTION, THROWABLE}},
    [DATA_ERROR_RUNTIME] = {{"org.apache.spark.SparkRuntimeException", RUNTIME, EXCEPTION,
                             THROWABLE}},
    [DATA_ERROR_ILLEGAL] = {{"org.apache.spark.SparkIllegalArgumentException",
                             "java.lang.IllegalArgumentException", RUNTIME, EXCEPTION, THROWABLE}},
    [DATA_ERROR_UNSUPPORTED] = {{"org.apache.spark.SparkUnsupportedOperationException",
                                 "java.lang.UnsupportedOperationException", RUNTIME, EXCEPTION,
                                 THROWABLE}},
    [DATA_ERROR_CANCELLED] = {{"org.apache.spark.SparkSQLException", "java.sql.SQLException",
                               EXCEPTION, THROWABLE}},
    [DATA_ERROR_MEMORY] = {{"org.apache.spark.SparkException", EXCEPTION, THROWABLE}},
    [DATA_ERROR_CAST] = {{"org.apache.spark.SparkNumberFormatException",
                          "java.lang.NumberFormatException", "java.lang.IllegalArgumentException",
                          RUNTIME, EXCEPTION, THROWABLE}},
    [DATA_ERROR_DATETIME] = {{"org.apache.spark.SparkDateTimeException",
                              "java.time.DateTimeException", RUNTIME, EXCEPTION, THROWABLE}},
    [DATA_ERROR_INDEX] = {{"org.apache.spark.SparkArrayIndexOutOfBoundsException",
                           "java.lang.ArrayIndexOutOfBoundsException",
                           "java.lang.IndexOutOfBoundsException", RUNTIME, EXCEPTION, THROWABLE}},
    [DATA_ERROR_FILE] = {{"org.apache.spark.SparkException", EXCEPTION, THROWABLE}},
};

static const KindRow handle_row = {
    {"org.apache.spark.SparkSQLException", "java.sql.SQLException", EXCEPTION, THROWABLE}};
static const KindRow spark_row = {{"org.apache.spark.SparkException", EXCEPTION, THROWABLE}};
static const KindRow no_element_row = {{"org.apache.spark.SparkNoSuchElementException",
                                        "java.util.NoSuchElementException", RUNTIME, EXCEPTION,
                                        THROWABLE}};

static const KindRow *row_of(const GatewayError *e)
{
    if (e->kind == GATEWAY_ERROR_HANDLE)
        return &handle_row;
    if (e->kind == GATEWAY_ERROR_NO_ELEMENT)
        return &no_element_row;
    if (e->kind >= _DATA_ERROR_KIND_MAX)
        return &spark_row;
    /* Spark has one class for a number that does not fit, whatever it was cast from. */
    if (e->kind == DATA_ERROR_CAST && strcmp(e->error_class, "CAST_OVERFLOW") == 0)
        return &kind_rows[DATA_ERROR_ARITHMETIC];
    return &kind_rows[e->kind];
}

void gateway_error_done(GatewayError *e)
{
    free(e->message);
    free(e->parameters);
    *e = (GatewayError){0};
}

/* "[CLASS] text SQLSTATE: 12345", where the parts are not there already. */
static char *decorate(const GatewayError *e, const char *text)
{
    char *message = NULL;
    bool has_class = text[0] == '[' || !e->error_class[0];
    bool has_state = !e->sqlstate[0] || strstr(text, "SQLSTATE: ");
    if (asprintf(&message, "%s%s%s%s%s%s", has_class ? "" : "[", has_class ? "" : e->error_class,
                 has_class ? "" : "] ", text,
                 has_state ? "" : " SQLSTATE: ", has_state ? "" : e->sqlstate) < 0)
        return NULL;
    return message;
}

void gateway_error_set(GatewayError *e, GrpcCode code, uint32_t kind, const char *error_class,
                       const char *sqlstate, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list args;

    gateway_error_done(e);
    e->code = code;
    e->kind = kind;
    text_copy(e->error_class, sizeof(e->error_class), error_class);
    text_copy(e->sqlstate, sizeof(e->sqlstate), sqlstate);
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        text = NULL;
    else
        e->message = decorate(e, text);
}

/* Clients refuse a whole reply for one bad byte in a text. */
static void replace_bad_utf8(char *text)
{
    if (text_is_utf8(text, strlen(text)))
        return;
    for (char *p = text; *p; p++)
        if ((uint8_t)*p >= 0x80)
            *p = '?';
}

int gateway_error_from_frame(GatewayError *e, const uint8_t *data, size_t n_bytes)
{
    DataError d;
    if (n_bytes < sizeof(d))
        return -EBADMSG;
    memcpy(&d, data, sizeof(d));
    uint64_t n_texts = (uint64_t)d.n_class + d.n_sqlstate + d.n_message + d.n_parameters;
    if (n_texts != n_bytes - sizeof(d) || d.kind >= _DATA_ERROR_KIND_MAX ||
        d.n_class >= sizeof(e->error_class) || d.n_sqlstate >= sizeof(e->sqlstate))
        return -EBADMSG;

    gateway_error_done(e);
    const char *p = (const char *)data + sizeof(d);
    e->code = GRPC_INTERNAL;
    e->kind = d.kind;
    memcpy(e->error_class, p, d.n_class);
    p += d.n_class;
    memcpy(e->sqlstate, p, d.n_sqlstate);
    p += d.n_sqlstate;
    _cleanup_free_ char *text = strndup(p, d.n_message);
    p += d.n_message;
    if (text) {
        replace_bad_utf8(text);
        e->message = decorate(e, text);
    }
    if (d.n_parameters > 0)
        e->parameters = strndup(p, d.n_parameters);
    e->line = d.position_line;
    e->column = d.position_column;
    e->start = d.position_start;
    e->stop = d.position_stop;
    return 0;
}

/* ---- google.rpc.Status ---- */

static void put_pair(ProtoWriter *w, uint32_t number, const char *key, const char *value)
{
    proto_begin(w, number);
    proto_put_string(w, SPARK_MAP_KEY, key);
    proto_put_string(w, SPARK_MAP_VALUE, value);
    proto_end(w);
}

/* A JSON array of the classes; the names need no escape. */
static void format_classes(const KindRow *row, char *buf, size_t size)
{
    size_t n = 0;
    for (unsigned i = 0; i < CLASSES_MAX && row->classes[i] && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s\"%s\"", i == 0 ? "[" : ",", row->classes[i]);
    if (n + 1 < size)
        text_copy(buf + n, size - n, "]");
}

static void put_error_info(ProtoWriter *w, const GatewayError *e, const char *error_id)
{
    char classes[512];
    const KindRow *row = row_of(e);
    format_classes(row, classes, sizeof(classes));

    proto_begin(w, RPC_STATUS_DETAILS);
    proto_put_string(w, RPC_ANY_TYPE_URL, "type.googleapis.com/google.rpc.ErrorInfo");
    proto_begin(w, RPC_ANY_VALUE);
    proto_put_string(w, RPC_ERROR_INFO_REASON, row->classes[0]);
    proto_put_string(w, RPC_ERROR_INFO_DOMAIN, "org.apache.spark");
    put_pair(w, RPC_ERROR_INFO_METADATA, "classes", classes);
    if (e->error_class[0])
        put_pair(w, RPC_ERROR_INFO_METADATA, "errorClass", e->error_class);
    if (e->sqlstate[0])
        put_pair(w, RPC_ERROR_INFO_METADATA, "sqlState", e->sqlstate);
    if (e->parameters && strlen(e->parameters) <= METADATA_PARAMETERS_MAX)
        put_pair(w, RPC_ERROR_INFO_METADATA, "messageParameters", e->parameters);
    if (error_id)
        put_pair(w, RPC_ERROR_INFO_METADATA, "errorId", error_id);
    proto_end(w);
    proto_end(w);
}

static void put_retry_info(ProtoWriter *w, uint32_t msec)
{
    proto_begin(w, RPC_STATUS_DETAILS);
    proto_put_string(w, RPC_ANY_TYPE_URL, "type.googleapis.com/google.rpc.RetryInfo");
    proto_begin(w, RPC_ANY_VALUE);
    proto_begin(w, RPC_RETRY_INFO_DELAY);
    proto_put_int64(w, RPC_DURATION_SECONDS, msec / 1000);
    proto_put_int64(w, RPC_DURATION_NANOS, (int64_t)(msec % 1000) * 1000000);
    proto_end(w);
    proto_end(w);
    proto_end(w);
}

/* At most @max bytes, ending at a character. */
static size_t cut(const char *text, size_t max)
{
    size_t n = strnlen(text, max + 1);
    if (n <= max)
        return n;
    n = max;
    while (n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static int copy_error(GatewayError *to, const GatewayError *from)
{
    *to = *from;
    to->message = from->message ? strdup(from->message) : NULL;
    to->parameters = from->parameters ? strdup(from->parameters) : NULL;
    return 0;
}

/*
 * The text travels twice, in grpc-message and inside the details, and clients compare the two; so
 * both are cut at the same place, where both fit. A byte of text takes up to 3 + 4/3 bytes of
 * trailers.
 */
#define TEXT_IN_TRAILERS 1400u

static size_t text_length(const GatewayError *e)
{
    const char *text = e->message ? e->message : "";
    size_t n = cut(text, TEXT_IN_TRAILERS), n_special = 0;
    for (size_t i = 0; i < n; i++)
        n_special += !isprint((unsigned char)text[i]) || text[i] == '%';
    return n_special > 300 ? cut(text, 700) : n;
}

void gateway_error_finish(const GatewayError *e, Session *session, GrpcCall *call)
{
    _cleanup_proto_writer_ ProtoWriter w = {0};
    _cleanup_free_ char *text = strndup(e->message ? e->message : "", text_length(e));
    GrpcStatus status = {.code = e->code, .message = text};
    StoredError *stored = NULL;

    proto_writer_init(&w, DETAILS_MAX, NULL, NULL);
    if (e->kind != GATEWAY_ERROR_PLAIN && session && e->kind != GATEWAY_ERROR_HANDLE) {
        stored = session_store_error(session);
        copy_error(&stored->error, e);
    }
    if (e->kind != GATEWAY_ERROR_PLAIN || e->retry_msec > 0) {
        proto_put_int64(&w, RPC_STATUS_CODE, e->code);
        proto_put_string(&w, RPC_STATUS_MESSAGE, text ? text : "");
        if (e->kind != GATEWAY_ERROR_PLAIN)
            put_error_info(&w, e, stored ? stored->id : NULL);
        if (e->retry_msec > 0)
            put_retry_info(&w, e->retry_msec);
        if (proto_writer_finish(&w) == 0) {
            status.details = w.data;
            status.n_details = w.n_bytes;
        }
    }
    grpc_call_finish(call, &status);
}

/* ---- FetchErrorDetails ---- */

static int hex4(const char *p, uint32_t *ret)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)p[i]))
            return -EINVAL;
        value = value << 4 |
                (uint32_t)(isdigit((unsigned char)p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
    }
    *ret = value;
    return 0;
}

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    to[0] = (char)(0xe0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 63));
    to[2] = (char)(0x80 | (c & 63));
    return 3;
}

/* A JSON string at @p into @out (which is as long as the text). Return: behind it, or NULL. */
static const char *read_json_string(const char *p, char *out)
{
    if (*p++ != '"')
        return NULL;
    while (*p != '"') {
        if (!*p)
            return NULL;
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        p++;
        const char *simple = *p ? strchr(from, *p) : NULL;
        uint32_t c;
        if (simple) {
            *out++ = to[simple - from];
            p++;
        } else if (*p == 'u' && hex4(p + 1, &c) == 0) {
            if (c != 0 && (c < 0xd800 || c > 0xdfff))
                out += put_utf8(out, c);
            p += 5;
        } else {
            return NULL;
        }
    }
    *out = 0;
    return p + 1;
}

static const char *skip_space(const char *p)
{
    while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
        p++;
    return p;
}

/* {"name": "value", ...} as entries of a map. What is not of that form ends it. */
static void put_parameters(ProtoWriter *w, const char *json)
{
    size_t n = strlen(json);
    _cleanup_free_ char *key = malloc(n + 4), *value = malloc(n + 4);
    if (!key || !value)
        return;
    const char *p = skip_space(json);
    if (*p != '{')
        return;
    for (unsigned i = 0; i < PARAMETERS_MAX; i++) {
        p = read_json_string(skip_space(p + 1), key);
        if (!p)
            return;
        p = skip_space(p);
        if (*p != ':')
            return;
        p = read_json_string(skip_space(p + 1), value);
        if (!p)
            return;
        if (text_is_utf8(key, strlen(key)) && text_is_utf8(value, strlen(value)))
            put_pair(w, SPARK_ERROR_DETAILS_SPARK_THROWABLE_MESSAGE_PARAMETERS, key, value);
        p = skip_space(p);
        if (*p != ',')
            return;
    }
}

static void put_context(ProtoWriter *w, const GatewayError *e)
{
    char summary[96];
    snprintf(summary, sizeof(summary), "== SQL (line %u, position %u) ==", e->line, e->column);
    proto_begin(w, SPARK_ERROR_DETAILS_SPARK_THROWABLE_QUERY_CONTEXTS);
    proto_put_varint(w, SPARK_ERROR_DETAILS_QUERY_CONTEXT_CONTEXT_TYPE, SPARK_CONTEXT_TYPE_SQL);
    proto_put_int64(w, SPARK_ERROR_DETAILS_QUERY_CONTEXT_START_INDEX, e->start);
    proto_put_int64(w, SPARK_ERROR_DETAILS_QUERY_CONTEXT_STOP_INDEX, e->stop);
    proto_put_string(w, SPARK_ERROR_DETAILS_QUERY_CONTEXT_SUMMARY, summary);
    proto_end(w);
}

void gateway_error_write_details(const GatewayError *e, ProtoWriter *w)
{
    const KindRow *row = row_of(e);
    proto_put_varint(w, SPARK_ERROR_DETAILS_ROOT_ERROR_IDX, 0);
    proto_begin(w, SPARK_ERROR_DETAILS_ERRORS);
    for (unsigned i = 0; i < CLASSES_MAX && row->classes[i]; i++)
        proto_put_string(w, SPARK_ERROR_DETAILS_ERROR_ERROR_TYPE_HIERARCHY, row->classes[i]);
    proto_put_string(w, SPARK_ERROR_DETAILS_ERROR_MESSAGE, e->message ? e->message : "");
    proto_begin(w, SPARK_ERROR_DETAILS_ERROR_SPARK_THROWABLE);
    /* The JVM client makes its text anew from Spark's template of that class, and fails when there
     * is none or a parameter is missing; without the class it takes the message. Others read the
     * class from ErrorInfo. */
    if (e->error_class[0] && e->parameters)
        proto_put_string(w, SPARK_ERROR_DETAILS_SPARK_THROWABLE_ERROR_CLASS, e->error_class);
    if (e->parameters)
        put_parameters(w, e->parameters);
    if (e->line > 0)
        put_context(w, e);
    if (e->sqlstate[0])
        proto_put_string(w, SPARK_ERROR_DETAILS_SPARK_THROWABLE_SQL_STATE, e->sqlstate);
    proto_end(w);
    proto_end(w);
}
