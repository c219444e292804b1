/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How files that were written become visible: all of them, or none. The protocol and its
 * invariants W-1 to W-8 are in README.md.
 *
 *   commit_begin()      the target looked at, a staging directory beside or in it
 *   (files are written below commit_directory())
 *   commit_end()        everything on disk, one rename, what is left over removed
 *   commit_free()       without commit_end(): as if nothing had been
 */

#include <stdbool.h>

#include "exec/memory/query_error.h"

typedef enum CommitMode {
    COMMIT_ERROR, /* the target must not exist */
    COMMIT_IGNORE,
    COMMIT_OVERWRITE,
    COMMIT_APPEND,
    COMMIT_REPLACE, /* of a target that is there only the partitions that are written */
} CommitMode;

/* Between which two of them a process may die. */
typedef enum CommitStep {
    COMMIT_STEP_STAGED,  /* the staging directory is there */
    COMMIT_STEP_SYNCED,  /* its files are on disk */
    COMMIT_STEP_POINT,   /* the rename that counts is next */
    COMMIT_STEP_VISIBLE, /* it has been done */
    COMMIT_STEP_MOVED,   /* append, replace: one more file or partition is where it belongs */
    COMMIT_STEP_DONE,    /* nothing is left over */
} CommitStep;

/*
 * Called at each step, by the thread that commits. A return other than 0 at a step before
 * COMMIT_STEP_VISIBLE ends the commit with it, and nothing has happened; afterwards it is not
 * looked at.
 */
typedef int (*CommitStepCall)(void *userdata, CommitStep step);

typedef struct Commit Commit;

/* The mode is COMMIT_IGNORE and the target exists: there is nothing to do. */
#define COMMIT_E_IGNORED 1

/**
 * commit_begin() - make a place for files
 * Of COMMIT_REPLACE the name of each file has commit_id() in it.
 * @path:  absolute; what is missing above it is made
 * @step:  nullable
 * Sweeps what writers that died have left beside and in the target, and completes what they had
 * committed. Return: 0; COMMIT_E_IGNORED; QUERY_E_FAILED (PATH_ALREADY_EXISTS, TASK_WRITE_FAILED);
 * -ENOMEM; what @step gave.
 */
int commit_begin(const char *path, CommitMode mode, CommitStepCall step, void *userdata,
                 Commit **ret_commit, QueryError *error);
/* Where to write; borrowed. */
int commit_directory(const Commit *commit);
/* 32 hexadecimal digits in the form of a UUID, for names of files. */
const char *commit_id(const Commit *commit);
/**
 * commit_end() - make it visible
 * Return: 0: it is there, whatever happens from now on; QUERY_E_FAILED; -ENOMEM; what the step
 * gave. After a failure nothing is visible; of COMMIT_REPLACE some partitions may be, when the file
 * system refused one of several.
 */
int commit_end(Commit *commit, QueryError *error);
/* Accepts NULL. */
Commit *commit_free(Commit *commit);
static inline void commit_freep(Commit **commit)
{
    commit_free(*commit);
}
