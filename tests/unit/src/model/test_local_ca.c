/* The memory of the local CA: what is written is read, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/model/local_ca.h"

static void sample(struct local_ca *ca)
{
    *ca = (struct local_ca){.crl_number = 3, .crl_this = 100, .crl_next = 200, .n = 2};
    bytes_set(&ca->root, blob_str("root"));
    bytes_set(&ca->crl, blob_str("crl"));
    ca->revoked = xcalloc(2, sizeof(*ca->revoked));
    ca->revoked[0] = (struct local_revoked){
        .serial = {1, 2}, .serial_n = 2, .revoked_at = 5, .not_after = 9, .reason = 1};
    ca->revoked[1] = (struct local_revoked){
        .serial = {3}, .serial_n = 1, .revoked_at = 6, .not_after = 8, .reason = 10};
}

static void test_local_ca_round_trip(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf out = BUF(LOCAL_CA_MAX_BYTES);
    OWN(local_ca_free)
    struct local_ca a = {0};
    OWN(local_ca_free)
    struct local_ca b = {0};

    sample(&a);
    assert_int_equal(local_ca_encode(&a, &out, NULL), 0);
    assert_int_equal(local_ca_decode(buf_blob(&out), &b, NULL), 0);
    assert_true(blob_eq(bytes_blob(&b.root), blob_str("root")));
    assert_true(blob_eq(bytes_blob(&b.crl), blob_str("crl")));
    assert_int_equal(b.n, 2);
    assert_int_equal(b.crl_number, 3);
    assert_int_equal(b.revoked[1].reason, 10);
    assert_int_equal(b.revoked[0].serial[1], 2);
}

static void test_local_ca_decode_refuses_what_is_cut_or_longer(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf out = BUF(LOCAL_CA_MAX_BYTES);
    OWN(local_ca_free)
    struct local_ca a = {0};
    struct local_ca b = {0};

    sample(&a);
    assert_int_equal(local_ca_encode(&a, &out, NULL), 0);
    for (size_t n = 1; n < out.n; n++)
        assert_int_equal(local_ca_decode(BLOB(out.p, n), &b, NULL), -1);
    buf_addc(&out, 'x');
    assert_int_equal(local_ca_decode(buf_blob(&out), &b, NULL), -1);
    assert_int_equal(local_ca_decode(BLOB(NULL, 0), &b, NULL), 0);
    assert_int_equal(b.root.n, 0);
}

static void test_local_ca_encode_fits_a_full_list(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf out = BUF(LOCAL_CA_MAX_BYTES);
    OWN(buf_free)
    struct buf big = BUF(160 * 1024);
    OWN(local_ca_free)
    struct local_ca a = {.n = LOCAL_REVOKED_MAX,
                         .revoked = xcalloc(LOCAL_REVOKED_MAX, sizeof(struct local_revoked))};

    while (big.n < 160 * 1024)
        buf_addc(&big, 'c');
    bytes_set(&a.root, blob_str("root"));
    bytes_set(&a.crl, buf_blob(&big));
    for (size_t i = 0; i < a.n; i++)
        a.revoked[i].serial_n = LOCAL_SERIAL_MAX;
    assert_int_equal(local_ca_encode(&a, &out, NULL), 0);
}

static void test_local_order_round_trip(void **state)
{
    (void)state;
    const struct local_order a = {.serial = {0x40, 1}, .not_before = 1, .not_after = 2};
    struct local_order b;
    OWN(buf_free)
    struct buf out = BUF(64);

    local_order_encode(&a, &out);
    assert_int_equal(local_order_decode(buf_blob(&out), &b, NULL), 0);
    assert_memory_equal(a.serial, b.serial, sizeof(a.serial));
    assert_int_equal(b.not_after, 2);
    for (size_t n = 0; n < out.n; n++)
        assert_int_equal(local_order_decode(BLOB(out.p, n), &b, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_ca_round_trip),
        cmocka_unit_test(test_local_ca_decode_refuses_what_is_cut_or_longer),
        cmocka_unit_test(test_local_ca_encode_fits_a_full_list),
        cmocka_unit_test(test_local_order_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
