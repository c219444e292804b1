/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From the unresolved tree to the bound plan: names to columns, functions to numbers, types by
 * Spark's rules, subqueries to joins. Then plan/optimise.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "exec/memory/memory.h"
#include "exec/memory/query_error.h"
#include "exec/plan/plan.h"
#include "exec/plan/session.h"
#include "exec/plan/source.h"
#include "exec/plan/unresolved.h"

/**
 * PlanFold - compute an expression over literals
 * Lent by whoever can evaluate (expr/ lies above plan/). @expr has no column.
 * Return: 0 and *@ret_literal, strings in @arena; anything else: it stays as it is and fails, if at
 * all, on the first row.
 */
typedef int (*PlanFold)(MemArena *arena, const Expr *expr, Literal *ret_literal);

/* What one query binds and optimises with. */
typedef struct PlanContext {
    MemArena *arena;      /* of the query; the bound plan lives here */
    QueryError *error;    /* nullable */
    PlanSession *session; /* nullable: no views */
    SessionFiles *files;  /* nullable: no files. The caller has entered it */
    PlanSettings settings;
    int64_t zone_usec; /* offset of the session's time zone, when it is fixed */
    bool zone_is_fixed;
    const struct Zone *zone; /* loaded when something asks for it */
    int64_t now_usec;        /* current_timestamp() of this query */
    uint64_t random;         /* behind the seeds of rand() and its kin */
    const char *sql_text;    /* that positions in the tree refer to; NULL: no positions in errors */
    size_t n_sql_text;
    PlanFold fold; /* nullable */
    /*
     * Runs @plan, of one column, for a plan that depends on its rows: pivot() without values. At
     * most @max of them; more are an error of the caller's. NULL: cannot.
     */
    int (*collect)(void *userdata, PlanNode *plan, uint32_t max, Literal *values, uint32_t *ret_n);
    void *collect_userdata;
    /**
     * @find: a table or view of the catalogue
     * Return: 0 and a reference, or NULL where there is none; QUERY_E_FAILED with @error; as
     * mem_charge(); negative errno. NULL: there is no catalogue.
     */
    int (*find)(void *userdata, const char *database, const char *name, const PlanView **ret_view);
    void *find_userdata;
    const char *database; /* the current one; NULL: default */
    bool catalogue_only;  /* temporary views may not be read: a view is made that is to stay */
    /* Views that the plan reads: one reference each, given back by plan_context_done(). */
    const PlanView **views;
    uint32_t n_views, views_capacity;
    /* Folders that the plan reads (io_hold()), until plan_context_release(). */
    int *holds;
    uint32_t n_holds, holds_capacity;
} PlanContext;

/* Settings and zone from @session (nullable: defaults), the clock from the system. */
void plan_context_init(PlanContext *context, MemArena *arena, PlanSession *session,
                       SessionFiles *files, QueryError *error);
void plan_context_done(PlanContext *context);
/* Nothing of what has been bound is read any more. */
void plan_context_release(PlanContext *context);

/**
 * plan_bind() - resolve a tree
 * @ret_plan:  out, in the context's arena; its fields are the result's schema
 * Return: 0; QUERY_E_FAILED with the context's error; as mem_charge(); negative errno.
 */
int plan_bind(PlanContext *context, const URel *tree, PlanNode **ret_plan);

/**
 * plan_wrap_strings() - at most @limit rows of a bound plan, each column as text: for show()
 * Return: as plan_bind().
 */
int plan_wrap_strings(PlanContext *context, PlanNode *plan, int64_t limit, PlanNode **ret_plan);
