/* Sign-in throttling against its own clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/base/time.h"
#include "src/core/auth/throttle.h"

static int64_t now = 1000000;

static int tries_until_wait(struct throttle *t, const char *client, const char *user)
{
    struct err e = {0};
    uint32_t wait;
    int n = 0;
    while (n < 50 && throttle_check(t, client, user, &wait, &e) == 0) {
        throttle_failed(t, client, user);
        n++;
    }
    return n;
}

static void test_throttle_waits_after_five_failures(void **state)
{
    (void)state;
    struct throttle *t = throttle_new();
    struct err e = {0};
    uint32_t wait = 0;
    assert_int_equal(tries_until_wait(t, "10.0.0.1", "alice"), 5);
    assert_int_equal(throttle_check(t, "10.0.0.1", "alice", &wait, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(wait, 2);
    free(t);
}

static void test_throttle_doubles_and_is_bounded(void **state)
{
    (void)state;
    struct throttle *t = throttle_new();
    uint32_t last = 0;
    for (int i = 0; i < 20; i++) {
        struct err e = {0};
        uint32_t wait = 0;
        throttle_failed(t, "10.0.0.1", "alice");
        if (throttle_check(t, "10.0.0.1", "alice", &wait, &e) < 0) {
            assert_true(wait >= last && wait <= 300);
            last = wait;
        }
    }
    assert_int_equal(last, 300);
    free(t);
}

static void test_throttle_blocks_a_user_from_every_address(void **state)
{
    (void)state;
    struct throttle *t = throttle_new();
    struct err e = {0};
    uint32_t wait;
    (void)tries_until_wait(t, "10.0.0.1", "alice");
    assert_int_equal(throttle_check(t, "10.9.9.9", "alice", &wait, &e), -1);
    assert_int_equal(throttle_check(t, "10.9.9.9", "bob", &wait, &e), 0);
    assert_int_equal(throttle_check(t, "10.0.0.1", "bob", &wait, &e),
                     -1); /* the address is known for failing */
    free(t);
}

static void test_throttle_forgets(void **state)
{
    (void)state;
    struct throttle *t = throttle_new();
    struct err e = {0};
    uint32_t wait;
    (void)tries_until_wait(t, "10.0.0.1", "alice");
    now += 2000;
    assert_int_equal(throttle_check(t, "10.0.0.1", "alice", &wait, &e), 0);
    throttle_passed(t, "10.0.0.1", "alice");
    assert_int_equal(tries_until_wait(t, "10.0.0.1", "alice"), 5);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_throttle_waits_after_five_failures),
        cmocka_unit_test(test_throttle_doubles_and_is_bounded),
        cmocka_unit_test(test_throttle_blocks_a_user_from_every_address),
        cmocka_unit_test(test_throttle_forgets),
    };
    clock_replace(&now);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
