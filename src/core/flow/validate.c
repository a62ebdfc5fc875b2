/* Which certificates are due, and what is known of their revocation (validate.h). */
#include "src/core/flow/validate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/flow/judge.h"
#include "src/core/flow/parts.h"
#include "src/model/local_ca.h"

#define BATCH 50
#define FAR_S (2 * 86400) /* no check lies so far ahead: the clock was set back */
#define AGAIN_S 300       /* after a list that could not be had */

void validate_anew(struct cert *c)
{
    text_set(&c->validation_status, "");
    text_set(&c->validation_detail, "");
    c->validated_at = c->validate_at = 0;
}

/* The local CA that issued a certificate. */
struct local {
    const X509 *leaf;
    X509 *root;
    struct known_revocation known;
};

static void local_free(struct local *l)
{
    X509_free(l->root);
}

static bool on_list(const struct local_ca *ca, const X509 *leaf)
{
    const ASN1_INTEGER *s = X509_get0_serialNumber(leaf);
    struct blob serial = BLOB(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
    for (size_t i = 0; i < ca->n; i++)
        if (blob_eq(serial, BLOB(ca->revoked[i].serial, ca->revoked[i].serial_n)))
            return true;
    return false;
}

static int local_one(void *record, void *arg, struct err *e)
{
    const struct connector *con = record;
    struct local *l = arg;
    OWN(local_ca_free)
    struct local_ca ca = {0};
    if (!str_eq(con->type, "local"))
        return 1;
    if (con->memory.n == 0)
        return 0;
    if (local_ca_decode(bytes_blob(&con->memory), &ca, e) < 0 ||
        cert_parse(bytes_blob(&ca.root), &l->root, e) < 0)
        return -1;
    if (!cert_issued_by(l->leaf, l->root)) {
        X509_free(TAKE(l->root));
        return 0;
    }
    bool revoked = on_list(&ca, l->leaf);
    l->known = (struct known_revocation){.state = revoked ? REVOCATION_REVOKED : REVOCATION_GOOD,
                                         .as_of = now_s()};
    snprintf(l->known.text, sizeof l->known.text, "%s the list of %s",
             revoked ? "revoked: on" : "not on", con->name);
    return 1;
}

static int find_local(struct core *core, struct local *l, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(core->db, false, &t, e) < 0)
        return -1;
    return row_each(t, TABLE_CONNECTOR, "type", "local", local_one, l, e);
}

/* What `ca` knows by the list of an outside CA. No answer is an answer: not known now. */
static void ask(struct core *core, const struct cert *c, struct known_revocation *out)
{
    const struct msg_CA_STATUS m = {.chain_pem = blob_str(c->chain)};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_CA_STATUS_IS is;
    struct err why = {0};
    *out = (struct known_revocation){.state = REVOCATION_UNKNOWN, .next = now_s() + AGAIN_S};
    if (call_CA_STATUS(core->ca, &m, MSG_CA_STATUS_IS, CA_TIMEOUT_MS, &r, &why) < 0 ||
        get_CA_STATUS_IS(&r.msg, &is, &why) < 0) {
        snprintf(out->text, sizeof out->text, "%s", why.text);
        return;
    }
    out->state = is.state < REVOCATION_COUNT ? is.state : REVOCATION_UNKNOWN;
    out->as_of = (int64_t)is.as_of;
    out->next = (int64_t)is.next;
    snprintf(out->text, sizeof out->text, "%s", is.detail);
}

/* A change of the word is told. */
static int tell(struct txn *t, const struct cert *c, const char *was, struct err *e)
{
    OWN(own_mem)
    char *text = xasprintf("%s: %s", c->validation_status, c->validation_detail);
    OWN(own_mem)
    char *object = xasprintf("certificate/%s", c->id);
    const struct audit_entry a = {.actor = "scheduler",
                                  .client = "",
                                  .action = "certificate.validated",
                                  .object = object,
                                  .name = c->name,
                                  .result = "ok",
                                  .detail = text};
    if (str_eq(was, c->validation_status))
        return 0;
    return audit_add(t, &a, e) < 0 ? -1 : timeline_add(t, c->id, "validated", text, NULL, e);
}

/* Into the row, when it still is the certificate that was looked at. */
static int keep(struct core *core, const struct cert *seen, const struct chain *chain,
                const struct local *l, const struct known_revocation *r, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_cert)
    struct cert c = {0};
    if (txn_begin(core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, seen->id, &c, e) < 0)
        return -1;
    if (!str_eq(text_of(c.chain), seen->chain))
        return 0;
    OWN(own_mem)
    char *was = xstrdup(text_of(c.validation_status));
    if (judge_certificate(&c, chain, l->root, r, now_s(), e) < 0 ||
        row_put(t, TABLE_CERT, &c, e) < 0 || tell(t, &c, was, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static int validate_one(struct core *core, const char *id, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(chain_free)
    struct chain chain = {0};
    struct known_revocation r;
    if (load(core, TABLE_CERT, id, &c, e) < 0)
        return -1;
    if (text_of(c.chain)[0] == '\0') {
        validate_anew(&c);
        return save(core, TABLE_CERT, &c, e);
    }
    if (chain_parse(blob_str(c.chain), &chain, e) < 0)
        return -1;
    OWN(local_free)
    struct local l = {.leaf = chain.v[0]};
    if (find_local(core, &l, e) < 0)
        return -1;
    if (l.root)
        r = l.known;
    else
        ask(core, &c, &r);
    return keep(core, &c, &chain, &l, &r, e);
}

struct due {
    char id[BATCH][ID_CHARS + 1];
    size_t n;
    int64_t until; /* 0: all that the walk gives */
};

static int due_one(void *record, void *arg, struct err *e)
{
    const struct cert *c = record;
    struct due *d = arg;
    if ((d->until && c->validate_at > d->until) || d->n == BATCH)
        return 1;
    return str_copy(d->id[d->n++], ID_CHARS + 1, c->id, e);
}

static int collect(struct core *core, int64_t from, struct due *d, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *text = xasprintf("%" PRId64, from);
    if (txn_begin(core->db, false, &t, e) < 0)
        return -1;
    return row_each(t, TABLE_CERT, "validate_at", text, due_one, d, e);
}

/* One that cannot be judged is put off, so that it does not keep the others from their turn. */
static void put_off(struct core *core, const char *id, const struct err *why)
{
    OWN(own_cert)
    struct cert c = {0};
    struct err e = {0};
    log_warn("validate", "cert=%s error=%s", id, log_q(why->text));
    if (load(core, TABLE_CERT, id, &c, &e) < 0)
        return;
    c.validate_at = now_s() + AGAIN_S;
    if (save(core, TABLE_CERT, &c, &e) < 0)
        log_warn("validate.put_off", "cert=%s error=%s", id, log_q(e.text));
}

static void round_fiber(void *arg)
{
    struct core *core = arg;
    const int64_t now = now_s();
    struct due d = {.until = now};
    struct err e = {0};
    int rc = collect(core, 1, &d, &e);
    d.until = 0;
    if (rc < 0 || collect(core, now + FAR_S, &d, &e) < 0)
        log_error("validate", "error=%s", log_q(e.text));
    for (size_t i = 0; i < d.n && core->state == STATE_OPERATIONAL; i++) {
        struct err why = {0};
        if (validate_one(core, d.id[i], &why) < 0)
            put_off(core, d.id[i], &why);
    }
    core->validating = false;
}

int validate_due(struct core *core, struct err *e)
{
    (void)e;
    if (core->validating)
        return 0;
    core->validating = true;
    fiber_start(core->loop, round_fiber, core);
    return 0;
}
