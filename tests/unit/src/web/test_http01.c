/* The table of challenges; tests/e2e/test_web.py asks the listener. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/web/http01.h"
#include "src/web/limits.h"

static void test_http01_set_replaces(void **state)
{
    struct http01 h = {};

    (void)state;
    assert_int_equal(http01_set(&h, "tok", "tok.a", NULL), 0);
    assert_int_equal(http01_set(&h, "tok", "tok.b", NULL), 0);
    assert_int_equal(h.n, 1);
    assert_string_equal(h.v[0].answer, "tok.b");
    http01_stop(&h);
}

static void test_http01_set_refuses(void **state)
{
    static const char *const bad[] = {"", "a/b", "a b", "<script>", "a\nb", "%2e"};
    struct http01 h = {};
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(http01_set(&h, bad[i], "ok", &e), -1);
        assert_int_equal(http01_set(&h, "ok", bad[i], &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
    }
    assert_int_equal(h.n, 0);
    http01_stop(&h);
}

static void test_http01_set_is_limited_and_clear_makes_room(void **state)
{
    struct http01 h = {};
    struct err e;

    (void)state;
    for (int i = 0; i < WEB_CHALLENGES_MAX; i++) {
        OWN(own_mem)
        char *token = xasprintf("t%d", i);
        assert_int_equal(http01_set(&h, token, "a", NULL), 0);
    }
    assert_int_equal(http01_set(&h, "more", "a", &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    http01_clear(&h, "t7");
    assert_int_equal(http01_set(&h, "more", "a", &e), 0);
    http01_clear(&h, "");
    assert_int_equal(h.n, 0);
    http01_stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http01_set_replaces),
        cmocka_unit_test(test_http01_set_refuses),
        cmocka_unit_test(test_http01_set_is_limited_and_clear_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
