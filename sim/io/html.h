/* sim/io/html.h - text and documents (sim/core/document.h) as HTML. */
#ifndef KW_SIM_IO_HTML_H
#define KW_SIM_IO_HTML_H
#include "sim/core/document.h"

/* s with what HTML would take for markup escaped; control characters, which are no HTML at all, as U+FFFD. */
void kw_html_text(struct kw_text *t, const char *s);
/* Blocks [from, to) of d: <section id='sK'> for the section that is block K, in a box where the document begins with it;
 * facts as <dl>, notes as <p>, tables in boxes of their own that scroll. */
void kw_html_document(struct kw_text *t, const struct kw_document *d, size_t from, size_t to);
/* A box that scrolls, by the keyboard too, where what is in it is wider than the screen. */
void kw_html_box_begin(struct kw_text *t, const char *name);
void kw_html_box_end(struct kw_text *t);
/* A link to each section of d. */
void kw_html_links(struct kw_text *t, const struct kw_document *d);

#endif
