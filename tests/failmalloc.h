/* tests/failmalloc.h - make the n-th allocation fail. Include it in exactly one file of a test program (it defines
 * malloc, calloc and realloc for the whole process, shared libraries such as cJSON and GSL included).
 *
 *     for (long n = 1;; n++) {
 *         failmalloc_at(n);                          // the n-th allocation from here fails, later ones succeed
 *         enum kw_status st = kw_thing_make(&t, &err);
 *         if (!failmalloc_off()) break;              // fewer than n allocations were made: every one has had its turn
 *         CHECK(st == KW_ENOMEM);                    // and t is as it was; under SAN=1 a leak fails the program
 *     }
 *
 * failmalloc_from(n) lets every allocation from the n-th on fail. failmalloc_off() stops and says whether one failed.
 * Do not call stdio's first output, dlopen or pthread_create while armed: their own allocations would count. Nor HDF5,
 * which crashes on some failed allocations of its own.
 * Works with glibc, and with AddressSanitizer and ThreadSanitizer, whose allocators it calls through. */
#ifndef KW_TESTS_FAILMALLOC_H
#define KW_TESTS_FAILMALLOC_H
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAILMALLOC_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(FAILMALLOC_SANITIZED)
#define FAILMALLOC_REAL(name) __interceptor_##name
#else
#define FAILMALLOC_REAL(name) __libc_##name
#endif
/* The dynamic loader and OpenMP's runtime allocate before ThreadSanitizer is ready for instrumented code. */
#if defined(__clang__) && defined(FAILMALLOC_SANITIZED)
#define FAILMALLOC_PLAIN __attribute__((disable_sanitizer_instrumentation))
#elif defined(__SANITIZE_THREAD__)
#define FAILMALLOC_PLAIN __attribute__((no_sanitize_thread))
#else
#define FAILMALLOC_PLAIN
#endif
/* Whether what runs OpenMP may be tested so: clang's runtime ends the program where its own allocation fails. */
#ifdef __clang__
#define FAILMALLOC_OPENMP false
#else
#define FAILMALLOC_OPENMP true
#endif
extern void *FAILMALLOC_REAL(malloc)(size_t);
extern void *FAILMALLOC_REAL(calloc)(size_t, size_t);
extern void *FAILMALLOC_REAL(realloc)(void *, size_t);

static atomic_long failmalloc_left; /* allocations until the failing one; 0 when disarmed */
static atomic_bool failmalloc_all;  /* and all after it */
static atomic_bool failmalloc_fired;

FAILMALLOC_PLAIN static bool failmalloc_now(void)
{
    if (atomic_load(&failmalloc_left) == 0) return failmalloc_all && failmalloc_fired ? (errno = ENOMEM, true) : false;
    if (atomic_fetch_sub(&failmalloc_left, 1) != 1) return false;
    atomic_store(&failmalloc_fired, true);
    errno = ENOMEM;
    return true;
}

FAILMALLOC_PLAIN void *malloc(size_t size)
{
    return failmalloc_now() ? NULL : FAILMALLOC_REAL(malloc)(size);
}

FAILMALLOC_PLAIN void *calloc(size_t n, size_t size)
{
    return failmalloc_now() ? NULL : FAILMALLOC_REAL(calloc)(n, size);
}

FAILMALLOC_PLAIN void *realloc(void *p, size_t size)
{
    return failmalloc_now() ? NULL : FAILMALLOC_REAL(realloc)(p, size);
}

static inline void failmalloc_at(long n)
{
    atomic_store(&failmalloc_fired, false);
    atomic_store(&failmalloc_all, false);
    atomic_store(&failmalloc_left, n);
}

static inline void failmalloc_from(long n)
{
    failmalloc_at(n);
    atomic_store(&failmalloc_all, true);
}

static inline bool failmalloc_off(void)
{
    atomic_store(&failmalloc_left, 0);
    atomic_store(&failmalloc_all, false);
    return atomic_exchange(&failmalloc_fired, false);
}
#endif
