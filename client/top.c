/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth top: sessions by memory, drawn again every few seconds. In the terminal's own screen, so
 * that the last picture and an error stay readable.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "client/manager.h"
#include "client/table.h"
#include "client/variant.h"
#include "client/verbs.h"

#define TOP_SESSIONS_MAX 4096u

/* A copy of what one line shows; the replies are gone when it is drawn. */
typedef struct TopSession {
    char id[24], user[33], state[16], profile[16];
    int32_t node;
    uint32_t n_running, n_queued, generation;
    uint64_t current_bytes, grant_bytes, limit_bytes, started_usec;
} TopSession;

typedef struct Top {
    TopSession *sessions;
    size_t n_sessions, n_allocated;
    uint64_t n_queries, n_queued, n_warm, budget_bytes, granted_bytes;
} Top;

static struct termios saved_terminal;
static volatile sig_atomic_t stopped, resized;

static void on_signal(int signo)
{
    if (signo == SIGWINCH)
        resized = 1;
    else
        stopped = 1;
}

static void terminal_restore(void)
{
    static const char leave[] = "\033[?7h\033[?25h";
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &saved_terminal);
    (void)!write(STDOUT_FILENO, leave, sizeof(leave) - 1);
}

static int terminal_take(void)
{
    struct termios raw;
    struct sigaction action = {.sa_handler = on_signal};
    if (tcgetattr(STDIN_FILENO, &saved_terminal) < 0)
        return -errno;
    raw = saved_terminal;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
        return -errno;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGWINCH, &action, NULL);
    (void)atexit(terminal_restore);
    fputs("\033[?25l\033[?7l", stdout); /* lines that are too long are cut, not wrapped */
    (void)fflush(stdout);               /* before what the exit handler writes */
    return 0;
}

static int compare(const void *a, const void *b)
{
    const TopSession *x = a, *y = b;
    if (x->current_bytes != y->current_bytes)
        return x->current_bytes < y->current_bytes ? 1 : -1;
    return x->started_usec < y->started_usec ? -1 : x->started_usec > y->started_usec;
}

static int add_session(Top *top, const SessionRow *w)
{
    if (top->n_sessions == TOP_SESSIONS_MAX)
        return 0; /* no terminal is that high */
    if (top->n_sessions == top->n_allocated) {
        size_t n = top->n_allocated ? 2 * top->n_allocated : 64;
        TopSession *more = realloc(top->sessions, n * sizeof(*more));
        if (!more)
            return -ENOMEM;
        top->sessions = more;
        top->n_allocated = n;
    }
    TopSession *s = &top->sessions[top->n_sessions++];
    *s = (TopSession){.node = w->node,
                      .generation = w->generation,
                      .current_bytes = w->current_bytes,
                      .grant_bytes = w->grant_bytes,
                      .limit_bytes = w->limit_bytes,
                      .started_usec = w->started_usec};
    (void)text_copy(s->id, sizeof(s->id), w->id);
    (void)text_copy(s->user, sizeof(s->user), w->user);
    (void)text_copy(s->state, sizeof(s->state), w->state);
    (void)text_copy(s->profile, sizeof(s->profile), w->profile);
    return 0;
}

static int read_queries(sd_bus *bus, Top *top)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    QueryRow w;
    int r = manager_list(bus, "ListQueries", MANAGER_QUERY_TYPE, &reply);
    while (r >= 0 && (r = manager_next_query(reply, &w)) > 0)
        for (size_t i = 0; i < top->n_sessions; i++) {
            if (strcmp(top->sessions[i].id, w.session) != 0)
                continue;
            if (w.position > 0)
                top->sessions[i].n_queued++;
            else
                top->sessions[i].n_running++;
        }
    return r;
}

static int read_totals(sd_bus *bus, Top *top)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    Variant v;
    int r = bus_properties(bus, &reply);
    if (r < 0)
        return r;
    r = sd_bus_message_enter_container(reply, 'a', "{sv}");
    if (r <= 0)
        return bus_malformed(r);
    while ((r = variant_next(reply, &v)) > 0) {
        if (strcmp(v.key, "NQueries") == 0)
            top->n_queries = v.number;
        else if (strcmp(v.key, "NQueued") == 0)
            top->n_queued = v.number;
        else if (strcmp(v.key, "NWarm") == 0)
            top->n_warm = v.number;
        else if (strcmp(v.key, "MemoryBudgetBytes") == 0)
            top->budget_bytes = v.number;
        else if (strcmp(v.key, "MemoryGrantedBytes") == 0)
            top->granted_bytes = v.number;
    }
    return r;
}

static int read_all(sd_bus *bus, Top *top)
{
    _cleanup_message_ sd_bus_message *reply = NULL;
    SessionRow w;
    int r = manager_list(bus, "ListSessions", MANAGER_SESSION_TYPE, &reply);
    top->n_sessions = 0;
    while (r >= 0 && (r = manager_next_session(reply, &w)) > 0)
        r = add_session(top, &w);
    if (r >= 0)
        r = read_queries(bus, top);
    if (r >= 0)
        r = read_totals(bus, top);
    if (r >= 0 && top->n_sessions > 0)
        qsort(top->sessions, top->n_sessions, sizeof(*top->sessions), compare);
    return r;
}

static int print_table(const Top *top, const Options *o, size_t n_most)
{
    static const TableColumn columns[] = {
        {"SESSION", "session", .right = true},
        {"USER", "user", .cut = true},
        {"STATE", "state"},
        {"PROFILE", "profile"},
        {"NODE", "numa_node", .right = true},
        {"USED", "memory_current_bytes", .right = true},
        {"GRANT", "memory_grant_bytes", .right = true},
        {"LIMIT", "memory_limit_bytes", .right = true},
        {"RUN", "running", .right = true},
        {"WAIT", "queued", .right = true},
        {"GEN", "generation", .right = true},
        {"AGE", "started_usec", .right = true},
    };
    _cleanup_(table_freep) Table *t = NULL;
    int r = table_new(columns, ARRAY_SIZE(columns), o, &t);
    if (r < 0)
        return r;
    for (size_t i = 0; i < top->n_sessions && i < n_most; i++) {
        const TopSession *s = &top->sessions[i];
        table_row(t);
        table_text(t, s->id);
        table_text(t, s->user);
        table_word(t, s->state, s->n_running ? "green" : NULL);
        table_text(t, s->profile);
        table_number_if(t, (uint64_t)s->node, s->node >= 0);
        table_bytes(t, s->current_bytes);
        table_bytes(t, s->grant_bytes);
        table_bytes(t, s->limit_bytes);
        table_number(t, s->n_running);
        table_number(t, s->n_queued);
        table_number(t, s->generation);
        table_since(t, s->started_usec);
    }
    return table_print(t);
}

static void print_head(const Top *top)
{
    char granted[32], budget[32];
    unsigned filled =
        top->budget_bytes ? (unsigned)(top->granted_bytes * 40 / top->budget_bytes) : 0;
    printf("%zu sessions, %" PRIu64 " queries, %" PRIu64 " queued, %" PRIu64 " warm executors\n",
           top->n_sessions, top->n_queries, top->n_queued, top->n_warm);
    fputs("memory [", stdout);
    for (unsigned i = 0; i < 40; i++)
        putchar(i < filled ? '#' : '.');
    printf("] %s of %s\n\n", text_format_bytes(granted, sizeof(granted), top->granted_bytes),
           text_format_bytes(budget, sizeof(budget), top->budget_bytes));
}

/* Waits for the next turn. Return: false when it is time to go. */
static bool wait_turn(uint64_t interval_usec)
{
    uint64_t until = clock_now_usec() + interval_usec;
    resized = 0;
    while (!stopped && !resized) {
        uint64_t now = clock_now_usec();
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        char key;
        if (now >= until)
            return true;
        if (poll(&in, 1, (int)((until - now) / USEC_PER_MSEC) + 1) <= 0)
            continue;
        if (in.revents & (POLLHUP | POLLERR) || read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' ||
            key == 'Q')
            return false;
        return true; /* any other key: at once */
    }
    return !stopped;
}

static int run(sd_bus *bus, Top *top, const Options *o)
{
    bool taken = false;
    int r;
    do {
        struct winsize size = {0};
        r = read_all(bus, top);
        if (r < 0)
            return r;
        if (!o->once && !taken) {
            r = terminal_take();
            if (r < 0) {
                fprintf(stderr, "berth top: the terminal cannot be used: %s\n", strerror(-r));
                return r;
            }
            taken = true;
        }
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
            size.ws_row = 24;
        if (!o->once)
            fputs("\033[H\033[2J", stdout);
        if (!o->json)
            print_head(top);
        /* Three lines of head, one of headings, one free. */
        r = print_table(top, o, o->once ? SIZE_MAX : size.ws_row > 6 ? size.ws_row - 5u : 1u);
    } while (r >= 0 && !o->once && wait_turn(o->interval_usec));
    return r;
}

int verb_top(int argc, char **argv)
{
    Options o;
    Top top = {0};
    _cleanup_bus_ sd_bus *bus = NULL;
    int r = options_parse(argc, argv, OPTION_TOP, "[--json] [--once] [-d SECONDS]", 0, 0, &o);
    if (r >= 0)
        return r;
    /* A pipe wants one picture. */
    o.once = o.once || o.json || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
    r = bus_connect(&bus);
    if (r >= 0)
        r = run(bus, &top, &o);
    free(top.sessions);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
