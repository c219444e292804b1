/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs of `berth`. argv[0] is the verb. Return: the exit status. */

enum {
    EXIT_WRONG_USAGE = 2, /* beside EXIT_SUCCESS and EXIT_FAILURE */
};

/* What a verb does, in a few words; NULL when there is no such verb. */
const char *verb_summary(const char *name);

int verb_sql(int argc, char **argv);

/* These ask berthd. Options common to them: client/options.h. */
int verb_sessions(int argc, char **argv);
int verb_pools(int argc, char **argv);
int verb_queries(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_quota(int argc, char **argv);
int verb_drain(int argc, char **argv);
int verb_fit(int argc, char **argv);
int verb_queue(int argc, char **argv);
int verb_history(int argc, char **argv);
int verb_advise(int argc, char **argv);
int verb_kill(int argc, char **argv);
int verb_limit(int argc, char **argv);
int verb_status(int argc, char **argv);

/* Bearer tokens of the caller: files, and no daemon. */
int verb_token(int argc, char **argv);

/* This asks the kernel, and needs nobody. */
int verb_doctor(int argc, char **argv);
