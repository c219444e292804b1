/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The options of `berth sql`. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/connection.h"
#include "client/result.h"

#define SQL_DEFAULT_ADDRESS "unix:/run/berth/connect.sock"
#define SQL_DIRS_MAX 32
#define SQL_SETTINGS_MAX 64

typedef struct SqlOptions {
    bool embedded, timing, progress, quiet, keep_going;
    const char *file;
    ConnectOptions connect;
    ResultFormat format;
    uint64_t max_rows;
    EmbeddedOptions executor;
    const char *read_dirs[SQL_DIRS_MAX], *write_dirs[SQL_DIRS_MAX];
    const char *settings[SQL_SETTINGS_MAX]; /* KEY=VALUE as typed */
    size_t n_settings;
} SqlOptions;

/* @o: with its defaults. Return: -1 to go on, else the exit status (all has been said). */
int sql_options_parse(int argc, char **argv, SqlOptions *o);
