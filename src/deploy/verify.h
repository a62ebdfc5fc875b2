/*
 * Proof by handshake: connects as a client, completes TLS and compares what came. Trust in a CA is
 * not asked: identity is the leaf's SHA-256 (section "Verify" of docs/formats/plan.md).
 */
#pragma once
#include "crypto/x509/chain.h"

#define PROBE_MS 5000

struct probe {
    const char *address;
    uint32_t port;
    const char *name;     /* SNI; "" none */
    const char *key_type; /* "RSA" or "EC": only signatures of that key; NULL any */
};

/*
 * One new handshake up to Finished, no resumption, at most `timeout_ms`. ERR_NETWORK nobody listens
 * or the line was cut; ERR_REMOTE the handshake failed. An alert that asks for a client certificate
 * after the server's was seen counts as complete.
 */
int probe_handshake(const struct probe *p, int64_t timeout_ms, struct chain *served, struct err *e);
/* Leaf equal, and the chain as in `want` (leaf first, without root); extra root: *root_sent. */
int probe_compare(const struct chain *served, const struct chain *want, bool *root_sent,
                  struct err *e);
