/* SPDX-License-Identifier: Apache-2.0 */

/*
 * berth sql: statements from the command line, a file, standard input or a prompt, to a gateway or
 * to an executor of our own.
 *
 * A statement goes as PySpark's spark.sql() sends it: first as a SqlCommand, whose answer is a
 * relation (for a query the query itself, for SHOW or SET the rows), then that relation as a plan
 * of its own. What begins as a query is sent as such at once, which saves the first way.
 */

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "client/connection.h"
#include "client/line.h"
#include "client/result.h"
#include "client/sql_options.h"
#include "client/statement.h"
#include "client/verbs.h"
#include "connect/proto/proto.h"
#include "connect/proto/spark.h"

static volatile sig_atomic_t interrupted;

typedef struct Sql {
    SqlOptions options;
    Connection *connection;
    bool interactive;
    /* of the running statement */
    uint8_t *relation;
    size_t n_relation;
    ResultPrinter *printer;
    uint64_t started_usec;
    unsigned permille;
    bool progress_shown;
} Sql;

static void on_sigint(int signo)
{
    /* The second Ctrl-C means it: the executor or the gateway cleans up behind us. */
    if (interrupted)
        _exit(130);
    interrupted = 1;
}

static void progress_clear(Sql *s)
{
    if (s->progress_shown)
        fputs("\r\033[K", stderr);
    s->progress_shown = false;
}

/* One line on the terminal, rewritten: done of all tasks, bytes read, time. Shown from half a
 * second on. */
static void progress_draw(Sql *s, uint64_t done, uint64_t all, uint64_t bytes)
{
    uint64_t elapsed = clock_now_usec() - s->started_usec;
    if (!s->options.progress || elapsed < USEC_PER_SEC / 2 || all == 0)
        return;
    /* Never back: when a further part of the query begins, its rows come on top of all. */
    unsigned permille = MAX((unsigned)(MIN(done, all) * 1000 / all), s->permille);
    s->permille = permille;
    char bar[31 * 3 + 1], size[32];
    char *p = bar;
    for (unsigned i = 0; i < 30; i++)
        p = stpcpy(p, i < permille * 30 / 1000 ? "\xE2\x96\x88" : "\xE2\x96\x91");
    fprintf(stderr, "\r\033[K%s %3u %%  %s read  %.1f s", bar, permille / 10,
            text_format_bytes(size, sizeof(size), bytes), (double)elapsed / USEC_PER_SEC);
    if (permille > 50 && permille < 990)
        fprintf(stderr, "  about %.0f s left",
                (double)elapsed / USEC_PER_SEC * (1000 - permille) / permille);
    s->progress_shown = true;
}

static int on_progress(Sql *s, const ProtoReader *parent, const ProtoField *field)
{
    ProtoReader progress;
    int r = proto_enter(parent, field, &progress);
    uint64_t done = 0, all = 0, bytes = 0;
    ProtoField f;
    while (r == 0 && (r = proto_next(&progress, &f)) == 1) {
        r = 0;
        ProtoReader stage;
        if (f.number != SPARK_EXECUTION_PROGRESS_STAGES)
            continue;
        r = proto_enter(&progress, &f, &stage);
        while (r == 0 && (r = proto_next(&stage, &f)) == 1) {
            r = 0;
            if (f.number == SPARK_EXECUTION_PROGRESS_STAGE_INFO_NUM_TASKS)
                all += f.value;
            else if (f.number == SPARK_EXECUTION_PROGRESS_STAGE_INFO_NUM_COMPLETED_TASKS)
                done += f.value;
            else if (f.number == SPARK_EXECUTION_PROGRESS_STAGE_INFO_INPUT_BYTES_READ)
                bytes += f.value;
        }
    }
    if (r == 0)
        progress_draw(s, done, all, bytes);
    return r;
}

/* Finds one length-delimited field of a message. Return: 1, 0 absent, -EBADMSG. */
static int find_bytes(const ProtoReader *parent, const ProtoField *field, uint32_t number,
                      ProtoBytes *ret)
{
    ProtoReader inner;
    ProtoField f;
    int r = proto_enter(parent, field, &inner), found = 0;
    while (r == 0 && (r = proto_next(&inner, &f)) == 1) {
        r = 0;
        if (f.number == number && f.wire == PROTO_WIRE_BYTES) {
            *ret = f.bytes;
            found = 1;
        }
    }
    return r < 0 ? r : found;
}

static int on_reply(void *userdata, const uint8_t *response, size_t n_response)
{
    Sql *s = userdata;
    ProtoReader reader = proto_reader(response, n_response);
    ProtoField f;
    ProtoBytes bytes;
    int r;
    while ((r = proto_next(&reader, &f)) == 1) {
        r = 0;
        if (f.number == SPARK_RESPONSE_SQL_COMMAND_RESULT) {
            r = find_bytes(&reader, &f, SPARK_SQL_COMMAND_RESULT_RELATION, &bytes);
            if (r == 1) {
                free(s->relation);
                s->relation = malloc(bytes.n_bytes + 1);
                if (!s->relation)
                    return -ENOMEM;
                memcpy(s->relation, bytes.data, bytes.n_bytes);
                s->n_relation = bytes.n_bytes;
            }
        } else if (f.number == SPARK_RESPONSE_ARROW_BATCH && s->printer) {
            r = find_bytes(&reader, &f, SPARK_ARROW_BATCH_DATA, &bytes);
            if (r == 1) {
                progress_clear(s);
                r = result_printer_add(s->printer, bytes.data, bytes.n_bytes);
            }
        } else if (f.number == SPARK_RESPONSE_EXECUTION_PROGRESS) {
            r = on_progress(s, &reader, &f);
        }
        if (r < 0)
            return r;
    }
    return r;
}

/* Messages quote what users and files contain: of control characters only the line end remains
 * (CLI-1). */
static void print_message(const char *text)
{
    for (const char *p = text; *p; p++)
        fputc(((unsigned char)*p < ' ' && *p != '\n') || *p == 0x7f ? ' ' : *p, stderr);
    fputc('\n', stderr);
}

static void print_error(Sql *s, const ConnectionError *e)
{
    progress_clear(s);
    bool colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
    fprintf(stderr, "%s%s%s", colour ? "\033[1;31m" : "",
            e->error_class[0] ? e->error_class : "ERROR", colour ? "\033[0m" : "");
    if (e->sqlstate[0])
        fprintf(stderr, " (SQLSTATE %s)", e->sqlstate);
    if (e->line)
        fprintf(stderr, " at line %u, column %u", e->line, e->column);
    fputs(": ", stderr);
    print_message(e->message);
}

static int put_sql_command(ProtoWriter *w, const char *statement)
{
    proto_begin(w, SPARK_PLAN_COMMAND);
    proto_begin(w, SPARK_COMMAND_SQL_COMMAND);
    proto_put_string(w, SPARK_SQL_COMMAND_SQL, statement);
    proto_begin(w, SPARK_SQL_COMMAND_INPUT);
    proto_begin(w, SPARK_RELATION_SQL);
    proto_put_string(w, SPARK_SQL_QUERY, statement);
    proto_end(w);
    proto_end(w);
    proto_end(w);
    proto_end(w);
    return proto_writer_finish(w);
}

/* The first word is SELECT or VALUES, or there is a parenthesis: nothing but a query. */
static bool is_query(const char *text)
{
    for (;;) {
        text += strspn(text, " \t\r\n");
        if (strncmp(text, "--", 2) == 0) {
            text += strcspn(text, "\n");
        } else if (strncmp(text, "/*", 2) == 0) {
            const char *end = strstr(text, "*/");
            if (!end || memchr(text + 2, '*', (size_t)(end - text) - 1) != end)
                return false; /* nested, or a hint: the server knows */
            text = end + 2;
        } else {
            break;
        }
    }
    if (*text == '(')
        return true;
    size_t n = strcspn(text, " \t\r\n(*'\"`+-");
    return n == 6 && (strncasecmp(text, "select", n) == 0 || strncasecmp(text, "values", n) == 0);
}

static int query_relation(Sql *s, const char *statement)
{
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, CONNECTION_MESSAGE_MAX, NULL, NULL);
    proto_begin(&w, SPARK_RELATION_SQL);
    proto_put_string(&w, SPARK_SQL_QUERY, statement);
    proto_end(&w);
    int r = proto_writer_finish(&w);
    if (r < 0)
        return r;
    s->relation = malloc(w.n_bytes + 1);
    if (!s->relation)
        return -ENOMEM;
    memcpy(s->relation, w.data, w.n_bytes);
    s->n_relation = w.n_bytes;
    return 0;
}

static int execute(Sql *s, const ProtoWriter *w, ConnectionError *error)
{
    return s->connection->ops->execute(s->connection, w->data, w->n_bytes, on_reply, s, error);
}

/* The executor tells its limits while it starts: let it, before the prompt is there. */
static int wait_until_ready(Sql *s, ConnectionError *error)
{
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, CONNECTION_MESSAGE_MAX, NULL, NULL);
    int r = put_sql_command(&w, "SELECT 1");
    if (r == 0)
        r = execute(s, &w, error);
    free(s->relation);
    s->relation = NULL;
    return r;
}

static int configure_session(Sql *s, ConnectionError *error)
{
    /* Relative paths in SQL mean the directory the user stands in. */
    _cleanup_free_ char *cwd = getcwd(NULL, 0);
    int r = 0;
    if (cwd)
        r = s->connection->ops->configure(s->connection, "spark.berth.directory", cwd, error);
    for (size_t i = 0; r == 0 && i < s->options.n_settings; i++) {
        const char *value = strchr(s->options.settings[i], '=') + 1;
        _cleanup_free_ char *key =
            strndup(s->options.settings[i], (size_t)(value - 1 - s->options.settings[i]));
        r = key ? s->connection->ops->configure(s->connection, key, value, error) : -ENOMEM;
    }
    return r;
}

static int open_connection(Sql *s)
{
    ConnectionError error = {0};
    int r =
        s->options.embedded
            ? connection_open_embedded(&s->options.executor, &interrupted, &s->connection, &error)
            : connection_open_connect(&s->options.connect, &interrupted, &s->connection, &error);
    if (r == 0)
        r = configure_session(s, &error);
    if (r == 0 && s->interactive && s->options.embedded)
        r = wait_until_ready(s, &error);
    if (r > 0)
        print_error(s, &error);
    else if (r < 0)
        fprintf(stderr, "berth sql: %s\n", strerror(-r));
    return r;
}

static int run_relation(Sql *s, ConnectionError *error)
{
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, CONNECTION_MESSAGE_MAX, NULL, NULL);
    proto_put_bytes(&w, SPARK_PLAN_ROOT, s->relation, s->n_relation);
    int r = proto_writer_finish(&w);
    if (r == 0)
        r = result_printer_new(stdout, s->options.format, s->options.max_rows, &s->printer);
    if (r == 0)
        r = execute(s, &w, error);
    if (r == 0) {
        progress_clear(s);
        r = result_printer_finish(s->printer);
    }
    return r;
}

static void print_timing(const Sql *s, uint64_t rows, uint64_t usec)
{
    if (!s->options.timing)
        return;
    if (s->options.format == RESULT_FORMAT_JSON)
        printf("{\"rows\": %llu, \"elapsed_ms\": %.3f}\n", (unsigned long long)rows,
               (double)usec / 1000);
    else
        fprintf(stderr, "Time: %.3f s\n", (double)usec / USEC_PER_SEC);
    fflush(stdout);
}

/* Return: 0; CONNECTION_E_STATEMENT (already printed); CONNECTION_E_LOST (printed); negative errno.
 */
static int run_statement(Sql *s, const char *statement)
{
    _cleanup_proto_writer_ ProtoWriter w;
    proto_writer_init(&w, CONNECTION_MESSAGE_MAX, NULL, NULL);
    ConnectionError error = {0};
    interrupted = 0;
    s->started_usec = clock_now_usec();
    s->permille = 0;
    int r = is_query(statement) ? query_relation(s, statement) : put_sql_command(&w, statement);
    if (r == 0 && !s->relation)
        r = execute(s, &w, &error);
    if (r == 0 && s->relation)
        r = run_relation(s, &error);
    uint64_t rows = s->printer ? result_printer_rows(s->printer) : 0;
    s->printer = result_printer_free(s->printer);
    free(s->relation);
    s->relation = NULL;
    if (r == CONNECTION_E_STATEMENT || r == CONNECTION_E_LOST)
        print_error(s, &error);
    else if (r < 0)
        fprintf(stderr, "berth sql: %s\n", r == -EBADMSG ? "the reply is not valid" : strerror(-r));
    print_timing(s, rows, clock_now_usec() - s->started_usec);
    return r;
}

static const char shell_help[] = "Statements end with a semicolon. Ctrl-C cancels the running one "
                                 "or empties the line, Ctrl-D leaves.\n"
                                 "  \\?  .help            this text\n"
                                 "  \\q  .quit            leave\n"
                                 "  .timing [on|off]     print the time of each statement\n"
                                 "  .format box|csv|json\n";

typedef enum ShellWord {
    SHELL_WORD_NONE, /* the line is SQL */
    SHELL_WORD_HELP,
    SHELL_WORD_QUIT,
    SHELL_WORD_TIMING,
    SHELL_WORD_FORMAT,
    SHELL_WORD_UNKNOWN,
} ShellWord;

/* Commands begin with a point or a backslash; what people type who look for the way out is known
 * without. */
static ShellWord shell_word(const char *word)
{
    static const struct {
        const char *name;
        ShellWord word;
    } words[] = {{"help", SHELL_WORD_HELP},     {"?", SHELL_WORD_HELP},
                 {"h", SHELL_WORD_HELP},        {"quit", SHELL_WORD_QUIT},
                 {"exit", SHELL_WORD_QUIT},     {"q", SHELL_WORD_QUIT},
                 {"timing", SHELL_WORD_TIMING}, {"format", SHELL_WORD_FORMAT}};
    bool marked = word[0] == '.' || word[0] == '\\';
    size_t n = strcspn(word + marked, ";");
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i].name) == n && strncmp(word + marked, words[i].name, n) == 0 &&
            (marked || (words[i].word <= SHELL_WORD_QUIT && n >= 4)))
            return words[i].word;
    return marked ? SHELL_WORD_UNKNOWN : SHELL_WORD_NONE;
}

/* Return: true when the line was a command of the shell; *ret_quit asks to leave. */
static bool shell_command(Sql *s, const char *line, bool *ret_quit)
{
    char word[32] = "", value[32] = "";
    (void)sscanf(line, "%31s %31s", word, value);
    ShellWord what = shell_word(word);
    int format = result_format_from_string(value);

    if (what == SHELL_WORD_NONE || (value[0] && word[0] != '.' && word[0] != '\\'))
        return false;
    if (what == SHELL_WORD_HELP)
        fputs(shell_help, stdout);
    else if (what == SHELL_WORD_QUIT)
        *ret_quit = true;
    else if (what == SHELL_WORD_TIMING && !value[0])
        s->options.timing = !s->options.timing;
    else if (what == SHELL_WORD_TIMING && (strcmp(value, "on") == 0 || strcmp(value, "off") == 0))
        s->options.timing = strcmp(value, "on") == 0;
    else if (what == SHELL_WORD_FORMAT && format >= 0 &&
             (format != RESULT_FORMAT_ARROW || !isatty(STDOUT_FILENO)))
        s->options.format = format;
    else {
        fprintf(stderr, "not understood: ");
        print_message(line);
        fputs(shell_help, stderr);
    }
    return true;
}

/* The gateway or the executor has gone while the shell stays: what comes next gets a new session.
 */
static int reopen(Sql *s)
{
    s->connection = connection_close(s->connection);
    int r = open_connection(s);
    if (r != 0)
        s->connection = connection_close(s->connection);
    if (!s->options.quiet)
        fputs(r == 0 ? "Connected again, to a new session: temporary views and settings of the old "
                       "one are gone.\n"
                     : "The next statement tries it again.\n",
              stderr);
    return r;
}

/* Runs what is whole. Return: 0 go on; else stop with that code. */
static int run_pending(Sql *s, StatementSplitter *splitter, bool at_end, bool *failed)
{
    for (;;) {
        _cleanup_free_ char *statement = NULL;
        int r = statement_splitter_next(splitter, at_end, &statement);
        if (r <= 0)
            return r;
        r = s->connection || reopen(s) == 0 ? run_statement(s, statement) : CONNECTION_E_STATEMENT;
        if (r == CONNECTION_E_LOST && s->interactive) {
            (void)reopen(s);
            r = CONNECTION_E_STATEMENT;
        }
        if (r == CONNECTION_E_STATEMENT) {
            *failed = true;
            if (s->interactive || s->options.keep_going)
                continue;
        }
        if (r != 0)
            return r;
    }
}

static int run_stream(Sql *s, FILE *in)
{
    _cleanup_(statement_splitter_done) StatementSplitter splitter = {0};
    LineReader *reader = line_reader_new(in, s->interactive);
    bool failed = false, quit = false;
    int r = reader ? 0 : -ENOMEM;
    if (s->interactive && !s->options.quiet)
        fputs("berth " BERTH_VERSION "; \\? for help\n", stderr);
    while (r == 0 && !quit) {
        bool pending = statement_splitter_pending(&splitter);
        const char *line;
        int k = line_read(reader, pending ? "    -> " : "berth> ", &line);
        if (k == -EINTR && s->interactive) { /* Ctrl-C: what was typed so far is dropped */
            interrupted = 0;
            statement_splitter_done(&splitter);
            continue;
        }
        if (k <= 0) {
            if (k == 0)
                r = run_pending(s, &splitter, true, &failed);
            break;
        }
        if (!pending && shell_command(s, line, &quit))
            continue;
        r = statement_splitter_add(&splitter, line, strlen(line));
        if (r == 0)
            r = run_pending(s, &splitter, false, &failed);
    }
    line_reader_free(reader);
    if (r == -EMSGSIZE)
        fprintf(stderr, "berth sql: a statement is longer than %u bytes\n", STATEMENT_BYTES_MAX);
    return r == 0 && failed && !s->interactive ? CONNECTION_E_STATEMENT : r;
}

static int run_file(Sql *s, const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!in) {
        fprintf(stderr, "berth sql: %s: %s\n", path, strerror(errno));
        return -errno;
    }
    int r = run_stream(s, in);
    if (in != stdin)
        (void)fclose(in);
    return r;
}

static int run_all(Sql *s, int n_statements, char **statements)
{
    bool failed = false;
    if (s->options.file)
        return run_file(s, s->options.file);
    if (n_statements == 0)
        return run_stream(s, stdin);
    for (int i = 0; i < n_statements; i++) {
        _cleanup_(statement_splitter_done) StatementSplitter splitter = {0};
        int r = statement_splitter_add(&splitter, statements[i], strlen(statements[i]));
        if (r == 0)
            r = run_pending(s, &splitter, true, &failed);
        if (r != 0)
            return r;
    }
    return failed ? CONNECTION_E_STATEMENT : 0;
}

int verb_sql(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "");
    bool terminal = isatty(STDOUT_FILENO);
    Sql s = {.options = {.connect.address = SQL_DEFAULT_ADDRESS,
                         .format = terminal ? RESULT_FORMAT_BOX : RESULT_FORMAT_CSV,
                         .progress = isatty(STDERR_FILENO),
                         .max_rows = 1000}};
    s.options.executor.read_dirs = s.options.read_dirs;
    s.options.executor.write_dirs = s.options.write_dirs;
    int status = sql_options_parse(argc, argv, &s.options);
    if (status >= 0)
        return status;
    if (s.options.format == RESULT_FORMAT_ARROW && terminal) {
        fputs("berth sql: arrow is binary; send it to a file or a program\n", stderr);
        return 2;
    }
    s.interactive = optind == argc && !s.options.file && isatty(STDIN_FILENO) && terminal;
    (void)signal(SIGPIPE, SIG_IGN);
    if (open_connection(&s) != 0)
        return 3;
    struct sigaction on_int = {.sa_handler = on_sigint};
    (void)sigaction(SIGINT, &on_int, NULL);
    int r = run_all(&s, argc - optind, argv + optind);
    connection_close(s.connection);
    if (interrupted && !s.interactive)
        return 130;
    return r == 0 ? 0 : r == CONNECTION_E_LOST ? 3 : 1;
}
