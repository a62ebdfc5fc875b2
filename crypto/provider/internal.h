/* What the files of the provider share. A remote key is counted, as OpenSSL and contexts hold it.
 */
#pragma once
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/evp.h>
#include <stdatomic.h>

#include "crypto/provider/provider.h"

#define PROVIDER_NAME "certkeep"
/* The three parameters from which a key is made. */
#define PARAM_SPKI "certkeep-spki"
#define PARAM_ENVELOPE "certkeep-envelope"
#define PARAM_PURPOSE "certkeep-purpose"
#define ENVELOPE_MAX (64 * 1024)

struct provider {
    OSSL_LIB_CTX *libctx;       /* the context it was loaded into */
    OSSL_PROVIDER *self, *base; /* held loaded: ours and the default one */
    remote_sign_fn sign;
    void *arg;
    struct err last; /* of the last signature; code ERR_NONE when it went well */
};

struct remote_key {
    struct provider *provider;
    EVP_PKEY *pub; /* of the default provider: answers every question but "sign" */
    struct buf envelope;
    uint32_t purpose;
    atomic_uint refs;
};

struct remote_key *remote_key_ref(struct remote_key *k);
void remote_key_free(struct remote_key *k);

extern const OSSL_ALGORITHM keymgmt_algorithms[];
extern const OSSL_ALGORITHM signature_algorithms[];
