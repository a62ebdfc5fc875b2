/*
 * Revocation of a certificate of an outside CA, by the list its distribution point names
 * (docs/decisions.md). Lists are kept in memory until they are out of date or an hour old; what is
 * asked of one address while it fails is answered without asking it again for some minutes.
 */
#pragma once
#include "src/ca/ca.h"

/* CA_STATUS, in a fiber. */
int ca_status(struct ca *ca, uint32_t id, const struct msg_CA_STATUS *m, struct err *e);
