/* An edit changes what it is meant to and no other byte, in the file's own style. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/deploy/edit/change.h"

/* One change to `text`; the result or the error's text. */
static void change_one(const char *text, struct conf_node *root, const struct conf_change *c,
                       struct buf *out, int want)
{
    struct conf_edit edit = {0};
    struct err e = {0};
    int rc = conf_change(blob_str(text), root, c, 1, &edit, out, &e);

    if (rc != want)
        fail_msg("%s: %s", text, e.text);
    assert_true(rc == 0 ? edit.text != NULL : edit.text == NULL);
    free(edit.text);
}

static void test_conf_change_replaces_one_value(void **state)
{
    (void)state;
    static const char text[] = "# { keep\r\nserver {\tssl_certificate  \"/a b\" ; x y; }\n";
    static const struct {
        const char *value, *now; /* NULL: refused */
    } cases[] = {
        {"/etc/new.crt", "# { keep\r\nserver {\tssl_certificate  \"/etc/new.crt\" ; x y; }\n"},
        {"/etc/a {b", "# { keep\r\nserver {\tssl_certificate  \"/etc/a {b\" ; x y; }\n"},
        {"/a\\n", "# { keep\r\nserver {\tssl_certificate  \"/a\\\\n\" ; x y; }\n"},
        {"", "# { keep\r\nserver {\tssl_certificate  \"\" ; x y; }\n"},
        {"a\nb", NULL},
        {"/x$y", NULL},
        {"a\"b", NULL},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(conf_free)
        struct conf_node root = {0};
        OWN(buf_free)
        struct buf out = BUF(1024);
        assert_int_equal(conf_parse("t", blob_str(text), &root, NULL), 0);
        const struct conf_change c = {.word = &root.child[0].child[0].word[1],
                                      .value = cases[i].value};
        change_one(text, &root, &c, &out, cases[i].now ? 0 : -1);
        if (cases[i].now)
            assert_string_equal(buf_cstr(&out), cases[i].now);
    }
}

static void test_conf_change_keeps_the_quotes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *now;
    } cases[] = {
        {"a 'b';", "a '/it\\'s';"},
        {"a b;", "a \"/it's\";"},
        {"a (\"b\") c;", "a \"/it's\" c;"},
        {"a 'b') c;", "a '/it\\'s') c;"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(conf_free)
        struct conf_node root = {0};
        OWN(buf_free)
        struct buf out = BUF(1024);
        assert_int_equal(conf_parse("t", blob_str(cases[i].text), &root, NULL), 0);
        const struct conf_change c = {.word = &root.child[0].word[1], .value = "/it's"};
        change_one(cases[i].text, &root, &c, &out, 0);
        assert_string_equal(buf_cstr(&out), cases[i].now);
    }
}

static void test_conf_change_inserts_in_the_style_of_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t index; /* children before the new ones */
        const char *now;
    } cases[] = {
        {"s {\n\tlisten 80; # {\n\tx;\n}", 1,
         "s {\n\tlisten 80; # {\n\ta b;\n\tc \"d e\";\n\tx;\n}"},
        {"s {\r\n  listen 80;\r\n}\r\n", 1,
         "s {\r\n  listen 80;\r\n  a b;\r\n  c \"d e\";\r\n}\r\n"},
        {"s { listen 80; x; }", 1, "s { listen 80; a b; c \"d e\"; x; }"},
        {"s { listen 80; x; }", 2, "s { listen 80; x; a b; c \"d e\"; }"},
        {"s {\n    x;\n}", 0, "s {\n    a b;\n    c \"d e\";\n    x;\n}"},
        {"s {}", 0, "s { a b; c \"d e\";}"},
        {"s {# c\n}", 0, "s {# c\n    a b;\n    c \"d e\";\n}"},
        {"s {\n  l {\n  }\n}", 1, "s {\n  l {\n  }\n  a b;\n  c \"d e\";\n}"},
        {"s {\n  x_by_lua_block { } }\n}", 1, NULL},
        {"s {\n  x_by_lua_block { \"}\" }\n}", 1,
         "s {\n  x_by_lua_block { \"}\" }\n  a b;\n  c \"d e\";\n}"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(conf_free)
        struct conf_node root = {0};
        OWN(buf_free)
        struct buf out = BUF(1024);
        struct strs add[2] = {{0}, {0}};
        int rc = conf_parse("t", blob_str(cases[i].text), &root, NULL);
        assert_int_equal(rc, cases[i].now ? 0 : -1);
        strs_split(&add[0], "a b", " ");
        strs_add(&add[1], "c");
        strs_add(&add[1], "d e");
        if (cases[i].now) {
            const struct conf_change c = {
                .block = &root.child[0], .index = cases[i].index, .add = add, .adds = 2};
            change_one(cases[i].text, &root, &c, &out, 0);
            assert_string_equal(buf_cstr(&out), cases[i].now);
        }
        strs_free(&add[0]);
        strs_free(&add[1]);
    }
}

/* What comes out is read again: here the place is in another tree than the text's. */
static void test_conf_change_refuses_what_reads_differently(void **state)
{
    (void)state;
    OWN(conf_free)
    struct conf_node root = {0};
    OWN(conf_free)
    struct conf_node other = {0};
    OWN(buf_free)
    struct buf out = BUF(1024);
    struct strs add = {0};

    assert_int_equal(conf_parse("t", blob_str("s { x; }"), &root, NULL), 0);
    assert_int_equal(conf_parse("t", blob_str("s { x; }"), &other, NULL), 0);
    strs_add(&add, "y");
    const struct conf_change c = {.block = &other.child[0], .index = 0, .add = &add, .adds = 1};
    change_one("s { x; }", &root, &c, &out, -1);
    strs_free(&add);
}

static void test_conf_apply_refuses_edits_out_of_order(void **state)
{
    (void)state;
    char text[] = "x";
    const struct conf_edit twice[] = {{3, 1, text}, {2, 0, text}}, beyond[] = {{6, 0, text}},
                           over[] = {{1, UINT32_MAX, text}}, good[] = {{0, 1, text}, {5, 0, text}};
    OWN(buf_free)
    struct buf out = BUF(64);

    assert_int_equal(conf_apply(blob_str("abcde"), twice, 2, &out, NULL), -1);
    assert_int_equal(conf_apply(blob_str("abcde"), beyond, 1, &out, NULL), -1);
    assert_int_equal(conf_apply(blob_str("abcde"), over, 1, &out, NULL), -1);
    buf_clear(&out);
    assert_int_equal(conf_apply(blob_str("abcde"), good, 2, &out, NULL), 0);
    assert_string_equal(buf_cstr(&out), "xbcdex");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conf_change_replaces_one_value),
        cmocka_unit_test(test_conf_change_keeps_the_quotes),
        cmocka_unit_test(test_conf_change_inserts_in_the_style_of_the_file),
        cmocka_unit_test(test_conf_change_refuses_what_reads_differently),
        cmocka_unit_test(test_conf_apply_refuses_edits_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
