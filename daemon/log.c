/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Chosen at random once; they never change. */
static const char *const message_ids[_LOG_EVENT_MAX] = {
    [LOG_EVENT_STARTED] = "52b69362c0c76abda6baee202892c631",
    [LOG_EVENT_STOPPED] = "b2412f64c52ca051c69a5f34c4ab0e82",
    [LOG_EVENT_CONFIG] = "d1da2cd4b10c0817a8d0a1aa72771996",
    [LOG_EVENT_UNENFORCED] = "1a7562a29c03cab5c8c636d1bd0b5156",
    [LOG_EVENT_SESSION_ADDED] = "da612c8f2f04876298cf883c80dbbca3",
    [LOG_EVENT_SESSION_REMOVED] = "995dd40a36c016ea3067daff3a629752",
    [LOG_EVENT_EXECUTOR_LOST] = "60a24bde63d739dcff20da783a4668a5",
    [LOG_EVENT_OUT_OF_MEMORY] = "daa956fb0627dcf332eca54d56d877b8",
    [LOG_EVENT_LIMIT_RESIZED] = "f27b44f35f8eb33d1c2e50bd29394150",
    [LOG_EVENT_REFUSED] = "6ecba56b92ae5e1bbe401ebe9afbd03b",
    [LOG_EVENT_SECCOMP] = "1c8ea6b84d34bcad6f7bdc59d002fc54",
    [LOG_EVENT_PROTOCOL] = "9f7356eff8f249f1bd725c4dcb4c5e46",
    [LOG_EVENT_AUTHORIZATION] = "893da088f6c33dd89e10cb0014a3b163",
};

/* Of this process, set once at start (the level also on reload). */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static struct {
    int level, journal_fd;
    bool to_stderr;
} sink = {.level = LOG_INFO, .journal_fd = -EBADF, .to_stderr = true};

void log_init(int level)
{
    sink.level = level;
    if (access(JOURNAL_SOCKET, W_OK) == 0)
        sink.journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* As a unit, stderr ends in the journal too: one record is enough. */
    sink.to_stderr = sink.journal_fd < 0 || !getenv("JOURNAL_STREAM");
}

void log_set_level(int level)
{
    sink.level = level;
}

const char *log_event_id(LogEvent event)
{
    return event < _LOG_EVENT_MAX ? message_ids[event] : NULL;
}

LogRecord log_record(LogEvent event, int level)
{
    return (LogRecord){.event = event, .level = level};
}

void log_field(LogRecord *record, const char *key, const char *format, ...)
{
    if (record->n_fields == LOG_FIELDS_MAX)
        return;
    char *out = record->fields[record->n_fields++];
    int n = snprintf(out, LOG_FIELD_BYTES, "BERTH_%s=", key);
    va_list ap;
    va_start(ap, format);
    vsnprintf(out + n, LOG_FIELD_BYTES - (size_t)n, format, ap);
    va_end(ap);
}

/* One line on stderr, whatever bytes a reason holds: a tenant must not be able to forge a record.
 */
static void send_to_stderr(const LogRecord *record, const char *message)
{
    char line[4096];
    size_t n = (size_t)snprintf(line, sizeof(line), "<%d>berthd: %s", record->level, message);

    for (unsigned i = 0; i < record->n_fields && n < sizeof(line) - 1; i++)
        n +=
            (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", i ? " " : " [", record->fields[i]);
    if (record->n_fields > 0 && n < sizeof(line) - 1)
        n += (size_t)snprintf(line + n, sizeof(line) - n, "]");
    n = MIN(n, sizeof(line) - 2);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 127)
            line[i] = '?';
    line[n++] = '\n';
    /* The <N> prefix is for a service manager; people at a terminal do not want it. */
    size_t skip = getenv("INVOCATION_ID") ? 0 : 3;
    (void)!write(STDERR_FILENO, line + skip, n - skip);
}

/* "KEY=value"; a value of several lines is given by its length. Return: the new end, or @at when
 * there is no room. */
static size_t add_field(char *out, size_t size, size_t at, const char *text)
{
    size_t n = strlen(text), n_key = strcspn(text, "=");

    if (at + n + 16 > size)
        return at;
    if (!strchr(text, '\n')) {
        memcpy(out + at, text, n);
        out[at + n] = '\n';
        return at + n + 1;
    }
    uint64_t n_value = n - n_key - 1; /* little-endian, as the machines are that we build for */
    memcpy(out + at, text, n_key);
    out[at + n_key] = '\n';
    memcpy(out + at + n_key + 1, &n_value, sizeof(n_value));
    memcpy(out + at + n_key + 1 + sizeof(n_value), text + n_key + 1, n_value);
    at += n_key + 1 + sizeof(n_value) + n_value;
    out[at] = '\n';
    return at + 1;
}

/*
 * The journal's own datagrams, written here: what runs as root links no libsystemd. Source:
 * systemd's documentation "Native Journal Protocol".
 */
static void send_to_journal(const LogRecord *record, const char *message)
{
    static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
    char out[(LOG_FIELDS_MAX + 4) * (LOG_FIELD_BYTES + 16) + 1024], text[1100];
    size_t n = 0;

    snprintf(text, sizeof(text), "MESSAGE=%s", message);
    n = add_field(out, sizeof(out), n, text);
    snprintf(text, sizeof(text), "PRIORITY=%d", record->level);
    n = add_field(out, sizeof(out), n, text);
    n = add_field(out, sizeof(out), n, "SYSLOG_IDENTIFIER=berthd");
    if (log_event_id(record->event)) {
        snprintf(text, sizeof(text), "MESSAGE_ID=%s", log_event_id(record->event));
        n = add_field(out, sizeof(out), n, text);
    }
    for (unsigned i = 0; i < record->n_fields; i++)
        n = add_field(out, sizeof(out), n, record->fields[i]);
    (void)sendto(sink.journal_fd, out, n, MSG_NOSIGNAL, (const struct sockaddr *)&address,
                 sizeof(address));
}

static void send_record(const LogRecord *record, const char *message)
{
    if (sink.journal_fd >= 0)
        send_to_journal(record, message);
    if (sink.to_stderr)
        send_to_stderr(record, message);
}

void log_send(LogRecord *record, const char *format, ...)
{
    char message[1024];
    va_list ap;

    if (record->level > sink.level)
        return;
    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    send_record(record, message);
}

void log_line(int level, const char *format, ...)
{
    LogRecord record = {.level = level};
    char message[1024];
    va_list ap;

    if (level > sink.level)
        return;
    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    send_record(&record, message);
}
