/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs that ask berthd, against a bus of our own with a stand-in that answers as
 * packaging/dbus says. What a user named cannot reach the terminal raw (CLI-1), JSON is JSON, and
 * every failure is one line and a status.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MIB (UINT64_C(1) << 20)

typedef struct Bed {
    char dir[64], address[128];
    pid_t bus, service;
} Bed;

static Bed bed = {.bus = -1, .service = -1};

/* The stand-in. */

static uint64_t limit_set;

static int list_sessions(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return sd_bus_reply_method_return(
        m, "a(sussssittttuuto)", 2, "7", 1000u, "ada", "5f\033[31mred", "running", "batch", 1,
        512 * MIB, 800 * MIB, 300 * MIB, 400 * MIB, 2u, 1u, UINT64_C(1700000000000000),
        "/org/berth/Berth1/session/7", "8", 1001u, "bob", "", "opening", "unknown", -1, UINT64_C(0),
        UINT64_C(0), UINT64_C(0), UINT64_C(0), 0u, 1u, UINT64_C(0), "/org/berth/Berth1/session/8");
}

static int list_pools(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return sd_bus_reply_method_return(m, "a(ussuutts)", 1, 0u, "interactive", "0-3", 8u, 2u,
                                      4096 * MIB, 512 * MIB, "0.1.0");
}

static int list_slots(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return sd_bus_reply_method_return(m, "a(uusstsu)", 2, 0u, 0u, "interactive", "0", 512 * MIB,
                                      "7", 1000u, 1u, 0u, "interactive", "1", 512 * MIB, "",
                                      UINT32_MAX);
}

static int list_queries(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return sd_bus_reply_method_return(m, "a(stsussuttttut)", 2, "7", UINT64_C(1), "op-1", 1000u,
                                      "ada", "running", 0u, 100 * MIB, 64 * MIB, 512 * MIB,
                                      UINT64_C(6000000), 4u, UINT64_C(1700000000000000), "7",
                                      UINT64_C(2), "", 1000u, "ada", "queued", 3u, 10 * MIB, MIB,
                                      UINT64_C(0), UINT64_C(5), 0u, UINT64_C(1700000000000000));
}

static int kill_session(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const char *session, *reason;
    uint64_t flags;
    int r = sd_bus_message_read(m, "sst", &session, &reason, &flags);
    if (r < 0)
        return r;
    if (flags != 0 || strcmp(reason, "too large") != 0)
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "reason \"%s\"", reason);
    if (strcmp(session, "7") != 0)
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                 "Not authorized to end session\n%s", session);
    return sd_bus_reply_method_return(m, "");
}

static int set_limit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const char *session, *key;
    int r = sd_bus_message_read(m, "s", &session);
    if (r >= 0)
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
    if (r >= 0)
        r = sd_bus_message_read(m, "{sv}", &key, "t", &limit_set);
    if (r < 0 || strcmp(key, "MemoryMaxBytes") != 0)
        return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "what?");
    return sd_bus_reply_method_return(m, "");
}

static int describe_session(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return sd_bus_reply_method_return(
        m, "a{sv}", 6, "Id", "s", "7", "Performance", "b", 1, "NumaNode", "i", -1, "Slots", "au", 2,
        4u, 5u, "MemoryGrantBytes", "t", limit_set, "NamespacePid", "t", UINT64_C(4026531836));
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return sd_bus_message_append(m, "s", BERTH_VERSION);
}

static int get_unenforced(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *m, void *userdata,
                          sd_bus_error *error)
{
    return sd_bus_message_append(m, "as", 2, "No cpuset here.", "No pressure here.");
}

static int get_number(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    return property[0] == 'M'
               ? sd_bus_message_append(m, "t", property[6] == 'B' ? 8192 * MIB : 2048 * MIB)
               : sd_bus_message_append(m, "u", 3u);
}

static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("ListSessions", "", "a(sussssittttuuto)", list_sessions,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ListPools", "", "a(ussuutts)", list_pools, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ListSlots", "", "a(uusstsu)", list_slots, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ListQueries", "", "a(stsussuttttut)", list_queries, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("KillSession", "sst", "", kill_session, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("SetLimit", "sa{sv}", "", set_limit, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("DescribeSession", "s", "a{sv}", describe_session, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_PROPERTY("Version", "s", get_version, 0, 0),
    SD_BUS_PROPERTY("Unenforced", "as", get_unenforced, 0, 0),
    SD_BUS_PROPERTY("NSessions", "u", get_number, 0, 0),
    SD_BUS_PROPERTY("NQueries", "u", get_number, 0, 0),
    SD_BUS_PROPERTY("NQueued", "u", get_number, 0, 0),
    SD_BUS_PROPERTY("NWarm", "u", get_number, 0, 0),
    SD_BUS_PROPERTY("MemoryBudgetBytes", "t", get_number, 0, 0),
    SD_BUS_PROPERTY("MemoryGrantedBytes", "t", get_number, 0, 0),
    SD_BUS_VTABLE_END,
};

static void serve(int ready)
{
    sd_bus *bus = NULL;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sd_bus_open_system(&bus) < 0 ||
        sd_bus_add_object_vtable(bus, NULL, "/org/berth/Berth1", "org.berth.Berth1.Manager", vtable,
                                 NULL) < 0 ||
        sd_bus_request_name(bus, "org.berth.Berth1", 0) < 0 || write(ready, "+", 1) != 1)
        _exit(1);
    for (int r; (r = sd_bus_process(bus, NULL)) >= 0;)
        if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
            break;
    _exit(0);
}

/* Runs `berth @words` by a shell. Return: the exit status; standard output and error are in
 * @ret_text. */
static int run(const char *words, char *ret_text, size_t size)
{
    char command[512];
    (void)snprintf(command, sizeof(command), "%s %s 2>&1", getenv("BERTH"), words);
    FILE *p = popen(command, "re");
    assert_non_null(p);
    size_t n = fread(ret_text, 1, size - 1, p);
    ret_text[n] = '\0';
    int status = pclose(p);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int start(void **state)
{
    char path[128], config[160];
    int ready[2], report[2];
    (void)snprintf(bed.dir, sizeof(bed.dir), "/tmp/berth-test-bus-XXXXXX");
    if (!mkdtemp(bed.dir) || pipe2(ready, O_CLOEXEC) < 0 || pipe2(report, 0) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/bus.conf", bed.dir);
    FILE *f = fopen(path, "we");
    if (!f)
        return -1;
    fprintf(f,
            "<busconfig><type>system</type><listen>unix:path=%s/bus</listen><policy "
            "context=\"default\">"
            "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow "
            "own=\"*\"/></policy></busconfig>",
            bed.dir);
    fclose(f);
    (void)snprintf(config, sizeof(config), "--config-file=%s", path);
    (void)snprintf(bed.address, sizeof(bed.address), "unix:path=%s/bus", bed.dir);
    (void)setenv("DBUS_SYSTEM_BUS_ADDRESS", bed.address, 1);
    (void)unsetenv("NO_COLOR");
    bed.bus = fork();
    if (bed.bus == 0) {
        char print[32];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)snprintf(print, sizeof(print), "--print-address=%d", report[1]);
        (void)execlp("dbus-daemon", "dbus-daemon", config, "--nofork", print, NULL);
        _exit(127);
    }
    close(report[1]);
    char byte;
    if (read(report[0], &byte, 1) != 1) {
        print_error("dbus-daemon does not start; is it installed?\n");
        return -1;
    }
    close(report[0]);
    bed.service = fork();
    if (bed.service == 0)
        serve(ready[1]);
    close(ready[1]);
    int r = read(ready[0], &byte, 1) == 1 ? 0 : -1;
    close(ready[0]);
    return r;
}

static void end(pid_t *pid)
{
    if (*pid <= 0)
        return;
    (void)kill(*pid, SIGKILL);
    (void)waitpid(*pid, NULL, 0);
    *pid = -1;
}

static int stop(void **state)
{
    char path[128];
    end(&bed.service);
    end(&bed.bus);
    (void)snprintf(path, sizeof(path), "%s/bus.conf", bed.dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/bus", bed.dir);
    (void)unlink(path);
    return rmdir(bed.dir);
}

static void sessions_are_a_table(void **state)
{
    char text[4096];
    assert_int_equal(run("sessions", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "SESSION"));
    assert_non_null(strstr(text, "ada"));
    assert_non_null(strstr(text, "300.0 MiB"));
    assert_null(strchr(text, '\033')); /* neither ours, as this is no terminal, nor the user's */
    assert_int_equal(run("--no-legend sessions", text, sizeof(text)), 0);
    assert_null(strstr(text, "SESSION"));
}

static void sessions_are_json(void **state)
{
    char text[4096];
    assert_int_equal(run("sessions --json", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "[{\"session\":\"7\",\"user\":\"ada\",\"state\":\"running\""));
    assert_non_null(strstr(text, "\"memory_current_bytes\":314572800"));
    assert_non_null(strstr(text, "\"client_session\":\"5f\\u001b[31mred\""));
    assert_non_null(strstr(text, "\"numa_node\":null"));
    assert_int_equal(text[strlen(text) - 2], ']');
}

static void one_session_is_described(void **state)
{
    char text[4096];
    assert_int_equal(run("limit 7 memory=1.5G", text, sizeof(text)), 0);
    assert_string_equal(text, "");
    assert_int_equal(run("sessions 7", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "MemoryGrantBytes: 1.5 GiB"));
    assert_non_null(strstr(text, "Performance: yes"));
    assert_non_null(strstr(text, "Slots: 4, 5"));
    assert_int_equal(run("--json sessions 7", text, sizeof(text)), 0);
    assert_string_equal(text, "{\"Id\":\"7\",\"Performance\":true,\"NumaNode\":-1,\"Slots\":[4,5],"
                              "\"MemoryGrantBytes\":1610612736,\"NamespacePid\":4026531836}\n");
}

static void pools_slots_and_queries(void **state)
{
    char text[4096];
    assert_int_equal(run("pools", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "interactive"));
    assert_int_equal(run("pools --slots --json", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "\"session\":\"7\",\"uid\":1000}"));
    assert_non_null(strstr(text, "\"session\":\"\",\"uid\":null}"));
    assert_int_equal(run("queries", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "queued"));
    assert_int_equal(run("queries --json", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "\"queue_position\":3"));
}

static void top_once_without_a_terminal(void **state)
{
    char text[4096];
    assert_int_equal(run("top < /dev/null", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "2 sessions, 3 queries"));
    assert_non_null(strstr(text, "memory [##########...."));
    assert_null(strchr(text, '\033'));
    assert_int_equal(run("top --once --json", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "\"running\":1,\"queued\":1"));
}

static void status_names_what_is_not_enforced(void **state)
{
    char text[4096];
    assert_int_equal(run("status", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "2.0 GiB of 8.0 GiB"));
    assert_non_null(strstr(text, "No cpuset here., No pressure here."));
    assert_int_equal(run("status --json", text, sizeof(text)), 0);
    assert_non_null(strstr(text, "\"Unenforced\":[\"No cpuset here.\",\"No pressure here.\"]"));
}

static void kill_ends_or_says_why_not(void **state)
{
    char text[4096];
    assert_int_equal(run("kill --reason='too large' 7", text, sizeof(text)), 0);
    assert_int_equal(run("kill --reason='too large' 9", text, sizeof(text)), 1);
    assert_string_equal(text, "berth: Not authorized to end session 9\n");
}

static void wrong_usage_is_status_2(void **state)
{
    char text[4096];
    static const char *const wrong[] = {
        "",
        "nonsense",
        "sessions a b",
        "kill",
        "limit 7",
        "limit 7 memory=",
        "limit 7 memory=0",
        "limit 7 cpu=2",
        "pools --delay=1",
        "top --delay=x",
        "--nonsense status",
        "sessions --slots",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_int_equal(run(wrong[i], text, sizeof(text)), 2);
        assert_true(strlen(text) > 0);
    }
    assert_int_equal(run("sesions", text, sizeof(text)), 2);
    assert_non_null(strstr(text, "did you mean \"sessions\"?"));
    assert_int_equal(run("--version", text, sizeof(text)), 0);
    assert_string_equal(text, "berth " BERTH_VERSION "\n");
}

static void doctor_speaks_json(void **state)
{
    char text[16384];
    (void)run("doctor --json", text, sizeof(text)); /* what it finds is the host's affair */
    assert_non_null(strstr(text, "{\"check\":\"cgroup v2\",\"result\":\""));
    assert_non_null(strstr(
        text, "{\"check\":\"berthd\",\"result\":\"ok\",\"found\":\"version " BERTH_VERSION "\""));
}

static void without_berthd_one_line(void **state)
{
    char text[4096];
    end(&bed.service);
    static const char *const verbs[] = {"sessions",   "pools",  "queries",          "status",
                                        "top --once", "kill 7", "limit 7 memory=1G"};
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        assert_int_equal(run(verbs[i], text, sizeof(text)), 1);
        assert_non_null(strstr(text, "berthd is not running"));
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_a_table),
        cmocka_unit_test(sessions_are_json),
        cmocka_unit_test(one_session_is_described),
        cmocka_unit_test(pools_slots_and_queries),
        cmocka_unit_test(top_once_without_a_terminal),
        cmocka_unit_test(status_names_what_is_not_enforced),
        cmocka_unit_test(kill_ends_or_says_why_not),
        cmocka_unit_test(wrong_usage_is_status_2),
        cmocka_unit_test(doctor_speaks_json),
        cmocka_unit_test(without_berthd_one_line), /* last: it ends the stand-in */
    };
    return cmocka_run_group_tests(tests, start, stop);
}
