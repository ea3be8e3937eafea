#include "sim/cli/progress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void kw_progress_begin(struct kw_progress *p, const char *what, bool quiet)
{
    const char *term = getenv("TERM");
    *p = (struct kw_progress){ .what = what, .on = !quiet && isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb")) };
    p->began = now();
}

void kw_progress_update(void *ctx, uint64_t done, uint64_t total)
{
    struct kw_progress *p = ctx;
    if (!p->on || total == 0) return;
    double at = now(), spent = at - p->began;
    if (done < total && at - p->drawn < 0.1) return;
    p->drawn = at;
    double share = (double)done / (double)total;
    char bar[3 * 40 + 1] = "";
    int full = (int)(share * 40);
    for (int i = 0; i < 40; i++) strcat(bar, i < full ? "█" : "░");
    fprintf(stderr, "\r\033[K%s %s %3.0f %%  %llu/%llu", p->what, bar, 100 * share, (unsigned long long)done,
            (unsigned long long)total);
    if (done > 0 && done < total && spent > 1) fprintf(stderr, "  %.0f s left", spent * (1 - share) / share);
    fflush(stderr);
}

void kw_progress_end(struct kw_progress *p)
{
    if (p->on) fputs("\r\033[K", stderr);
    p->on = false;
}
