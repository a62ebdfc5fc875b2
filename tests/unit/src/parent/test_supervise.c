/* How long parent waits before it starts a dead process again; the test owns the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/time.h"
#include "src/parent/parent.h"

static void test_supervise_pause_doubles(void **state)
{
    static const uint64_t expect[] = {50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    int64_t now = 1000000;
    struct child c = {.process = PROC_CA};

    (void)state;
    clock_replace(&now);
    for (size_t i = 0; i < COUNT(expect); i++) {
        c.started_ms = now;
        now += 4999; /* lived too short to be trusted; too far apart for a crash loop */
        assert_int_equal(supervise_pause(&c), expect[i]);
    }
    c.started_ms = now;
    now += 30000;
    assert_int_equal(supervise_pause(&c), 50);
    clock_replace(NULL);
}

static void test_supervise_pause_slows_a_crash_loop(void **state)
{
    int64_t now = 1000000;
    struct child c = {.process = PROC_CA, .started_ms = now};

    (void)state;
    clock_replace(&now);
    for (int i = 0; i < 10; i++) {
        now += 1000;
        assert_in_range(supervise_pause(&c), 50, 5000);
    }
    assert_int_equal(supervise_pause(&c), 30000);
    now += 60001;
    c.started_ms = now - 30000;
    assert_int_equal(supervise_pause(&c), 50);
    clock_replace(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supervise_pause_doubles),
        cmocka_unit_test(test_supervise_pause_slows_a_crash_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
