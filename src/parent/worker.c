/*
 * Deploy workers: one process per job, started at core's request, with a channel to core only. At
 * most PARENT_WORKERS_MAX; none is restarted, for only core knows what is safe to repeat.
 */
#include <signal.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/parent/parent.h"

static struct child *free_slot(struct parent *p)
{
    for (size_t i = 0; i < PARENT_WORKERS_MAX; i++)
        if (p->workers[i].pid == 0)
            return &p->workers[i];
    return NULL;
}

/* Starts the worker and joins it to core; *core_end is core's descriptor. */
static int start(struct child *core, const struct msg *m, struct child **out, int *core_end,
                 struct err *e)
{
    struct parent *p = core->parent;
    struct child *w = free_slot(p);
    struct msg_WORKER_START want;
    int fds[2];

    if (get_WORKER_START(m, &want, e) < 0)
        return -1;
    if (want.process != PROC_DEPLOY)
        return err_set(e, ERR_BUG, "process %u is no worker", want.process);
    if (!w)
        return err_set(e, ERR_LIMIT, "%d workers run already", PARENT_WORKERS_MAX);
    if (p->stop_step)
        return err_set(e, ERR_CONFLICT, "the appliance stops");
    if (socket_pair(fds, e) < 0)
        return -1;
    OWN(own_fd)
    int core_fd = fds[0], worker_fd = fds[1];
    if (++p->last_worker == 0)
        p->last_worker = 1;
    *w = (struct child){.parent = p, .process = PROC_DEPLOY, .instance = p->last_worker};
    if (spawn(w, e) < 0)
        return -1;
    const struct msg_PEER peer = {.process = PROC_CORE, .instance = 0, .fd = worker_fd};
    if (send_PEER(w->control, &peer, e) < 0) {
        kill(w->pid, SIGKILL);
        return -1;
    }
    *out = w;
    *core_end = take_fd(&core_fd);
    return 0;
}

static void stop(struct child *core, const struct msg *m)
{
    struct parent *p = core->parent;
    struct msg_WORKER_STOP want;
    struct err e;

    if (get_WORKER_STOP(m, &want, &e) < 0)
        return;
    for (size_t i = 0; i < PARENT_WORKERS_MAX; i++)
        if (p->workers[i].pid != 0 && p->workers[i].instance == want.instance)
            kill(p->workers[i].pid, SIGKILL);
}

void worker_message(struct child *core, struct msg *m)
{
    OWN(own_fd)
    int core_end = -1;
    struct child *w;
    struct err e;

    if (m->type == MSG_WORKER_STOP) {
        stop(core, m);
        return;
    }
    if (start(core, m, &w, &core_end, &e) < 0) {
        log_warn("worker.start", "why=%s", log_q(e.text));
        reply_failed(core->control, m->id, &e);
        return;
    }
    const struct msg_WORKER_STARTED started = {.instance = w->instance, .fd = core_end};
    if (reply_WORKER_STARTED(core->control, m->id, &started, &e) < 0) {
        log_warn("worker.start", "why=%s", log_q(e.text));
        kill(w->pid, SIGKILL);
    }
}

void worker_ended(struct child *w, int status)
{
    struct child *core = &w->parent->children[PROC_CORE];
    const struct msg_WORKER_ENDED ended = {.instance = w->instance, .status = (uint32_t)status};

    w->pid = 0;
    channel_free(TAKE(w->control));
    if (core->pid != 0 && send_WORKER_ENDED(core->control, &ended, NULL) < 0)
        log_warn("worker.ended", "instance=%u why=\"core did not hear of it\"", w->instance);
}

void workers_kill(struct parent *p)
{
    for (size_t i = 0; i < PARENT_WORKERS_MAX; i++)
        if (p->workers[i].pid != 0)
            kill(p->workers[i].pid, SIGKILL);
}
