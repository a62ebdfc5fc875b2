/* Log lines: one line, fixed order, nothing from outside can forge another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"

struct capture {
    int saved;
    int pipe[2];
    int64_t ms;
};

static void capture_start(struct capture *c)
{
    c->ms = 1795229100007;
    clock_replace(&c->ms);
    assert_int_equal(pipe(c->pipe), 0);
    c->saved = dup(STDERR_FILENO);
    dup2(c->pipe[1], STDERR_FILENO);
}

/* What was written since, as a string. */
static size_t capture_end(struct capture *c, char *out, size_t size)
{
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    close(c->pipe[1]);
    ssize_t n = read(c->pipe[0], out, size - 1);
    close(c->pipe[0]);
    clock_replace(NULL);
    out[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

static void test_log_line_form(void **state)
{
    (void)state;
    struct capture c;
    char text[8192];

    capture_start(&c);
    log_info("cert.renewed", "id=%s days=%d", "x", 7);
    log_open("core", false);
    log_error("store.full", "%s", "");
    log_warn("a.b", "name=%s", log_q("a\nerror forged"));
    log_debug("off", "x=1");
    log_open("core", true);
    log_debug("on", "x=1");
    capture_end(&c, text, sizeof(text));
    assert_string_equal(text, "2026-11-21T02:45:00.007Z info cert.renewed id=x days=7\n"
                              "2026-11-21T02:45:00.007Z core error store.full \n"
                              "2026-11-21T02:45:00.007Z core warn a.b name=\"a\\x0aerror forged\"\n"
                              "2026-11-21T02:45:00.007Z core debug on x=1\n");
}

static void test_log_line_stays_one_line(void **state)
{
    (void)state;
    struct capture c;
    char text[8192], large[5000];

    memset(large, 'y', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    capture_start(&c);
    log_open("core", false);
    log_info("raw", "x=a\nb\033[2J%s", large);
    size_t n = capture_end(&c, text, sizeof(text));
    assert_in_range(n, 960, 1000);
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    assert_non_null(strstr(text, "x=a?b?[2Jyyy"));
}

static void test_log_q_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *quoted;
    } cases[] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {NULL, "\"\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"a\r\n\t", "\"a\\x0d\\x0a\\x09\""},
        {"caf\xc3\xa9", "\"caf\xc3\xa9\""},
        {"\xff\xc3", "\"\\xff\\xc3\""},
        {"\xc2\x85", "\"\\xc2\\x85\""},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(log_q(cases[i].text), cases[i].quoted);
}

static void test_log_q_cuts_and_rotates(void **state)
{
    (void)state;
    char large[1000];
    const char *q[8];

    for (size_t i = 0; i + 1 < sizeof(large); i++)
        large[i] = "\xf0\x9f\x94\x91"[i % 4];
    large[sizeof(large) - 1] = 0;
    const char *cut = log_q(large);
    assert_in_range(strlen(cut), 380, 399);
    assert_true(str_ends(cut, "...\""));
    assert_true(utf8_valid(cut, strlen(cut)));
    memset(large, 1, sizeof(large) - 1);
    assert_in_range(strlen(log_q(large)), 380, 399);
    for (int i = 0; i < 8; i++) {
        char one[2] = {(char)('a' + i), 0};
        q[i] = log_q(one);
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(q[i][1], 'a' + i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_line_form),
        cmocka_unit_test(test_log_line_stays_one_line),
        cmocka_unit_test(test_log_q_escapes),
        cmocka_unit_test(test_log_q_cuts_and_rotates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
