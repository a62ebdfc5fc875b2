/* Rule 1 and the text a person approves. Changes nothing and asks nothing of the server. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/time.h"
#include "src/deploy/plan_diff.h"
#include "src/deploy/target.h"

static int check_material(struct worker *w, const struct plan *p, struct err *e)
{
    int64_t now = now_s(), there = now + p->clock_ahead - p->clock_behind;

    if (chain_check(&w->chain, bytes_blob(&w->spki), &w->request.names, now, e) < 0)
        return err_wrap(e, "the new certificate is not fit");
    if (chain_check(&w->chain, bytes_blob(&w->spki), &w->request.names, there, e) < 0)
        return err_wrap(
            e, "by the server's clock, which is %u seconds %s, the new certificate is not fit",
            p->clock_ahead ? p->clock_ahead : p->clock_behind, p->clock_ahead ? "ahead" : "behind");
    return 0;
}

static void add_cert_line(struct buf *b, const char *what, const char *fingerprint,
                          const struct cert_info *c)
{
    char until[TIME_TEXT_BYTES];

    time_print(c->not_after, until);
    buf_addf(b, "  %s: leaf %.16s  CN=%s  notAfter %.10s  %s-%d\n", what, fingerprint,
             c->common_name, until, c->key_alg, c->key_bits);
}

static void add_names(struct buf *b, const struct strs *lost, const struct strs *gained)
{
    buf_addf(b, "  SANs: +%zu -%zu\n", gained->n, lost->n);
    for (size_t i = 0; i < lost->n; i++)
        buf_addf(b, "    - %s\n", lost->v[i]);
    for (size_t i = 0; i < gained->n; i++)
        buf_addf(b, "    + %s\n", gained->v[i]);
}

static void add_steps(struct worker *w, const struct plan *p, struct buf *b)
{
    OWN(buf_free)
    struct buf test = BUF(4096), reload = BUF(4096);
    static const char *const what[] = {"new chain", "new key", "configuration"};

    w->target->add_test(p, &test);
    w->target->add_reload(p, &reload);
    for (uint32_t i = 0; i < p->files; i++) {
        const struct plan_file *f = &p->file[i];
        if (!f->created)
            buf_addf(b, "backup  %s  %.16s  to %s/%s\n", f->final, f->old_sha256, p->backup_dir,
                     f->backup);
        buf_addf(b, "%s %s  %s, %u:%u %04o %s\n",
                 f->created               ? "create "
                 : f->kind == PLAN_CONFIG ? "edit   "
                                          : "replace",
                 f->final, what[f->kind], f->uid, f->gid, f->mode, f->context);
    }
    if (p->new_folder[0])
        buf_addf(b, "make    %s  0755\n", p->new_folder);
    buf_add_str(b, p->diff);
    buf_addf(b, "test    %s\n", buf_cstr(&test));
    buf_addf(b, "reload  %s\n", buf_cstr(&reload));
    buf_addf(b, "verify  %u names x 5 connections within %d s\n", p->endpoints,
             w->target->verify_seconds);
    buf_addf(b,
             "rollback: restore %u files, test, reload, verify %.16s; by the server itself after "
             "%u s; interruption: none (reload)\n",
             p->files,
             p->old_leaf[0]      ? p->old_leaf
             : p->served_leaf[0] ? p->served_leaf
                                 : "nothing",
             p->rollback_seconds);
}

/* Names in `a` that `b` does not hold literally: for display. */
static void names_minus(const struct strs *a, const struct strs *b, struct strs *out)
{
    for (size_t i = 0; i < a->n; i++)
        if (!strs_has(b, a->v[i]))
            strs_add(out, a->v[i]);
}

struct names_diff {
    struct strs lost, gained;
};

static void diff_free(struct names_diff *d)
{
    strs_free(&d->lost);
    strs_free(&d->gained);
}

/* With files of its own a block answers for its own names, whatever the old file holds besides. */
static int compare_names(struct plan *p, const struct cert_info *was, const struct cert_info *new,
                         struct names_diff *d, struct err *e)
{
    struct strs here = {0}, bare = {0};

    for (uint32_t i = 0; p->edits && i < p->endpoints; i++)
        if (p->endpoint[i].name[0] && !strs_has(&here, p->endpoint[i].name))
            strs_add(&here, p->endpoint[i].name);
    int rc = cert_names_lost(p->edits ? &here : &was->names, &new->names,
                             p->edits && !p->old_leaf[0] ? &bare : &d->lost);
    for (size_t i = 0; i < bare.n; i++) {
        OWN(own_mem)
        char *line =
            xasprintf("! the server block answers for %s, too, and the certificate does not "
                      "hold that name",
                      bare.v[i]);
        plan_add_risk(p, line);
    }
    strs_free(&here);
    strs_free(&bare);
    if (rc < 0)
        return err_set(e, ERR_CRYPTO, "the names of the certificates cannot be compared");
    names_minus(&new->names, &was->names, &d->gained);
    return 0;
}

static int describe(struct worker *w, struct step *s, struct names_diff *d, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(chain_free)
    struct chain old = {0};
    OWN(cert_info_free)
    struct cert_info was = {0};
    OWN(cert_info_free)
    struct cert_info new = {0};
    struct buf *b = &s->evidence;

    if ((p->old_pem[0] && (chain_parse(blob_str(p->old_pem), &old, e) < 0 ||
                           cert_describe(old.v[0], &was, e) < 0)) ||
        cert_describe(w->chain.v[0], &new, e) < 0 || compare_names(p, &was, &new, d, e) < 0)
        return -1;
    if (was.key_alg && !str_eq(was.key_alg, new.key_alg))
        plan_add_risk(p,
                      "the kind of key changes: clients or ssl_ciphers that know only the old kind "
                      "will fail");
    buf_addf(b, "server %s (%s) %s%s%s, SSH as %s\n",
             w->server.description ? w->server.description : "", w->server.address, p->version,
             p->unit[0] ? ", unit " : "", p->unit, w->server.username);
    buf_addf(b, "endpoint %s:%u [%s]  %s\n", p->address, p->endpoint[0].port, p->endpoint[0].name,
             p->where);
    if (p->old_pem[0])
        add_cert_line(b, "now", p->old_leaf, &was);
    else
        buf_add_str(b, "  now: no certificate is named here\n");
    buf_addf(b, "       served %s\n",
             !p->served_leaf[0]                    ? "nothing answers"
             : str_eq(p->served_leaf, p->old_leaf) ? "= configured"
                                                   : p->served_leaf);
    add_cert_line(b, "new", p->new_leaf, &new);
    add_names(b, &d->lost, &d->gained);
    for (uint32_t i = 1; i < p->endpoints; i++)
        buf_addf(b, "also uses this certificate: port %u %s\n", p->endpoint[i].port,
                 p->endpoint[i].name);
    return 0;
}

/* 1: it is the plan that was approved, or none was. 0: it is not, and the answer says why. */
static int as_approved(struct worker *w, struct step *s, struct err *e)
{
    OWN(plan_free)
    struct plan approved = {0};
    OWN(buf_free)
    struct buf lines = BUF(32768);

    if (!w->request.approved_plan.n)
        return 1;
    if (plan_decode(bytes_blob(&w->request.approved_plan), &approved, e) < 0)
        return -1;
    size_t n = plan_differences(&approved, &s->plan, &lines);
    if (n == 0)
        return 1;
    buf_addf(&s->evidence, "changed since the approval:\n%s", buf_cstr(&lines));
    const char *text = buf_cstr(&lines);
    OWN(own_mem)
    char *more = n > 1 ? xasprintf(" (and %zu more)", n - 1) : xstrdup("");
    return step_end(s, OUTCOME_PLAN_CHANGED, CAUSE_CONFIGURATION,
                    "The plan is not the one that was approved: %.*s%s. Nothing was changed on the "
                    "server; the plan lists all differences",
                    (int)strcspn(text, "\n"), text, more);
}

int step_plan(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(diff_free)
    struct names_diff d = {0};

    if (!w->chain.n || !p->new_leaf[0])
        return err_set(e, ERR_BUG, "a plan needs a new certificate and a discovered endpoint");
    if (p->problem[0])
        return step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_CONFIGURATION, "%s", p->problem);
    bool same = str_eq(p->old_leaf, p->new_leaf) && str_eq(p->served_leaf, p->new_leaf);
    if (same && !w->request.redeploy)
        return step_end(s, OUTCOME_NO_CHANGE, CAUSE_NONE,
                        "The certificate is already configured and served at %s", p->where);
    if (check_material(w, p, e) < 0 || describe(w, s, &d, e) < 0)
        return -1;
    if (!p->served_leaf[0] && p->old_leaf[0])
        plan_add_risk(
            p, "! nothing answers at the endpoint now: a rollback can restore the files, not "
               "prove them");
    if (!str_eq(p->served_leaf, p->old_leaf) && p->served_leaf[0] && p->old_leaf[0])
        plan_add_risk(
            p,
            "a certificate of ours lies in the file and is not served yet: a reload was missing");
    buf_addf(&s->evidence, "%s", p->risks[0] ? "risks:\n" : "");
    buf_add_str(&s->evidence, p->risks);
    add_steps(w, p, &s->evidence);
    int approved = as_approved(w, s, e);
    if (approved != 1)
        return approved;
    if (d.lost.n && !w->request.allow_name_loss) {
        OWN(own_mem)
        char *names = strs_join(&d.lost, ", ");
        return step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_POLICY,
                        "The new certificate lacks names of the old one: %s", names);
    }
    bool asks = str_starts(p->risks, "! ") || strstr(p->risks, "\n! ");
    if (asks && !w->request.accept_risks)
        return step_end(s, OUTCOME_NEEDS_REVIEW, CAUSE_POLICY,
                        "The plan has risks a person must accept first");
    if (p->edits)
        return step_end(s, OUTCOME_OK, CAUSE_NONE, "Create the files and name them at %s, reload",
                        p->where);
    return step_end(s, same ? OUTCOME_NO_CHANGE : OUTCOME_OK, CAUSE_NONE,
                    p->files ? "Replace %u files at %s and reload"
                             : "Reload: the files are in place already (%u to write, %s)",
                    p->files, p->where);
}
