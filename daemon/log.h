/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * berthd's record of itself. One event is one record: a MESSAGE_ID (packaging/systemd/berth.catalog
 * says what each means and what to do), a sentence, and BERTH_* fields. They go to the journal
 * where there is one, else to stderr as "berthd: SENTENCE [BERTH_SESSION=7 ...]".
 */

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "base/cleanup.h"

typedef enum LogEvent {
    LOG_EVENT_NONE, /* a remark without an identity of its own */
    LOG_EVENT_STARTED,
    LOG_EVENT_STOPPED,
    LOG_EVENT_CONFIG,
    LOG_EVENT_UNENFORCED,
    LOG_EVENT_SESSION_ADDED,
    LOG_EVENT_SESSION_REMOVED,
    LOG_EVENT_EXECUTOR_LOST,
    LOG_EVENT_OUT_OF_MEMORY,
    LOG_EVENT_LIMIT_RESIZED,
    LOG_EVENT_REFUSED,
    LOG_EVENT_SECCOMP,
    LOG_EVENT_PROTOCOL,
    LOG_EVENT_AUTHORIZATION,
    _LOG_EVENT_MAX,
} LogEvent;

#define LOG_FIELDS_MAX 12
#define LOG_FIELD_BYTES 320

/* Built up, then sent; a field beyond LOG_FIELDS_MAX is left out. */
typedef struct LogRecord {
    LogEvent event;
    int level; /* LOG_ERR ... of syslog(3) */
    unsigned n_fields;
    char fields[LOG_FIELDS_MAX][LOG_FIELD_BYTES]; /* KEY=value, without BERTH_ */
} LogRecord;

/* Records above @level are dropped. Looks once whether the journal's socket is there. */
void log_init(int level);
void log_set_level(int level);

LogRecord log_record(LogEvent event, int level);
_printf_(3, 4) void log_field(LogRecord *record, const char *key, const char *format, ...);
_printf_(2, 3) void log_send(LogRecord *record, const char *format, ...);

/* A remark: no MESSAGE_ID, no field. */
_printf_(2, 3) void log_line(int level, const char *format, ...);

/* The 32 hexadecimal digits of an event's MESSAGE_ID; NULL for LOG_EVENT_NONE. */
const char *log_event_id(LogEvent event);
