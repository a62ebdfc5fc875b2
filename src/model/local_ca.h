/*
 * What the local CA keeps between calls, as bytes in its connector's `memory`: its root, its CRL
 * and what it revoked (docs/formats/local-ca.md). ca writes it; core reads root and CRL out of it
 * to publish them.
 */
#pragma once
#include "src/base/field.h"

#define LOCAL_REVOKED_MAX 2000
#define LOCAL_CA_MAX_BYTES (256 * 1024)
#define LOCAL_SERIAL_MAX 20

struct local_revoked {
    uint8_t serial[LOCAL_SERIAL_MAX];
    size_t serial_n;
    int64_t revoked_at;
    int64_t not_after; /* of the certificate: an expired one leaves the list */
    int reason;        /* RFC 5280, 5.3.1 */
};

struct local_ca {
    struct bytes root; /* DER */
    struct bytes crl;  /* DER; empty: none signed yet */
    int64_t crl_number, crl_this, crl_next;
    struct local_revoked *revoked;
    size_t n;
};

/* No bytes decode to a CA without a root. */
int local_ca_decode(struct blob in, struct local_ca *out, struct err *e);
int local_ca_encode(const struct local_ca *ca, struct buf *out, struct err *e);
void local_ca_free(struct local_ca *ca);

/* The order's memory: all that decides the certificate, kept before it is signed. */
#define LOCAL_ORDER_SERIAL 16
struct local_order {
    uint8_t serial[LOCAL_ORDER_SERIAL];
    int64_t not_before, not_after;
};
int local_order_decode(struct blob in, struct local_order *out, struct err *e);
void local_order_encode(const struct local_order *o, struct buf *out);
