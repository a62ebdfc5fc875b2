/* Fields of a form, decoded strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/rescue/form.h"

static void test_form_field_decodes(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"p=plain", "plain"},
        {"a=b&p=two+words%21&c=d", "two words!"},
        {"p=%C3%a4%26%3d", "\xc3\xa4&="},
        {"xp=no&p=&q=1", ""},
        {"p=a=b", "a=b"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(buf_free)
        struct buf out = BUF_SECRET(64);
        struct err e = {};
        if (form_field(blob_str(cases[i].body), "p", &out, &e) < 0)
            fail_msg("%s: %s", cases[i].body, e.text);
        assert_string_equal(buf_cstr(&out), cases[i].want);
    }
}

static void test_form_field_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "q=1",   "p=1&p=2", "p=%", "p=%1",     "p=%zz",
        "p=%00", "p=%0a", "p=%ff",   "p",   "p=%c2%85", "p=0123456789012345678901234567890123"};

    for (size_t i = 0; i < COUNT(bad); i++) {
        OWN(buf_free)
        struct buf out = BUF(32);
        struct err e = {};
        if (form_field(blob_str(bad[i]), "p", &out, &e) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_true(e.code == ERR_INPUT || e.code == ERR_LIMIT);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_field_decodes),
        cmocka_unit_test(test_form_field_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
