/* A head of the audit chain, signed with a key of the test instead of one in the token. */
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "src/base/time.h"
#include "src/core/audit.h"
#include "tests/unit/src/core/store/store_test.h"

/* Signs the newest record and stores the head. */
static void sign_head(struct txn *t, EVP_PKEY *key)
{
    OWN(buf_free)
    struct buf tbs = BUF(256);
    uint8_t hash[32], signature[256], *spki = NULL;
    size_t n = sizeof(signature);
    uint64_t seq;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    OK(audit_head(t, &seq, hash, &e));
    audit_head_tbs(seq, now_s(), hash, &tbs);
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &n, tbs.p, tbs.n), 1);
    EVP_MD_CTX_free(ctx);
    const int spki_n = i2d_PUBKEY(key, &spki);
    assert_true(spki_n > 0);
    OK(audit_store_head(t, seq, now_s(), hash, BLOB(signature, n), BLOB(spki, (size_t)spki_n), &e));
    OPENSSL_free(spki);
}
