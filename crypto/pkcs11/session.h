/*
 * An open token: one login, one `home` session in which all session objects are made (they die
 * with their session), and a small pool of sessions for operations of two calls (Init, then do).
 *
 * When the token loses its session (closed, unplugged, logged out) token_retry opens and logs in
 * again and does the work once more. `generation` then counts up: object handles of an older
 * generation are void.
 */
#pragma once
#include "crypto/pkcs11/module.h"
#include "src/base/buf.h"
#include "src/base/secret.h"

#define POOL_MAX 4

enum token_key {
    TOKEN_KEY_SEALED_KEK,
    TOKEN_KEY_DEPLOYABLE_KEK,
    TOKEN_KEY_SEAL,
    TOKEN_KEY_MAC,
    TOKEN_KEY_COUNT
};

struct token {
    const struct module *m;
    CK_SLOT_ID slot;
    struct secret pin; /* kept to log in again; empty while locked */
    bool open;
    uint64_t generation;
    CK_RV last; /* of the last failed call: decides whether a new session helps */
    CK_SESSION_HANDLE home;
    CK_SESSION_HANDLE pool[POOL_MAX];
    size_t pool_n;
    CK_OBJECT_HANDLE keys[TOKEN_KEY_COUNT]; /* found on first use in a generation */
};

int token_open(struct token *t, const struct module *m, CK_SLOT_ID slot, struct blob pin,
               struct err *e);
void token_close(struct token *t); /* logs out, forgets the PIN; the struct can be opened again */

/* Sets the error, keeps the return value for token_retry. Returns -1. */
int token_fail(struct token *t, CK_RV rv, const char *what, struct err *e);

/* Calls fn; when the session was lost, opens the token again and calls fn once more. */
int token_retry(struct token *t, int (*fn)(struct token *t, void *arg, struct err *e), void *arg,
                struct err *e);

/* A session for an operation of two calls. Give it back with ok = false when the second call
   may not have been made: it is then closed, as an unfinished operation would poison it. */
int session_take(struct token *t, CK_SESSION_HANDLE *out, struct err *e);
void session_give(struct token *t, CK_SESSION_HANDLE s, bool ok);
