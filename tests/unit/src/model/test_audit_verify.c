/* Exported audit chains: what fits is reported, and every way to tamper with one is found. */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/kdf.h"
#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/model/audit_verify.h"

#define RECORDS 6
#define SIGNED 4

/* A chain of RECORDS lines with one head behind line SIGNED: lines[SIGNED] is the head. */
struct made {
    struct strs lines;
    uint8_t *spki;
    size_t spki_n;
};

static void add_record(struct made *m, uint64_t seq, uint8_t hash[32])
{
    OWN(own_mem)
    char *prev = hex_str(BLOB(hash, 32));
    OWN(own_mem)
    char *line =
        xasprintf("{\"seq\":%llu,\"time\":\"2026-11-21T00:00:00Z\",\"actor\":\"alice\",\"client\":"
                  "\"\",\"action\":\"cert.renew\",\"object\":\"\",\"name\":\"\",\"result\":\"ok\","
                  "\"detail\":\"\",\"prev\":\"%s\"}",
                  (unsigned long long)seq, prev);

    strs_add(&m->lines, line);
    assert_int_equal(sha256(blob_str(line), hash, NULL), 0);
}

static void add_head(struct made *m, EVP_PKEY *key, const char *digest, uint64_t seq,
                     const uint8_t hash[32])
{
    OWN(buf_free)
    struct buf tbs = BUF(256);
    OWN(buf_free)
    struct buf line = BUF(4096);
    uint8_t signature[256];
    size_t n = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    OWN(own_mem)
    char *hex = hex_str(BLOB(hash, 32));

    audit_head_bytes(seq, 1795219200, hash, &tbs);
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &n, tbs.p, tbs.n), 1);
    EVP_MD_CTX_free(ctx);
    m->spki = NULL;
    m->spki_n = (size_t)i2d_PUBKEY(key, &m->spki);
    buf_addf(&line,
             "{\"head\":%llu,\"time\":\"2026-11-21T00:00:00Z\",\"hash\":\"%s\",\"signature\":\"",
             (unsigned long long)seq, hex);
    enc_base64(&line, BLOB(signature, n));
    buf_add_str(&line, "\",\"spki\":\"");
    enc_base64(&line, BLOB(m->spki, m->spki_n));
    buf_add_str(&line, "\"}");
    strs_add(&m->lines, buf_cstr(&line));
}

static struct made make(EVP_PKEY *key, const char *digest)
{
    struct made m = {0};
    uint8_t hash[32] = {0};

    for (uint64_t i = 1; i <= RECORDS; i++) {
        add_record(&m, i, hash);
        if (i == SIGNED)
            add_head(&m, key, digest, i, hash);
    }
    return m;
}

static void made_free(struct made *m)
{
    strs_free(&m->lines);
    OPENSSL_free(m->spki);
}

static void join(const struct strs *lines, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < lines->n; i++)
        buf_addf(out, "%s\n", lines->v[i]);
}

/* -1 with text in why, or 0. */
static int verify(const struct strs *lines, struct blob spki, struct audit_report *r,
                  struct err *why)
{
    OWN(buf_free)
    struct buf file = BUF(100000);

    join(lines, &file);
    return audit_verify(buf_blob(&file), spki, r, why);
}

static void refused(const struct strs *lines, const char *words)
{
    struct audit_report r;
    struct err why = {0};

    if (verify(lines, BLOB(NULL, 0), &r, &why) == 0)
        fail_msg("accepted; expected: %s", words);
    assert_int_equal(why.code, ERR_CRYPTO);
    if (!strstr(why.text, words))
        fail_msg("%s; expected: %s", why.text, words);
}

static void test_audit_verify_reports(void **state)
{
    static const char *const kinds[][2] = {{"EC", "SHA256"}, {"ED25519", NULL}};

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        EVP_PKEY *key = i ? EVP_PKEY_Q_keygen(NULL, NULL, kinds[i][0]) : EVP_EC_gen("P-256");
        OWN(made_free)
        struct made m = make(key, kinds[i][1]);
        struct audit_report r;
        struct err why = {0};
        if (verify(&m.lines, BLOB(m.spki, m.spki_n), &r, &why) < 0)
            fail_msg("%s", why.text);
        assert_int_equal(r.records, RECORDS);
        assert_int_equal(r.heads, 1);
        assert_int_equal(r.signed_up_to, SIGNED);
        EVP_PKEY_free(key);
    }
}

static void test_audit_verify_refuses_other_key(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    OWN(made_free)
    struct made m = make(key, "SHA256");
    OWN(made_free)
    struct made n = make(other, "SHA256");
    struct audit_report r;
    struct err why = {0};

    assert_int_equal(verify(&m.lines, BLOB(n.spki, n.spki_n), &r, &why), -1);
    assert_non_null(strstr(why.text, "another key"));
    /* Two heads of one file must agree as well. */
    strs_add(&m.lines, "");
    for (size_t i = m.lines.n - 1; i > SIGNED; i--) {
        free(m.lines.v[i]);
        m.lines.v[i] = xstrdup(m.lines.v[i - 1]);
    }
    free(m.lines.v[SIGNED + 1]);
    m.lines.v[SIGNED + 1] = xstrdup(n.lines.v[SIGNED]);
    refused(&m.lines, "another key");
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* Takes line i out. */
static void cut(struct strs *lines, size_t i)
{
    free(lines->v[i]);
    memmove(&lines->v[i], &lines->v[i + 1], (lines->n - i - 1) * sizeof(*lines->v));
    lines->n--;
}

static void swap(struct strs *lines, size_t i, size_t k)
{
    char *was = lines->v[i];

    lines->v[i] = lines->v[k];
    lines->v[k] = was;
}

static void replace(struct strs *lines, size_t i, const char *from, const char *to)
{
    char *at = strstr(lines->v[i], from);

    assert_non_null(at);
    memcpy(at, to, strlen(to));
}

static void remove_second(struct strs *l)
{
    cut(l, 1);
}
static void remove_first(struct strs *l)
{
    cut(l, 0);
    swap(l, 2, 3);
}
static void reorder(struct strs *l)
{
    swap(l, 1, 2);
}
static void change_actor(struct strs *l)
{
    replace(l, 1, "alice", "mally");
}
static void change_signed_record(struct strs *l)
{
    replace(l, SIGNED - 1, "alice", "mally");
}
static void remove_signed_record(struct strs *l)
{
    cut(l, SIGNED - 1);
}
static void change_head_time(struct strs *l)
{
    replace(l, SIGNED, "2026", "2025");
}
static void repeat_record(struct strs *l)
{
    free(l->v[1]);
    l->v[1] = xstrdup(l->v[0]);
}
static void add_member(struct strs *l)
{
    replace(l, 1, "\"client\"", "\"klient\"");
}
static void break_line(struct strs *l)
{
    l->v[2][10] = 0;
}
static void truncate_tail(struct strs *l)
{
    while (l->n > SIGNED + 1)
        cut(l, SIGNED + 1);
    cut(l, SIGNED - 1);
    cut(l, SIGNED - 2);
}

static void test_audit_verify_finds_tampering(void **state)
{
    (void)state;
    static const struct {
        void (*tamper)(struct strs *lines);
        const char *words;
    } cases[] = {
        {remove_second, "record 3 follows record 1"},
        {remove_first, "head 4: its record is missing"},
        {reorder, "record 3 follows record 1"},
        {change_actor, "record 3: the record before it was changed"},
        {change_signed_record, "head 4: record 4 was changed"},
        {remove_signed_record, "head 4: its record is missing"},
        {change_head_time, "signature does not fit"},
        {repeat_record, "record 1 follows record 1"},
        {add_member, "klient"},
        {break_line, "expected JSON"},
        {truncate_tail, "head 4: its record is missing"},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");

    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(made_free)
        struct made m = make(key, "SHA256");
        cases[i].tamper(&m.lines);
        refused(&m.lines, cases[i].words);
    }
    EVP_PKEY_free(key);
}

/* Any one bit of the signed part, flipped: never accepted. */
static void test_audit_verify_finds_every_bit(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    OWN(made_free)
    struct made m = make(key, "SHA256");
    OWN(buf_free)
    struct buf file = BUF(100000);
    struct audit_report r;
    size_t n = 0;

    join(&m.lines, &file);
    for (size_t i = 0; i <= SIGNED; i++)
        n += strlen(m.lines.v[i]) + 1;
    for (size_t i = 0; i < n; i++) {
        uint8_t bit = (uint8_t)(1u << i % 8);
        file.p[i] ^= bit;
        if (audit_verify(buf_blob(&file), BLOB(m.spki, m.spki_n), &r, NULL) == 0)
            fail_msg("byte %zu: accepted", i);
        file.p[i] ^= bit;
    }
    assert_int_equal(audit_verify(buf_blob(&file), BLOB(m.spki, m.spki_n), &r, NULL), 0);
    EVP_PKEY_free(key);
}

static void test_audit_verify_refuses_cut_file(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    OWN(made_free)
    struct made m = make(key, "SHA256");
    OWN(buf_free)
    struct buf file = BUF(100000);
    struct audit_report r;
    struct err why = {0};

    join(&m.lines, &file);
    assert_int_equal(audit_verify(BLOB(file.p, file.n - 1), BLOB(NULL, 0), &r, &why), -1);
    assert_non_null(strstr(why.text, "cut off"));
    assert_int_equal(audit_verify(BLOB(NULL, 0), BLOB(NULL, 0), &r, &why), -1);
    assert_int_equal(why.code, ERR_INPUT);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audit_verify_reports),
        cmocka_unit_test(test_audit_verify_refuses_other_key),
        cmocka_unit_test(test_audit_verify_finds_tampering),
        cmocka_unit_test(test_audit_verify_finds_every_bit),
        cmocka_unit_test(test_audit_verify_refuses_cut_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
