/* certkeep-deploy: one job against one server, then gone. Started by parent at core's request. */
#include <libssh2.h>
#include <signal.h>
#include <stdlib.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/deploy/run.h"
#include "src/ipc/call.h"
#include "src/sandbox/confine.h"

static struct worker worker;

static int serve(struct loop *l, struct err *e)
{
    struct channel *peers[2] = {NULL};
    struct control ctl = {.peers = peers, .loop = l};
    const struct confine_paths paths = {0};
    char notice[256] = "";

    worker.loop = l;
    worker.core = peers[0] = channel_new(l, PROC_DEPLOY, PROC_CORE, 0, -1, &run_events, &worker);
    if (control_open(&ctl, PROC_DEPLOY, e) < 0 || control_wait_peers(&ctl, 10000, e) < 0)
        return -1;
    if (libssh2_init(0) != 0)
        return err_set(e, ERR_SYSTEM, "libssh2 cannot start");
    if (confine(PROC_DEPLOY, &paths, notice, e) < 0)
        return -1;
    if (notice[0])
        log_warn("confine.partial", "what=%s", log_q(notice));
    if (run_hello(&worker, e) < 0)
        return -1;
    int rc = loop_run(l, e);
    worker_free(&worker);
    return rc;
}

int main(void)
{
    struct err e = {0};
    struct loop *l = loop_new();

    log_open("deploy", false);
    signal(SIGPIPE, SIG_IGN);
    if (serve(l, &e) < 0) {
        log_error("deploy.failed", "why=%s", log_q(e.text));
        return err_exit_status(e.code);
    }
    return 0;
}
