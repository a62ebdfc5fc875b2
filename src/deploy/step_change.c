/*
 * The steps that write: back up, switch, activate (stage and validate: step_stage.c). Each looks
 * first what is there, so that it can be repeated by a new worker after a crash at any point.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/change.h"
#include "src/deploy/rollback.h"
#include "src/deploy/target.h"

/* Shell helpers of all scripts here. A failed script ends at once and says why. */
const char change_helpers[] =
    "set -eu\n"
    "hash() { [ -e \"$1\" ] || return 0; h=$(sha256sum <\"$1\"); printf %s \"${h%% *}\"; }\n"
    "die() { echo \"$*\" >&2; exit 9; }\n";

void change_file(struct buf *b, const struct plan_file *f)
{
    script_set(b, "F", f->final);
    script_set(b, "S", f->staged);
    script_set(b, "N", f->backup);
    script_set(b, "OLD", f->old_sha256);
    script_set(b, "NEW", f->new_sha256);
}

int change_run(struct worker *w, struct buf *b, struct via_out *o, enum err_code code,
               struct err *e)
{
    return buf_check(b, "script", e) < 0 ? -1 : target_run(w, buf_cstr(b), o, code, e);
}

/* What nginx says is worth keeping whole. */
int change_test(struct worker *w, struct step *s, struct buf *b, const char *what,
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

    buf_add_str(&b, change_helpers);
    add_lock(&b, p);
    if (p->config_sha256[0]) {
        script_set(&b, "CONF", p->config_sha256);
        buf_add_str(&b, "now=$(");
        w->target->add_dump(p, &b);
        buf_add_str(&b, " 2>/dev/null | sha256sum)\n[ \"${now%% *}\" = \"$CONF\" ] ||"
                        " { echo 'changed the configuration'; exit 0; }\n");
    }
    for (uint32_t i = 0; i < p->files; i++) {
        change_file(&b, &p->file[i]);
        if (p->file[i].created)
            buf_add_str(&b, "[ ! -e \"$F\" ] || { echo \"changed $F\"; exit 0; }\n");
        else
            buf_add_str(
                &b, "if [ ! -f \"$DIR/$N\" ] || [ \"$(hash \"$DIR/$N\")\" != \"$OLD\" ]; then\n"
                    "[ \"$(hash \"$F\")\" = \"$OLD\" ] || { echo \"changed $F\"; exit 0; }\n"
                    "rm -f \"$DIR/$N.part\"; cp -a --preserve=all -- \"$F\" \"$DIR/$N.part\"\n"
                    "[ \"$(hash \"$DIR/$N.part\")\" = \"$OLD\" ] || die \"backup of $F differs\"\n"
                    "mv -f \"$DIR/$N.part\" \"$DIR/$N\"\nfi\n");
    }
    if (add_way_back(w, p, &b, e) < 0)
        return -1;
    buf_add_str(&b, "sync\n");
    if (change_run(w, &b, &o, ERR_DENIED, e) < 0)
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

int step_switch(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&b, change_helpers);
    script_set(&b, "DIR", p->backup_dir);
    buf_add_str(&b, "[ ! -e \"$DIR/rolled-back\" ] || { echo rolled; exit 0; }\n");
    for (uint32_t i = 0; i < p->files; i++) {
        change_file(&b, &p->file[i]);
        buf_add_str(&b,
                    "now=$(hash \"$F\")\nif [ \"$now\" != \"$NEW\" ]; then\n"
                    "[ \"$now\" = \"$OLD\" ] || { echo \"changed $F\"; exit 0; }\n"
                    "[ \"$(hash \"$S\")\" = \"$NEW\" ] || die \"$S is not the staged file\"\nfi\n");
    }
    /* Nothing between the renames: whoever reloads in between would see a mismatch. */
    for (uint32_t i = 0; i < p->files; i++) {
        change_file(&b, &p->file[i]);
        buf_add_str(&b, p->file[i].in_place
                            ? "[ ! -e \"$S\" ] || { cat -- \"$S\" >\"$F\"; rm -f -- \"$S\"; }\n"
                            : "[ ! -e \"$S\" ] || mv -fT -- \"$S\" \"$F\"\n");
    }
    for (uint32_t i = 0; i < p->files; i++) {
        change_file(&b, &p->file[i]);
        buf_add_str(&b, "sync -- \"${F%/*}/\"\n[ \"$(hash \"$F\")\" = \"$NEW\" ] || die \"$F is "
                        "not the new file\"\n");
    }
    if (change_run(w, &b, &o, ERR_DENIED, e) < 0)
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
    if (change_test(w, s, &test, "Test before the reload", CAUSE_CONFIGURATION, e) < 0)
        return -1;
    if (s->outcome != OUTCOME_OK)
        return 0;
    w->target->add_reload(&s->plan, &reload);
    if (change_test(w, s, &reload, "Reload", CAUSE_CONFIGURATION, e) < 0)
        return -1;
    if (s->outcome != OUTCOME_OK)
        return 0;
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "Reloaded; the handshakes will tell");
}
