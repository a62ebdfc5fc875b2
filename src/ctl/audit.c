/* The audit: export, and verification of an export without the appliance. */
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/show.h"
#include "src/ctl/verbs.h"
#include "src/model/audit_verify.h"

#define AUDIT_MAX_BYTES (1024u * 1024 * 1024)
#define PEM_MAX_BYTES 65536
#define SPKI_MAX_BYTES 16384

DEFINE_OWN(BIO *, bio, BIO_free_all)
DEFINE_OWN(EVP_PKEY *, pkey, EVP_PKEY_free)

int audit_export(struct ctl *c, struct err *e)
{
    const char *first = ctl_option(c, OPT_FIRST), *last = ctl_option(c, OPT_LAST);
    OWN(api_answer_free)
    struct api_answer a = {0};
    uint64_t from = 1, to = 0;

    if (first && parse_u64(first, 1, INT64_MAX, &from, e) < 0)
        return err_wrap(e, "--first");
    if (last && parse_u64(last, from, INT64_MAX, &to, e) < 0)
        return err_wrap(e, "--last");
    OWN(own_mem)
    char *path = last ? xasprintf("/audit/export?from=%llu&to=%llu", (unsigned long long)from,
                                  (unsigned long long)to)
                      : xasprintf("/audit/export?from=%llu", (unsigned long long)from);
    if (api_call(c, "GET", path, NULL, NULL, &a, e) < 0)
        return -1;
    return show_file(c, buf_blob(&a.raw.body), false, 0600, e);
}

int audit_key(struct ctl *c, struct err *e)
{
    OWN(api_answer_free)
    struct api_answer a = {0};

    if (api_call(c, "GET", "/audit/key", NULL, NULL, &a, e) < 0)
        return -1;
    return show_file(c, buf_blob(&a.raw.body), false, 0644, e);
}

static int read_key(const char *path, struct buf *spki, struct err *e)
{
    OWN(buf_free)
    struct buf pem = BUF(PEM_MAX_BYTES);
    uint8_t *der = NULL;

    if (file_read(path, false, &pem, e) < 0)
        return err_wrap(e, "--key");
    OWN(own_bio)
    BIO *bio = BIO_new_mem_buf(pem.p ? pem.p : (const void *)"", (int)pem.n);
    OWN(own_pkey)
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    const int n = key ? i2d_PUBKEY(key, &der) : -1;
    if (n <= 0)
        return err_set(e, ERR_INPUT,
                       "--key %.200s: expected a public key in PEM, as certkeep "
                       "audit key prints it",
                       path);
    buf_add(spki, der, (size_t)n);
    OPENSSL_free(der);
    return buf_check(spki, "--key", e);
}

static int report(struct ctl *c, const struct audit_report *r, bool key_given, struct err *e)
{
    if (ctl_option(c, OPT_JSON)) {
        OWN(own_json)
        json_t *j = json_object();
        json_put_int(j, "records", (int64_t)r->records);
        json_put_int(j, "first", (int64_t)r->first);
        json_put_int(j, "last", (int64_t)r->last);
        json_put_int(j, "heads", (int64_t)r->heads);
        json_put_int(j, "signed_up_to", (int64_t)r->signed_up_to);
        json_put_str(j, "spki_sha256", r->spki_sha256);
        json_put_bool(j, "key_given", key_given);
        return out_json(j, e);
    }
    out_text("Good: %llu records, %llu to %llu, each bound to the one before.\n",
             (unsigned long long)r->records, (unsigned long long)r->first,
             (unsigned long long)r->last);
    if (r->heads)
        out_text("Signed up to record %llu by %llu heads; key SHA-256 %s%s\n",
                 (unsigned long long)r->signed_up_to, (unsigned long long)r->heads, r->spki_sha256,
                 key_given ? " (the key given)." : ".\nCompare the key: give it with --key.");
    if (r->signed_up_to < r->last)
        out_text("Records behind %llu are not signed yet: the last of them could have been "
                 "changed or cut off.\n",
                 (unsigned long long)r->signed_up_to);
    return 0;
}

int audit_check(struct ctl *c, struct err *e)
{
    OWN(buf_free)
    struct buf file = BUF(AUDIT_MAX_BYTES);
    OWN(buf_free)
    struct buf spki = BUF(SPKI_MAX_BYTES);
    const char *key = ctl_option(c, OPT_KEY);
    struct audit_report r = {0};

    if (file_read(ctl_word(c, 0), false, &file, e) < 0 || (key && read_key(key, &spki, e) < 0))
        return -1;
    if (audit_verify(buf_blob(&file), buf_blob(&spki), &r, e) < 0)
        return err_wrap(e, "%.200s", ctl_word(c, 0));
    if (key && !r.heads)
        return err_set(e, ERR_CRYPTO,
                       "%.200s: holds no signed head, so the key proves nothing; "
                       "export again after the next head is signed",
                       ctl_word(c, 0));
    return report(c, &r, key != NULL, e);
}
