/* SPDX-License-Identifier: Apache-2.0 */

/* Configuration and temporary views of one session, behind one lock. */

#include "exec/plan/session.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "exec/kernel/zone.h"
#include "exec/plan/datetime.h"

typedef struct ConfEntry {
    char *key, *value;
} ConfEntry;

struct PlanSession {
    pthread_mutex_t lock;
    MemPool *pool;
    ConfEntry *confs; /* sorted by key */
    uint32_t n_confs, confs_capacity;
    PlanView **views; /* sorted by name */
    uint32_t n_views, views_capacity;
    char *database; /* NULL: default */
    uint64_t generation;
};

/* Keys that have an effect here, and what they say when unset. */
static const struct {
    const char *key, *value;
} defaults[] = {
    {"spark.sql.ansi.enabled", "true"},          {"spark.sql.caseSensitive", "false"},
    {"spark.sql.groupByAliases", "true"},        {"spark.sql.groupByOrdinal", "true"},
    {"spark.sql.orderByOrdinal", "true"},        {"spark.sql.session.timeZone", "UTC"},
    {"spark.sql.debug.maxToStringFields", "25"},
};

static const char *conf_default(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        if (strcmp(defaults[i].key, key) == 0)
            return defaults[i].value;
    return NULL;
}

int plan_session_new(MemPool *pool, PlanSession **ret_session)
{
    PlanSession *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    pthread_mutex_init(&s->lock, NULL);
    s->pool = pool;
    *ret_session = s;
    return 0;
}

PlanSession *plan_session_free(PlanSession *session)
{
    if (!session)
        return NULL;
    for (uint32_t i = 0; i < session->n_views; i++)
        plan_view_unref(session->views[i]);
    for (uint32_t i = 0; i < session->n_confs; i++) {
        free(session->confs[i].key);
        free(session->confs[i].value);
    }
    free(session->views);
    free(session->confs);
    free(session->database);
    pthread_mutex_destroy(&session->lock);
    free(session);
    return NULL;
}

MemPool *plan_session_pool(PlanSession *session)
{
    return session->pool;
}

/* Position of @key, or where it would go. */
static uint32_t conf_find(const PlanSession *s, const char *key, bool *ret_found)
{
    uint32_t low = 0, high = s->n_confs;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        int c = strcmp(s->confs[mid].key, key);
        if (c == 0) {
            *ret_found = true;
            return mid;
        }
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_found = false;
    return low;
}

static int conf_check(const char *key, const char *value, QueryError *error)
{
    if (strcmp(key, "spark.sql.session.timeZone") == 0 && !zone_is_known(value, strlen(value))) {
        int r = query_error_set(error, DATA_ERROR_ILLEGAL, "INVALID_CONF_VALUE.TIME_ZONE", "22022",
                                "The value '%s' in the config \"%s\" is invalid. Cannot resolve "
                                "the given timezone.",
                                value, key);
        query_error_parameters(error, "confName", key, "confValue", value, NULL);
        return r;
    }
    const char *fallback = conf_default(key);
    if (fallback && (strcmp(fallback, "true") == 0 || strcmp(fallback, "false") == 0) &&
        strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0)
        return query_error_set(error, DATA_ERROR_ILLEGAL, "INVALID_CONF_VALUE.TYPE_MISMATCH",
                               "22022",
                               "The value '%s' in the config \"%s\" is invalid. The value should "
                               "be boolean.",
                               value, key);
    return 0;
}

static int conf_insert(PlanSession *s, uint32_t at, const char *key, char *value)
{
    if (s->n_confs >= PLAN_SESSION_CONF_MAX)
        return -ENOSPC;
    if (s->n_confs == s->confs_capacity) {
        uint32_t capacity = s->confs_capacity ? s->confs_capacity * 2 : 16;
        ConfEntry *grown = reallocarray(s->confs, capacity, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        s->confs = grown;
        s->confs_capacity = capacity;
    }
    char *key_copy = strdup(key);
    if (!key_copy)
        return -ENOMEM;
    memmove(s->confs + at + 1, s->confs + at, (s->n_confs - at) * sizeof(*s->confs));
    s->confs[at] = (ConfEntry){key_copy, value};
    s->n_confs++;
    return 0;
}

int plan_session_set_conf(PlanSession *session, const char *key, const char *value,
                          QueryError *error)
{
    if (strlen(key) > PLAN_SESSION_CONF_BYTES_MAX ||
        (value && strlen(value) > PLAN_SESSION_CONF_BYTES_MAX))
        return -ENOSPC;
    int r = value ? conf_check(key, value, error) : 0;
    if (r != 0)
        return r;
    _cleanup_free_ char *copy = value ? strdup(value) : NULL;
    if (value && !copy)
        return -ENOMEM;

    pthread_mutex_lock(&session->lock);
    bool found;
    uint32_t at = conf_find(session, key, &found);
    if (value && found) {
        free(session->confs[at].value);
        session->confs[at].value = TAKE_PTR(copy);
    } else if (value) {
        r = conf_insert(session, at, key, copy);
        if (r == 0)
            copy = NULL;
    } else if (found) {
        free(session->confs[at].key);
        free(session->confs[at].value);
        session->n_confs--;
        memmove(session->confs + at, session->confs + at + 1,
                (session->n_confs - at) * sizeof(*session->confs));
    }
    session->generation++;
    pthread_mutex_unlock(&session->lock);
    return r;
}

/* With the lock held. */
static const char *conf_value(const PlanSession *s, const char *key)
{
    bool found;
    uint32_t at = conf_find(s, key, &found);
    return found ? s->confs[at].value : conf_default(key);
}

int plan_session_get_conf(PlanSession *session, const char *key, char **ret_value)
{
    pthread_mutex_lock(&session->lock);
    const char *value = conf_value(session, key);
    char *copy = value ? strdup(value) : NULL;
    pthread_mutex_unlock(&session->lock);
    if (!value)
        return -ENOENT;
    if (!copy)
        return -ENOMEM;
    *ret_value = copy;
    return 0;
}

int plan_session_each_conf(PlanSession *session,
                           int (*each)(void *userdata, const char *key, const char *value),
                           void *userdata)
{
    int r = 0;
    pthread_mutex_lock(&session->lock);
    for (uint32_t i = 0; i < session->n_confs && r == 0; i++)
        r = each(userdata, session->confs[i].key, session->confs[i].value);
    pthread_mutex_unlock(&session->lock);
    return r;
}

static bool conf_bool(const PlanSession *s, const char *key)
{
    const char *value = conf_value(s, key);
    return value && strcasecmp(value, "true") == 0;
}

void plan_session_settings(PlanSession *session, PlanSettings *ret_settings)
{
    PlanSettings settings = {0};
    pthread_mutex_lock(&session->lock);
    settings.ansi = conf_bool(session, "spark.sql.ansi.enabled");
    settings.case_sensitive = conf_bool(session, "spark.sql.caseSensitive");
    settings.group_by_alias = conf_bool(session, "spark.sql.groupByAliases");
    settings.group_by_ordinal = conf_bool(session, "spark.sql.groupByOrdinal");
    settings.order_by_ordinal = conf_bool(session, "spark.sql.orderByOrdinal");
    const char *policy = conf_value(session, "spark.sql.mapKeyDedupPolicy");
    settings.map_last_wins = policy && strcasecmp(policy, "LAST_WIN") == 0;
    const char *zone = conf_value(session, "spark.sql.session.timeZone");
    snprintf(settings.time_zone, sizeof(settings.time_zone), "%s", zone);
    settings.max_to_string_fields =
        (uint32_t)strtoul(conf_value(session, "spark.sql.debug.maxToStringFields"), NULL, 10);
    pthread_mutex_unlock(&session->lock);
    *ret_settings = settings;
}

uint64_t plan_session_generation(PlanSession *session)
{
    pthread_mutex_lock(&session->lock);
    uint64_t generation = session->generation;
    pthread_mutex_unlock(&session->lock);
    return generation;
}

char *plan_session_database(PlanSession *session)
{
    pthread_mutex_lock(&session->lock);
    char *copy = strdup(session->database ? session->database : "default");
    pthread_mutex_unlock(&session->lock);
    return copy;
}

int plan_session_set_database(PlanSession *session, const char *name)
{
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    pthread_mutex_lock(&session->lock);
    free(session->database);
    session->database = copy;
    session->generation++;
    pthread_mutex_unlock(&session->lock);
    return 0;
}

/* ---- views ---- */

const PlanView *plan_view_ref(const PlanView *view)
{
    __atomic_add_fetch(&((PlanView *)view)->n_refs, 1, __ATOMIC_RELAXED);
    return view;
}

const PlanView *plan_view_unref(const PlanView *const_view)
{
    PlanView *view = (PlanView *)const_view;
    if (!view || __atomic_sub_fetch(&view->n_refs, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    for (uint32_t i = 0; i < view->n_parents; i++)
        plan_view_unref(view->parents[i]);
    free(view->parents);
    mem_arena_free(view->arena); /* @view itself lives outside */
    free((char *)view->name);
    free((char *)view->database);
    free(view);
    return NULL;
}

/* With the lock held. Return: index or -1. */
static int64_t view_find(const PlanSession *s, const char *name)
{
    bool exact = conf_bool(s, "spark.sql.caseSensitive");
    for (uint32_t i = 0; i < s->n_views; i++)
        if ((exact ? strcmp : strcasecmp)(s->views[i]->name, name) == 0)
            return i;
    return -1;
}

/* Collects what a tree refers to while it is captured. */
typedef struct Capture {
    PlanSession *session;
    const PlanView **parents;
    uint32_t n_parents, capacity;
    const char *hidden[256]; /* names of the CTEs in scope */
    uint32_t n_hidden;
} Capture;

static int capture_rel(Capture *c, URel *rel);

static int capture_expr(Capture *c, UExpr *e)
{
    if (!e)
        return 0;
    int r = 0;
    for (uint32_t i = 0; i < e->n_args && r == 0; i++)
        r = capture_expr(c, e->args[i]);
    if (r == 0)
        r = capture_expr(c, e->filter);
    if (r == 0 && e->query)
        r = capture_rel(c, (URel *)e->query);
    return r;
}

static int capture_table(Capture *c, URel *rel)
{
    if (rel->n_parts != 1 || rel->view)
        return 0;
    for (uint32_t i = 0; i < c->n_hidden; i++)
        if (strcasecmp(c->hidden[i], rel->parts[0]) == 0)
            return 0;
    int64_t at = view_find(c->session, rel->parts[0]);
    if (at < 0)
        return 0;
    if (c->n_parents == c->capacity) {
        uint32_t capacity = c->capacity ? c->capacity * 2 : 4;
        const PlanView **grown = reallocarray(c->parents, capacity, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        c->parents = grown;
        c->capacity = capacity;
    }
    c->parents[c->n_parents++] = plan_view_ref(c->session->views[at]);
    rel->view = c->session->views[at];
    return 0;
}

static int capture_rel(Capture *c, URel *rel)
{
    if (!rel)
        return 0;
    if (rel->kind == UREL_TABLE)
        return capture_table(c, rel);
    uint32_t n_hidden = c->n_hidden;
    int r = 0;
    for (uint32_t i = 0; i < rel->n_inputs && r == 0; i++) {
        bool named = rel->kind == UREL_WITH && rel->inputs[i]->name;
        if (named && c->n_hidden == ARRAY_SIZE(c->hidden))
            return -ENOSPC;
        /* WITH RECURSIVE: inside its definition, too, the name is its own. */
        if (named && rel->all)
            c->hidden[c->n_hidden++] = rel->inputs[i]->name;
        r = capture_rel(c, rel->inputs[i]);
        if (named && !rel->all)
            c->hidden[c->n_hidden++] = rel->inputs[i]->name;
    }
    if (r == 0)
        r = capture_rel(c, rel->input);
    if (r == 0)
        r = capture_rel(c, rel->right);
    for (uint32_t i = 0; i < rel->n_exprs && r == 0; i++)
        r = capture_expr(c, rel->exprs[i]);
    for (uint32_t i = 0; i < rel->n_groups && r == 0; i++)
        r = capture_expr(c, rel->groups[i]);
    for (uint32_t i = 0; i < rel->n_keys && r == 0; i++)
        r = capture_expr(c, rel->keys[i].expr);
    if (r == 0)
        r = capture_expr(c, rel->condition);
    c->n_hidden = n_hidden;
    return r;
}

/* With the lock held: puts @view in the place of @at, or into the order. */
static int view_store(PlanSession *s, PlanView *view, int64_t at)
{
    if (at >= 0) {
        plan_view_unref(s->views[at]);
        s->views[at] = view;
        return 0;
    }
    if (s->n_views >= PLAN_SESSION_VIEWS_MAX)
        return -ENOSPC;
    if (s->n_views == s->views_capacity) {
        uint32_t capacity = s->views_capacity ? s->views_capacity * 2 : 16;
        PlanView **grown = reallocarray(s->views, capacity, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        s->views = grown;
        s->views_capacity = capacity;
    }
    uint32_t to = s->n_views++;
    for (; to > 0 && strcmp(s->views[to - 1]->name, view->name) > 0; to--)
        s->views[to] = s->views[to - 1];
    s->views[to] = view;
    return 0;
}

static void name_parameter(QueryError *error, const char *name)
{
    char quoted[260];
    (void)snprintf(quoted, sizeof(quoted), "`%.250s`", name);
    query_error_parameters(error, "relationName", quoted, NULL);
}

static PlanView *view_new(const char *name, const char *database, const URel *tree)
{
    PlanView *view = calloc(1, sizeof(*view));
    if (!view)
        return NULL;
    *view =
        (PlanView){.n_refs = 1, .name = strdup(name), .database = strdup(database), .tree = tree};
    if (!view->name || !view->database) {
        plan_view_unref(view);
        return NULL;
    }
    return view;
}

const PlanView *plan_view_new(const char *name, const char *database, const URel *tree,
                              MemArena *arena)
{
    PlanView *view = view_new(name, database, tree);
    if (!view)
        return NULL;
    view->arena = arena;
    view->is_catalogued = true;
    return view;
}

int plan_session_create_view(PlanSession *session, const char *name, URel *tree, MemArena *arena,
                             bool replace, QueryError *error)
{
    _cleanup_free_ char *database = plan_session_database(session);
    PlanView *view = database ? view_new(name, database, tree) : NULL;
    if (!view)
        return -ENOMEM;

    pthread_mutex_lock(&session->lock);
    int64_t at = view_find(session, name);
    Capture capture = {.session = session};
    int r = 0;
    if (at >= 0 && !replace)
        r = query_error_set(error, DATA_ERROR_ANALYSIS, "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS",
                            "42P07",
                            "Cannot create the temporary view `%s` because it already exists. "
                            "Choose a different name, drop or replace the existing view, or add "
                            "the IF NOT EXISTS clause to tolerate pre-existing views.",
                            name);
    if (r != 0)
        name_parameter(error, name);
    if (r == 0)
        r = capture_rel(&capture, tree);
    view->parents = capture.parents;
    view->n_parents = capture.n_parents;
    if (r == 0)
        r = view_store(session, view, at);
    if (r == 0) {
        view->arena = arena;
        session->generation++;
    }
    pthread_mutex_unlock(&session->lock);
    if (r != 0)
        plan_view_unref(view);
    return r;
}

int plan_session_drop_view(PlanSession *session, const char *name)
{
    pthread_mutex_lock(&session->lock);
    int64_t at = view_find(session, name);
    PlanView *view = at >= 0 ? session->views[at] : NULL;
    if (view) {
        session->n_views--;
        memmove(session->views + at, session->views + at + 1,
                (session->n_views - (uint32_t)at) * sizeof(*session->views));
        session->generation++;
    }
    pthread_mutex_unlock(&session->lock);
    plan_view_unref(view);
    return view != NULL;
}

const PlanView *plan_session_view(PlanSession *session, const char *name)
{
    pthread_mutex_lock(&session->lock);
    int64_t at = view_find(session, name);
    const PlanView *view = at >= 0 ? plan_view_ref(session->views[at]) : NULL;
    pthread_mutex_unlock(&session->lock);
    return view;
}

int plan_session_each_view(PlanSession *session, int (*each)(void *userdata, const char *name),
                           void *userdata)
{
    int r = 0;
    pthread_mutex_lock(&session->lock);
    for (uint32_t i = 0; i < session->n_views && r == 0; i++)
        r = each(userdata, session->views[i]->name);
    pthread_mutex_unlock(&session->lock);
    return r;
}
