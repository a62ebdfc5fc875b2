/* Writes, reads and authenticates envelopes. Refuses every byte that the format does not name. */
#include "src/key/envelope.h"

#include <openssl/crypto.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"

static const char magic[4] = {'C', 'K', 'E', '1'};

/* The rules that tie the fields together; texts say which field. */
static int check(const struct envelope *v, struct err *e)
{
    if (v->kind < ENVELOPE_TOKEN || v->kind > ENVELOPE_BOOT)
        return err_set(e, ERR_INPUT, "envelope: unknown kind %u", (unsigned)v->kind);
    if (!alg_find(v->alg))
        return err_set(e, ERR_INPUT, "envelope: unknown algorithm %u", (unsigned)v->alg);
    bool wrapped = v->policy == KEY_POLICY_SEALED || v->policy == KEY_POLICY_DEPLOYABLE;
    if (wrapped != (v->kind == ENVELOPE_WRAPPED) || (!wrapped && v->policy != KEY_POLICY_TOKEN))
        return err_set(e, ERR_INPUT, "envelope: policy %u does not fit its kind",
                       (unsigned)v->policy);
    if (v->purposes == 0 || (v->purposes & ~PURPOSES_ALL))
        return err_set(e, ERR_INPUT, "envelope: purposes: expected bits of 0x%x", PURPOSES_ALL);
    size_t label_n = strlen(v->label);
    if (label_n == 0 || !text_clean(v->label, label_n, ""))
        return err_set(e, ERR_INPUT, "envelope: label: expected 1 to %d clean characters",
                       ENVELOPE_LABEL_MAX);
    if (v->spki.n == 0 || v->spki.n > ENVELOPE_SPKI_MAX)
        return err_set(e, ERR_INPUT, "envelope: public key of %zu bytes", v->spki.n);
    if (v->body.n == 0 || v->body.n > ENVELOPE_BODY_MAX ||
        (v->kind != ENVELOPE_WRAPPED && v->body.n != ENVELOPE_ID_BYTES))
        return err_set(e, ERR_INPUT, "envelope: body of %zu bytes", v->body.n);
    return 0;
}

int envelope_write(const struct envelope *env, struct buf *out, struct err *e)
{
    if (check(env, e) < 0)
        return -1;
    buf_add(out, magic, sizeof magic);
    buf_add_u8(out, (uint8_t)env->kind);
    buf_add_u8(out, (uint8_t)env->alg);
    buf_add_u8(out, (uint8_t)env->policy);
    buf_add_u32(out, env->purposes);
    buf_add_u8(out, (uint8_t)strlen(env->label));
    buf_add_str(out, env->label);
    buf_add_u16(out, (uint16_t)env->spki.n);
    buf_add_blob(out, env->spki);
    buf_add_u16(out, (uint16_t)env->body.n);
    buf_add_blob(out, env->body);
    return buf_check(out, "envelope", e);
}

int envelope_parse(struct blob bytes, struct envelope *out, struct err *e)
{
    if (bytes.n > ENVELOPE_MAX_BYTES)
        return err_set(e, ERR_INPUT, "envelope: %zu bytes, at most %d", bytes.n,
                       ENVELOPE_MAX_BYTES);
    struct reader r = reader_of(bytes);
    struct envelope v = {0};
    struct blob m = read_bytes(&r, sizeof magic);
    v.kind = read_u8(&r);
    v.alg = read_u8(&r);
    v.policy = read_u8(&r);
    v.purposes = read_u32(&r);
    struct blob label = read_bytes(&r, read_u8(&r));
    v.spki = read_bytes(&r, read_u16(&r));
    v.body = read_bytes(&r, read_u16(&r));
    read_bytes(&r, MAC_BYTES);
    if (!reader_done(&r) || !blob_eq(m, BLOB(magic, sizeof magic)) || label.n == 0 ||
        label.n > ENVELOPE_LABEL_MAX || memchr(label.p, 0, label.n))
        return err_set(e, ERR_INPUT, "envelope: not in the form that this program writes");
    memcpy(v.label, label.p, label.n);
    if (check(&v, e) < 0)
        return -1;
    *out = v;
    return 0;
}

int envelope_seal(struct token *t, const struct envelope *env, struct buf *out, struct err *e)
{
    OWN(buf_free)
    struct buf bytes = BUF(ENVELOPE_MAX_BYTES);
    uint8_t mac[MAC_BYTES];
    if (envelope_write(env, &bytes, e) < 0 || sign_mac(t, buf_blob(&bytes), mac, e) < 0)
        return -1;
    buf_add(out, bytes.p, bytes.n);
    buf_add(out, mac, sizeof mac);
    return buf_check(out, "envelope", e);
}

int envelope_open(struct token *t, struct blob bytes, struct envelope *out, struct err *e)
{
    if (bytes.n <= MAC_BYTES || bytes.n > ENVELOPE_MAX_BYTES)
        return err_set(e, ERR_DENIED, "envelope: of an impossible length");
    size_t n = bytes.n - MAC_BYTES;
    uint8_t mac[MAC_BYTES];
    if (sign_mac(t, BLOB(bytes.p, n), mac, e) < 0)
        return -1;
    if (CRYPTO_memcmp(mac, (const uint8_t *)bytes.p + n, MAC_BYTES) != 0)
        return err_set(e, ERR_DENIED, "envelope: not made by this token, or changed since");
    struct err why = {0};
    if (envelope_parse(bytes, out, &why) < 0)
        return err_set(e, ERR_DENIED, "%s", why.text);
    if (out->kind == ENVELOPE_BOOT)
        return err_set(e, ERR_DENIED, "envelope: a boot identity of another run");
    return 0;
}
