#include "sim/cli/exec_self.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/startup.h"

void kw_exec_self(char **argv)
{
    char path[4096], now[24];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1); /* by its own path, so that ps shows its name */
    if (n <= 0) return;
    path[n] = 0;
    snprintf(now, sizeof now, "%" PRId64, kw_now_ns());
    if (setenv("KEEPWARM_EXEC_NS", now, 0)) return;
    execv(path, argv);
}

void kw_exec_self_sleepy(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
    if (setenv("GOMP_SPINCOUNT", "1000", 1)) return;
    kw_exec_self(argv);
    unsetenv("KEEPWARM_EXEC_NS"); /* of an exec that did not come about */
}
