/* Versions are compared as far as they are stated; what depends on them stands in one table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx_version.h"

static void test_ngx_version_reads_what_servers_say(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t version;
        bool known;
    } cases[] = {
        {"nginx 1.26.3", 1026003, true},
        {"nginx 1.14.0", 1014000, true},
        {"nginx 1.29.4", 1029004, true},
        {"nginx 1.30.0", 1030000, false},
        {"nginx 1.12.2", 1012002, false},
        {"openresty 1.21.4.1", 1021004, true},
        {"nginx 1.25.5 (nginx-plus-r32)", 1025005, true},
        {"Angie 1.5.0", 0, false},
        {"Tengine 3.1.0", 0, false},
        {"nginx 1234567.1", 0, false},
        {"nginx", 0, false},
        {"", 0, false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        if (ngx_version(cases[i].text) != cases[i].version)
            fail_msg("%s: %u", cases[i].text, ngx_version(cases[i].text));
        assert_int_equal(ngx_version_known(cases[i].version), cases[i].known);
    }
}

static void test_ngx_version_agrees_as_far_as_stated(void **state)
{
    (void)state;
    static const char is[] = "nginx 1.26.3";

    assert_true(ngx_version_agrees("1", is));
    assert_true(ngx_version_agrees("1.26", is));
    assert_true(ngx_version_agrees("nginx 1.26.3", is));
    assert_true(ngx_version_agrees("Nginx/1.26.x", is));
    assert_false(ngx_version_agrees("1.2", is));
    assert_false(ngx_version_agrees("1.18", is));
    assert_false(ngx_version_agrees("1.26.4", is));
    assert_false(ngx_version_agrees("stable", is));
}

static void test_ngx_has_by_version(void **state)
{
    (void)state;

    assert_false(ngx_has(1015008, NGX_HAS_PATH_VARIABLES));
    assert_true(ngx_has(1015009, NGX_HAS_PATH_VARIABLES));
    assert_false(ngx_has(1018000, NGX_HAS_REJECT_HANDSHAKE));
    assert_true(ngx_has(1025000, NGX_HAS_SSL_ON));
    assert_false(ngx_has(1025001, NGX_HAS_SSL_ON));
    assert_false(ngx_has(0, NGX_HAS_SSL_ON)); /* not known: the newest */
    assert_true(ngx_has(0, NGX_HAS_PATH_VARIABLES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ngx_version_reads_what_servers_say),
        cmocka_unit_test(test_ngx_version_agrees_as_far_as_stated),
        cmocka_unit_test(test_ngx_has_by_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
