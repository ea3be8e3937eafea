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

static void wide_rows_are_cut_to_100_columns(void)
{
    struct kw_text_table t = { 0 };
    struct kw_text out = { 0 };
    kw_text_table_column(&t, "a", "", false);
    kw_text_table_column(&t, "n", "", true);
    kw_text_table_column(&t, "b", "", false);
    for (int i = 0; i < 3; i++) {
        kw_text_table_cell(&t, "%080d", i);
        kw_text_table_cell(&t, "%d", i);
        kw_text_table_cell(&t, "%060d", i);
    }
    kw_text_table_print(&t, &out);
    char *line = strtok(out.s, "\n");
    int lines = 0;
    for (; line; line = strtok(NULL, "\n"), lines++) CHECK(kw_text_width(line) <= KW_TEXT_TABLE_WIDTH);
    CHECK(lines == 5);
    kw_text_free(&out);
    kw_text_table_free(&t);
}

int main(void)
{
    RUN(aligns_with_units);
    RUN(wide_rows_are_cut_to_100_columns);
    return check_report();
}
