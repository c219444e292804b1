/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Vertical scaling: how large a leaf may be, and the ladder: reserve first, trip wire, squeeze,
 * restart larger, say no clearly. The only place that raises or lowers a limit.
 */

#include "scheduler/scheduler_internal.h"

/* What the leaf may grow to now, as a grant. Admissions leave the reserve alone. */
uint64_t scaler_room(const Sched *s, const Session *session, bool admission);
/* What it could have if every other session were idle, as a grant. */
uint64_t scaler_ceiling(const Sched *s, const Session *session, bool admission);
/* Is the room of the session bounded by its own limit or its tenant's quota rather than by the
 * host? */
bool scaler_own_limit(const Sched *s, const Session *session, uint64_t grant_bytes);

/* What the quotas of its user and group leave, in bytes of memory.max. */
uint64_t scaler_quota_room(const Sched *s, const Session *session);
/* By its own limits alone. */
uint64_t scaler_personal_max(const Sched *s, const Session *session);

/* Somebody lacks so much of the budget beyond what its leaf has: others are squeezed. */
void scaler_host_short(Sched *s, uint64_t lacking_bytes);
/* The session lacks its user's or group's quota: the others on that account are squeezed. */
void scaler_tenant_short(Sched *s, const Session *session);
/* How much of the budget a leaf for @grant_bytes lacks. */
uint64_t scaler_lacking(const Sched *s, const Session *session, uint64_t grant_bytes);
/* What the session waits for has not come yet, and it is not worth looking again. */
void scaler_still_lacking(Sched *s, const Session *session);

bool scaler_is_idle(const Session *session);
/* Long enough ago that it was asked to shrink? */
bool scaler_may_ask(const Sched *s, const Session *session);
/* So recently that its memory may be on its way? */
bool scaler_was_just_asked(const Sched *s, const Session *session);

/* Is there budget for one more leaf with the floor? Not only for a raise: sets memory_short when
 * not. */
bool scaler_may_spawn(Sched *s);
/* A new executor with the floor's limits. Return: NULL when no record is free. */
Executor *scaler_spawn(Sched *s, Session *session);

/**
 * scaler_plenty() - more than a query needs, while half of the budget is free
 * @total_bytes:   the grant that it needs
 * @useful_bytes:  the grant beyond which more would not help
 * Return: a grant of at least @total_bytes.
 */
uint64_t scaler_plenty(const Sched *s, const Session *session, uint64_t total_bytes,
                       uint64_t useful_bytes);

/* Emits RESIZE so that the leaf carries @grant_bytes; nothing may be under way. */
void scaler_resize(Sched *s, Session *session, uint64_t grant_bytes);

/* Events. */
void scaler_request(Sched *s, Session *session, const SchedEvent *event);
/* Nobody waits for what it asked for. */
void scaler_query_gone(Session *session, uint64_t query);
void scaler_returned(Sched *s, Session *session, uint64_t serial, uint64_t total_bytes);
void scaler_trip(Sched *s, Session *session, uint64_t current_bytes, uint64_t high_bytes);
void scaler_resized(Sched *s, Executor *e, const SchedEvent *event);
/* Decides between LOST with and without may_retry; may free the session. */
void scaler_lost(Sched *s, Session *session, SessionCause cause, bool restart,
                 uint64_t limit_bytes);

/* Steps of the pump. */
void scaler_serve(Sched *s, Session *session); /* requests and the trip wire */
void scaler_shrink(Sched *s);
void scaler_warm(Sched *s);

/* When an idle session is to be asked for what it holds. */
uint64_t scaler_idle_deadline(const Sched *s);
/* The earliest time at which a step of the pump would do something for this session. */
uint64_t scaler_deadline(const Sched *s, const Session *session);
