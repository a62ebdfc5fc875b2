/* One request at a time, each answered once: a step blocks this process, and that is all it does.
 */
#include "src/deploy/run.h"

#include "src/base/log.h"
#include "src/base/own.h"

int run_hello(struct worker *w, struct err *e)
{
    OWN(buf_free)
    struct buf public = BUF(64);

    if (hpke_key_new(&w->key, e) < 0 || hpke_public(w->key, &public, e) < 0)
        return -1;
    const struct msg_DEPLOY_HELLO hello = {.recipient = buf_blob(&public)};
    return send_DEPLOY_HELLO(w->core, &hello, e);
}

static int answer(struct worker *w, uint32_t id, struct step *s, struct err *e)
{
    OWN(buf_free)
    struct buf plan = BUF(PLAN_MAX_BYTES), findings = BUF(MSG_MAX_BYTES / 2);

    plan_encode(&s->plan, &plan);
    if (s->findings.n)
        findings_encode(&s->findings, &findings);
    if (buf_check(&plan, "plan", e) < 0 || buf_check(&findings, "findings", e) < 0)
        return -1;
    const struct msg_DEPLOY_RESULT r = {
        .outcome = s->outcome,
        .cause = s->cause,
        .text = buf_cstr(&s->text),
        .evidence = buf_cstr(&s->evidence),
        .plan = buf_blob(&plan),
        .findings = buf_blob(&findings),
    };
    return reply_DEPLOY_RESULT(w->core, id, &r, e);
}

static int on_begin(struct worker *w, struct msg *m, struct err *e)
{
    struct msg_DEPLOY_BEGIN begin;
    const struct msg_DONE done = {};

    if (get_DEPLOY_BEGIN(m, &begin, e) < 0 || worker_begin(w, &begin, e) < 0)
        return -1;
    return reply_DONE(w->core, m->id, &done, e);
}

static int on_step(struct worker *w, struct msg *m, struct err *e)
{
    struct msg_DEPLOY_STEP in;
    OWN(step_free)
    struct step s = {0};

    if (get_DEPLOY_STEP(m, &in, e) < 0 || plan_decode(in.plan, &s.plan, e) < 0)
        return -1;
    s.step = (enum deploy_step)in.step;
    s.bundle = in.bundle;
    step_run(w, &s);
    return answer(w, m->id, &s, e);
}

static void on_message(struct channel *c, struct msg *m, void *arg)
{
    struct worker *w = arg;
    struct err e = {0};
    int rc = m->type == MSG_DEPLOY_BEGIN ? on_begin(w, m, &e)
             : m->type == MSG_DEPLOY_STEP
                 ? on_step(w, m, &e)
                 : err_set(&e, ERR_BUG, "%s is not for a deploy worker", msg_name(m->type));

    if (rc < 0 && reply_failed(c, m->id, &e) < 0)
        loop_stop(w->loop);
}

/* Without core there is no job: the plan lives there. */
static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    struct worker *w = arg;

    (void)c;
    log_info("deploy.end", "why=%s", log_q(why ? why->text : ""));
    loop_stop(w->loop);
}

const struct channel_events run_events = {.message = on_message, .closed = on_closed};
