/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A polkit for tests: fake_polkit LOG. Says yes to org.berth.Berth1.kill-session, fails on
 * set-limit, says no to all else, and writes each question into LOG: subject kind, its name,
 * action, flags.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

static int check(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
    const char *kind, *key, *name, *action;
    uint32_t flags;

    int r = sd_bus_message_enter_container(call, 'r', "sa{sv}");
    r = r < 0 ? r : sd_bus_message_read(call, "s", &kind);
    r = r < 0 ? r : sd_bus_message_read(call, "a{sv}", 1, &key, "s", &name);
    r = r < 0 ? r : sd_bus_message_exit_container(call);
    r = r < 0 ? r : sd_bus_message_read(call, "s", &action);
    r = r < 0 ? r : sd_bus_message_skip(call, "a{ss}");
    r = r < 0 ? r : sd_bus_message_read(call, "u", &flags);
    if (r < 0)
        return r;
    FILE *f = fopen(userdata, "a");
    if (!f)
        return -errno;
    fprintf(f, "%s %s %s %u\n", kind, name, action, flags);
    fclose(f);
    if (strcmp(action, "org.berth.Berth1.set-limit") == 0)
        return sd_bus_error_set(ret_error, SD_BUS_ERROR_FAILED, "broken");
    return sd_bus_reply_method_return(call, "(bba{ss})",
                                      strcmp(action, "org.berth.Berth1.kill-session") == 0, 0, 0);
}

static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", check,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

int main(int argc, char **argv)
{
    sd_bus *bus;

    if (argc != 2)
        return 2;
    int r = sd_bus_open_system(&bus);
    r = r < 0 ? r
              : sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/PolicyKit1/Authority",
                                         "org.freedesktop.PolicyKit1.Authority", vtable, argv[1]);
    r = r < 0 ? r : sd_bus_request_name(bus, "org.freedesktop.PolicyKit1", 0);
    while (r >= 0) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, UINT64_MAX);
    }
    return 1;
}
