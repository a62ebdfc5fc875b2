/* RFC 3339 and DD-Mon-YYYY both ways, the edges of the calendar, the replaced clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/time.h"

static void test_time_parse_accepts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01", 0},
        {"01-Jan-1970", 0},
        {"2026-11-21T02:45:00Z", 1795229100},
        {"2026-11-21T08:15:00+05:30", 1795229100},
        {"2026-11-20T21:45:00-05:00", 1795229100},
        {"2026-11-21t02:45:00.987654321z", 1795229100},
        {"2026-11-21T02:45:00-00:00", 1795229100},
        {"21-Nov-2026", 1795219200},
        {"21-NOV-2026", 1795219200},
        {"29-feb-2024", 1709164800},
        {"2000-02-29", 951782400},
        {"1969-12-31T23:59:59Z", -1},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200)},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799)},
        {"2016-12-31T23:59:60Z", 1483228800},
        {"2017-01-01T05:29:60+05:30", 1483228800},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = 42;
        struct err e = {0};
        if (time_parse(cases[i].text, &got, &e) < 0)
            fail_msg("%s: %s", cases[i].text, e.text);
        if (got != cases[i].seconds)
            fail_msg("%s: %lld", cases[i].text, (long long)got);
    }
}

static void test_time_parse_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-11",
        "2026-1-21",
        "2026-02-29",
        "1900-02-29",
        "29-Feb-2023",
        "2026-13-01",
        "2026-00-01",
        "2026-04-31",
        "2026-04-00",
        "2026-11-21 02:45:00Z",
        "2026-11-21T02:45:00",
        "2026-11-21T02:45Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T02:60:00Z",
        "2026-11-21T02:45:60Z",
        "2026-11-21T02:45:61Z",
        "2026-11-21T02:45:00.Z",
        "2026-11-21T02:45:00+0530",
        "2026-11-21T02:45:00+24:00",
        "2026-11-21T02:45:00+05:60",
        "2026-11-21T02:45:00Z ",
        " 2026-11-21",
        "+026-11-21",
        "21-Nov-26",
        "1-Nov-2026",
        "21-Nox-2026",
        "21-N",
        "21-",
        "32-Jan-2026",
        "00-Jan-2026",
        "21-Nov-20266",
        "9999-12-31T23:59:59-00:01",
        "0000-01-01T00:00:00+00:01",
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t got = 42;
        struct err e = {0};
        if (time_parse(cases[i], &got, &e) == 0)
            fail_msg("accepted: %s", cases[i]);
        assert_int_equal(e.code, ERR_INPUT);
        assert_int_equal(got, 42);
    }
    assert_int_equal(time_parse(NULL, &(int64_t){0}, NULL), -1);
}

static void test_time_print_edges(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {951782399, "2000-02-28T23:59:59Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {951868800, "2000-03-01T00:00:00Z"},
        {INT64_C(4107542400), "2100-03-01T00:00:00Z"},
        {INT64_C(-62167219200), "0000-01-01T00:00:00Z"},
        {INT64_MIN, "0000-01-01T00:00:00Z"},
        {INT64_MAX, "9999-12-31T23:59:59Z"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TIME_TEXT_BYTES];
        time_print(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* Every day of 800 years around us, one second before midnight and after noon. */
static void test_time_print_parses_back(void **state)
{
    (void)state;
    for (int64_t day = -146097; day <= 146097; day++) {
        char text[TIME_TEXT_BYTES];
        int64_t seconds = day * 86400 + (day % 2 ? 86399 : 43201), got = 0;
        time_print(seconds, text);
        assert_int_equal(time_parse(text, &got, NULL), 0);
        assert_int_equal(got, seconds);
    }
}

static void test_clock_replace_fixes_both_clocks(void **state)
{
    (void)state;
    int64_t ms = 1795229100123;

    clock_replace(&ms);
    assert_int_equal(now_ms(), ms);
    assert_int_equal(now_s(), 1795229100);
    assert_int_equal(monotonic_ms(), ms);
    ms += 1000; /* a loan: the test moves the clock */
    assert_int_equal(now_s(), 1795229101);
    clock_replace(NULL);
    assert_int_not_equal(monotonic_ms(), ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_parse_accepts),
        cmocka_unit_test(test_time_parse_refuses),
        cmocka_unit_test(test_time_print_edges),
        cmocka_unit_test(test_time_print_parses_back),
        cmocka_unit_test(test_clock_replace_fixes_both_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
