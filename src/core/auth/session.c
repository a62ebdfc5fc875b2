/* Sessions, tokens and one-time codes. */
#include "src/core/auth/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "crypto/kdf.h"
#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"

#define SECRET_BYTES 32
#define CODE_CHARS 12 /* 60 bits, for 15 minutes, once, throttled */

static int hash_of(struct blob secret, char hex[65], struct err *e)
{
    uint8_t h[32];
    if (sha256(secret, h, e) < 0)
        return -1;
    OWN(own_mem)
    char *text = hex_str(BLOB(h, sizeof h));
    return str_copy(hex, 65, text, e);
}

void caller_free(struct caller *c)
{
    fields_free(&user_fields, &c->user);
    fields_free(&session_fields, &c->session);
    *c = (struct caller){0};
}

static int find(struct txn *t, struct blob credential, struct caller *c, struct err *e)
{
    char hex[65];
    struct err none = {0};
    if (hash_of(credential, hex, e) < 0)
        return -1;
    if (row_find(t, TABLE_SESSION, "secret_hash", hex, &c->session, &none) < 0)
        return err_set(e, none.code == ERR_NOT_FOUND ? ERR_AUTH : none.code,
                       "the session or token is not known: sign in again, or make a new token");
    if (str_eq(c->session.kind, "code"))
        return err_set(e, ERR_AUTH, "a one-time code is for signing in, not for calls");
    if (c->session.expires_at <= now_s())
        return err_set(e, ERR_AUTH, "the %s has ended: sign in again",
                       str_eq(c->session.kind, "token") ? "token" : "session");
    if (str_eq(c->session.kind, "browser") && c->session.last_used + SESSION_IDLE_S < now_s())
        return err_set(e, ERR_AUTH,
                       "the session was not used for an hour and has ended: sign in again");
    if (row_get(t, TABLE_USER, c->session.user, &c->user, &none) < 0 || c->user.disabled)
        return err_set(e, ERR_AUTH, "the user of this session is disabled or gone");
    return 0;
}

static int touch(struct core *core, struct session *s, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (s->last_used + 60 > now_s())
        return 0;
    s->last_used = now_s();
    if (txn_begin(core->db, true, &t, e) < 0 || row_put(t, TABLE_SESSION, s, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int caller_find(struct core *core, struct blob credential, const char *client, struct caller *out,
                struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    struct caller c = {0};
    (void)client;
    if (txn_begin(core->db, false, &t, e) < 0)
        return -1;
    if (find(t, credential, &c, e) < 0) {
        caller_free(&c);
        return -1;
    }
    txn_abort(&t);
    t = NULL;
    struct err stale = {0};
    if (touch(core, &c.session, &stale) < 0 && stale.code != ERR_CONFLICT) {
        caller_free(&c);
        return err_set(e, stale.code, "%s", stale.text);
    }
    c.permissions = role_permissions(&c.user.roles);
    if (c.session.roles.n)
        c.permissions &= role_permissions(&c.session.roles);
    c.known = true;
    *out = c;
    return 0;
}

static char *new_secret(const char *kind)
{
    uint8_t raw[SECRET_BYTES];
    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        abort();
    char *out;
    if (str_eq(kind, "code")) {
        static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        out = xcalloc(1, CODE_CHARS + 3);
        size_t at = 0;
        for (size_t i = 0; i < CODE_CHARS; i++) {
            if (i > 0 && i % 4 == 0)
                out[at++] = '-';
            out[at++] = alphabet[raw[i] % 32];
        }
    } else {
        OWN(own_mem)
        char *text = base64url_str(BLOB(raw, sizeof raw));
        out = xasprintf("ck_%s_%s", str_eq(kind, "token") ? "t" : "s", text);
    }
    wipe(raw, sizeof raw);
    return out;
}

int session_make(struct txn *t, const struct session_request *q, char **secret, struct session *out,
                 struct err *e)
{
    struct session s = {0};
    OWN(own_wiped_str)
    char *text = new_secret(q->kind);
    OWN(own_wiped_str)
    char *csrf = new_secret("browser");
    char hex[65];
    fields_init(&session_fields, &s);
    text_set(&s.kind, q->kind);
    text_set(&s.user, q->user);
    text_set(&s.label, q->label);
    text_set(&s.client, q->client);
    text_set(&s.csrf, csrf);
    s.expires_at = now_s() + q->age_s;
    s.last_used = now_s();
    for (size_t i = 0; q->roles && i < q->roles->n; i++)
        strs_add(&s.roles, q->roles->v[i]);
    int rc = hash_of(blob_str(text), hex, e);
    if (rc == 0) {
        text_set(&s.secret_hash, hex);
        rc = row_put(t, TABLE_SESSION, &s, e);
    }
    if (rc < 0) {
        fields_free(&session_fields, &s);
        return -1;
    }
    *secret = TAKE(text);
    *out = s;
    return 0;
}

/* Codes may be typed in lower case, without the hyphens. */
static void normal_code(const char *typed, char out[CODE_CHARS + 3])
{
    size_t n = 0, at = 0;
    for (const char *p = typed; *p && n < CODE_CHARS; p++) {
        char c = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
        if (c == '-' || c == ' ')
            continue;
        if (n > 0 && n % 4 == 0)
            out[at++] = '-';
        out[at++] = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
        n++;
    }
    out[at] = '\0';
}

int session_take_code(struct core *core, const char *code, struct user *user, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_session)
    struct session s = {0};
    char text[CODE_CHARS + 3], hex[65];
    struct err none = {0};
    normal_code(code, text);
    if (hash_of(blob_str(text), hex, e) < 0 || txn_begin(core->db, true, &t, e) < 0)
        return -1;
    if (row_find(t, TABLE_SESSION, "secret_hash", hex, &s, &none) < 0 || !str_eq(s.kind, "code") ||
        s.expires_at <= now_s())
        return err_set(
            e, ERR_AUTH,
            "Code: not known, used already, or older than 15 minutes; ask for a new one");
    if (row_get(t, TABLE_USER, s.user, user, e) < 0 || row_delete(t, TABLE_SESSION, s.id, e) < 0)
        return -1;
    return txn_commit(&t, e);
}
