#include "sim/io/scenario/edit.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One step of a path: a key, bare or in quotes, or the inside of brackets. *p moves past it. */
static bool next_step(const char **p, char *step, size_t size, bool *bracket)
{
    const char *s = *p;
    bool quoted = false;
    *bracket = *s == '[';
    size_t n;
    if (*bracket) {
        s++;
        n = strcspn(s, "]");
        if (s[n] != ']') return false;
    } else {
        if (*s == '.') s++;
        quoted = *s == '"';
        s += quoted;
        n = strcspn(s, quoted ? "\"" : ".[");
        if (quoted && s[n] != '"') return false;
    }
    if (n == 0 || n >= size) return false;
    memcpy(step, s, n);
    step[n] = 0;
    *p = s + n + (*bracket || quoted);
    return true;
}

static bool is_index(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n > 0 && n < 9 && !s[n];
}

static struct kw_jnode element(struct kw_jnode arr, const char *step)
{
    if (is_index(step)) return kw_json_at(arr, atoi(step));
    for (int i = 0; i < kw_json_len(arr); i++) {
        struct kw_jnode e = kw_json_at(arr, i);
        const char *name;
        if (!kw_json_str(kw_json_get(e, "name"), &name, NULL) && !strcmp(name, step)) return e;
    }
    return kw_json_at(arr, kw_json_len(arr)); /* absent */
}

/* Walks path as far as values exist. *last is the deepest that does, *rest what of the path is left ("" when all). */
static enum kw_status walk(const struct kw_json *doc, const char *path, struct kw_jnode *last, const char **rest,
                           struct kw_error *err)
{
    struct kw_jnode at = kw_json_root(doc);
    const char *p = path;
    *rest = p;
    *last = at;
    while (*p) {
        char step[128];
        bool bracket;
        if (!next_step(&p, step, sizeof step, &bracket))
            return kw_fail(err, KW_EUSAGE, "'%.120s' is no path: want keys joined by dots and [index] or [name]", path);
        if (bracket ? !kw_json_is_array(at) : !kw_json_is_object(at))
            return kw_fail(err, KW_EUSAGE, "%.200s: '%.120s' leads through %s, which is no %s", doc->name, path,
                           at.path[0] ? at.path : "the document", bracket ? "array" : "object");
        struct kw_jnode next = bracket ? element(at, step) : kw_json_get(at, step);
        if (!next.item) return KW_OK;
        at = next;
        *last = at;
        *rest = p;
    }
    return KW_OK;
}

enum kw_status kw_edit_find(const struct kw_json *doc, const char *path, struct kw_jnode *out, struct kw_error *err)
{
    const char *rest;
    enum kw_status st = walk(doc, path, out, &rest, err);
    if (st == KW_OK && *rest) {
        size_t n = strlen(out->path);
        bool dot = n && *rest != '.' && *rest != '[';
        if (!n && *rest == '.') rest++;
        out->item = NULL;
        snprintf(out->path + n, sizeof out->path - n, "%s%s", dot ? "." : "", rest);
    }
    return st;
}

/* doc with text[begin, end) replaced by `with`, parsed anew; doc is swapped only when that went well. */
/* Text in, text out, O(document): order and spelling of everything else stay as the user wrote them, which a
 * tree printed again would not keep, and line numbers in messages stay right. */
static enum kw_status splice(struct kw_json *doc, size_t begin, size_t end, const char *with, struct kw_error *err)
{
    size_t n = strlen(with), len = doc->len - (end - begin) + n;
    char *text = malloc(len + 1);
    if (!text) return kw_fail(err, KW_ENOMEM, "out of memory");
    memcpy(text, doc->text, begin);
    memcpy(text + begin, with, n);
    memcpy(text + begin + n, doc->text + end, doc->len - end);
    struct kw_json edited;
    enum kw_status st = kw_json_parse(&edited, doc->name, text, len, err);
    free(text);
    if (st != KW_OK) return st;
    kw_json_free(doc);
    *doc = edited;
    return KW_OK;
}

/* "key" as JSON text, quotes escaped by cJSON. */
static char *quoted(const char *s)
{
    cJSON *item = cJSON_CreateString(s);
    char *text = item ? cJSON_PrintUnformatted(item) : NULL;
    cJSON_Delete(item);
    return text;
}

/* [step] is not in the document: the name that `at`, a list, has for something like it, or the key of `at`, an object,
 * for something like `key`, which is to hold it. */
static enum kw_status no_element(const struct kw_json *doc, struct kw_jnode at, const char *step, const char *key,
                                 struct kw_error *err)
{
    const char *names[64];
    char hint[KW_NEAREST_HINT];
    int n = 0, len = kw_json_len(at);
    for (int i = 0; i < len && n < 63; i++) {
        if (key)
            kw_json_member(at, i, &names[n++]);
        else if (kw_json_str(kw_json_get(kw_json_at(at, i), "name"), &names[n], NULL) == KW_OK)
            n++;
    }
    names[n] = NULL;
    if (key)
        return kw_fail(err, KW_EUSAGE, "%.200s: there is no element [%.60s]: %s has no '%.60s'%s", doc->name, step,
                       at.path[0] ? at.path : "the document", key, kw_nearest_hint(hint, key, names));
    return kw_fail(err, KW_EUSAGE, "%.200s: there is no element [%.60s] in %s, which has %d%s", doc->name, step,
                   at.path, len, kw_nearest_hint(hint, step, names));
}

enum kw_status kw_edit_put(struct kw_json *doc, const char *path, const char *json, struct kw_error *err)
{
    struct kw_jnode at;
    const char *rest;
    enum kw_status st = walk(doc, path, &at, &rest, err);
    if (st != KW_OK) return st;
    size_t begin = 0, end = 0;
    if (!kw_json_span(&at, &begin, &end)) return kw_fail(err, KW_EUSAGE, "%.200s: the document is empty", doc->name);
    if (!*rest) return splice(doc, begin, end, json, err);

    /* Build the missing part from the inside out: a.b = v under {} becomes "a":{"b":v}. */
    char *value = malloc(strlen(json) + 1);
    if (!value) return kw_fail(err, KW_ENOMEM, "out of memory");
    strcpy(value, json);
    char steps[16][128];
    bool brackets[16];
    int n = 0;
    for (const char *p = rest; *p && st == KW_OK; n++)
        if (n == 16 || !next_step(&p, steps[n], sizeof steps[n], &brackets[n]))
            st = kw_fail(err, KW_EUSAGE, "'%.120s' is no path: want keys joined by dots and [index] or [name]", path);
    for (int i = n - 1; i >= 0 && st == KW_OK; i--) {
        if (brackets[i] && (i > 0 || !is_index(steps[i]) || atoi(steps[i]) != kw_json_len(at))) {
            st = no_element(doc, at, steps[i], i > 0 ? steps[0] : NULL, err);
            break;
        }
        char *key = brackets[i] ? NULL : quoted(steps[i]);
        size_t size = strlen(value) + (key ? strlen(key) : 0) + 8;
        char *more = malloc(size);
        if (!more || (!brackets[i] && !key))
            st = kw_fail(err, KW_ENOMEM, "out of memory");
        else if (i == 0) /* goes in before the closing bracket of `at` */
            snprintf(more, size, "%s%s%s%s", kw_json_len(at) ? "," : "", key ? key : "", key ? ":" : "", value);
        else
            snprintf(more, size, "{%s:%s}", key, value);
        free(key);
        free(value);
        value = more;
    }
    if (st == KW_OK) st = splice(doc, end - 1, end - 1, value, err);
    free(value);
    return st;
}

enum kw_status kw_edit_put_string(struct kw_json *doc, const char *path, const char *value, struct kw_error *err)
{
    char *text = quoted(value);
    if (!text) return kw_fail(err, KW_ENOMEM, "out of memory");
    enum kw_status st = kw_edit_put(doc, path, text, err);
    free(text);
    return st;
}

enum kw_status kw_edit_append_string(struct kw_json *doc, const char *path, const char *value, struct kw_error *err)
{
    struct kw_jnode list;
    char last[160];
    enum kw_status st = kw_edit_find(doc, path, &list, err);
    if (st == KW_OK && !kw_json_present(list)) st = kw_edit_put(doc, path, "[]", err);
    snprintf(last, sizeof last, "%s[%d]", path, kw_json_len(list));
    return st == KW_OK ? kw_edit_put_string(doc, last, value, err) : st;
}

enum kw_status kw_edit_put_member(struct kw_json *doc, const char *path, const char *member, struct kw_error *err)
{
    char at[320];
    int n = (int)strcspn(member, "=");
    if (!n || n > 120 || memchr(member, '"', (size_t)n))
        return kw_fail(err, KW_EUSAGE, "'%.120s' is no NAME or NAME=VALUE", member);
    snprintf(at, sizeof at, "%s.\"%.*s\"", path, n, member);
    return member[n] ? kw_edit_put_string(doc, at, member + n + 1, err) : kw_edit_put(doc, at, "{}", err);
}

/* What is no JSON value is a string: --set model=llama-3.1-8b needs no quotes. Numbers with a point are strings too,
 * since times, money and ratios are decimal strings in a scenario. */
enum kw_status kw_edit_set(struct kw_json *doc, const char *assignment, struct kw_error *err)
{
    const char *eq = strchr(assignment, '=');
    char path[160];
    if (!eq || eq == assignment || (size_t)(eq - assignment) >= sizeof path)
        return kw_fail(err, KW_EUSAGE, "--set wants path=value, such as slo.ttft_p95_s=2; got '%.120s'", assignment);
    memcpy(path, assignment, (size_t)(eq - assignment));
    path[eq - assignment] = 0;

    const char *value = eq + 1;
    struct kw_json probe;
    bool json = !kw_json_parse(&probe, "--set", value, strlen(value), NULL);
    if (json) {
        bool number = kw_json_is_number(kw_json_root(&probe));
        if ((number && value[strspn(value, "-0123456789")]) || strchr(value, '\n')) json = false;
        kw_json_free(&probe);
    }
    enum kw_status st = json ? kw_edit_put(doc, path, value, err) : kw_edit_put_string(doc, path, value, err);
    if (st != KW_OK && st != KW_ENOMEM) kw_where(err, "--set", 0);
    return st;
}
