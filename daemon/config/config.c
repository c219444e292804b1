/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/config.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"

#define LINE_MAX_BYTES 8192u

typedef struct Parser {
    Config *config;
    const char *file;
    unsigned line;
    ConfigReport report;
    void *userdata;
    bool failed;
} Parser;

typedef int (*ParseValue)(Parser *p, const char *key, const char *value, void *field,
                          uint64_t limit);

typedef struct KeyRow {
    const char *section, *key;
    ParseValue parse;
    size_t offset;
    uint64_t limit; /* size of a text field, or the greatest number */
} KeyRow;

_printf_(3, 4) static int complain(Parser *p, ConfigLevel level, const char *format, ...)
{
    char message[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    if (level == CONFIG_ERROR)
        p->failed = true;
    if (p->report)
        p->report(p->userdata, level, p->file, p->line, message);
    return -EINVAL;
}

static int parse_text(Parser *p, const char *key, const char *value, void *field, uint64_t limit)
{
    if (!text_copy(field, limit, value))
        return complain(p, CONFIG_ERROR, "%s= is longer than %u characters", key,
                        (unsigned)limit - 1);
    return 0;
}

static int check_path(Parser *p, const char *key, const char *value)
{
    if (value[0] != '/')
        return complain(p, CONFIG_ERROR, "%s= needs an absolute path, not '%s'", key, value);
    if (strlen(value) >= CONFIG_PATH_MAX)
        return complain(p, CONFIG_ERROR, "%s= is longer than %u characters", key,
                        CONFIG_PATH_MAX - 1);
    /* These become mounts that root makes: no name may climb. */
    for (const char *s = value; (s = strstr(s, "..")); s += 2)
        if (s[-1] == '/' && (s[2] == '/' || s[2] == 0))
            return complain(p, CONFIG_ERROR, "%s= must not contain '..': '%s'", key, value);
    return 0;
}

static int parse_path(Parser *p, const char *key, const char *value, void *field, uint64_t limit)
{
    if (value[0] != 0) {
        int r = check_path(p, key, value);
        if (r < 0)
            return r;
    }
    return parse_text(p, key, value, field, limit);
}

static int parse_path_needed(Parser *p, const char *key, const char *value, void *field,
                             uint64_t limit)
{
    if (value[0] == 0)
        return complain(p, CONFIG_ERROR, "%s= must not be empty", key);
    return parse_path(p, key, value, field, limit);
}

static int parse_paths(Parser *p, const char *key, const char *value, void *field, uint64_t limit)
{
    ConfigPaths *paths = field;
    char word[CONFIG_PATH_MAX];

    if (value[0] == 0) {
        paths->n = 0;
        return 0;
    }
    for (const char *s = value; *s;) {
        size_t n = strcspn(s, " \t");
        if (n >= sizeof(word))
            return complain(p, CONFIG_ERROR, "%s= has a path that is too long", key);
        memcpy(word, s, n);
        word[n] = 0;
        int r = check_path(p, key, word);
        if (r < 0)
            return r;
        if (paths->n == CONFIG_PATHS_MAX)
            return complain(p, CONFIG_ERROR, "%s= has more than %u paths", key, CONFIG_PATHS_MAX);
        memcpy(paths->path[paths->n++], word, n + 1);
        s += n + strspn(s + n, " \t");
    }
    return 0;
}

static int parse_bool(Parser *p, const char *key, const char *value, void *field, uint64_t limit)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        if (strcasecmp(value, words[i]) == 0) {
            *(bool *)field = i & 1;
            return 0;
        }
    return complain(p, CONFIG_ERROR, "%s= is yes or no, not '%s'", key, value);
}

static int parse_count(Parser *p, const char *key, const char *value, void *field, uint64_t limit)
{
    uint64_t n;

    if (text_parse_u64(value, limit, &n) < 0)
        return complain(p, CONFIG_ERROR, "%s= is a number from 0 to %u, not '%s'", key,
                        (unsigned)limit, value);
    *(unsigned *)field = (unsigned)n;
    return 0;
}

static int parse_bytes(Parser *p, const char *key, const char *value, void *field, uint64_t limit)
{
    if (text_parse_bytes(value, field) < 0)
        return complain(p, CONFIG_ERROR, "%s= is a size such as 512M or 4G, not '%s'", key, value);
    return 0;
}

static int parse_share(Parser *p, const char *key, const char *value, void *field, uint64_t limit)
{
    ConfigShare *share = field;
    size_t n = strlen(value);
    char digits[8];
    uint64_t percent;

    if (n > 0 && value[n - 1] == '%') {
        if (n > sizeof(digits))
            return complain(p, CONFIG_ERROR, "%s= is at most 100%%, not '%s'", key, value);
        memcpy(digits, value, n - 1);
        digits[n - 1] = 0;
        if (text_parse_u64(digits, 100, &percent) < 0)
            return complain(p, CONFIG_ERROR, "%s= is from 0%% to 100%%, not '%s'", key, value);
        *share = (ConfigShare){.permille = (unsigned)percent * 10};
        return 0;
    }
    *share = (ConfigShare){};
    if (text_parse_bytes(value, &share->bytes) < 0)
        return complain(p, CONFIG_ERROR,
                        "%s= is a size such as 4G or a share such as 80%%, not '%s'", key, value);
    return 0;
}

static int parse_seconds(Parser *p, const char *key, const char *value, void *field, uint64_t limit)
{
    static const struct {
        const char *suffix;
        uint64_t usec;
    } units[] = {{"ms", 1000},
                 {"s", 1000000},
                 {"min", 60000000},
                 {"h", UINT64_C(3600000000)},
                 {"d", UINT64_C(86400000000)},
                 {"", 1000000}};
    size_t n = strspn(value, "0123456789");
    const char *suffix = value + n + strspn(value + n, " ");
    char digits[16];
    uint64_t number;

    if (strcmp(value, "infinity") == 0) {
        *(uint64_t *)field = 0;
        return 0;
    }
    if (n > 0 && n < sizeof(digits)) {
        memcpy(digits, value, n);
        digits[n] = 0;
        for (unsigned i = 0; i < ARRAY_SIZE(units); i++)
            if (strcmp(suffix, units[i].suffix) == 0 &&
                text_parse_u64(digits, limit / units[i].usec, &number) == 0) {
                *(uint64_t *)field = number * units[i].usec;
                return 0;
            }
    }
    return complain(p, CONFIG_ERROR, "%s= is a time such as 30s, 15min or 4h, not '%s'", key,
                    value);
}

static int parse_level(Parser *p, const char *key, const char *value, void *field, uint64_t limit)
{
    static const char *const names[] = {"emerg",   "alert",  "crit", "err",
                                        "warning", "notice", "info", "debug"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(value, names[i]) == 0) {
            *(unsigned *)field = i;
            return 0;
        }
    return complain(p, CONFIG_ERROR,
                    "%s= is one of emerg, alert, crit, err, warning, notice, info, debug, "
                    "not '%s'",
                    key, value);
}

#define FIELD(f) offsetof(Config, f)
#define TEXT_FIELD(f) offsetof(Config, f), sizeof(((Config *)0)->f)
#define YEAR_USEC (UINT64_C(366) * 86400 * USEC_PER_SEC)

static const KeyRow key_table[] = {
    {"Daemon", "LogLevel", parse_level, FIELD(log_level)},
    {"Daemon", "GatewayUser", parse_text, TEXT_FIELD(gateway_user)},
    {"Daemon", "GatewayGroup", parse_text, TEXT_FIELD(gateway_group)},
    {"Daemon", "ManagerUser", parse_text, TEXT_FIELD(manager_user)},
    {"Daemon", "ClientPort", parse_count, FIELD(client_port), 65535},
    {"Daemon", "GatewaySocket", parse_path_needed, TEXT_FIELD(gateway_socket)},
    {"Daemon", "ExecutorPath", parse_path_needed, TEXT_FIELD(executor_path)},
    {"Daemon", "CgroupRoot", parse_path, TEXT_FIELD(cgroup_root)},
    {"Daemon", "TopologyDirectory", parse_path_needed, TEXT_FIELD(topology_directory)},
    {"Daemon", "RequireCgroup", parse_bool, FIELD(require_cgroup)},
    {"Data", "ReadPaths", parse_paths, FIELD(read_paths)},
    {"Data", "WritePaths", parse_paths, FIELD(write_paths)},
    {"Data", "SpillDirectory", parse_path, TEXT_FIELD(spill_directory)},
    {"Data", "SpillMax", parse_bytes, FIELD(spill_max_bytes)},
    {"Data", "HistoryDirectory", parse_path, TEXT_FIELD(history_directory)},
    {"Memory", "Budget", parse_share, FIELD(budget)},
    {"Memory", "Reserve", parse_share, FIELD(reserve)},
    {"Memory", "SessionFloor", parse_bytes, FIELD(session_floor)},
    {"Memory", "SessionMax", parse_share, FIELD(session_max)},
    {"Memory", "UserMax", parse_share, FIELD(user_max)},
    {"Sessions", "Max", parse_count, FIELD(sessions_max), 100000},
    {"Sessions", "UserMax", parse_count, FIELD(user_sessions_max), 100000},
    {"Sessions", "UserQueriesMax", parse_count, FIELD(user_queries_max), 100000},
    {"Sessions", "QueueMax", parse_count, FIELD(queue_max), 100000},
    {"Sessions", "WarmPool", parse_count, FIELD(warm_pool), 256},
    {"Sessions", "SlotCPUs", parse_count, FIELD(slot_cpus), 16},
    {"Sessions", "InteractiveSlots", parse_count, FIELD(interactive_slots), 4},
    {"Sessions", "BatchSlots", parse_count, FIELD(batch_slots), 4},
    {"Sessions", "IdleTimeout", parse_seconds, FIELD(idle_timeout_usec), YEAR_USEC},
    {"Sessions", "QueryTimeout", parse_seconds, FIELD(query_timeout_usec), YEAR_USEC},
    {"Sessions", "TimeoutWarning", parse_seconds, FIELD(timeout_warning_usec), YEAR_USEC},
    {"Sessions", "StartTimeout", parse_seconds, FIELD(start_timeout_usec), YEAR_USEC},
};

static_assert(ARRAY_SIZE(key_table) <= CONFIG_KEYS_MAX, "CONFIG_KEYS_MAX is too small");

/* Removes blanks at both ends of @s[0..n); returns the new start. */
static char *strip(char *s)
{
    s += strspn(s, " \t\r");
    for (size_t n = strlen(s); n > 0 && strchr(" \t\r", s[n - 1]); n--)
        s[n - 1] = 0;
    return s;
}

static bool known_section(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(key_table); i++)
        if (strcmp(key_table[i].section, name) == 0)
            return true;
    return false;
}

static void assign(Parser *p, const char *section, char *line)
{
    char *equals = strchr(line, '=');

    if (!equals) {
        complain(p, CONFIG_WARNING, "neither a section nor an assignment, ignored: '%.60s'", line);
        return;
    }
    *equals = 0;
    const char *key = strip(line), *value = strip(equals + 1);
    if (section[0] == 0) {
        complain(p, CONFIG_WARNING, "%.60s= stands before the first section, ignored", key);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(key_table); i++) {
        const KeyRow *row = &key_table[i];
        if (strcmp(row->section, section) == 0 && strcmp(row->key, key) == 0) {
            row->parse(p, key, value, (char *)p->config + row->offset,
                       row->limit ? row->limit : UINT64_MAX);
            text_copy(p->config->origin[i].file, CONFIG_PATH_MAX, p->file);
            p->config->origin[i].line = p->line;
            return;
        }
    }
    complain(p, CONFIG_WARNING, "unknown key '%.60s' in section [%s], ignored", key, section);
}

/* One logical line. @section is "" before the first header and "-" inside one to be ignored. */
static void parse_line(Parser *p, char *line, char *section, size_t section_size)
{
    line = strip(line);
    if (line[0] == 0)
        return;
    if (line[0] != '[') {
        if (strcmp(section, "-") != 0)
            assign(p, section, line);
        return;
    }
    size_t n = strlen(line);
    text_copy(section, section_size, "-");
    if (line[n - 1] != ']') {
        complain(p, CONFIG_WARNING, "a section header ends in ']', section ignored");
        return;
    }
    line[n - 1] = 0;
    if (known_section(line + 1))
        text_copy(section, section_size, line + 1);
    else if (strncmp(line + 1, "X-", 2) != 0)
        complain(p, CONFIG_WARNING, "unknown section [%.60s], ignored", line + 1);
}

int config_parse(Config *config, const char *text, size_t n_bytes, const char *file,
                 ConfigReport report, void *userdata)
{
    Parser p = {.config = config, .file = file, .report = report, .userdata = userdata};
    char logical[LINE_MAX_BYTES], section[CONFIG_NAME_MAX] = "";
    size_t n_logical = 0;
    unsigned line = 0;

    for (size_t at = 0; at < n_bytes;) {
        const char *start = text + at;
        const char *end = memchr(start, '\n', n_bytes - at);
        size_t n = end ? (size_t)(end - start) : n_bytes - at;

        at += n + 1;
        line++;
        if (n_logical == 0)
            p.line = line;
        /* A comment may stand between the lines of a continued one, as in systemd. */
        size_t blanks = 0;
        while (blanks < n && (start[blanks] == ' ' || start[blanks] == '\t'))
            blanks++;
        if (blanks < n && (start[blanks] == '#' || start[blanks] == ';'))
            continue;
        if (memchr(start, 0, n) || n_logical + n + 2 > sizeof(logical)) {
            complain(&p, CONFIG_ERROR, memchr(start, 0, n) ? "a NUL byte" : "the line is too long");
            n_logical = 0;
            continue;
        }
        memcpy(logical + n_logical, start, n);
        n_logical += n;
        if (n > 0 && start[n - 1] == '\\' && at < n_bytes) {
            logical[n_logical - 1] = ' ';
            continue;
        }
        logical[n_logical] = 0;
        n_logical = 0;
        parse_line(&p, logical, section, sizeof(section));
    }
    if (n_logical > 0) {
        logical[n_logical] = 0;
        parse_line(&p, logical, section, sizeof(section));
    }
    return p.failed ? -EINVAL : 0;
}

void config_defaults(Config *config)
{
    static const char *const roots[] = {"/home", "/srv",   "/data",
                                        "/mnt",  "/media", "/var/lib/berth/data"};

    *config = (Config){
        .log_level = LOG_INFO,
        .gateway_user = "berth-gateway",
        .manager_user = "berth",
        .client_port = 15002,
        .gateway_group = "berth-gateway",
        .gateway_socket = "/run/berth/gateway.sock",
        .executor_path = BERTH_EXECUTOR_PATH,
        .topology_directory = "/sys/devices/system",
        .require_cgroup = true,
        .spill_directory = "/var/lib/berth/spill",
        .spill_max_bytes = UINT64_C(64) << 30,
        .history_directory = "/var/lib/berth/history",
        .budget = {.permille = 800},
        .reserve = {.permille = 100},
        .session_floor = UINT64_C(64) << 20,
        .user_max = {.permille = 1000},
        .warm_pool = 2,
        .sessions_max = 1000,
        .user_sessions_max = 64,
        .idle_timeout_usec = UINT64_C(4) * 3600 * USEC_PER_SEC,
        .timeout_warning_usec = 30 * USEC_PER_SEC,
        .start_timeout_usec = 30 * USEC_PER_SEC,
    };
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        text_copy(config->read_paths.path[config->read_paths.n++], CONFIG_PATH_MAX, roots[i]);
}

uint64_t config_share_of(ConfigShare share, uint64_t whole)
{
    return share.permille ? whole / 1000 * share.permille : share.bytes;
}

/* What no single line can know: blames the line that set the field at @offset last. */
static void refuse(Parser *p, size_t offset, const char *why)
{
    for (size_t i = 0; i < ARRAY_SIZE(key_table); i++)
        if (key_table[i].offset == offset) {
            bool set = p->config->origin[i].line > 0;
            p->file = set ? p->config->origin[i].file : "vendor default";
            p->line = p->config->origin[i].line;
            complain(p, CONFIG_ERROR, "%s=: %s", key_table[i].key, why);
        }
}

static int check_whole(Config *config, ConfigReport report, void *userdata)
{
    Parser p = {.config = config, .report = report, .userdata = userdata};

    if (config->session_floor < UINT64_C(16) << 20)
        refuse(&p, FIELD(session_floor), "below 16M no executor can live");
    if (config->budget.permille == 0 && config->budget.bytes < UINT64_C(256) << 20)
        refuse(&p, FIELD(budget), "below 256M no session could start");
    if (config->reserve.permille >= 1000)
        refuse(&p, FIELD(reserve), "leaves nothing of the budget");
    if (config->reserve.permille == 0 && config->budget.permille == 0 &&
        config->reserve.bytes >= config->budget.bytes)
        refuse(&p, FIELD(reserve), "leaves nothing of the budget");
    if (config->sessions_max == 0)
        refuse(&p, FIELD(sessions_max), "must be at least 1");
    if (config->user_sessions_max == 0)
        refuse(&p, FIELD(user_sessions_max), "must be at least 1");
    if (config->start_timeout_usec == 0)
        refuse(&p, FIELD(start_timeout_usec), "must be finite and not zero");
    return p.failed ? -EINVAL : 0;
}

/* Return: 1 read and applied; 0 no such file; -EINVAL; negative errno, reported. */
static int load_file(Config *config, const char *path, ConfigReport report, void *userdata)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    _cleanup_free_ char *text = NULL;
    size_t n = 0;
    struct stat st;
    int r = 0;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        r = -errno;
    else if (!S_ISREG(st.st_mode))
        return 1; /* the /dev/null of a masked file */
    else if (st.st_size > CONFIG_FILE_MAX)
        r = -EFBIG;
    else if (!(text = malloc(CONFIG_FILE_MAX + 1)))
        return -ENOMEM;
    while (r == 0 && n <= CONFIG_FILE_MAX) {
        ssize_t k = read(fd, text + n, CONFIG_FILE_MAX + 1 - n);
        if (k == 0)
            break;
        if (k < 0)
            r = -errno;
        else
            n += (size_t)k;
    }
    if (r == 0 && n > CONFIG_FILE_MAX)
        r = -EFBIG;
    if (r < 0) {
        report(userdata, CONFIG_ERROR, path, 0, strerror(-r));
        return r;
    }
    r = config_parse(config, text, n, path, report, userdata);
    return r < 0 ? r : 1;
}

typedef struct DropIn {
    char name[NAME_MAX + 1];
    char path[PATH_MAX + 64 + NAME_MAX + 2];
} DropIn;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const DropIn *)a)->name, ((const DropIn *)b)->name);
}

static int collect(const char *folder, DropIn *found, size_t *n_found)
{
    DIR *dir = opendir(folder);

    if (!dir)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    for (struct dirent *e; (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        bool hidden = false;
        if (e->d_name[0] == '.' || n < 6 || strcmp(e->d_name + n - 5, ".conf") != 0)
            continue;
        for (size_t i = 0; i < *n_found; i++)
            hidden |= strcmp(found[i].name, e->d_name) == 0;
        if (hidden)
            continue;
        if (*n_found == CONFIG_DROPINS_MAX) {
            closedir(dir);
            return -E2BIG;
        }
        DropIn *d = &found[(*n_found)++];
        text_copy(d->name, sizeof(d->name), e->d_name);
        snprintf(d->path, sizeof(d->path), "%s/%s", folder, e->d_name);
    }
    closedir(dir);
    return 0;
}

int config_load(Config *config, const char *root, const char *path, ConfigReport report,
                void *userdata)
{
    static const char *const folders[] = {"/etc/berth", "/run/berth", "/usr/local/lib/berth",
                                          "/usr/lib/berth"};
    _cleanup_free_ DropIn *found = calloc(CONFIG_DROPINS_MAX, sizeof(*found));
    char name[PATH_MAX + 64];
    size_t n_found = 0;
    int r = 0, worst = 0;

    if (!found)
        return -ENOMEM;
    config_defaults(config);
    if (path) {
        r = load_file(config, path, report, userdata);
        if (r == 0)
            report(userdata, CONFIG_ERROR, path, 0, strerror(ENOENT));
        worst = r == 0 ? -ENOENT : MIN(r, 0);
    }
    for (size_t i = 0; !path && r == 0 && i < ARRAY_SIZE(folders); i++) {
        snprintf(name, sizeof(name), "%s%s/berthd.conf", root, folders[i]);
        r = load_file(config, name, report, userdata);
        worst = MIN(r, 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        if (path && i > 0)
            break;
        snprintf(name, sizeof(name), path ? "%s%s.d" : "%s%s/berthd.conf.d", path ? "" : root,
                 path ? path : folders[i]);
        r = collect(name, found, &n_found);
        if (r < 0) {
            report(userdata, CONFIG_ERROR, name, 0, strerror(-r));
            worst = r;
        }
    }
    qsort(found, n_found, sizeof(*found), by_name);
    for (size_t i = 0; i < n_found; i++) {
        r = load_file(config, found[i].path, report, userdata);
        worst = r < 0 ? r : worst;
    }
    r = check_whole(config, report, userdata);
    return worst < 0 ? worst : r;
}
