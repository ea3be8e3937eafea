/* A ledger that is kept, and logs that grow: read in parts they count as they do when read whole. */
#include "sim/watch/state.h"
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim/watch/log_file.h"
#include "sim/watch/retention.h"
#include "sim/watch/view.h"
#include "tests/check.h"
#include "workloads/trace_load.h"

static struct kw_error err;
static char folder[] = "/tmp/keepwarm-test-state-XXXXXX", log_path[80], state_path[80];
static const struct kw_watch_place nowhere = { .n = 0 };
#define HEAD "ts,model,input_tokens,output_tokens,team,cost\n"

static void put_text(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "w");
    CHECK(f && fwrite(text, 1, n, f) == n);
    if (f) fclose(f);
}

/* One `keepwarm watch LOG --state STATE`; what became of the log, or -1. */
static int once(struct kw_watch_ledger *l)
{
    struct kw_watch_log g;
    struct kw_trace t = { .n = 0 };
    if (kw_watch_load(l, state_path, &err) != KW_OK || kw_watch_log_open(&g, l, log_path, &err) != KW_OK) return -1;
    if (g.progress == KW_WATCH_KNOWN) return KW_WATCH_KNOWN;
    const char *format = g.progress == KW_WATCH_GREW ? l->file[g.known].format : NULL;
    enum kw_status st = kw_trace_read_accounts(&t, &g.source, NULL, format, NULL, &err);
    kw_source_close(&g.source);
    if (st == KW_OK) st = kw_watch_log_check(&g, l, &t, t.epoch_unix, &err);
    if (st == KW_OK) st = kw_watch_add(l, &t, t.epoch_unix, &nowhere, &err);
    if (st == KW_OK)
        st = kw_watch_log_done(&g, l, t.notes.format, t.n,
                               t.epoch_unix * KW_NS_PER_S + t.epoch_part + t.arrival[t.n - 1], &err);
    kw_trace_free(&t);
    if (st == KW_OK) st = kw_watch_save(l, state_path, &err);
    return st == KW_OK ? (int)g.progress : -1;
}

static struct kw_watch_count all(const struct kw_watch_ledger *l)
{
    struct kw_watch_count c = { 0 };
    for (size_t i = 0; i < l->n_cells; i++) kw_watch_count_add(&c, &l->cell[i].count);
    return c;
}

static void what_is_kept_comes_back(void)
{
    struct kw_watch_ledger l = { 0 }, back;
    static const char text[] = HEAD "2026-06-01T08:00:00Z,a,1,2,red,0.5\n2026-06-01T09:00:00Z,b,3,4,blue,0.25\n";
    remove(state_path);
    put_text(log_path, text, sizeof text - 1);
    CHECK(once(&l) == KW_WATCH_NEW && kw_watch_load(&back, state_path, &err) == KW_OK);
    CHECK(back.n_sources == 1 && back.n_series == 2 && back.n_cells == 2 && back.n_files == 1);
    CHECK(!memcmp(back.cell, l.cell, 2 * sizeof *l.cell) && !strcmp(back.series[1].label, l.series[1].label));
    CHECK_STR(back.file[0].path, log_path);
    CHECK_STR(back.file[0].tail, l.file[0].tail);
    CHECK(back.file[0].requests == 2 && back.file[0].bytes == sizeof text - 1);
    CHECK(all(&back).cost == 750000000);
    kw_watch_free(&back);
    CHECK(once(&back) == KW_WATCH_KNOWN && all(&back).requests == 2); /* the same log again */
    kw_watch_free(&back);
    kw_watch_free(&l);
}

/* A log of n lines seen at every length there is: lines, parts of lines, the header alone. */
static void a_log_that_grows_counts_once(void)
{
    static const char csv[] = HEAD "2026-06-01T08:00:00Z,a,100,2,red,0.5\n2026-06-01T08:10:00Z,b,3,4,blue,0.25\n"
                                   "2026-06-01T09:00:00Z,a,50,6,red,0.125\n2026-06-02T00:00:00Z,b,7,8,red,1\n";
    static const char jsonl[] =
        "{\"ts\":\"2026-06-01T08:00:00Z\",\"input_tokens\":100,\"output_tokens\":2,\"cost\":0.5}\n"
        "{\"ts\":\"2026-06-01T08:10:00Z\",\"input_tokens\":3,\"output_tokens\":4,\"cost\":0.25}\n"
        "{\"ts\":\"2026-06-01T09:00:00Z\",\"input_tokens\":50,\"output_tokens\":6,\"cost\":0.125}\n"
        "{\"ts\":\"2026-06-02T00:00:00Z\",\"input_tokens\":7,\"output_tokens\":8,\"cost\":1}\n";
    for (int k = 0; k < 2; k++) {
        const char *text = k ? jsonl : csv, *body = k ? text : strchr(text, '\n') + 1;
        size_t n = strlen(text), first = (size_t)(strchr(body, '\n') + 1 - text);
        for (size_t cut = first; cut < n; cut += 11) /* 11: no multiple of a line */ {
            struct kw_watch_ledger l;
            int progress;
            remove(state_path);
            put_text(log_path, text, cut);
            CHECK(once(&l) == KW_WATCH_NEW);
            kw_watch_free(&l);
            put_text(log_path, text, n);
            progress = once(&l);
            CHECK(progress == KW_WATCH_GREW);
            struct kw_watch_count c = all(&l);
            if (c.requests != 4 || c.cost != 1875000000 || c.tokens[KW_LINE_IN] != 160 || l.n_files != 1) {
                CHECK(!"counts once");
                fprintf(stderr, "  cut at %zu: %lld requests\n%s\n", cut, (long long)c.requests, err.msg);
            }
            kw_watch_free(&l);
        }
    }
}

static void what_would_count_twice_is_refused(void)
{
    struct kw_watch_ledger l;
    static const char a[] = HEAD "2026-06-01T08:00:00Z,a,1,2,red,0.5\n2026-06-01T09:00:00Z,a,1,2,red,0.5\n";
    static const char b[] = HEAD "2026-06-01T08:30:00Z,a,1,2,red,0.5\n2026-06-01T09:30:00Z,a,1,2,red,0.5\n";
    static const char next[] = HEAD "2026-06-01T10:30:00Z,a,1,2,red,0.5\n";
    static const char array[] = "[{\"ts\":\"2026-06-01T08:00:00Z\",\"input_tokens\":1,\"output_tokens\":2}]";
    static const char longer[] = "[{\"ts\":\"2026-06-01T08:00:00Z\",\"input_tokens\":1,\"output_tokens\":2},"
                                 "{\"ts\":\"2026-06-01T08:00:00Z\",\"input_tokens\":1,\"output_tokens\":2}]";
    remove(state_path);
    put_text(log_path, a, sizeof a - 1);
    CHECK(once(&l) == KW_WATCH_NEW);
    kw_watch_free(&l);
    put_text(log_path, b, sizeof b - 1); /* another export of the same hours under the same name */
    CHECK(once(&l) == -1 && strstr(err.msg, "would count twice"));
    kw_watch_free(&l);
    put_text(log_path, next, sizeof next - 1); /* a log that was rotated */
    CHECK(once(&l) == KW_WATCH_NEW && l.n_files == 2 && all(&l).requests == 3);
    kw_watch_free(&l);
    remove(state_path);
    put_text(log_path, array, sizeof array - 1);
    CHECK(once(&l) == KW_WATCH_NEW);
    kw_watch_free(&l);
    put_text(log_path, longer, sizeof longer - 1);
    CHECK(once(&l) == -1 && strstr(err.msg, "would count twice"));
    kw_watch_free(&l);
}

/* With ids the same files are no fault: what was counted is left out, also where the log is another one under its name. */
static void what_has_ids_may_overlap(void)
{
    struct kw_watch_ledger l;
    static const char a[] = "id," HEAD "1,2026-06-01T08:00:00Z,a,1,2,red,0.5\n2,2026-06-01T09:00:00Z,a,1,2,red,0.5\n";
    static const char b[] = "id," HEAD "2,2026-06-01T09:00:00Z,a,1,2,red,0.5\n3,2026-06-01T09:30:00Z,a,1,2,red,0.5\n";
    static const char part[] = "id," HEAD "3,2026-06-01T09:30:00Z,a,1,2,red,0.5\n,2026-06-01T09:40:00Z,a,1,2,red,0.5\n";
    static const char late[] = "id," HEAD "4,2026-06-20T09:00:00Z,a,1,2,red,0.5\n";
    remove(state_path);
    put_text(log_path, a, sizeof a - 1);
    CHECK(once(&l) == KW_WATCH_NEW && l.file[0].ids && l.n_ids == 2);
    kw_watch_free(&l);
    put_text(log_path, b, sizeof b - 1);
    CHECK(once(&l) == KW_WATCH_NEW && all(&l).requests == 3 && l.again == 1 && l.n_ids == 3);
    kw_watch_free(&l);
    put_text(log_path, part, sizeof part - 1); /* a row without one cannot be known again */
    CHECK(once(&l) == -1 && strstr(err.msg, "no ids tell which"));
    kw_watch_free(&l);
    put_text(log_path, late, sizeof late - 1);
    CHECK(once(&l) == KW_WATCH_NEW && l.n_ids == 1 && all(&l).requests == 4);
    kw_watch_free(&l);
    put_text(log_path, b, sizeof b - 1); /* known by its bytes */
    CHECK(once(&l) == KW_WATCH_KNOWN);
    kw_watch_free(&l);
    put_text(log_path, a, sizeof a - 2 - strlen("0.5"));
    CHECK(once(&l) == -1 && strstr(err.msg, "ids are not kept for so long"));
    kw_watch_free(&l);
    remove(state_path);
}

/* Two years of a request a day: what stays is what lies within the time that is kept, with what it names. */
static void old_hours_are_forgotten(void)
{
    enum { DAYS = 730, LINE = 80 };
    struct kw_watch_ledger l, back;
    char *text = malloc(DAYS * LINE);
    size_t n = 0, cells = 0;
    CHECK(text);
    n += (size_t)sprintf(text, HEAD);
    for (int d = 0; d < DAYS; d++)
        n += (size_t)sprintf(text + n, "%d,%s,10,2,%s,0.5\n", 1735689600 + d * 86400, d < 100 ? "old" : "new",
                             d % 2 ? "red" : "blue");
    remove(state_path);
    put_text(log_path, text, n);
    free(text);
    CHECK(once(&l) == KW_WATCH_NEW && l.n_series == 4 && l.n_cells == DAYS);
    CHECK(kw_watch_forget(&l, 10 * DAYS * 24, &cells, &err) == KW_OK && cells == 0 && l.n_cells == DAYS);
    CHECK(kw_watch_forget(&l, 400 * 24, &cells, &err) == KW_OK && cells == DAYS - 400);
    CHECK(l.n_cells == 400 && l.n_series == 2 && l.n_sources == 1 && l.n_files == 1);
    CHECK(!strncmp(l.series[0].label, "new", 3) && all(&l).requests == 400 && all(&l).cost == 200000000000);
    CHECK(kw_watch_window(&l, 0).to - kw_watch_window(&l, 0).from == 400 * 24);
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_OK);
    CHECK(back.n_cells == 400 && back.n_series == 2);
    kw_watch_free(&back);
    CHECK(kw_watch_forget(&l, 1, &cells, &err) == KW_OK && l.n_cells == 1 && l.n_series == 1 && l.n_files == 1);
    kw_watch_free(&l);
}

static void one_watch_at_a_time(void)
{
    int lock, second = 0;
    pid_t pid;
    CHECK(kw_watch_lock(&lock, state_path, &err) == KW_OK && lock >= 0);
    if ((pid = fork()) == 0) {
        enum kw_status st = kw_watch_lock(&second, state_path, &err);
        _exit(st == KW_EINPUT && second == -1 && strstr(err.msg, "in use by another watch (process ") ? 0 : 1);
    }
    int status = 1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    close(lock);
    if ((pid = fork()) == 0) _exit(kw_watch_lock(&second, state_path, &err) == KW_OK ? 0 : 1);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(kw_watch_lock(&lock, "/nowhere/at/all.h5", &err) == KW_EINPUT && strstr(err.msg, "/nowhere/at/all.h5.lock"));
    char path[100];
    snprintf(path, sizeof path, "%s.lock", state_path);
    remove(path);
}

/* The state as an earlier version wrote it, without what came later. */
static void make_version(int64_t version, const char *const gone[])
{
    hid_t f = H5Fopen(state_path, H5F_ACC_RDWR, H5P_DEFAULT), a = H5Aopen(f, "keepwarm_watch", H5P_DEFAULT);
    CHECK(f >= 0 && a >= 0 && H5Awrite(a, H5T_NATIVE_INT64, &version) >= 0);
    for (size_t i = 0; gone[i]; i++) CHECK(H5Ldelete(f, gone[i], H5P_DEFAULT) >= 0);
    H5Aclose(a), H5Fclose(f);
}

static void states_of_earlier_versions_are_read(void)
{
    struct kw_watch_ledger l, back;
    static const char text[] = HEAD "2026-06-01T08:00:00Z,a,1,2,red,0.5\n";
    static const char *const since_2[] = { "/charge", "/source/charged", "/id", "/file/ids", NULL },
                             *const since_3[] = { "/id", "/file/ids", NULL }, *const nothing[] = { NULL };
    remove(state_path);
    put_text(log_path, text, sizeof text - 1);
    CHECK(once(&l) == KW_WATCH_NEW);
    kw_watch_free(&l);
    make_version(1, since_2);
    CHECK(once(&l) == KW_WATCH_KNOWN && all(&l).requests == 1 && !l.n_charges && !l.source[0].charged);
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_OK);
    kw_watch_free(&back);
    kw_watch_free(&l);
    put_text(log_path, text, sizeof text - 1);
    make_version(2, since_3); /* ids of what was counted were not kept: they are from the hour after it on */
    CHECK(kw_watch_load(&back, state_path, &err) == KW_OK && !back.n_ids && back.n_cells == 1);
    CHECK(back.ids_from == back.cell[0].hour + 1);
    kw_watch_free(&back);
    make_version(99, nothing);
    CHECK(kw_watch_load(&back, state_path, &err) == KW_EPARSE &&
          strstr(err.msg, "state version 99, this program reads 1 to"));
    make_version(0, nothing);
    CHECK(kw_watch_load(&back, state_path, &err) == KW_EPARSE);
}

static void a_state_that_lies_is_refused(void)
{
    struct kw_watch_ledger l = { 0 }, back;
    struct kw_watch_source source = { .name = "x", .kind = KW_KIND_API, .until = 5 };
    char label[] = "m\x1f\x1f\x1f";
    struct kw_watch_series series[2] = { { 0, label }, { 0, label } };
    struct kw_watch_cell cell[2] = { { .hour = 5, .series = 0 }, { .hour = 6, .series = 1 } };
    l = (struct kw_watch_ledger){
        .source = &source, .series = series, .cell = cell, .n_sources = 1, .n_series = 2, .n_cells = 2
    };
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_OK);
    kw_watch_free(&back);
    cell[1].hour = 4;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "/cell has a row 1") && !back.n_cells);
    cell[1].hour = 6, cell[1].series = 2;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    cell[1].series = 1, cell[1].count.requests = -1;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    cell[1].count.requests = 0, series[1].source = 1;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    series[1].source = 0, cell[0].count.cost = cell[1].count.cost = INT64_MAX / 2;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "/cell/cost adds up"));
    cell[0].count.cost = 0, source.until = 1000000 * KW_NS_PER_HOUR, source.hour = INT64_MAX / 1000;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "/source has a row 0"));
    cell[0].count.cost = cell[1].count.cost = source.hour = 0;
    struct kw_watch_charge charge[2] = { { 0, 10, 20, -5 }, { 0, 10, 30, 7 } };
    l.charge = charge, l.n_charges = 2;
    source.charged = true, snprintf(source.name, sizeof source.name, "costs:x");
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_OK);
    CHECK(back.n_charges == 2 && back.charge[0].cost == -5 && back.charge[1].to == 30 && back.source[0].charged);
    kw_watch_free(&back);
    charge[1].to = 20;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "/charge has a row 1"));
    charge[1].to = 30;
    struct kw_watch_id id[2] = { { 5, 9 }, { 5, 10 } };
    l.id = id, l.n_ids = 2, l.ids_from = 5, l.again = 3;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_OK);
    CHECK(back.n_ids == 2 && back.id[1].hash == 10 && back.ids_from == 5 && back.again == 3);
    kw_watch_free(&back);
    id[1].hash = 9;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "/id has a row 1"));
    l.n_ids = 0, charge[0].cost = charge[1].cost = -INT64_MAX / 4;
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    charge[0].cost = charge[1].cost = 0, snprintf(source.name, sizeof source.name, "cost");
    CHECK(kw_watch_save(&l, state_path, &err) == KW_OK && kw_watch_load(&back, state_path, &err) == KW_ERANGE);
    put_text(state_path, "no HDF5", 7);
    CHECK(kw_watch_load(&back, state_path, &err) == KW_EPARSE);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    snprintf(state_path, sizeof state_path, "%s/state.h5", folder);
    RUN(what_is_kept_comes_back);
    RUN(a_log_that_grows_counts_once);
    RUN(what_would_count_twice_is_refused);
    RUN(what_has_ids_may_overlap);
    RUN(old_hours_are_forgotten);
    RUN(one_watch_at_a_time);
    RUN(states_of_earlier_versions_are_read);
    RUN(a_state_that_lies_is_refused);
    remove(log_path), remove(state_path), rmdir(folder);
    return check_report();
}
