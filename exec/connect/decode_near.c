/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Joins that take the best rows of the right side for each row of the left: AsOfJoin (the one that
 * is nearest in time) and NearestByJoin (the first few by an expression). Both are said with what
 * there is: each row of the left gets a number, the sides are joined by the condition, and of the
 * rows with the same number the first ones by rank stay.
 */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "connect/proto/spark_relation.h"
#include "exec/connect/decode_parts.h"

/* No identifier of SQL begins so. */
#define ROW_NAME "\001near.row"
#define RANK_NAME "\001near.rank"
#define RESULTS_MAX 100000

typedef struct Near {
    URel *left, *right;
    UExpr *condition; /* NULL: every row of the right may be it */
    UExpr *rank;      /* rows where it is NULL are none of them */
    bool descending, outer;
    int64_t n_results;
} Near;

static UExpr *column(Decoder *d, const char *name)
{
    return uexpr_column(d->b, &name, 1);
}

static URel *over(Decoder *d, URelKind kind, URel *input)
{
    URel *rel = input ? urel_new(d->b, kind) : NULL;
    if (rel)
        rel->input = input;
    return rel;
}

static URel *with_column(Decoder *d, URel *input, const char *name, UExpr *value)
{
    UExpr *alias = value ? uexpr_alias(d->b, value, name) : NULL;
    URel *rel = alias ? over(d, UREL_WITH_COLUMNS, input) : NULL;
    if (!rel)
        return NULL;
    rel->exprs = ubuilder_dup(d->b, &alias, 1, sizeof(alias));
    rel->n_exprs = 1;
    return rel->exprs ? urel_seal(d->b, rel) : NULL;
}

/* row_number() OVER (PARTITION BY row ORDER BY rank) */
static UExpr *position(Decoder *d, const Near *near)
{
    UWindow *window = ubuilder_alloc(d->b, 1, sizeof(*window));
    UExpr *args[] = {uexpr_call(d->b, "row_number", NULL, 0), column(d, ROW_NAME), near->rank};
    UExpr *e = window && args[0] && args[1] ? uexpr_new(d->b, UEXPR_WINDOW, args, 3) : NULL;
    if (!e)
        return NULL;
    window->n_partition = window->n_order = 1;
    window->descending = ubuilder_dup(d->b, &near->descending, 1, sizeof(bool));
    window->nulls_first = ubuilder_alloc(d->b, 1, sizeof(bool));
    e->window = window;
    return window->descending && window->nulls_first ? e : NULL;
}

static URel *join(Decoder *d, const Near *near)
{
    UExpr *parts[] = {uexpr_call1(d->b, "isnotnull", near->rank), near->condition};
    URel *left = with_column(d, near->left, ROW_NAME,
                             uexpr_call(d->b, "monotonically_increasing_id", NULL, 0));
    URel *rel = parts[0] ? over(d, UREL_JOIN, left) : NULL;
    if (!rel)
        return NULL;
    rel->right = near->right;
    rel->join_type = near->outer ? JOIN_LEFT : JOIN_INNER;
    rel->condition = near->condition ? uexpr_chain(d->b, "and", parts, 2) : parts[0];
    return rel->condition ? urel_seal(d->b, rel) : NULL;
}

static URel *nearest(Decoder *d, const Near *near)
{
    URel *ranked = with_column(d, join(d, near), RANK_NAME, position(d, near));
    URel *first = over(d, UREL_FILTER, ranked);
    if (!first)
        return NULL;
    first->condition =
        uexpr_call2(d->b, "<=", column(d, RANK_NAME), uexpr_int(d->b, near->n_results));
    first = first->condition ? urel_seal(d->b, first) : NULL;
    static const char *const hidden[] = {ROW_NAME, RANK_NAME};
    URel *rel = over(d, UREL_DROP, first);
    if (!rel)
        return NULL;
    rel->names = ubuilder_dup(d->b, hidden, ARRAY_SIZE(hidden), sizeof(*hidden));
    rel->n_names = ARRAY_SIZE(hidden);
    return rel->names ? rel : NULL;
}

/* ---- AsOfJoin ---- */

typedef struct AsOf {
    Near near;
    UExpr *left, *right, *tolerance, *condition;
    DecodeList using;
    const char *type, *direction;
    bool exact;
} AsOf;

static bool read_as_of(Decoder *d, ProtoReader r, AsOf *a)
{
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        switch (f.number) {
        case SPARK_AS_OF_JOIN_LEFT:
            a->near.left = decode_enter_relation(d, &r, &f);
            break;
        case SPARK_AS_OF_JOIN_RIGHT:
            a->near.right = decode_enter_relation(d, &r, &f);
            break;
        case SPARK_AS_OF_JOIN_LEFT_AS_OF:
            a->left = decode_enter_expression(d, &r, &f);
            break;
        case SPARK_AS_OF_JOIN_RIGHT_AS_OF:
            a->right = decode_enter_expression(d, &r, &f);
            break;
        case SPARK_AS_OF_JOIN_JOIN_EXPR:
            a->condition = decode_enter_expression(d, &r, &f);
            break;
        case SPARK_AS_OF_JOIN_USING_COLUMNS:
            decode_add(d, &a->using, decode_string(d, &f));
            break;
        case SPARK_AS_OF_JOIN_JOIN_TYPE:
            a->type = decode_string(d, &f);
            break;
        case SPARK_AS_OF_JOIN_TOLERANCE:
            a->tolerance = decode_enter_expression(d, &r, &f);
            break;
        case SPARK_AS_OF_JOIN_ALLOW_EXACT_MATCHES:
            a->exact = proto_bool(f.value);
            break;
        case SPARK_AS_OF_JOIN_DIRECTION:
            a->direction = decode_string(d, &f);
            break;
        default:
            break;
        }
        if (d->b->result != 0)
            return false;
    }
    if (n != 0)
        return false;
    return (a->near.left && a->near.right && a->left && a->right) || (decode_malformed(d), false);
}

static bool add(Decoder *d, DecodeList *parts, const char *comparison, UExpr *x, UExpr *y)
{
    return decode_add(d, parts, x && y ? uexpr_call2(d->b, comparison, x, y) : NULL);
}

/* The column of that name of one side. */
static UExpr *column_of(Decoder *d, const URel *rel, const char *name)
{
    UExpr *e = column(d, name);
    if (e)
        e->plan_id = rel->plan_id;
    return e;
}

/* Does it name no column? */
static bool is_constant(const UExpr *e)
{
    if (e->kind == UEXPR_COLUMN)
        return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!is_constant(e->args[i]))
            return false;
    return true;
}

static bool check_tolerance(Decoder *d, const UExpr *t)
{
    const char *why = NULL;
    bool negative = t->kind == UEXPR_LITERAL && t->type.kind >= TYPE_BYTE &&
                    t->type.kind <= TYPE_LONG && t->literal.i < 0;
    if (!is_constant(t))
        why = "UNFOLDABLE";
    else if (negative || (t->kind == UEXPR_CALL && strcmp(t->name, "negative") == 0))
        why = "NON_NEGATIVE";
    if (!why)
        return true;
    char error_class[64];
    (void)snprintf(error_class, sizeof(error_class), "AS_OF_JOIN.TOLERANCE_IS_%s", why);
    return ubuilder_fail(d->b, query_error_set(
                                   d->b->error, DATA_ERROR_ANALYSIS, error_class, "42604",
                                   "Invalid as-of join. The input argument "
                                   "`tolerance` must be %s.",
                                   strcmp(why, "UNFOLDABLE") == 0 ? "a constant" : "non-negative")),
           false;
}

/* Which rows may match, and how far away they are. */
static bool as_of_condition(Decoder *d, AsOf *a)
{
    DecodeList parts = {0};
    UExpr *l = a->left, *r = a->right, *t = a->tolerance;
    UExpr *ahead = uexpr_call2(d->b, "-", l, r), *behind = uexpr_call2(d->b, "-", r, l);
    UExpr *latest = t ? uexpr_call2(d->b, "+", l, t) : NULL;
    UExpr *earliest = t ? uexpr_call2(d->b, "-", l, t) : NULL;
    if (t && !check_tolerance(d, t))
        return false;
    const char *at_least = a->exact ? ">=" : ">", *at_most = a->exact ? "<=" : "<";
    bool ok = ahead && behind && (!t || (latest && earliest));
    if (ok && strcmp(a->direction, "backward") == 0) {
        a->near.rank = ahead;
        ok = add(d, &parts, at_least, l, r) && (!t || add(d, &parts, at_least, r, earliest));
    } else if (ok && strcmp(a->direction, "forward") == 0) {
        a->near.rank = behind;
        ok = add(d, &parts, at_most, l, r) && (!t || add(d, &parts, at_most, r, latest));
    } else if (ok && strcmp(a->direction, "nearest") == 0) {
        UExpr *greater = uexpr_call2(d->b, ">", l, r);
        a->near.rank =
            greater ? uexpr_call(d->b, "if", (UExpr *[]){greater, ahead, behind}, 3) : NULL;
        ok = a->near.rank && (a->exact || add(d, &parts, "!=", l, r)) &&
             (!t || (add(d, &parts, at_least, r, earliest) && add(d, &parts, at_most, r, latest)));
    } else if (ok) {
        return ubuilder_fail(d->b,
                             query_error_set(d->b->error, DATA_ERROR_ANALYSIS,
                                             "AS_OF_JOIN.UNSUPPORTED_DIRECTION", "42604",
                                             "Invalid as-of join. Unsupported as-of join direction "
                                             "'%.64s'. Supported as-of join direction include: "
                                             "'forward', 'backward', 'nearest'.",
                                             a->direction)),
               false;
    }
    for (uint32_t i = 0; ok && i < a->using.n; i++)
        ok = add(d, &parts, "==", column_of(d, a->near.left, a->using.items[i]),
                 column_of(d, a->near.right, a->using.items[i]));
    if (ok && a->condition)
        ok = decode_add(d, &parts, a->condition);
    if (ok && parts.n > 0)
        a->near.condition = parts.n == 1
                                ? parts.items[0]
                                : uexpr_chain(d->b, "and", (UExpr *const *)parts.items, parts.n);
    return ok && (parts.n == 0 || a->near.condition);
}

URel *decode_as_of_join(Decoder *d, ProtoReader r)
{
    AsOf a = {.near.n_results = 1, .type = "", .direction = ""};
    if (!read_as_of(d, r, &a))
        return NULL;
    if (strcmp(a.type, "left") == 0 || strcmp(a.type, "leftouter") == 0 ||
        strcmp(a.type, "left_outer") == 0)
        a.near.outer = true;
    else if (*a.type && strcmp(a.type, "inner") != 0)
        return ubuilder_fail(
            d->b,
            query_error_set(d->b->error, DATA_ERROR_ANALYSIS, "UNSUPPORTED_JOIN_TYPE", "0A000",
                            "Unsupported type '%.64s' of an as-of join, supported are "
                            "'inner' and 'left'.",
                            a.type));
    return as_of_condition(d, &a) ? nearest(d, &a.near) : NULL;
}

/* ---- NearestByJoin ---- */

static void *bad_nearest(Decoder *d, const char *error_class, const char *what, const char *value,
                         const char *supported)
{
    return ubuilder_fail(d->b,
                         query_error_set(d->b->error, DATA_ERROR_ANALYSIS, error_class, "42604",
                                         "Invalid nearest-by join. Unsupported nearest-by "
                                         "join %s '%.64s'. Supported: %s.",
                                         what, value, supported));
}

URel *decode_nearest_by_join(Decoder *d, ProtoReader r)
{
    Near near = {0};
    const char *type = "", *mode = "", *direction = "";
    ProtoField f;
    int n;
    while ((n = decode_next(d, &r, &f)) > 0) {
        if (f.number == SPARK_NEAREST_BY_JOIN_LEFT)
            near.left = decode_enter_relation(d, &r, &f);
        else if (f.number == SPARK_NEAREST_BY_JOIN_RIGHT)
            near.right = decode_enter_relation(d, &r, &f);
        else if (f.number == SPARK_NEAREST_BY_JOIN_RANKING_EXPRESSION)
            near.rank = decode_enter_expression(d, &r, &f);
        else if (f.number == SPARK_NEAREST_BY_JOIN_NUM_RESULTS)
            near.n_results = proto_int32(f.value);
        else if (f.number == SPARK_NEAREST_BY_JOIN_JOIN_TYPE)
            type = decode_string(d, &f);
        else if (f.number == SPARK_NEAREST_BY_JOIN_MODE)
            mode = decode_string(d, &f);
        else if (f.number == SPARK_NEAREST_BY_JOIN_DIRECTION)
            direction = decode_string(d, &f);
        if (d->b->result != 0)
            return NULL;
    }
    if (n < 0)
        return NULL;
    if (!near.left || !near.right || !near.rank)
        return decode_malformed(d);
    if (near.n_results < 1 || near.n_results > RESULTS_MAX)
        return ubuilder_fail(
            d->b, query_error_set(d->b->error, DATA_ERROR_ANALYSIS,
                                  "NEAREST_BY_JOIN.NUM_RESULTS_OUT_OF_RANGE", "42604",
                                  "Invalid nearest-by join. The number of results %lld must be "
                                  "between 1 and %d.",
                                  (long long)near.n_results, RESULTS_MAX));
    near.outer = strcmp(type, "leftouter") == 0 || strcmp(type, "left_outer") == 0 ||
                 strcmp(type, "left") == 0;
    if (!near.outer && strcmp(type, "inner") != 0)
        return bad_nearest(d, "NEAREST_BY_JOIN.UNSUPPORTED_JOIN_TYPE", "type", type,
                           "'inner', 'leftouter'");
    if (strcmp(mode, "approx") != 0 && strcmp(mode, "exact") != 0)
        return bad_nearest(d, "NEAREST_BY_JOIN.UNSUPPORTED_MODE", "mode", mode,
                           "'approx', 'exact'");
    near.descending = strcmp(direction, "similarity") == 0;
    if (!near.descending && strcmp(direction, "distance") != 0)
        return bad_nearest(d, "NEAREST_BY_JOIN.UNSUPPORTED_DIRECTION", "direction", direction,
                           "'distance', 'similarity'");
    return nearest(d, &near);
}
