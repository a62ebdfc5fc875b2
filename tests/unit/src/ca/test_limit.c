/* Token buckets, on a clock the test owns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/time.h"
#include "src/ca/limit.h"

static void test_limits_take_spends_the_burst_then_waits(void **state)
{
    (void)state;
    struct limits l = {0};
    int64_t now = 1000000;

    clock_replace(&now);
    for (int i = 0; i < 3; i++)
        assert_int_equal(limits_take(&l, "c1", 2, 3), 0);
    assert_int_equal(limits_take(&l, "c1", 2, 3), 501); /* half a second for one of two a second */
    assert_int_equal(limits_take(&l, "c2", 2, 3), 0);   /* another connector has its own */
    now += 501;
    assert_int_equal(limits_take(&l, "c1", 2, 3), 500); /* the waiting one took what came */
    now += 3600 * 1000;
    for (int i = 0; i < 3; i++)
        assert_int_equal(limits_take(&l, "c1", 2, 3), 0);
    assert_true(limits_take(&l, "c1", 2, 3) > 0);
    clock_replace(NULL);
}

static void test_limits_take_without_a_rate_is_free(void **state)
{
    (void)state;
    struct limits l = {0};

    for (int i = 0; i < 1000; i++)
        assert_int_equal(limits_take(&l, "local", 0, 0), 0);
}

static void test_limits_forget_the_longest_unused(void **state)
{
    (void)state;
    struct limits l = {0};
    int64_t now = 1000000;

    clock_replace(&now);
    for (int i = 0; i < 3 * LIMITS_MAX; i++) {
        OWN(own_mem)
        char *id = xasprintf("c%d", i);
        now++;
        assert_int_equal(limits_take(&l, id, 1, 1), 0);
        assert_true(limits_take(&l, id, 1, 1) > 0);
    }
    assert_int_equal(l.n, LIMITS_MAX);
    clock_replace(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_take_spends_the_burst_then_waits),
        cmocka_unit_test(test_limits_take_without_a_rate_is_free),
        cmocka_unit_test(test_limits_forget_the_longest_unused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
