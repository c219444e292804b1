/* SPDX-License-Identifier: Apache-2.0 */
#include "client/sql_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/control.h"
#include "base/text.h"

static void usage(FILE *out)
{
    fputs(
        "Usage: berth sql [OPTION]... [STATEMENT]...\n"
        "\n"
        "Runs SQL statements; without any, reads them from standard input (a prompt on a "
        "terminal).\n"
        "\n"
        "      --host=ADDRESS       sc://HOST:PORT or unix:PATH (default " SQL_DEFAULT_ADDRESS ")\n"
        "      --profile=PROFILE    interactive: before others; batch: when there is room "
        "(default: by "
        "what it asks)\n"
        "      --performance        keep memory longer between queries\n"
        "      --embedded           no daemon: start a sandboxed executor as the caller\n"
        "  -f, --file=FILE          read statements from FILE\n"
        "      --format=FORMAT      box, csv, json, arrow (default: box on a terminal, else csv)\n"
        "      --json               same as --format=json\n"
        "      --max-rows=N         rows that box form shows (default 1000)\n"
        "      --conf=KEY=VALUE     a setting of the session; may be repeated\n"
        "      --timing             print the time of each statement\n"
        "      --no-progress        no progress bar\n"
        "      --keep-going         do not stop at the first statement that fails\n"
        "  -q, --quiet              no notices\n"
        "\n"
        "With --embedded:\n"
        "      --data=DIR           another directory that may be read; may be repeated\n"
        "      --output=DIR         a directory that may be written; may be repeated\n"
        "      --memory=SIZE        limit of the executor (default: half of the machine)\n"
        "      --spill-dir=DIR      for what does not fit in memory (default: $TMPDIR, /var/tmp)\n"
        "      --threads=N          threads of a query (default: all CPUs)\n"
        "      --io=ring|pread      how files are read\n"
        "      --executor=PATH      the executor's binary\n"
        "\n"
        "Exit status: 0 all statements ran, 1 one failed, 2 wrong usage, 3 no connection, 130 "
        "interrupted.\n",
        out);
}

enum {
    OPT_HOST = 256,
    OPT_PROFILE,
    OPT_PERFORMANCE,
    OPT_EMBEDDED,
    OPT_FORMAT,
    OPT_JSON,
    OPT_MAX_ROWS,
    OPT_CONF,
    OPT_TIMING,
    OPT_NO_PROGRESS,
    OPT_KEEP_GOING,
    OPT_DATA,
    OPT_OUTPUT,
    OPT_MEMORY,
    OPT_SPILL,
    OPT_THREADS,
    OPT_IO,
    OPT_EXECUTOR,
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, OPT_HOST},
    {"profile", required_argument, NULL, OPT_PROFILE},
    {"performance", no_argument, NULL, OPT_PERFORMANCE},
    {"embedded", no_argument, NULL, OPT_EMBEDDED},
    {"file", required_argument, NULL, 'f'},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"json", no_argument, NULL, OPT_JSON},
    {"max-rows", required_argument, NULL, OPT_MAX_ROWS},
    {"conf", required_argument, NULL, OPT_CONF},
    {"timing", no_argument, NULL, OPT_TIMING},
    {"no-progress", no_argument, NULL, OPT_NO_PROGRESS},
    {"keep-going", no_argument, NULL, OPT_KEEP_GOING},
    {"data", required_argument, NULL, OPT_DATA},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"spill-dir", required_argument, NULL, OPT_SPILL},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"io", required_argument, NULL, OPT_IO},
    {"executor", required_argument, NULL, OPT_EXECUTOR},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int bad_option(const char *name, const char *value, const char *why)
{
    fprintf(stderr, "berth sql: --%s=%s: %s\n", name, value, why);
    return 2;
}

/* What the executor would refuse is told here, where the option can be named. */
static int add_dir(const char *name, const char **dirs, size_t *n)
{
    struct stat st;
    if (*n == SQL_DIRS_MAX)
        return bad_option(name, optarg, "too many directories");
    if (stat(optarg, &st) < 0)
        return bad_option(name, optarg, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return bad_option(name, optarg, "this is no directory");
    dirs[(*n)++] = optarg;
    return -1;
}

static int parse_executor_option(SqlOptions *o, int c)
{
    EmbeddedOptions *e = &o->executor;
    uint64_t number;
    switch (c) {
    case OPT_DATA:
        return add_dir("data", o->read_dirs, &e->n_read_dirs);
    case OPT_OUTPUT:
        return add_dir("output", o->write_dirs, &e->n_write_dirs);
    case OPT_MEMORY:
        e->memory = optarg;
        if (text_parse_bytes(optarg, &number) < 0 || number == 0)
            return bad_option("memory", optarg, "expected a size, as in 4G or 512M");
        break;
    case OPT_SPILL:
        e->spill = optarg;
        if (optarg[0] != '/')
            return bad_option("spill-dir", optarg, "expected an absolute path");
        break;
    case OPT_THREADS:
        e->threads = optarg;
        if (text_parse_u64(optarg, CONTROL_CPUS_MAX, &number) < 0 || number == 0)
            return bad_option("threads", optarg, "expected a number of threads");
        break;
    case OPT_IO:
        e->io = optarg;
        if (strcmp(optarg, "ring") != 0 && strcmp(optarg, "pread") != 0)
            return bad_option("io", optarg, "expected ring or pread");
        break;
    default:
        e->executor = optarg;
    }
    return -1;
}

/* Return: -1 go on; else the exit status. */
int sql_options_parse(int argc, char **argv, SqlOptions *o)
{
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "f:qh", long_options, NULL)) != -1;) {
        int status = -1;
        switch (c) {
        case OPT_HOST:
            o->connect.address = optarg;
            break;
        case OPT_PROFILE:
            o->connect.profile = optarg;
            if (strcmp(optarg, "interactive") != 0 && strcmp(optarg, "batch") != 0)
                status = bad_option("profile", optarg, "expected interactive or batch");
            break;
        case OPT_PERFORMANCE:
            o->connect.performance = true;
            break;
        case OPT_EMBEDDED:
            o->embedded = true;
            break;
        case 'f':
            o->file = optarg;
            break;
        case OPT_JSON:
            o->format = RESULT_FORMAT_JSON;
            break;
        case OPT_FORMAT:
            o->format = result_format_from_string(optarg);
            if (o->format < 0)
                status = bad_option("format", optarg, "expected box, csv, json or arrow");
            break;
        case OPT_MAX_ROWS:
            if (text_parse_u64(optarg, UINT32_MAX, &o->max_rows) < 0)
                status = bad_option("max-rows", optarg, "expected a number");
            break;
        case OPT_CONF:
            if (!strchr(optarg, '=') || o->n_settings == SQL_SETTINGS_MAX)
                status = bad_option("conf", optarg,
                                    o->n_settings == SQL_SETTINGS_MAX ? "too many settings"
                                                                      : "expected KEY=VALUE");
            else
                o->settings[o->n_settings++] = optarg;
            break;
        case OPT_TIMING:
            o->timing = true;
            break;
        case OPT_NO_PROGRESS:
            o->progress = false;
            break;
        case OPT_KEEP_GOING:
            o->keep_going = true;
            break;
        case 'q':
            o->quiet = o->executor.quiet = true;
            break;
        case 'h':
            usage(stdout);
            return 0;
        case '?':
            usage(stderr);
            return 2;
        default:
            status = parse_executor_option(o, c);
            break;
        }
        if (status >= 0)
            return status;
    }
    return -1;
}
