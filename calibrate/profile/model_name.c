#include "calibrate/profile/model_name.h"
#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The next word of a name without its organisation; NULL: no more. */
static const char *next_word(const char **rest, size_t *n)
{
    const char *word = *rest + strspn(*rest, "-_");
    *n = strcspn(word, "-_");
    *rest = word + *n;
    return *n ? word : NULL;
}

static bool tells_no_shape(const char *word, size_t n)
{
    static const char *const words[] = { "instruct", "chat", "it", "base", "hf", "meta" };
    size_t digits = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (n == strlen(words[i]) && !strncasecmp(word, words[i], n)) return true;
    while (digits < n && isdigit((unsigned char)word[digits])) digits++;
    return n == 4 && digits == n; /* a month and a day, or a year and a month */
}

static const char *next_that_tells(const char **rest, size_t *n)
{
    const char *word = next_word(rest, n);
    while (word && tells_no_shape(word, *n)) word = next_word(rest, n);
    return word;
}

bool kw_model_names_agree(const char *a, const char *b)
{
    const char *slash_a = strchr(a, '/'), *slash_b = strchr(b, '/'), *x, *y;
    size_t n, m;
    if (slash_a && slash_b && (slash_a - a != slash_b - b || strncasecmp(a, b, (size_t)(slash_a - a)))) return false;
    if (slash_a) a = slash_a + 1;
    if (slash_b) b = slash_b + 1;
    do {
        x = next_that_tells(&a, &n);
        y = next_that_tells(&b, &m);
        if (!x || !y) return !x && !y;
    } while (n == m && !strncasecmp(x, y, n));
    return false;
}
