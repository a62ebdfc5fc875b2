/* From a chain to what a certificate's row shows. */
#include <string.h>

#include "crypto/x509/chain.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/flow/parts.h"
#include "src/core/flow/validate.h"

static void own_info(struct cert_info *i)
{
    cert_info_free(i);
}

/* A chain as served that does not hold together: a stranger in it, a link missing or not signed. */
static void add_chain_fault(const struct chain *chain, struct strs *findings)
{
    OWN(chain_free)
    struct chain ordered = {0};
    OWN(buf_free)
    struct buf spki = BUF(16384);
    struct err why = {0};
    if (cert_spki(chain->v[0], &spki, &why) == 0 &&
        chain_order(chain, buf_blob(&spki), false, &ordered, &why) == 0)
        return;
    OWN(own_mem)
    char *text = xasprintf("chain fault: %s", why.text);
    strs_add(findings, text);
}

int cert_describe_chain(struct cert *c, const char *chain_pem, struct err *e)
{
    OWN(chain_free)
    struct chain chain = {0};
    OWN(own_info)
    struct cert_info i = {0};
    struct strs findings = {0};
    if (chain_parse(blob_str(chain_pem), &chain, e) < 0 || cert_describe(chain.v[0], &i, e) < 0 ||
        cert_findings(chain.v[0], now_s(), &findings, e) < 0) {
        strs_free(&findings);
        return err_wrap(e, "certificate");
    }
    add_chain_fault(&chain, &findings);
    if (!str_eq(text_of(c->fingerprint), i.fingerprint))
        validate_anew(c);
    c->validate_at = now_s();
    text_set(&c->chain, chain_pem);
    if (text_of(c->name)[0] == '\0')
        text_set(&c->name, i.common_name);
    if (c->names.n == 0)
        for (size_t n = 0; n < i.names.n; n++)
            strs_add(&c->names, i.names.v[n]);
    text_set(&c->issuer, i.issuer_name);
    text_set(&c->organization, i.organization);
    text_set(&c->serial, i.serial);
    text_set(&c->fingerprint, i.fingerprint);
    text_set(&c->sig_alg, i.sig_alg);
    text_set(&c->key_info, i.key_alg);
    c->not_before = i.not_before;
    c->not_after = i.not_after;
    strs_free(&c->vulnerable);
    c->vulnerable = findings;
    return 0;
}

bool cert_may_deploy(const struct cert *c)
{
    return text_of(c->server)[0] && str_eq(c->deployment_type, "automated") &&
           str_eq(c->key_policy, "deployable");
}
