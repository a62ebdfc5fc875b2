/* CA_CSR: the request for a certificate, signed in `key` by the key it is for. */
#include "crypto/x509/csr.h"

#include "crypto/policy.h"
#include "crypto/provider/provider.h"
#include "crypto/x509/cert.h"
#include "src/base/own.h"
#include "src/ca/ca.h"

#define CSR_MAX_BYTES (32 * 1024)

enum csr_flags { CSR_SERVER_AUTH = 1, CSR_CLIENT_AUTH = 2 };

int ca_make_csr(struct ca *ca, uint32_t id, const struct msg_CA_CSR *m, struct err *e)
{
    OWN(strs_free)
    struct strs names = {0};
    OWN(buf_free)
    struct buf der = BUF(CSR_MAX_BYTES);
    OWN(own_pkey)
    EVP_PKEY *key = provider_key(ca->ctx, m->spki, m->envelope, PURPOSE_CSR, e);

    strs_split(&names, m->names, "\n");
    const struct csr_template t = {.subject = m->subject,
                                   .names = &names,
                                   .server_auth = m->flags & CSR_SERVER_AUTH,
                                   .client_auth = m->flags & CSR_CLIENT_AUTH};
    if (!key || csr_build(&t, key, ca->ctx, &der, e) < 0)
        return err_wrap(e, "certificate request");
    const struct msg_CA_CSR_MADE made = {.csr = buf_blob(&der)};
    return reply_CA_CSR_MADE(ca->core, id, &made, e);
}
