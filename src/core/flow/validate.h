/*
 * Validation Status of a certificate: chain, revocation and names, looked at by the clock. The
 * revocation of what a local CA issued is in the store; for an outside CA `ca` asks the list that
 * the certificate names. Which are due is an index; no request waits for any of it.
 */
#pragma once
#include "src/core/core.h"

/* Another certificate, or none: what was found says nothing of it. */
void validate_anew(struct cert *c);
/* Starts a round in a fiber of its own, unless one is under way: a slow list delays nothing else.
 */
int validate_due(struct core *core, struct err *e);
