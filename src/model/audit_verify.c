/*
 * Verifies an exported audit chain: the hash of each line against the next, the numbers, and every
 * signed head. Refuses what it cannot read: a chain with a hole is no chain.
 */
#include "src/model/audit_verify.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "crypto/kdf.h"
#include "src/base/enc.h"
#include "src/base/json.h"
#include "src/base/time.h"

#define LINE_MAX_BYTES (64 * 1024)
#define HASH_HEX 64
#define BASE64_MAX 2048

DEFINE_OWN(EVP_PKEY *, audit_key, EVP_PKEY_free)
DEFINE_OWN(EVP_MD_CTX *, audit_digest, EVP_MD_CTX_free)

struct chain {
    struct audit_report report;
    uint8_t hash[32]; /* of the last record */
    struct buf spki;  /* of the heads */
    EVP_PKEY *key;
};

static const char head_magic[] = "certkeep audit head v1\n";

void audit_head_bytes(uint64_t seq, int64_t time, const uint8_t hash[32], struct buf *out)
{
    buf_add_str(out, head_magic);
    buf_add_u64(out, seq);
    buf_add_u64(out, (uint64_t)time);
    buf_add(out, hash, 32);
}

static int take_record(struct chain *c, const json_t *o, struct blob line, struct err *e)
{
    static const char *const members[] = {"seq",  "time",   "actor",  "client", "action", "object",
                                          "name", "result", "detail", "prev",   NULL};
    const char *prev = "";
    int64_t seq = 0;

    if (json_only(o, members, e) < 0 || json_get_int(o, "seq", 1, INT64_MAX, &seq, e) < 0 ||
        json_get_str(o, "prev", HASH_HEX, &prev, e) < 0)
        return -1;
    OWN(own_mem)
    char *expected = hex_str(BLOB(c->hash, sizeof(c->hash)));
    if (c->report.records > 0 && (uint64_t)seq != c->report.last + 1)
        return err_set(e, ERR_CRYPTO, "record %" PRId64 " follows record %" PRIu64, seq,
                       c->report.last);
    /* The first record of all has nothing before it; a later start must be believed. */
    if ((c->report.records > 0 || seq == 1) && strcmp(prev, expected) != 0)
        return err_set(e, ERR_CRYPTO, "record %" PRId64 ": the record before it was changed", seq);
    if (sha256(line, c->hash, e) < 0)
        return -1;
    if (c->report.records++ == 0)
        c->report.first = (uint64_t)seq;
    c->report.last = (uint64_t)seq;
    return 0;
}

static int set_key(struct chain *c, struct blob spki, struct err *e)
{
    const unsigned char *p = spki.p;
    uint8_t digest[32];

    if (c->key)
        return blob_eq(spki, buf_blob(&c->spki))
                   ? 0
                   : err_set(e, ERR_CRYPTO, "the head is signed with another key");
    OWN(own_audit_key)
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
    if (!key || p != (const unsigned char *)spki.p + spki.n)
        return err_set(e, ERR_CRYPTO, "the public key of the head is damaged");
    if (!EVP_PKEY_is_a(key, "EC") && !EVP_PKEY_is_a(key, "ED25519"))
        return err_set(e, ERR_CRYPTO, "the public key of the head is neither EC nor Ed25519");
    if (sha256(spki, digest, e) < 0)
        return -1;
    OWN(own_mem)
    char *hex = hex_str(BLOB(digest, sizeof(digest)));
    if (str_copy(c->report.spki_sha256, sizeof(c->report.spki_sha256), hex, e) < 0)
        return -1;
    buf_add_blob(&c->spki, spki);
    c->key = TAKE(key);
    return buf_check(&c->spki, "public key", e);
}

static int check_signature(const struct chain *c, struct blob tbs, struct blob signature,
                           struct err *e)
{
    OWN(own_audit_digest)
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const char *digest = EVP_PKEY_is_a(c->key, "ED25519") ? NULL : "SHA256";

    if (!ctx || EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, c->key, NULL) != 1 ||
        EVP_DigestVerify(ctx, signature.p, signature.n, tbs.p, tbs.n) != 1)
        return err_set(e, ERR_CRYPTO, "the signature does not fit");
    return 0;
}

static int get_base64(const json_t *o, const char *name, struct buf *out, struct err *e)
{
    const char *text = "";

    if (json_get_str(o, name, BASE64_MAX, &text, e) < 0)
        return -1;
    return dec_base64(out, text, strlen(text), e) < 0 ? err_wrap(e, "%s", name) : 0;
}

static int take_head(struct chain *c, const json_t *o, struct err *e)
{
    static const char *const members[] = {"head", "time", "hash", "signature", "spki", NULL};
    const char *hash = "", *at = "";
    int64_t seq = 0, time = 0;
    OWN(buf_free)
    struct buf signature = BUF(BASE64_MAX);
    OWN(buf_free)
    struct buf spki = BUF(BASE64_MAX);
    OWN(buf_free)
    struct buf tbs = BUF(256);

    if (json_only(o, members, e) < 0 || json_get_int(o, "head", 1, INT64_MAX, &seq, e) < 0 ||
        json_get_str(o, "time", TIME_TEXT_BYTES, &at, e) < 0 || time_parse(at, &time, e) < 0 ||
        json_get_str(o, "hash", HASH_HEX, &hash, e) < 0 ||
        get_base64(o, "signature", &signature, e) < 0 || get_base64(o, "spki", &spki, e) < 0)
        return -1;
    char canonical[TIME_TEXT_BYTES];
    time_print(time, canonical);
    if (strcmp(at, canonical) != 0) /* one spelling for one signature */
        return err_set(e, ERR_CRYPTO, "head %" PRId64 ": its time was changed", seq);
    OWN(own_mem)
    char *expected = hex_str(BLOB(c->hash, sizeof(c->hash)));
    if (c->report.records == 0 || (uint64_t)seq != c->report.last)
        return err_set(e, ERR_CRYPTO, "head %" PRId64 ": its record is missing", seq);
    if (strcmp(hash, expected) != 0)
        return err_set(e, ERR_CRYPTO, "head %" PRId64 ": record %" PRId64 " was changed", seq, seq);
    audit_head_bytes((uint64_t)seq, time, c->hash, &tbs);
    if (set_key(c, buf_blob(&spki), e) < 0 ||
        check_signature(c, buf_blob(&tbs), buf_blob(&signature), e) < 0)
        return err_wrap(e, "head %" PRId64, seq);
    c->report.heads++;
    c->report.signed_up_to = (uint64_t)seq;
    return 0;
}

static int take_line(struct chain *c, struct blob line, struct err *e)
{
    OWN(own_json)
    json_t *o = json_parse(line, LINE_MAX_BYTES, "line", e);

    if (!o)
        return -1;
    return json_object_get(o, "head") ? take_head(c, o, e) : take_record(c, o, line, e);
}

static int take_lines(struct chain *c, struct blob file, struct err *e)
{
    const char *at = file.p, *end = at + file.n;

    for (uint64_t number = 1; at && at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        int got = stop ? take_line(c, BLOB(at, (size_t)(stop - at)), e)
                       : err_set(e, ERR_CRYPTO, "it is cut off");
        if (got < 0) {
            if (e)
                e->code = ERR_CRYPTO; /* whatever it is: the chain does not hold here */
            return err_wrap(e, "line %" PRIu64 ", behind record %" PRIu64, number, c->report.last);
        }
        at = stop + 1;
    }
    return 0;
}

int audit_verify(struct blob file, struct blob spki, struct audit_report *out, struct err *e)
{
    struct chain c = {.spki = BUF(BASE64_MAX)};
    int got = file.n ? 0 : err_set(e, ERR_INPUT, "the file is empty: expected an audit export");

    if (got == 0 && spki.n)
        got = set_key(&c, spki, e);
    if (got == 0)
        got = take_lines(&c, file, e);
    buf_free(&c.spki);
    EVP_PKEY_free(c.key);
    if (got == 0)
        *out = c.report;
    return got;
}
