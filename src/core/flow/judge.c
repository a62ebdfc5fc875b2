/* One word for what was found, the worst first, and all of it as detail (judge.h). */
#include "src/core/flow/judge.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/time.h"

#define EVERY_S (6 * 3600)
#define DETAIL_MAX 500

struct faults {
    struct strs revoked, expired, early, chain, names, unknown;
};

static void faults_free(struct faults *f)
{
    struct strs *all[] = {&f->revoked, &f->expired, &f->early, &f->chain, &f->names, &f->unknown};
    for (size_t i = 0; i < COUNT(all); i++)
        strs_free(all[i]);
}

static void check_chain(const struct chain *chain, const X509 *root, struct faults *f)
{
    OWN(chain_free)
    struct chain ordered = {0};
    OWN(buf_free)
    struct buf spki = BUF(CERT_MAX_BYTES);
    struct err why = {0};
    if (cert_spki(chain->v[0], &spki, &why) < 0 ||
        chain_order(chain, buf_blob(&spki), false, &ordered, &why) < 0) {
        strs_add(&f->chain, why.text);
        return;
    }
    const X509 *last = ordered.v[ordered.n - 1];
    if (ordered.n == 1 && !cert_issued_by(last, last) && !(root && cert_issued_by(last, root)))
        strs_add(&f->chain, "its issuer is not sent with it");
}

static void check_date(const struct cert_info *info, const char *who, int64_t now, int64_t *end,
                       struct faults *f)
{
    bool over = now > info->not_after;
    char at[TIME_TEXT_BYTES];
    time_print(over ? info->not_after : info->not_before, at);
    OWN(own_mem)
    char *text = xasprintf("%s %s %.10s", who, over ? "ended on" : "is not valid before", at);
    if (over)
        strs_add(&f->expired, text);
    else if (now < info->not_before)
        strs_add(&f->early, text);
    else if (*end == 0 || info->not_after < *end)
        *end = info->not_after;
}

static bool is_host(const char *name)
{
    return name[0] && name[0] != '~' && name[0] != '.' && strchr(name, '.');
}

static void check_name(const char *name, const struct strs *sans, struct faults *f)
{
    for (size_t i = 0; i < sans->n; i++)
        if (str_ieq(sans->v[i], name) || cert_name_covers(sans->v[i], name))
            return;
    if (!strs_has(&f->names, name))
        strs_add(&f->names, name);
}

static int check_certs(const struct cert *c, const struct chain *chain, int64_t now, int64_t *end,
                       struct faults *f, struct err *e)
{
    for (size_t i = 0; i < chain->n; i++) {
        struct cert_info info = {0};
        if (cert_describe(chain->v[i], &info, e) < 0)
            return -1;
        check_date(&info, i ? info.subject : "it", now, end, f);
        for (size_t k = 0; i == 0 && k < c->names.n; k++)
            check_name(c->names.v[k], &info.names, f);
        if (i == 0 && is_host(text_of(c->sni)))
            check_name(c->sni, &info.names, f);
        cert_info_free(&info);
    }
    return 0;
}

static void check_revocation(const struct cert *c, const struct known_revocation *r,
                             struct faults *f)
{
    if (r->state == REVOCATION_REVOKED)
        strs_add(&f->revoked, r->text);
    else if (c->revoked)
        strs_add(&f->revoked, "revoked at its CA");
    else if (r->state == REVOCATION_UNKNOWN)
        strs_add(&f->unknown, r->text);
}

static void put_detail(struct cert *c, const struct strs *all)
{
    OWN(own_mem)
    char *detail = strs_join(all, "; ");
    size_t n = strlen(detail);
    while (n > DETAIL_MAX || (n > 0 && !utf8_valid(detail, n)))
        n--;
    detail[n] = '\0';
    text_set(&c->validation_detail, detail);
}

/* The first kind that found something gives the word; all that was found is the detail. */
static void put_together(struct cert *c, const struct faults *f, const struct known_revocation *r)
{
    const struct {
        const char *status, *before;
        const struct strs *found;
    } kinds[] = {
        {"Revoked", "", &f->revoked},
        {"Expired", "", &f->expired},
        {"Not yet valid", "", &f->early},
        {"Chain incomplete", "", &f->chain},
        {"Name mismatch", "it does not cover ", &f->names},
        {"Revocation unknown", "revocation: ", &f->unknown},
    };
    struct strs all = {0};
    const char *status = NULL;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (kinds[i].found->n == 0)
            continue;
        OWN(own_mem)
        char *list = strs_join(kinds[i].found, ", ");
        OWN(own_mem)
        char *text = xasprintf("%s%s", kinds[i].before, list);
        strs_add(&all, text);
        status = status ? status : kinds[i].status;
    }
    if (!status)
        strs_add(&all, "chain complete, names covered");
    if (r->state == REVOCATION_GOOD)
        strs_add(&all, r->text);
    text_set(&c->validation_status, status ? status : "Valid");
    put_detail(c, &all);
    strs_free(&all);
}

int judge_certificate(struct cert *c, const struct chain *chain, const X509 *root,
                      const struct known_revocation *r, int64_t now, struct err *e)
{
    OWN(faults_free)
    struct faults f = {0};
    int64_t end = 0;
    if (check_certs(c, chain, now, &end, &f, e) < 0)
        return -1;
    check_chain(chain, root, &f);
    check_revocation(c, r, &f);
    put_together(c, &f, r);
    c->validated_at = r->as_of;
    c->validate_at = now + EVERY_S;
    if (end && end + 1 < c->validate_at)
        c->validate_at = end + 1;
    if (r->next > now && r->next < c->validate_at)
        c->validate_at = r->next;
    return 0;
}
