/* Messages to core: which handler answers which. Whatever waits runs in a fiber. */
#include "src/core/serve.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/changes.h"
#include "src/core/events.h"
#include "src/core/evidence.h"
#include "src/core/flow/jobs.h"
#include "src/core/flow/worker.h"
#include "src/core/http01.h"
#include "src/core/network.h"

static void bad(const struct msg *m, const struct err *e)
{
    log_error("message", "type=%s from=%s error=%s", msg_name(m->type), process_name(m->from),
              log_q(e->text));
}

/* ---- web ---- */
static void on_web(struct channel *c, struct msg *m, void *arg)
{
    struct core *core = arg;
    struct err e = {0};
    struct msg_STREAM_OPEN open;
    struct msg_STREAM_CLOSE close;
    switch ((int)m->type) {
    case MSG_API_CALL:
        api_serve(core, c, m);
        return;
    case MSG_STREAM_OPEN:
        if (get_STREAM_OPEN(m, &open, &e) == 0)
            events_open(core->events, &open);
        break;
    case MSG_STREAM_CLOSE:
        if (get_STREAM_CLOSE(m, &close, &e) == 0)
            events_close(core->events, close.stream);
        break;
    case MSG_WEB_HELLO:
        changes_send(core);
        appliance_publish_identity(core);
        http01_send_all(core);
        break;
    default:
        err_set(&e, ERR_BUG, "not for core");
    }
    if (e.code)
        bad(m, &e);
}

static void on_web_closed(struct channel *c, const struct err *why, void *arg)
{
    struct core *core = arg;
    (void)c;
    (void)why;
    core->web_lost++;
    events_web_gone(core->events);
}

const struct channel_events web_events = {.message = on_web, .closed = on_web_closed};

/* Whatever key or ca had to do with when it ended is looked at again (flow/jobs.c). */
static void on_lost(struct channel *c, const struct err *why, void *arg)
{
    struct core *core = arg;
    (void)c;
    (void)why;
    core->lost++;
}

/* ---- key: only answers; a new one means a new look at the state ---- */
static void on_key(struct channel *c, struct msg *m, void *arg)
{
    struct err e = {0};
    (void)c;
    (void)arg;
    err_set(&e, ERR_BUG, "key only answers");
    bad(m, &e);
}

static void refresh_fiber(void *arg)
{
    appliance_refresh(arg);
}

static void on_key_attached(struct channel *c, void *arg)
{
    struct core *core = arg;
    fiber_start(channel_loop(c), refresh_fiber, core);
}

const struct channel_events key_events = {
    .message = on_key, .attached = on_key_attached, .closed = on_lost};

/* ---- sys: answers, and says when the console set the network ---- */
static void on_sys(struct channel *c, struct msg *m, void *arg)
{
    struct err e = {0};
    (void)c;
    if (m->type == MSG_SYS_TYPED) {
        network_started(arg);
        return;
    }
    err_set(&e, ERR_BUG, "not for core");
    bad(m, &e);
}

static void on_sys_attached(struct channel *c, void *arg)
{
    (void)c;
    network_started(arg);
}

const struct channel_events sys_events = {
    .message = on_sys, .attached = on_sys_attached, .closed = on_lost};

/* ---- ca ---- */
static int ca_remember(struct core *core, const struct msg_CA_REMEMBER *q, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_order)
    struct order o = {0};
    OWN(own_connector)
    struct connector c = {0};
    if (txn_begin(core->db, true, &t, e) < 0)
        return -1;
    if (q->order[0]) {
        if (row_get(t, TABLE_ORDER, q->order, &o, e) < 0)
            return -1;
        bytes_set(&o.memory, q->memory);
        if (row_put(t, TABLE_ORDER, &o, e) < 0)
            return -1;
    } else {
        if (row_get(t, TABLE_CONNECTOR, q->connector, &c, e) < 0)
            return -1;
        bytes_set(&c.memory, q->memory);
        if (row_put(t, TABLE_CONNECTOR, &c, e) < 0)
            return -1;
    }
    return txn_commit(&t, e);
}

/* A message of ca, kept for the fiber that handles it: what it commits is waited for there. */
struct ca_work {
    struct core *core;
    struct channel *channel;
    struct msg msg;
    struct bytes body;
};

static int ca_handle(struct core *core, const struct msg *m, struct err *e)
{
    struct msg_CA_REMEMBER remember;
    struct msg_CA_EVIDENCE evidence;
    struct msg_CA_HTTP01 http01;
    switch ((int)m->type) {
    case MSG_CA_REMEMBER:
        return get_CA_REMEMBER(m, &remember, e) < 0 ? -1 : ca_remember(core, &remember, e);
    case MSG_CA_HTTP01:
        return get_CA_HTTP01(m, &http01, e) < 0 ? -1
                                                : http01_set(core, http01.token, http01.answer, e);
    case MSG_CA_EVIDENCE:
        if (get_CA_EVIDENCE(m, &evidence, e) < 0)
            return -1;
        evidence_add(core, &evidence);
        return 0;
    case MSG_CA_HELLO:
        return 0;
    default:
        return err_set(e, ERR_BUG, "not for core");
    }
}

static void ca_fiber(void *arg)
{
    struct ca_work *w = arg;
    struct err e = {0}, lost = {0};
    struct msg_DONE done = {};
    int rc = ca_handle(w->core, &w->msg, &e);
    if (rc < 0)
        bad(&w->msg, &e);
    if (w->msg.id != 0 && (rc < 0 ? reply_failed(w->channel, w->msg.id, &e)
                                  : reply_DONE(w->channel, w->msg.id, &done, &lost)) < 0)
        log_warn("ca.reply", "error=%s", log_q(lost.text));
    bytes_free(&w->body);
    free(w);
}

static void on_ca(struct channel *c, struct msg *m, void *arg)
{
    struct ca_work *w = xcalloc(1, sizeof *w);
    *w = (struct ca_work){.core = arg, .channel = c, .msg = *m};
    bytes_set(&w->body, m->body);
    w->msg.body = bytes_blob(&w->body);
    w->msg.fd = -1;
    fiber_start(w->core->loop, ca_fiber, w);
}

const struct channel_events ca_events = {.message = on_ca, .closed = on_lost};

/* ---- parent ---- */
void serve_parent(struct control *ctl, struct msg *m, void *arg)
{
    struct core *core = arg;
    struct err e = {0};
    struct msg_WORKER_ENDED ended;
    (void)ctl;
    if (m->type == MSG_WORKER_ENDED && get_WORKER_ENDED(m, &ended, &e) == 0)
        worker_ended(core, ended.instance, ended.status);
    else if (e.code)
        bad(m, &e);
}
