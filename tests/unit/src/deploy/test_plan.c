/* The plan survives the journal; nothing but a whole plan of this version is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/deploy/plan.h"

static void fill(struct plan *p)
{
    plan_init(p);
    plan_set(&p->job, "00000000000000000001");
    plan_set(&p->backup_dir, "/var/lib/certkeep/x");
    plan_set(&p->risks, "one\ntwo\n");
    p->rollback_seconds = 120;
    p->root = 1;
    struct plan_file *f = plan_add_file(p);
    plan_set(&f->final, "/etc/nginx/tls/it's.crt");
    f->mode = 0640;
    f->kind = PLAN_KEY;
    plan_add_edit(p, 17, 2, "listen 443 ssl;\r\n");
    plan_add_endpoint(p, 443, "shop.example");
    plan_add_endpoint(p, 443, "");
}

static void test_plan_decode_gives_back_what_was_encoded(void **state)
{
    (void)state;
    OWN(plan_free)
    struct plan p = {0};
    OWN(plan_free)
    struct plan got = {0};
    OWN(buf_free)
    struct buf a = BUF(PLAN_MAX_BYTES), b = BUF(PLAN_MAX_BYTES);
    struct err e = {0};

    fill(&p);
    plan_encode(&p, &a);
    assert_memory_equal(a.p, "CKP2\0\0\0\024", 8);
    assert_int_equal(plan_decode(buf_blob(&a), &got, &e), 0);
    assert_string_equal(got.file[0].final, "/etc/nginx/tls/it's.crt");
    assert_string_equal(got.risks, "one\ntwo\n");
    assert_int_equal(got.endpoints, 2);
    assert_string_equal(got.edit[0].text, "listen 443 ssl;\r\n");
    plan_encode(&got, &b);
    assert_true(blob_eq(buf_blob(&a), buf_blob(&b)));
    buf_free(&b);
}

static void test_plan_decode_refuses_truncations_and_changes(void **state)
{
    (void)state;
    OWN(plan_free)
    struct plan p = {0};
    OWN(buf_free)
    struct buf a = BUF(PLAN_MAX_BYTES);

    fill(&p);
    plan_encode(&p, &a);
    for (size_t n = 1; n < a.n; n++) {
        struct plan got = {0};
        struct err e = {0};
        assert_int_equal(plan_decode(BLOB(a.p, n), &got, &e), -1);
        assert_null(got.job);
    }
    buf_addc(&a, 0);
    struct plan got = {0};
    assert_int_equal(plan_decode(buf_blob(&a), &got, NULL), -1);
    a.n--;
    a.p[3] = '1';
    assert_int_equal(plan_decode(buf_blob(&a), &got, NULL), -1);
}

static void test_plan_decode_of_nothing_is_an_empty_plan(void **state)
{
    (void)state;
    OWN(plan_free)
    struct plan got = {0};

    assert_int_equal(plan_decode(BLOB(NULL, 0), &got, NULL), 0);
    assert_string_equal(got.address, "");
    assert_int_equal(got.files, 0);
}

static void test_plan_add_stops_at_its_limits(void **state)
{
    (void)state;
    OWN(plan_free)
    struct plan p = {0};

    plan_init(&p);
    for (int i = 0; i < PLAN_FILES_MAX; i++)
        assert_non_null(plan_add_file(&p));
    assert_null(plan_add_file(&p));
    for (uint32_t i = 0; i < PLAN_ENDPOINTS_MAX; i++)
        assert_int_equal(plan_add_endpoint(&p, i + 1, "x"), 0);
    assert_int_equal(plan_add_endpoint(&p, 1, "x"), 0); /* known already */
    assert_int_equal(plan_add_endpoint(&p, 99, "x"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_decode_gives_back_what_was_encoded),
        cmocka_unit_test(test_plan_decode_refuses_truncations_and_changes),
        cmocka_unit_test(test_plan_decode_of_nothing_is_an_empty_plan),
        cmocka_unit_test(test_plan_add_stops_at_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
