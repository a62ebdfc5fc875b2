/* Starting, talking to and ending a deploy worker. */
#include "src/core/flow/worker.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/model/connectors.h"

#define START_TIMEOUT_MS 20000
#define STEP_TIMEOUT_MS 300000 /* the worker has shorter deadlines of its own */

struct worker {
    struct worker_for who;
    struct channel *channel;
    uint32_t instance;
    struct bytes recipient; /* its one-shot HPKE key */
    struct fiber *waiting;  /* for the hello */
    bool gone;
};

static void log_line(void *arg, const char *line)
{
    run_log(arg, "%s", line);
}

static void log_part(void *arg, enum deploy_part part, const char *text)
{
    run_log(arg, "%s: %s", deploy_part_title(part), text);
}

struct worker_for worker_for_run(struct run *r)
{
    return (struct worker_for){
        .core = r->core, .id = r->job.id, .log = log_line, .part = log_part, .arg = r};
}

static void on_message(struct channel *c, struct msg *m, void *arg)
{
    struct worker *w = arg;
    struct err e = {0};
    struct msg_DEPLOY_HELLO hello;
    struct msg_DEPLOY_LOG line;
    struct msg_DEPLOY_PART part;
    (void)c;
    if (m->type == MSG_DEPLOY_HELLO && get_DEPLOY_HELLO(m, &hello, &e) == 0) {
        bytes_set(&w->recipient, hello.recipient);
        if (w->waiting) {
            struct fiber *f = w->waiting;
            w->waiting = NULL;
            fiber_resume(f);
        }
    } else if (m->type == MSG_DEPLOY_LOG && get_DEPLOY_LOG(m, &line, &e) == 0) {
        w->who.log(w->who.arg, line.line);
    } else if (m->type == MSG_DEPLOY_PART && get_DEPLOY_PART(m, &part, &e) == 0) {
        w->who.part(w->who.arg, part.part, part.text);
    } else {
        log_warn("worker.message", "job=%s type=%s error=%s", w->who.id, msg_name(m->type),
                 log_q(e.text));
    }
}

static void worker_lost(struct worker *w)
{
    if (!w->gone)
        w->who.core->lost++;
    w->gone = true;
}

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    struct worker *w = arg;
    (void)c;
    (void)why;
    worker_lost(w);
    if (w->waiting) {
        struct fiber *f = w->waiting;
        w->waiting = NULL;
        fiber_resume(f);
    }
}

static const struct channel_events worker_events = {.message = on_message, .closed = on_closed};

static void on_hello_late(void *arg)
{
    struct worker *w = arg;
    if (w->waiting) {
        struct fiber *f = w->waiting;
        w->waiting = NULL;
        fiber_resume(f);
    }
}

static int wait_hello(struct worker *w, struct err *e)
{
    if (w->recipient.n == 0 && !w->gone) {
        struct watch *late = loop_timer(w->who.core->loop, START_TIMEOUT_MS, on_hello_late, w);
        w->waiting = fiber_self();
        fiber_yield();
        watch_free(late);
    }
    if (w->recipient.n == 0)
        return err_set(e, ERR_NETWORK, "the deploy worker did not come up; it is tried again");
    return 0;
}

static int spawn(struct worker *w, struct err *e)
{
    struct core *core = w->who.core;
    struct msg_WORKER_START m = {.process = PROC_DEPLOY};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_WORKER_STARTED started;
    if (call_WORKER_START(core->parent, &m, MSG_WORKER_STARTED, START_TIMEOUT_MS, &r, e) < 0 ||
        get_WORKER_STARTED(&r.msg, &started, e) < 0)
        return err_wrap(e, "start a deploy worker");
    int fd = take_fd(&r.msg.fd);
    w->instance = started.instance;
    w->channel =
        channel_new(core->loop, PROC_CORE, PROC_DEPLOY, started.instance, fd, &worker_events, w);
    return 0;
}

static int reseal(struct worker *w, const struct server *s, const char *name,
                  const struct bytes *sealed, struct named_blobs *out, struct err *e)
{
    if (sealed->n == 0)
        return 0;
    OWN(own_mem)
    char *context = xasprintf("server/%s/%s", s->id, name);
    struct msg_KEY_RESEAL m = {
        .context = context, .sealed = bytes_blob(sealed), .recipient = bytes_blob(&w->recipient)};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_RESEALED got;
    if (call_KEY_RESEAL(w->who.core->key, &m, MSG_KEY_RESEALED, KEY_TIMEOUT_MS, &r, e) < 0 ||
        get_KEY_RESEALED(&r.msg, &got, e) < 0)
        return err_wrap(e, "%s of the server", name);
    return named_blobs_add(out, name, got.sealed, BLOB(NULL, 0), e);
}

static int begin(struct worker *w, const struct server *s, struct blob request,
                 struct blob chain_pem, struct blob spki, struct err *e)
{
    struct named_blobs secrets = {0};
    OWN(buf_free)
    struct buf server = BUF(65536), sealed = BUF(65536);
    int rc = reseal(w, s, "password", &s->sealed_password, &secrets, e);
    if (rc == 0)
        rc = reseal(w, s, "ssh_key", &s->sealed_ssh_key, &secrets, e);
    if (rc == 0)
        rc = reseal(w, s, "sudo_password", &s->sealed_sudo, &secrets, e);
    named_blobs_encode(&secrets, &sealed);
    named_blobs_free(&secrets);
    if (rc < 0)
        return -1;
    fields_encode(&server_fields, s, &server);
    struct msg_DEPLOY_BEGIN m = {.job = w->who.id,
                                 .type = s->server_type,
                                 .server = buf_blob(&server),
                                 .secrets = buf_blob(&sealed),
                                 .request = request,
                                 .chain_pem = chain_pem,
                                 .spki = spki};
    if (buf_check(&server, "server record", e) < 0)
        return -1;
    OWN(reply_done)
    struct reply r = {0};
    if (w->gone)
        return err_set(e, ERR_NETWORK, "the deploy worker ended before it began");
    return call_DEPLOY_BEGIN(w->channel, &m, MSG_DONE, START_TIMEOUT_MS, &r, e);
}

int worker_start(const struct worker_for *who, const struct server *s, struct blob request,
                 struct blob chain_pem, struct blob spki, struct worker **out, struct err *e)
{
    struct worker *w = xcalloc(1, sizeof *w);
    w->who = *who;
    if (spawn(w, e) < 0 || wait_hello(w, e) < 0 || begin(w, s, request, chain_pem, spki, e) < 0) {
        worker_stop(w);
        return -1;
    }
    *out = w;
    return 0;
}

void worker_stop(struct worker *w)
{
    struct err e = {0};
    if (w == NULL)
        return;
    if (w->channel) {
        struct msg_WORKER_STOP m = {.instance = w->instance};
        if (send_WORKER_STOP(w->who.core->parent, &m, &e) < 0)
            log_warn("worker.stop", "instance=%u error=%s", w->instance, log_q(e.text));
        channel_free(w->channel);
    }
    bytes_free(&w->recipient);
    free(w);
}

void step_result_free(struct step_result *s)
{
    free(s->text);
    free(s->evidence);
    bytes_free(&s->plan);
    bytes_free(&s->findings);
    *s = (struct step_result){0};
}

int worker_step(struct worker *w, enum deploy_step step, struct blob plan, struct blob bundle,
                struct step_result *out, struct err *e)
{
    struct msg_DEPLOY_STEP m = {.step = step, .plan = plan, .bundle = bundle};
    /* A dead worker does not come back: a call would wait for it. */
    if (w->gone || !channel_open(w->channel))
        return err_set(e, ERR_NETWORK, "the deploy worker ended before step %s",
                       deploy_step_title(step));
    OWN(reply_done)
    struct reply r = {0};
    struct msg_DEPLOY_RESULT got;
    if (call_DEPLOY_STEP(w->channel, &m, MSG_DEPLOY_RESULT, STEP_TIMEOUT_MS, &r, e) < 0 ||
        get_DEPLOY_RESULT(&r.msg, &got, e) < 0) {
        /* The call may know of a death before the channel's event tells it. */
        if (e->code == ERR_NETWORK)
            worker_lost(w);
        return err_wrap(e, "deploy worker: %s", deploy_step_title(step));
    }
    if (got.cause >= CAUSE_COUNT)
        return err_set(e, ERR_BUG, "deploy worker answered with cause %u", got.cause);
    *out = (struct step_result){.outcome = got.outcome, .cause = got.cause};
    out->text = xstrdup(got.text);
    out->evidence = xstrdup(got.evidence);
    bytes_set(&out->plan, got.plan);
    bytes_set(&out->findings, got.findings);
    return 0;
}

int worker_export_key(struct worker *w, const struct key *k, struct blob chain_pem,
                      struct buf *bundle, struct err *e)
{
    OWN(own_mem)
    char *context = xasprintf("job/%s/key", w->who.id);
    struct msg_KEY_EXPORT m = {.envelope = bytes_blob(&k->envelope),
                               .format = "pem",
                               .chain_pem = chain_pem,
                               .context = context,
                               .recipient = bytes_blob(&w->recipient)};
    OWN(reply_done)
    struct reply r = {0};
    struct msg_KEY_EXPORTED got;
    if (call_KEY_EXPORT(w->who.core->key, &m, MSG_KEY_EXPORTED, KEY_TIMEOUT_MS, &r, e) < 0 ||
        get_KEY_EXPORTED(&r.msg, &got, e) < 0)
        return err_wrap(e, "key for the server");
    buf_add_blob(bundle, got.sealed);
    return buf_check(bundle, "key bundle", e);
}

void worker_ended(struct core *core, uint32_t instance, uint32_t status)
{
    (void)core;
    log_info("worker.ended", "instance=%u status=%u", instance, status);
}
