#include "sim/core/nearest.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int fold(char c)
{
    return c == '-' ? '_' : tolower((unsigned char)c);
}

/* Optimal string alignment distance; both words at most 63 bytes. */
static int distance(const char *a, const char *b)
{
    int row[3][64], n = (int)strlen(b);
    int *before = row[0], *last = row[1], *now = row[2];
    for (int j = 0; j <= n; j++) last[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        now[0] = i;
        for (int j = 1; j <= n; j++) {
            int d = last[j - 1] + (fold(a[i - 1]) != fold(b[j - 1]));
            if (last[j] + 1 < d) d = last[j] + 1;
            if (now[j - 1] + 1 < d) d = now[j - 1] + 1;
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]) &&
                before[j - 2] + 1 < d)
                d = before[j - 2] + 1;
            now[j] = d;
        }
        int *t = before;
        before = last, last = now, now = t;
    }
    return last[n];
}

/* Whether w stands in name between its ends, '-' or '_'. */
static bool stands_in(const char *name, const char *w)
{
    size_t n = strlen(w);
    for (const char *at = name; strlen(at) >= n; at++) {
        size_t i = 0;
        while (i < n && fold(at[i]) == fold(w[i])) i++;
        if (i == n && (at == name || fold(at[-1]) == '_') && (!at[n] || fold(at[n]) == '_')) return true;
    }
    return false;
}

const char *kw_nearest(const char *word, const char *const words[])
{
    const char *slash = strrchr(word, '/');
    if (slash) { /* owner/name, as Hugging Face has it: the longest word that stands in the name */
        const char *longest = NULL;
        word = slash + 1;
        for (int i = 0; words[i]; i++)
            if (words[i][0] && stands_in(word, words[i]) && (!longest || strlen(words[i]) > strlen(longest)))
                longest = words[i];
        if (longest) return longest;
    }
    size_t len = strlen(word);
    if (len > 63) return NULL;
    const char *best = NULL;
    int limit = 1 + (int)len / 3;
    for (int i = 0; words[i]; i++) {
        if (strlen(words[i]) > 63) continue;
        int d = distance(word, words[i]);
        if (d <= limit) best = words[i], limit = d - 1;
    }
    return best;
}

char *kw_nearest_hint(char buf[KW_NEAREST_HINT], const char *word, const char *const words[])
{
    const char *near = kw_nearest(word, words);
    buf[0] = 0;
    if (near) snprintf(buf, KW_NEAREST_HINT, " (did you mean '%s'?)", near);
    return buf;
}
