/* Findings survive the wire; every truncation of them is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/model/deploy_request.h"

static void fill(struct deploy_findings *l)
{
    for (int i = 0; i < 2; i++) {
        struct deploy_finding *f = findings_add(l);
        f->port = 443 + (uint32_t)i;
        strs_add(&f->server_names, "shop.example");
        strs_add(&f->server_names, "*.shop.example");
        free(f->config_file);
        f->config_file = xstrdup("/etc/nginx/conf.d/shop.conf");
        f->config_line = 14;
        free(f->served_pem);
        f->served_pem = xstrdup("-----BEGIN\nEND-----\n");
    }
}

static void test_findings_decode_gives_back_what_was_encoded(void **state)
{
    (void)state;
    OWN(findings_free)
    struct deploy_findings l = {0};
    OWN(findings_free)
    struct deploy_findings got = {0};
    OWN(buf_free)
    struct buf b = BUF(65536);
    struct err e = {0};

    fill(&l);
    findings_encode(&l, &b);
    assert_int_equal(findings_decode(buf_blob(&b), &got, &e), 0);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.v[1].port, 444);
    assert_string_equal(got.v[1].server_names.v[1], "*.shop.example");
    assert_string_equal(got.v[0].served_pem, "-----BEGIN\nEND-----\n");
    assert_string_equal(got.v[0].problem, "");
    findings_truncate(&got, 1);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.v[0].port, 443);
}

static void test_findings_decode_refuses_truncations(void **state)
{
    (void)state;
    OWN(findings_free)
    struct deploy_findings l = {0};
    OWN(buf_free)
    struct buf b = BUF(65536);

    fill(&l);
    findings_encode(&l, &b);
    for (size_t n = 1; n < b.n; n++) {
        struct deploy_findings got = {0};
        struct err e = {0};
        assert_int_equal(findings_decode(BLOB(b.p, n), &got, &e), -1);
        assert_int_equal(e.code, ERR_BUG);
        assert_null(got.v);
    }
    struct deploy_findings none = {0};
    assert_int_equal(findings_decode(BLOB(NULL, 0), &none, NULL), 0);
    assert_int_equal(none.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings_decode_gives_back_what_was_encoded),
        cmocka_unit_test(test_findings_decode_refuses_truncations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
