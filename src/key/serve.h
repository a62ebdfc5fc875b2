/* KEY_* messages to operations: one table. Each request is answered before the next is handled. */
#pragma once
#include "src/ipc/channel.h"
#include "src/key/vault.h"

struct service {
    struct vault *vault;
    struct channel *parent; /* gets the PIN's descriptor and console lines */
};

/* channel_events.message of every peer; arg is a struct service. */
void serve_message(struct channel *c, struct msg *m, void *arg);
/* Messages of parent besides PEER and STOP: PIN_BACK. */
void serve_parent(struct service *s, struct msg *m);
