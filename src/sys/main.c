/* certkeep-sys: the machine below the service. Started by parent on an appliance image alone. */
#include <getopt.h>

#include "src/base/log.h"
#include "src/sandbox/confine.h"
#include "src/sys/sys.h"

static struct sys sys = {.step = ""};

static int options(int argc, char **argv, struct err *e)
{
    static const struct option known[] = {{"board", required_argument, NULL, 'b'},
                                          {"run", required_argument, NULL, 'r'},
                                          {"net", required_argument, NULL, 'n'},
                                          {"debug", no_argument, NULL, 'd'},
                                          {NULL, 0, NULL, 0}};
    bool debug = false;

    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'b')
            sys.board = optarg;
        else if (c == 'r')
            sys.run = optarg;
        else if (c == 'n')
            sys.net = optarg;
        else if (c == 'd')
            debug = true;
        else
            return err_set(e, ERR_INPUT,
                           "usage: certkeep-sys --board NAME --run DIR --net DIR [--debug]");
    }
    log_open("sys", debug);
    return sys.board && sys.run && sys.net
               ? 0
               : err_set(e, ERR_INPUT, "--board, --run and --net are needed");
}

static int start(int argc, char **argv, struct control *ctl, struct err *e)
{
    static const struct channel_events from_core = {.message = sys_message,
                                                    .attached = sys_core_attached};
    static const struct channel_events from_menu = {.message = sys_message};
    static struct channel *peers[3];
    const struct msg_READY ready = {};
    struct confine_paths paths = {0};
    char notice[256] = "";

    if (options(argc, argv, e) < 0)
        return -1;
    sys.loop = loop_new();
    sys.core = channel_new(sys.loop, PROC_SYS, PROC_CORE, 0, -1, &from_core, &sys);
    sys.menu = channel_new(sys.loop, PROC_SYS, PROC_MENU, 0, -1, &from_menu, &sys);
    peers[0] = sys.core;
    peers[1] = sys.menu;
    *ctl = (struct control){.peers = peers, .loop = sys.loop};
    paths.state = sys.run;
    paths.extra_read = sys.net;
    if (control_open(ctl, PROC_SYS, e) < 0 || confine(PROC_SYS, &paths, notice, e) < 0)
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
