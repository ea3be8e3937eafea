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

/* Prints a table of these names beside a column that is too wide; row i of it into rows[i]. */
static void print_names(const char *const names[], int n, char rows[][400])
{
    struct kw_text_table t = { 0 };
    struct kw_text out = { 0 };
    kw_text_table_column(&t, "#", "", true);
    kw_text_table_column(&t, "name", "", false);
    kw_text_table_column(&t, "cost", "", true);
    for (int i = 0; i < n; i++) {
        kw_text_table_cell(&t, "1");
        kw_text_table_cell(&t, "%s", names[i]);
        kw_text_table_cell(&t, "%070d", 1);
    }
    kw_text_table_print(&t, &out);
    char *line = strtok(out.s, "\n");
    for (int i = -2; line; line = strtok(NULL, "\n"), i++)
        if (i >= 0 && i < n) snprintf(rows[i], sizeof rows[i], "%s", line);
    kw_text_free(&out);
    kw_text_table_free(&t);
}

static void names_that_differ_read_different(void)
{
    static const char *const at_the_end[] = { "modal H100 bf16 tp1 keep_warm=1 idle=é60s",
                                              "modal H100 bf16 tp1 keep_warm=1 idle=é900s",
                                              "modal H100 bf16 tp1 keep_warm=2 idle=é900s" };
    static const char *const in_the_middle[] = { "modal H100 bf16 tp1 keep_warm=1 idle=60s max 4 of them",
                                                 "modal H100 bf16 tp1 keep_warm=2 idle=60s max 4 of them" };
    static const char *const at_the_begin[] = { "a modal H100 bf16 tp1 keep_warm=1",
                                                "b modal H100 bf16 tp1 keep_warm=1" };
    char rows[3][400];
    print_names(at_the_end, 3, rows);
    CHECK(strcmp(rows[0], rows[1]) && strcmp(rows[1], rows[2]) && strcmp(rows[0], rows[2]));
    CHECK(strstr(rows[0], "  …") && strstr(rows[0], "idle=é60s  0") && kw_text_width(rows[0]) <= KW_TEXT_TABLE_WIDTH);
    print_names(in_the_middle, 2, rows);
    CHECK(strcmp(rows[0], rows[1]));
    print_names(at_the_begin, 2, rows);
    CHECK(strcmp(rows[0], rows[1]) && strstr(rows[0], "a modal") && strstr(rows[0], "…  0"));
}

int main(void)
{
    RUN(names_that_differ_read_different);
    RUN(aligns_with_units);
    RUN(wide_rows_are_cut_to_100_columns);
    return check_report();
}
