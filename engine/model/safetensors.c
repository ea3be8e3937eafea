#include "engine/model/safetensors.h"
#include "sim/core/files/json.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HEADER ((uint64_t)100 << 20) /* as the reference implementation */
#define MAX_FILES 4096
#define MAX_PATH_BYTES 4096

static enum kw_status no_memory(const char *path, struct kw_error *err)
{
    return kw_fail(err, KW_ENOMEM, "%.300s: out of memory", path);
}

/* ---- one header */

static const struct {
    const char *name;
    enum kw_st_dtype type;
    unsigned bytes;
} dtypes[] = { { "F32", KW_ST_F32, 4 },         { "BF16", KW_ST_BF16, 2 },     { "F16", KW_ST_F16, 2 },
               { "F8_E4M3", KW_ST_F8_E4M3, 1 }, { "F8_E5M2", KW_ST_OTHER, 1 }, { "F64", KW_ST_OTHER, 8 },
               { "I64", KW_ST_OTHER, 8 },       { "U64", KW_ST_OTHER, 8 },     { "I32", KW_ST_OTHER, 4 },
               { "U32", KW_ST_OTHER, 4 },       { "I16", KW_ST_OTHER, 2 },     { "U16", KW_ST_OTHER, 2 },
               { "I8", KW_ST_OTHER, 1 },        { "U8", KW_ST_OTHER, 1 },      { "BOOL", KW_ST_OTHER, 1 } };
#define N_DTYPES (sizeof dtypes / sizeof *dtypes)

/* One tensor's description; offsets still count from the first data byte. */
static enum kw_status read_tensor(struct kw_jnode n, uint64_t data_bytes, struct kw_tensor *t, struct kw_error *err)
{
    static const char *const keys[] = { "dtype", "shape", "data_offsets", NULL };
    const char *words[N_DTYPES + 1] = { NULL };
    for (size_t i = 0; i < N_DTYPES; i++) words[i] = dtypes[i].name;
    int d;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st != KW_OK || (st = kw_json_enum(kw_json_get(n, "dtype"), words, &d, err)) != KW_OK) return st;
    t->dtype = dtypes[d].type;
    struct kw_jnode shape = kw_json_get(n, "shape"), range = kw_json_get(n, "data_offsets");
    if (!kw_json_is_array(shape) || kw_json_len(shape) > 8)
        return kw_json_fail(shape, KW_EPARSE, err, "want an array of at most 8 extents");
    if (!kw_json_is_array(range) || kw_json_len(range) != 2)
        return kw_json_fail(range, KW_EPARSE, err, "want [begin, end]");
    uint64_t bytes = dtypes[d].bytes;
    t->n_dims = (uint32_t)kw_json_len(shape);
    for (int i = 0; i < kw_json_len(shape); i++) {
        int64_t v;
        if ((st = kw_json_i64(kw_json_at(shape, i), 0, INT64_MAX, &v, err)) != KW_OK) return st;
        t->shape[i] = (uint64_t)v;
        if (__builtin_mul_overflow(bytes, (uint64_t)v, &bytes))
            return kw_json_fail(shape, KW_ERANGE, err, "more than 2^64 bytes");
    }
    int64_t begin, end;
    if ((st = kw_json_i64(kw_json_at(range, 0), 0, INT64_MAX, &begin, err)) != KW_OK ||
        (st = kw_json_i64(kw_json_at(range, 1), 0, INT64_MAX, &end, err)) != KW_OK)
        return st;
    if (begin > end || (uint64_t)end > data_bytes)
        return kw_json_fail(range, KW_ERANGE, err, "want begin <= end <= %" PRIu64 " (the file's data)", data_bytes);
    if ((uint64_t)(end - begin) != bytes)
        return kw_json_fail(range, KW_ERANGE, err, "%" PRId64 " bytes; dtype and shape make %" PRIu64, end - begin,
                            bytes);
    t->offset = (uint64_t)begin, t->bytes = bytes;
    return KW_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct kw_tensor *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes; /* an empty tensor lies before the one that begins there */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct kw_tensor *)a)->name, ((const struct kw_tensor *)b)->name);
}

/* All tensors of a header into t[0..n), sorted by place, without overlap or hole. names: room for every key. */
static enum kw_status read_header(const struct kw_json *doc, uint64_t data_bytes, struct kw_tensor *t, size_t *n,
                                  char *names, struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(doc);
    *n = 0;
    for (int i = 0; i < kw_json_len(root); i++) {
        const char *key;
        struct kw_jnode m = kw_json_member(root, i, &key);
        if (!strcmp(key, "__metadata__")) {
            if (!kw_json_is_object(m)) return kw_json_fail(m, KW_EPARSE, err, "want an object");
            continue;
        }
        t[*n] = (struct kw_tensor){ .name = names };
        enum kw_status st = read_tensor(m, data_bytes, &t[*n], err);
        if (st != KW_OK) return st;
        size_t bytes = strlen(key) + 1;
        memcpy(names, key, bytes);
        names += bytes;
        ++*n;
    }
    qsort(t, *n, sizeof *t, by_place);
    uint64_t at = 0;
    for (size_t i = 0; i < *n; i++) {
        if (t[i].offset != at)
            return kw_json_fail(kw_json_get(root, t[i].name), KW_ERANGE, err, "%s at data byte %" PRIu64,
                                t[i].offset < at ? "overlaps the tensor before it" : "leaves a hole before it",
                                t[i].offset);
        at += t[i].bytes;
    }
    if (at != data_bytes)
        return kw_json_fail(root, KW_ERANGE, err, "the tensors end at data byte %" PRIu64 " of %" PRIu64, at,
                            data_bytes);
    return KW_OK;
}

/* Room for one file more in the arrays that go by file. */
static bool grow_files(struct kw_checkpoint *k)
{
    size_t n = k->n_files + 1u;
    void *p;
    if (!(p = realloc(k->path, n * sizeof *k->path))) return false;
    k->path = p;
    if (!(p = realloc(k->file_bytes, n * sizeof *k->file_bytes))) return false;
    k->file_bytes = p;
    if (!(p = realloc(k->names, n * sizeof *k->names))) return false;
    k->names = p;
    return true;
}

static enum kw_status add_parsed(struct kw_checkpoint *k, const char *path, const struct kw_json *doc, size_t len,
                                 uint64_t file_bytes, struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(doc);
    if (!kw_json_is_object(root)) return kw_json_fail(root, KW_EPARSE, err, "want an object of tensors");
    size_t most = (size_t)kw_json_len(root), n = 0, name_bytes = 1;
    for (int i = 0; i < kw_json_len(root); i++) {
        const char *key;
        kw_json_member(root, i, &key);
        name_bytes += strlen(key) + 1;
    }
    struct kw_tensor *t = malloc((k->n_tensors + most + 1) * sizeof *t);
    char *names = malloc(name_bytes), *copy = malloc(strlen(path) + 1);
    enum kw_status st = t && names && copy && grow_files(k) ? KW_OK : no_memory(path, err);
    if (st == KW_OK) st = read_header(doc, file_bytes - 8 - len, t, &n, names, err);
    for (size_t i = 0; st == KW_OK && i < n; i++) {
        t[i].offset += 8 + len;
        t[i].file = k->n_files;
    }
    if (st == KW_OK) {
        if (k->n_tensors) memcpy(t + n, k->tensors, k->n_tensors * sizeof *t);
        n += k->n_tensors;
        qsort(t, n, sizeof *t, by_name);
        for (size_t i = 1; st == KW_OK && i < n; i++)
            if (!strcmp(t[i - 1].name, t[i].name))
                st = kw_fail(err, KW_ERANGE, "%.300s: tensor '%.100s' is in another file too", path, t[i].name);
    }
    if (st != KW_OK) {
        free(t);
        free(names);
        free(copy);
        return st;
    }
    strcpy(copy, path);
    free(k->tensors);
    k->tensors = t, k->n_tensors = n;
    k->path[k->n_files] = copy, k->names[k->n_files] = names, k->file_bytes[k->n_files] = file_bytes;
    k->n_files++;
    k->data_bytes += file_bytes - 8 - len;
    return KW_OK;
}

enum kw_status kw_checkpoint_add(struct kw_checkpoint *k, const char *path, const char *text, size_t len,
                                 uint64_t file_bytes, struct kw_error *err)
{
    if (file_bytes < 8 || len > file_bytes - 8 || len > MAX_HEADER)
        return kw_fail(err, KW_ERANGE, "%.300s: a header of %zu bytes in a file of %" PRIu64, path, len, file_bytes);
    struct kw_json doc;
    enum kw_status st = kw_json_parse(&doc, path, text, len, err);
    if (st != KW_OK) return st;
    st = add_parsed(k, path, &doc, len, file_bytes, err);
    kw_json_free(&doc);
    return st;
}

/* ---- files */

/* Exactly n bytes from the current position. */
static enum kw_status read_exactly(int fd, const char *path, void *to, size_t n, struct kw_error *err)
{
    for (char *p = to; n;) {
        ssize_t got = read(fd, p, n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return kw_fail(err, KW_EINPUT, "%.300s: %s", path, strerror(errno));
        if (got == 0) return kw_fail(err, KW_EINPUT, "%.300s: the file ends too early", path);
        p += got;
        n -= (size_t)got;
    }
    return KW_OK;
}

static enum kw_status add_open(struct kw_checkpoint *k, const char *path, int fd, struct kw_error *err)
{
    struct stat s;
    if (fstat(fd, &s)) return kw_fail(err, KW_EINPUT, "%.300s: %s", path, strerror(errno));
    if (!S_ISREG(s.st_mode)) return kw_fail(err, KW_EINPUT, "%.300s: not a regular file", path);
    unsigned char b[8];
    if (s.st_size < 8) return kw_fail(err, KW_EPARSE, "%.300s: too short for a safetensors file", path);
    enum kw_status st = read_exactly(fd, path, b, 8, err);
    if (st != KW_OK) return st;
    uint64_t len = 0;
    for (int i = 7; i >= 0; i--) len = len << 8 | b[i];
    if (len > (uint64_t)s.st_size - 8 || len > MAX_HEADER)
        return kw_fail(err, KW_ERANGE, "%.300s: claims a header of %" PRIu64 " bytes; the file has %" PRIu64, path, len,
                       (uint64_t)s.st_size);
    char *text = malloc(len + 1);
    if (!text) return no_memory(path, err);
    if ((st = read_exactly(fd, path, text, len, err)) == KW_OK)
        st = kw_checkpoint_add(k, path, text, len, (uint64_t)s.st_size, err);
    free(text);
    return st;
}

static enum kw_status add_file(struct kw_checkpoint *k, const char *path, struct kw_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return kw_fail(err, KW_EINPUT, "%.300s: %s", path, strerror(errno));
    enum kw_status st = add_open(k, path, fd, err);
    close(fd);
    return st;
}

static enum kw_status join(char out[MAX_PATH_BYTES], const char *path, int folder_len, const char *name,
                           struct kw_error *err)
{
    if (snprintf(out, MAX_PATH_BYTES, "%.*s%s", folder_len, path, name) >= MAX_PATH_BYTES)
        return kw_fail(err, KW_ERANGE, "%.100s...: the path is too long", path);
    return KW_OK;
}

/* The shards that weight_map names, each once, in the map's order; then every name must be where the map says. */
static enum kw_status add_shards(struct kw_checkpoint *k, const struct kw_json *doc, const char *path,
                                 struct kw_error *err)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    struct kw_jnode map = kw_json_get(kw_json_root(doc), "weight_map");
    if (!kw_json_is_object(map)) return kw_json_fail(map, KW_EPARSE, err, "want an object of tensor: file");
    char file[MAX_PATH_BYTES];
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < kw_json_len(map); i++) {
            const char *key, *name;
            struct kw_jnode m = kw_json_member(map, i, &key);
            enum kw_status st = kw_json_str(m, &name, err);
            if (st != KW_OK) return st;
            if (!*name || name[0] == '.' || strchr(name, '/'))
                return kw_json_fail(m, KW_ERANGE, err, "want the name of a file in the same folder; got \"%.60s\"",
                                    name);
            if ((st = join(file, path, folder, name, err)) != KW_OK) return st;
            uint32_t f = 0;
            if (pass == 0) {
                while (f < k->n_files && strcmp(k->path[f], file)) f++;
                if (f < k->n_files) continue;
                if (f == MAX_FILES) return kw_json_fail(map, KW_ERANGE, err, "more than %d files", MAX_FILES);
                if ((st = add_file(k, file, err)) != KW_OK) return st;
            } else {
                const struct kw_tensor *t = kw_checkpoint_find(k, key);
                if (!t || strcmp(k->path[t->file], file))
                    return kw_json_fail(m, KW_ERANGE, err, "%.100s holds no such tensor", name);
            }
        }
    return KW_OK;
}

static enum kw_status add_index(struct kw_checkpoint *k, const char *path, struct kw_error *err)
{
    struct kw_json doc;
    enum kw_status st = kw_json_load(&doc, path, err);
    if (st != KW_OK) return st;
    st = add_shards(k, &doc, path, err);
    kw_json_free(&doc);
    return st;
}

enum kw_status kw_checkpoint_open(struct kw_checkpoint *k, const char *path, struct kw_error *err)
{
    *k = (struct kw_checkpoint){ 0 };
    struct stat s;
    char file[MAX_PATH_BYTES];
    size_t len = strlen(path);
    if (stat(path, &s)) return kw_fail(err, KW_EINPUT, "%.300s: %s", path, strerror(errno));
    enum kw_status st;
    if (S_ISDIR(s.st_mode)) {
        if ((st = join(file, path, (int)len, "/model.safetensors", err)) != KW_OK) return st;
        if (!stat(file, &s)) {
            st = add_file(k, file, err);
        } else if ((st = join(file, path, (int)len, "/model.safetensors.index.json", err)) == KW_OK) {
            st = stat(file, &s)
                     ? kw_fail(err, KW_EINPUT,
                               "%.300s: holds neither model.safetensors nor model.safetensors.index.json", path)
                     : add_index(k, file, err);
        }
    } else if (len > 5 && !strcmp(path + len - 5, ".json")) {
        st = add_index(k, path, err);
    } else {
        st = add_file(k, path, err);
    }
    if (st != KW_OK) kw_checkpoint_free(k);
    return st;
}

void kw_checkpoint_free(struct kw_checkpoint *k)
{
    for (uint32_t i = 0; i < k->n_files; i++) {
        free(k->path[i]);
        free(k->names[i]);
    }
    free(k->path);
    free(k->names);
    free(k->file_bytes);
    free(k->tensors);
    *k = (struct kw_checkpoint){ 0 };
}

const struct kw_tensor *kw_checkpoint_find(const struct kw_checkpoint *k, const char *name)
{
    for (size_t lo = 0, hi = k->n_tensors; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(k->tensors[mid].name, name);
        if (c == 0) return &k->tensors[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}
