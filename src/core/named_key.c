/* Long-lived token keys of the appliance itself. */
#include "src/core/named_key.h"

#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"

void named_key_free(struct named_key *k)
{
    bytes_free(&k->envelope);
    bytes_free(&k->spki);
}

static int decode(const char *text, struct named_key *out, struct err *e)
{
    OWN(buf_free)
    struct buf a = BUF(16384), b = BUF(4096);
    const char *colon = strchr(text, ':');
    if (colon == NULL)
        return err_set(e, ERR_STORE, "stored key has no public half");
    if (dec_base64(&a, text, (size_t)(colon - text), e) < 0 ||
        dec_base64(&b, colon + 1, strlen(colon + 1), e) < 0)
        return -1;
    bytes_set(&out->envelope, buf_blob(&a));
    bytes_set(&out->spki, buf_blob(&b));
    return 0;
}

int named_key_get(struct core *core, const char *name, struct named_key *out, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *text = NULL;
    OWN(own_mem)
    char *setting = xasprintf("key.%s", name);
    if (txn_begin(core->db, false, &t, e) < 0 || setting_get(t, setting, &text, e) < 0)
        return -1;
    return decode(text, out, e);
}

static int keep(struct core *core, const char *name, const struct msg_KEY_MADE *made, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(buf_free)
    struct buf text = BUF(65536);
    OWN(own_mem)
    char *setting = xasprintf("key.%s", name);
    enc_base64(&text, made->envelope);
    buf_addc(&text, ':');
    enc_base64(&text, made->spki);
    if (txn_begin(core->db, true, &t, e) < 0 || setting_put(t, setting, buf_cstr(&text), e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int named_key_make(struct core *core, const char *name, enum key_alg alg, uint32_t purposes,
                   struct named_key *out, struct err *e)
{
    struct err none = {0};
    if (named_key_get(core, name, out, &none) == 0)
        return 0;
    if (none.code != ERR_NOT_FOUND)
        return err_set(e, none.code, "%s", none.text);
    struct msg_KEY_GENERATE m = {
        .alg = alg, .policy = KEY_POLICY_TOKEN, .purposes = purposes, .label = name};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_MADE made;
    if (call_KEY_GENERATE(core->key, &m, MSG_KEY_MADE, KEY_TIMEOUT_MS, &r, e) < 0 ||
        get_KEY_MADE(&r.msg, &made, e) < 0 || keep(core, name, &made, e) < 0)
        return err_wrap(e, "key '%s'", name);
    return named_key_get(core, name, out, e);
}
