/* Long-lived token keys core itself names: "audit", "tls-ui". Envelope and SPKI lie in settings. */
#pragma once
#include "crypto/policy.h"
#include "src/core/core.h"

struct named_key {
    struct bytes envelope, spki;
};
void named_key_free(struct named_key *k);
/* ERR_NOT_FOUND when it was never made. */
int named_key_get(struct core *core, const char *name, struct named_key *out, struct err *e);
/* Gets it, or makes it in the token (in a fiber). */
int named_key_make(struct core *core, const char *name, enum key_alg alg, uint32_t purposes,
                   struct named_key *out, struct err *e);
