/*
 * With which certificate the listener answers: the boot identity that `key` keeps in memory, until
 * core sends that of the appliance. A TLS_IDENTITY without envelope goes back to the boot identity
 * (the token was locked).
 */
#pragma once
#include "src/web/tls.h"

struct identity {
    struct loop *loop;
    struct channel *key;
    struct channel *parent; /* its console shows the fingerprint of the boot identity */
    struct tls *tls;
    bool own; /* core's, not the boot identity */
    bool asking;
};

/* Asks `key` for its boot identity and uses it. In a fiber or, at start, on the main stack. */
int identity_boot(struct identity *i, struct err *e);
/* From core. A bad one leaves what there is. */
void identity_set(struct identity *i, const struct msg_TLS_IDENTITY *m);
/* `key` is another process now: its boot identity is a new one. */
void identity_key_back(struct identity *i);
