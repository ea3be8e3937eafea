#define _DEFAULT_SOURCE /* syscall */
#include "engine/startup.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t kw_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* When this process began, from field 22 of /proc/self/stat: clock ticks since boot, on the clock that counts suspended
 * time too; both clocks are read now to carry it over. 0 when it cannot be read. */
static int64_t process_start(void)
{
    char line[1024];
    FILE *f = fopen("/proc/self/stat", "r");
    if (!f) return 0;
    size_t n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = 0;
    char *p = strrchr(line, ')'); /* the command's name may hold blanks */
    unsigned long long ticks;
    if (!p ||
        sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
        return 0;
    long hz = sysconf(_SC_CLK_TCK);
    struct timespec boot;
    if (hz <= 0 || clock_gettime(7 /* CLOCK_BOOTTIME, a Linux clock that POSIX headers hide */, &boot)) return 0;
    int64_t age =
        (int64_t)boot.tv_sec * 1000000000 + boot.tv_nsec - (int64_t)(ticks * (1000000000ull / (unsigned long)hz));
    return age >= 0 ? kw_now_ns() - age : 0;
}

void kw_startup_init(struct kw_startup *p)
{
    int64_t now = kw_now_ns(), from = 0;
    const char *s = getenv("KEEPWARM_EXEC_NS");
    if (s) {
        char *end;
        from = strtoll(s, &end, 10);
        if (*end || end == s || from > now) from = 0;
    }
    if (from <= 0) from = process_start();
    if (from <= 0 || from > now) from = now;
    memset(p, 0, sizeof *p);
    p->origin = from;
    kw_startup_add(p, "exec", from, now, 0);
}

uint32_t kw_startup_begin(struct kw_startup *p, const char *name)
{
    if (!p) return UINT32_MAX;
    uint32_t i = __atomic_fetch_add(&p->n, 1, __ATOMIC_RELAXED);
    if (i >= KW_STARTUP_MAX) {
        __atomic_store_n(&p->n, KW_STARTUP_MAX, __ATOMIC_RELAXED);
        __atomic_fetch_add(&p->lost, 1, __ATOMIC_RELAXED);
        return UINT32_MAX;
    }
    struct kw_startup_phase *at = &p->at[i];
    memset(at, 0, sizeof *at);
    strncpy(at->name, name, sizeof at->name - 1);
    at->thread = syscall(SYS_gettid);
    at->begin = kw_now_ns();
    return i;
}

void kw_startup_end(struct kw_startup *p, uint32_t phase, uint64_t bytes)
{
    if (!p || phase == UINT32_MAX) return;
    p->at[phase].bytes = bytes;
    p->at[phase].end = kw_now_ns();
}

void kw_startup_add(struct kw_startup *p, const char *name, int64_t begin, int64_t end, uint64_t bytes)
{
    uint32_t i = kw_startup_begin(p, name);
    if (i == UINT32_MAX) return;
    p->at[i].begin = begin, p->at[i].end = end, p->at[i].bytes = bytes;
}

static bool is_part(const struct kw_startup *p, uint32_t i)
{
    const struct kw_startup_phase *a = &p->at[i];
    for (uint32_t j = 0; j < p->n; j++) {
        const struct kw_startup_phase *b = &p->at[j];
        bool same = b->begin == a->begin && b->end == a->end;
        if (b->thread == a->thread && b->begin <= a->begin && a->end <= b->end && (!same || j < i)) return true;
    }
    return false;
}

int64_t kw_startup_sum(const struct kw_startup *p)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < p->n; i++)
        if (p->at[i].end && !is_part(p, i)) sum += p->at[i].end - p->at[i].begin;
    return sum;
}

/* The phase that ended last, at `until` at the latest, and is not yet on the path; the longest of equals. */
static uint32_t last_before(const struct kw_startup *p, int64_t until, const bool *used)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct kw_startup_phase *a = &p->at[i];
        if (!a->end || a->end > until || used[i]) continue;
        if (best == UINT32_MAX || a->end > p->at[best].end ||
            (a->end == p->at[best].end && a->begin < p->at[best].begin))
            best = i;
    }
    return best;
}

int64_t kw_startup_wall(const struct kw_startup *p)
{
    bool used[KW_STARTUP_MAX] = { false };
    uint32_t i = last_before(p, INT64_MAX, used);
    return i == UINT32_MAX ? 0 : p->at[i].end - p->origin;
}

uint32_t kw_startup_critical(const struct kw_startup *p, uint32_t *path)
{
    bool used[KW_STARTUP_MAX] = { false };
    uint32_t n = 0;
    int64_t until = INT64_MAX;
    for (uint32_t i; (i = last_before(p, until, used)) != UINT32_MAX;) {
        used[i] = true; /* a phase of no length would find itself again */
        path[n++] = i;
        until = p->at[i].begin;
    }
    return n;
}

void kw_startup_figures(const struct kw_startup *p, struct kw_startup_figures *f)
{
    uint32_t path[KW_STARTUP_MAX], n = kw_startup_critical(p, path);
    *f = (struct kw_startup_figures){ .sum = kw_startup_sum(p) };
    for (uint32_t i = 0; i < n; i++) f->critical += p->at[path[i]].end - p->at[path[i]].begin;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct kw_startup_phase *a = &p->at[i];
        if (!a->end) continue;
        if (!strcmp(a->name, "first token"))
            f->first_token = a->end - p->origin;
        else if (a->end - p->origin > f->ready)
            f->ready = a->end - p->origin;
        if (!strcmp(a->name, "weights") || !strcmp(a->name, "synthetic weights")) f->weights = a->end - a->begin;
    }
}
