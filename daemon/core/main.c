/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "daemon/core/core.h"
#include "daemon/log.h"

static void help(void)
{
    puts("berthd [OPTION...]\n\n"
         "Gives each session of Berth an executor in a sandbox and a cgroup of its own.\n\n"
         "  --config=PATH    read this file (and PATH.d/*.conf) instead of searching\n"
         "  --check-config   read the configuration, report faults, and exit\n"
         "  --version        print the version\n"
         "  --help           print this\n\n"
         "Files: /etc/berth/berthd.conf, berthd.conf.d/*.conf in /etc/berth, /run/berth,\n"
         "/usr/local/lib/berth and /usr/lib/berth. See berthd(8) and berthd.conf(5).");
}

/* Return: 1 go on; 0 done; -EINVAL. */
static int parse_options(int argc, char **argv, const char **ret_config, bool *ret_check)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check-config", no_argument, NULL, 'k'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {}};

    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;)
        switch (c) {
        case 'c':
            *ret_config = optarg;
            break;
        case 'k':
            *ret_check = true;
            break;
        case 'h':
            help();
            return 0;
        case 'v':
            puts("berthd " BERTH_VERSION);
            return 0;
        default:
            return -EINVAL;
        }
    if (optind < argc) {
        fprintf(stderr, "berthd: unexpected argument '%s'\n", argv[optind]);
        return -EINVAL;
    }
    return 1;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool check = false;
    ConfigRef *config;

    int r = parse_options(argc, argv, &path, &check);
    if (r <= 0)
        return r < 0 ? 2 : 0;
    (void)umask(0022);
    log_init(LOG_INFO);
    r = core_load_config(path, &config);
    if (r < 0) {
        log_line(LOG_ERR, "refusing to start: the configuration is not valid");
        return 1;
    }
    if (check) {
        config_unref(config);
        puts("The configuration is valid.");
        return 0;
    }
    log_set_level((int)config->config.log_level);
    return core_run(config, path);
}
