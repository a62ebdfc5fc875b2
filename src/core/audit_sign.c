/* Signing the audit chain's head: everything up to it cannot be rewritten without the token. */
#include "src/core/audit_sign.h"

#include <stdlib.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/named_key.h"

#define AUDIT_KEY "audit"
#define WAIT_MS 10

static int head_now(struct core *core, uint64_t *seq, uint8_t hash[32], uint64_t *signed_seq,
                    struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *text = NULL;
    struct err none = {0};
    if (txn_begin(core->db, false, &t, e) < 0 || audit_head(t, seq, hash, e) < 0)
        return -1;
    *signed_seq = 0;
    if (setting_get(t, "audit.signed", &text, &none) == 0)
        return parse_u64(text, 0, UINT64_MAX, signed_seq, e);
    return 0;
}

static int sign_newest(struct core *core, struct err *e)
{
    uint64_t seq, signed_seq;
    uint8_t hash[32];
    if (head_now(core, &seq, hash, &signed_seq, e) < 0)
        return -1;
    if (seq == signed_seq)
        return 0;
    OWN(named_key_free)
    struct named_key k = {0};
    OWN(buf_free)
    struct buf tbs = BUF(256);
    OWN(txn_abort)
    struct txn *t = NULL;
    int64_t at = now_s();
    if (named_key_make(core, AUDIT_KEY, KEY_P256, PURPOSE_AUDIT, &k, e) < 0)
        return -1;
    audit_head_tbs(seq, at, hash, &tbs);
    struct msg_KEY_SIGN m = {.purpose = PURPOSE_AUDIT,
                             .scheme = SIGN_ECDSA_SHA256,
                             .envelope = bytes_blob(&k.envelope),
                             .tbs = buf_blob(&tbs)};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_SIGNED got;
    if (call_KEY_SIGN(core->key, &m, MSG_KEY_SIGNED, KEY_TIMEOUT_MS, &r, e) < 0 ||
        get_KEY_SIGNED(&r.msg, &got, e) < 0)
        return err_wrap(e, "sign the audit head");
    OWN(own_mem)
    char *text = xasprintf("%llu", (unsigned long long)seq);
    if (txn_begin(core->db, true, &t, e) < 0 ||
        audit_store_head(t, seq, at, hash, got.signature, bytes_blob(&k.spki), e) < 0 ||
        setting_put(t, "audit.signed", text, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

/* One at a time: two at the first head would each make the key, and only one is kept. */
int audit_sign_head(struct core *core, struct err *e)
{
    while (core->signing_head)
        fiber_sleep(core->loop, WAIT_MS);
    core->signing_head = true;
    const int rc = sign_newest(core, e);
    core->signing_head = false;
    return rc;
}

int audit_public_key(struct core *core, struct buf *spki, struct err *e)
{
    OWN(named_key_free)
    struct named_key k = {0};
    if (named_key_get(core, AUDIT_KEY, &k, e) < 0)
        return -1;
    buf_add_blob(spki, bytes_blob(&k.spki));
    return buf_check(spki, "audit key", e);
}
