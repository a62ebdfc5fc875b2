/*
 * The steps that write: back up, stage, validate, switch, activate. Each looks first what is there,
 * so that it can be repeated by a new worker after a crash at any point.
 */
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "src/base/own.h"
#include "src/deploy/rollback.h"
#include "src/deploy/target.h"

/* Shell helpers of all scripts here. A failed script ends at once and says why. */
static const char helpers[] = "set -eu\n"
                              "hash() { h=$(sha256sum <\"$1\"); printf %s \"${h%% *}\"; }\n"
                              "die() { echo \"$*\" >&2; exit 9; }\n";

static void add_file(struct buf *b, const struct plan_file *f)
{
    script_set(b, "F", f->final);
    script_set(b, "S", f->staged);
    script_set(b, "N", f->backup);
    script_set(b, "OLD", f->old_sha256);
    script_set(b, "NEW", f->new_sha256);
}

static int run(struct worker *w, struct buf *b, struct via_out *o, enum err_code code,
               struct err *e)
{
    return buf_check(b, "script", e) < 0 ? -1 : target_run(w, buf_cstr(b), o, code, e);
}

/* One change at a time per host; a lock of a plan whose time is over may be broken (rule 11). */
static void add_lock(struct buf *b, const struct plan *p)
{
    script_set(b, "DIR", p->backup_dir);
    script_set(b, "JOB", p->job);
    buf_add_str(
        b, "umask 077\nbase=${DIR%/*}\nmkdir -p \"$base\"\nchmod 700 \"$base\"\nlock=$base/lock\n"
           "if ! mkdir \"$lock\" 2>/dev/null; then\n"
           "  owner=$(cat \"$lock/owner\" 2>/dev/null || :)\n"
           "  if [ \"$owner\" != \"$JOB\" ]; then\n"
           "    [ -n \"$(find \"$lock\" -maxdepth 0 -mmin +60)\" ] || { echo locked; exit 0; }\n"
           "    echo \"broke the stale lock of $owner\" >&2\n  fi\nfi\n"
           "printf '%s\\n' \"$JOB\" >\"$lock/owner\"\nmkdir -p \"$DIR\"\n");
}

/* A file of the backup folder; its text holds no secret. */
static void add_text_file(struct buf *b, const char *name, const struct buf *text, const char *job)
{
    buf_addf(b, "cat >\"$DIR/%s\" <<'end-of-%s'\n", name, job);
    buf_add_blob(b, buf_blob(text));
    buf_addf(b, "end-of-%s\n", job);
}

/* What the way back needs beside the copies. */
static int add_way_back(struct worker *w, const struct plan *p, struct buf *b, struct err *e)
{
    OWN(buf_free)
    struct buf manifest = BUF(65536), script = BUF(65536);

    rollback_manifest(p, &manifest);
    rollback_script(w->target, p, &script);
    add_text_file(b, "manifest", &manifest, p->job);
    add_text_file(b, "rollback.sh", &script, p->job);
    return buf_check(&script, "rollback.sh", e) < 0 ? -1 : buf_check(&manifest, "manifest", e);
}

int step_backup(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf b = BUF(262144);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b, helpers);
    add_lock(&b, p);
    script_set(&b, "CONF", p->config_sha256);
    buf_add_str(&b, "now=$(");
    w->target->add_dump(p, &b);
    buf_add_str(&b, " 2>/dev/null | sha256sum)\n[ \"${now%% *}\" = \"$CONF\" ] ||"
                    " { echo 'changed the configuration'; exit 0; }\n");
    for (uint32_t i = 0; i < p->files; i++) {
        add_file(&b, &p->file[i]);
        buf_add_str(&b,
                    "if [ ! -f \"$DIR/$N\" ] || [ \"$(hash \"$DIR/$N\")\" != \"$OLD\" ]; then\n"
                    "[ \"$(hash \"$F\")\" = \"$OLD\" ] || { echo \"changed $F\"; exit 0; }\n"
                    "rm -f \"$DIR/$N.part\"; cp -a --preserve=all -- \"$F\" \"$DIR/$N.part\"\n"
                    "[ \"$(hash \"$DIR/$N.part\")\" = \"$OLD\" ] || die \"backup of $F differs\"\n"
                    "mv -f \"$DIR/$N.part\" \"$DIR/$N\"\nfi\n");
    }
    if (add_way_back(w, p, &b, e) < 0)
        return -1;
    buf_add_str(&b, "sync\n");
    if (run(w, &b, &o, ERR_DENIED, e) < 0)
        return err_wrap(e, "back up to %s", p->backup_dir);
    OWN(own_mem)
    char *changed = script_get(&o, "changed");
    if (strstr(buf_cstr(&o.out), "locked\n"))
        return step_end(s, OUTCOME_RETRY, CAUSE_CONFIGURATION,
                        "Another deployment works on this server");
    if (changed)
        return step_end(s, OUTCOME_FAILED, CAUSE_CONFIGURATION,
                        "%s changed since the plan was made: nothing was replaced, plan again",
                        changed);
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "%u files backed up to %s", p->files, p->backup_dir);
}

static int sha256_hex(struct blob in, char **out, struct err *e)
{
    unsigned char md[32];
    OWN(buf_free)
    struct buf hex = BUF(65);

    if (EVP_Digest(in.p, in.n, md, NULL, EVP_sha256(), NULL) != 1)
        return err_openssl(e, ERR_CRYPTO, "SHA-256");
    for (size_t i = 0; i < sizeof(md); i++)
        buf_addf(&hex, "%02x", md[i]);
    plan_set(out, buf_cstr(&hex));
    return 0;
}

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

/* Live already: after a crash, or the key that stays. */
static int find_live(struct worker *w, const struct plan *p, bool live[PLAN_FILES_MAX],
                     struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b, helpers);
    for (uint32_t i = 0; i < p->files; i++) {
        add_file(&b, &p->file[i]);
        buf_addf(&b, "[ \"$(hash \"$F\")\" != \"$NEW\" ] || echo 'live%u yes'\n", i);
    }
    if (run(w, &b, &o, ERR_DENIED, e) < 0)
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

/* Owner, mode and label are finished on the staged file: chown failing late would be an outage
 * (D-13). */
static int finish_staged(struct worker *w, const struct plan *p, const bool live[PLAN_FILES_MAX],
                         struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b, helpers);
    for (uint32_t i = 0; i < p->files; i++) {
        if (live[i])
            continue;
        add_file(&b, &p->file[i]);
        script_set(&b, "CTX", p->file[i].context);
        buf_add_str(
            &b,
            "chown --reference=\"$F\" -- \"$S\"\nchmod --reference=\"$F\" -- \"$S\"\n"
            "[ -z \"$CTX\" ] || chcon --reference=\"$F\" -- \"$S\"\n"
            "if command -v setfacl >/dev/null && [ -n \"$(getfacl -cps -- \"$F\")\" ]; then"
            " getfacl -cp -- \"$F\" | setfacl --set-file=- -- \"$S\"; fi\n"
            "sync -- \"$S\"\n[ \"$(hash \"$S\")\" = \"$NEW\" ] || die \"$S: not what was sent\"\n"
            "[ \"$(stat -c '%u %g %a' -- \"$S\")\" = \"$(stat -c '%u %g %a' -- \"$F\")\" ] ||"
            " die \"$S: owner or mode differ\"\n");
    }
    return run(w, &b, &o, ERR_DENIED, e);
}

static int stage_files(struct worker *w, struct plan *p, const struct secret *key,
                       const struct buf *chain, struct err *e)
{
    bool live[PLAN_FILES_MAX];

    for (uint32_t i = 0; i < p->files; i++)
        if (sha256_hex(p->file[i].is_key ? secret_blob(key) : buf_blob(chain),
                       &p->file[i].new_sha256, e) < 0)
            return -1;
    if (find_live(w, p, live, e) < 0)
        return -1;
    for (uint32_t i = 0; i < p->files; i++)
        if (!live[i] && via_put(w->via, p->file[i].staged,
                                p->file[i].is_key ? secret_blob(key) : buf_blob(chain), e) < 0)
            return err_wrap(e, "stage %s", p->file[i].staged);
    return finish_staged(w, p, live, e) < 0 ? err_wrap(e, "stage") : 0;
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

/* What nginx says is worth keeping whole. */
static int run_test(struct worker *w, struct step *s, struct buf *b, const char *what,
                    enum deploy_cause cause, struct err *e)
{
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    if (buf_check(b, "script", e) < 0 || via_run(w->via, buf_cstr(b), &o, e) < 0)
        return -1;
    buf_addf(&s->evidence, "%s: exit %d\n", what, o.status);
    buf_add(&s->evidence, o.err.p, o.err.n > 8000 ? 8000 : o.err.n);
    if (o.status == 0)
        return 0;
    const char *said = buf_cstr(&o.err);
    return step_end(s, OUTCOME_FAILED, cause, "%s fails: %.*s", what, (int)strcspn(said, "\n"),
                    said);
}

int step_validate(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf trial = BUF(32768), test = BUF(8192);

    if (p->files) {
        script_set(&trial, "DIR", p->backup_dir);
        for (uint32_t i = 0; i < p->files; i++) {
            const struct plan_file *f = &p->file[i];
            script_set(&trial, "S", f->staged);
            script_set(&trial, "F", f->final);
            buf_addf(&trial, "[ -f \"$S\" ] || S=$F\n%s=$S\n", f->is_key ? "KEY" : "CERT");
        }
        w->target->add_trial(p, &trial);
        if (run_test(w, s, &trial, "Trial load of the new pair", CAUSE_FORMAT, e) < 0)
            return -1;
        if (s->outcome != OUTCOME_OK)
            return 0;
    }
    w->target->add_test(p, &test);
    if (run_test(w, s, &test, "Test of the live configuration", CAUSE_CONFIGURATION, e) < 0)
        return -1;
    if (s->outcome != OUTCOME_OK)
        return 0;
    return step_end(s, OUTCOME_OK, CAUSE_NONE,
                    "The server loads the new pair, and its configuration is valid");
}

int step_switch(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b, helpers);
    script_set(&b, "DIR", p->backup_dir);
    buf_add_str(&b, "[ ! -e \"$DIR/rolled-back\" ] || { echo rolled; exit 0; }\n");
    for (uint32_t i = 0; i < p->files; i++) {
        add_file(&b, &p->file[i]);
        buf_add_str(&b,
                    "now=$(hash \"$F\")\nif [ \"$now\" != \"$NEW\" ]; then\n"
                    "[ \"$now\" = \"$OLD\" ] || { echo \"changed $F\"; exit 0; }\n"
                    "[ \"$(hash \"$S\")\" = \"$NEW\" ] || die \"$S is not the staged file\"\nfi\n");
    }
    /* Nothing between the renames: whoever reloads in between would see a mismatch. */
    for (uint32_t i = 0; i < p->files; i++) {
        add_file(&b, &p->file[i]);
        buf_add_str(&b, "[ ! -e \"$S\" ] || mv -fT -- \"$S\" \"$F\"\n");
    }
    for (uint32_t i = 0; i < p->files; i++) {
        add_file(&b, &p->file[i]);
        buf_add_str(&b, "sync -- \"${F%/*}/\"\n[ \"$(hash \"$F\")\" = \"$NEW\" ] || die \"$F is "
                        "not the new file\"\n");
    }
    if (run(w, &b, &o, ERR_DENIED, e) < 0)
        return err_wrap(e, "switch");
    OWN(own_mem)
    char *changed = script_get(&o, "changed");
    if (changed)
        return step_end(s, OUTCOME_FAILED, CAUSE_CONFIGURATION,
                        "%s was changed by somebody else: nothing was switched", changed);
    if (strstr(buf_cstr(&o.out), "rolled\n"))
        return step_end(s, OUTCOME_ROLLED_BACK, CAUSE_VERIFICATION,
                        "The server's own timer put the old files back before the switch");
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "%u files switched", p->files);
}

int step_activate(struct worker *w, struct step *s, struct err *e)
{
    OWN(buf_free)
    struct buf test = BUF(8192), reload = BUF(8192);

    w->target->add_test(&s->plan, &test);
    if (run_test(w, s, &test, "Test before the reload", CAUSE_CONFIGURATION, e) < 0)
        return -1;
    if (s->outcome != OUTCOME_OK)
        return 0;
    w->target->add_reload(&s->plan, &reload);
    if (run_test(w, s, &reload, "Reload", CAUSE_CONFIGURATION, e) < 0)
        return -1;
    if (s->outcome != OUTCOME_OK)
        return 0;
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "Reloaded; the handshakes will tell");
}
