/* sim/io/colours.h - the page's colours: those of Okabe and Ito (2008), which stay apart for the colour-blind, and
 * shades of them where a bill has more lines than they have colours. */
#ifndef KW_SIM_IO_COLOURS_H
#define KW_SIM_IO_COLOURS_H

/* States of a replica; a bill's lines "active", "idle" and "load" pay for them in the same colours but for idle. */
#define KW_COLOUR_BUSY "#0072B2"
#define KW_COLOUR_READY_IDLE "#E69F00"
#define KW_COLOUR_STARTING "#D55E00"
#define KW_COLOUR_ACCENT KW_COLOUR_BUSY /* the recommendation's edge */

const char *kw_colour_kind(const char *kind); /* "api", "serverless", "dedicated"; mixed ones by their first */
const char *kw_colour_item(const char *item); /* a line of the bill by its name; grey for one not known */

#endif
