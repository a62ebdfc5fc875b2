/* Errors: texts cut at UTF-8 boundaries, context in front, one table for the outside. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/err.h"
#include "src/base/str.h"

static void test_err_set_and_wrap(void **state)
{
    (void)state;
    struct err e = {0};

    assert_int_equal(err_set(&e, ERR_TOKEN, "PIN %s", "locked"), -1);
    assert_int_equal(err_wrap(&e, "sign with key %d", 7), -1);
    assert_int_equal(err_wrap(&e, "renew www"), -1);
    assert_int_equal(e.code, ERR_TOKEN);
    assert_string_equal(e.text, "renew www: sign with key 7: PIN locked");
    assert_int_equal(err_set(NULL, ERR_BUG, "x"), -1);
    assert_int_equal(err_wrap(NULL, "x"), -1);
    assert_int_equal(err_sys(NULL, "x"), -1);
    /* the arguments may come from the error itself */
    err_set(&e, ERR_INPUT, "<%s>", e.text);
    assert_string_equal(e.text, "<renew www: sign with key 7: PIN locked>");
    err_set(&e, (enum err_code)999, "x");
    assert_int_equal(e.code, ERR_BUG);
}

static void test_err_set_cuts_at_utf8_boundary(void **state)
{
    (void)state;
    struct err e = {0};
    char text[2 * ERR_TEXT_BYTES];

    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', sizeof(text));
        for (size_t i = shift; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\xF0\x9F\x94\x91", 4);
        text[sizeof(text) - 1] = 0;
        err_set(&e, ERR_INPUT, "%s", text);
        assert_in_range(strlen(e.text), ERR_TEXT_BYTES - 4, ERR_TEXT_BYTES - 1);
        assert_true(utf8_valid(e.text, strlen(e.text)));
        err_wrap(&e, "a");
        assert_true(utf8_valid(e.text, strlen(e.text)));
    }
    memset(text, 'x', ERR_TEXT_BYTES - 1);
    text[ERR_TEXT_BYTES - 1] = 0;
    err_set(&e, ERR_INPUT, "%s", text);
    assert_int_equal(strlen(e.text), ERR_TEXT_BYTES - 1);
}

static void test_err_sys_maps_errno(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum err_code code;
        const char *text;
    } cases[] = {
        {ENOENT, ERR_NOT_FOUND, "/x: No such file or directory"},
        {ENOSPC, ERR_LIMIT, "/x: No space left on device"},
        {EMFILE, ERR_LIMIT, "/x: Too many open files"},
        {EACCES, ERR_SYSTEM, "/x: Permission denied"},
        {99999, ERR_SYSTEM, "/x: error 99999"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = {0};
        errno = cases[i].number;
        assert_int_equal(err_sys(&e, "/x"), -1);
        assert_int_equal(e.code, cases[i].code);
        assert_string_equal(e.text, cases[i].text);
    }
}

static void test_err_code_table_is_complete(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_COUNT; i++) {
        enum err_code code = (enum err_code)i;
        assert_non_null(err_code_name(code));
        assert_int_equal(err_code_parse(err_code_name(code)), code);
        assert_true(strlen(err_code_title(code)) > 5);
        assert_int_equal(err_http_status(code) >= 400, code != ERR_NONE);
        assert_int_equal(err_exit_status(code), i == 0 ? 0 : 9 + i);
    }
    assert_int_equal(err_code_parse("nonsense"), ERR_COUNT);
    assert_int_equal(err_code_parse(NULL), ERR_COUNT);
    assert_int_equal(err_http_status(ERR_COUNT), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_set_and_wrap),
        cmocka_unit_test(test_err_set_cuts_at_utf8_boundary),
        cmocka_unit_test(test_err_sys_maps_errno),
        cmocka_unit_test(test_err_code_table_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
