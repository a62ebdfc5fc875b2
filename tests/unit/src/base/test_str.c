/* Parsers of outside text: what each accepts, and every near miss it refuses; the small helpers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/str.h"

static void test_parse_u32_limits(void **state)
{
    (void)state;
    uint32_t v = 7;
    struct err e = {0};

    assert_int_equal(parse_u32("0", 0, UINT32_MAX, &v, &e), 0);
    assert_int_equal(v, 0);
    assert_int_equal(parse_u32("4294967295", 0, UINT32_MAX, &v, &e), 0);
    assert_int_equal(v, UINT32_MAX);
    assert_int_equal(parse_u32("4294967296", 0, UINT32_MAX, &v, &e), -1);
    assert_int_equal(parse_u32("65536", 1, 65535, &v, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(e.text, "expected a number from 1 to 65535");
    assert_int_equal(v, UINT32_MAX);
}

static void test_parse_u64_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "+1",
                                      "-1",
                                      " 1",
                                      "1 ",
                                      "01",
                                      "00",
                                      "0x1",
                                      "1a",
                                      "1.0",
                                      "1e3",
                                      "1\n",
                                      "१",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    uint64_t v = 7;

    for (size_t i = 0; i < COUNT(bad); i++)
        if (parse_u64(bad[i], 0, UINT64_MAX, &v, NULL) == 0)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(parse_u64(NULL, 0, 1, &v, NULL), -1);
    assert_int_equal(v, 7);
    assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &v, NULL), 0);
    assert_true(v == UINT64_MAX);
}

static void test_parse_i64_limits(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "-", "--1", "-0", "+1", "- 1", "9223372036854775808", "-9223372036854775809", "-01"};
    int64_t v = 7;

    for (size_t i = 0; i < COUNT(bad); i++)
        if (parse_i64(bad[i], INT64_MIN, INT64_MAX, &v, NULL) == 0)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v, NULL), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &v, NULL), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(parse_i64("-5", -5, 5, &v, NULL), 0);
    assert_int_equal(v, -5);
    assert_int_equal(parse_i64("-6", -5, 5, &v, NULL), -1);
}

static void test_parse_bool_cases(void **state)
{
    (void)state;
    bool v = false;

    assert_int_equal(parse_bool("true", &v, NULL), 0);
    assert_true(v);
    assert_int_equal(parse_bool("false", &v, NULL), 0);
    assert_false(v);
    assert_int_equal(parse_bool("True", &v, NULL), -1);
    assert_int_equal(parse_bool("1", &v, NULL), -1);
    assert_int_equal(parse_bool(NULL, &v, NULL), -1);
}

static void test_parse_size_and_duration(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t size, duration; /* -1: refused */
    } cases[] = {
        {"512", 512, -1},
        {"0", 0, -1},
        {"64K", 65536, -1},
        {"1M", 1 << 20, -1},
        {"2G", INT64_C(2) << 30, -1},
        {"1k", -1, -1},
        {"K", -1, -1},
        {"", -1, -1},
        {"1KB", -1, -1},
        {"-1K", -1, -1},
        {"1.5M", -1, -1},
        {"90s", -1, 90},
        {"15m", -1, 900},
        {"12h", -1, 43200},
        {"30d", -1, 2592000},
        {"0s", -1, 0},
        {"36500d", -1, INT64_C(3153600000)},
        {"36501d", -1, -1},
        {"1w", -1, -1},
        {"1h30m", -1, -1},
        {"18446744073709551615G", -1, -1},
        {"18446744073709551615d", -1, -1},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t size = 0, seconds = 0;
        int64_t got =
            parse_size(cases[i].text, UINT64_C(2) << 30, &size, NULL) < 0 ? -1 : (int64_t)size;
        if (got != cases[i].size)
            fail_msg("size %s: %lld", cases[i].text, (long long)got);
        got = parse_duration(cases[i].text, &seconds, NULL) < 0 ? -1 : (int64_t)seconds;
        if (got != cases[i].duration)
            fail_msg("duration %s: %lld", cases[i].text, (long long)got);
    }
    uint64_t v;
    assert_int_equal(parse_size("2K", 2047, &v, NULL), -1);
}

#define L63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static void test_parse_host_cases(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool wildcard, ok;
    } cases[] = {
        {"example.com", false, true},
        {"A-b.Example", false, true},
        {"localhost", false, true},
        {"3com.com", false, true},
        {L63 ".com", false, true},
        {"*.example.com", true, true},
        {"example.com", true, true},
        {"xn--bcher-kva.example", false, true},
        {L63 "x.com", false, false},
        {"*.example.com", false, false},
        {"*", true, false},
        {"*.", true, false},
        {"a.*.com", true, false},
        {"*.*.com", true, false},
        {"", false, false},
        {".", false, false},
        {"example.com.", false, false},
        {".example", false, false},
        {"a..b", false, false},
        {"-a.b", false, false},
        {"a-.b", false, false},
        {"a_b.c", false, false},
        {"a b", false, false},
        {"1.2.3.4", false, false},
        {"a.1", false, false},
        {"b\xc3\xbc.de", false, false},
        {"a.b\n", false, false},
        {L63 "." L63 "." L63 "." L63, false, false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[256] = "";
        if ((parse_host(cases[i].text, cases[i].wildcard, out, sizeof(out), NULL) == 0) !=
            cases[i].ok)
            fail_msg("%s", cases[i].text);
    }
    char out[12];
    assert_int_equal(parse_host("Example.COM", false, out, sizeof(out), NULL), 0);
    assert_string_equal(out, "example.com");
    struct err e = {0};
    assert_int_equal(parse_host("Example.COMM", false, out, sizeof(out), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(out, "example.com");
}

static void test_parse_ip_cases(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::", "::"},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.01", NULL},
        {"0x7f.0.0.1", NULL},
        {"fe80::1%eth0", NULL},
        {"[::1]", NULL},
        {"::1 ", NULL},
        {"", NULL},
        {":::", NULL},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[64];
        int got = parse_ip(cases[i].text, out, sizeof(out), NULL);
        assert_int_equal(got, cases[i].canonical ? 0 : -1);
        if (cases[i].canonical)
            assert_string_equal(out, cases[i].canonical);
    }
}

static void test_parse_host_port_cases(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } cases[] = {
        {"host:443", "host", 443},  {"WWW.Example:1", "www.example", 1},
        {"[::1]:443", "::1", 443},  {"1.2.3.4:65535", "1.2.3.4", 65535},
        {"host", NULL, 0},          {"host:", NULL, 0},
        {":443", NULL, 0},          {"host:0", NULL, 0},
        {"host:65536", NULL, 0},    {"host:+1", NULL, 0},
        {"::1:443", NULL, 0},       {"[::1]", NULL, 0},
        {"[1.2.3.4]:443", NULL, 0}, {"[::1:443", NULL, 0},
        {"[]:443", NULL, 0},        {"[:443", NULL, 0},
        {"host:443:1", NULL, 0},    {"", NULL, 0},
        {"*.host:443", NULL, 0},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char host[256] = "";
        uint16_t port = 0;
        int got = parse_host_port(cases[i].text, host, sizeof(host), &port, NULL);
        if (got != (cases[i].host ? 0 : -1))
            fail_msg("%s", cases[i].text);
        assert_string_equal(host, cases[i].host ? cases[i].host : "");
        assert_int_equal(port, cases[i].port);
    }
}

static void test_utf8_valid_cases(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"", true},
        {"abc", true},
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xef\xbf\xbf", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xc2", false},
        {"\xc2\x41", false},
        {"\xe0\x9f\xbf", false},
        {"\xed\xa0\x80", false},
        {"\xe2\x82", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"ok\xfe", false},
        {"\xf0\x90\x80", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        if (utf8_valid(cases[i].text, strlen(cases[i].text)) != cases[i].ok)
            fail_msg("case %zu", i);
}

static void test_text_clean_cases(void **state)
{
    (void)state;
    assert_true(text_clean("a\xc2\xa0z", 4, NULL));
    assert_true(text_clean("a\n\tb", 4, "\n\t"));
    assert_true(text_clean("", 0, NULL));
    assert_false(text_clean("a\nb", 3, NULL));
    assert_false(text_clean("a\rb", 3, "\n\t"));
    assert_false(text_clean("a\0b", 3, "\n"));
    assert_false(text_clean("\x7f", 1, NULL));
    assert_false(text_clean("\xc2\x9b", 2, NULL)); /* C1: a CSI to some terminals */
    assert_false(text_clean("\xff", 1, NULL));
}

static void test_str_helpers(void **state)
{
    (void)state;
    char out[4] = "old";
    struct err e = {0};

    assert_true(str_eq(NULL, NULL) && str_eq("a", "a"));
    assert_false(str_eq(NULL, "") || str_eq("a", "A"));
    assert_true(str_ieq("aB-", "Ab-") && str_ieq(NULL, NULL));
    assert_false(str_ieq("a", "ab") || str_ieq("ab", "a") || str_ieq(NULL, "") ||
                 str_ieq("@", "`"));
    assert_true(str_starts("abc", "ab") && str_starts("abc", "") && !str_starts("a", "ab"));
    assert_true(str_ends("abc", "bc") && str_ends("abc", "") && !str_ends("c", "bc"));
    assert_false(str_starts(NULL, "") || str_ends(NULL, ""));
    assert_int_equal(str_copy(out, sizeof(out), "1234", &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(out, "old");
    assert_int_equal(str_copy(out, sizeof(out), "123", &e), 0);
    assert_string_equal(out, "123");
}

static void test_buf_add_shell_quotes(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf b = BUF(100);

    buf_add_shell(&b, "");
    buf_add_shell(&b, "a b$(x)`\"\\");
    buf_add_shell(&b, "it's");
    assert_string_equal(buf_cstr(&b), "'''a b$(x)`\"\\''it'\\''s'");
    buf_add_shell(&b, "two\nlines");
    assert_false(buf_ok(&b));
    buf_clear(&b);
    buf_add_shell(&b, NULL);
    assert_false(buf_ok(&b));
}

static void test_strs_split_and_join(void **state)
{
    (void)state;
    OWN(strs_free)
    struct strs s = {0};
    OWN(own_mem)
    char *none = strs_join(&s, ",");

    strs_split(&s, ", a,,b , c ,", ", ");
    assert_int_equal(s.n, 3);
    OWN(own_mem)
    char *all = strs_join(&s, "; ");
    assert_string_equal(none, "");
    assert_string_equal(all, "a; b; c");
    assert_true(strs_has(&s, "b"));
    assert_false(strs_has(&s, "B"));
    for (int i = 0; i < 100; i++)
        strs_add_n(&s, "xyz", 2);
    assert_int_equal(s.n, 103);
    assert_string_equal(s.v[102], "xy");
    strs_free(&s);
    strs_split(&s, "", ",");
    assert_int_equal(s.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_u32_limits),
        cmocka_unit_test(test_parse_u64_refuses),
        cmocka_unit_test(test_parse_i64_limits),
        cmocka_unit_test(test_parse_bool_cases),
        cmocka_unit_test(test_parse_size_and_duration),
        cmocka_unit_test(test_parse_host_cases),
        cmocka_unit_test(test_parse_ip_cases),
        cmocka_unit_test(test_parse_host_port_cases),
        cmocka_unit_test(test_utf8_valid_cases),
        cmocka_unit_test(test_text_clean_cases),
        cmocka_unit_test(test_str_helpers),
        cmocka_unit_test(test_buf_add_shell_quotes),
        cmocka_unit_test(test_strs_split_and_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
