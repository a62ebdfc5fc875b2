#include "src/base/own.h"
#include "src/key/envelope.h"
#include "tests/softhsm.h"

static struct token token;

static const struct envelope sample = {
    .kind = ENVELOPE_WRAPPED,
    .alg = KEY_P256,
    .policy = KEY_POLICY_SEALED,
    .purposes = PURPOSE_CSR | PURPOSE_TLS_SERVER,
    .label = "www.example.com",
    .spki = {"0123456789", 10},
    .body = {"a wrapped key, as it were", 25},
};

static void test_envelope_open_gives_back_what_was_sealed(void **state)
{
    (void)state;
    struct err e = {0};
    struct envelope out;
    OWN(buf_free)
    struct buf bytes = BUF(ENVELOPE_MAX_BYTES);
    assert_int_equal(envelope_seal(&token, &sample, &bytes, &e), 0);
    assert_memory_equal(bytes.p, "CKE1\2\4\2\0\0\0\3\17www.example.com\0\012", 29);
    assert_int_equal(bytes.n, 4 + 3 + 4 + 1 + 15 + 2 + 10 + 2 + 25 + 32);
    assert_int_equal(envelope_open(&token, buf_blob(&bytes), &out, &e), 0);
    assert_int_equal(out.kind, sample.kind);
    assert_int_equal(out.alg, sample.alg);
    assert_int_equal(out.policy, sample.policy);
    assert_int_equal(out.purposes, sample.purposes);
    assert_string_equal(out.label, sample.label);
    assert_true(blob_eq(out.spki, sample.spki));
    assert_true(blob_eq(out.body, sample.body));
}

static void test_envelope_open_refuses_every_flipped_byte_cut_and_tail(void **state)
{
    (void)state;
    struct err e = {0};
    struct envelope out;
    OWN(buf_free)
    struct buf bytes = BUF(ENVELOPE_MAX_BYTES);
    assert_int_equal(envelope_seal(&token, &sample, &bytes, &e), 0);
    for (size_t i = 0; i < bytes.n; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 3) {
            bytes.p[i] ^= (uint8_t)bit;
            e = (struct err){0};
            assert_int_equal(envelope_open(&token, buf_blob(&bytes), &out, &e), -1);
            assert_int_equal(e.code, ERR_DENIED);
            bytes.p[i] ^= (uint8_t)bit;
        }
        assert_int_equal(envelope_open(&token, BLOB(bytes.p, i), &out, &e), -1);
        assert_int_equal(envelope_parse(BLOB(bytes.p, i), &out, &e), -1);
    }
    buf_addc(&bytes, 0);
    assert_int_equal(envelope_open(&token, buf_blob(&bytes), &out, &e), -1);
    assert_int_equal(envelope_parse(buf_blob(&bytes), &out, &e), -1);
}

static void test_envelope_write_refuses_contradictions(void **state)
{
    (void)state;
    struct envelope bad[12];
    for (size_t i = 0; i < COUNT(bad); i++)
        bad[i] = sample;
    bad[0].kind = 9;
    bad[1].alg = 77;
    bad[2].policy = KEY_POLICY_TOKEN;
    bad[3].kind = ENVELOPE_TOKEN;
    bad[4].purposes = 0;
    bad[5].purposes = 1u << 20;
    bad[6].label[0] = 0;
    bad[7].label[3] = '\n';
    bad[8].spki.n = 0;
    bad[9].body.n = 0;
    bad[10].policy = 4;
    bad[11].kind = ENVELOPE_TOKEN;
    bad[11].policy = KEY_POLICY_TOKEN; /* its body is not an id of 16 bytes */
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct err e = {0};
        OWN(buf_free)
        struct buf out = BUF(ENVELOPE_MAX_BYTES);
        if (envelope_write(&bad[i], &out, &e) == 0)
            fail_msg("case %zu was written", i);
        assert_int_equal(e.code, ERR_INPUT);
        assert_int_equal(out.n, 0);
    }
}

static void test_envelope_open_refuses_boot_kind(void **state)
{
    (void)state;
    struct err e = {0};
    struct envelope in = sample, out;
    in.kind = ENVELOPE_BOOT;
    in.policy = KEY_POLICY_TOKEN;
    in.body = BLOB("0123456789abcdef", 16);
    OWN(buf_free)
    struct buf bytes = BUF(ENVELOPE_MAX_BYTES);
    assert_int_equal(envelope_seal(&token, &in, &bytes, &e), 0);
    assert_int_equal(envelope_open(&token, buf_blob(&bytes), &out, &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
}

static int setup(void **state)
{
    (void)state;
    softhsm_open(&token);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    token_close(&token);
    softhsm_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope_open_gives_back_what_was_sealed),
        cmocka_unit_test(test_envelope_open_refuses_every_flipped_byte_cut_and_tail),
        cmocka_unit_test(test_envelope_write_refuses_contradictions),
        cmocka_unit_test(test_envelope_open_refuses_boot_kind),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
