/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A single-threaded epoll loop. A source may be removed, and its memory freed, inside any callback.
 */

#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_EVENTS_MAX 64

typedef void (*LoopCallback)(void *userdata, uint32_t events);

typedef struct LoopSource {
    int fd; /* borrowed; -EBADF: not in the loop */
    uint32_t events;
    LoopCallback callback;
    void *userdata;
} LoopSource;

typedef struct Loop {
    int epoll_fd;
    struct epoll_event ready[LOOP_EVENTS_MAX];
    int n_ready, at;
} Loop;

/* Return: 0 or negative errno. */
int loop_init(Loop *loop);
void loop_done(Loop *loop);
int loop_add(Loop *loop, LoopSource *s, int fd, uint32_t events, LoopCallback callback,
             void *userdata);
int loop_modify(Loop *loop, LoopSource *s, uint32_t events);
/* Harmless for a source that is not in the loop. Call before closing the descriptor. */
void loop_remove(Loop *loop, LoopSource *s);
/* Waits once and calls what is ready. @timeout_msec as of epoll_wait(2). Return: 0 or negative
 * errno. */
int loop_run(Loop *loop, int timeout_msec);
