/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: defaults, systemd's order of files, warnings and refusals with file and line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config/config.h"

typedef struct Said {
    unsigned n_warnings, n_errors, line;
    char text[600];
} Said;

static Config config;

static void hear(void *userdata, ConfigLevel level, const char *file, unsigned line,
                 const char *message)
{
    Said *said = userdata;

    if (level == CONFIG_ERROR)
        said->n_errors++;
    else
        said->n_warnings++;
    said->line = line;
    snprintf(said->text, sizeof(said->text), "%s:%u: %s", file, line, message);
}

static int parse(const char *text, Said *said)
{
    *said = (Said){};
    config_defaults(&config);
    return config_parse(&config, text, strlen(text), "f.conf", hear, said);
}

static void test_values(void **state)
{
    Said said;

    assert_int_equal(parse("# a comment\n[Daemon]\n  LogLevel = debug \nRequireCgroup=no\n"
                           "[Memory]\nBudget=50%\nSessionFloor=128M\nUserMax=2G\n"
                           "[Sessions]\nWarmPool=7\nIdleTimeout=15min\n",
                           &said),
                     0);
    assert_int_equal(said.n_warnings + said.n_errors, 0);
    assert_int_equal(config.log_level, 7);
    assert_false(config.require_cgroup);
    assert_int_equal(config.budget.permille, 500);
    assert_int_equal(config.session_floor, 128 << 20);
    assert_int_equal(config.user_max.permille, 0);
    assert_int_equal(config.user_max.bytes, UINT64_C(2) << 30);
    assert_int_equal(config.warm_pool, 7);
    assert_int_equal(config.idle_timeout_usec, UINT64_C(900000000));
    assert_int_equal(config_share_of(config.budget, 1000000), 500000);
}

static void test_lists_add_up_and_empty(void **state)
{
    Said said;

    assert_int_equal(parse("[Data]\nReadPaths=\nReadPaths=/a /b\nReadPaths=/c\n", &said), 0);
    assert_int_equal(config.read_paths.n, 3);
    assert_string_equal(config.read_paths.path[2], "/c");
}

static void test_continuation_and_line_numbers(void **state)
{
    Said said;

    assert_int_equal(parse("[Data]\nReadPaths= \\\n# between\n  /a \\\n  /b\nNope=1\n", &said), 0);
    assert_string_equal(config.read_paths.path[config.read_paths.n - 1], "/b");
    assert_int_equal(said.n_warnings, 1);
    assert_string_equal(said.text, "f.conf:6: unknown key 'Nope' in section [Data], ignored");
}

static void test_unknown_is_a_warning(void **state)
{
    static const char *const texts[] = {"[Daemon]\nNope=1\n", "[Nope]\nLogLevel=debug\n",
                                        "[Daemon\nLogLevel=debug\n", "LogLevel=debug\n",
                                        "[Daemon]\nLogLevel\n"};
    Said said;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(parse(texts[i], &said), 0);
        assert_int_equal(said.n_warnings, 1);
        assert_int_equal(config.log_level, 6);
    }
    assert_int_equal(parse("[X-Vendor]\nAnything=1\n", &said), 0);
    assert_int_equal(said.n_warnings, 0);
}

static void test_impossible_is_refused(void **state)
{
    static const char *const lines[] = {"[Memory]\nBudget=101%\n",
                                        "[Memory]\nBudget=lots\n",
                                        "[Memory]\nBudget=%\n",
                                        "[Sessions]\nWarmPool=-1\n",
                                        "[Sessions]\nWarmPool=257\n",
                                        "[Daemon]\nLogLevel=loud\n",
                                        "[Daemon]\nRequireCgroup=2\n",
                                        "[Daemon]\nExecutorPath=bin/x\n",
                                        "[Daemon]\nExecutorPath=\n",
                                        "[Data]\nReadPaths=/a relative\n",
                                        "[Data]\nReadPaths=/a/../b\n",
                                        "[Sessions]\nIdleTimeout=5 parsec\n",
                                        "[Sessions]\nIdleTimeout=99999999999999h\n"};
    Said said;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(parse(lines[i], &said), -EINVAL);
        assert_int_equal(said.n_errors, 1);
        assert_int_equal(said.line, 2);
    }
    assert_int_equal(config_parse(&config, "[Daemon]\nLogLevel=\0\n", 20, "f", hear, &said),
                     -EINVAL);
}

static void put(const char *root, const char *name, const char *text)
{
    char path[512], *slash;

    snprintf(path, sizeof(path), "%s/%s", root, name);
    for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    if (!text) {
        assert_int_equal(symlink("/dev/null", path), 0);
        return;
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_root(void **state)
{
    char template[] = "/tmp/berth-config-XXXXXX";
    *state = strdup(mkdtemp(template));
    return *state ? 0 : -1;
}

static int drop_root(void **state)
{
    char command[512];
    snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
    int r = system(command);
    free(*state);
    return r;
}

static void test_order_of_files(void **state)
{
    const char *root = *state;
    Said said = {};

    /* The vendor's main file is hidden by the administrator's; drop-ins sort by name across
     * folders. */
    put(root, "usr/lib/berth/berthd.conf", "[Sessions]\nWarmPool=1\nUserMax=11\n");
    put(root, "etc/berth/berthd.conf", "[Sessions]\nWarmPool=2\n");
    put(root, "usr/lib/berth/berthd.conf.d/50-x.conf", "[Sessions]\nWarmPool=50\nMax=50\n");
    put(root, "run/berth/berthd.conf.d/40-x.conf", "[Sessions]\nWarmPool=40\nUserMax=40\n");
    put(root, "usr/lib/berth/berthd.conf.d/60-x.conf", "[Sessions]\nWarmPool=60\n");
    put(root, "etc/berth/berthd.conf.d/60-x.conf", NULL);                   /* masked */
    put(root, "run/berth/berthd.conf.d/50-x.conf", "[Sessions]\nMax=51\n"); /* hides the vendor's */
    put(root, "etc/berth/berthd.conf.d/70-x.conf.bak", "[Sessions]\nWarmPool=70\n");
    assert_int_equal(config_load(&config, root, NULL, hear, &said), 0);
    assert_int_equal(said.n_errors, 0);
    assert_int_equal(config.warm_pool, 40);
    assert_int_equal(config.sessions_max, 51);
    assert_int_equal(config.user_sessions_max, 40);
}

static void test_one_path(void **state)
{
    const char *root = *state;
    char path[512];
    Said said = {};

    put(root, "my.conf", "[Sessions]\nWarmPool=3\n");
    put(root, "my.conf.d/a.conf", "[Sessions]\nWarmPool=4\n");
    snprintf(path, sizeof(path), "%s/my.conf", root);
    assert_int_equal(config_load(&config, "", path, hear, &said), 0);
    assert_int_equal(config.warm_pool, 4);
    snprintf(path, sizeof(path), "%s/absent.conf", root);
    assert_int_equal(config_load(&config, "", path, hear, &said), -ENOENT);
    assert_int_equal(said.n_errors, 1);
}

static void test_whole_names_the_line(void **state)
{
    const char *root = *state;
    Said said = {};

    put(root, "etc/berth/berthd.conf", "[Memory]\n\nSessionFloor=1M\n");
    assert_int_equal(config_load(&config, root, NULL, hear, &said), -EINVAL);
    assert_non_null(strstr(said.text, "etc/berth/berthd.conf:3: SessionFloor="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_lists_add_up_and_empty),
        cmocka_unit_test(test_continuation_and_line_numbers),
        cmocka_unit_test(test_unknown_is_a_warning),
        cmocka_unit_test(test_impossible_is_refused),
        cmocka_unit_test_setup_teardown(test_order_of_files, make_root, drop_root),
        cmocka_unit_test_setup_teardown(test_one_path, make_root, drop_root),
        cmocka_unit_test_setup_teardown(test_whole_names_the_line, make_root, drop_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
