/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The escape test: escape.c is the host's side, escape_attempts.c what runs inside. */

#include <stddef.h>
#include <sys/types.h>

#include "tests/support/sandbox_peer.h"

/* What an attempt may know and use. */
typedef struct World {
    const char *base;             /* directory of the test; base/data is the only root */
    unsigned long victim_address; /* a byte of its memory */
    pid_t victim;                 /* a process of the same uid outside, in the host's numbers */
    int tcp_port;                 /* it listens on 127.0.0.1, */
    int shm_key;                  /* has a segment, */
    const char
        *token; /* an abstract socket and a message queue of this name, and base/outside.sock */
    PeerInside *inside;
} World;

typedef enum AttemptKind {
    ATTEMPT_ESCAPE, /* must be refused: a negative errno, or death by SIGSYS */
    ATTEMPT_WORK,   /* must be possible: 0 */
    ATTEMPT_DIE,    /* must end the process by a signal */
} AttemptKind;

/* Returned where the kernel has no such thing to attack. */
#define ATTEMPT_SKIP 1000

typedef struct Attempt {
    int number; /* of facts: 1..58; 0: no escape */
    AttemptKind kind;
    const char *name;
    int (*run)(const World *world); /* 0: it worked; negative errno: refused; ATTEMPT_SKIP */
    int also_signal;                /* a refusal as well as SIGSYS */
} Attempt;

extern const Attempt attempts[];
extern const size_t n_attempts;
