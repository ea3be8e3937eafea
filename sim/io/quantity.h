/* sim/io/quantity.h - how each quantity is written: its digits, in the terminal's tables and in the page. The unit
 * stands in the head of a column, so that columns align; a number carries none but where it says so. All return buf. */
#ifndef KW_SIM_IO_QUANTITY_H
#define KW_SIM_IO_QUANTITY_H

/* Tables: "12,345" or "345.67", thousands apart; three digits of a time in any unit, "-" for none; a share in percent,
 * "<0.05" for what would round to nothing and is not. */
const char *kw_quantity_usd(double usd, char buf[32]);
const char *kw_quantity_number(double v, char buf[32]);
const char *kw_quantity_percent(double share, char buf[32]);

/* Tables of the terminal: a line's part of the whole in percent, 0 of nothing; dollars beside another number in one cell,
 * whole and without thousands; a stretch of time with its unit, "90.0 min", "26.5 h", "7.00 days". */
const char *kw_quantity_part(double part, double whole, char buf[32]);
const char *kw_quantity_dollars(double usd, char buf[32]);
const char *kw_quantity_stretch(double seconds, char buf[32]);

/* The page, whose numbers are copied into spreadsheets: dollars to the cent without thousands; shares in percent. */
const char *kw_quantity_cents(double usd, char buf[32]);
const char *kw_quantity_share(double share, char buf[32]);

/* Within a sentence or a cell: three significant digits. */
const char *kw_quantity_brief(double v, char buf[32]);

#endif
