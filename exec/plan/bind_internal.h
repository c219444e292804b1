/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The binder's objects. A failure sticks in Binder.result; from then on everything gives NULL.
 */

#include "exec/plan/bind.h"
#include "exec/plan/expr_build.h"
#include "exec/plan/type_rules.h"

/* Column numbers from here on mean columns of the query around a subquery. */
#define BIND_OUTER_BASE (UINT32_C(1) << 30)
/* So much more for each query further out. */
#define BIND_OUTER_STRIDE (UINT32_C(1) << 24)
/* And from here on, scalar subqueries that wait to be joined (PendingList). */
#define BIND_PENDING_BASE (BIND_OUTER_BASE + (UINT32_C(1) << 29))
/* Below BIND_OUTER_BASE by less than this: the id of the grouping set. */
#define BIND_GROUPING_BASE (BIND_OUTER_BASE - (UINT32_C(1) << 28))
#define BIND_SUBQUERY_DEPTH_MAX 32u /* times the stride: up to BIND_PENDING_BASE */
/* And from here on, window functions that wait for their node (WindowList). */
#define BIND_WINDOW_BASE (BIND_PENDING_BASE + (UINT32_C(1) << 28))
#define BIND_VIEW_DEPTH_MAX 100u
#define BIND_EXPANSIONS_MAX 20000u

/*
 * A name in scope. @attribute identifies the column over projections that only pass it on, so that
 * a DataFrame's column finds itself after joins and filters (like Spark's expression ids).
 */
typedef struct BoundColumn {
    const char *name;
    const char *qualifier; /* alias or table name; NULL: none */
    uint64_t attribute;
    uint32_t index; /* of the node's output */
    bool hidden;    /* USING: only by its qualifier */
} BoundColumn;

typedef struct Bound Bound;

/* An aggregation under construction: groups and aggregates by position. */
typedef struct BoundAggregate {
    Bound *input;
    PlanNode *node;
    uint32_t n_groups;
    Expr **groups;
    Aggregate *aggregates;
    uint32_t n_aggregates, capacity;
    bool has_group_by;
    /* Grouping sets, bit i for group i; NULL: plain groups. The node then has @n_extra columns
     * between groups and aggregates: the set's id and perhaps its number. */
    uint64_t *sets;
    uint32_t n_sets, n_extra;
    uint64_t kept_in_all;  /* groups that no set leaves out */
    const UExpr **sources; /* [n_groups] as written */
} BoundAggregate;

/* A relation with its scope. */
struct Bound {
    PlanNode *node;
    BoundColumn *columns;
    uint32_t n_columns;
    /* Where ORDER BY, HAVING and filters may reach below: the projection on top of @below, or on
     * top of @aggregate. */
    PlanNode *project;
    Bound *below;
    BoundAggregate *aggregate;
    bool over_windows; /* between @aggregate and @project */
};

typedef struct PlanIdEntry {
    int64_t plan_id;
    const Bound *bound;
} PlanIdEntry;

typedef struct Scope Scope;

/* A CTE of WITH RECURSIVE while its definition is bound. */
typedef struct CteLoop {
    PlanRecursion *recursion; /* NULL: where its name may not stand */
    const PlanField *fields;  /* of the rows that the name then means */
    uint32_t n_fields;
    const char *refused, *because; /* the error's class and text where it may not */
    bool open, used;
} CteLoop;

typedef struct Cte {
    const char *name;
    const URel *rel;    /* UREL_ALIAS */
    uint32_t n_visible; /* CTEs that itself can see */
    Scope *outer;       /* of the query that has it */
    CteLoop *loop;      /* NULL: not RECURSIVE */
} Cte;

/*
 * Subqueries of HAVING and of a select list with aggregates: they are joined above the aggregation
 * once that is complete. Number k stands as column BIND_PENDING_BASE + k until then.
 */
typedef struct PendingSubquery {
    const UExpr *e;
    Bound *query;
    Expr **left; /* IN: the values before it */
    bool negated;
} PendingSubquery;

typedef struct PendingList {
    PendingSubquery *items;
    uint32_t n, capacity;
} PendingList;

/* A subquery whose value is a column already: of an aggregate's argument, of a join's side. */
typedef struct Prebound {
    const UExpr *e;
    Expr *value;
    bool on_right; /* of a join whose sides are not together yet */
} Prebound;

/* Items of a select list that later ones may use by their alias. */
typedef struct LateralList {
    const char **names; /* NULL: not an alias */
    Expr **exprs;
    uint32_t n;
} LateralList;

/* Window functions of a select list; number k stands as column BIND_WINDOW_BASE + k. */
typedef struct WindowItem {
    WindowFunction function;
    Expr **partition;
    SortKey *order;
    uint32_t n_partition, n_order;
} WindowItem;

typedef struct WindowList {
    WindowItem *items;
    uint32_t n, capacity;
} WindowList;

/* Where the names of an expression are looked up. */
struct Scope {
    const Bound *bound;
    const Bound *second; /* tried next; its columns count from bound->node->n_fields on */
    bool second_first;   /* the other way round: inside aggregate functions of HAVING */
    Scope *outer;        /* of the query around a subquery */
    bool used_outer;     /* out */
    bool allow_aggregates;
    bool inside_aggregate;
    bool negated;              /* under an odd number of NOTs */
    BoundAggregate *aggregate; /* collects: number k becomes column @aggregate_base + k */
    uint32_t aggregate_base;
    const char *clause; /* "WHERE", for messages */
    /* The relation that subqueries with a value may be joined to; NULL: not here. */
    Bound **attach;
    PendingList *pending;             /* or where they wait; NULL: not here */
    LateralList *lateral;             /* nullable */
    const struct LambdaScope *lambda; /* parameters of lambdas around; nullable */
    WindowList *windows;              /* NULL: no window functions here */
    Scope *around_window;             /* of an aggregate with OVER: where its arguments are bound */
};

typedef struct Binder {
    PlanContext *context;
    MemArena *arena;
    int result;
    uint64_t next_attribute;
    PlanIdEntry *plan_ids;
    uint32_t n_plan_ids, plan_ids_capacity;
    Cte *ctes;
    uint32_t n_ctes, ctes_capacity;
    Prebound *prebound;
    uint32_t n_prebound, prebound_capacity;
    uint32_t view_depth;  /* positions inside views mean another text */
    const char *database; /* where a name without one is looked for */
    bool catalogue_only;  /* inside a view of the catalogue: temporary ones do not count */
    uint32_t subquery_depth;
    uint32_t n_expanded; /* views and CTEs */
    Scope *outer;        /* for relations inside a subquery */
    /* Names that turned out to be a column and fields of it, and how many parts are the column. */
    struct FieldPath {
        const UExpr *e;
        uint32_t n_column, is_map;
    } * paths;
    uint32_t n_paths, paths_capacity;
    const UExpr *having;       /* of an aggregation whose select list has window functions */
    const URel *named_windows; /* the SELECT whose WINDOW clause counts, or NULL */
} Binder;

/* Instead of FieldPath.n_column, of sums: date + interval, interval + date, date + days, ... */
enum {
    PATH_SUM = 1000001,
    PATH_SUM_SWAPPED,
    PATH_DAYS,
    PATH_DAYS_SWAPPED,
};

/* Notes a failure. Return: NULL. */
void *bind_fail(Binder *b, int r);
void *bind_error(Binder *b, uint32_t position, uint32_t stop, const char *error_class,
                 const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void *bind_unsupported(Binder *b, uint32_t position, uint32_t stop, const char *what);
void *bind_alloc(Binder *b, size_t n, size_t size);
/* "INT" with its quotes, as messages write types. */
void bind_type_text(Type type, char buf[static 130]);
/* NULL from the arena becomes its failure. */
static inline Expr *bind_check(Binder *b, Expr *e)
{
    return e ? e : bind_fail(b, mem_arena_error(b->arena));
}

/* bind_expr.c */
Expr *bind_expr(Binder *b, Scope *scope, const UExpr *e);
Expr *bind_condition(Binder *b, Scope *scope, const UExpr *e);
Expr *bind_cast_to(Binder *b, Expr *e, Type type);
/* NULL where a cast would fail. */
Expr *bind_try_cast(Binder *b, Expr *e, Type type);

/* bind_interval.c */
Expr *bind_cast_interval(Binder *b, Expr *e, Type type, bool try_cast);
/* Of two dates or points in time. */
Expr *bind_difference(Binder *b, Expr *left, Expr *right);
/* @id: FN_MULTIPLY or FN_DIVIDE. */
Expr *bind_scaled_interval(Binder *b, FunctionId id, Expr *interval, Expr *by);
/* "day" of an interval. Return: NULL, too, when it has no such field. */
Expr *bind_interval_field(Binder *b, const char *name, Expr *interval);

/* bind_zone.c: TIMESTAMP to TIMESTAMP_NTZ by the session's zone, and back */
const struct Zone *bind_zone(Binder *b);
bool bind_zone_is_utc(const Binder *b);
Expr *bind_zone_name(Binder *b);
Expr *bind_wall_of(Binder *b, Expr *instant);
Expr *bind_instant_of(Binder *b, Expr *wall);
Expr *bind_instant_of_text(Binder *b, Expr *text, bool try_cast);
Expr *bind_instant_plus(Binder *b, Expr *instant, Expr *interval);
const BoundColumn *bind_find(Binder *b, const Bound *bound, const UExpr *e, int *ret_matches);
bool uexpr_has_aggregate(const UExpr *e);
bool uexpr_has_window(const UExpr *e);
bool uexpr_has_subquery(const UExpr *e);
/* Every type in one. Return: false: they do not meet. */
bool bind_common_type(Binder *b, Expr *const *exprs, uint32_t n, Type *ret);

/* bind_call.c */
Expr *bind_call(Binder *b, Scope *scope, const UExpr *e);
bool function_is_aggregate(const char *name);
/* CASE of bound arguments: when0, then0, ..., [else]; all of @type. */
Expr *bind_case(Binder *b, Type type, Expr *const *args, uint32_t n);
Expr *bind_binary(Binder *b, const UExpr *e, FunctionId function, Expr *left, Expr *right);

/* bind_generate.c */
bool function_is_generator(const char *name);
/* A generator where none may stand. Return: NULL. */
void *bind_misplaced_generator(Binder *b, const Scope *scope, const UExpr *e);
Bound *bind_generate(Binder *b, const URel *rel);
/* The generator of a select list, if there is one, goes below it. Return: the list with its
 * columns. */
struct SelectItem *bind_generator_item(Binder *b, Bound **input, struct SelectItem *items,
                                       uint32_t *n);
Bound *bind_generator_over(Binder *b, const URel *rel, bool *ret_made);

/* bind_source.c */
Bound *bind_table(Binder *b, const URel *rel);
Bound *bind_files(Binder *b, const URel *rel);
Bound *bind_one_row(Binder *b);
Bound *bind_range(Binder *b, const URel *rel);
Bound *bind_local(Binder *b, const URel *rel);
Bound *bind_values(Binder *b, const URel *rel);

/* bind_alias.c: what item @i of the select list gives to those behind it. */
Expr *bind_alias_of_item(Binder *b, Scope *scope, uint32_t i);

/* bind_time_window.c: @rel with window(time, ...) as a column of its input; itself without one. */
const URel *bind_time_windows(Binder *b, const URel *rel);

/* bind_star.c: @e with the columns of @bound where a call has a star; itself where none has. */
const UExpr *bind_expand_stars(Binder *b, const Bound *bound, const UExpr *e);

/* bind_recursion.c: a CTE of WITH RECURSIVE, and its name inside its definition. */
Bound *bind_recursive_cte(Binder *b, const URel *rel, const Cte *cte);
Bound *bind_level_before(Binder *b, const URel *rel, const Cte *cte);

/* bind_set_op.c */
Bound *bind_set_op(Binder *b, const URel *rel);
Bound *bind_distinct(Binder *b, const URel *rel);

/* bind_null.c */
Bound *bind_na_drop(Binder *b, const URel *rel);
Bound *bind_na_fill(Binder *b, const URel *rel);

/* bind_aggregate.c */
Expr *bind_aggregate_call(Binder *b, Scope *scope, const UExpr *e);
Bound *bind_aggregate(Binder *b, const URel *rel);
/* One item of GROUP BY, ordinals and aliases looked up. @ret: its number. */
bool bind_group_item(Binder *b, BoundAggregate *a, Scope *scope, const URel *rel, const UExpr *e,
                     uint32_t *ret);

/* bind_grouping.c */
bool grouping_is_construct(const UExpr *e);
/* Expressions inside, at any depth. */
uint32_t grouping_leaves(const UExpr *e);
bool bind_grouping_sets(Binder *b, BoundAggregate *a, Scope *scope, const URel *rel);
/* What the aggregation reads: @a's input, its groups, the set's id. */
PlanNode *bind_expand(Binder *b, BoundAggregate *a);
Expr *bind_grouping_call(Binder *b, Scope *scope, const UExpr *e);

/* Global aggregation for a SELECT list with aggregates and no GROUP BY. */
Bound *bind_aggregate_over(Binder *b, Bound *input, const URel *rel);
/* An expression over a relation that may reach below it: ORDER BY, HAVING. @pending: nullable. */
Expr *bind_extended(Binder *b, Bound *bound, const UExpr *e, const char *clause,
                    PendingList *pending);

/* bind_relation.c */
Bound *bind_relation(Binder *b, const URel *rel);
Bound *bound_new(Binder *b, PlanNode *node);
/* Over @node with the names of @input. */
Bound *bound_over(Binder *b, const Bound *input, PlanNode *node);
/* Without the columns that were only carried along. */
Bound *bound_visible(Binder *b, Bound *bound);
PlanNode *bind_node(Binder *b, PlanKind kind, PlanNode *input, uint32_t n_fields);
/* A projection of @exprs; @names [n]. */
PlanNode *bind_project_node(Binder *b, PlanNode *input, Expr **exprs, const char **names,
                            uint32_t n);
/* All fields of @from, in a node of @kind that passes them on. */
PlanNode *bind_pass_node(Binder *b, PlanKind kind, PlanNode *input);
bool names_equal(const Binder *b, const char *a, const char *c);
/* Expands stars. Return: list of UExpr and bound columns as pairs. */
typedef struct SelectItem {
    const UExpr *expr;         /* NULL: from a star */
    const BoundColumn *column; /* of the star */
    const char *name;          /* of the output column */
} SelectItem;
SelectItem *bind_select_list(Binder *b, const Bound *input, UExpr *const *exprs, uint32_t n,
                             uint32_t *ret_n);
/* The scope of @input over the first @n columns of @node: what was joined for subqueries goes. */
Bound *bind_keep_first(Binder *b, const Bound *input, PlanNode *node, uint32_t n);
/* bind_filter.c. WHERE: subqueries become joins. */
Bound *bind_filter_condition(Binder *b, Bound *input, const UExpr *condition, const char *clause);
void bind_remember_plan_id(Binder *b, int64_t plan_id, const Bound *bound);

/* bind_subquery.c */
/* Any subquery as a value. */
Expr *bind_subquery(Binder *b, Scope *scope, const UExpr *e);
/* Is @e under NOT when it is an argument of @call, which is so when @negated? Only AND, OR and NOT
 * are looked through. */
bool uexpr_negates(const UExpr *call, bool negated);
/* The subqueries in @e as values over *@attached, which is @input with columns joined to it; they
 * are noted in Binder.prebound. */
bool bind_prebind(Binder *b, const Bound *input, Bound **attached, const UExpr *e, bool negated);
/* What waits from number @first on, said by what @replace makes of the columns around it. */
bool bind_pending_map(Binder *b, PendingList *list, uint32_t first,
                      Expr *(*replace)(void *userdata, Expr *e), void *userdata);
/* Joins what waits to @node. @exprs [n] then say it by columns of the join. */
PlanNode *bind_pending_join(Binder *b, PlanNode *node, const PendingList *pending, Expr **exprs,
                            uint32_t n);
/* EXISTS, IN as a conjunct. Return: @input joined, or NULL. */
Bound *bind_subquery_conjunct(Binder *b, Bound *input, const UExpr *e, bool negated);

/* bind_join.c */
Bound *bind_join(Binder *b, const URel *rel);
/* Splits @condition over left and right columns into keys and residual. */
bool bind_join_condition(Binder *b, PlanNode *join, Expr *condition);
/* Both scopes side by side; for a condition, whatever the type of the join. */
Bound *bind_joined_scope(Binder *b, PlanNode *join, const Bound *left, const Bound *right);
Bound *bind_condition_scope(Binder *b, const Bound *left, const Bound *right);
/* bind_lateral.c */
Bound *bind_lateral(Binder *b, const URel *rel, Bound *left);
PlanNode *bind_join_node(Binder *b, JoinType type, PlanNode *left, PlanNode *right);

/* bind_pivot.c */
Bound *bind_pivot(Binder *b, const URel *rel);
Bound *bind_sql_unpivot(Binder *b, const URel *rel);
/* @values: @n_values of one type for each entry; @names: of ids, variable and values. */
Bound *bind_unpivot_node(Binder *b, const Bound *input, Expr *const *ids, const char *const *names,
                         uint32_t n_ids, Expr **values, const char *const *entries,
                         uint32_t n_entries, uint32_t n_values);
/* bind_window.c */
Expr *bind_window(Binder *b, Scope *scope, const UExpr *e);
bool function_is_window(const char *name);
/* Every expression of the list is replaced. Return: false after an error. */
bool bind_windows_map(Binder *b, WindowList *list, Expr *(*map)(void *userdata, Expr *e),
                      void *userdata);
/* The nodes over @node that compute the list. @exprs [n] then say it by their columns. */
PlanNode *bind_window_nodes(Binder *b, PlanNode *node, const WindowList *list, Expr **exprs,
                            uint32_t n);

/* bind_frame.c */
Bound *bind_describe(Binder *b, const URel *rel);
Bound *bind_replace(Binder *b, const URel *rel);
Bound *bind_unpivot(Binder *b, const URel *rel);
Bound *bind_to_schema(Binder *b, const URel *rel);

/* bind_transpose.c */
Bound *bind_transpose(Binder *b, const URel *rel);

/* bind_nested.c: s.* of a struct. Return: false after an error. */
bool bind_star_of_struct(Binder *b, const Bound *input, const UExpr *star, SelectItem *items,
                         uint32_t *n_items);
/* The name of a select item once it is bound, when fields of structs are in it. */
const char *bind_name_with_fields(Binder *b, const UExpr *e, const char *name);

/* name.c: the name that Spark gives to an expression without one. */
const char *uexpr_name(Binder *b, const UExpr *e);
/* The expression with quotes around it, for messages. */
const char *uexpr_quoted(Binder *b, const UExpr *e);
