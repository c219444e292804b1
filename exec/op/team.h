/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Threads that outlive queries.
 *
 * A new thread begins on a processor that the kernel guesses, often that of its parent, and only
 * the balancer separates the two; a query of 30 ms is over by then, with two workers in turns on
 * one processor. A thread that has slept wakes where it ran before. So a session keeps its workers,
 * and each query takes the same ones again.
 */

#include <stdint.h>

#define TEAM_THREADS_MAX 1024u /* of one team, for all of its queries together */

typedef struct ExecTeam ExecTeam;
typedef void (*TeamWork)(void *userdata, uint32_t member);

int exec_team_new(ExecTeam **ret_team);
/* Ends the threads. Nobody may be inside team_run(). Accepts NULL. */
ExecTeam *exec_team_free(ExecTeam *team);

/**
 * exec_team_run() - @work by up to @n threads at a time
 * @n:  at least 1. One is the caller itself; more are threads of the team, and the caller sleeps.
 *
 * Members are numbered from 0, each number at most once. @work returns when nothing is left to
 * do; members that have not begun by then are left out, so nobody waits for a thread that the
 * machine is too busy to start. Threads that cannot be made are done without; member 0 always runs,
 * if need be on the caller's thread. Several callers may use one team at once.
 */
void exec_team_run(ExecTeam *team, uint32_t n, TeamWork work, void *userdata);
