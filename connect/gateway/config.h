/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The configuration of one session: what the client has set, over the defaults of Spark that
 * clients read. It lives in the gateway, so it survives the executor.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_ENTRIES_MAX 2000u
#define CONFIG_KEY_MAX 512u
#define CONFIG_VALUE_MAX (64u << 10)

typedef struct ConfigEntry {
    char *key, *value;
} ConfigEntry;

typedef struct Config {
    ConfigEntry *entries; /* sorted by key */
    unsigned n_entries, capacity;
} Config;

void config_done(Config *c);
/* NULL: neither set nor known. */
const char *config_get(const Config *c, const char *key);
/* The same without defaults. */
const char *config_get_set(const Config *c, const char *key);
/* Return: 0; -E2BIG when a limit is reached; -EINVAL for an empty key; -ENOMEM. */
int config_set(Config *c, const char *key, const char *value);
void config_unset(Config *c, const char *key);
int config_copy(Config *to, const Config *from);

/**
 * config_check() - may a known key have this value?
 * Return: NULL, or what it should be, to follow "should be". Unknown keys may have any value.
 */
const char *config_check(const char *key, const char *value);

/* Static configuration of a Spark application cannot be set in a session. */
bool config_is_static(const char *key);
bool config_is_known(const char *key);
/* The i-th default, or false beyond the last. */
bool config_default(size_t i, const char **ret_key, const char **ret_value);
