#include "sim/io/scenario/search_path.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void kw_search_path_init(struct kw_search_path *p, const char *document, const char *recorded)
{
    const char *slash = document ? strrchr(document, '/') : NULL;
    int n = 0;
    *p = (struct kw_search_path){ .folder = { "" } };
    if (recorded && *recorded && strlen(recorded) < KW_SEARCH_PATH_SIZE)
        snprintf(p->folder[n++], KW_SEARCH_PATH_SIZE, "%s", recorded);
    if (slash && slash - document < KW_SEARCH_PATH_SIZE - 1)
        snprintf(p->folder[n], KW_SEARCH_PATH_SIZE, "%.*s", slash == document ? 1 : (int)(slash - document), document);
}

static bool is_relative(const char *path)
{
    return path[0] && path[0] != '/' && strcmp(path, "-");
}

static bool join(const struct kw_search_path *p, int i, const char *path, char buf[KW_SEARCH_PATH_SIZE])
{
    const char *folder = p->folder[i];
    if (!folder[0] || (i > 0 && !strcmp(folder, p->folder[0]))) return false;
    int n = snprintf(buf, KW_SEARCH_PATH_SIZE, "%s%s%s", folder, strcmp(folder, "/") ? "/" : "", path);
    return n < KW_SEARCH_PATH_SIZE;
}

const char *kw_search_path_find(const struct kw_search_path *p, const char *path, char buf[KW_SEARCH_PATH_SIZE],
                                bool *beside)
{
    if (beside) *beside = false;
    for (int i = 0; i < KW_SEARCH_FOLDERS && is_relative(path); i++)
        if (join(p, i, path, buf) && !access(buf, F_OK)) {
            if (beside) *beside = i == 0;
            return buf;
        }
    return path;
}

enum kw_status kw_search_path_nor(const struct kw_search_path *p, const char *path, enum kw_status st,
                                  struct kw_error *err)
{
    char at[KW_SEARCH_PATH_SIZE];
    for (int i = 0; i < KW_SEARCH_FOLDERS && is_relative(path) && access(path, F_OK); i++)
        if (join(p, i, path, at)) {
            struct kw_error before = *err;
            kw_fail(err, st, "%.400s (nor is there %.300s)", before.msg, at);
        }
    return st;
}
