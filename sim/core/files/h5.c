#include "sim/core/files/h5.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim/core/files/file.h"
#include "sim/core/files/h5_integrity.h"
#include "sim/core/files/h5disk.h"

#define CHUNK_BYTES ((size_t)1 << 20) /* HDF5's default chunk cache holds one */

struct kw_h5 {
    hid_t file;
    char *path;
    struct kw_file out; /* what a new file is written into; fd -1 for a file opened to read */
    int failed;         /* errno of the first write that failed, which HDF5 does not get to see */
};

/* ---- why HDF5 failed. Its own text holds times, pointers and source lines; of it only an errno, or the innermost
 * description, belongs in a message. */

struct reason {
    int sys;     /* errno, 0 when the file system had no part in it */
    bool memory; /* an allocation failed */
    char text[160];
};

static herr_t note_reason(unsigned n, const H5E_error2_t *e, void *to)
{
    struct reason *r = to;
    const char *at = e->desc ? strstr(e->desc, "errno = ") : NULL;
    if (at && !r->sys) r->sys = atoi(at + 8);
    if (e->maj_num == H5E_RESOURCE && (e->min_num == H5E_NOSPACE || e->min_num == H5E_CANTALLOC)) r->memory = true;
    if (n == 0 && e->desc) snprintf(r->text, sizeof r->text, "%s", e->desc);
    return 0;
}

/* "FILE: object: what: reason"; object may be "". Call it before any other HDF5 call, which would clear the reason. */
static enum kw_status h5_fail(const struct kw_h5 *f, const char *object, enum kw_status st, const char *what,
                              struct kw_error *err)
{
    struct reason r = { 0 };
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note_reason, &r);
    if (f->failed) r.sys = f->failed;
    const char *sep = object[0] ? ": " : "", *why = r.sys ? strerror(r.sys) : r.memory ? "out of memory" : r.text;
    if (r.sys)
        st = r.sys == ENOMEM ? KW_ENOMEM : KW_EIO;
    else if (r.memory)
        st = KW_ENOMEM;
    return kw_fail(err, st, "%.300s: %.120s%s%s%s%s", f->path, object, sep, what, why[0] ? ": " : "", why);
}

static enum kw_status call_fail(const struct kw_h5 *f, const char *object, enum kw_status st, const char *what,
                                struct kw_error *err)
{
    return kw_fail(err, st, "%.300s: %.120s: %s", f->path, object, what);
}

/* The status of a write so far, or KW_EIO when the disk has refused one. */
static enum kw_status settled(const struct kw_h5 *f, const char *object, enum kw_status st, struct kw_error *err)
{
    return st == KW_OK && f->failed ? h5_fail(f, object, KW_EIO, "cannot write", err) : st;
}

/* ---- opening and closing */

static void release(struct kw_h5 *f)
{
    if (!f) return;
    free(f->path);
    free(f);
}

static struct kw_h5 *handle(const char *path, struct kw_error *err)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* messages are ours to make */
    struct kw_h5 *f = calloc(1, sizeof *f);
    if (f) f->path = malloc(strlen(path) + 1);
    if (!f || !f->path) {
        release(f);
        kw_fail(err, KW_ENOMEM, "%.300s: out of memory", path);
        return NULL;
    }
    strcpy(f->path, path);
    f->out.fd = -1;
    f->file = H5I_INVALID_HID;
    return f;
}

/* Access to a file: all objects close with it. The format is one that HDF5 1.10 (Debian 12's h5py) reads, and 1.8's at
 * the least, whose metadata carry checksums. */
static hid_t access_list(void)
{
    hid_t l = H5Pcreate(H5P_FILE_ACCESS);
    if (l >= 0 && (H5Pset_fclose_degree(l, H5F_CLOSE_STRONG) < 0 ||
                   H5Pset_libver_bounds(l, H5F_LIBVER_V18, H5F_LIBVER_V110) < 0)) {
        H5Pclose(l);
        return H5I_INVALID_HID;
    }
    return l;
}

static hid_t untimed(hid_t class) /* a creation list without time stamps: the same content gives the same bytes */
{
    hid_t l = H5Pcreate(class);
    if (l >= 0 && H5Pset_obj_track_times(l, 0) < 0) {
        H5Pclose(l);
        return H5I_INVALID_HID;
    }
    return l;
}

enum kw_status kw_h5_create(struct kw_h5 **out, const char *path, struct kw_error *err)
{
    *out = NULL;
    struct kw_h5 *f = handle(path, err);
    if (!f) return KW_ENOMEM;
    enum kw_status st = kw_file_create(&f->out, path, err);
    if (st != KW_OK) {
        release(f);
        return st;
    }
    hid_t access = access_list(), create = untimed(H5P_FILE_CREATE);
    if (access >= 0 && create >= 0 && kw_h5disk_use(access, &f->failed) >= 0)
        f->file = H5Fcreate(f->out.tmp, H5F_ACC_TRUNC, create, access);
    st = settled(f, "", f->file >= 0 ? KW_OK : h5_fail(f, "", KW_EFAIL, "cannot write", err), err);
    if (access >= 0) H5Pclose(access);
    if (create >= 0) H5Pclose(create);
    if (st != KW_OK) {
        if (f->file >= 0) H5Fclose(f->file);
        kw_file_abandon(&f->out);
        release(f);
        return st;
    }
    *out = f;
    return KW_OK;
}

enum kw_status kw_h5_commit(struct kw_h5 *f, struct kw_error *err)
{
    assert(f->out.fd >= 0);
    enum kw_status st = KW_OK;
    if (H5Fclose(f->file) < 0) st = h5_fail(f, "", KW_EFAIL, "cannot write", err);
    st = settled(f, "", st, err);
    if (st == KW_OK) st = kw_h5_seal(f->out.tmp, err);
    if (st == KW_OK)
        st = kw_file_commit(&f->out, err);
    else
        kw_file_abandon(&f->out);
    release(f);
    return st;
}

void kw_h5_abandon(struct kw_h5 *f)
{
    if (!f) return;
    H5Fclose(f->file);
    if (f->out.fd >= 0) kw_file_abandon(&f->out);
    release(f);
}

enum kw_status kw_h5_open(struct kw_h5 **out, const char *path, struct kw_error *err)
{
    *out = NULL;
    enum kw_status st = kw_h5_verify(path, err);
    if (st != KW_OK) return st;
    struct kw_h5 *f = handle(path, err);
    if (!f) return KW_ENOMEM;
    hid_t access = access_list();
    if (access < 0 || (f->file = H5Fopen(path, H5F_ACC_RDONLY, access)) < 0)
        st = h5_fail(f, "", KW_EPARSE, "damaged HDF5 file", err);
    if (access >= 0) H5Pclose(access);
    if (st != KW_OK)
        release(f);
    else
        *out = f;
    return st;
}

/* ---- writing */

/* Variable-length UTF-8; the caller closes. Fixed-length strings crash Debian 12's netCDF-C, xarray's first choice, and
 * come out of h5py's attributes as bytes. */
static hid_t string_type(void)
{
    hid_t t = H5Tcopy(H5T_C_S1);
    if (t >= 0 && (H5Tset_size(t, H5T_VARIABLE) < 0 || H5Tset_cset(t, H5T_CSET_UTF8) < 0)) {
        H5Tclose(t);
        return H5I_INVALID_HID;
    }
    return t;
}

static hid_t memory_type(enum kw_h5_type t)
{
    switch (t) {
    case KW_H5_I64: return H5T_NATIVE_INT64;
    case KW_H5_U64: return H5T_NATIVE_UINT64;
    case KW_H5_U32: return H5T_NATIVE_UINT32;
    case KW_H5_U16: return H5T_NATIVE_UINT16;
    case KW_H5_U8: return H5T_NATIVE_UINT8;
    case KW_H5_F64: return H5T_NATIVE_DOUBLE;
    case KW_H5_STR: break;
    }
    return H5I_INVALID_HID;
}

static hid_t file_type(enum kw_h5_type t) /* little-endian everywhere, so that bytes do not depend on the machine */
{
    switch (t) {
    case KW_H5_I64: return H5T_STD_I64LE;
    case KW_H5_U64: return H5T_STD_U64LE;
    case KW_H5_U32: return H5T_STD_U32LE;
    case KW_H5_U16: return H5T_STD_U16LE;
    case KW_H5_U8: return H5T_STD_U8LE;
    case KW_H5_F64: return H5T_IEEE_F64LE;
    case KW_H5_STR: break;
    }
    return H5I_INVALID_HID;
}

/* One attribute, replacing an older one of the name. */
static enum kw_status put_attr(struct kw_h5 *f, const char *object, const char *name, hid_t type, hid_t mem,
                               const void *value, struct kw_error *err)
{
    if (H5Aexists_by_name(f->file, object, name, H5P_DEFAULT) > 0 &&
        H5Adelete_by_name(f->file, object, name, H5P_DEFAULT) < 0)
        return h5_fail(f, object, KW_EFAIL, "cannot replace an attribute", err);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate_by_name(f->file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    enum kw_status st = KW_OK;
    if (a < 0 || H5Awrite(a, mem, value) < 0) st = h5_fail(f, object, KW_EFAIL, "cannot write an attribute", err);
    if (a >= 0) H5Aclose(a);
    if (space >= 0) H5Sclose(space);
    return settled(f, object, st, err);
}

enum kw_status kw_h5_attr_str(struct kw_h5 *f, const char *object, const char *name, const char *value,
                              struct kw_error *err)
{
    hid_t t = string_type();
    if (t < 0) return h5_fail(f, object, KW_EFAIL, "cannot write an attribute", err);
    enum kw_status st = put_attr(f, object, name, t, t, &value, err);
    H5Tclose(t);
    return st;
}

enum kw_status kw_h5_attr_i64(struct kw_h5 *f, const char *object, const char *name, int64_t v, struct kw_error *err)
{
    return put_attr(f, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &v, err);
}

enum kw_status kw_h5_group(struct kw_h5 *f, const char *path, const char *description, struct kw_error *err)
{
    hid_t create = untimed(H5P_GROUP_CREATE), g = H5I_INVALID_HID;
    if (create >= 0) g = H5Gcreate2(f->file, path, H5P_DEFAULT, create, H5P_DEFAULT);
    enum kw_status st = g >= 0 ? KW_OK : h5_fail(f, path, KW_EFAIL, "cannot create the group", err);
    if (g >= 0) H5Gclose(g);
    if (create >= 0) H5Pclose(create);
    st = settled(f, path, st, err);
    if (st == KW_OK && description) st = kw_h5_attr_str(f, path, "description", description, err);
    return st;
}

static size_t elements(int rank, const size_t shape[4])
{
    size_t n = 1;
    for (int i = 0; i < rank; i++) n *= shape[i];
    return n;
}

/* Creation list of a dataset of n elements; chunks are whole trailing rows, halved from the front down to CHUNK_BYTES.
 */
static hid_t dataset_list(const struct kw_h5_dataset *d, size_t n, size_t element_bytes)
{
    hid_t l = untimed(H5P_DATASET_CREATE);
    if (l < 0 || n == 0 || d->deflate == 0) return l;
    hsize_t chunk[4];
    size_t bytes = n * element_bytes;
    for (int i = 0; i < d->rank; i++) chunk[i] = d->shape[i];
    for (int i = 0; i < d->rank && bytes > CHUNK_BYTES; i++)
        while (chunk[i] > 1 && bytes > CHUNK_BYTES) {
            bytes = bytes / (size_t)chunk[i] * (size_t)((chunk[i] + 1) / 2);
            chunk[i] = (chunk[i] + 1) / 2;
        }
    if (H5Pset_chunk(l, d->rank, chunk) < 0 || H5Pset_shuffle(l) < 0 || H5Pset_deflate(l, (unsigned)d->deflate) < 0 ||
        H5Pset_fletcher32(l) < 0) {
        H5Pclose(l);
        return H5I_INVALID_HID;
    }
    return l;
}

static enum kw_status attach(struct kw_h5 *f, const struct kw_h5_dataset *d, hid_t set, struct kw_error *err)
{
    for (int i = 0; i < d->rank; i++) {
        if (!d->dims[i]) continue;
        int rank;
        size_t shape[4];
        enum kw_status st = kw_h5_shape(f, d->dims[i], &rank, shape, err);
        if (st != KW_OK) return st;
        if (rank != 1 || shape[0] != d->shape[i])
            return kw_fail(err, KW_EFAIL, "%.300s: %.120s: dimension %d has %zu entries, its scale %.120s has %zu",
                           f->path, d->path, i, d->shape[i], d->dims[i], shape[0]);
        hid_t scale = H5Dopen2(f->file, d->dims[i], H5P_DEFAULT);
        herr_t rc = scale < 0 ? -1 : H5DSattach_scale(set, scale, (unsigned)i);
        if (rc < 0) st = h5_fail(f, d->path, KW_EFAIL, "cannot attach a dimension scale", err);
        if (scale >= 0) H5Dclose(scale);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

static enum kw_status write_as(struct kw_h5 *f, const struct kw_h5_dataset *d, hid_t type, hid_t mem, const void *data,
                               struct kw_error *err)
{
    hsize_t shape[4];
    for (int i = 0; i < d->rank; i++) shape[i] = d->shape[i];
    size_t n = elements(d->rank, d->shape);
    hid_t space = H5Screate_simple(d->rank, shape, NULL), list = dataset_list(d, n, H5Tget_size(type));
    hid_t set = H5I_INVALID_HID;
    if (space >= 0 && list >= 0) set = H5Dcreate2(f->file, d->path, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    enum kw_status st = KW_OK;
    if (set < 0)
        st = h5_fail(f, d->path, KW_EFAIL, "cannot create the dataset", err);
    else if (n > 0 && H5Dwrite(set, mem, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        st = h5_fail(f, d->path, KW_EFAIL, "cannot write the dataset", err);
    else if (d->scale && H5DSset_scale(set, d->scale) < 0)
        st = h5_fail(f, d->path, KW_EFAIL, "cannot make a dimension scale", err);
    else
        st = attach(f, d, set, err);
    if (set >= 0 && H5Dclose(set) < 0 && st == KW_OK)
        st = h5_fail(f, d->path, KW_EFAIL, "cannot write the dataset", err);
    if (list >= 0) H5Pclose(list);
    if (space >= 0) H5Sclose(space);
    return settled(f, d->path, st, err);
}

static enum kw_status write_strings(struct kw_h5 *f, const struct kw_h5_dataset *d, const void *data,
                                    struct kw_error *err)
{
    struct kw_h5_dataset plain = *d;
    plain.deflate = 0; /* the dataset holds references into a heap that filters do not reach */
    hid_t t = string_type();
    if (t < 0) return h5_fail(f, d->path, KW_EFAIL, "cannot create the dataset", err);
    enum kw_status st = write_as(f, &plain, t, t, data, err);
    H5Tclose(t);
    return st;
}

enum kw_status kw_h5_write(struct kw_h5 *f, const struct kw_h5_dataset *d, const void *data, struct kw_error *err)
{
    assert(d->rank >= 1 && d->rank <= 4 && d->deflate >= 0 && d->deflate <= 9 && (!d->scale || d->rank == 1));
    enum kw_status st = d->type == KW_H5_STR ? write_strings(f, d, data, err)
                                             : write_as(f, d, file_type(d->type), memory_type(d->type), data, err);
    if (st == KW_OK && d->units && d->units[0]) st = kw_h5_attr_str(f, d->path, "units", d->units, err);
    if (st == KW_OK && d->description && d->description[0])
        st = kw_h5_attr_str(f, d->path, "description", d->description, err);
    return st;
}

/* ---- reading */

int kw_h5_exists(struct kw_h5 *f, const char *path)
{
    return !strcmp(path, "/") || H5Oexists_by_name(f->file, path, H5P_DEFAULT) > 0;
}

static hid_t open_set(struct kw_h5 *f, const char *path, struct kw_error *err)
{
    if (!kw_h5_exists(f, path)) {
        call_fail(f, path, KW_EPARSE, "no such dataset", err);
        return H5I_INVALID_HID;
    }
    hid_t set = H5Dopen2(f->file, path, H5P_DEFAULT);
    if (set < 0) h5_fail(f, path, KW_EPARSE, "is no dataset, or damaged", err);
    return set;
}

static enum kw_status shape_of(struct kw_h5 *f, const char *path, hid_t set, int *rank, size_t shape[4],
                               struct kw_error *err)
{
    hid_t space = H5Dget_space(set);
    hsize_t s[H5S_MAX_RANK] = { 0 };
    int r = space < 0 ? -1 : H5Sget_simple_extent_dims(space, s, NULL);
    enum kw_status st = KW_OK;
    size_t n = 1;
    if (r < 0) st = h5_fail(f, path, KW_EPARSE, "damaged dataset", err);
    if (r > 4) st = call_fail(f, path, KW_EPARSE, "has more than 4 dimensions", err);
    for (int i = 0; st == KW_OK && i < r; i++) {
        if (s[i] && n > SIZE_MAX / 16 / s[i]) st = call_fail(f, path, KW_EPARSE, "is too large", err);
        n *= (size_t)s[i];
        shape[i] = (size_t)s[i];
    }
    if (st == KW_OK) *rank = r;
    if (space >= 0) H5Sclose(space);
    return st;
}

enum kw_status kw_h5_shape(struct kw_h5 *f, const char *path, int *rank, size_t shape[4], struct kw_error *err)
{
    hid_t set = open_set(f, path, err);
    if (set < 0) return KW_EPARSE;
    enum kw_status st = shape_of(f, path, set, rank, shape, err);
    H5Dclose(set);
    return st;
}

/* Conversion trouble ends the read: HDF5 would clamp. A double that cannot hold an int64 exactly is as near as it gets.
 */
static H5T_conv_ret_t no_clamping(H5T_conv_except_t e, hid_t from, hid_t to, void *a, void *b, void *overflow)
{
    (void)from, (void)to, (void)a, (void)b;
    if (e == H5T_CONV_EXCEPT_PRECISION) return H5T_CONV_UNHANDLED;
    *(bool *)overflow = true;
    return H5T_CONV_ABORT;
}

static enum kw_status read_numbers(struct kw_h5 *f, const char *path, hid_t set, enum kw_h5_type type, size_t n,
                                   void **data, struct kw_error *err)
{
    hid_t t = H5Dget_type(set);
    H5T_class_t class = t < 0 ? H5T_NO_CLASS : H5Tget_class(t);
    if (t >= 0) H5Tclose(t);
    if (class != H5T_INTEGER && class != H5T_FLOAT) return call_fail(f, path, KW_EPARSE, "holds no numbers", err);
    if (class == H5T_FLOAT && type != KW_H5_F64) return call_fail(f, path, KW_EPARSE, "holds no integers", err);
    hid_t mem = memory_type(type), list = H5Pcreate(H5P_DATASET_XFER);
    bool overflow = false;
    void *p = malloc(n ? n * H5Tget_size(mem) : 1);
    enum kw_status st = KW_OK;
    if (!p)
        st = call_fail(f, path, KW_ENOMEM, "out of memory", err);
    else if (list < 0 || H5Pset_type_conv_cb(list, no_clamping, &overflow) < 0 ||
             H5Dread(set, mem, H5S_ALL, H5S_ALL, list, p) < 0)
        st = overflow ? call_fail(f, path, KW_ERANGE, "holds a number that does not fit", err)
                      : h5_fail(f, path, KW_EPARSE, "cannot read", err);
    if (list >= 0) H5Pclose(list);
    if (st == KW_OK)
        *data = p;
    else
        free(p);
    return st;
}

/* The strings of one block as n pointers followed by their bytes. at(i) is &block[i*size] or vlen[i]. */
static char **pack(size_t n, const char *block, size_t size, char *const *vlen)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += (vlen ? strlen(vlen[i] ? vlen[i] : "") : strnlen(block + i * size, size)) + 1;
    char **out = malloc(n * sizeof *out + bytes + 1);
    if (!out) return NULL;
    char *to = (char *)(out + n);
    for (size_t i = 0; i < n; i++) {
        const char *s = vlen ? (vlen[i] ? vlen[i] : "") : block + i * size;
        size_t len = vlen ? strlen(s) : strnlen(s, size);
        memcpy(to, s, len);
        to[len] = 0;
        out[i] = to;
        to += len + 1;
    }
    return out;
}

static enum kw_status read_strings(struct kw_h5 *f, const char *path, hid_t set, size_t n, void **data,
                                   struct kw_error *err)
{
    hid_t t = H5Dget_type(set), mem = H5I_INVALID_HID, space = H5Dget_space(set);
    enum kw_status st = KW_OK;
    bool vlen = t >= 0 && H5Tis_variable_str(t) > 0;
    size_t size = t < 0 ? 0 : vlen ? sizeof(char *) : H5Tget_size(t);
    void *block = NULL;
    if (t < 0 || space < 0 || H5Tget_class(t) != H5T_STRING || size == 0 || n > SIZE_MAX / 2 / size)
        st = call_fail(f, path, KW_EPARSE, "holds no strings", err);
    else if ((mem = H5Tcopy(t)) < 0)
        st = h5_fail(f, path, KW_EPARSE, "cannot read", err);
    else if (!(block = calloc(n ? n : 1, size)))
        st = call_fail(f, path, KW_ENOMEM, "out of memory", err);
    else if (H5Dread(set, mem, H5S_ALL, H5S_ALL, H5P_DEFAULT, block) < 0)
        st = h5_fail(f, path, KW_EPARSE, "cannot read", err);
    else if (!(*data = pack(n, block, size, vlen ? block : NULL)))
        st = call_fail(f, path, KW_ENOMEM, "out of memory", err);
    if (block && vlen && n) H5Dvlen_reclaim(mem, space, H5P_DEFAULT, block);
    free(block);
    if (mem >= 0) H5Tclose(mem);
    if (t >= 0) H5Tclose(t);
    if (space >= 0) H5Sclose(space);
    return st;
}

enum kw_status kw_h5_read(struct kw_h5 *f, const char *path, enum kw_h5_type type, void **data, size_t *n,
                          struct kw_error *err)
{
    hid_t set = open_set(f, path, err);
    if (set < 0) return KW_EPARSE;
    int rank;
    size_t shape[4];
    enum kw_status st = shape_of(f, path, set, &rank, shape, err);
    if (st == KW_OK) {
        size_t count = elements(rank, shape);
        st = type == KW_H5_STR ? read_strings(f, path, set, count, data, err)
                               : read_numbers(f, path, set, type, count, data, err);
        if (st == KW_OK) *n = count;
    }
    H5Dclose(set);
    return st;
}

enum kw_status kw_h5_read_n(struct kw_h5 *f, const char *path, enum kw_h5_type type, size_t want, void *out,
                            struct kw_error *err)
{
    size_t n;
    void *data;
    enum kw_status st = kw_h5_read(f, path, type, &data, &n, err);
    if (st != KW_OK) return st;
    if (n != want) {
        free(data);
        return kw_fail(err, KW_EPARSE, "%.300s: %.120s: has %zu values; want %zu", f->path, path, n, want);
    }
    memcpy(out, &data, sizeof data);
    return KW_OK;
}

/* Opens an attribute that must hold one value of the class. */
static hid_t open_attr(struct kw_h5 *f, const char *object, const char *name, H5T_class_t class, hid_t *type,
                       struct kw_error *err)
{
    if (!kw_h5_exists(f, object) || H5Aexists_by_name(f->file, object, name, H5P_DEFAULT) <= 0) {
        kw_fail(err, KW_EPARSE, "%.300s: %.120s: no attribute '%.60s'", f->path, object, name);
        return H5I_INVALID_HID;
    }
    hid_t a = H5Aopen_by_name(f->file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = a < 0 ? a : H5Aget_space(a);
    *type = a < 0 ? a : H5Aget_type(a);
    bool good = space >= 0 && *type >= 0 && H5Sget_simple_extent_npoints(space) == 1 && H5Tget_class(*type) == class;
    if (!good) kw_fail(err, KW_EPARSE, "%.300s: %.120s: attribute '%.60s' is of another type", f->path, object, name);
    if (space >= 0) H5Sclose(space);
    if (good) return a;
    if (*type >= 0) H5Tclose(*type);
    if (a >= 0) H5Aclose(a);
    return H5I_INVALID_HID;
}

enum kw_status kw_h5_read_attr_str(struct kw_h5 *f, const char *object, const char *name, char **out,
                                   struct kw_error *err)
{
    hid_t t, a = open_attr(f, object, name, H5T_STRING, &t, err);
    if (a < 0) return KW_EPARSE;
    bool vlen = H5Tis_variable_str(t) > 0;
    size_t size = vlen ? 0 : H5Tget_size(t);
    char *fixed = vlen ? NULL : calloc(size + 1, 1), *s = NULL, *copy = NULL;
    enum kw_status st = KW_OK;
    if (!vlen && !fixed)
        st = call_fail(f, object, KW_ENOMEM, "out of memory", err);
    else if (H5Aread(a, t, vlen ? (void *)&s : fixed) < 0)
        st = h5_fail(f, object, KW_EPARSE, "cannot read an attribute", err);
    else if (!vlen)
        copy = fixed, fixed = NULL;
    else if ((copy = malloc(s ? strlen(s) + 1 : 1)))
        strcpy(copy, s ? s : "");
    else
        st = call_fail(f, object, KW_ENOMEM, "out of memory", err);
    if (s) H5free_memory(s);
    free(fixed);
    H5Tclose(t);
    H5Aclose(a);
    if (st == KW_OK) *out = copy;
    return st;
}

enum kw_status kw_h5_read_attr_i64(struct kw_h5 *f, const char *object, const char *name, int64_t *out,
                                   struct kw_error *err)
{
    hid_t t, a = open_attr(f, object, name, H5T_INTEGER, &t, err);
    if (a < 0) return KW_EPARSE;
    int64_t v;
    enum kw_status st = KW_OK;
    if (H5Aread(a, H5T_NATIVE_INT64, &v) < 0)
        st = h5_fail(f, object, KW_EPARSE, "cannot read an attribute", err);
    else
        *out = v;
    H5Tclose(t);
    H5Aclose(a);
    return st;
}
