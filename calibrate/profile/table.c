#include "calibrate/profile/table.h"
#include <assert.h>
#include "sim/core/files/embedded.h"

static enum kw_status read_rows(struct kw_table *t, struct kw_jnode list, struct kw_error *err)
{
    int count = kw_json_len(list);
    enum kw_status st = KW_OK;
    assert(count > 0 && (size_t)count <= t->cap);
    for (int i = 0; st == KW_OK && i < count; i++)
        st = t->read(kw_json_at(list, i), (char *)t->rows + (size_t)i * t->size, err);
    if (st == KW_OK) t->n = (size_t)count;
    return st;
}

size_t kw_table_load(struct kw_table *t)
{
    pthread_mutex_lock(&t->lock);
    if (!t->n) {
        size_t len;
        struct kw_json doc;
        struct kw_error err;
        const char *text = kw_embedded_find(t->path, &len);
        enum kw_status st = text ? kw_json_parse(&doc, t->path, text, len, &err) : KW_EFAIL;
        if (st == KW_OK) {
            st = read_rows(t, kw_json_get(kw_json_root(&doc), t->key), &err);
            kw_json_free(&doc);
        }
        assert(st == KW_OK || st == KW_ENOMEM);
    }
    size_t n = t->n;
    pthread_mutex_unlock(&t->lock);
    return n;
}
