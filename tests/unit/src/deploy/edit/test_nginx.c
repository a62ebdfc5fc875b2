/* The tokenizer takes and refuses what nginx does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/deploy/edit/nginx.h"

/* Words of the first directive, joined by '|'. */
static void first_words(const char *text, char *out, size_t size)
{
    OWN(conf_free)
    struct conf_node root = {0};
    struct err e = {0};

    if (conf_parse("t", blob_str(text), &root, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    assert_true(root.children > 0);
    out[0] = 0;
    for (size_t i = 0; i < root.child[0].words; i++) {
        size_t n = strlen(out);
        snprintf(out + n, size - n, "%s%s", i ? "|" : "", root.child[0].word[i].text);
    }
}

static void test_conf_parse_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"a;", "a"},
        {"a b  c\t;\n", "a|b|c"},
        {"a\r\nb\r\n;\r\n", "a|b"},
        {"a \"b c\" 'd e';", "a|b c|d e"},
        {"a \"\" '';", "a||"},
        {"a b#c;", "a|b#c"},
        {"# { x ;\na; # }", "a"},
        {"a ${v}x$y{ }", "a|${v}x$y"},
        {"a \"${v}\";", "a|${v}"},
        {"a \\{b\\;c;", "a|\\{b\\;c"},
        {"a \"x\\\"y\\\\z\\n\";", "a|x\"y\\z\n"},
        {"a b}c;", "a|b}c"},
        {"a 'x'{ }", "a|x"},
        {"a{}", "a"},
        {"if ($x ~ \"^{\") { }", "if|($x|~|^{|)"},
        {"a \"x\ny\";", "a|x\ny"},
        {"caf\xC3\xA9 \xC3\xBC;", "caf\xC3\xA9|\xC3\xBC"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char got[256];
        first_words(cases[i].text, got, sizeof(got));
        assert_string_equal(got, cases[i].words);
    }
}

static void test_conf_parse_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"a", "t:1: the file ends within a directive"},
        {"a b\n", "t:2: the file ends within a directive"},
        {"a {", "t:1: the file ends within a block"},
        {"}", "t:1: unexpected \"}\""},
        {"a {\n b }", "t:2: unexpected \"}\""},
        {";", "t:1: unexpected \";\""},
        {"{ }", "t:1: unexpected \"{\""},
        {"a;\n\na \"b;", "t:3: a quote is not closed"},
        {"a \"b\"c;", "t:1: text right behind a closing quote"},
        {"a ${ }", "t:1: unexpected \"}\""},
        {"a { b_by_lua_block { x = \"}\" }", "t:1: the file ends within a block"},
        {"a_by_lua_block { [[ } ]]", "t:1: a Lua block is not closed"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct conf_node root = {0};
        struct err e = {0};
        assert_int_equal(conf_parse("t", blob_str(cases[i].text), &root, &e), -1);
        if (!str_starts(e.text, cases[i].why))
            fail_msg("%s: %s, expected %s", cases[i].text, e.text, cases[i].why);
        assert_null(root.child);
    }
}

static void test_conf_parse_refuses_a_zero_byte_and_deep_nesting(void **state)
{
    (void)state;
    struct conf_node root = {0};
    OWN(buf_free)
    struct buf deep = BUF(4096);
    struct err e = {0};

    assert_int_equal(conf_parse("t", BLOB("a b\0c;", 6), &root, &e), -1);
    for (int i = 0; i < CONF_DEPTH_MAX + 1; i++)
        buf_add_str(&deep, "a {");
    assert_int_equal(conf_parse("t", buf_blob(&deep), &root, &e), -1);
    assert_non_null(strstr(e.text, "too deep"));
}

static void test_conf_parse_counts_lines(void **state)
{
    (void)state;
    OWN(conf_free)
    struct conf_node root = {0};
    struct err e = {0};

    assert_int_equal(conf_parse("t", blob_str("a\nb;\n# x\nc 'd\ne';\nf {\ng;\n}\nh;"), &root, &e),
                     0);
    assert_int_equal(root.children, 4);
    assert_int_equal(root.child[0].line, 1);
    assert_int_equal(root.child[1].line, 4);
    assert_int_equal(root.child[2].line, 6);
    assert_int_equal(root.child[2].child[0].line, 7);
    assert_int_equal(root.child[3].line, 9);
}

static void test_conf_parse_skips_lua(void **state)
{
    (void)state;
    static const char text[] = "content_by_lua_block {\n"
                               "  local t = { a = \"}\", b = '\\'}' } -- }\n"
                               "  --[==[ } ]] ]==] local s = [[ }}} ]]\n"
                               "}\nafter x;";
    OWN(conf_free)
    struct conf_node root = {0};
    struct err e = {0};

    if (conf_parse("t", blob_str(text), &root, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(root.children, 2);
    assert_string_equal(root.child[1].word[0].text, "after");
    assert_int_equal(root.child[1].line, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conf_parse_words),
        cmocka_unit_test(test_conf_parse_refuses),
        cmocka_unit_test(test_conf_parse_refuses_a_zero_byte_and_deep_nesting),
        cmocka_unit_test(test_conf_parse_counts_lines),
        cmocka_unit_test(test_conf_parse_skips_lua),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
