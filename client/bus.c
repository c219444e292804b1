/* SPDX-License-Identifier: Apache-2.0 */
#include "client/bus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The call may have to start berthd, and somebody may be typing a password for polkit. */
#define CALL_TIMEOUT_USEC (120 * UINT64_C(1000000))

int bus_connect(sd_bus **ret_bus)
{
    _cleanup_bus_ sd_bus *bus = NULL;
    int r = sd_bus_open_system(&bus);
    if (r < 0) {
        fprintf(stderr,
                "berth: the system bus cannot be reached: %s. berthd needs D-Bus (package dbus, "
                "`systemctl start dbus`); `berth doctor` looks at the host, `berth sql --embedded` "
                "needs neither.\n",
                strerror(-r));
        return r;
    }
    (void)sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT_USEC);
    /* polkit may ask the user, who is sitting here. */
    (void)sd_bus_set_allow_interactive_authorization(bus, true);
    *ret_bus = TAKE_PTR(bus);
    return 0;
}

/* Error texts come from berthd and hold what users have named: nothing raw reaches the terminal. */
static void print_error(const char *text)
{
    fputs("berth: ", stderr);
    for (const char *p = text; *p; p++)
        fputc((unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p, stderr);
    fputc('\n', stderr);
}

static int told(int r, const sd_bus_error *error)
{
    if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
        sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
        print_error("berthd is not running: nobody on the bus is " BUS_NAME
                    ". `systemctl start berthd` starts it, `berth doctor` looks at the host.");
    else if (sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) ||
             sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
        print_error(error->message && *error->message ? error->message : "access denied");
    else
        print_error(error->message && *error->message ? error->message : strerror(-r));
    return r;
}

int bus_call(sd_bus *bus, const char *method, sd_bus_message **ret_reply, const char *types, ...)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_message_ sd_bus_message *call = NULL;
    va_list args;
    int r = sd_bus_message_new_method_call(bus, &call, BUS_NAME, BUS_PATH, BUS_MANAGER, method);
    if (r >= 0) {
        va_start(args, types);
        r = sd_bus_message_appendv(call, types, args);
        va_end(args);
    }
    if (r >= 0)
        r = sd_bus_call(bus, call, 0, &error, ret_reply);
    return r < 0 ? told(r, &error) : 0;
}

int bus_begin(sd_bus *bus, const char *method, sd_bus_message **ret_call)
{
    int r = sd_bus_message_new_method_call(bus, ret_call, BUS_NAME, BUS_PATH, BUS_MANAGER, method);
    return r < 0 ? told(r, &SD_BUS_ERROR_NULL) : 0;
}

int bus_finish(sd_bus *bus, sd_bus_message *call, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call(bus, call, 0, &error, ret_reply);
    return r < 0 ? told(r, &error) : 0;
}

int bus_properties(sd_bus *bus, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call_method(bus, BUS_NAME, BUS_PATH, "org.freedesktop.DBus.Properties", "GetAll",
                               &error, ret_reply, "s", BUS_MANAGER);
    return r < 0 ? told(r, &error) : 0;
}

int bus_malformed(int r)
{
    fprintf(stderr, "berth: berthd's answer is not understood (%s); are both of one version?\n",
            r < 0 ? strerror(-r) : "unexpected end");
    return -EBADMSG;
}
