/* Buffers: the limit, sticky failure, growth, secret growth; the strict reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/buf.h"
#include "src/base/own.h"

static void test_buf_add_up_to_the_limit(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf b = BUF(5);
    struct err e = {0};

    buf_add_str(&b, "abc");
    buf_addf(&b, "%d", 42);
    assert_true(buf_ok(&b));
    assert_string_equal(buf_cstr(&b), "abc42");
    buf_addc(&b, 'x');
    assert_false(buf_ok(&b));
    assert_int_equal(buf_check(&b, "body", &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(buf_cstr(&b), "abc42");
    buf_clear(&b);
    assert_int_equal(buf_check(&b, "body", &e), 0);
    assert_string_equal(buf_cstr(&b), "");
}

static void test_buf_failure_is_sticky(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf b = BUF(4);

    buf_add(&b, "too long", 8);
    buf_addc(&b, 'a'); /* would fit */
    buf_addf(&b, "%s", "b");
    assert_int_equal(b.n, 0);
    assert_false(buf_ok(&b));
}

static void test_buf_add_refuses_overflowing_sizes(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf b = BUF(16);
    volatile size_t huge = SIZE_MAX;

    buf_addc(&b, 'a');
    buf_add(&b, "x", huge);
    assert_false(buf_ok(&b));
    assert_int_equal(b.n, 1);
}

static void test_buf_secret_grows(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf b = BUF_SECRET(100000);

    for (int i = 0; i < 10000; i++)
        buf_addc(&b, (char)('a' + i % 26));
    assert_true(buf_ok(&b));
    assert_int_equal(b.n, 10000);
    for (size_t i = 0; i < b.n; i++)
        assert_int_equal(b.p[i], 'a' + i % 26);
    buf_clear(&b);
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(b.p[i], 0);
}

static void test_buf_take_str_leaves_it_empty(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf b = BUF(10);
    OWN(own_mem)
    char *none = buf_take_str(&b);

    buf_add_str(&b, "x");
    OWN(own_mem)
    char *one = buf_take_str(&b);
    assert_string_equal(none, "");
    assert_string_equal(one, "x");
    assert_null(b.p);
    assert_int_equal(b.limit, 10);
}

static void test_reader_reads_back(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf b = BUF(100);

    buf_add_u8(&b, 0xFE);
    buf_add_u16(&b, 0xFEDC);
    buf_add_u32(&b, 0xFEDCBA98);
    buf_add_u64(&b, 0xFEDCBA9876543210);
    buf_add_str(&b, "end");
    assert_memory_equal(b.p, "\xFE\xFE\xDC\xFE\xDC\xBA\x98", 7);
    struct reader r = reader_of(buf_blob(&b));
    assert_int_equal(read_u8(&r), 0xFE);
    assert_int_equal(read_u16(&r), 0xFEDC);
    assert_int_equal(read_u32(&r), 0xFEDCBA98);
    assert_int_equal(read_u64(&r), 0xFEDCBA9876543210);
    assert_false(reader_done(&r));
    assert_true(blob_eq(read_bytes(&r, 3), blob_str("end")));
    assert_true(reader_done(&r));
}

static void test_reader_failure_is_sticky(void **state)
{
    (void)state;
    struct reader r = reader_of(BLOB("\1\2\3", 3));

    assert_int_equal(read_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(read_u8(&r), 0); /* would fit */
    assert_int_equal(read_bytes(&r, 1).n, 0);
    assert_false(reader_done(&r));
    r = reader_of(BLOB("abc", 3));
    read_u8(&r);
    assert_null(read_bytes(&r, SIZE_MAX).p);
    assert_true(r.failed);
    r = reader_of(BLOB(NULL, 0));
    assert_int_equal(read_bytes(&r, 0).n, 0);
    assert_true(reader_done(&r));
}

static void test_blob_eq_cases(void **state)
{
    (void)state;
    assert_true(blob_eq(BLOB(NULL, 0), blob_str("")));
    assert_true(blob_eq(blob_str(NULL), blob_str("")));
    assert_false(blob_eq(blob_str("a"), blob_str("b")));
    assert_false(blob_eq(blob_str("a"), blob_str("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_add_up_to_the_limit),
        cmocka_unit_test(test_buf_failure_is_sticky),
        cmocka_unit_test(test_buf_add_refuses_overflowing_sizes),
        cmocka_unit_test(test_buf_secret_grows),
        cmocka_unit_test(test_buf_take_str_leaves_it_empty),
        cmocka_unit_test(test_reader_reads_back),
        cmocka_unit_test(test_reader_failure_is_sticky),
        cmocka_unit_test(test_blob_eq_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
