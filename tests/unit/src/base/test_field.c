/* Records by their field tables: defaults, patches, required members, redaction, the schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/src/base/field_sample.h"

static void test_fields_init_sets_defaults(void **state)
{
    (void)state;
    struct sample s;

    fields_init(&sample, &s);
    assert_string_equal(s.mode, "auto");
    assert_int_equal(s.port, 443);
    assert_true(s.enabled);
    assert_int_equal(s.tags.n, 2);
    assert_string_equal(s.tags.v[1], "b");
    assert_null(s.name);
    fields_free(&sample, &s);
    assert_memory_equal(&s, &(struct sample){0}, sizeof(s));
}

static void test_fields_from_json_failure_leaves_the_record(void **state)
{
    (void)state;
    struct sample s, before;
    struct err e = {0};

    filled(&s);
    before = s;
    assert_int_equal(apply("{\"name\":\"other\",\"tags\":[\"x\"],\"password\":\"longer\","
                           "\"port\":80,\"enabled\":7}",
                           true, &s, &e),
                     -1);
    assert_memory_equal(&s, &before, sizeof(s));
    assert_string_equal(s.name, "web");
    assert_memory_equal(s.password.p, "hunter2", 7);
    fields_free(&sample, &s);
}

static void test_fields_from_json_patch_keeps_the_absent(void **state)
{
    (void)state;
    struct sample s;
    struct err e = {0};

    filled(&s);
    assert_int_equal(apply("{\"port\":80,\"host\":\"A.Example\"}", true, &s, &e), 0);
    assert_string_equal(s.name, "web");
    assert_int_equal(s.port, 80);
    assert_string_equal(s.host, "a.example");
    assert_int_equal(apply("{\"port\":null,\"host\":\"\",\"mode\":null}", true, &s, &e), 0);
    assert_int_equal(s.port, 443);
    assert_null(s.host);
    assert_string_equal(s.mode, "auto");
    fields_free(&sample, &s);
}

static void test_fields_from_json_demands_the_required(void **state)
{
    (void)state;
    struct sample s;
    struct err e = {0};

    fields_init(&sample, &s);
    assert_int_equal(apply("{\"password\":\"hunter2\"}", false, &s, &e), -1);
    assert_string_equal(e.text, "Name: missing, expected a value");
    assert_int_equal(apply("{\"name\":\"web\"}", false, &s, &e), -1);
    assert_string_equal(e.text, "Password: missing, expected a value");
    /* a patch of a loaded record: the secret is sealed elsewhere */
    s.name = xstrdup("web");
    assert_int_equal(apply("{\"port\":80}", true, &s, &e), 0);
    fields_free(&sample, &s);
}

static void test_fields_to_json_redacts(void **state)
{
    (void)state;
    struct sample s;

    filled(&s);
    s.hidden = xstrdup("inner");
    OWN(own_json)
    json_t *stored = fields_to_json(&sample, &s);
    OWN(own_json)
    json_t *shown = fields_to_api(&sample, &s);
    OWN(buf_free)
    struct buf text = BUF(100000);
    assert_true(json_bool(stored, "has_password"));
    assert_null(json_object_get(stored, "password"));
    assert_string_equal(json_str(stored, "hidden"), "inner");
    assert_null(json_object_get(shown, "hidden"));
    assert_true(json_is_null(json_object_get(shown, "due")));
    assert_int_equal(json_print(stored, &text, NULL), 0);
    assert_null(strstr(buf_cstr(&text), "hunter2"));
    fields_free(&sample, &s);
}

static void test_fields_schema_describes(void **state)
{
    (void)state;
    OWN(own_json)
    json_t *schema = fields_schema(&sample);
    const json_t *list = json_object_get(schema, "fields");

    assert_string_equal(json_str(schema, "name"), "sample");
    assert_int_equal(json_array_size(list), COUNT(sample_fields) - 1); /* without the hidden one */
    const json_t *port = json_array_get(list, 9);
    assert_string_equal(json_str(port, "kind"), "int");
    assert_string_equal(json_str(port, "label"), "Ports");
    assert_true(json_bool(port, "required"));
    assert_int_equal(json_int(port, "max"), 65535);
    assert_int_equal(json_int(port, "initial"), 443);
    const json_t *mode = json_array_get(list, 7);
    assert_string_equal(json_string_value(json_array_get(json_object_get(mode, "choices"), 1)),
                        "manual");
    assert_string_equal(json_str(json_array_get(list, 8), "table"), "servers");
}

static void test_fields_next_secret_finds_all(void **state)
{
    (void)state;
    size_t at = 0;

    assert_string_equal(fields_next_secret(&sample, &at)->name, "password");
    assert_null(fields_next_secret(&sample, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_init_sets_defaults),
        cmocka_unit_test(test_fields_from_json_failure_leaves_the_record),
        cmocka_unit_test(test_fields_from_json_patch_keeps_the_absent),
        cmocka_unit_test(test_fields_from_json_demands_the_required),
        cmocka_unit_test(test_fields_to_json_redacts),
        cmocka_unit_test(test_fields_schema_describes),
        cmocka_unit_test(test_fields_next_secret_finds_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
