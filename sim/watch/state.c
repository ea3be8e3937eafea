#include "sim/watch/state.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/core/files/h5.h"

enum { VERSION = 3, DEFLATE = 4 }; /* 2: charges, 3: ids */

/* A column of integers: a row saves it and loads it. Members of 64 bits but for those that say 32 or 8. */
struct column {
    const char *path, *units, *description;
    size_t at, bytes;
    int64_t lo; /* no less than this is taken back */
    int since;  /* the first version that has it; before, all are 0 */
};
#define MEMBER(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define COUNT(member) offsetof(struct kw_watch_cell, count.member), sizeof(((struct kw_watch_cell *)0)->count.member)
static const struct column source_column[] = {
    { "/source/kind", "", "0 api, 1 serverless, 2 dedicated", MEMBER(kw_watch_source, kind), 0, 1 },
    { "/source/hour", "nUSD/h", "of all its GPUs", MEMBER(kw_watch_source, hour), 0, 1 },
    { "/source/bills_starts", "", "1: its meter runs while a replica loads", MEMBER(kw_watch_source, bills_starts), 0,
      1 },
    { "/source/charged", "", "1: a cost export says its cost", MEMBER(kw_watch_source, charged), 0, 2 },
    { "/source/from", "ns", "observed from, since 1970", MEMBER(kw_watch_source, from), 0, 1 },
    { "/source/until", "ns", "observed until", MEMBER(kw_watch_source, until), 0, 1 },
    { "/source/busy_until", "ns", "end of the last answer seen", MEMBER(kw_watch_source, busy_until), 0, 1 },
};
static const struct column cell_column[] = {
    { "/cell/hour", "h", "since 1970, UTC", MEMBER(kw_watch_cell, hour), 0, 1 },
    { "/cell/series", "", "index into /series", MEMBER(kw_watch_cell, series), 0, 1 },
    { "/cell/requests", "", "", COUNT(requests), 0, 1 },
    { "/cell/tokens_in", "tokens", "input that is neither read from a cache nor written to one",
      COUNT(tokens[KW_LINE_IN]), 0, 1 },
    { "/cell/tokens_cached", "tokens", "input read from a cache", COUNT(tokens[KW_LINE_CACHED]), 0, 1 },
    { "/cell/tokens_cache_write", "tokens", "input written to a cache", COUNT(tokens[KW_LINE_WRITE]), 0, 1 },
    { "/cell/tokens_out", "tokens", "output", COUNT(tokens[KW_LINE_OUT]), 0, 1 },
    { "/cell/cost", "nUSD", "without rent", COUNT(cost), 0, 1 },
    { "/cell/unpriced", "", "requests whose price is not known", COUNT(unpriced), 0, 1 },
    { "/cell/said", "nUSD", "cost by the logs themselves", COUNT(said), 0, 1 },
    { "/cell/says_cost", "", "requests whose log says it", COUNT(says_cost), 0, 1 },
    { "/cell/says_start", "", "requests that tell whether a cold start met them", COUNT(says_start), 0, 1 },
    { "/cell/cold", "", "requests that met a cold start", COUNT(cold), 0, 1 },
    { "/cell/cold_timed", "", "of these: that tell how long it took", COUNT(cold_timed), 0, 1 },
    { "/cell/cold_ns", "ns", "how long these took", COUNT(cold_ns), 0, 1 },
    { "/cell/cold_cost", "nUSD", "of cost: of starts", COUNT(cold_cost), 0, 1 },
    { "/cell/gpu_ns", "ns", "GPU time billed", COUNT(gpu_ns), 0, 1 },
    { "/cell/busy_ns", "ns", "with a request of the source under way", COUNT(busy_ns), 0, 1 },
};
static const struct column series_column[] = { { "/series/source", "", "index into /source",
                                                 MEMBER(kw_watch_series, source), 0, 1 } };
static const struct column charge_column[] = {
    { "/charge/source", "", "index into /source", MEMBER(kw_watch_charge, source), 0, 2 },
    { "/charge/from", "ns", "begin of its period, since 1970", MEMBER(kw_watch_charge, from), 0, 2 },
    { "/charge/to", "ns", "end of its period", MEMBER(kw_watch_charge, to), 0, 2 },
    { "/charge/cost", "nUSD", "credits are below 0", MEMBER(kw_watch_charge, cost), INT64_MIN, 2 },
};
static const struct column file_column[] = {
    { "/file/bytes", "B", "read of it", MEMBER(kw_watch_file, bytes), 1, 1 },
    { "/file/requests", "", "", MEMBER(kw_watch_file, requests), 0, 1 },
    { "/file/ids", "", "1: every request of it has an id", MEMBER(kw_watch_file, ids), 0, 3 },
    { "/file/until", "ns", "its last request, since 1970", MEMBER(kw_watch_file, until), 0, 1 },
};
static const struct column id_column[] = {
    { "/id/hour", "h", "in which it arrived, since 1970, UTC", MEMBER(kw_watch_id, hour), 0, 3 },
    { "/id/hash", "", "of its id and arrival", MEMBER(kw_watch_id, hash), INT64_MIN, 3 },
};
#define N(x) (sizeof(x) / sizeof *(x))

static enum kw_status no_memory(struct kw_error *err)
{
    return kw_fail(err, KW_ENOMEM, "out of memory for the state");
}

static int64_t get(const char *row, const struct column *c)
{
    uint32_t u32;
    int64_t i64;
    if (c->bytes == 1) return (unsigned char)row[c->at];
    if (c->bytes == 4) return memcpy(&u32, row + c->at, 4), u32;
    return memcpy(&i64, row + c->at, 8), i64;
}

static bool put(char *row, const struct column *c, int64_t v)
{
    if (v < c->lo || (c->bytes == 1 && v > 1) || (c->bytes == 4 && v > UINT32_MAX)) return false;
    uint32_t u32 = (uint32_t)v;
    if (c->bytes == 1)
        row[c->at] = (char)v;
    else if (c->bytes == 4)
        memcpy(row + c->at, &u32, 4);
    else
        memcpy(row + c->at, &v, 8);
    return true;
}

static enum kw_status write_columns(struct kw_h5 *f, const struct column *c, size_t n_columns, const void *rows,
                                    size_t size, size_t n, struct kw_error *err)
{
    int64_t *v = malloc((n + 1) * sizeof *v);
    enum kw_status st = v ? KW_OK : no_memory(err);
    for (size_t k = 0; k < n_columns && st == KW_OK; k++) {
        for (size_t i = 0; i < n; i++) v[i] = get((const char *)rows + i * size, &c[k]);
        int deflate = c == id_column && k == 1 ? 0 : DEFLATE; /* hashes do not get shorter */
        const struct kw_h5_dataset d = { c[k].path, KW_H5_I64, c[k].units, c[k].description, 1,
                                         { n },     { NULL },  NULL,       deflate };
        st = kw_h5_write(f, &d, v, err);
    }
    free(v);
    return st;
}

/* Texts of rows: *(const char **) or a char array at `at`. */
static enum kw_status write_texts(struct kw_h5 *f, const char *path, const void *rows, size_t size, size_t at,
                                  bool array, size_t n, struct kw_error *err)
{
    const char **v = malloc((n + 1) * sizeof *v);
    if (!v) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const char *row = (const char *)rows + i * size + at;
        if (array)
            v[i] = row;
        else
            memcpy(&v[i], row, sizeof v[i]);
    }
    const struct kw_h5_dataset d = { path, KW_H5_STR, "", "", 1, { n }, { NULL }, NULL, 0 };
    enum kw_status st = kw_h5_write(f, &d, v, err);
    free(v);
    return st;
}

static enum kw_status write_all(struct kw_h5 *f, const struct kw_watch_ledger *l, struct kw_error *err)
{
    KW_TRY(kw_h5_attr_i64(f, "/", "keepwarm_watch", VERSION, err));
    KW_TRY(kw_h5_group(f, "/source", "who serves, and how it is paid", err));
    KW_TRY(kw_h5_group(f, "/series", "requests of one source, model, key, team and tag", err));
    KW_TRY(kw_h5_group(f, "/cell", "a series in an hour", err));
    KW_TRY(kw_h5_group(f, "/charge", "what exports say that sources were charged", err));
    KW_TRY(kw_h5_group(f, "/id", "requests that are in it, so that none counts twice", err));
    KW_TRY(kw_h5_attr_i64(f, "/id", "from_hour", l->ids_from, err));
    KW_TRY(kw_h5_attr_i64(f, "/id", "left_out", (int64_t)l->again, err));
    KW_TRY(kw_h5_group(f, "/file", "logs that are in it", err));
    KW_TRY(write_columns(f, source_column, N(source_column), l->source, sizeof *l->source, l->n_sources, err));
    KW_TRY(write_columns(f, series_column, N(series_column), l->series, sizeof *l->series, l->n_series, err));
    KW_TRY(write_columns(f, cell_column, N(cell_column), l->cell, sizeof *l->cell, l->n_cells, err));
    KW_TRY(write_columns(f, charge_column, N(charge_column), l->charge, sizeof *l->charge, l->n_charges, err));
    KW_TRY(write_columns(f, id_column, N(id_column), l->id, sizeof *l->id, l->n_ids, err));
    KW_TRY(write_columns(f, file_column, N(file_column), l->file, sizeof *l->file, l->n_files, err));
    KW_TRY(write_texts(f, "/source/name", l->source, sizeof *l->source, offsetof(struct kw_watch_source, name), true,
                       l->n_sources, err));
    KW_TRY(write_texts(f, "/series/label", l->series, sizeof *l->series, offsetof(struct kw_watch_series, label), false,
                       l->n_series, err));
    KW_TRY(write_texts(f, "/file/path", l->file, sizeof *l->file, offsetof(struct kw_watch_file, path), false,
                       l->n_files, err));
    KW_TRY(write_texts(f, "/file/format", l->file, sizeof *l->file, offsetof(struct kw_watch_file, format), false,
                       l->n_files, err));
    KW_TRY(write_texts(f, "/file/head", l->file, sizeof *l->file, offsetof(struct kw_watch_file, head), true,
                       l->n_files, err));
    return write_texts(f, "/file/tail", l->file, sizeof *l->file, offsetof(struct kw_watch_file, tail), true,
                       l->n_files, err);
}

enum kw_status kw_watch_save(const struct kw_watch_ledger *l, const char *path, struct kw_error *err)
{
    struct kw_h5 *f;
    enum kw_status st = kw_h5_create(&f, path, err);
    if (st != KW_OK) return st;
    if ((st = write_all(f, l, err)) == KW_OK) return kw_h5_commit(f, err);
    kw_h5_abandon(f);
    return st;
}

enum kw_status kw_watch_lock(int *lock, const char *path, struct kw_error *err)
{
    char name[4096];
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    *lock = -1;
    if ((size_t)snprintf(name, sizeof name, "%s.lock", path) >= sizeof name)
        return kw_fail(err, KW_EINPUT, "%.200s...: its name is too long", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return kw_fail(err, KW_EINPUT, "%s: %s", name, strerror(errno));
    if (fcntl(fd, F_SETLK, &whole) == 0) {
        *lock = fd;
        return KW_OK;
    }
    bool taken = errno == EACCES || errno == EAGAIN;
    enum kw_status st = kw_fail(err, KW_EINPUT, "%s: %s", name, strerror(errno));
    if (taken && fcntl(fd, F_GETLK, &whole) == 0)
        st = kw_fail(err, KW_EINPUT, "%s is in use by another watch (process %ld): try again when that has ended", path,
                     (long)whole.l_pid);
    close(fd);
    return st;
}

/* *rows is made with zeros for as many as the first column has. */
static enum kw_status read_columns(struct kw_h5 *f, int64_t version, const struct column *c, size_t n_columns,
                                   void *rows_at, size_t size, size_t *n, struct kw_error *err)
{
    char *rows = NULL;
    for (size_t k = 0; k < n_columns; k++) {
        void *v = NULL;
        size_t have;
        if (c[k].since > version) continue;
        KW_TRY(kw_h5_read(f, c[k].path, KW_H5_I64, &v, &have, err));
        enum kw_status st = KW_OK;
        if (k == 0) {
            if (!(rows = calloc(have + 1, size))) st = no_memory(err);
            memcpy(rows_at, &rows, sizeof rows);
            if (rows) *n = have;
        } else if (have != *n) {
            st = kw_fail(err, KW_ERANGE, "%s has %zu values, %s %zu", c[k].path, have, c[0].path, *n);
        }
        for (size_t i = 0; i < have && st == KW_OK; i++)
            if (!put(rows + i * size, &c[k], ((const int64_t *)v)[i]))
                st = kw_fail(err, KW_ERANGE, "%s[%zu] is %lld", c[k].path, i, (long long)((const int64_t *)v)[i]);
        free(v);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

/* room: of a char array; 0: a copy that is malloc'd. */
static enum kw_status read_texts(struct kw_h5 *f, const char *path, void *rows, size_t size, size_t at, size_t room,
                                 size_t n, struct kw_error *err)
{
    char **v = NULL;
    KW_TRY(kw_h5_read_n(f, path, KW_H5_STR, n, &v, err));
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        char *row = (char *)rows + i * size + at;
        char *copy = room ? row : strdup(v[i]);
        if (room && strlen(v[i]) >= room)
            st = kw_fail(err, KW_ERANGE, "%s[%zu] is too long", path, i);
        else if (room)
            memcpy(row, v[i], strlen(v[i]) + 1);
        else if (!copy)
            st = no_memory(err);
        else
            memcpy(row, &copy, sizeof copy);
    }
    free(v);
    return st;
}

/* What is added up later, in 64 bits: each column of the cells, and what is rented. With room for a sum of two. */
static enum kw_status check_sums(const struct kw_watch_ledger *l, struct kw_error *err)
{
    const kw_i128 most = INT64_MAX / 4;
    kw_i128 rent = 0;
    for (size_t i = 0; i < l->n_sources; i++) {
        const struct kw_watch_source *s = &l->source[i];
        rent += ((kw_i128)s->until - s->from + KW_NS_PER_HOUR) * s->hour / KW_NS_PER_HOUR;
        if (rent > most || s->until > INT64_MAX - KW_NS_PER_HOUR)
            return kw_fail(err, KW_ERANGE, "/source has a row %zu that comes to more than a ledger holds", i);
    }
    kw_i128 charged = 0;
    for (size_t i = 0; i < l->n_charges; i++)
        charged += l->charge[i].cost < 0 ? -(kw_i128)l->charge[i].cost : l->charge[i].cost;
    if (charged > most) return kw_fail(err, KW_ERANGE, "/charge/cost adds up to more than a ledger holds");
    for (size_t k = 2; k < N(cell_column); k++) { /* behind hour and series */
        kw_i128 sum = 0;
        for (size_t i = 0; i < l->n_cells; i++) sum += get((const char *)&l->cell[i], &cell_column[k]);
        if (sum > most) return kw_fail(err, KW_ERANGE, "%s adds up to more than a ledger holds", cell_column[k].path);
    }
    return KW_OK;
}

static bool is_sound(const struct kw_watch_source *s)
{
    bool named = strncmp(s->name, KW_WATCH_COSTS, strlen(KW_WATCH_COSTS)) == 0;
    return s->kind <= KW_KIND_DEDICATED && s->until >= s->from && (!s->charged || (named && !s->hour && !s->kind));
}

static bool is_sound_charge(const struct kw_watch_ledger *l, const struct kw_watch_charge *x)
{
    return x->source < l->n_sources && l->source[x->source].charged && x->from < x->to &&
           x->to < INT64_MAX - KW_NS_PER_HOUR;
}

static enum kw_status check(const struct kw_watch_ledger *l, struct kw_error *err)
{
    for (size_t i = 0; i < l->n_sources; i++)
        if (!is_sound(&l->source[i])) return kw_fail(err, KW_ERANGE, "/source has a row %zu that makes no sense", i);
    for (size_t i = 0; i < l->n_series; i++)
        if (l->series[i].source >= l->n_sources)
            return kw_fail(err, KW_ERANGE, "/series/source[%zu] is %u of %zu", i, l->series[i].source, l->n_sources);
    for (size_t i = 0; i < l->n_cells; i++) {
        const struct kw_watch_cell *x = &l->cell[i];
        if (x->series >= l->n_series || x->hour > INT64_MAX / KW_NS_PER_HOUR - 1 ||
            (i && (x[-1].hour > x->hour || (x[-1].hour == x->hour && x[-1].series >= x->series))))
            return kw_fail(err, KW_ERANGE, "/cell has a row %zu out of order, or of no series", i);
    }
    for (size_t i = 0; i < l->n_charges; i++) {
        const struct kw_watch_charge *x = &l->charge[i];
        bool behind = !i || x[-1].source < x->source || (x[-1].source == x->source && x[-1].from < x->from) ||
                      (x[-1].source == x->source && x[-1].from == x->from && x[-1].to < x->to);
        if (!behind || !is_sound_charge(l, x))
            return kw_fail(err, KW_ERANGE, "/charge has a row %zu out of order, or of no source", i);
    }
    return check_sums(l, err);
}

/* Before version 3 none were kept: those of later hours are. */
static enum kw_status read_ids(struct kw_h5 *f, int64_t version, struct kw_watch_ledger *l, struct kw_error *err)
{
    int64_t again;
    l->ids_from = l->n_cells ? l->cell[l->n_cells - 1].hour + 1 : 0;
    if (version < 3) return KW_OK;
    KW_TRY(kw_h5_read_attr_i64(f, "/id", "from_hour", &l->ids_from, err));
    KW_TRY(kw_h5_read_attr_i64(f, "/id", "left_out", &again, err));
    KW_TRY(read_columns(f, version, id_column, N(id_column), &l->id, sizeof *l->id, &l->n_ids, err));
    for (size_t i = 0; i < l->n_ids; i++) {
        const struct kw_watch_id *x = &l->id[i];
        if (x->hour < l->ids_from || (i && (x[-1].hour > x->hour || (x[-1].hour == x->hour && x[-1].hash >= x->hash))))
            return kw_fail(err, KW_ERANGE, "/id has a row %zu out of order, or older than its from_hour", i);
    }
    if (again < 0) return kw_fail(err, KW_ERANGE, "/id left_out is %lld", (long long)again);
    l->again = (uint64_t)again;
    return KW_OK;
}

static enum kw_status read_all(struct kw_h5 *f, struct kw_watch_ledger *l, struct kw_error *err)
{
    int64_t version;
    KW_TRY(kw_h5_read_attr_i64(f, "/", "keepwarm_watch", &version, err));
    if (version < 1 || version > VERSION)
        return kw_fail(err, KW_EPARSE, "state version %lld, this program reads 1 to %d", (long long)version, VERSION);
    KW_TRY(
        read_columns(f, version, source_column, N(source_column), &l->source, sizeof *l->source, &l->n_sources, err));
    KW_TRY(read_columns(f, version, series_column, N(series_column), &l->series, sizeof *l->series, &l->n_series, err));
    KW_TRY(read_columns(f, version, cell_column, N(cell_column), &l->cell, sizeof *l->cell, &l->n_cells, err));
    KW_TRY(read_columns(f, version, file_column, N(file_column), &l->file, sizeof *l->file, &l->n_files, err));
    if (version >= 2)
        KW_TRY(read_columns(f, version, charge_column, N(charge_column), &l->charge, sizeof *l->charge, &l->n_charges,
                            err));
    KW_TRY(read_ids(f, version, l, err));
    KW_TRY(read_texts(f, "/source/name", l->source, sizeof *l->source, offsetof(struct kw_watch_source, name),
                      sizeof l->source->name, l->n_sources, err));
    KW_TRY(read_texts(f, "/series/label", l->series, sizeof *l->series, offsetof(struct kw_watch_series, label), 0,
                      l->n_series, err));
    KW_TRY(read_texts(f, "/file/path", l->file, sizeof *l->file, offsetof(struct kw_watch_file, path), 0, l->n_files,
                      err));
    KW_TRY(read_texts(f, "/file/format", l->file, sizeof *l->file, offsetof(struct kw_watch_file, format), 0,
                      l->n_files, err));
    KW_TRY(read_texts(f, "/file/head", l->file, sizeof *l->file, offsetof(struct kw_watch_file, head),
                      sizeof l->file->head, l->n_files, err));
    KW_TRY(read_texts(f, "/file/tail", l->file, sizeof *l->file, offsetof(struct kw_watch_file, tail),
                      sizeof l->file->tail, l->n_files, err));
    return check(l, err);
}

enum kw_status kw_watch_load(struct kw_watch_ledger *l, const char *path, struct kw_error *err)
{
    struct kw_h5 *f;
    memset(l, 0, sizeof *l);
    if (access(path, F_OK) != 0) return KW_OK;
    enum kw_status st = kw_h5_open(&f, path, err);
    if (st != KW_OK) return st;
    if ((st = read_all(f, l, err)) != KW_OK) {
        if (strncmp(err->msg, path, strlen(path))) kw_where(err, path, 0);
        kw_watch_free(l);
    }
    kw_h5_abandon(f);
    return st;
}
