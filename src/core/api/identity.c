/* The certificate of the UI: shown, requested of another CA, imported, issued anew. */
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/chain.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/setup.h"

#define CHAIN_TEXT_MAX 65536
#define CSR_TEXT_MAX 65536
#define NAMES_MAX 20
#define LINE_CHARS 64
#define WARN_S (14 * 86400)

struct stored {
    char *chain, *renew_at;
    bool imported;
};

static void stored_free(struct stored *s)
{
    free(s->chain);
    free(s->renew_at);
}

static int read_stored(struct core *core, struct stored *out, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *imported = NULL;
    struct err none = {0};

    if (txn_begin(core->db, false, &t, e) < 0 || setting_get(t, "ui.chain", &out->chain, e) < 0 ||
        setting_get(t, "ui.renew_at", &out->renew_at, e) < 0)
        return -1;
    out->imported = setting_get(t, "ui.imported", &imported, &none) == 0;
    return 0;
}

static void put_time(json_t *o, const char *name, int64_t at)
{
    char text[TIME_TEXT_BYTES];

    time_print(at, text);
    json_put_str(o, name, text);
}

static json_t *certificate(const struct cert_info *i)
{
    json_t *o = json_object();

    json_put_str(o, "subject", i->subject);
    json_put_str(o, "issuer", i->issuer);
    json_put_strs(o, "names", &i->names);
    put_time(o, "not_before", i->not_before);
    put_time(o, "not_after", i->not_after);
    json_put_str(o, "fingerprint", i->fingerprint);
    return o;
}

static void warn(json_t *warnings, const struct cert_info *leaf, const struct strs *names,
                 bool imported)
{
    bool covered = false;

    for (size_t i = 0; i < names->n; i++)
        for (size_t k = 0; k < leaf->names.n; k++)
            covered |= !str_eq(names->v[i], "localhost") &&
                       cert_name_covers(leaf->names.v[k], names->v[i]);
    if (!covered && names->n)
        json_array_append_new(warnings,
                              json_string("The certificate is for none of the UI's names: "
                                          "browsers will refuse it. Request one for them."));
    if (imported && leaf->not_after - now_s() < WARN_S)
        json_array_append_new(
            warnings, json_string("The imported certificate ends soon: import its successor, "
                                  "or the local CA issues one when it ends."));
}

static int answer(struct api *a, struct err *e)
{
    OWN(stored_free)
    struct stored s = {0};
    OWN(chain_free)
    struct chain chain = {0};
    OWN(strs_free)
    struct strs names = {0};
    OWN(own_json)
    json_t *list = json_array();
    OWN(own_json)
    json_t *warnings = json_array();
    int64_t renew_at = 0;

    if (read_stored(a->core, &s, e) < 0 || chain_parse(blob_str(s.chain), &chain, e) < 0 ||
        parse_i64(s.renew_at, 0, INT64_MAX, &renew_at, e) < 0)
        return -1;
    OWN(own_mem)
    char *text = setup_ui_names(a->core);
    strs_split(&names, text, "\n");
    for (size_t i = 0; i < chain.n; i++) {
        OWN(cert_info_free)
        struct cert_info info = {0};
        if (cert_describe(chain.v[i], &info, e) < 0)
            return -1;
        json_array_append_new(list, certificate(&info));
        if (i == 0)
            warn(warnings, &info, &names, s.imported);
    }
    json_t *o = json_object();
    json_put_bool(o, "imported", s.imported);
    json_put_strs(o, "names", &names);
    json_put_take(o, "certificates", json_incref(list));
    put_time(o, "renew_at", renew_at);
    json_put_take(o, "warnings", json_incref(warnings));
    return api_json(a, 200, o, e);
}

int on_identity_get(struct api *a, struct err *e)
{
    return answer(a, e);
}

/* The names of the body become those of the UI. */
static int take_names(struct api *a, struct err *e)
{
    static const char *const members[] = {"names", NULL};
    OWN(strs_free)
    struct strs names = {0};
    json_t *b;

    if (api_body(a, &b, e) < 0 || json_only(b, members, e) < 0 ||
        json_opt_strs(b, "names", NAMES_MAX, 253, &names, e) < 0)
        return -1;
    return setup_keep_names(a->core, &names, e);
}

static int audited(struct api *a, const char *detail, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;

    if (txn_begin(a->core->db, true, &t, e) < 0 ||
        api_audit(a, t, "setting/identity", NULL, "Certificate of the UI", detail, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int on_identity_request(struct api *a, struct err *e)
{
    OWN(named_key_free)
    struct named_key k = {0};
    OWN(buf_free)
    struct buf der = BUF(CSR_TEXT_MAX), base64 = BUF(CSR_TEXT_MAX), pem = BUF(CSR_TEXT_MAX);

    if (take_names(a, e) < 0 || named_key_get(a->core, SETUP_UI_KEY, &k, e) < 0 ||
        setup_ui_csr(a->core, &k, &der, e) < 0)
        return -1;
    enc_base64(&base64, buf_blob(&der));
    buf_add_str(&pem, "-----BEGIN CERTIFICATE REQUEST-----\n");
    const char *text = buf_cstr(&base64);
    for (size_t at = 0, n = strlen(text); at < n; at += LINE_CHARS)
        buf_addf(&pem, "%.*s\n", LINE_CHARS, text + at);
    buf_add_str(&pem, "-----END CERTIFICATE REQUEST-----\n");
    if (buf_check(&pem, "request", e) < 0 || audited(a, "requested", e) < 0)
        return -1;
    json_t *o = json_object();
    json_put_str(o, "csr", buf_cstr(&pem));
    return api_json(a, 200, o, e);
}

int on_identity_import(struct api *a, struct err *e)
{
    static const char *const members[] = {"chain", NULL};
    OWN(named_key_free)
    struct named_key k = {0};
    OWN(chain_free)
    struct chain in = {0}, ordered = {0};
    OWN(buf_free)
    struct buf pem = BUF(CHAIN_TEXT_MAX);
    OWN(cert_info_free)
    struct cert_info leaf = {0};
    const struct strs any = {0};
    struct err why = {0};
    const char *text;
    json_t *b;

    if (api_body(a, &b, e) < 0 || json_only(b, members, e) < 0 ||
        json_get_str(b, "chain", CHAIN_TEXT_MAX, &text, e) < 0 ||
        named_key_get(a->core, SETUP_UI_KEY, &k, e) < 0)
        return -1;
    if (chain_parse(blob_str(text), &in, &why) < 0 ||
        chain_order(&in, bytes_blob(&k.spki), true, &ordered, &why) < 0 ||
        chain_check(&ordered, bytes_blob(&k.spki), &any, now_s(), &why) < 0)
        return err_set(e, ERR_INPUT, "chain: %s", why.text);
    if (cert_describe(ordered.v[0], &leaf, e) < 0 || chain_pem(&ordered, &pem, e) < 0 ||
        setup_keep_ui(a->core, buf_cstr(&pem), leaf.not_after, "yes", e) < 0)
        return -1;
    OWN(own_mem)
    char *detail = xasprintf("imported, SHA-256 %s", leaf.fingerprint);
    if (audited(a, detail, e) < 0)
        return -1;
    appliance_publish_identity(a->core);
    return answer(a, e);
}

static int due_now(struct core *core, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;

    if (txn_begin(core->db, true, &t, e) < 0 || setting_put(t, "ui.renew_at", "0", e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int on_identity_renew(struct api *a, struct err *e)
{
    if (take_names(a, e) < 0 || due_now(a->core, e) < 0 || setup_ui_certificate(a->core, e) < 0 ||
        audited(a, "issued by the local CA", e) < 0)
        return -1;
    return answer(a, e);
}
