/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler/version/version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/version/version_internal.h"

#define DAY_USEC (24 * 3600 * USEC_PER_SEC)
#define PROBE_DOUBLINGS_MAX 6u

VersionConfig version_config_default(void)
{
    return (VersionConfig){
        .workloads_max = 65536,
        .tenant_workloads_max = 8192,
        .tenant_pins_max = 256,
        .canary_permille = 100,
        .trial_runs = 200,
        .halt_pins = 3,
        .slow_percent = 300,
        .slow_least_usec = 200 * USEC_PER_MSEC,
        .known_runs = 3,
        .pin_usec = 30 * DAY_USEC,
        .probe_usec = DAY_USEC,
        .unpin_runs = 3,
        .workload_pins_max = 3,
        .explained_usec = DAY_USEC,
    };
}

int versions_new(const VersionConfig *c, Versions **ret_versions)
{
    if (c->workloads_max < 16 || c->workloads_max > 1048576 || c->tenant_workloads_max == 0 ||
        c->canary_permille > 1000 || c->slow_percent <= 100 || c->known_runs == 0 ||
        c->unpin_runs == 0 || c->probe_usec == 0)
        return -EINVAL;
    Versions *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->config = *c;
    if (book_init(&v->book, c->workloads_max, MIN(c->tenant_workloads_max, c->workloads_max)) < 0) {
        free(v);
        return -ENOMEM;
    }
    *ret_versions = v;
    return 0;
}

Versions *versions_free(Versions *v)
{
    if (!v)
        return NULL;
    book_done(&v->book);
    free(v);
    return NULL;
}

static Version *find_version(Versions *v, uint32_t number)
{
    for (uint32_t i = 0; i < v->n_versions; i++)
        if (v->versions[i].number == number)
            return &v->versions[i];
    return NULL;
}

static uint32_t newest(const Versions *v)
{
    return v->n_versions ? v->versions[v->n_versions - 1].number : VERSION_NONE;
}

/* The floor never takes the last one away. */
static bool may_serve(const Versions *v, uint32_t number)
{
#ifdef BERTH_MUTATION_NO_FLOOR
    return true;
#endif
    return number >= v->floor || number == newest(v);
}

/* The next older one that may serve. */
static uint32_t before(const Versions *v, uint32_t number)
{
    for (uint32_t i = v->n_versions; i-- > 0;)
        if (v->versions[i].number < number && may_serve(v, v->versions[i].number))
            return v->versions[i].number;
    return VERSION_NONE;
}

int versions_install(Versions *v, uint32_t number)
{
    if (number == VERSION_NONE)
        return -EINVAL;
    if (find_version(v, number))
        return 0;
    if (v->n_versions == VERSIONS_MAX)
        return -ENOSPC;
    uint32_t i = v->n_versions++;
    for (; i > 0 && v->versions[i - 1].number > number; i--)
        v->versions[i] = v->versions[i - 1];
    v->versions[i] = (Version){
        .number = number, .on_trial = i + 1 == v->n_versions && i > 0 && v->config.trial_runs > 0};
    return 0;
}

void versions_remove(Versions *v, uint32_t number)
{
    Version *x = find_version(v, number);
    if (!x)
        return;
    memmove(x, x + 1, (size_t)(v->versions + --v->n_versions - x) * sizeof(*x));
}

void versions_set_floor(Versions *v, uint32_t number)
{
    v->floor = number;
}

void versions_accept(Versions *v, uint32_t number)
{
    Version *x = find_version(v, number);
    if (x)
        x->on_trial = x->halted = false;
}

/* Always the same share of sessions, by their number alone. */
static bool is_canary(const Versions *v, uint64_t session)
{
    uint64_t z = session * UINT64_C(0xd1342543de82ef95);
    return (z >> 32) % 1000 < v->config.canary_permille;
}

uint32_t versions_for_session(const Versions *v, uint64_t session)
{
    uint32_t oldest = VERSION_NONE;
    for (uint32_t i = v->n_versions; i-- > 0;) {
        const Version *x = &v->versions[i];
        if (!may_serve(v, x->number))
            break;
        oldest = x->number;
        if (!x->halted && (!x->on_trial || is_canary(v, session)))
            return x->number;
    }
    return oldest; /* all on trial, or worse: the oldest that may serve */
}

static VersionRuns *runs_on(Workload *w, uint32_t version)
{
    for (uint32_t i = 0; i < VERSION_RECORD_RUNS; i++)
        if (w->r.runs[i].version == version)
            return &w->r.runs[i];
    return NULL;
}

/* What is known of it on that version; the oldest version is forgotten for it. */
static VersionRuns *open_runs(Workload *w, uint32_t version)
{
    VersionRuns *runs = runs_on(w, version);
    if (runs)
        return runs;
    runs = w->r.runs;
    for (uint32_t i = 1; i < VERSION_RECORD_RUNS; i++)
        if (w->r.runs[i].version < runs->version)
            runs = &w->r.runs[i];
    *runs = (VersionRuns){.version = version};
    return runs;
}

/* Has it ended well on an older version? */
static bool was_good_before(const Workload *w, uint32_t version)
{
    for (uint32_t i = 0; i < VERSION_RECORD_RUNS; i++)
        if (w->r.runs[i].version < version && w->r.runs[i].n_good > 0)
            return true;
    return false;
}

/* A pin that has had its time, or whose version may not serve any more, is gone. */
static void drop_stale_pin(Versions *v, Workload *w, uint64_t now_usec)
{
    if (w->r.pinned == VERSION_NONE)
        return;
    if (now_usec - w->r.pinned_usec >= v->config.pin_usec || !find_version(v, w->r.pinned) ||
        !may_serve(v, w->r.pinned)) {
        book_pin(&v->book, w, VERSION_NONE, VERSION_NONE);
        w->r.compare = VERSION_NONE;
    }
}

/* Its session's version may have gone while it was open. */
static uint32_t as_it_is(Versions *v, uint32_t version, VersionWhy *ret_why)
{
    bool there = find_version(v, version) && may_serve(v, version);
    *ret_why = there ? VERSION_WHY_AS_IT_IS : VERSION_WHY_GONE;
    return there ? version : newest(v);
}

uint32_t versions_for_query(Versions *v, const VersionQuery *q, VersionWhy *ret_why)
{
    Workload *w = q->fingerprint ? book_find(&v->book, q->uid, q->fingerprint) : NULL;
    if (!w)
        return as_it_is(v, q->version, ret_why);
    drop_stale_pin(v, w, q->now_usec);
    if (w->r.pinned != VERSION_NONE) {
        /* What has come since it was pinned is tried at once, and then at its pace. */
        bool untried = newest(v) > w->r.bad && newest(v) > w->r.tried;
        if (q->repeatable && (untried || q->now_usec >= w->r.probe_at_usec)) {
            *ret_why = VERSION_WHY_PROBED;
            return newest(v);
        }
        *ret_why = VERSION_WHY_PINNED;
        return w->r.pinned;
    }
    if (w->r.compare != VERSION_NONE && w->r.compare == q->version && q->repeatable &&
        before(v, q->version) != VERSION_NONE) {
        *ret_why = VERSION_WHY_COMPARED;
        return before(v, q->version);
    }
    return as_it_is(v, q->version, ret_why);
}

/* For as much data as it reads now. */
static uint64_t expected_cost(const VersionRuns *runs, uint64_t scan_bytes)
{
    if (runs->scan_bytes < 1048576 || scan_bytes <= runs->scan_bytes)
        return runs->cost_usec;
    double factor = (double)scan_bytes / (double)runs->scan_bytes;
    return (uint64_t)((double)runs->cost_usec * MIN(factor, 1000.0));
}

static bool is_slower(const Versions *v, const VersionRuns *than, uint64_t cost_usec,
                      uint64_t scan_bytes)
{
    return cost_usec >= v->config.slow_least_usec &&
           cost_usec / v->config.slow_percent * 100 > expected_cost(than, scan_bytes);
}

/* Beside the newest older version on which its cost is known. */
static const VersionRuns *known_before(const Versions *v, Workload *w, uint32_t version)
{
    const VersionRuns *best = NULL;
    for (uint32_t i = 0; i < VERSION_RECORD_RUNS; i++) {
        const VersionRuns *r = &w->r.runs[i];
        if (r->version != VERSION_NONE && r->version < version &&
            r->n_good >= v->config.known_runs && (!best || r->version > best->version))
            best = r;
    }
    return best;
}

static void learn_good(VersionRuns *runs, const VersionRun *run)
{
    bool first = runs->n_good == 0;
    runs->n_good = MIN(runs->n_good + 1, UINT32_MAX - 1);
    runs->cost_usec = first ? run->cost_usec : (runs->cost_usec * 3 + run->cost_usec) / 4;
    runs->scan_bytes = first ? run->scan_bytes : (runs->scan_bytes * 3 + run->scan_bytes) / 4;
}

/* A pin is remembered against its version's trial; one user alone cannot halt it. */
static bool halts(Versions *v, uint32_t bad, uint32_t uid)
{
    Version *x = find_version(v, bad);
    if (!x || !x->on_trial || x->halted)
        return false;
    if (x->n_trial_pins++ == 0)
        x->first_pin_uid = uid;
    x->others_pinned = x->others_pinned || x->first_pin_uid != uid;
    x->halted = x->others_pinned && x->n_trial_pins >= v->config.halt_pins;
    return x->halted;
}

static VersionVerdict pin(Versions *v, Workload *w, const VersionRun *run, uint32_t good,
                          uint32_t bad, const char *reason)
{
    uint64_t now = run->query.now_usec;
    const VersionConfig *c = &v->config;
    if (now - w->r.first_pin_usec >= c->pin_usec) {
        w->r.first_pin_usec = now;
        w->r.n_pins = 0;
    }
    w->r.compare = VERSION_NONE;
    if (w->r.n_pins >= c->workload_pins_max ||
        book_tenant(&v->book, w)->n_pins >= c->tenant_pins_max)
        return (VersionVerdict){0}; /* it comes and goes: not worth trusting */
    w->r.n_pins++;
    w->r.pinned_usec = now;
    w->r.probe_wait_usec = c->probe_usec;
    w->r.probe_at_usec = now + c->probe_usec;
    book_pin(&v->book, w, good, bad);
    return (VersionVerdict){.step = VERSION_STEP_PIN,
                            .version = good,
                            .instead_of = bad,
                            .halted = halts(v, bad, run->query.uid),
                            .reason = reason};
}

/* It did not do on the newest yet: later again, each time after twice as long. */
static void probe_later(const Versions *v, Workload *w, const VersionQuery *q)
{
    w->r.n_probes = 0;
    w->r.tried = MAX(w->r.tried, q->version);
    w->r.probe_wait_usec =
        MIN(2 * w->r.probe_wait_usec, v->config.probe_usec << PROBE_DOUBLINGS_MAX);
    w->r.probe_at_usec = q->now_usec + w->r.probe_wait_usec;
}

static VersionVerdict on_done(Versions *v, Workload *w, const VersionRun *run)
{
    const VersionQuery *q = &run->query;
    VersionRuns *runs = open_runs(w, q->version);
    Version *x = find_version(v, q->version);
    const VersionRuns *than = known_before(v, w, q->version);
    bool slow = than && is_slower(v, than, run->cost_usec, run->scan_bytes);
    uint32_t compared = w->r.compare;

    if (run->retry_of != VERSION_NONE && run->retry_of > q->version) {
        learn_good(runs, run);
        if (w->r.pinned != VERSION_NONE)
            return (VersionVerdict){0}; /* a probe that failed: it is where it was */
        return pin(v, w, run, q->version, run->retry_of,
                   "it failed on the newer version and not on this one");
    }
    if (run->why == VERSION_WHY_COMPARED && compared > q->version) {
        const VersionRuns *on_newer = runs_on(w, compared);
        w->r.compare = VERSION_NONE;
        learn_good(runs, run);
        /* @on_newer: its bad runs carry the slow cost. */
        if (on_newer && on_newer->cost_usec / v->config.slow_percent * 100 >
                            expected_cost(&(VersionRuns){.cost_usec = run->cost_usec,
                                                         .scan_bytes = run->scan_bytes},
                                          on_newer->scan_bytes))
            return pin(v, w, run, q->version, compared,
                       "it was much slower on the newer version than on this one");
        w->r.explained_version = compared; /* slow here as well: it has become so */
        w->r.explained_error = 0;
        w->r.explained_usec = q->now_usec;
        return (VersionVerdict){0};
    }
    if (slow) {
        bool explained = w->r.explained_version == q->version && w->r.explained_error == 0 &&
                         q->now_usec - w->r.explained_usec < v->config.explained_usec;
        runs->n_bad++;
        if (runs->n_good == 0) { /* what it costs here, for the comparison */
            runs->cost_usec = run->cost_usec;
            runs->scan_bytes = run->scan_bytes;
        }
        if (w->r.pinned != VERSION_NONE && run->why == VERSION_WHY_PROBED)
            probe_later(v, w, q);
        else if (!explained && w->r.pinned == VERSION_NONE)
            w->r.compare = q->version;
        if (explained)
            learn_good(runs, run);
        return (VersionVerdict){0};
    }
    learn_good(runs, run);
    if (w->r.compare == q->version && w->r.pinned == VERSION_NONE)
        w->r.compare = VERSION_NONE; /* it was slow once, no more */
    if (x && x->on_trial && ++x->n_good >= v->config.trial_runs && !x->halted)
        x->on_trial = false;
    if (w->r.pinned == VERSION_NONE || q->version <= w->r.pinned)
        return (VersionVerdict){0};
    if (++w->r.n_probes < v->config.unpin_runs) {
        w->r.probe_at_usec = q->now_usec; /* the next one as well */
        return (VersionVerdict){0};
    }
    book_pin(&v->book, w, VERSION_NONE, VERSION_NONE);
    w->r.compare = VERSION_NONE;
    return (VersionVerdict){.step = VERSION_STEP_UNPIN,
                            .version = q->version,
                            .reason = "it does well on the newer version"};
}

/* Could the version be at fault, by the cause alone? */
static bool may_blame(const Workload *w, const VersionRun *run)
{
#ifdef BERTH_MUTATION_BLAME
    if (run->outcome == VERSION_OUTCOME_STRANGE)
        return true;
#endif
    if (run->outcome == VERSION_OUTCOME_CRASH || run->outcome == VERSION_OUTCOME_INTERNAL)
        return true;
    /* Most errors are the query's. One that did well before may have met a wrong one. */
    return run->outcome == VERSION_OUTCOME_ERROR && was_good_before(w, run->query.version);
}

/* The error as it is remembered: a crash has none of its own. */
static uint32_t error_of(const VersionRun *run)
{
    return run->outcome == VERSION_OUTCOME_CRASH ? UINT32_MAX : MAX(run->error, 1u);
}

static VersionVerdict on_failed(Versions *v, Workload *w, const VersionRun *run)
{
    const VersionQuery *q = &run->query;
    uint64_t now = q->now_usec;
    open_runs(w, q->version)->n_bad++;
    if (run->retry_of != VERSION_NONE) {
        /* Not the newer version's fault. It goes no further down. */
        w->r.explained_version = run->retry_of;
        w->r.explained_error = error_of(run);
        w->r.explained_usec = now;
        return (VersionVerdict){0};
    }
    if (w->r.pinned != VERSION_NONE && q->version > w->r.pinned) {
        probe_later(v, w, q);
        return q->repeatable ? (VersionVerdict){.step = VERSION_STEP_RETRY,
                                                .version = w->r.pinned,
                                                .instead_of = q->version,
                                                .reason = "it does not do on the newer one yet"}
                             : (VersionVerdict){0};
    }
    if (w->r.pinned != VERSION_NONE) {
        /* The pin has not kept what it promised. */
        book_pin(&v->book, w, VERSION_NONE, VERSION_NONE);
        w->r.compare = VERSION_NONE;
        w->r.explained_version = newest(v);
        w->r.explained_error = error_of(run);
        w->r.explained_usec = now;
        return (VersionVerdict){.step = VERSION_STEP_UNPIN,
                                .version = newest(v),
                                .reason = "it fails on the version that it was pinned to"};
    }
    bool explained = w->r.explained_version == q->version &&
                     w->r.explained_error == error_of(run) &&
                     now - w->r.explained_usec < v->config.explained_usec;
    uint32_t older = before(v, q->version);
    /* Only from the newest, so that nobody walks down step by step. */
    if (explained || !q->repeatable || older == VERSION_NONE || q->version != newest(v) ||
        w->r.n_pins >= v->config.workload_pins_max)
        return (VersionVerdict){0};
    return (VersionVerdict){.step = VERSION_STEP_RETRY,
                            .version = older,
                            .instead_of = q->version,
                            .reason = "nothing that is known of it explains the failure"};
}

VersionVerdict versions_outcome(Versions *v, const VersionRun *run)
{
    const VersionQuery *q = &run->query;
    if (q->fingerprint == 0)
        return (VersionVerdict){0};
#ifndef BERTH_MUTATION_BLAME
    if (run->outcome == VERSION_OUTCOME_STRANGE)
        return (VersionVerdict){0};
#endif
    Workload *w = book_open(&v->book, q->uid, q->fingerprint);
    w->r.used_usec = q->now_usec;
    drop_stale_pin(v, w, q->now_usec);
    if (run->outcome == VERSION_OUTCOME_DONE)
        return on_done(v, w, run);
    return may_blame(w, run) || run->retry_of != VERSION_NONE || w->r.pinned != VERSION_NONE
               ? on_failed(v, w, run)
               : (VersionVerdict){0};
}

bool versions_each(const Versions *v, size_t *index, VersionInfo *ret_info)
{
    if (*index >= v->n_versions)
        return false;
    const Version *x = &v->versions[(*index)++];
    VersionInfo info = {.version = x->number,
                        .below_floor = !may_serve(v, x->number),
                        .on_trial = x->on_trial,
                        .halted = x->halted,
                        .n_good = x->n_good};
    list_for_each (n, &v->book.by_age) {
        const VersionRecord *r = &container_of(n, Workload, by_age)->r;
        info.n_pins += r->pinned != VERSION_NONE && r->bad == x->number;
    }
    *ret_info = info;
    return true;
}

bool versions_export(const Versions *v, size_t *index, VersionRecord *ret_record)
{
    for (; *index < v->book.n_max; (*index)++) {
        const Workload *w = &v->book.workloads[*index];
        if (w->r.fingerprint == 0 || book_find(&v->book, w->r.uid, w->r.fingerprint) != w)
            continue;
        *ret_record = w->r;
        (*index)++;
        return true;
    }
    return false;
}

int versions_import(Versions *v, const VersionRecord *r)
{
    if (r->fingerprint == 0 || (r->pinned != VERSION_NONE && r->bad <= r->pinned) ||
        r->n_pins > v->config.workload_pins_max || r->n_probes > v->config.unpin_runs ||
        r->probe_wait_usec > v->config.probe_usec << PROBE_DOUBLINGS_MAX)
        return -EINVAL;
    if (book_find(&v->book, r->uid, r->fingerprint))
        return -EEXIST;
    Workload *w = book_open(&v->book, r->uid, r->fingerprint);
    uint32_t pinned = r->pinned, bad = r->bad, n_probes = r->n_probes, tried = r->tried;
    if (book_tenant(&v->book, w)->n_pins >= v->config.tenant_pins_max)
        pinned = bad = n_probes = 0;
    w->r = *r;
    w->r.pinned = VERSION_NONE; /* so that the count is right */
    book_pin(&v->book, w, pinned, bad);
    w->r.n_probes = n_probes;
    w->r.tried = tried;
    return 0;
}
