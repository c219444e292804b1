/* SPDX-License-Identifier: Apache-2.0 */
#include "connect/gateway/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/*
 * Spark's defaults for the keys that clients read or people ask for. Where ours differ, the value
 * says what Berth does: a local relation is as large as what a user may upload, and there is no JVM
 * whose stack could be shown.
 */
static const struct {
    const char *key, *value;
} defaults[] = {
    {"spark.app.name", "Spark Connect"},
    {"spark.connect.session.planCompression.defaultAlgorithm", "ZSTD"},
    {"spark.connect.session.planCompression.threshold", "10485760"},
    {"spark.sql.adaptive.enabled", "true"},
    {"spark.sql.ansi.enabled", "true"},
    {"spark.sql.autoBroadcastJoinThreshold", "10485760b"},
    {"spark.sql.caseSensitive", "false"},
    {"spark.sql.catalogImplementation", "in-memory"},
    {"spark.sql.connect.enrichError.enabled", "true"},
    {"spark.sql.connect.serverStacktrace.enabled", "false"},
    {"spark.sql.execution.arrow.maxRecordsPerBatch", "10000"},
    {"spark.sql.execution.arrow.pyspark.enabled", "false"},
    {"spark.sql.execution.arrow.pyspark.fallback.enabled", "true"},
    {"spark.sql.execution.arrow.pyspark.selfDestruct.enabled", "false"},
    {"spark.sql.execution.arrow.useLargeVarTypes", "false"},
    {"spark.sql.execution.pandas.convertToArrowArraySafely", "false"},
    {"spark.sql.execution.pandas.inferPandasDictAsMap", "false"},
    {"spark.sql.execution.pandas.structHandlingMode", "legacy"},
    {"spark.sql.execution.pyspark.binaryAsBytes", "true"},
    {"spark.sql.execution.pythonUDF.arrow.enabled", "false"},
    {"spark.sql.execution.pythonUDTF.arrow.enabled", "false"},
    {"spark.sql.files.maxPartitionBytes", "134217728b"},
    {"spark.sql.globalTempDatabase", "global_temp"},
    {"spark.sql.legacy.timeParserPolicy", "CORRECTED"},
    {"spark.sql.mapKeyDedupPolicy", "EXCEPTION"},
    {"spark.sql.parquet.compression.codec", "snappy"},
    {"spark.sql.pyspark.inferNestedDictAsStruct.enabled", "false"},
    {"spark.sql.pyspark.jvmStacktrace.enabled", "false"},
    {"spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled", "false"},
    {"spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled", "false"},
    {"spark.sql.repl.eagerEval.enabled", "false"},
    {"spark.sql.repl.eagerEval.maxNumRows", "20"},
    {"spark.sql.repl.eagerEval.truncate", "20"},
    {"spark.sql.session.localRelationBatchOfChunksSizeBytes", "1073741824"},
    {"spark.sql.session.localRelationCacheThreshold", "1048576"},
    {"spark.sql.session.localRelationChunkSizeBytes", "16777216"},
    {"spark.sql.session.localRelationChunkSizeRows", "10000"},
    {"spark.sql.session.localRelationSizeLimit", "1073741824"},
    {"spark.sql.session.timeZone", "UTC"},
    {"spark.sql.shuffle.partitions", "200"},
    {"spark.sql.sources.default", "parquet"},
    {"spark.sql.sources.partitionOverwriteMode", "STATIC"},
    {"spark.sql.timestampType", "TIMESTAMP_LTZ"},
    {"spark.sql.warehouse.dir", "spark-warehouse"},
};

static const char *const static_keys[] = {
    "spark.sql.catalogImplementation", "spark.sql.extensions",
    "spark.sql.globalTempDatabase",    "spark.sql.streaming.streamingQueryListeners",
    "spark.sql.warehouse.dir",
};

void config_done(Config *c)
{
    for (unsigned i = 0; i < c->n_entries; i++) {
        free(c->entries[i].key);
        free(c->entries[i].value);
    }
    free(c->entries);
    *c = (Config){0};
}

/* The place of @key, or where it belongs. */
static unsigned place_of(const Config *c, const char *key, bool *ret_found)
{
    unsigned low = 0, high = c->n_entries;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int k = strcmp(c->entries[middle].key, key);
        if (k == 0) {
            *ret_found = true;
            return middle;
        }
        if (k < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static const char *default_of(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        if (strcmp(defaults[i].key, key) == 0)
            return defaults[i].value;
    return NULL;
}

const char *config_get(const Config *c, const char *key)
{
    bool found;
    unsigned at = place_of(c, key, &found);
    return found ? c->entries[at].value : default_of(key);
}

const char *config_get_set(const Config *c, const char *key)
{
    bool found;
    unsigned at = place_of(c, key, &found);
    return found ? c->entries[at].value : NULL;
}

int config_set(Config *c, const char *key, const char *value)
{
    if (!*key)
        return -EINVAL;
    if (strlen(key) > CONFIG_KEY_MAX || strlen(value) > CONFIG_VALUE_MAX)
        return -E2BIG;
    _cleanup_free_ char *new_value = strdup(value);
    if (!new_value)
        return -ENOMEM;
    bool found;
    unsigned at = place_of(c, key, &found);
    if (found) {
        free(c->entries[at].value);
        c->entries[at].value = TAKE_PTR(new_value);
        return 0;
    }
    if (c->n_entries == CONFIG_ENTRIES_MAX)
        return -E2BIG;
    if (c->n_entries == c->capacity) {
        unsigned capacity = c->capacity ? c->capacity * 2 : 16;
        ConfigEntry *more = realloc(c->entries, capacity * sizeof(*more));
        if (!more)
            return -ENOMEM;
        c->entries = more;
        c->capacity = capacity;
    }
    char *new_key = strdup(key);
    if (!new_key)
        return -ENOMEM;
    memmove(c->entries + at + 1, c->entries + at, (c->n_entries - at) * sizeof(*c->entries));
    c->entries[at] = (ConfigEntry){.key = new_key, .value = TAKE_PTR(new_value)};
    c->n_entries++;
    return 0;
}

void config_unset(Config *c, const char *key)
{
    bool found;
    unsigned at = place_of(c, key, &found);
    if (!found)
        return;
    free(c->entries[at].key);
    free(c->entries[at].value);
    c->n_entries--;
    memmove(c->entries + at, c->entries + at + 1, (c->n_entries - at) * sizeof(*c->entries));
}

int config_copy(Config *to, const Config *from)
{
    for (unsigned i = 0; i < from->n_entries; i++) {
        int r = config_set(to, from->entries[i].key, from->entries[i].value);
        if (r < 0)
            return r;
    }
    return 0;
}

/* UTC, Europe/Berlin, +02:00, GMT-8: the form only; the executor knows which zones there are. */
static bool is_zone(const char *value)
{
    size_t n = strlen(value);
    return n > 0 && n <= 64 &&
           strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-:") ==
               n;
}

static bool is_number(const char *value)
{
    size_t n = strspn(value, "-") > 1 ? 0 : strspn(value, "-");
    size_t n_digits = strspn(value + n, "0123456789");
    return n_digits > 0 && n_digits <= 18 && value[n + n_digits] == 0;
}

const char *config_check(const char *key, const char *value)
{
    const char *known = default_of(key);
    if (!known)
        return NULL;
    if (strcmp(key, "spark.sql.session.timeZone") == 0)
        return is_zone(value) ? NULL : "a time zone, such as Europe/Berlin or +02:00";
    if (strcmp(known, "true") == 0 || strcmp(known, "false") == 0)
        return strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0 ? NULL : "boolean";
    if (is_number(known))
        return is_number(value) ? NULL : "a whole number";
    return NULL;
}

bool config_is_static(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(static_keys); i++)
        if (strcmp(static_keys[i], key) == 0)
            return true;
    return false;
}

bool config_is_known(const char *key)
{
    return default_of(key) != NULL;
}

bool config_default(size_t i, const char **ret_key, const char **ret_value)
{
    if (i >= ARRAY_SIZE(defaults))
        return false;
    *ret_key = defaults[i].key;
    *ret_value = defaults[i].value;
    return true;
}
