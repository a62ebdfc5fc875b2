/* Sessions, login and recovery. Holds the PIN in guarded memory for as long as the token is open.
 */
#include "crypto/pkcs11/session.h"

#include <string.h>

#include "crypto/pkcs11/errors.h"

int token_fail(struct token *t, CK_RV rv, const char *what, struct err *e)
{
    t->last = rv;
    return ckr_err(rv, what, e);
}

/* All of it anew but what outlives a token. */
static void reset(struct token *t, const struct module *m, CK_SLOT_ID slot)
{
    *t = (struct token){.m = m, .slot = slot, .generation = t->generation + 1};
}

static int session_open(struct token *t, CK_SESSION_HANDLE *out, struct err *e)
{
    CK_RV rv =
        t->m->f->C_OpenSession(t->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, out);
    return rv == CKR_OK ? 0 : token_fail(t, rv, "C_OpenSession", e);
}

static int login(struct token *t, struct err *e)
{
    if (session_open(t, &t->home, e) < 0)
        return -1;
    CK_RV rv = t->m->f->C_Login(t->home, CKU_USER, t->pin.p, t->pin.n);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return 0;
    t->m->f->C_CloseSession(t->home);
    return token_fail(t, rv, "C_Login", e);
}

int token_open(struct token *t, const struct module *m, CK_SLOT_ID slot, struct blob pin,
               struct err *e)
{
    reset(t, m, slot);
    if (secret_copy(&t->pin, pin.p, pin.n, e) < 0)
        return -1;
    if (login(t, e) < 0) {
        secret_free(&t->pin);
        return -1;
    }
    t->open = true;
    return 0;
}

void token_close(struct token *t)
{
    if (t->open) {
        t->m->f->C_Logout(t->home);
        t->m->f->C_CloseAllSessions(t->slot);
    }
    secret_free(&t->pin);
    reset(t, t->m, t->slot);
}

/* The token may come back in another slot (unplugged and put in again), so it is looked up anew. */
static int reopen(struct token *t, struct err *e)
{
    struct slot slot;
    if (module_find(t->m, &slot, e) < 0)
        return -1;
    if (!slot.initialised)
        return err_set(e, ERR_TOKEN, "the token is gone: connect it again");
    t->m->f->C_CloseAllSessions(t->slot);
    t->slot = slot.id;
    t->pool_n = 0;
    memset(t->keys, 0, sizeof t->keys);
    t->generation++;
    if (login(t, e) == 0)
        return 0;
    /* A PIN that is refused now would be refused again, until the token locks it: forget it. */
    if (t->last == CKR_PIN_INCORRECT || t->last == CKR_PIN_LOCKED)
        token_close(t);
    return -1;
}

int token_retry(struct token *t, int (*fn)(struct token *t, void *arg, struct err *e), void *arg,
                struct err *e)
{
    if (!t->open)
        return err_set(e, ERR_TOKEN, "the token is locked: give the unlock passphrase");
    t->last = CKR_OK;
    if (fn(t, arg, e) == 0)
        return 0;
    if (!ckr_recoverable(t->last))
        return -1;
    struct err again = {0};
    if (reopen(t, &again) < 0)
        return err_set(e, again.code, "open the token again: %s", again.text);
    return fn(t, arg, e);
}

int session_take(struct token *t, CK_SESSION_HANDLE *out, struct err *e)
{
    if (t->pool_n > 0) {
        *out = t->pool[--t->pool_n];
        return 0;
    }
    return session_open(t, out, e);
}

void session_give(struct token *t, CK_SESSION_HANDLE s, bool ok)
{
    if (ok && t->pool_n < POOL_MAX)
        t->pool[t->pool_n++] = s;
    else
        t->m->f->C_CloseSession(s);
}
