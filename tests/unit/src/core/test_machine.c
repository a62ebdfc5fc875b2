/* What the facts of the machine say of its last start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/core/machine.h"

static json_t *facts_of(const char *a, const char *b)
{
    OWN(own_mem)
    char *text = xasprintf("{\"slots\":[%s,%s]}", a, b);
    struct err e = {0};
    json_t *facts = json_parse(blob_str(text), 4096, "facts", &e);

    assert_non_null(facts);
    return facts;
}

static void check(const char *a, const char *b, bool fell_back, bool fallback, const char *says)
{
    OWN(own_json)
    json_t *facts = facts_of(a, b);
    OWN(own_mem)
    char *told = machine_last_start(facts);

    assert_int_equal(machine_fell_back(facts), fell_back);
    assert_int_equal(machine_has_fallback(facts), fallback);
    assert_string_equal(told, says);
}

#define RUNS "{\"name\":\"a\",\"running\":true,\"version\":\"1.0\"}"

static void test_machine_says_why_it_fell_back(void **state)
{
    (void)state;
    check(
        RUNS,
        "{\"name\":\"b\",\"complete\":true,\"failed\":true,\"tries\":0,\"version\":\"2.0\","
        "\"why\":\"it was started and did not prove healthy\"}",
        true, false,
        "fell back to version 1.0 in slot a: version 2.0 in slot b was installed later, but it was "
        "started and did not prove healthy");
    check(RUNS,
          "{\"name\":\"b\",\"complete\":true,\"failed\":true,\"tries\":3,\"why\":\"\","
          "\"error\":\"slot b: a signature does not hold\"}",
          true, false,
          "fell back to version 1.0 in slot a: version unknown in slot b was installed later, but "
          "slot b: a signature does not hold");
}

static void test_machine_that_did_not_fall_back(void **state)
{
    (void)state;
    const char *plain = "version 1.0 runs from slot a";

    check(RUNS, "{\"name\":\"b\",\"complete\":false}", false, false, plain);
    check(RUNS, "{\"name\":\"b\",\"complete\":true,\"tries\":7,\"version\":\"0.9\"}", false, true,
          plain);
    check("{\"name\":\"a\"}", "{\"name\":\"b\"}", false, false,
          "no slot runs: the machine is in rescue");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_says_why_it_fell_back),
        cmocka_unit_test(test_machine_that_did_not_fall_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
