/* tests/fuzz/elements.h - a mutation beside libFuzzer's own for parsers of JSON: an element of a list or an object,
 * from one comma or bracket to the next, is doubled, removed, or replaced by another. Limits on lengths are met and
 * passed so, keys repeated, values given to keys that want others; a random byte seldom does that. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Where some element begins and ends; false: there is none. */
static bool pick_element(const uint8_t *data, size_t size, unsigned pick, size_t *from, size_t *to)
{
    size_t n = 0, depth = 0;
    for (size_t i = 0; i < size; i++) n += data[i] == '[' || data[i] == ',' || data[i] == '{';
    if (!n) return false;
    size_t skip = pick % n, at = 0;
    while (!(data[at] == '[' || data[at] == ',' || data[at] == '{') || skip-- > 0) at++;
    *from = ++at;
    for (bool quoted = false; at < size; at++) {
        uint8_t c = data[at];
        if (quoted && c == '\\' && at + 1 < size)
            at++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{'))
            depth++;
        else if (!quoted && (c == ']' || c == '}') && depth-- == 0)
            break;
        else if (!quoted && c == ',' && depth == 0)
            break;
    }
    *to = at;
    return true;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t from, to, other, end;
    if (seed % 4 || !pick_element(data, size, seed / 16, &from, &to)) return LLVMFuzzerMutate(data, size, max_size);
    size_t len = to - from;
    if (seed / 4 % 4 == 0) { /* removed, with the comma that follows */
        to += to < size && data[to] == ',';
        memmove(data + from, data + to, size - to);
        return size - (to - from);
    }
    if (seed / 4 % 4 == 1 &&
        pick_element(data, size, seed / 16 * 2654435761u >> 8, &other, &end)) { /* in another's place */
        uint8_t *copy = malloc(len + 1);
        if (!copy || size - (end - other) + len > max_size) {
            free(copy);
            return size;
        }
        memcpy(copy, data + from, len);
        memmove(data + other + len, data + end, size - end);
        memcpy(data + other, copy, len);
        free(copy);
        return size - (end - other) + len;
    }
    if (size + len + 1 > max_size) return size;
    memmove(data + to + 1, data + from, size - from); /* doubled */
    data[to] = ',';
    return size + len + 1;
}
