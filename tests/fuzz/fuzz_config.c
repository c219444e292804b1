/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers of the configuration and of the quotas: any bytes, no crash, and a refusal always
 * comes with a message; what was taken of quotas is read again as it was written. */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/quota/quota.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void count(void *userdata, ConfigLevel level, const char *file, unsigned line,
                  const char *message)
{
    *(unsigned *)userdata += level == CONFIG_ERROR;
}

static void count_line(void *userdata, unsigned line, const char *why)
{
    ++*(unsigned *)userdata;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static Config config;
    unsigned n_errors = 0;

    config_defaults(&config);
    int r = config_parse(&config, (const char *)data, n_bytes, "fuzz", count, &n_errors);
    assert((r < 0) == (n_errors > 0));

    Quotas q = {}, again = {};
    unsigned n_faults = 0;
    assert(quotas_parse(&q, (const char *)data, n_bytes, count_line, &n_faults) == 0);
    char *text = quotas_format(&q);
    assert(text);
    n_faults = 0;
    assert(quotas_parse(&again, text, strlen(text), count_line, &n_faults) == 0);
    assert(n_faults == 0 && again.n == q.n);
    for (size_t i = 0; i < q.n; i++)
        assert(memcmp(&q.rows[i].quota, &again.rows[i].quota, sizeof(SchedQuota)) == 0);
    free(text);
    quotas_done(&q);
    quotas_done(&again);
    return 0;
}
