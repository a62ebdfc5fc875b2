/* One request at a time per order and connector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/ca/busy.h"

static void test_busy_enter_refuses_the_same_key(void **state)
{
    (void)state;
    struct busy *list = NULL;
    struct busy a, b, c;
    struct err e = {0};
    char copy[] = "o1";

    assert_int_equal(busy_enter(&list, &a, "o1", &e), 0);
    assert_int_equal(busy_enter(&list, &b, "o2", &e), 0);
    assert_int_equal(busy_enter(&list, &c, copy, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    busy_leave(&list, &a); /* not the newest */
    assert_int_equal(busy_enter(&list, &c, copy, &e), 0);
    assert_int_equal(busy_enter(&list, &a, "o2", &e), -1);
    busy_leave(&list, &b);
    busy_leave(&list, &c);
    assert_null(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy_enter_refuses_the_same_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
