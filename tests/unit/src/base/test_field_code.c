/* Records through stored JSON and through encoded bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/src/base/field_sample.h"

static void fill_all(struct sample *s)
{
    struct err e = {0};

    filled(s);
    if (apply("{\"notes\":\"a\\nb\",\"due\":\"2026-11-21\",\"blob\":\"AAEC\",\"tags\":[\"\u00e9\"],"
              "\"enabled\":false,\"email\":\"a@b.example\"}",
              true, s, &e) < 0)
        fail_msg("%s", e.text);
    s->hidden = xstrdup("inner");
    s->created = 1795229100;
}

static void assert_same_json(const struct sample *a, const struct sample *b)
{
    OWN(own_json)
    json_t *x = fields_to_json(&sample, a);
    OWN(own_json)
    json_t *y = fields_to_json(&sample, b);

    json_object_del(x, "has_password");
    json_object_del(y, "has_password");
    assert_true(json_equal(x, y));
}

static void test_fields_load_reads_back(void **state)
{
    (void)state;
    struct sample s, t;
    struct err e = {0};

    fill_all(&s);
    OWN(own_json)
    json_t *stored = fields_to_json(&sample, &s);
    json_put_int(stored, "of_a_newer_version", 1);
    json_object_del(stored, "mode");
    fields_init(&sample, &t);
    assert_int_equal(fields_load(&sample, stored, &t, &e), 0);
    assert_same_json(&s, &t);
    assert_int_equal(t.password.n, 0);
    json_put_int(stored, "name", 1);
    assert_int_equal(fields_load(&sample, stored, &t, &e), -1);
    assert_int_equal(e.code, ERR_STORE);
    assert_string_equal(e.text, "sample.name: expected text");
    assert_string_equal(t.name, "web");
    fields_free(&sample, &s);
    fields_free(&sample, &t);
}

static void test_fields_encode_decodes_back(void **state)
{
    (void)state;
    struct sample s, t;
    struct err e = {0};
    OWN(buf_free)
    struct buf out = BUF(100000);

    fill_all(&s);
    fields_encode(&sample, &s, &out);
    assert_true(buf_ok(&out) && out.secret);
    fields_init(&sample, &t);
    assert_int_equal(fields_decode(&sample, buf_blob(&out), &t, &e), 0);
    assert_same_json(&s, &t);
    assert_true(secret_eq(&s.password, &t.password));
    /* every shorter form, and one longer, is refused and changes nothing */
    struct sample before = t;
    for (size_t n = 0; n < out.n; n++)
        assert_int_equal(fields_decode(&sample, BLOB(out.p, n), &t, &e), -1);
    buf_addc(&out, 0);
    assert_int_equal(fields_decode(&sample, buf_blob(&out), &t, &e), -1);
    assert_int_equal(e.code, ERR_BUG);
    assert_memory_equal(&t, &before, sizeof(t));
    fields_free(&sample, &s);
    fields_free(&sample, &t);
}

static void test_bytes_set_of_its_own_part(void **state)
{
    (void)state;
    struct bytes b = {0};

    bytes_set(&b, BLOB("abcdef", 6));
    bytes_set(&b, BLOB(b.p + 2, 3));
    assert_true(blob_eq(bytes_blob(&b), BLOB("cde", 3)));
    bytes_set(&b, BLOB(NULL, 0));
    assert_null(b.p);
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_load_reads_back),
        cmocka_unit_test(test_fields_encode_decodes_back),
        cmocka_unit_test(test_bytes_set_of_its_own_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
