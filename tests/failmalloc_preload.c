/* tests/failmalloc_preload.c - LD_PRELOAD library for whole programs, of one thread: the n-th allocation fails.
 *
 *     FAILMALLOC_AT=n         the n-th allocation after start-up fails, all others succeed
 *     FAILMALLOC_SITES=FILE   nothing fails; FILE gets the numbers, one a line, of the allocations whose five nearest
 *                             callers were not seen before: failing those covers what failing all of them would
 *
 * Start-up is the dynamic loader and the constructors that ran before ours (libgomp's among them). */
#include <errno.h>
#include <execinfo.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

enum { DEPTH = 5, OWN = 2, SEEN = 1 << 16 }; /* OWN: the frames of this file */
static long fail_at, count;
static FILE *sites;
static uint64_t seen[SEEN]; /* open addressing; 0 is empty */
static bool on, busy;       /* busy: fprintf and backtrace may allocate */

static bool new_site(void)
{
    void *frame[DEPTH + OWN];
    int n = backtrace(frame, DEPTH + OWN);
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (int i = OWN; i < n; i++) h = (h ^ (uintptr_t)frame[i]) * 1099511628211u;
    h |= 1;
    for (size_t i = h % SEEN;; i = (i + 1) % SEEN) {
        if (seen[i] == h) return false;
        if (!seen[i]) return seen[i] = h, true;
    }
}

static bool fails(void)
{
    if (!on || busy) return false;
    count++;
    if (sites) {
        busy = true;
        if (new_site()) fprintf(sites, "%ld\n", count);
        busy = false;
    }
    if (count != fail_at) return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}
void *realloc(void *p, size_t n)
{
    return fails() ? NULL : __libc_realloc(p, n);
}

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("FAILMALLOC_AT"), *file = getenv("FAILMALLOC_SITES");
    void *warm[1];
    backtrace(warm, 1); /* loads libgcc now, not in the middle of a count */
    if (at) fail_at = atol(at);
    if (file) sites = fopen(file, "w");
    on = true;
}

__attribute__((destructor)) static void end(void)
{
    on = false;
    if (sites) fclose(sites);
}
