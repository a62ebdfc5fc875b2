/*
 * certkeep-console: the menu on the machine's console, its own process because it reads what people
 * type. It holds the console's terminal and a channel to sys, and nothing else.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/console/line.h"
#include "src/ipc/call.h"
#include "src/sandbox/confine.h"

#define ACT_MS 30000
#define OUT_MAX 16384
#define WAITING_MAX 8 /* lines typed ahead */

static struct {
    struct loop *loop;
    struct channel *sys;
    struct watch *input;
    struct line line;
    struct menu menu;
    bool busy; /* a fiber works on a line */
    struct strs waiting;
} self;

static void show(struct buf *out)
{
    fputs(buf_cstr(out), stdout);
    fflush(stdout);
}

static void status(void *arg, struct buf *out)
{
    const struct msg_SYS_LOOK ask = {};
    struct msg_SYS_SEEN seen;
    OWN(reply_done)
    struct reply r = {0};
    struct err e = {0};

    (void)arg;
    if (call_SYS_LOOK(self.sys, &ask, MSG_SYS_SEEN, ACT_MS, &r, &e) < 0 ||
        get_SYS_SEEN(&r.msg, &seen, &e) < 0)
        buf_addf(out, "Not known: %s\n", e.text);
    else
        buf_add_str(out, seen.lines);
}

static int network(void *arg, const struct network *n, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(OUT_MAX);
    OWN(reply_done)
    struct reply r = {0};

    (void)arg;
    network_encode(n, &b);
    const struct msg_SYS_NETWORK m = {.settings = buf_blob(&b)};
    return call_SYS_NETWORK(self.sys, &m, MSG_DONE, ACT_MS, &r, e);
}

static int machine(void *arg, enum machine_act act, struct err *e)
{
    const struct msg_SYS_MACHINE m = {.act = act, .text = ""};
    OWN(reply_done)
    struct reply r = {0};

    (void)arg;
    log_info("console.act", "act=%d", (int)act);
    return call_SYS_MACHINE(self.sys, &m, MSG_DONE, ACT_MS, &r, e);
}

/* Acts wait for sys: one line at a time, in the order they were typed. */
static void work_fiber(void *arg)
{
    (void)arg;
    while (self.waiting.n > 0) {
        OWN(buf_free)
        struct buf out = BUF(OUT_MAX);
        OWN(own_mem)
        char *line = self.waiting.v[0];
        memmove(self.waiting.v, self.waiting.v + 1, --self.waiting.n * sizeof(char *));
        if (line[0] == '\n')
            menu_unread(&self.menu, &out);
        else
            menu_line(&self.menu, line, &out);
        show(&out);
    }
    self.busy = false;
}

static void on_line(const char *line, void *arg)
{
    (void)arg;
    if (self.waiting.n == WAITING_MAX)
        return;
    strs_add(&self.waiting, line ? line : "\n");
    if (self.busy)
        return;
    self.busy = true;
    fiber_start(self.loop, work_fiber, NULL);
}

static void on_input(int fd, bool readable, bool writable, void *arg)
{
    char bytes[256];
    const ssize_t n = read(fd, bytes, sizeof(bytes));

    (void)readable;
    (void)writable;
    (void)arg;
    if (n > 0)
        line_feed(&self.line, bytes, (size_t)n, on_line, NULL);
    else
        watch_update(self.input, false, false); /* no terminal, or it is gone */
}

static void unexpected(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    (void)arg;
    log_warn("console.unexpected", "type=%s", msg_name(m->type));
}

static int start(struct control *ctl, struct err *e)
{
    static const struct channel_events events = {.message = unexpected};
    static const struct menu_acts acts = {.status = status, .network = network, .machine = machine};
    static struct channel *peers[2];
    const struct msg_READY ready = {};
    char notice[256] = "";
    OWN(buf_free)
    struct buf out = BUF(OUT_MAX);

    self.loop = loop_new();
    self.sys = channel_new(self.loop, PROC_MENU, PROC_SYS, 0, -1, &events, NULL);
    peers[0] = self.sys;
    *ctl = (struct control){.peers = peers, .loop = self.loop};
    if (control_open(ctl, PROC_MENU, e) < 0 || confine(PROC_MENU, NULL, notice, e) < 0)
        return -1;
    if (notice[0])
        log_warn("console.confine", "notice=%s", log_q(notice));
    self.input = loop_watch(self.loop, STDIN_FILENO, true, false, on_input, NULL);
    menu_begin(&self.menu, &acts, &out);
    show(&out);
    return send_READY(ctl->parent, &ready, e);
}

int main(void)
{
    struct control ctl;
    struct err e = {0};

    log_open("console", false);
    if (start(&ctl, &e) < 0 || loop_run(self.loop, &e) < 0) {
        log_error("console.stopped", "why=%s", log_q(e.text));
        return err_exit_status(e.code);
    }
    return 0;
}
