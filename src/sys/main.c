/* certkeep-sys: the machine below the service. Started by parent on an appliance image alone. */
#include <getopt.h>

#include "src/base/log.h"
#include "src/sandbox/confine.h"
#include "src/sys/sys.h"

#define PEERS_MS 10000

static struct sys sys = {.step = ""};

static int options(int argc, char **argv, struct err *e)
{
    static const struct option known[] = {{"board", required_argument, NULL, 'b'},
                                          {"debug", no_argument, NULL, 'd'},
                                          {NULL, 0, NULL, 0}};
    bool debug = false;

    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'b')
            sys.board = optarg;
        else if (c == 'd')
            debug = true;
        else
            return err_set(e, ERR_INPUT, "usage: certkeep-sys --board NAME [--debug]");
    }
    log_open("sys", debug);
    return sys.board ? 0 : err_set(e, ERR_INPUT, "--board is needed");
}

static int start(int argc, char **argv, struct control *ctl, struct err *e)
{
    static const struct channel_events from_core = {.message = sys_message};
    static struct channel *peers[2];
    const struct msg_READY ready = {};
    char notice[256] = "";

    if (options(argc, argv, e) < 0)
        return -1;
    sys.loop = loop_new();
    sys.core = channel_new(sys.loop, PROC_SYS, PROC_CORE, 0, -1, &from_core, &sys);
    peers[0] = sys.core;
    *ctl = (struct control){.peers = peers, .loop = sys.loop};
    if (control_open(ctl, PROC_SYS, e) < 0 || control_wait_peers(ctl, PEERS_MS, e) < 0 ||
        confine(PROC_SYS, NULL, notice, e) < 0)
        return -1;
    sys.parent = ctl->parent;
    if (notice[0])
        log_warn("sys.confine", "notice=%s", log_q(notice));
    return send_READY(ctl->parent, &ready, e);
}

int main(int argc, char **argv)
{
    struct control ctl;
    struct err e = {0};

    if (start(argc, argv, &ctl, &e) < 0 || loop_run(sys.loop, &e) < 0) {
        log_error("sys.stopped", "why=%s", log_q(e.text));
        return err_exit_status(e.code);
    }
    return 0;
}
