/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which version of the executor serves whom: versions side by side, outcomes and cost by workload
 * and version, retries on the version before, pins. A pure policy like the rest of the scheduler:
 * times come with the calls, one allocation at the start, the same calls give the same answers.
 *
 *     versions_for_session()    a new session: the newest, or the one before while that is on trial
 *     versions_for_query()      a query of a known workload: here, or elsewhere (pinned, probed)
 *     versions_outcome()        how it went; the answer may be to run it again on another version
 *
 * A version is a number, higher is newer; names are the caller's. A workload is (uid, fingerprint),
 * so what one user's queries do never moves another's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERSIONS_MAX 16u       /* installed at a time */
#define VERSION_RECORD_RUNS 4u /* versions that are remembered of one workload */
#define VERSION_NONE 0u

typedef struct VersionConfig {
    uint32_t workloads_max;        /* remembered, 16..1048576 */
    uint32_t tenant_workloads_max; /* of one user; beyond it, its own oldest goes */
    uint32_t tenant_pins_max;      /* of one user */
    uint32_t canary_permille;      /* of new sessions that get a version on trial */
    uint32_t trial_runs;           /* good runs that end the trial */
    uint32_t halt_pins;            /* pins away from it, by two users at least, that halt it */
    uint32_t slow_percent;         /* of the former cost, from which on a run is slow; above 100 */
    uint64_t slow_least_usec;      /* shorter runs are never slow */
    uint32_t known_runs;           /* good runs after which the cost on a version is known */
    uint64_t pin_usec;             /* after so long a pin is gone, whatever happened */
    uint64_t probe_usec;           /* a pinned workload tries again; doubles with each failure */
    uint32_t unpin_runs;           /* good probes in a row that free it */
    uint32_t workload_pins_max;    /* how often one workload may be pinned in pin_usec */
    uint64_t explained_usec;       /* how long a failure that is nobody's fault explains others */
} VersionConfig;

VersionConfig version_config_default(void);

typedef struct Versions Versions;

/* Return: 0; -EINVAL for values that cannot be; -ENOMEM. */
int versions_new(const VersionConfig *config, Versions **ret_versions);
Versions *versions_free(Versions *v);

static inline void versions_freep(Versions **v)
{
    *v = versions_free(*v);
}

/**
 * versions_install() - @version can be started from now on
 * The newest one begins its trial, unless it is the only one. Return: 0; -ENOSPC; -EINVAL for
 * VERSION_NONE.
 */
int versions_install(Versions *v, uint32_t version);
void versions_remove(Versions *v, uint32_t version);
/* Nobody gets an older one, pinned or not. Above all that are installed, the newest one serves. */
void versions_set_floor(Versions *v, uint32_t version);
/* By the administrator: every new session gets it, whatever its trial said. */
void versions_accept(Versions *v, uint32_t version);

/* What a new session runs on. Return: VERSION_NONE when none is installed. */
uint32_t versions_for_session(const Versions *v, uint64_t session);

typedef enum VersionWhy {
    VERSION_WHY_AS_IT_IS,
    VERSION_WHY_PINNED,
    VERSION_WHY_COMPARED, /* it was slow: once on the version before, to know why */
    VERSION_WHY_PROBED,   /* pinned, and tries the newest again */
    VERSION_WHY_GONE,     /* its version is below the floor or no longer installed */
    _VERSION_WHY_MAX,
} VersionWhy;

typedef struct VersionQuery {
    uint64_t now_usec;
    uint32_t uid;
    uint32_t version;     /* that its session runs on */
    uint64_t fingerprint; /* 0: unknown, always as it is */
    bool repeatable;      /* nothing is lost and nothing done twice when it runs again */
} VersionQuery;

uint32_t versions_for_query(Versions *v, const VersionQuery *query, VersionWhy *ret_why);

typedef enum VersionOutcome {
    VERSION_OUTCOME_DONE,
    VERSION_OUTCOME_ERROR,    /* the query's error, as the client would read it */
    VERSION_OUTCOME_INTERNAL, /* the executor says that it is its own fault */
    VERSION_OUTCOME_CRASH,    /* SIGSEGV, SIGABRT, ... */
    VERSION_OUTCOME_STRANGE,  /* seccomp, a signal of the client's own, kill, out of memory, quota,
                                 time-out, cancelled: never a version's fault (D-9) */
    _VERSION_OUTCOME_MAX,
} VersionOutcome;

typedef struct VersionRun {
    VersionQuery query; /* @version: that it ran on; @repeatable: still, no row has been sent */
    VersionOutcome outcome;
    VersionWhy why;     /* it ran there */
    uint32_t retry_of;  /* the version on which it failed a moment ago; VERSION_NONE: first try */
    uint32_t error;     /* a number for the class of the error; 0 unless ERROR or INTERNAL */
    uint64_t cost_usec; /* CPU time */
    uint64_t scan_bytes;
} VersionRun;

typedef enum VersionStep {
    VERSION_STEP_NONE,
    VERSION_STEP_RETRY, /* run it again on @version, before the client hears of it */
    VERSION_STEP_PIN,   /* the workload stays on @version; to be reported */
    VERSION_STEP_UNPIN, /* it is free again */
    _VERSION_STEP_MAX,
} VersionStep;

typedef struct VersionVerdict {
    VersionStep step;
    uint32_t version;
    uint32_t instead_of; /* PIN: the one that did not do */
    bool halted;         /* the trial of @instead_of ends here: new sessions get another one */
    const char *reason;  /* static text for the journal; NULL when @step is NONE */
} VersionVerdict;

VersionVerdict versions_outcome(Versions *v, const VersionRun *run);

/* Views and persistence: plain records, in no order. */

typedef struct VersionInfo {
    uint32_t version;
    bool below_floor, on_trial, halted;
    uint32_t n_good; /* runs, in its trial */
    uint32_t n_pins; /* workloads that are pinned away from it */
} VersionInfo;

bool versions_each(const Versions *v, size_t *index, VersionInfo *ret_info);

typedef struct VersionRuns {
    uint32_t version; /* VERSION_NONE: this entry is not used */
    uint32_t n_good, n_bad;
    uint64_t cost_usec; /* smoothed, of good runs */
    uint64_t scan_bytes;
} VersionRuns;

typedef struct VersionRecord {
    uint64_t fingerprint;
    uint32_t uid;
    uint32_t pinned;   /* VERSION_NONE: free */
    uint32_t bad;      /* the version that it was pinned away from */
    uint32_t n_probes; /* good ones in a row */
    uint32_t n_pins;   /* since first_pin_usec */
    uint32_t tried;    /* the newest one on which it has failed since it was pinned */
    uint32_t compare;  /* next run goes to the version before this one */
    uint32_t explained_error, explained_version; /* a failure that the version before had, too */
    uint64_t used_usec, pinned_usec, first_pin_usec, probe_at_usec, probe_wait_usec, explained_usec;
    VersionRuns runs[VERSION_RECORD_RUNS];
} VersionRecord;

bool versions_export(const Versions *v, size_t *index, VersionRecord *ret_record);
/* Of an export, perhaps of another life. Return: 0; -EINVAL for a record that cannot be; -EEXIST.
 */
int versions_import(Versions *v, const VersionRecord *record);
