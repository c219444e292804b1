/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Serves one session over one data channel until the channel ends: a thread per operation, replies
 * as far as the client's credit goes, grants from berthd or, in embedded mode, from fixed limits.
 */

#include <stdint.h>
#include <sys/types.h>

#include "exec/io/io.h"

typedef struct ServerOptions {
    int data_fd;           /* owned by server_run() */
    int control_fd;        /* owned by server_run(); -EBADF: embedded, no berthd */
    uint64_t memory_bytes; /* the first grant; embedded: the limit */
    uint32_t n_threads;    /* embedded: of every query */
    IoContext *io;         /* borrowed */
    int spill_fd;          /* directory for what does not fit in memory, borrowed; or -EBADF */
    const char *warehouse; /* where each uid has a folder for its catalogue; NULL: nowhere */
    uid_t uid;
    const char *directory; /* that relative paths start from, or NULL */
    const char *home;
} ServerOptions;

/**
 * server_run() - serve until the channel ends, berthd says QUIT, or the control socket closes
 * All operations are cancelled and joined before it returns.
 * Return: 0; negative errno of what ended it (-EPROTO: a frame that breaks the rules).
 */
int server_run(const ServerOptions *options);
