#include "sim/io/results/writer.h"
#include <stdlib.h>
#include <time.h>
#include "sim/io/results/version.h"

enum kw_status kw_writer_open(struct kw_writer *w, const char *path, struct kw_error *err)
{
    *w = (struct kw_writer){ .err = err };
    return w->st = kw_h5_create(&w->f, path, err);
}

enum kw_status kw_writer_close(struct kw_writer *w)
{
    if (w->st == KW_OK) return kw_h5_commit(w->f, w->err);
    kw_h5_abandon(w->f);
    return w->st;
}

void kw_writer_group(struct kw_writer *w, const char *path, const char *description)
{
    if (w->st == KW_OK) w->st = kw_h5_group(w->f, path, description, w->err);
}

void kw_writer_attr(struct kw_writer *w, const char *name, const char *value)
{
    if (w->st == KW_OK) w->st = kw_h5_attr_str(w->f, "/", name, value ? value : "", w->err);
}

void kw_writer_attr_i64(struct kw_writer *w, const char *name, int64_t v)
{
    if (w->st == KW_OK) w->st = kw_h5_attr_i64(w->f, "/", name, v, w->err);
}

void kw_writer_put(struct kw_writer *w, struct kw_h5_dataset d, const void *data)
{
    if (w->st == KW_OK) w->st = kw_h5_write(w->f, &d, data, w->err);
}

void kw_writer_no_memory(struct kw_writer *w)
{
    if (w->st == KW_OK) w->st = kw_fail(w->err, KW_ENOMEM, "out of memory");
}

void kw_writer_index(struct kw_writer *w, const char *path, const char *name, size_t n, const char *description)
{
    uint32_t *v = malloc((n ? n : 1) * sizeof *v);
    if (!v) {
        kw_writer_no_memory(w);
        return;
    }
    for (size_t i = 0; i < n; i++) v[i] = (uint32_t)i;
    kw_writer_put(w, (struct kw_h5_dataset){ path, KW_H5_U32, "", description, 1, { n }, { NULL }, name, 0 }, v);
    free(v);
}

void kw_writer_about(struct kw_writer *w, const char *title, int64_t schema_version, const char *command)
{
    kw_writer_attr(w, "title", title);
    kw_writer_attr_i64(w, "schema_version", schema_version);
    kw_writer_attr(w, "keepwarm_version", kw_version);
    kw_writer_attr(w, "git_revision", kw_git_revision);
    kw_writer_attr(w, "build_flags", kw_build_flags);
    kw_writer_attr(w, "command", command);
}

void kw_writer_created(struct kw_writer *w, int64_t created_utc)
{
    char text[32] = "";
    time_t at = (time_t)created_utc;
    struct tm tm;
    if (created_utc && gmtime_r(&at, &tm)) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    kw_writer_attr(w, "created_utc", text);
}
