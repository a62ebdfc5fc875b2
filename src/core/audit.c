/*
 * The audit chain: every record is one line of JSON that holds the SHA-256 of the line before; its
 * bytes are never written again. Heads are signed elsewhere and kept beside the chain. Nothing here
 * deletes. docs/formats/audit.md has the bytes.
 */
#include "src/core/audit.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/kdf.h"
#include "src/base/enc.h"
#include "src/base/time.h"
#include "src/core/audit_inside.h"
#include "src/model/audit_verify.h"

#define SIGNATURE_MAX 1024
#define SPKI_MAX 1024

static int last_hash(struct txn *t, uint64_t *seq, uint8_t hash[32], struct err *e)
{
    struct blob line;
    uint64_t last;

    if (trail_last(t, TRAIL_AUDIT, AUDIT_CHAIN, &last, &line, e) < 0)
        return -1;
    if (last == 0)
        memset(hash, 0, 32);
    else if (sha256(line, hash, e) < 0)
        return -1;
    *seq = last;
    return 0;
}

int audit_add(struct txn *t, const struct audit_entry *a, struct err *e)
{
    OWN(own_json)
    json_t *o = json_object();
    OWN(buf_free)
    struct buf line = BUF(AUDIT_LINE_MAX);
    char at[TIME_TEXT_BYTES];
    uint8_t prev[32];
    uint64_t seq;

    if (last_hash(t, &seq, prev, e) < 0)
        return err_wrap(e, "audit");
    time_print(now_s(), at);
    OWN(own_mem)
    char *prev_hex = hex_str(BLOB(prev, sizeof(prev)));
    json_put_int(o, "seq", (int64_t)seq + 1);
    json_put_str(o, "time", at);
    json_put_str(o, "actor", a->actor ? a->actor : "");
    json_put_str(o, "client", a->client ? a->client : "");
    json_put_str(o, "action", a->action ? a->action : "");
    json_put_str(o, "object", a->object ? a->object : "");
    json_put_str(o, "name", a->name ? a->name : "");
    json_put_str(o, "result", a->result ? a->result : "");
    json_put_str(o, "detail", a->detail ? a->detail : "");
    json_put_str(o, "prev", prev_hex);
    if (json_print(o, &line, e) < 0 ||
        trail_add(t, TRAIL_AUDIT, AUDIT_CHAIN, buf_blob(&line), NULL, e) < 0)
        return err_wrap(e, "audit");
    return 0;
}

int audit_head(struct txn *t, uint64_t *seq, uint8_t hash[32], struct err *e)
{
    return last_hash(t, seq, hash, e) < 0 ? err_wrap(e, "audit") : 0;
}

void audit_head_tbs(uint64_t seq, int64_t time, const uint8_t hash[32], struct buf *out)
{
    audit_head_bytes(seq, time, hash, out);
}

/* A head must be of a record that is there, and not go back behind the one before. */
static int check_head(struct txn *t, uint64_t seq, const uint8_t hash[32], struct err *e)
{
    struct blob line, before;
    uint8_t is[32];
    uint64_t n;

    if (trail_get(t, TRAIL_AUDIT, AUDIT_CHAIN, seq, &line, e) < 0 || sha256(line, is, e) < 0)
        return -1;
    if (memcmp(is, hash, sizeof(is)) != 0)
        return err_set(e, ERR_CONFLICT, "the head is not of record %llu", (unsigned long long)seq);
    if (trail_last(t, TRAIL_AUDIT, AUDIT_HEADS, &n, &before, e) < 0)
        return -1;
    if (n == 0)
        return 0;
    OWN(own_json)
    json_t *head = json_parse(before, AUDIT_LINE_MAX, "head", e);
    if (!head)
        return -1;
    if ((uint64_t)json_int(head, "head") > seq)
        return err_set(e, ERR_CONFLICT, "a newer head is already signed");
    return 0;
}

static void put_base64(json_t *o, const char *name, struct blob b)
{
    OWN(buf_free)
    struct buf text = BUF(AUDIT_LINE_MAX);

    enc_base64(&text, b);
    json_put_str(o, name, buf_cstr(&text));
}

int audit_store_head(struct txn *t, uint64_t seq, int64_t time, const uint8_t hash[32],
                     struct blob signature, struct blob spki, struct err *e)
{
    OWN(own_json)
    json_t *o = json_object();
    OWN(buf_free)
    struct buf line = BUF(AUDIT_LINE_MAX);
    char at[TIME_TEXT_BYTES];

    if (signature.n == 0 || signature.n > SIGNATURE_MAX || spki.n == 0 || spki.n > SPKI_MAX)
        return err_set(e, ERR_BUG, "audit: a head without signature or key");
    if (check_head(t, seq, hash, e) < 0)
        return err_wrap(e, "audit");
    time_print(time, at);
    OWN(own_mem)
    char *hex = hex_str(BLOB(hash, 32));
    json_put_int(o, "head", (int64_t)seq);
    json_put_str(o, "time", at);
    json_put_str(o, "hash", hex);
    put_base64(o, "signature", signature);
    put_base64(o, "spki", spki);
    if (json_print(o, &line, e) < 0 ||
        trail_add(t, TRAIL_AUDIT, AUDIT_HEADS, buf_blob(&line), NULL, e) < 0)
        return err_wrap(e, "audit");
    return 0;
}
