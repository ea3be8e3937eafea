/* tests/sim/core/test_h5.c - HDF5 files: what goes in comes out, same content same bytes, a full disk leaves nothing
 * behind, and h5py and xarray read them. */
#include "sim/core/files/h5.h"
#include "tests/check.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kw_error err;
static char dir[64] = "/tmp/kw_h5_XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[4][128];
    static int i;
    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
    return path[i];
}

static int files_in(const char *d)
{
    int n = 0;
    DIR *s = opendir(d);
    for (struct dirent *e; s && (e = readdir(s));) n += e->d_name[0] != '.';
    if (s) closedir(s);
    return n;
}

/* The sample: /points with two dimensions, one dataset of every type, and attributes longer than 64 KiB. */
static enum kw_status write_sample(struct kw_h5 *f)
{
    static const int64_t point[] = { 0, 1, 2 }, i64[] = { INT64_MIN, -1, INT64_MAX };
    static const double time[] = { 0, 60, 120, 180 }, cost[] = { 12.5, 0.1, 1e300 };
    static const uint64_t u64[] = { 0, 1, UINT64_MAX };
    static const uint32_t u32[] = { 0, 7, UINT32_MAX };
    static const uint16_t u16[] = { 0, 7, UINT16_MAX };
    static const uint8_t u8[] = { 0, 1, 255 };
    static const char *const platform[] = { "modal", "", "caf\xc3\xa9 \xf0\x9f\x9a\x80" };
    double queue[3][4];
    for (int p = 0; p < 3; p++)
        for (int t = 0; t < 4; t++) queue[p][t] = 10 * p + t;
    const char *pt = "/points/point", *tm = "/points/time";
    const struct kw_h5_dataset d[] = {
        { .path = pt, .type = KW_H5_I64, .description = "configuration", .rank = 1, .shape = { 3 }, .scale = "point" },
        { .path = tm, .type = KW_H5_F64, .units = "s", .rank = 1, .shape = { 4 }, .scale = "time" },
        { .path = "/points/cost_usd_month",
          .type = KW_H5_F64,
          .units = "USD/month",
          .description = "monthly cost",
          .rank = 1,
          .shape = { 3 },
          .dims = { pt } },
        { .path = "/points/platform",
          .type = KW_H5_STR,
          .description = "platform",
          .rank = 1,
          .shape = { 3 },
          .dims = { pt },
          .deflate = 6 },
        { .path = "/points/queue",
          .type = KW_H5_F64,
          .units = "requests",
          .rank = 2,
          .shape = { 3, 4 },
          .dims = { pt, tm },
          .deflate = 6 },
        { .path = "/points/i64", .type = KW_H5_I64, .rank = 1, .shape = { 3 }, .dims = { pt } },
        { .path = "/points/u64", .type = KW_H5_U64, .rank = 1, .shape = { 3 }, .dims = { pt } },
        { .path = "/points/u32", .type = KW_H5_U32, .rank = 1, .shape = { 3 }, .dims = { pt } },
        { .path = "/points/u16", .type = KW_H5_U16, .rank = 1, .shape = { 3 }, .dims = { pt } },
        { .path = "/points/u8", .type = KW_H5_U8, .rank = 1, .shape = { 3 }, .dims = { pt }, .deflate = 9 },
    };
    const void *data[] = { point, time, cost, platform, queue, i64, u64, u32, u16, u8 };
    static char config[100001];
    memset(config, 'c', sizeof config - 1);
    enum kw_status st = kw_h5_group(f, "/points", "one value a configuration", &err);
    for (size_t i = 0; st == KW_OK && i < sizeof d / sizeof *d; i++) st = kw_h5_write(f, &d[i], data[i], &err);
    if (st == KW_OK) st = kw_h5_attr_str(f, "/", "config_json", "replaced", &err);
    if (st == KW_OK) st = kw_h5_attr_str(f, "/", "config_json", config, &err);
    if (st == KW_OK) st = kw_h5_attr_str(f, "/", "empty", "", &err);
    if (st == KW_OK) st = kw_h5_attr_i64(f, "/", "seed", INT64_MIN + 1, &err);
    return st;
}

static enum kw_status sample(const char *path)
{
    struct kw_h5 *f;
    enum kw_status st = kw_h5_create(&f, path, &err);
    if (st != KW_OK) return st;
    st = write_sample(f);
    if (st != KW_OK) {
        kw_h5_abandon(f);
        return st;
    }
    return kw_h5_commit(f, &err);
}

static void what_goes_in_comes_out(void)
{
    struct kw_h5 *f;
    const char *path = in_dir("sample.h5");
    CHECK(sample(path) == KW_OK);
    CHECK(files_in(dir) == 1);
    CHECK(kw_h5_open(&f, path, &err) == KW_OK);
    int rank;
    size_t shape[4], n;
    CHECK(kw_h5_shape(f, "/points/queue", &rank, shape, &err) == KW_OK && rank == 2 && shape[0] == 3 && shape[1] == 4);
    double *q;
    CHECK(kw_h5_read(f, "/points/queue", KW_H5_F64, (void **)&q, &n, &err) == KW_OK && n == 12);
    for (int i = 0; i < 12; i++) CHECK(q[i] == i / 4 * 10 + i % 4);
    free(q);
    int64_t *i64;
    CHECK(kw_h5_read(f, "/points/i64", KW_H5_I64, (void **)&i64, &n, &err) == KW_OK && n == 3);
    CHECK(i64[0] == INT64_MIN && i64[1] == -1 && i64[2] == INT64_MAX);
    free(i64);
    uint64_t *u64;
    CHECK(kw_h5_read(f, "/points/u64", KW_H5_U64, (void **)&u64, &n, &err) == KW_OK && u64[2] == UINT64_MAX);
    free(u64);
    uint32_t *u32;
    CHECK(kw_h5_read(f, "/points/u32", KW_H5_U32, (void **)&u32, &n, &err) == KW_OK && u32[2] == UINT32_MAX);
    free(u32);
    CHECK(kw_h5_read(f, "/points/u8", KW_H5_U32, (void **)&u32, &n, &err) == KW_OK && u32[2] == 255 && u32[1] == 1);
    free(u32);
    uint16_t *u16;
    CHECK(kw_h5_read(f, "/points/u16", KW_H5_U16, (void **)&u16, &n, &err) == KW_OK && u16[2] == UINT16_MAX);
    free(u16);
    CHECK(kw_h5_read(f, "/points/u64", KW_H5_F64, (void **)&q, &n, &err) == KW_OK && q[2] == 0x1p64);
    free(q);
    char **s;
    CHECK(kw_h5_read(f, "/points/platform", KW_H5_STR, (void **)&s, &n, &err) == KW_OK && n == 3);
    CHECK(!strcmp(s[0], "modal") && !strcmp(s[1], "") && !strcmp(s[2], "caf\xc3\xa9 \xf0\x9f\x9a\x80"));
    free(s);
    char *a;
    CHECK(kw_h5_read_attr_str(f, "/points/queue", "units", &a, &err) == KW_OK);
    CHECK_STR(a, "requests");
    free(a);
    CHECK(kw_h5_read_attr_str(f, "/points", "description", &a, &err) == KW_OK);
    CHECK_STR(a, "one value a configuration");
    free(a);
    CHECK(kw_h5_read_attr_str(f, "/", "config_json", &a, &err) == KW_OK && strlen(a) == 100000);
    free(a);
    CHECK(kw_h5_read_attr_str(f, "/", "empty", &a, &err) == KW_OK && !*a);
    free(a);
    int64_t v;
    CHECK(kw_h5_read_attr_i64(f, "/", "seed", &v, &err) == KW_OK && v == INT64_MIN + 1);
    CHECK(kw_h5_exists(f, "/") && kw_h5_exists(f, "/points") && kw_h5_exists(f, "/points/u8"));
    CHECK(!kw_h5_exists(f, "/nope") && !kw_h5_exists(f, "/nope/deeper") && !kw_h5_exists(f, "/points/u8/x"));
    kw_h5_abandon(f);
    CHECK(access(path, F_OK) == 0);
    kw_h5_abandon(NULL);
    unlink(path);
}

static char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *b = malloc(1 << 20);
    *n = f && b ? fread(b, 1, 1 << 20, f) : 0;
    if (f) fclose(f);
    return b;
}

static void same_content_same_bytes(void)
{
    CHECK(sample(in_dir("a.h5")) == KW_OK);
    sleep(1); /* a time stamp would differ now */
    CHECK(sample(in_dir("b.h5")) == KW_OK);
    size_t n, m;
    char *a = slurp(in_dir("a.h5"), &n), *b = slurp(in_dir("b.h5"), &m);
    CHECK(n > 4096 && n < 1 << 20 && n == m && !memcmp(a, b, n));
    free(a);
    free(b);
    unlink(in_dir("a.h5"));
    unlink(in_dir("b.h5"));
}

static void large_and_empty_datasets(void)
{
    enum { N = 700001 };
    struct kw_h5 *f;
    double *x = malloc(N * 3 * sizeof *x), *y;
    CHECK(x != NULL);
    if (!x) return;
    for (int i = 0; i < N * 3; i++) x[i] = i;
    const char *path = in_dir("large.h5");
    CHECK(kw_h5_create(&f, path, &err) == KW_OK);
    struct kw_h5_dataset big = { .path = "/big", .type = KW_H5_F64, .rank = 2, .shape = { N, 3 }, .deflate = 1 };
    struct kw_h5_dataset flat = { .path = "/flat", .type = KW_H5_F64, .rank = 3, .shape = { 1, 3, N } };
    struct kw_h5_dataset none = { .path = "/none", .type = KW_H5_F64, .rank = 2, .shape = { 0, 3 }, .deflate = 1 };
    struct kw_h5_dataset words = { .path = "/words", .type = KW_H5_STR, .rank = 1, .shape = { 0 } };
    CHECK(kw_h5_write(f, &big, x, &err) == KW_OK);
    CHECK(kw_h5_write(f, &flat, x, &err) == KW_OK);
    CHECK(kw_h5_write(f, &none, x, &err) == KW_OK);
    CHECK(kw_h5_write(f, &words, NULL, &err) == KW_OK);
    CHECK(kw_h5_commit(f, &err) == KW_OK);
    CHECK(kw_h5_open(&f, path, &err) == KW_OK);
    size_t n;
    CHECK(kw_h5_read(f, "/big", KW_H5_F64, (void **)&y, &n, &err) == KW_OK && n == 3 * N);
    CHECK(!memcmp(x, y, n * sizeof *x));
    free(y);
    CHECK(kw_h5_read(f, "/flat", KW_H5_F64, (void **)&y, &n, &err) == KW_OK && n == 3 * N && y[n - 1] == 3 * N - 1);
    free(y);
    CHECK(kw_h5_read(f, "/none", KW_H5_F64, (void **)&y, &n, &err) == KW_OK && n == 0);
    free(y);
    char **s;
    CHECK(kw_h5_read(f, "/words", KW_H5_STR, (void **)&s, &n, &err) == KW_OK && n == 0);
    free(s);
    kw_h5_abandon(f);
    unlink(path);
    free(x);
}

static void wrong_calls_say_what_is_wrong(void)
{
    struct kw_h5 *f;
    const char *path = in_dir("wrong.h5");
    char want[300];
    static const int64_t v[] = { 1, 2, 300 };
    static const double x[] = { 1.5, 2.5, 3.5 };
    CHECK(kw_h5_create(&f, path, &err) == KW_OK);
    struct kw_h5_dataset d = { .path = "/no/such", .type = KW_H5_I64, .rank = 1, .shape = { 3 } };
    CHECK(kw_h5_write(f, &d, v, &err) == KW_EFAIL);
    snprintf(want, sizeof want, "%s: /no/such: cannot create the dataset: ", path);
    CHECK(!strncmp(err.msg, want, strlen(want)));
    CHECK(kw_h5_group(f, "/no/such", NULL, &err) == KW_EFAIL);
    d.path = "/v";
    d.scale = "v";
    CHECK(kw_h5_write(f, &d, v, &err) == KW_OK);
    CHECK(kw_h5_write(f, &d, v, &err) == KW_EFAIL); /* the name is taken */
    struct kw_h5_dataset e = { .path = "/x", .type = KW_H5_F64, .rank = 1, .shape = { 2 }, .dims = { "/v" } };
    CHECK(kw_h5_write(f, &e, x, &err) == KW_EFAIL);
    snprintf(want, sizeof want, "%s: /x: dimension 0 has 2 entries, its scale /v has 3", path);
    CHECK_STR(err.msg, want);
    e.path = "/y";
    e.dims[0] = "/nope";
    CHECK(kw_h5_write(f, &e, x, &err) == KW_EPARSE);
    snprintf(want, sizeof want, "%s: /nope: no such dataset", path);
    CHECK_STR(err.msg, want);
    e = (struct kw_h5_dataset){ .path = "/z", .type = KW_H5_F64, .rank = 1, .shape = { 3 } };
    CHECK(kw_h5_write(f, &e, x, &err) == KW_OK);
    CHECK(kw_h5_attr_i64(f, "/gone", "a", 1, &err) == KW_EFAIL);
    CHECK(kw_h5_commit(f, &err) == KW_OK);

    CHECK(kw_h5_open(&f, path, &err) == KW_OK);
    void *p = (void *)path;
    size_t n = 7;
    CHECK(kw_h5_read(f, "/v", KW_H5_U8, &p, &n, &err) == KW_ERANGE && p == path && n == 7);
    snprintf(want, sizeof want, "%s: /v: holds a number that does not fit", path);
    CHECK_STR(err.msg, want);
    CHECK(kw_h5_read(f, "/z", KW_H5_I64, &p, &n, &err) == KW_EPARSE);
    CHECK(kw_h5_read(f, "/z", KW_H5_STR, &p, &n, &err) == KW_EPARSE);
    CHECK(kw_h5_read(f, "/nope", KW_H5_F64, &p, &n, &err) == KW_EPARSE);
    CHECK(kw_h5_read(f, "/", KW_H5_F64, &p, &n, &err) == KW_EPARSE && p == path);
    char *s = NULL;
    int64_t i = 3;
    CHECK(kw_h5_read_attr_str(f, "/", "gone", &s, &err) == KW_EPARSE && !s);
    snprintf(want, sizeof want, "%s: /: no attribute 'gone'", path);
    CHECK_STR(err.msg, want);
    CHECK(kw_h5_read_attr_i64(f, "/v", "CLASS", &i, &err) == KW_EPARSE && i == 3);
    CHECK(kw_h5_read_attr_str(f, "/v", "CLASS", &s, &err) == KW_OK); /* a fixed-length one, written by HDF5 itself */
    CHECK_STR(s, "DIMENSION_SCALE");
    free(s);
    kw_h5_abandon(f);
    unlink(path);
}

static void bad_files_are_refused(void)
{
    struct kw_h5 *f = (void *)dir;
    const char *path = in_dir("bad.h5");
    char want[300];
    CHECK(kw_h5_open(&f, path, &err) == KW_EINPUT && !f);
    snprintf(want, sizeof want, "%s: No such file or directory", path);
    CHECK_STR(err.msg, want);
    CHECK(kw_h5_open(&f, dir, &err) == KW_EINPUT);
    FILE *t = fopen(path, "w");
    fputs("no hdf5 at all", t);
    fclose(t);
    CHECK(kw_h5_open(&f, path, &err) == KW_EPARSE && !f);
    snprintf(want, sizeof want, "%s: is no HDF5 file", path);
    CHECK_STR(err.msg, want);
    CHECK(sample(path) == KW_OK); /* over it */
    struct stat sb;
    CHECK(stat(path, &sb) == 0);
    CHECK(truncate(path, sb.st_size / 2) == 0);
    CHECK(kw_h5_open(&f, path, &err) == KW_EPARSE && !f);
    snprintf(want, sizeof want, "%s: damaged HDF5 file: ", path);
    CHECK(!strncmp(err.msg, want, strlen(want)));
    unlink(path);
}

/* Reads all that write_sample put there; whatever it says, it comes back. */
static bool all_read(const char *path)
{
    static const char *const number[] = { "/points/point", "/points/cost_usd_month", "/points/i64", "/points/u64",
                                          "/points/time" };
    struct kw_h5 *f;
    if (kw_h5_open(&f, path, &err) != KW_OK) return false;
    bool all = true;
    void *data;
    char *text;
    size_t n;
    for (size_t i = 0; i < sizeof number / sizeof *number; i++)
        if (!kw_h5_exists(f, number[i]) || kw_h5_read(f, number[i], KW_H5_F64, &data, &n, &err) != KW_OK)
            all = false;
        else
            free(data);
    if (!kw_h5_exists(f, "/points/platform") || kw_h5_read(f, "/points/platform", KW_H5_STR, &data, &n, &err) != KW_OK)
        all = false;
    else
        free(data);
    if (kw_h5_read_attr_str(f, "/", "config_json", &text, &err) != KW_OK)
        all = false;
    else
        free(text);
    kw_h5_abandon(f);
    return all;
}

static void put_file(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(bytes, 1, n, f) == n);
    if (f) CHECK(fclose(f) == 0);
}

/* One changed byte anywhere: refused by the seal; without it (the last 64 bytes taken off) read or refused, by a child
 * that may crash or spin, never by us. */
static void no_changed_byte_crashes_or_hangs(void)
{
    const char *path = in_dir("whole.h5"), *hurt = in_dir("hurt.h5");
    CHECK(sample(path) == KW_OK);
    size_t n, kept = 0, refused = 0;
    char *bytes = slurp(path, &n);
    CHECK(all_read(path));
    for (size_t at = 0; at < n; at += 1 + n / 173) {
        bytes[at] ^= 0x41;
        put_file(hurt, bytes, n);
        CHECK(!all_read(hurt));
        put_file(hurt, bytes, n - 64);
        *(all_read(hurt) ? &kept : &refused) += 1;
        bytes[at] ^= 0x41;
    }
    put_file(hurt, bytes, n - 64);
    CHECK(all_read(hurt));
    CHECK(kept > 0 && refused > 0);
    /* The heap's object sizes, where HDF5 1.10 crashed and span. */
    size_t heaps = 0;
    for (size_t at = 0; at + 64 < n; at++) {
        if (memcmp(bytes + at, "GCOL", 4)) continue;
        heaps++;
        for (size_t k = 8; k < 40; k += 3) {
            char was = bytes[at + k];
            bytes[at + k] = (char)0xff;
            put_file(hurt, bytes, n - 64);
            all_read(hurt);
            bytes[at + k] = 0;
            put_file(hurt, bytes, n - 64);
            all_read(hurt);
            bytes[at + k] = was;
        }
    }
    CHECK(heaps > 0);
    free(bytes);
    unlink(path);
    unlink(hurt);
}

static void bad_targets_are_refused(void)
{
    struct kw_h5 *f;
    char want[300];
    CHECK(kw_h5_create(&f, "/dev/null", &err) == KW_EIO && !f);
    CHECK_STR(err.msg, "/dev/null: is no regular file; results need one");
    CHECK(kw_h5_create(&f, dir, &err) == KW_EIO && !f);
    snprintf(want, sizeof want, "%s: is a directory", dir);
    CHECK_STR(err.msg, want);
    const char *path = in_dir("no/such/dir.h5");
    CHECK(kw_h5_create(&f, path, &err) == KW_EIO && !f);
    snprintf(want, sizeof want, "%s: No such file or directory", path);
    CHECK_STR(err.msg, want);
    CHECK(kw_h5_create(&f, "/proc/kw.h5", &err) == KW_EIO && !f); /* unwritable even for root */
    CHECK(!strncmp(err.msg, "/proc/kw.h5: ", 13));
    CHECK(kw_h5_create(&f, dir, NULL) == KW_EIO); /* NULL err is allowed */
}

static void an_abandoned_file_leaves_the_old_one(void)
{
    struct kw_h5 *f;
    const char *path = in_dir("old.h5");
    CHECK(sample(path) == KW_OK);
    size_t n, m;
    char *a = slurp(path, &n);
    CHECK(kw_h5_create(&f, path, &err) == KW_OK);
    CHECK(kw_h5_group(f, "/g", NULL, &err) == KW_OK);
    CHECK(files_in(dir) == 2);
    kw_h5_abandon(f);
    CHECK(files_in(dir) == 1);
    char *b = slurp(path, &m);
    CHECK(n == m && !memcmp(a, b, n));
    free(a);
    free(b);
    unlink(path);
}

/* Writes the sample, and 400 kB more if it is to fail before the commit, under a limit of file size; the child's exit
 * status says how it went: 0 as it should, else the line that did not hold. */
static int under_limit(const char *path, rlim_t limit, bool more)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit l = { limit, limit };
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &l)) _exit(2);
        enum { N = 50000 };
        static double x[N];
        for (int i = 0; i < N; i++) x[i] = i;
        struct kw_h5 *f = NULL;
        enum kw_status st = kw_h5_create(&f, path, &err);
        struct kw_h5_dataset d = { .path = "/x", .type = KW_H5_F64, .rank = 1, .shape = { N } };
        if (st == KW_OK) st = write_sample(f);
        if (st == KW_OK && more) st = kw_h5_write(f, &d, x, &err);
        if (st == KW_OK)
            st = kw_h5_commit(f, &err);
        else
            kw_h5_abandon(f);
        char want[200];
        snprintf(want, sizeof want, "%s: ", path);
        if (st != KW_EIO) fprintf(stderr, "limit %ld: status %d\n", (long)limit, st);
        if (st != KW_EIO) exit(3);
        if (strncmp(err.msg, want, strlen(want)) || !strstr(err.msg, strerror(EFBIG))) {
            fprintf(stderr, "limit %ld: %s\n", (long)limit, err.msg);
            exit(4);
        }
        exit(0); /* with HDF5's own clean-up, which must not hang or crash over the broken file */
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static void a_full_disk_leaves_nothing_behind(void)
{
    const char *path = in_dir("full.h5");
    for (rlim_t limit = 0; limit < 400000; limit += 9973) {
        CHECK(under_limit(path, limit, true) == 0);
        CHECK(files_in(dir) == 0);
    }
    for (rlim_t limit = 0; limit < 110000; limit += 9973) { /* HDF5 holds back what is small until it closes */
        CHECK(under_limit(path, limit, false) == 0);
        CHECK(files_in(dir) == 0);
    }
    CHECK(sample(path) == KW_OK);
    size_t n, m;
    char *a = slurp(path, &n);
    CHECK(under_limit(path, 200000, true) == 0);
    char *b = slurp(path, &m);
    CHECK(files_in(dir) == 1 && n == m && !memcmp(a, b, n));
    free(a);
    free(b);
    unlink(path);
}

static void a_tiny_file_system(void)
{
    char at[80], path[100], cmd[200], want[200];
    snprintf(at, sizeof at, "%s/tiny", dir);
    CHECK(mkdir(at, 0700) == 0);
    snprintf(cmd, sizeof cmd, "mount -t tmpfs -o size=64k keepwarm %s 2>/dev/null", at);
    if (system(cmd) != 0) {
        rmdir(at);
        SKIP("cannot mount a tmpfs (needs root)");
        return;
    }
    snprintf(path, sizeof path, "%s/r.h5", at);
    CHECK(sample(path) == KW_EIO);
    snprintf(want, sizeof want, "%s: ", path);
    CHECK(!strncmp(err.msg, want, strlen(want)) && strstr(err.msg, strerror(ENOSPC)));
    CHECK(files_in(at) == 0);
    snprintf(cmd, sizeof cmd, "umount %s", at);
    CHECK(system(cmd) == 0);
    rmdir(at);
}

static void h5py_and_xarray_read_it(void)
{
    if (system("/usr/bin/python3 -c 'import h5py, xarray, h5netcdf' 2>/dev/null") != 0) {
        SKIP("needs python3-h5py, python3-xarray and python3-h5netcdf");
        return;
    }
    const char *path = in_dir("py.h5");
    char cmd[300];
    CHECK(sample(path) == KW_OK);
    snprintf(cmd, sizeof cmd, "/usr/bin/python3 tests/sim/core/h5_sample.py %s", path);
    CHECK(system(cmd) == 0);
    unlink(path);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    RUN(what_goes_in_comes_out);
    RUN(same_content_same_bytes);
    RUN(large_and_empty_datasets);
    RUN(wrong_calls_say_what_is_wrong);
    RUN(bad_files_are_refused);
    RUN(no_changed_byte_crashes_or_hangs);
    RUN(bad_targets_are_refused);
    RUN(an_abandoned_file_leaves_the_old_one);
    RUN(a_full_disk_leaves_nothing_behind);
    RUN(a_tiny_file_system);
    RUN(h5py_and_xarray_read_it);
    rmdir(dir);
    return check_report();
}
