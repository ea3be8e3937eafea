/* What is said is laid out and kept at once: titles, facts under their labels, notes, tables; and nothing is kept where nobody asks. */
#include "sim/core/document.h"
#include "sim/io/text_table.h"
#include "tests/check.h"

static void say(struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    kw_document_section(out, "Answer");
    kw_document_fact("run", "one two three", out);
    kw_document_fact("", "four", out);
    kw_document_note(out, "%d words of a note", 5);
    kw_text_add(out, "\n");
    kw_document_section(out, "A %s", "table");
    kw_text_table_column(&t, "name", "", false);
    kw_text_table_column(&t, "cost", "$", true);
    kw_text_table_cell(&t, "a");
    kw_text_table_cell(&t, "1");
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}

static void is_laid_out(void)
{
    struct kw_text out = { .columns = 22 };
    say(&out);
    CHECK_STR(out.s, "Answer\n"
                     "  run         one two\n"
                     "              three\n"
                     "              four\n"
                     "  5 words of a note\n"
                     "\n"
                     "A table\n"
                     "  name  cost\n"
                     "           $\n"
                     "  ────  ────\n"
                     "  a        1\n");
    kw_text_free(&out);
}

static void is_kept_as_it_was_said(void)
{
    static const struct {
        enum kw_block_kind kind;
        const char *label, *text;
    } want[] = { { KW_BLOCK_SECTION, "", "Answer" },  { KW_BLOCK_FACT, "run", "one two three" },
                 { KW_BLOCK_FACT, "", "four" },       { KW_BLOCK_NOTE, "", "5 words of a note" },
                 { KW_BLOCK_SECTION, "", "A table" }, { KW_BLOCK_LEFT, "", "name" },
                 { KW_BLOCK_RIGHT, "$", "cost" },     { KW_BLOCK_CELL, "", "a" },
                 { KW_BLOCK_CELL, "", "1" } };
    struct kw_document d = { 0 };
    struct kw_text out = { .columns = 22, .document = &d };
    say(&out);
    CHECK(d.n == sizeof want / sizeof *want && !d.failed);
    for (size_t i = 0; i < d.n && i < sizeof want / sizeof *want; i++) {
        CHECK(d.block[i].kind == want[i].kind);
        CHECK_STR(d.block[i].label, want[i].label);
        CHECK_STR(d.block[i].text, want[i].text);
    }
    kw_text_free(&out);
    kw_document_free(&d);
    CHECK(!d.block && !d.n);
}

static void a_title_stands_after_one_blank_line(void)
{
    struct kw_text out = { 0 };
    kw_document_section(&out, "First");
    kw_text_add(&out, "x\n");
    kw_document_section(&out, "Second");
    kw_text_add(&out, "\n");
    kw_document_section(&out, "Third");
    CHECK_STR(out.s, "First\nx\n\nSecond\n\nThird\n");
    kw_text_free(&out);
}

int main(void)
{
    RUN(is_laid_out);
    RUN(is_kept_as_it_was_said);
    RUN(a_title_stands_after_one_blank_line);
    return check_report();
}
