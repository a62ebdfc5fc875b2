/* First run: token, administrator, local CA, the UI's certificate. In a fiber, once. */
#pragma once
#include "src/base/json.h"
#include "src/core/core.h"

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
