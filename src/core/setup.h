/* First run: token, administrator, local CA, the UI's certificate. In a fiber, once. */
#pragma once
#include "src/base/json.h"
#include "src/core/core.h"
#include "src/core/named_key.h"

#define SETUP_UI_KEY "tls-ui"

struct setup_request {
    const char *username, *full_name;
    struct blob password, passphrase;
    const struct strs *names; /* of the UI; empty: the host name, localhost, loopback */
};
/* Resumes where an interrupted set-up stopped: each part looks whether it is there. */
int setup_appliance(struct core *core, const struct setup_request *q, struct err *e);
/* A new one-time code for the console while Unprovisioned. */
void setup_code_new(struct core *core);
/* Names and addresses of the UI, one a line; malloc'ed. */
char *setup_ui_names(struct core *core);
/* Renews the UI's certificate when a third of its life is left. In a fiber. */
int setup_ui_certificate(struct core *core, struct err *e);
/* Names the UI is reached by from now on; none: as they were. */
int setup_keep_names(struct core *core, const struct strs *names, struct err *e);
/* A request (DER) for the UI's key and names. In a fiber. */
int setup_ui_csr(struct core *core, const struct named_key *k, struct buf *csr, struct err *e);
/* The chain the UI serves; at renew_at the local CA issues anew. imported: "yes" or NULL. */
int setup_keep_ui(struct core *core, const char *pem, int64_t renew_at, const char *imported,
                  struct err *e);
