/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/caught.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

bool is_caught(uint64_t from, uint64_t to, void (*run)(uint64_t seed))
{
    for (uint64_t seed = from; seed <= to; seed++) {
        int status = 0;
        (void)fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            run(seed);
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return false;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) {
            printf("the fault was noticed with seed %" PRIu64 "\n", seed);
            return true;
        }
    }
    printf("nobody noticed the fault in %" PRIu64 " seeds\n", to - from + 1);
    return false;
}
