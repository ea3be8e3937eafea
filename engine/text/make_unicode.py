#!/usr/bin/python3
"""engine/text/make_unicode.py > engine/text/unicode.c - ranges of letters and numbers from Python's unicodedata."""
import sys
import unicodedata


def ranges(category):
    out, run = [], None
    for cp in range(0x110000):
        if unicodedata.category(chr(cp))[0] == category:
            run = [cp, cp] if run is None else [run[0], cp]
        elif run:
            out.append(run)
            run = None
    return out


def table(name, category):
    rows = [f"{{ 0x{a:x}, 0x{b:x} }}," for a, b in ranges(category)]
    print(f"static const struct range {name}[] = {{")
    for i in range(0, len(rows), 5):
        print("    " + " ".join(rows[i:i + 5]))
    print("};\n")


print(f"/* Written by make_unicode.py from Unicode {unicodedata.unidata_version}: change that, not this. */")
print('#include "engine/text/unicode.h"\n')
print("struct range {\n    uint32_t first, last;\n};\n")
table("letters", "L")
table("numbers", "N")
sys.stdout.write(r"""/* The property White_Space. */
static const struct range spaces[] = { { 0x9, 0xd },       { 0x20, 0x20 },     { 0x85, 0x85 },     { 0xa0, 0xa0 },
                                       { 0x1680, 0x1680 }, { 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f },
                                       { 0x205f, 0x205f }, { 0x3000, 0x3000 } };

static int holds(const struct range *r, size_t n, uint32_t c)
{
    size_t lo = 0;
    while (lo < n) {
        size_t mid = lo + (n - lo) / 2;
        if (c < r[mid].first)
            n = mid;
        else if (c > r[mid].last)
            lo = mid + 1;
        else
            return 1;
    }
    return 0;
}

enum kw_unicode_class kw_unicode_class(uint32_t c)
{
    if (holds(letters, sizeof letters / sizeof *letters, c)) return KW_UNICODE_LETTER;
    if (holds(spaces, sizeof spaces / sizeof *spaces, c)) return KW_UNICODE_SPACE;
    if (holds(numbers, sizeof numbers / sizeof *numbers, c)) return KW_UNICODE_NUMBER;
    return KW_UNICODE_OTHER;
}

uint32_t kw_unicode_read(const char *s, size_t len, size_t *n)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t k = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;
    static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = k ? u[0] & lead[k] : 0;
    for (size_t i = 1; k && i < k; i++) {
        if (i >= len || (u[i] & 0xc0) != 0x80)
            k = 0;
        else
            c = c << 6 | (u[i] & 0x3f);
    }
    /* overlong forms, surrogates and what lies beyond Unicode */
    if ((k == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) || (k == 4 && (c < 0x10000 || c > 0x10ffff))) k = 0;
    *n = k ? k : 1;
    return k ? c : UINT32_MAX;
}
""")
