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

/* Work in rounds, one after the other. */
typedef struct TeamRounds {
    /*
     * Prepares the next round; nobody else of this work runs meanwhile. Called first by the caller
     * of exec_team_run(), then by whoever was the last to end a round: on a busy machine he has the
     * processor, and nobody else need be woken to go on. Return: members wanted; 0 when all is
     * done.
     */
    uint32_t (*next)(void *userdata);
    /* One member's part of the round; returns when nothing is left to do in it. */
    void (*work)(void *userdata, uint32_t member);
} TeamRounds;

int exec_team_new(ExecTeam **ret_team);
/* Ends the threads. Nobody may be inside team_run(). Accepts NULL. */
ExecTeam *exec_team_free(ExecTeam *team);

/**
 * exec_team_run() - all rounds, until next() returns 0
 *
 * Members of a round are numbered from 0, each number at most once. Those that have not begun when
 * another member's work() returns are left out, so nobody waits for a thread that the machine is
 * too busy to start. Rounds of one member stay on the thread that they are on, the caller's at
 * first; for the others the caller sleeps and threads of the team work. Threads that cannot be made
 * are done without: member 0 always runs. Several callers may use one team at once.
 */
void exec_team_run(ExecTeam *team, const TeamRounds *rounds, void *userdata);
