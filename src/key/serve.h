/* KEY_* messages to operations: one table. Each request is answered before the next
 * is handled; only signatures with open keys may be under way in the second thread (signer.h). */
#pragma once
#include "src/ipc/channel.h"
#include "src/key/signer.h"

struct service {
    struct vault *vault;
    struct channel *parent; /* gets the PIN's descriptor and console lines */
    struct signer signer;   /* as {}: everything is signed by the caller's thread */
    bool again;             /* a signature that the second thread could not make */
};

/* channel_events.message of every peer; arg is a struct service. */
void serve_message(struct channel *c, struct msg *m, void *arg);
/* channel_events.closed. */
void serve_closed(struct channel *c, const struct err *why, void *arg);
/* signer_done; arg is a struct service. */
void serve_signed(struct channel *c, struct msg *m, const struct sign_work *work, void *arg);
/* Messages of parent besides PEER and STOP: PIN_BACK. */
void serve_parent(struct service *s, struct msg *m);
