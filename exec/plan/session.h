/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What one client's session remembers between queries: configuration, the current database and
 * temporary views. Many
 * operations of a session run at once, so everything here is behind one lock, and what a query
 * needs is copied or ref-counted into it: a view that is replaced while a query reads it lives on
 * until that query ends (PLAN-4).
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/unresolved.h"

#define PLAN_SESSION_VIEWS_MAX 10000u
#define PLAN_SESSION_CONF_MAX 10000u
#define PLAN_SESSION_CONF_BYTES_MAX 65536u
/* The directory that relative paths start from: where the person who typed them stands. */
#define PLAN_DIRECTORY_KEY "spark.berth.directory"
/* Where the catalogue is, when it is not where the administrator says. */
#define PLAN_WAREHOUSE_KEY "spark.sql.warehouse.dir"

/* Before the name of a variable: it is kept as a view. */
#define PLAN_VARIABLE_PREFIX "\001variable."

/* What no SELECT can name: variables, checkpoints. */
static inline bool plan_name_is_hidden(const char *name)
{
    return name[0] == '\001';
}

typedef struct PlanSession PlanSession;

/* A view: an unresolved tree in an arena of its own. Ref-counted; const. */
struct PlanView {
    uint32_t n_refs;      /* atomic */
    bool is_catalogued;   /* a table or view of the catalogue; else a temporary view */
    const char *name;     /* owned */
    const char *database; /* owned: where names in @tree are looked for */
    const URel *tree;
    MemArena *arena;          /* owned */
    const PlanView **parents; /* views that the tree was captured over; one reference each */
    uint32_t n_parents;
};

/* The settings that change what a query means, copied when it starts. */
typedef struct PlanSettings {
    bool ansi;           /* spark.sql.ansi.enabled, default true */
    bool case_sensitive; /* spark.sql.caseSensitive, default false */
    bool group_by_alias, group_by_ordinal, order_by_ordinal;
    bool map_last_wins; /* spark.sql.mapKeyDedupPolicy, default EXCEPTION */
    char time_zone[64]; /* spark.sql.session.timeZone, default "UTC" */
    uint32_t max_to_string_fields;
} PlanSettings;

/* @pool: account for views; borrowed, must outlive the session. Return: 0, -ENOMEM. */
int plan_session_new(MemPool *pool, PlanSession **ret_session);
PlanSession *plan_session_free(PlanSession *session);
MemPool *plan_session_pool(PlanSession *session);

/**
 * plan_session_set_conf() - set one key, or unset it with @value NULL
 * Unknown keys are kept and have no effect. Return: 0; QUERY_E_FAILED
 * (INVALID_CONF_VALUE.TIME_ZONE, ...); -ENOSPC beyond the limits above; -ENOMEM.
 */
int plan_session_set_conf(PlanSession *session, const char *key, const char *value,
                          QueryError *error);
/* A copy of the value or of the built-in default, for free(3). Return: 0; -ENOENT; -ENOMEM. */
int plan_session_get_conf(PlanSession *session, const char *key, char **ret_value);
/* Calls @each in order of the keys, with the lock held: it must not call back. Stops at nonzero. */
int plan_session_each_conf(PlanSession *session,
                           int (*each)(void *userdata, const char *key, const char *value),
                           void *userdata);
/* The current database: never NULL, for free(3). Return: NULL: no memory. */
char *plan_session_database(PlanSession *session);
int plan_session_set_database(PlanSession *session, const char *name);
void plan_session_settings(PlanSession *session, PlanSettings *ret_settings);

/**
 * plan_session_create_view() - name a tree
 * @tree, @arena:  the tree and the arena that it lives in; on success the session owns the arena
 * @replace:       false: an existing view is TEMP_TABLE_OR_VIEW_ALREADY_EXISTS
 *
 * Tables in @tree that name other views are captured: they mean those views for ever, also when
 * the new view takes the name of one of them.
 * Return: 0; QUERY_E_FAILED; -ENOSPC; -ENOMEM. On failure @arena stays with the caller.
 */
int plan_session_create_view(PlanSession *session, const char *name, URel *tree, MemArena *arena,
                             bool replace, QueryError *error);
/* Return: 1 dropped, 0 there was none. */
int plan_session_drop_view(PlanSession *session, const char *name);
/**
 * plan_view_new() - what the catalogue has under a name, as a view with one reference
 * @arena: that @tree lives in; the view's on success. Return: NULL: no memory.
 */
const PlanView *plan_view_new(const char *name, const char *database, const URel *tree,
                              MemArena *arena);
/* A reference, or NULL. Names of views compare without case unless caseSensitive is set. */
const PlanView *plan_session_view(PlanSession *session, const char *name);
const PlanView *plan_view_ref(const PlanView *view);
const PlanView *plan_view_unref(const PlanView *view);
static inline void plan_view_unrefp(const PlanView **view)
{
    plan_view_unref(*view);
}
/* Calls @each for each view in order of the names, with the lock held. */
int plan_session_each_view(PlanSession *session, int (*each)(void *userdata, const char *name),
                           void *userdata);
/* Counts every change of views or configuration that must be replayed into a new executor. */
uint64_t plan_session_generation(PlanSession *session);
