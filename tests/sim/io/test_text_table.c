#include "sim/io/text_table.h"
#include "tests/check.h"

static void aligns_with_units(void)
{
    struct kw_text_table t = { 0 };
    struct kw_text out = { 0 };
    kw_text_table_column(&t, "platform", "", false);
    kw_text_table_column(&t, "cost", "$/month", true);
    kw_text_table_column(&t, "why", "", false);
    kw_text_table_cell(&t, "modal");
    kw_text_table_cell(&t, "%.2f", 12.5);
    kw_text_table_cell(&t, "ok");
    kw_text_table_cell(&t, "é");
    kw_text_table_cell(&t, "3");
    kw_text_table_cell(&t, "too slow");
    kw_text_table_print(&t, &out);
    CHECK_STR(out.s, "  platform     cost  why\n"
                     "            $/month\n"
                     "  ────────  ───────  ────────\n"
                     "  modal       12.50  ok\n"
                     "  é               3  too slow\n");
    kw_text_free(&out);
    kw_text_table_free(&t);
}

static void wide_rows_keep_within_the_columns(int columns)
{
    struct kw_text_table t = { 0 };
    struct kw_text out = { .columns = columns };
    kw_text_table_column(&t, "#", "", true);
    kw_text_table_column(&t, "configuration", "", false);
    kw_text_table_column(&t, "cost", "$", true);
    kw_text_table_column(&t, "verdict", "", false);
    const char *verdict[] = { "meets",
                              "misses the first of its objectives by quite a lot, and all of the others by less", "" };
    for (int i = 0; i < 3; i++) {
        kw_text_table_cell(&t, "%d", i);
        kw_text_table_cell(
            &t, i == 1 ? "short" : "a name of words that is wider by a good deal than its column: %d of %d", i, 3);
        kw_text_table_cell(&t, "%d", 1234);
        kw_text_table_cell(&t, "%s", verdict[i]);
    }
    kw_text_table_print(&t, &out);
    CHECK(strstr(out.s, "its column: 0 of 3\n") && strstr(out.s, "its column: 2 of 3\n") && !strstr(out.s, "…"));
    CHECK(strstr(out.s, "  1  short") && !strstr(out.s, " \n"));
    char *line = strtok(out.s, "\n");
    int words = 0;
    for (; line; line = strtok(NULL, "\n")) {
        CHECK(kw_text_width(line) <= (columns ? columns : KW_TEXT_COLUMNS));
        words += strstr(line, "misses") && strstr(line, "1234");
        words += strstr(line, "by less") && !strstr(line, "1234");
    }
    CHECK(words == 2); /* the verdict goes on in the lines after its row */
    kw_text_free(&out);
    kw_text_table_free(&t);
}

static void nothing_is_cut(void)
{
    wide_rows_keep_within_the_columns(0);
    wide_rows_keep_within_the_columns(80);
}

/* The column of names narrows to its head, and what is left goes to the cells that fold. */
static void names_that_none_fits_stand_above(void)
{
    struct kw_text_table t = { 0 };
    struct kw_text out = { .columns = 30 };
    kw_text_table_column(&t, "name", "", false);
    kw_text_table_column(&t, "n", "", true);
    kw_text_table_column(&t, "why", "", false);
    for (int i = 0; i < 2; i++) {
        kw_text_table_cell(&t, "modal H100 bf16 idle=é%ds", i);
        kw_text_table_cell(&t, "%d", i);
        kw_text_table_cell(&t, i ? "too slow" : "waitingforeverandeverandever");
    }
    kw_text_table_print(&t, &out);
    CHECK_STR(out.s, "  name  n  why\n"
                     "  ────  ─  ───────────────────\n"
                     "  modal H100 bf16 idle=é0s\n"
                     "        0  waitingforeverandev\n"
                     "           erandever\n"
                     "  modal H100 bf16 idle=é1s\n"
                     "        1  too slow\n");
    kw_text_free(&out);
    kw_text_table_free(&t);
}

/* A last column says something of its row: it is folded, and no name. */
static void the_last_column_folds(void)
{
    struct kw_text_table t = { 0 };
    struct kw_text out = { .columns = 24 };
    kw_text_table_column(&t, "n", "", true);
    kw_text_table_column(&t, "verdict", "", false);
    kw_text_table_cell(&t, "1");
    kw_text_table_cell(&t, "misses all of its objectives");
    kw_text_table_cell(&t, "2");
    kw_text_table_cell(&t, "meets");
    kw_text_table_print(&t, &out);
    CHECK_STR(out.s, "  n  verdict\n"
                     "  ─  ───────────────────\n"
                     "  1  misses all of its\n"
                     "     objectives\n"
                     "  2  meets\n");
    kw_text_free(&out);
    kw_text_table_free(&t);
}

int main(void)
{
    RUN(the_last_column_folds);
    RUN(aligns_with_units);
    RUN(nothing_is_cut);
    RUN(names_that_none_fits_stand_above);
    return check_report();
}
