/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration parser: any bytes, no crash, and a refusal always comes with a message. */
#include <assert.h>
#include <stddef.h>

#include "daemon/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void count(void *userdata, ConfigLevel level, const char *file, unsigned line,
                  const char *message)
{
    *(unsigned *)userdata += level == CONFIG_ERROR;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static Config config;
    unsigned n_errors = 0;

    config_defaults(&config);
    int r = config_parse(&config, (const char *)data, n_bytes, "fuzz", count, &n_errors);
    assert((r < 0) == (n_errors > 0));
    return 0;
}
