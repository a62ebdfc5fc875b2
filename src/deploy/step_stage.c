/* Stage and validate: the new content beside the live files, and the server's own word on it. */
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "src/base/own.h"
#include "src/deploy/change.h"
#include "src/deploy/edit/change.h"
#include "src/deploy/target.h"

/* The key that came must be the certificate's before it goes anywhere (rule 1, D-12). */
static int check_key(struct worker *w, const struct secret *pem, struct err *e)
{
    OWN(own_bio)
    BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
    OWN(own_pkey)
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    if (!key)
        return err_openssl(e, ERR_CRYPTO, "the key that was handed over cannot be read");
    if (EVP_PKEY_eq(key, X509_get0_pubkey(w->chain.v[0])) != 1)
        return err_set(e, ERR_CRYPTO,
                       "the key does not belong to the new certificate: nothing was written");
    return 0;
}

/*
 * Owner, mode, ACL, attributes and label are finished on the staged file: chown failing late would
 * be an outage (D-13). cp carries ACL and attributes where the file system has them; what the tools
 * of the server can show is compared.
 */
static const char like_the_old[] =
    "cp --attributes-only --preserve=mode,ownership,xattr -- \"$F\" \"$S\" 2>/dev/null || :\n"
    "chown --reference=\"$F\" -- \"$S\"\nchmod --reference=\"$F\" -- \"$S\"\n"
    "if command -v setfacl >/dev/null && [ -n \"$(getfacl -cps -- \"$F\")\" ]; then"
    " getfacl -cp -- \"$F\" | setfacl --set-file=- -- \"$S\"; fi\n"
    "[ -z \"$CTX\" ] || chcon --reference=\"$F\" -- \"$S\"\n"
    "[ \"$(stat -c '%u %g %a' -- \"$S\")\" = \"$(stat -c '%u %g %a' -- \"$F\")\" ] ||"
    " die \"$S: owner or mode differ\"\n"
    "if command -v getfattr >/dev/null; then\n"
    "attrs() { getfattr --absolute-names -d -m '^user\\.|^system\\.posix_acl' -e hex -- \"$1\" | "
    "sed 1d; }\n"
    "[ \"$(attrs \"$S\")\" = \"$(attrs \"$F\")\" ] || die \"$S: ACL or attributes differ\"\nfi\n";

static void add_new_file(struct buf *b, const struct plan *p, const struct plan_file *f)
{
    if (p->root)
        buf_add_str(b, "chown 0:0 -- \"$S\"\n");
    buf_addf(b, "chmod %04o -- \"$S\"\n", f->mode);
}

static char *replaced(const char *text, const char *from, const char *to)
{
    OWN(buf_free)
    struct buf b = BUF(65536);

    for (const char *at; (at = strstr(text, from)); text = at + strlen(from)) {
        buf_add(&b, text, (size_t)(at - text));
        buf_add_str(&b, to);
    }
    buf_add_str(&b, text);
    return buf_take_str(&b);
}

/* `staged`: the created files by the names they are staged under, for a test before the switch. */
static int edited(const struct plan *p, struct blob text, bool staged, struct buf *out,
                  struct err *e)
{
    struct conf_edit l[PLAN_EDITS_MAX] = {0};

    for (uint32_t i = 0; i < p->edits; i++) {
        char *with = xstrdup(p->edit[i].text);
        for (uint32_t k = 0; staged && k < p->files; k++)
            if (p->file[k].created) {
                OWN(own_mem)
                char *was = with;
                with = replaced(was, p->file[k].path, p->file[k].staged);
            }
        l[i] = (struct conf_edit){p->edit[i].at, p->edit[i].drop, with};
    }
    int rc = conf_apply(text, l, p->edits, out, e);
    for (uint32_t i = 0; i < p->edits; i++)
        free(l[i].text);
    return rc;
}

/* The old text comes from the server again: the plan holds the edits only. */
static int edit_config(struct worker *w, const struct plan *p, const struct plan_file *f,
                       bool staged, struct buf *out, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(16384);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;
    OWN(own_mem)
    char *hash = xstrdup("");

    script_set(&b, "DIR", p->backup_dir);
    change_file(&b, f);
    buf_add_str(&b, "cat -- \"$DIR/$N\"\n");
    if (change_run(w, &b, &o, ERR_DENIED, e) < 0 || hash_hex(buf_blob(&o.out), &hash, e) < 0)
        return -1;
    if (!str_eq(hash, f->old_sha256))
        return err_set(e, ERR_CONFLICT, "the backup of %s is not the file of the plan", f->final);
    return edited(p, buf_blob(&o.out), staged, out, e);
}

/* What each file of the plan is to hold; an edited configuration is a copy of its own. */
struct contents {
    struct blob of[PLAN_FILES_MAX];
    struct buf config;
};

static int prepare(struct worker *w, struct plan *p, const struct secret *key,
                   const struct buf *chain, struct contents *c, struct err *e)
{
    for (uint32_t i = 0; i < p->files; i++) {
        struct plan_file *f = &p->file[i];
        OWN(own_mem)
        char *planned = xstrdup(f->new_sha256);
        if (f->kind == PLAN_CONFIG && edit_config(w, p, f, false, &c->config, e) < 0)
            return -1;
        c->of[i] = f->kind == PLAN_CONFIG ? buf_blob(&c->config)
                   : f->kind == PLAN_KEY  ? secret_blob(key)
                                          : buf_blob(chain);
        if (hash_hex(c->of[i], &f->new_sha256, e) < 0)
            return -1;
        if (f->kind == PLAN_CONFIG && !str_eq(planned, f->new_sha256))
            return err_set(e, ERR_BUG, "%s: the edited file is not that of the plan", f->final);
    }
    return 0;
}

/* Live already: after a crash, or the key that stays. Makes the folder of created files, too. */
static int find_live(struct worker *w, const struct plan *p, bool live[PLAN_FILES_MAX],
                     struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b, change_helpers);
    if (p->new_folder[0]) {
        script_set(&b, "D", p->new_folder);
        buf_add_str(&b, "[ -d \"$D\" ] || { mkdir -- \"$D\"; chmod 755 -- \"$D\"; }\n");
    }
    for (uint32_t i = 0; i < p->files; i++) {
        change_file(&b, &p->file[i]);
        buf_addf(&b, "[ \"$(hash \"$F\")\" != \"$NEW\" ] || echo 'live%u yes'\n", i);
    }
    if (change_run(w, &b, &o, ERR_DENIED, e) < 0)
        return -1;
    for (uint32_t i = 0; i < p->files; i++) {
        OWN(own_mem)
        char *name = xasprintf("live%u", i);
        OWN(own_mem)
        char *yes = script_get(&o, name);
        live[i] = yes != NULL;
    }
    return 0;
}

static int finish_staged(struct worker *w, const struct plan *p, const bool live[PLAN_FILES_MAX],
                         struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b, change_helpers);
    for (uint32_t i = 0; i < p->files; i++) {
        const struct plan_file *f = &p->file[i];
        if (live[i])
            continue;
        change_file(&b, f);
        script_set(&b, "CTX", f->context);
        if (f->created)
            add_new_file(&b, p, f);
        else
            buf_add_str(&b, like_the_old);
        buf_add_str(&b, "sync -- \"$S\"\n"
                        "[ \"$(hash \"$S\")\" = \"$NEW\" ] || die \"$S: not what was sent\"\n");
    }
    return change_run(w, &b, &o, ERR_DENIED, e);
}

static int stage_files(struct worker *w, struct plan *p, const struct secret *key,
                       const struct buf *chain, struct err *e)
{
    bool live[PLAN_FILES_MAX];
    struct contents c = {.config = BUF(CONF_FILE_MAX)};
    int rc = prepare(w, p, key, chain, &c, e) < 0 ? -1 : find_live(w, p, live, e);

    for (uint32_t i = 0; rc == 0 && i < p->files; i++)
        if (!live[i] && via_put(w->via, p->file[i].staged, c.of[i], e) < 0)
            rc = err_wrap(e, "stage %s", p->file[i].staged);
    if (rc == 0 && finish_staged(w, p, live, e) < 0)
        rc = err_wrap(e, "stage");
    buf_free(&c.config);
    return rc;
}

int step_stage(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(secret_free)
    struct secret key = {0};
    OWN(buf_free)
    struct buf chain = BUF(1 << 20);
    OWN(own_mem)
    char *info = xasprintf("job/%s/key", w->job);

    if (!p->files)
        return step_end(s, OUTCOME_OK, CAUSE_NONE, "Nothing to stage");
    if (!s->bundle.n || hpke_open(w->key, info, s->bundle, &key, e) < 0)
        return s->bundle.n
                   ? -1
                   : err_set(e, ERR_BUG, "the key of the new certificate was not handed over");
    if (check_key(w, &key, e) < 0 || chain_pem(&w->chain, &chain, e) < 0)
        return -1;
    if (stage_files(w, p, &key, &chain, e) < 0)
        return -1;
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "%u files staged beside the live ones", p->files);
}

/*
 * The edited configuration is tested where only the test sees it: in a mount namespace of its own
 * the new text lies over the live file. Where there is none to be had, the test before the reload
 * tells.
 */
static int test_edited(struct worker *w, struct step *s, const struct plan_file *f, struct err *e)
{
    const struct plan *p = &s->plan;
    OWN(own_mem)
    char *trial = xasprintf("%s/trial-config", p->backup_dir);
    OWN(buf_free)
    struct buf text = BUF(CONF_FILE_MAX), b = BUF(32768), test = BUF(8192);

    if (edit_config(w, p, f, true, &text, e) < 0 || via_put(w->via, trial, buf_blob(&text), e) < 0)
        return -1;
    w->target->add_test(p, &test);
    script_set(&b, "T", trial);
    change_file(&b, f);
    script_set(&b, "TEST", buf_cstr(&test));
    buf_add_str(&b,
                "export T F TEST\nunshare --mount --propagation private true 2>/dev/null ||"
                " { rm -f -- \"$T\"; echo 'no mount namespace here: tested before the reload' >&2; "
                "exit 0; }\nrc=0\n"
                "unshare --mount --propagation private /bin/sh -c"
                " 'mount --bind -- \"$T\" \"$F\" && eval \"$TEST\"' || rc=$?\n"
                "rm -f -- \"$T\"\nexit $rc\n");
    return change_test(w, s, &b, "Test of the edited configuration", CAUSE_CONFIGURATION, e);
}

static int try_pair(struct worker *w, struct step *s, struct err *e)
{
    const struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf trial = BUF(32768);

    script_set(&trial, "DIR", p->backup_dir);
    for (uint32_t i = 0; i < p->files; i++) {
        const struct plan_file *f = &p->file[i];
        if (f->kind == PLAN_CONFIG)
            continue;
        script_set(&trial, "S", f->staged);
        script_set(&trial, "F", f->final);
        buf_addf(&trial, "[ -f \"$S\" ] || S=$F\n%s=$S\n", f->kind == PLAN_KEY ? "KEY" : "CERT");
    }
    w->target->add_trial(p, &trial);
    return change_test(w, s, &trial, "Trial load of the new pair", CAUSE_FORMAT, e);
}

int step_validate(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf test = BUF(8192);

    if (p->files && (try_pair(w, s, e) < 0 || s->outcome != OUTCOME_OK))
        return s->outcome == OUTCOME_OK ? -1 : 0;
    for (uint32_t i = 0; i < p->files; i++)
        if (p->file[i].kind == PLAN_CONFIG &&
            (test_edited(w, s, &p->file[i], e) < 0 || s->outcome != OUTCOME_OK))
            return s->outcome == OUTCOME_OK ? -1 : 0;
    if (p->config_sha256[0]) { /* else it was refused for the very pair that it lacks */
        w->target->add_test(p, &test);
        if (change_test(w, s, &test, "Test of the live configuration", CAUSE_CONFIGURATION, e) < 0)
            return -1;
    }
    return s->outcome != OUTCOME_OK
               ? 0
               : step_end(s, OUTCOME_OK, CAUSE_NONE,
                          "The server loads the new pair, and its configuration is valid");
}
