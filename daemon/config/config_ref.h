/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A configuration that jobs on other threads may still read after a reload. Counted by the loop
 * only. */

#include <stdlib.h>

#include "daemon/config/config.h"

typedef struct ConfigRef {
    unsigned n_refs;
    Config config;
} ConfigRef;

static inline ConfigRef *config_ref(ConfigRef *ref)
{
    ref->n_refs++;
    return ref;
}

/* Accepts NULL. Return: NULL. */
static inline ConfigRef *config_unref(ConfigRef *ref)
{
    if (ref && --ref->n_refs == 0)
        free(ref);
    return NULL;
}
