/* Writes rollback.sh, arms and disarms the server's own timer, and rolls back. */
#include "src/deploy/rollback.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"

const char rollback_disarm[] =
    "mv -f \"$DIR/armed\" \"$DIR/disarmed\" 2>/dev/null || [ ! -e \"$DIR/fired\" ] || echo fired\n"
    "if [ -d /run/systemd/system ]; then systemctl stop \"certkeep-rollback-$JOB.timer\" "
    "2>/dev/null || :; fi\n"
    "if [ ! -e \"$DIR/fired\" ] && t=$(cat \"$DIR/timer.pid\" 2>/dev/null) &&"
    " tr '\\0' ' ' <\"/proc/$t/cmdline\" 2>/dev/null | grep -qF \"certkeep-$JOB\"; then kill -- "
    "\"-$t\" || :; fi\n"
    "rm -f \"$DIR/timer.pid\"\n";

static const char script_head[] =
    "LC_ALL=C; export LC_ALL\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; "
    "export PATH\n"
    "umask 077\n"
    "if [ \"${1-}\" = timer ]; then mv \"$DIR/armed\" \"$DIR/fired\" 2>/dev/null || exit 0; fi\n"
    "hash() { [ -e \"$1\" ] || return 0; h=$(sha256sum <\"$1\"); printf %s \"${h%% *}\"; }\n"
    "bad=0\n"
    /* A configuration somebody edited since is theirs: nothing at all is put back. */
    "mine() { h=$(hash \"$1\"); [ \"$h\" = \"$2\" ] || [ \"$h\" = \"$3\" ] ||"
    " { echo \"$1 was edited since: nothing is put back\" >&2; exit 4; }; }\n"
    "ready() { rm -f \"$2\"; [ -n \"$4\" ] || return 0; [ \"$(hash \"$1\")\" = \"$4\" ] && return "
    "0\n"
    "  cp -a --preserve=all -- \"$DIR/$3\" \"$2\" && touch -- \"$2\" && [ \"$(hash \"$2\")\" = "
    "\"$4\" ] || bad=1; }\n"
    "put() { [ -n \"$4\" ] || { rm -f -- \"$1\" || bad=1; }; [ ! -e \"$2\" ] || mv -fT -- \"$2\" "
    "\"$1\" ||"
    " bad=1; }\n"
    "pour() { [ ! -e \"$2\" ] || { cat -- \"$2\" >\"$1\" && rm -f -- \"$2\"; } || bad=1; }\n"
    "check() { [ \"$(hash \"$1\")\" = \"$4\" ] || bad=1; sync -- \"${1%/*}/\"; }\n";

/* Arguments of ready, put, pour and check: final, temporary beside it, backup, hash ("" absent). */
static void add_file(struct buf *b, const char *what, const struct plan *p,
                     const struct plan_file *f)
{
    OWN(own_mem)
    char *temporary = xasprintf("%.*s/.rollback.cd-%s.%u", (int)(strrchr(f->final, '/') - f->final),
                                f->final, p->job, (unsigned)(f - p->file));

    buf_addf(b, "%s ", what);
    buf_add_shell(b, f->final);
    buf_addc(b, ' ');
    buf_add_shell(b, temporary);
    buf_addc(b, ' ');
    buf_add_shell(b, f->backup);
    buf_addf(b, " '%s'\n", f->old_sha256);
}

void rollback_script(const struct target *t, const struct plan *p, struct buf *b)
{
    static const char *const phases[] = {"ready", "put", "check"};

    buf_addf(
        b,
        "#!/bin/sh\n# Puts back the files that Certkeep job %s replaced, and reloads the server.\n",
        p->job);
    script_set(b, "DIR", p->backup_dir);
    buf_add_str(b, script_head);
    for (uint32_t i = 0; i < p->files; i++)
        if (p->file[i].kind == PLAN_CONFIG) {
            buf_add_str(b, "mine ");
            buf_add_shell(b, p->file[i].final);
            buf_addf(b, " %s %s\n", p->file[i].old_sha256, p->file[i].new_sha256);
        }
    /* Backwards: a file goes only when no configuration names it any more. */
    for (size_t k = 0; k < COUNT(phases); k++)
        for (uint32_t i = p->files; i-- > 0;)
            add_file(b, k == 1 && p->file[i].in_place ? "pour" : phases[k], p, &p->file[i]);
    if (p->new_folder[0]) {
        buf_add_str(b, "rmdir -- ");
        buf_add_shell(b, p->new_folder);
        buf_add_str(b, " 2>/dev/null\n");
    }
    buf_add_str(b, "[ $bad = 0 ] && echo \"${1-now}\" >\"$DIR/rolled-back\"\nif ");
    t->add_test(p, b);
    buf_add_str(b, "; then\n  ");
    t->add_reload(p, b);
    buf_add_str(b, " || ");
    t->add_start(p, b);
    buf_add_str(
        b, " || [ $bad != 0 ] || bad=3\nelse\n  [ $bad != 0 ] || bad=3\nfi\nsync\nexit $bad\n");
}

void rollback_manifest(const struct plan *p, struct buf *b)
{
    buf_addf(b, "# job %s: file, backup, sha256, uid, gid, mode, context\n", p->job);
    for (uint32_t i = 0; i < p->files; i++) {
        const struct plan_file *f = &p->file[i];
        buf_addf(b, "%s\t%s\t%s\t%u\t%u\t%04o\t%s\n", f->final, f->created ? "-" : f->backup,
                 f->created ? "absent" : f->old_sha256, f->uid, f->gid, f->mode,
                 f->context[0] ? f->context : "-");
    }
}

/* A transient unit where systemd runs, else a process in a session of its own. Neither outlives a
 * reboot. */
static const char arm[] =
    "set -u\n"
    /* marks of an earlier attempt of the same job say nothing about this one */
    "rm -f \"$DIR/fired\" \"$DIR/disarmed\" \"$DIR/rolled-back\"\n: >\"$DIR/armed\"\n"
    "if [ -d /run/systemd/system ] && systemd-run --quiet --collect "
    "--unit=\"certkeep-rollback-$JOB\" --on-active=\"$SECONDS_LEFT\""
    " --timer-property=AccuracySec=1s" /* systemd's own is a minute */
    " /bin/sh \"$DIR/rollback.sh\" timer; then echo timer systemd; exit 0; fi\n"
    "setsid /bin/sh -c 'echo $$ >\"$1/timer.pid\"; sleep \"$2\"; exec /bin/sh \"$1/rollback.sh\" "
    "timer'"
    " \"certkeep-$JOB\" \"$DIR\" \"$SECONDS_LEFT\" </dev/null >/dev/null 2>&1 &\n"
    "for i in 1 2 3 4 5 6 7 8 9 10; do [ -s \"$DIR/timer.pid\" ] && { echo timer sleep; exit 0; }; "
    "sleep 0.2; done\n"
    "echo 'no timer could be started' >&2; exit 1\n";

static void start_script(struct buf *b, const struct plan *p)
{
    buf_add_str(
        b,
        "hash() { [ -e \"$1\" ] || return 0; h=$(sha256sum <\"$1\"); printf %s \"${h%% *}\"; }\n");
    script_set(b, "DIR", p->backup_dir);
    script_set(b, "JOB", p->job);
}

int step_arm(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf b = BUF(16384);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;
    OWN(own_mem)
    char *seconds = xasprintf("%u", p->rollback_seconds);

    if (!p->files)
        return step_end(s, OUTCOME_OK, CAUSE_NONE, "Nothing to put back: no timer");
    start_script(&b, p);
    script_set(&b, "SECONDS_LEFT", seconds);
    buf_add_str(&b, "[ -f \"$DIR/rollback.sh\" ] || { echo 'no rollback.sh' >&2; exit 1; }\n");
    buf_add_str(&b, rollback_disarm);
    buf_add_str(&b, arm);
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_CONFLICT, e) < 0)
        return err_wrap(e, "rollback timer");
    OWN(own_mem)
    char *kind = script_get(&o, "timer");
    if (!kind)
        return err_set(e, ERR_REMOTE, "rollback timer: the server does not say that it runs");
    plan_set(&p->timer, kind);
    return step_end(s, OUTCOME_OK, CAUSE_NONE,
                    "The server puts the old files back in %u s unless told otherwise (%s)",
                    p->rollback_seconds, kind);
}

static void add_tidy(struct buf *b, const struct plan *p)
{
    for (uint32_t i = 0; i < p->files; i++) {
        buf_add_str(b, "rm -f -- ");
        buf_add_shell(b, p->file[i].staged);
        buf_addc(b, '\n');
    }
    if (p->new_folder[0]) { /* goes when nothing is in it */
        buf_add_str(b, "rmdir -- ");
        buf_add_shell(b, p->new_folder);
        buf_add_str(b, " 2>/dev/null || :\n");
    }
    buf_add_str(b, "lock=${DIR%/*}/lock\n[ \"$(cat \"$lock/owner\" 2>/dev/null)\" != \"$JOB\" ] || "
                   "rm -rf -- \"$lock\"\n");
}

static int verify_old(struct worker *w, struct step *s, int rc, struct err *e)
{
    struct plan *p = &s->plan;
    const char *leaf = p->old_leaf[0] ? p->old_leaf : p->served_leaf;
    const char *also = rc == 3 ? "; its configuration test fails now, look at it" : "";

    if (!p->served_leaf[0])
        return step_end(
            s, OUTCOME_OK, CAUSE_NONE,
            "The old files are back; nothing answered before, so no handshake can prove it%s",
            also);
    if (verify_leaf(w, p, leaf, &s->evidence, e) < 0)
        return step_end(s, OUTCOME_FAILED, CAUSE_VERIFICATION,
                        "The old files are back, but the server does not serve %.16s: %s", leaf,
                        e->text);
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "The old files are back and leaf %.16s is served%s",
                    leaf, also);
}

int step_rollback(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    start_script(&b, p);
    buf_add_str(&b, rollback_disarm);
    /* Before the backup was whole nothing was replaced either. */
    buf_add_str(&b, "rc=0\nif [ -f \"$DIR/rollback.sh\" ]; then sh \"$DIR/rollback.sh\" now "
                    "</dev/null; rc=$?; fi\n"
                    "echo \"result $rc\"\n");
    for (uint32_t i = 0; i < p->files; i++) {
        script_set(&b, "F", p->file[i].final);
        buf_addf(&b, "[ \"$(hash \"$F\")\" = '%s' ] || echo \"differs $F\"\n",
                 p->file[i].old_sha256);
    }
    add_tidy(&b, p);
    buf_add_str(&b, "exit 0\n");
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return -1;
    OWN(own_mem)
    char *differs = script_get(&o, "differs");
    OWN(own_mem)
    char *result = script_get(&o, "result");
    buf_add(&s->evidence, o.err.p, o.err.n > 8000 ? 8000 : o.err.n);
    if (differs && result && str_eq(result, "4"))
        return step_end(
            s, OUTCOME_FAILED, CAUSE_CONFIGURATION,
            "The configuration was edited by somebody else since: nothing was put back. "
            "Take the edit back by hand; the old files are in %s",
            p->backup_dir);
    if (differs)
        return step_end(s, OUTCOME_FAILED, CAUSE_PERMISSION,
                        "%s could not be put back; its backup is in %s", differs, p->backup_dir);
    if (p->edits) /* the block names what it named before */
        buf_add_str(&s->evidence, "certificate file: \nkey file: \n");
    return verify_old(w, s, result && str_eq(result, "3") ? 3 : 0, e);
}

/* Newest first; those of the same files beyond the second go. */
static const char prune[] =
    "base=${DIR%/*}\nk=0\nls -1dt \"$base\"/*/committed 2>/dev/null | while read -r c; do\n"
    "d=${c%/committed}\ncut -f1 \"$d/manifest\" | sed 1d | cmp -s - \"$DIR/paths\" || continue\n"
    "k=$((k+1)); [ $k -le 2 ] || rm -rf -- \"$d\"\ndone\n";

int step_commit(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    start_script(&b, p);
    buf_add_str(&b, rollback_disarm);
    buf_add_str(&b, "[ ! -e \"$DIR/fired\" ] || exit 0\n");
    add_tidy(&b, p);
    if (str_eq(p->old_leaf, p->new_leaf)) {
        /* What was there is what is there: earlier backups are worth more than one of it. */
        buf_add_str(&b, "[ -z \"$JOB\" ] || rm -rf -- \"$DIR\"\n");
    } else if (p->files) {
        buf_add_str(&b,
                    ": >\"$DIR/committed\"\ncut -f1 \"$DIR/manifest\" | sed 1d >\"$DIR/paths\"\n");
        buf_add_str(&b, prune);
    }
    buf_add_str(&b, "sync\nexit 0\n");
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return -1;
    if (strstr(buf_cstr(&o.out), "fired\n"))
        return step_end(s, OUTCOME_ROLLED_BACK, CAUSE_VERIFICATION,
                        "The server's own timer put the old files back before the commit");
    if (p->edits) /* core keeps them in the certificate's configuration */
        buf_addf(&s->evidence, "certificate file: %s\nkey file: %s\n", p->file[0].path,
                 p->file[1].path);
    if (str_eq(p->old_leaf, p->new_leaf))
        return step_end(s, OUTCOME_OK, CAUSE_NONE, "Committed; the same leaf needs no backup");
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "Committed; the backup stays in %s", p->backup_dir);
}

int step_clean(struct worker *w, struct step *s, struct err *e)
{
    struct plan *p = &s->plan;
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    start_script(&b, p);
    for (uint32_t i = 0; i < p->files; i++) {
        const struct plan_file *f = &p->file[i];
        if (!f->new_sha256[0] || str_eq(f->new_sha256, f->old_sha256))
            continue;
        script_set(&b, "F", f->final);
        buf_addf(&b, "[ \"$(hash \"$F\")\" != %s ] || { echo \"new $F\"; exit 0; }\n",
                 f->new_sha256);
    }
    buf_add_str(&b, rollback_disarm);
    add_tidy(&b, p);
    buf_add_str(&b, "[ -z \"$JOB\" ] || rm -rf -- \"$DIR\"\nexit 0\n");
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return -1;
    OWN(own_mem)
    char *live = script_get(&o, "new");
    if (live)
        return step_end(s, OUTCOME_FAILED, CAUSE_CONFIGURATION,
                        "%s is the new file: roll back instead", live);
    return step_end(s, OUTCOME_OK, CAUSE_NONE,
                    "Staged files and backup are gone; nothing was replaced");
}
