/*
 * core: the one writer of the store. It decides; the other processes only do. It has no socket to
 * the outside and never holds a private key in clear.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/auth/throttle.h"
#include "src/core/changes.h"
#include "src/core/core.h"
#include "src/core/events.h"
#include "src/core/flow/jobs.h"
#include "src/core/flow/schedule.h"
#include "src/core/policies.h"
#include "src/core/proof.h"
#include "src/core/serve.h"
#include "src/core/setup.h"
#include "src/sandbox/confine.h"

static struct core core;

static int options(int argc, char **argv, const char **state, struct err *e)
{
    static const struct option known[] = {{"state", required_argument, NULL, 's'},
                                          {"public", required_argument, NULL, 'p'},
                                          {"machine", required_argument, NULL, 'm'},
                                          {"debug", no_argument, NULL, 'd'},
#ifdef CERTKEEP_TEST
                                          {"fault", required_argument, NULL, 'f'},
#endif
                                          {NULL, 0, NULL, 0}};
    bool debug = false;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 's')
            *state = optarg;
        else if (c == 'p')
            core.public_dir = optarg;
        else if (c == 'm')
            core.https = optarg;
        else if (c == 'd')
            debug = true;
        else if (c == 'f')
            core.fault_file = optarg;
        else
            return err_set(
                e, ERR_INPUT,
                "usage: certkeep-core --state DIR --public DIR [--machine ADDR:PORT] [--debug]");
    }
    log_open("core", debug);
    if (*state == NULL || core.public_dir == NULL)
        return err_set(e, ERR_INPUT, "--state and --public are needed");
    return 0;
}

static void started_fiber(void *arg)
{
    struct err e = {0};
    (void)arg;
    appliance_refresh(&core);
    if (core.state == STATE_UNPROVISIONED)
        setup_code_new(&core);
    struct msg_READY m = {.detail = appliance_state_name(core.state)};
    if (send_READY(core.parent, &m, &e) < 0)
        log_warn("ready", "error=%s", log_q(e.text));
    if (core.sys)
        proof_start(&core);
}

static int confine_core(const char *state, struct err *e)
{
    char notice[256];
    struct confine_paths paths = {.state = state, .extra_write = core.public_dir};
    if (confine(PROC_CORE, &paths, notice, e) < 0)
        return err_wrap(e, "confine");
    if (notice[0])
        log_warn("confine.partial", "missing=%s", log_q(notice));
    return 0;
}

static int start(int argc, char **argv, struct control *ctl, struct err *e)
{
    static struct channel *peers[5];
    const char *state = NULL;
    if (options(argc, argv, &state, e) < 0)
        return -1;
    core.loop = loop_new();
    core.started_at = now_s();
    core.throttle = throttle_new();
    core.web = channel_new(core.loop, PROC_CORE, PROC_WEB, 0, -1, &web_events, &core);
    core.key = channel_new(core.loop, PROC_CORE, PROC_KEY, 0, -1, &key_events, &core);
    core.ca = channel_new(core.loop, PROC_CORE, PROC_CA, 0, -1, &ca_events, &core);
    peers[0] = core.web;
    peers[1] = core.key;
    peers[2] = core.ca;
    if (core.https)
        peers[3] = core.sys =
            channel_new(core.loop, PROC_CORE, PROC_SYS, 0, -1, &sys_events, &core);
    *ctl = (struct control){.peers = peers, .loop = core.loop, .other = serve_parent, .arg = &core};
    if (control_open(ctl, PROC_CORE, e) < 0)
        return -1;
    core.parent = ctl->parent;
    /* Confined first: it changes the user, and the store belongs to that user. */
    if (confine_core(state, e) < 0 || db_open(state, &core.db, e) < 0)
        return -1;
    db_group_commits(core.db, core.loop);
    if (changes_start(&core, e) < 0)
        return -1;
    core.events = events_new(&core);
    core.jobs = jobs_new(&core);
    if (jobs_recover(&core, e) < 0 || policies_begin(&core, e) < 0)
        return -1;
    schedule_start(&core);
    return 0;
}

int main(int argc, char **argv)
{
    struct control ctl;
    struct err e = {0};
    if (start(argc, argv, &ctl, &e) < 0) {
        log_error("start", "error=%s", log_q(e.text));
        return err_exit_status(e.code);
    }
    /* Argon2 takes 19 MiB for each sign-in: large blocks go back to the system, not to the heap. */
    (void)mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
    fiber_start(core.loop, started_fiber, NULL);
    if (loop_run(core.loop, &e) < 0) {
        log_error("loop", "error=%s", log_q(e.text));
        return err_exit_status(e.code);
    }
    db_close(core.db);
    return 0;
}
