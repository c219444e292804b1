/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which node, which class, which slots, and whose turn: by the estimated size, live utilisation and
 * the latency profile. Placements are looked at again after every event.
 */

#include "scheduler/scheduler_internal.h"

/* Allocates for the pools of the host. Return: 0, -ENOMEM. */
int router_init(Sched *s);
/* The node for a new session: the least crowded one with a CPU online. */
uint32_t router_choose_node(Sched *s);
/* After the CPUs that are online have become known or changed. */
void router_count_cpus(Sched *s);
/* Does its memory fit into its home node's share of the budget? */
bool router_fits_home(const Sched *s, const Session *session);
/* May it get slots on another node? It has no pages there worth a word. */
static inline bool router_movable(const Sched *s, const Session *session)
{
    return session->grant_bytes <= s->config.floor_bytes;
}

/* Where the session is: node, class, slots, weight, CPUs and memory nodes, as MOVE and PLACE carry
 * them. */
void router_fill_place(const Sched *s, const Session *session, SchedAction *action);
/* MOVE, if it has not been told where it is. */
void router_tell_cpus(Sched *s, Session *session);
/* Up to @want slots, at home if possible. Return: false when not even one can be had. */
bool router_lease(Sched *s, Session *session, uint32_t class, uint32_t want);
/* What forbids it another query, with the bound; NULL: nothing. */
const char *router_refused(const Sched *s, const Session *session, uint64_t *ret_limit);
/* The query of an estimate, in no list yet. */
Query router_make_query(const Sched *s, const Session *session, const SchedEvent *event);
/* What the process may use in all when @q runs beside the session's other queries. */
uint64_t router_total(const Sched *s, const Session *session, const Query *q);
/* Could it have one? After router_weigh(). */
bool router_slot_for(const Sched *s, const Query *q);
/* What keeps a waiting query back, but for slots; the answer is in @q. */
void router_weigh(const Sched *s, Query *q);
/* A part of sched_refile(). */
void router_file(Sched *s, Session *session);

/* Events. */
void router_estimate(Sched *s, Session *session, const SchedEvent *event);
/* It runs already. */
void router_adopt(Sched *s, Session *session, const SchedEvent *event);
/* The session's last running query is gone: its lease goes back. */
void router_idle(Sched *s, Session *session);
void router_cpus_changed(Sched *s, const SchedCpus *online);
/* GRANT for the queries whose raise has come. */
void router_granted(Sched *s, Session *session);

/* Steps of the pump. */
void router_open(Sched *s);  /* executors for sessions that wait for one */
void router_admit(Sched *s); /* queries, in turn */
void router_correct(
    Sched *s); /* long queries leave the interactive pool; freed slots go to who was cut short */
void router_end(Sched *s);  /* what has had its time; what is left at the end of a drain */
void router_tell(Sched *s); /* MOVE and QUEUE for what has changed */

void router_drain(Sched *s, bool on, uint64_t deadline_usec);
uint64_t router_drain_deadline(const Sched *s);
/* Of its time-outs. */
uint64_t router_end_deadline(const Sched *s, const Session *session);
uint64_t router_deadline(const Sched *s, const Session *session);
