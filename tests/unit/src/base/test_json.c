/* JSON at the borders: limits, refusals, getters that name the member, writers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/json.h"

static json_t *parse(const char *text, struct err *e)
{
    return json_parse(blob_str(text), 100000, "body", e);
}

static void test_json_parse_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "body: expected JSON; line 1, column 0 is not"},
        {"{\"a\":1,\"a\":2}", "a member's name is repeated"},
        {"{} {}", "body: expected JSON"},
        {"{\"a\":}", "body: expected JSON"},
        {"\"\\u0000\"", "body: expected JSON"},
        {"\"\xff\"", "body: expected JSON"},
        {"[1e999]", "body: expected JSON"},
        {"[99999999999999999999]", "body: expected JSON"},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "body: expected JSON nested at most 16 deep"},
        {"]]]]]]]]]]]]]]]]]]]", "body: expected JSON"},
        {"\"unterminated \\", "body: expected JSON"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e = {0};
        OWN(own_json)
        json_t *j = parse(cases[i].text, &e);
        if (j)
            fail_msg("accepted: %s", cases[i].text);
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.text, cases[i].error))
            fail_msg("%s: %s", cases[i].text, e.text);
    }
}

static void test_json_parse_depth_skips_strings(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(own_json)
    json_t *deep = parse("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", &e);
    OWN(own_json)
    json_t *text = parse("[\"[[[[[[[[[[[[[[[[[[[[[\\\"{{{{{{{\"]", &e);
    OWN(own_json)
    json_t *wide = parse("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]", &e);

    assert_non_null(deep);
    assert_non_null(text);
    assert_non_null(wide);
}

static void test_json_parse_names_the_size(void **state)
{
    (void)state;
    struct err e = {0};

    assert_null(json_parse(blob_str("[1,2]"), 4, "answer", &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.text, "answer: 5 bytes, at most 4 are accepted");
    OWN(own_json)
    json_t *j = json_parse(blob_str("[1,2]"), 5, "answer", &e);
    assert_non_null(j);
}

static void test_json_parse_error_holds_no_input(void **state)
{
    (void)state;
    struct err e = {0};

    assert_null(parse("{\"password\": hunter2}", &e));
    assert_null(strstr(e.text, "hunter2"));
    assert_null(parse("{\"hunter2\":1,\"hunter2\":1}", &e));
    assert_null(strstr(e.text, "hunter2"));
}

static void test_json_get_reads(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(own_json)
    json_t *j =
        parse("{\"s\":\"abc\",\"i\":7,\"b\":true,\"o\":{\"x\":1},\"l\":[1,2],\"n\":null}", &e);
    const char *s = NULL;
    int64_t i = 0;
    bool b = false;
    json_t *o = NULL, *l = NULL;

    assert_int_equal(json_get_str(j, "s", 3, &s, &e), 0);
    assert_string_equal(s, "abc");
    assert_int_equal(json_get_int(j, "i", 7, 7, &i, &e), 0);
    assert_int_equal(i, 7);
    assert_int_equal(json_get_bool(j, "b", &b, &e), 0);
    assert_true(b);
    assert_int_equal(json_get_obj(j, "o", &o, &e), 0);
    assert_int_equal(json_int(o, "x"), 1);
    assert_int_equal(json_get_array(j, "l", 2, &l, &e), 0);
    assert_int_equal(json_array_size(l), 2);
    assert_int_equal(json_opt_str(j, "n", 1, &s, &e), 0);
    assert_int_equal(json_opt_int(j, "absent", 0, 1, &i, &e), 0);
    assert_string_equal(s, "abc");
    assert_int_equal(i, 7);
}

static void test_json_get_refuses(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(own_json)
    json_t *j = parse("{\"s\":\"abc\",\"i\":7,\"r\":7.0,\"l\":[\"a\",2],\"n\":null}", &e);
    const char *s = "kept";
    int64_t i = 42;
    bool b = true;
    json_t *o = NULL;
    OWN(strs_free)
    struct strs list = {0};

    assert_int_equal(json_get_str(j, "s", 2, &s, &e), -1);
    assert_string_equal(e.text, "s: expected text of at most 2 bytes");
    assert_int_equal(json_get_str(j, "n", 2, &s, &e), -1);
    assert_string_equal(e.text, "n: missing, expected text");
    assert_int_equal(json_get_str(j, "i", 2, &s, &e), -1);
    assert_int_equal(json_get_int(j, "i", 8, 9, &i, &e), -1);
    assert_string_equal(e.text, "i: expected an integer from 8 to 9");
    assert_int_equal(json_get_int(j, "r", 0, 9, &i, &e), -1);
    assert_int_equal(json_get_bool(j, "i", &b, &e), -1);
    assert_int_equal(json_get_obj(j, "l", &o, &e), -1);
    assert_string_equal(e.text, "l: expected an object");
    assert_int_equal(json_get_array(j, "l", 1, &o, &e), -1);
    assert_int_equal(json_get_array(j, "absent", 1, &o, &e), -1);
    assert_string_equal(e.text, "absent: missing, expected a list of at most 1");
    assert_int_equal(json_opt_strs(j, "l", 5, 5, &list, &e), -1);
    assert_string_equal(e.text, "l[1]: expected text of at most 5 bytes");
    assert_int_equal(json_get_str(NULL, "s", 2, &s, &e), -1);
    assert_string_equal(s, "kept");
    assert_int_equal(i, 42);
    assert_null(o);
    assert_int_equal(list.n, 0);
}

static void test_json_only_names_the_stranger(void **state)
{
    (void)state;
    struct err e = {0};
    OWN(own_json)
    json_t *j = parse("{\"a\":1,\"c\":2}", &e);

    assert_int_equal(json_only(j, (const char *[]){"a", "b", "c", NULL}, &e), 0);
    assert_int_equal(json_only(j, (const char *[]){"a", "b", NULL}, &e), -1);
    assert_string_equal(e.text, "c: there is no such member");
    assert_int_equal(json_only(NULL, (const char *[]){NULL}, &e), -1);
}

static void test_json_put_and_print(void **state)
{
    (void)state;
    OWN(own_json)
    json_t *o = json_object();
    OWN(strs_free)
    struct strs list = {0}, back = {0};
    OWN(buf_free)
    struct buf out = BUF(200), small = BUF(5);
    struct err e = {0};

    strs_add(&list, "x");
    strs_add(&list, "bad\xff\xc3(");
    json_put_str(o, "z", "caf\xc3\xa9");
    json_put_str(o, "none", NULL);
    json_put_int(o, "i", INT64_MIN);
    json_put_bool(o, "b", true);
    json_put_strs(o, "l", &list);
    assert_int_equal(json_print(o, &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "{\"z\":\"caf\xc3\xa9\",\"none\":null,"
                                        "\"i\":-9223372036854775808,\"b\":true,"
                                        "\"l\":[\"x\",\"bad\?\?(\"]}");
    assert_int_equal(json_print(o, &small, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(json_opt_strs(o, "l", 2, 6, &back, &e), 0);
    assert_int_equal(back.n, 2);
    assert_string_equal(json_str(o, "i"), "");
    assert_string_equal(json_str(o, "absent"), "");
    assert_int_equal(json_int(o, "z"), 0);
    assert_false(json_bool(o, "absent"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_parse_refuses),
        cmocka_unit_test(test_json_parse_depth_skips_strings),
        cmocka_unit_test(test_json_parse_names_the_size),
        cmocka_unit_test(test_json_parse_error_holds_no_input),
        cmocka_unit_test(test_json_get_reads),
        cmocka_unit_test(test_json_get_refuses),
        cmocka_unit_test(test_json_only_names_the_stranger),
        cmocka_unit_test(test_json_put_and_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
