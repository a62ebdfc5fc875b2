/* What became of an order at emSign: its state, the proof of its names, its certificates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/ca/emsign_client.h"

#define PROOF_S 60
#define APPROVAL_S 300
#define FETCH_S 30
#define METHOD_DNS "1"
#define METHOD_HTTP "2"

static json_t *proof_of(const struct emsign *c, const char *number, const char *name)
{
    json_t *q = json_object();

    json_put_str(q, "requestorEmail", c->s->email);
    json_put_str(q, "orderNumber", number);
    json_put_str(q, "domainName", name);
    json_put_str(q, "dcvMethod", str_eq(c->s->dcv_method, "HTTP file") ? METHOD_HTTP : METHOD_DNS);
    return q;
}

/* The TXT record's name: the setting with {domain} replaced; malloc'ed. */
static char *txt_name(const struct emsign_settings *s, const char *domain)
{
    static const char mark[] = "{domain}";
    const char *t = s->txt_owner ? s->txt_owner : "", *at = strstr(t, mark);

    return at ? xasprintf("%.*s%s%s", (int)(at - t), t, domain, at + strlen(mark))
              : xasprintf("%s", *t ? t : domain);
}

static void describe(const struct emsign *c, const char *name, const struct emsign_proof *p,
                     struct ca_result *out)
{
    const char *domain = str_starts(name, "*.") ? name + 2 : name;
    OWN(own_mem)
    char *owner = txt_name(c->s, domain);

    if (p->file[0])
        snprintf(out->detail, sizeof(out->detail),
                 "Prove the name: serve http://%.200s/.well-known/pki-validation/%s with the "
                 "content %s",
                 domain, p->file, p->token);
    else
        snprintf(out->detail, sizeof(out->detail),
                 "Prove the name: publish the TXT record %.250s with the value %s", owner,
                 p->token);
}

/*
 * Says what to publish and, when asked to, has emSign look for it. What goes wrong is told, not an
 * error: the order waits, and is asked for again.
 */
static void prove_name(struct emsign *c, const char *number, const char *name, bool verify,
                       struct ca_result *out)
{
    struct emsign_proof p = {0};
    struct err e = {0};
    OWN(own_json)
    json_t *a = emsign_call(c, "GetDcv", "dcvDetails", proof_of(c, number, name), &e);

    if (!a || emsign_proof_parse(a, &p, &e) < 0) {
        snprintf(out->detail, sizeof(out->detail), "Prove %.150s: %.300s", name, e.text);
        return;
    }
    describe(c, name, &p, out);
    if (verify) {
        OWN(own_json)
        json_t *done = emsign_call(c, "VerifyDcv", "dcvDetails", proof_of(c, number, name), &e);
        (void)done;
    }
}

static int fetch(struct emsign *c, const char *number, struct ca_result *out, struct err *e)
{
    json_t *q = json_object();

    json_put_str(q, "orderNumber", number);
    json_put_str(q, "requestorEmail", c->s->email);
    OWN(own_json)
    json_t *a = emsign_call(c, "GetCertificate", "orderDetails", q, e);
    if (a)
        return emsign_certificate_parse(a, &out->chain, e);
    if (!c->refused || c->meta.code[0] == '\0')
        return -1;
    out->state = ORDER_APPROVAL_PENDING; /* issued, but its body comes later */
    out->retry_after_s = FETCH_S;
    snprintf(out->detail, sizeof(out->detail), "the certificate is not ready: %.300s", e->text);
    return 0;
}

int emsign_follow(struct emsign *c, const struct emsign_order *o, bool prove, struct ca_result *out,
                  struct err *e)
{
    OWN(emsign_track_free)
    struct emsign_track t = {0};

    out->reference = xstrdup(o->at.order);
    if (emsign_track(c, o->at.order, &t, e) < 0)
        return -1;
    if (t.state == ORDER_VALIDATION_PENDING) {
        prove_name(c, o->at.order, t.unproved, prove, out);
        emsign_track_free(&t);
        if (prove && emsign_track(c, o->at.order, &t, e) < 0)
            return -1;
    }
    out->state = t.state;
    out->retry_after_s = t.state == ORDER_VALIDATION_PENDING ? PROOF_S : APPROVAL_S;
    if (t.state == ORDER_ISSUED)
        return fetch(c, o->at.order, out, e);
    if (t.state != ORDER_VALIDATION_PENDING)
        snprintf(out->detail, sizeof(out->detail), "emSign: %s", t.words);
    return 0;
}
