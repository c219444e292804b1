/* SPDX-License-Identifier: Apache-2.0 */
/* berth-manager: started by berthd, by nobody else. */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "daemon/core_link.h"
#include "daemon/log.h"
#include "daemon/manager.h"

int main(void)
{
    int fds[CONTROL_FDS_MAX];
    ControlCoreStart start;
    Manager *m;

    (void)prctl(PR_SET_NAME, "berth-manager"); /* it was started by descriptor */
    (void)umask(0022);
    /* What a terminal or a service manager sends is for the core, which says what is to be done. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    log_init(LOG_INFO);
    int r = core_link_start(&start, fds);
    if (r < 0) {
        log_line(LOG_ERR, "berth-manager is started by berthd: %s", strerror(-r));
        return 1;
    }
    r = manager_new(&start, fds, &m);
    if (r < 0)
        return 1;
    r = manager_run(m);
    manager_free(m);
    return r == 0 ? 0 : 1;
}
