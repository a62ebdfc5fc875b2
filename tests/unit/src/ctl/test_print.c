/* Tables, states, and text that must not drive a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/ctl/print.h"

static void test_text_shown_cases(void **state)
{
    static const struct {
        const char *text, *out;
        bool lines;
    } cases[] = {
        {"plain é 漢", "plain é 漢", false},
        {"\x1b[2J", "\\x1b[2J", false},
        {"a\nb", "a\\x0ab", false},
        {"a\nb\r", "a\nb\\x0d", true},
        {"\x7f", "\\x7f", false},
        {"\xc2\x9b", "\\u009b", false},
        {"\xe2\x80\xae", "\\u202e", false},
        {"\xff\xc3", "\\xff\\xc3", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(buf_free)
        struct buf out = BUF(256);
        text_shown(&out, cases[i].text, cases[i].lines);
        assert_string_equal(buf_cstr(&out), cases[i].out);
    }
}

static void make(struct table *t)
{
    static const char *const cells[] = {
        "shop.example.with.a.long.name", "Deployed", "id-1", "b", "Discovered", "id-2"};

    *t = (struct table){.state = 1, .ids = 2};
    strs_add(&t->heads, "Name");
    strs_add(&t->heads, "Status");
    strs_add(&t->heads, "ID");
    for (size_t i = 0; i < COUNT(cells); i++)
        strs_add(&t->cells, cells[i]);
}

static void check(struct terminal term, const char *expected)
{
    OWN(table_free)
    struct table t;
    OWN(buf_free)
    struct buf out = BUF(4096);

    make(&t);
    table_print(&term, &t, &out);
    assert_string_equal(buf_cstr(&out), expected);
}

static void test_table_print_layout(void **state)
{
    (void)state;
    check((struct terminal){0}, "Name                           Status        ID\n"
                                "shop.example.with.a.long.name  + Deployed    id-1\n"
                                "b                              - Discovered  id-2\n");
    check((struct terminal){.width = 40, .utf8 = true},
          "Name                  Status        ID\n"
          "shop.example.with.a…  ✓ Deployed    id-1\n"
          "b                     – Discovered  id-2\n");
    check((struct terminal){.width = 14}, "Name              ID\n"
                                          "shop.example.wi~  id-1\n"
                                          "b                 id-2\n"
                                          "(1 columns do not fit; --columns chooses)\n");
}

static void test_state_shown_colours_only_on_a_terminal(void **state)
{
    OWN(buf_free)
    struct buf out = BUF(256);
    const struct terminal plain = {0}, colour = {.colour = true, .utf8 = true};

    (void)state;
    state_shown(&plain, &out, "Failed");
    assert_string_equal(buf_cstr(&out), "x Failed");
    buf_clear(&out);
    state_shown(&colour, &out, "Failed");
    assert_string_equal(buf_cstr(&out), "\033[31m✗ Failed\033[0m");
    buf_clear(&out);
    state_shown(&plain, &out, "Something\x1b");
    assert_string_equal(buf_cstr(&out), "  Something\\x1b");
}

static void test_pairs_print_aligns_and_indents(void **state)
{
    static const char *const cells[] = {"Name", "a", "Longer", "one\ntwo"};
    OWN(table_free)
    struct table t = {.state = SIZE_MAX, .ids = SIZE_MAX};
    OWN(buf_free)
    struct buf out = BUF(256);
    const struct terminal plain = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(cells); i++)
        strs_add(&t.cells, cells[i]);
    pairs_print(&plain, &t, &out);
    assert_string_equal(buf_cstr(&out), "Name:   a\nLonger:\n    one\n    two\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_shown_cases),
        cmocka_unit_test(test_table_print_layout),
        cmocka_unit_test(test_state_shown_colours_only_on_a_terminal),
        cmocka_unit_test(test_pairs_print_aligns_and_indents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
