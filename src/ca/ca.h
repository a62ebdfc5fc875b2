/* The process: its channels and what all requests share. One of it, in main.c. */
#pragma once
#include <openssl/types.h>

#include "src/ca/busy.h"
#include "src/ca/limit.h"
#include "src/ipc/call.h"
#include "src/net/http.h"

struct ca {
    struct loop *loop;
    struct channel *core, *key;
    struct http *http;
    OSSL_LIB_CTX *ctx; /* with our provider: keys sign in `key` */
    struct limits limits;
    struct busy *busy;
};

/* Every message of core: answers in a fiber of its own. */
void ca_message(struct channel *from, struct msg *m, void *ca);
/* CA_PROBE (probe.c). */
int ca_probe(struct ca *ca, const struct msg *m, struct err *e);
/* CA_CSR (csr.c). */
int ca_make_csr(struct ca *ca, uint32_t id, const struct msg_CA_CSR *m, struct err *e);
