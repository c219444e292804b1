/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The configuration of berthd: vendor defaults in the binary, one main file, drop-ins.
 *
 * Order, as in systemd: the first berthd.conf found in /etc/berth, /run/berth,
 * /usr/local/lib/berth, /usr/lib/berth; then every *.conf of the berthd.conf.d folders of the same
 * four, sorted by file name, where a file in an earlier folder hides its namesakes and a link to
 * /dev/null hides without a replacement. A later assignment wins; lists add up, and an empty
 * assignment empties them.
 *
 * Source: systemd's coredump.conf(5), "CONFIGURATION DIRECTORIES AND PRECEDENCE".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH_MAX 1024u
#define CONFIG_PATHS_MAX 32u
#define CONFIG_FILE_MAX (256u << 10)
#define CONFIG_DROPINS_MAX 256u
#define CONFIG_NAME_MAX 64u
#define CONFIG_KEYS_MAX 40u

/* Bytes, or thousandths of something that is known later (host memory, budget). */
typedef struct ConfigShare {
    uint64_t bytes; /* when permille is 0 */
    unsigned permille;
} ConfigShare;

typedef struct ConfigPaths {
    size_t n;
    char path[CONFIG_PATHS_MAX][CONFIG_PATH_MAX];
} ConfigPaths;

typedef struct Config {
    /* [Daemon] */
    unsigned log_level; /* 0..7 of syslog(3) */
    char gateway_user[CONFIG_NAME_MAX];
    char gateway_group[CONFIG_NAME_MAX];
    char manager_user[CONFIG_NAME_MAX]; /* of berthd's own unprivileged half */
    uint32_t client_port;               /* TCP port on which the gateway takes clients */
    char gateway_socket[CONFIG_PATH_MAX];
    char executor_path[CONFIG_PATH_MAX];
    char cgroup_root[CONFIG_PATH_MAX];        /* "": the cgroup berthd was started in */
    char topology_directory[CONFIG_PATH_MAX]; /* as /sys/devices/system */
    bool require_cgroup;

    /* [Data] */
    ConfigPaths read_paths;
    ConfigPaths write_paths;
    char spill_directory[CONFIG_PATH_MAX];   /* "": no spilling */
    uint64_t spill_max_bytes;                /* per executor */
    char history_directory[CONFIG_PATH_MAX]; /* "": no history of queries */

    /* [Memory] */
    ConfigShare budget;      /* of host memory; the sum of all memory.max stays below (D-1) */
    ConfigShare reserve;     /* of the budget, into which only running work may grow */
    uint64_t session_floor;  /* the grant of a session without work */
    ConfigShare session_max; /* of the budget; 0: no bound */
    ConfigShare user_max;    /* of the budget, all sessions of one user; 0: no bound */

    /* [Sessions]; 0 in the five marked (s): as the scheduler thinks best */
    unsigned sessions_max;
    unsigned user_sessions_max;
    unsigned user_queries_max; /* (s) */
    unsigned queue_max;        /* (s) */
    unsigned warm_pool;
    unsigned slot_cpus;          /* (s) */
    unsigned interactive_slots;  /* (s) sharing the same CPUs */
    unsigned batch_slots;        /* (s) */
    uint64_t idle_timeout_usec;  /* 0: never */
    uint64_t query_timeout_usec; /* from the question to the last row; 0: never */
    uint64_t timeout_warning_usec;
    uint64_t start_timeout_usec; /* to HELLO, and from HANDOUT to LOCKED */

    /* Where each key was set last, in the order of the key table; line 0: a vendor default. */
    struct {
        char file[CONFIG_PATH_MAX];
        unsigned line;
    } origin[CONFIG_KEYS_MAX];
} Config;

typedef enum ConfigLevel {
    CONFIG_WARNING,
    CONFIG_ERROR,
} ConfigLevel;

/* Told about every doubtful line. @line is 0 where the message is about the file. */
typedef void (*ConfigReport)(void *userdata, ConfigLevel level, const char *file, unsigned line,
                             const char *message);

/* Fills in the vendor defaults. */
void config_defaults(Config *config);

/**
 * config_parse() - apply one file's text to @config
 * @text:   @n_bytes bytes, NUL-free or not: a NUL is an error of its line
 * @file:   for messages
 * Every line is looked at, so that all faults are reported at once.
 * Return: 0; -EINVAL after at least one CONFIG_ERROR was reported (@config is then half changed).
 */
int config_parse(Config *config, const char *text, size_t n_bytes, const char *file,
                 ConfigReport report, void *userdata);

/**
 * config_load() - defaults, main file, drop-ins, cross checks
 * @root:  prefix of all four folders, "" outside tests
 * @path:  NULL: search as above; else this file, which must exist, and the drop-ins in "@path.d"
 * Return: 0; -EINVAL after a report; negative errno when a file exists but cannot be read
 * (reported).
 */
int config_load(Config *config, const char *root, const char *path, ConfigReport report,
                void *userdata);

/* @share of @whole. */
uint64_t config_share_of(ConfigShare share, uint64_t whole);
