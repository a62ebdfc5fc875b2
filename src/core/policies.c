#include "src/core/policies.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"

#define DAY_S 86400
#define BACKDATE_S 3600 /* CAs let a certificate begin before they made it */
#define FINDINGS_KEPT 20
#define FINDING_BYTES 500

static int load_one(void *record, void *arg, struct err *e)
{
    struct policy_set *s = arg;
    struct policy *p = record;

    if (s->n == POLICIES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d policies", POLICIES_MAX);
    s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
    s->v[s->n++] = *p;
    *p = (struct policy){0}; /* moved */
    return 0;
}

int policies_load(struct txn *t, struct policy_set *out, struct err *e)
{
    *out = (struct policy_set){0};
    if (row_each(t, TABLE_POLICY, "name", NULL, load_one, out, e) == 0)
        return 0;
    policy_set_free(out);
    return -1;
}

static int64_t days_of(int64_t from, int64_t until)
{
    return until > from ? (until - from - BACKDATE_S + DAY_S - 1) / DAY_S : 0;
}

/* The request a certificate stands for: its configuration, or what is served when it has none. */
static int request_of(struct txn *t, const struct cert *c, struct policy_request *out,
                      struct connector *ca, struct err *e)
{
    struct err gone = {0};

    *out = (struct policy_request){.names = &c->names,
                                   .tags = &c->tags,
                                   .connector = c->connector,
                                   .ca_type = c->ca_type,
                                   .key_alg = c->key_alg,
                                   .key_policy = c->key_policy,
                                   .days = c->validity_days,
                                   .at = now_s()};
    if (text_of(c->connector)[0] == '\0' && text_of(c->chain)[0]) {
        out->key_alg = c->key_info;
        out->key_policy = NULL;
        out->days = days_of(c->not_before, c->not_after);
        return 0;
    }
    if (text_of(c->connector)[0] == '\0')
        return 0;
    if (row_get(t, TABLE_CONNECTOR, c->connector, ca, &gone) == 0)
        out->ca_type = ca->ca_type;
    else if (gone.code != ERR_NOT_FOUND)
        return err_set(e, gone.code, "%s", gone.text);
    return 0;
}

int policies_judge(struct txn *t, const struct cert *c, struct policy_findings *findings,
                   struct policy_limits *limits, struct err *e)
{
    OWN(policy_set_free)
    struct policy_set s = {0};
    OWN(own_connector)
    struct connector ca = {0};
    struct policy_request q;

    if (policies_load(t, &s, e) < 0 || request_of(t, c, &q, &ca, e) < 0)
        return -1;
    if (findings)
        policy_judge(&s, &q, findings);
    if (limits)
        policy_limits(&s, &q, limits);
    return 0;
}

static void keep_findings(struct cert *c, const struct policy_findings *f)
{
    strs_free(&c->policy_findings);
    strs_free(&c->refused_by);
    for (size_t i = 0; i < f->n; i++) {
        if (c->policy_findings.n < FINDINGS_KEPT)
            strs_add(&c->policy_findings, f->v[i].text);
        if (!strs_has(&c->refused_by, f->v[i].policy))
            strs_add(&c->refused_by, f->v[i].policy);
    }
    text_set(&c->policy, f->n ? "Findings" : "Compliant");
}

static int mark(struct txn *t, struct cert *c, struct policy_findings *f, struct err *e)
{
    OWN(policy_limits_free)
    struct policy_limits l = {0};

    if (policies_judge(t, c, f, &l, e) < 0)
        return -1;
    keep_findings(c, f);
    c->policy_renew_percent = l.renew_percent;
    c->policy_renew_days = l.renew_days;
    return 0;
}

int policies_mark(struct txn *t, struct cert *c, struct err *e)
{
    OWN(policy_findings_free)
    struct policy_findings f = {0};

    return mark(t, c, &f, e);
}

static bool among(const struct policy_findings *before, const struct policy_finding *f)
{
    for (size_t i = 0; before && i < before->n; i++)
        if (str_eq(before->v[i].policy, f->policy) && str_eq(before->v[i].text, f->text))
            return true;
    return false;
}

int policies_demand(struct txn *t, struct cert *c, const struct policy_findings *before,
                    struct err *e)
{
    OWN(policy_findings_free)
    struct policy_findings f = {0};

    if (mark(t, c, &f, e) < 0)
        return -1;
    for (size_t i = 0; i < f.n; i++)
        if (!among(before, &f.v[i]))
            return err_set(e, ERR_INPUT, "%s", f.v[i].text);
    return 0;
}

char *policies_words(const struct policy_findings *f)
{
    return f->n > 1 ? xasprintf("%s; and %zu more", f->v[0].text, f->n - 1) : xstrdup(f->v[0].text);
}

static void own_info(struct cert_info *i)
{
    cert_info_free(i);
}

int policies_accept(struct core *core, const struct cert *c, const X509 *leaf, struct err *e)
{
    OWN(own_info)
    struct cert_info i = {0};
    OWN(policy_set_free)
    struct policy_set s = {0};
    OWN(policy_findings_free)
    struct policy_findings f = {0};
    OWN(txn_abort)
    struct txn *t = NULL;

    if (cert_describe(leaf, &i, e) < 0 || txn_begin(core->db, false, &t, e) < 0 ||
        policies_load(t, &s, e) < 0)
        return -1;
    struct policy_request q = {.names = &i.names,
                               .tags = &c->tags,
                               .connector = c->connector,
                               .ca_type = c->ca_type,
                               .key_alg = i.key_alg,
                               .key_policy = c->key_policy,
                               .days = days_of(i.not_before, i.not_after),
                               .at = now_s()};
    policy_judge(&s, &q, &f);
    if (f.n == 0)
        return 0;
    OWN(own_mem)
    char *words = policies_words(&f);
    return err_set(e, ERR_DENIED, "%s", words);
}
