/* The order of work: runs one step, and CONNECT before it when the worker is new. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target.h"

void step_free(struct step *s)
{
    plan_free(&s->plan);
    buf_free(&s->text);
    buf_free(&s->evidence);
    findings_free(&s->findings);
}

/* Text for the channel: clean UTF-8, whatever a server said. */
static void add_clean(struct buf *b, const char *text, const char *allow)
{
    bool utf8 = utf8_valid(text, strlen(text));

    for (const char *c = text; *c; c++) {
        bool control = ((unsigned char)*c < 0x20 && !strchr(allow, *c)) || *c == 0x7F;
        buf_addc(b, control ? ' ' : (*c & 0x80) && !utf8 ? '?' : *c);
    }
}

int step_end(struct step *s, enum deploy_outcome outcome, enum deploy_cause cause, const char *fmt,
             ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    s->outcome = outcome;
    s->cause = cause;
    buf_clear(&s->text);
    add_clean(&s->text, text, "");
    return 0;
}

static void on_passed(void *arg, enum deploy_part part, const char *text)
{
    worker_part(arg, part, text);
}

/* The account's login and root rights of the record, as via wants them. */
static struct via_account account_of(struct worker *w)
{
    const struct server *s = &w->server;

    return (struct via_account){
        .address = s->address,
        .user = s->username,
        .port = (uint16_t)(s->port ? s->port : 22),
        .login = str_eq(s->login, "key")                    ? VIA_KEY
                 : str_eq(s->login, "keyboard-interactive") ? VIA_KEYBOARD
                                                            : VIA_PASSWORD,
        .root = str_eq(s->sudo, "sudo")                 ? VIA_ROOT_SUDO
                : str_eq(s->sudo, "sudo with password") ? VIA_ROOT_SUDO_PASSWORD
                                                        : VIA_ROOT_NONE,
        .pins = &s->host_keys,
        .password = secret_blob(&w->password),
        .ssh_key = secret_blob(&w->ssh_key),
        .sudo_password = secret_blob(&w->sudo_password),
        .passed = on_passed,
        .arg = w,
    };
}

static enum deploy_cause cause_of(enum err_code code)
{
    switch (code) {
    case ERR_NETWORK:
        return CAUSE_CONNECTIVITY;
    case ERR_AUTH:
    case ERR_DENIED:
        return CAUSE_PERMISSION;
    case ERR_CRYPTO:
    case ERR_INPUT:
        return CAUSE_FORMAT;
    case ERR_BUG:
    case ERR_SYSTEM:
        return CAUSE_INTERNAL;
    default:
        return CAUSE_CONFIGURATION;
    }
}

int step_connect(struct worker *w, struct step *s, struct err *e)
{
    const struct via_account a = account_of(w);
    struct strs keys = {0};

    if (w->via)
        return step_end(s, OUTCOME_OK, CAUSE_NONE, "Connected to %s", w->server.address);
    int rc = via_open(&a, &w->via, &keys, e);
    for (size_t i = 0; i < keys.n; i++)
        buf_addf(&s->evidence, "%s\n", keys.v[i]);
    strs_free(&keys);
    if (rc < 0 && e->code == ERR_CONFLICT)
        return step_end(s, OUTCOME_HOST_KEY, CAUSE_CONNECTIVITY, "%s", e->text);
    if (rc < 0)
        return -1;
    buf_addf(&s->evidence, "host key: %s\n", via_facts(w->via));
    worker_log(w, "logged in to %s port %u as %s, elevation %s", a.address, a.port, a.user,
               w->server.sudo ? w->server.sudo : "none");
    return step_end(s, OUTCOME_OK, CAUSE_NONE, "Connected to %s as %s", a.address, a.user);
}

static int step_discover(struct worker *w, struct step *s, struct err *e)
{
    plan_free(&s->plan);
    plan_init(&s->plan);
    plan_set(&s->plan.job, w->job);
    s->plan.rollback_seconds = (uint32_t)w->server.rollback_seconds;
    return w->target->discover(w, s, e);
}

typedef int (*step_fn)(struct worker *w, struct step *s, struct err *e);

static step_fn function_of(enum deploy_step step)
{
    static const step_fn all[] = {
        [DEPLOY_CONNECT] = step_connect,   [DEPLOY_DISCOVER] = step_discover,
        [DEPLOY_PLAN] = step_plan,         [DEPLOY_BACKUP] = step_backup,
        [DEPLOY_STAGE] = step_stage,       [DEPLOY_VALIDATE] = step_validate,
        [DEPLOY_ARM] = step_arm,           [DEPLOY_SWITCH] = step_switch,
        [DEPLOY_ACTIVATE] = step_activate, [DEPLOY_VERIFY] = step_verify,
        [DEPLOY_COMMIT] = step_commit,     [DEPLOY_ROLLBACK] = step_rollback,
        [DEPLOY_OBSERVE] = step_observe,   [DEPLOY_CLEAN] = step_clean,
    };

    return (size_t)step < COUNT(all) ? all[step] : NULL;
}

/* What may not be asked for: a plan of another job, changes in a dry run or a check, no plan yet.
 */
static int check_allowed(const struct worker *w, const struct step *s, struct err *e)
{
    if (!w->begun)
        return err_set(e, ERR_BUG, "a step before the job began");
    if (s->step <= DEPLOY_PLAN)
        return 0;
    if (w->request.dry_run || !w->chain.n)
        return err_set(e, ERR_DENIED, "a dry run or a server check ends before the first change");
    if (!s->plan.address[0])
        return err_set(e, ERR_BUG, "%s: there is no plan yet", deploy_step_name(s->step));
    if (s->step < DEPLOY_ROLLBACK && !str_eq(s->plan.job, w->job))
        return err_set(e, ERR_BUG, "%s: the plan is not of this job", deploy_step_name(s->step));
    return 0;
}

static int run(struct worker *w, struct step *s, struct err *e)
{
    step_fn fn = function_of(s->step);

    if (!fn)
        return err_set(e, ERR_BUG, "there is no step %d", (int)s->step);
    if (check_allowed(w, s, e) < 0)
        return -1;
    if (s->step != DEPLOY_CONNECT) {
        if (step_connect(w, s, e) < 0)
            return -1;
        if (s->outcome != OUTCOME_OK)
            return 0;
        buf_clear(&s->text);
        buf_clear(&s->evidence);
    }
    return fn(w, s, e);
}

void step_run(struct worker *w, struct step *s)
{
    struct err e = {0};

    s->text.limit = 4096;
    s->evidence.limit = 60000;
    if (run(w, s, &e) < 0) {
        enum deploy_outcome o = e.code == ERR_NETWORK ? OUTCOME_RETRY : OUTCOME_FAILED;
        if (e.code == ERR_NETWORK) { /* the session is of no more use */
            via_close(w->via);
            w->via = NULL;
        }
        step_end(s, o, cause_of(e.code), "%s", e.text);
    }
    if (!buf_ok(&s->evidence)) {
        buf_clear(&s->evidence);
        buf_add_str(&s->evidence, "longer than can be kept\n");
    }
    OWN(buf_free)
    struct buf clean = BUF(65536);
    add_clean(&clean, buf_cstr(&s->evidence), "\n\t");
    buf_clear(&s->evidence);
    buf_add_blob(&s->evidence, buf_blob(&clean));
}
