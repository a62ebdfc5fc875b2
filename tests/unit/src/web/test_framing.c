/* Where a body ends, by length and by chunks, however the bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/web/framing.h"

static const struct {
    const char *bytes;
    int taken; /* -1: refused */
    bool done;
} chunked[] = {
    {"0\r\n\r\n", 5, true},
    {"0\r\n\r\nGET", 5, true},
    {"3\r\nabc\r\n0\r\n\r\n", 13, true},
    {"A\r\n0123456789\r\n00\r\n\r\n", 21, true},
    {"3\r\nab", 5, false},
    {"\r\n", -1, false},
    {"3;a\r\nabc", -1, false},
    {"3 \r\nabc", -1, false},
    {"0x3\r\nabc", -1, false},
    {"3\nabc", -1, false},
    {"3\r\nabcd", -1, false},
    {"3\r\nabc\n", -1, false},
    {"0000003\r\n", -1, false},
    {"200000\r\n", -1, false},
    {"0\r\nX: 1\r\n\r\n", -1, false},
    {"-1\r\n", -1, false},
};

static void test_framing_take_chunks_whole_and_by_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(chunked); i++) {
        const uint8_t *p = (const uint8_t *)chunked[i].bytes;
        const size_t n = strlen(chunked[i].bytes);
        struct framing whole = {.state = FRAMING_SIZE}, parts = whole;
        size_t taken = 0, sum = 0;
        int rc = framing_take(&whole, p, n, &taken);
        if ((rc < 0 ? -1 : (int)taken) != chunked[i].taken)
            fail_msg("chunks %zu: took %d", i, rc < 0 ? -1 : (int)taken);
        assert_int_equal(rc == 0 && whole.state == FRAMING_DONE, chunked[i].done);
        rc = 0;
        for (size_t at = 0; rc == 0 && at < n; at++) {
            taken = 0;
            rc = framing_take(&parts, p + at, 1, &taken);
            sum += taken;
        }
        assert_int_equal(rc < 0 ? -1 : (int)sum, chunked[i].taken);
    }
}

static void test_framing_take_length(void **state)
{
    struct request *r = xcalloc(1, sizeof(*r));
    size_t taken;

    (void)state;
    r->content_length = 3;
    struct framing f = framing_of(r);
    assert_int_equal(framing_take(&f, (const uint8_t *)"ab", 2, &taken), 0);
    assert_int_equal(taken, 2);
    assert_int_not_equal(f.state, FRAMING_DONE);
    assert_int_equal(framing_take(&f, (const uint8_t *)"cGET", 4, &taken), 0);
    assert_int_equal(taken, 1);
    assert_int_equal(f.state, FRAMING_DONE);
    r->content_length = 0;
    assert_int_equal(framing_of(r).state, FRAMING_DONE);
    request_free(r);
}

static void test_framing_take_refuses_more_than_a_mebibyte_in_chunks(void **state)
{
    struct framing f = {.state = FRAMING_SIZE};
    OWN(own_mem)
    uint8_t *data = xcalloc(1, 0x80000);
    size_t taken;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(framing_take(&f, (const uint8_t *)"80000\r\n", 7, &taken), 0);
        assert_int_equal(framing_take(&f, data, 0x80000, &taken), 0);
        assert_int_equal(framing_take(&f, (const uint8_t *)"\r\n", 2, &taken), 0);
    }
    assert_int_equal(framing_take(&f, (const uint8_t *)"1\r\n", 3, &taken), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing_take_chunks_whole_and_by_bytes),
        cmocka_unit_test(test_framing_take_length),
        cmocka_unit_test(test_framing_take_refuses_more_than_a_mebibyte_in_chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
