/* sim/io/colours.h - the page's colours: those of Okabe and Ito (2008), which stay apart for the colour-blind, and
 * shades of them where a bill has more lines than they have colours. On a white ground and on a dark one they are told
 * apart from it by 3 to 1 at least, and text by 4.5 to 1 (WCAG 2.2, 1.4.3 and 1.4.11; tests/sim/cli/test_report.sh). */
#ifndef KW_SIM_IO_COLOURS_H
#define KW_SIM_IO_COLOURS_H

/* The page's variables in each scheme, as declarations: page, text, soft, line, grid, box, link; api, serverless, dedicated;
 * busy, ready, starting (states of a replica). */
extern const char kw_colours_light[], kw_colours_dark[];

/* "var(--api)": of "api", "serverless", "dedicated"; mixed ones by their first. */
const char *kw_colour_kind(const char *kind);
/* A line of the bill by its name, alike in both schemes and drawn with an edge; grey for one not known. "active", "idle" and
 * "load" pay for the states of a replica in colours near theirs. */
const char *kw_colour_item(const char *item);

#endif
