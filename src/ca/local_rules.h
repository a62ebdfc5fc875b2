/* What the local CA may issue and what its revocation list holds: decisions without any signing. */
#pragma once
#include "crypto/x509/cert.h"
#include "crypto/x509/csr.h"
#include "src/model/local_ca.h"

/* ERR_INPUT unless the request has names and each is below a permitted domain (empty list: any). */
int local_rules_names(const struct csr_info *request, const struct strs *permitted, struct err *e);
/* The end of validity: days asked for, at most max_days, never behind the root's own end. */
int local_rules_end(uint32_t days, int64_t max_days, int64_t now, const X509 *root,
                    int64_t *not_after, struct err *e);
/* Adds the certificate to the list; *added is false when it is on it. */
int local_rules_revoke(struct local_ca *ca, const X509 *cert, int reason, int64_t now, bool *added,
                       struct err *e);
/* Takes expired certificates off the list. */
void local_rules_prune(struct local_ca *ca, int64_t now);
