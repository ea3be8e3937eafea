#include "sim/io/html.h"
#include <string.h>

void kw_html_text(struct kw_text *t, const char *s)
{
    for (; *s; s++) {
        bool c1 = (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0;
        bool control = c1 || ((unsigned char)*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f;
        s += c1;
        const char *e = control      ? "&#xfffd;"
                        : *s == '<'  ? "&lt;"
                        : *s == '>'  ? "&gt;"
                        : *s == '&'  ? "&amp;"
                        : *s == '"'  ? "&quot;"
                        : *s == '\'' ? "&#39;"
                                     : NULL;
        if (e)
            kw_text_add(t, "%s", e);
        else
            kw_text_add(t, "%c", *s);
    }
}

void kw_html_box_begin(struct kw_text *t, const char *name)
{
    kw_text_add(t, "<div class='w' tabindex='0' role='region' aria-label='");
    kw_html_text(t, name);
    kw_text_add(t, "'>");
}

void kw_html_box_end(struct kw_text *t)
{
    kw_text_add(t, "</div>\n");
}

static bool heads(const struct kw_block *b)
{
    return b->kind == KW_BLOCK_LEFT || b->kind == KW_BLOCK_RIGHT;
}

/* The columns at `from` and their cells; returns the block behind them. */
static size_t table(struct kw_text *t, const struct kw_document *d, size_t from, size_t to, const char *name)
{
    size_t n = 0, i;
    kw_html_box_begin(t, name);
    kw_text_add(t, "<table><thead><tr>");
    for (i = from; i < to && heads(&d->block[i]); i++, n++) {
        kw_text_add(t, "<th scope='col'%s>", d->block[i].kind == KW_BLOCK_LEFT ? " class='a'" : "");
        kw_html_text(t, d->block[i].text);
        if (d->block[i].label[0]) kw_text_add(t, " <small>");
        kw_html_text(t, d->block[i].label);
        kw_text_add(t, d->block[i].label[0] ? "</small></th>" : "</th>");
    }
    kw_text_add(t, "</tr></thead><tbody>");
    for (size_t k = 0; i < to && d->block[i].kind == KW_BLOCK_CELL; i++, k++) {
        if (k % n == 0) kw_text_add(t, k ? "</tr>\n<tr>" : "\n<tr>");
        kw_text_add(t, "<td%s>", d->block[from + k % n].kind == KW_BLOCK_LEFT ? " class='a'" : "");
        kw_html_text(t, d->block[i].text);
        kw_text_add(t, "</td>");
        if (i + 1 == to || d->block[i + 1].kind != KW_BLOCK_CELL) kw_text_add(t, "</tr>");
    }
    kw_text_add(t, "</tbody></table>");
    kw_html_box_end(t);
    return i;
}

static size_t facts(struct kw_text *t, const struct kw_document *d, size_t i, size_t to)
{
    kw_text_add(t, "<dl>");
    for (bool first = true; i < to && d->block[i].kind == KW_BLOCK_FACT; i++, first = false) {
        if (d->block[i].label[0] || first) {
            kw_text_add(t, "<dt>");
            kw_html_text(t, d->block[i].label);
            kw_text_add(t, "</dt>");
        }
        kw_text_add(t, "<dd>");
        kw_html_text(t, d->block[i].text);
        kw_text_add(t, "</dd>\n");
    }
    kw_text_add(t, "</dl>\n");
    return i;
}

void kw_html_document(struct kw_text *t, const struct kw_document *d, size_t from, size_t to)
{
    const char *title = "table";
    bool open = false;
    for (size_t i = from; i < to;) {
        const struct kw_block *b = &d->block[i];
        if (b->kind == KW_BLOCK_FACT) {
            i = facts(t, d, i, to);
        } else if (heads(b)) {
            i = table(t, d, i, to, title);
        } else if (b->kind == KW_BLOCK_SECTION) {
            kw_text_add(t, "%s<section id='s%zu'%s><h2>", open ? "</section>\n" : "", i, i ? "" : " class='box'");
            kw_html_text(t, b->text);
            kw_text_add(t, "</h2>\n");
            title = b->text;
            open = true;
            i++;
        } else { /* a note; a cell without columns would be damage, and is text as well */
            kw_text_add(t, "<p>");
            kw_html_text(t, b->text);
            kw_text_add(t, "</p>\n");
            i++;
        }
    }
    if (open) kw_text_add(t, "</section>\n");
}

void kw_html_links(struct kw_text *t, const struct kw_document *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->block[i].kind != KW_BLOCK_SECTION) continue;
        kw_text_add(t, "<a href='#s%zu'>", i);
        size_t n = strcspn(d->block[i].text, ":(");
        struct kw_text title = { 0 };
        kw_text_add(&title, "%.*s", (int)n, d->block[i].text);
        kw_text_trim(&title);
        kw_html_text(t, title.s ? title.s : "");
        t->failed |= title.failed;
        kw_text_free(&title);
        kw_text_add(t, "</a>\n");
    }
}
