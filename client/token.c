/* SPDX-License-Identifier: Apache-2.0 */
/* berth token make, list, revoke: files of the caller's own in TOKEN_DIRECTORY; berthd is not
 * asked. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/token_text.h"
#include "client/table.h"
#include "client/verbs.h"

#define DAYS_DEFAULT 90u
#define DAYS_MAX 3650u
#define USEC_PER_DAY (UINT64_C(86400) * USEC_PER_SEC)

static uint64_t wall_usec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC;
}

static int complain(const char *what, int r)
{
    fprintf(stderr, "berth token: %s: %s\n", what, strerror(-r));
    return EXIT_FAILURE;
}

static int open_directory(void)
{
    int fd = open(TOKEN_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* ---- make ---- */

static int write_record(int directory, const Token *t, const TokenRecord *record, uid_t owner)
{
    char name[TOKEN_ID_TEXT];
    token_format_id(t, name);
    _cleanup_close_ int fd =
        openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = 0;
    if (owner != geteuid() && fchown(fd, owner, (gid_t)-1) < 0)
        r = -errno;
    if (r == 0 && (write(fd, record, sizeof(*record)) != (ssize_t)sizeof(*record) || fsync(fd) < 0))
        r = errno ? -errno : -EIO;
    if (r < 0)
        (void)unlinkat(directory, name, 0);
    return r;
}

static int make(const Options *o, uint64_t days, const char *user)
{
    Token t;
    char text[TOKEN_TEXT], id[TOKEN_ID_TEXT];
    uid_t owner = geteuid();
    if (user) {
        const struct passwd *p = getpwnam(user);
        if (!p) {
            fprintf(stderr, "berth token: there is no user %s\n", user);
            return EXIT_FAILURE;
        }
        owner = p->pw_uid;
    }
    if (owner == 0) {
        fputs("berth token: root has no tokens; name a user: berth token make --user=NAME\n",
              stderr);
        return EXIT_FAILURE;
    }
    _cleanup_close_ int directory = open_directory();
    if (directory < 0)
        return complain(TOKEN_DIRECTORY, directory);
    int r = token_generate(&t);
    if (r < 0)
        return complain("no random bytes", r);
    uint64_t now = wall_usec();
    TokenRecord record = {.magic = TOKEN_MAGIC,
                          .version = TOKEN_VERSION,
                          .made_usec = now,
                          .expires_usec = days > 0 ? now + days * USEC_PER_DAY : 0};
    sha256_short(t.secret, sizeof(t.secret), record.hash);
    if (!text_copy(record.label, sizeof(record.label), o->n_words > 1 ? o->words[1] : "")) {
        fputs("berth token: the label is too long\n", stderr);
        return EXIT_FAILURE;
    }
    r = write_record(directory, &t, &record, owner);
    if (r < 0)
        return complain("the token could not be kept", r);
    token_format(&t, text);
    token_format_id(&t, id);
    if (o->json) {
        JsonWriter w;
        json_init(&w, stdout);
        json_begin_object(&w);
        json_key(&w, "id");
        json_string(&w, id);
        json_key(&w, "token");
        json_string(&w, text);
        json_end_object(&w);
        putchar('\n');
    } else {
        puts(text);
        fputs("This is shown once. Use it as sc://HOST:PORT/;use_ssl=true;token=...\n", stderr);
    }
    explicit_bzero(&t, sizeof(t));
    explicit_bzero(text, sizeof(text));
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- list, revoke ---- */

static bool read_record(int directory, const char *name, TokenRecord *record, struct stat *st)
{
    _cleanup_close_ int fd =
        openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
           read(fd, record, sizeof(*record)) == (ssize_t)sizeof(*record) &&
           record->magic == TOKEN_MAGIC && record->version == TOKEN_VERSION &&
           record->label[TOKEN_LABEL_MAX - 1] == 0;
}

static void format_day(char buf[32], uint64_t usec)
{
    time_t t = (time_t)(usec / USEC_PER_SEC);
    struct tm tm;
    if (usec == 0 || !localtime_r(&t, &tm) || strftime(buf, 32, "%Y-%m-%d %H:%M", &tm) == 0)
        snprintf(buf, 32, "%s", usec == 0 ? "never" : "?");
}

static int list(const Options *o)
{
    static const TableColumn columns[] = {{"TOKEN", "id", false, false},
                                          {"USER", "user", false, false},
                                          {"MADE", "made", false, false},
                                          {"EXPIRES", "expires", false, false},
                                          {"LABEL", "label", false, true}};
    _cleanup_(table_freep) Table *table = NULL;
    int directory = open_directory();
    if (directory < 0)
        return complain(TOKEN_DIRECTORY, directory);
    DIR *files = fdopendir(directory);
    if (!files) {
        close(directory);
        return complain(TOKEN_DIRECTORY, -errno);
    }
    int r = table_new(columns, ARRAY_SIZE(columns), o, &table);
    for (struct dirent *e; r == 0 && (e = readdir(files));) {
        TokenRecord record;
        struct stat st;
        char made[32], expires[32], user[32];
        if (!read_record(directory, e->d_name, &record, &st)) /* not ours, or somebody else's */
            continue;
        const struct passwd *p = getpwuid(st.st_uid);
        snprintf(user, sizeof(user), "%u", st.st_uid);
        format_day(made, record.made_usec);
        format_day(expires, record.expires_usec);
        table_row(table);
        table_text(table, e->d_name);
        table_text(table, p ? p->pw_name : user);
        table_text(table, made);
        table_text(table, expires);
        table_text(table, text_is_utf8(record.label, strlen(record.label)) ? record.label : "?");
    }
    closedir(files);
    if (r == 0)
        r = table_print(table);
    return r < 0 ? complain("listing", r) : EXIT_SUCCESS;
}

static int take_back(const char *id)
{
    _cleanup_close_ int directory = open_directory();
    if (directory < 0)
        return complain(TOKEN_DIRECTORY, directory);
    if (strlen(id) != TOKEN_ID_TEXT - 1 || strspn(id, "0123456789abcdef") != TOKEN_ID_TEXT - 1) {
        fputs("berth token: that is no token's id; `berth token list` shows them\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    return unlinkat(directory, id, 0) < 0 ? complain(id, -errno) : EXIT_SUCCESS;
}

int verb_token(int argc, char **argv)
{
    Options o;
    int r = options_parse(argc, argv, OPTION_TOKEN,
                          "make [--days=N] [--user=NAME] [LABEL] | list | revoke ID", 1, 2, &o);
    if (r >= 0)
        return r;
    uint64_t days = DAYS_DEFAULT;
    if (o.days && text_parse_u64(o.days, DAYS_MAX, &days) < 0) {
        fprintf(stderr, "berth token: --days=N with N up to %u; 0: for ever\n", DAYS_MAX);
        return EXIT_WRONG_USAGE;
    }
    if (strcmp(o.words[0], "make") == 0)
        return make(&o, days, o.user);
    if (strcmp(o.words[0], "list") == 0 && o.n_words == 1)
        return list(&o);
    if (strcmp(o.words[0], "revoke") == 0 && o.n_words == 2)
        return take_back(o.words[1]);
    fputs("berth token: make, list or revoke ID\n", stderr);
    return EXIT_WRONG_USAGE;
}
