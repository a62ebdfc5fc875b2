/*
 * A token module: loaded once through p11-kit from a `pkcs11:` URI (RFC 7512) with module-path,
 * e.g. "pkcs11:token=certkeep?module-path=/usr/lib/softhsm/libsofthsm2.so", and never unloaded:
 * some modules crash when their statics are torn down at exit, so processes end with _exit.
 */
#pragma once
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"

#define TOKEN_LABEL "certkeep"
#define TOKEN_URI_DEFAULT "pkcs11:token=" TOKEN_LABEL "?module-path=/usr/lib/softhsm/libsofthsm2.so"

struct module {
    CK_FUNCTION_LIST *f;
    P11KitUri *uri;
    char name[80]; /* "SoftHSM, Implementation of PKCS11, 2.6" */
};

/* A slot with a token in it. Texts are trimmed and NUL-terminated. */
struct slot {
    CK_SLOT_ID id;
    bool initialised; /* C_InitToken was done */
    bool user_pin;    /* C_InitPIN was done */
    bool pin_locked;
    char label[33];
    char serial[17];
    char model[17];
};

int module_load(const char *uri, struct module *out, struct err *e);
/*
 * The token the URI names; if there is none, a token that waits to be initialised (initialised is
 * then false). ERR_NOT_FOUND when there is neither.
 */
int module_find(const struct module *m, struct slot *out, struct err *e);
bool module_has(const struct module *m, CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism);
/* First run: initialises the token in the slot under TOKEN_LABEL and sets the user PIN. */
int module_init_token(const struct module *m, CK_SLOT_ID slot, const char *so_pin,
                      const char *user_pin, struct err *e);
