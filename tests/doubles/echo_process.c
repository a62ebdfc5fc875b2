/*
 * Stands in for any process under certkeep-parent; the name it is started by says which. It opens
 * its control channel, waits for its peers, and says on the console what happens. key keeps a PIN
 * with parent; core starts a worker on SIGUSR1 and stops it on SIGUSR2; the rest ask or answer.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/ipc/call.h"

struct echo {
    struct control control;
    enum process self;
    struct channel *peers[PROC_COUNT];
    struct channel *worker;
    uint32_t worker_instance;
    bool pin_came;
};

static struct echo echo;

static void say(const char *what, long n)
{
    char text[100];

    snprintf(text, sizeof(text), "%s: %s %ld", process_name(echo.self), what, n);
    const struct msg_CONSOLE m = {.text = text};
    if (send_CONSOLE(echo.control.parent, &m, NULL) < 0)
        log_warn("echo.say", "text=%s", log_q(text));
}

static void ask_key(void *channel)
{
    struct msg_KEY_STATE s;
    struct err e;
    OWN(reply_done)
    struct reply r = {};

    if (call_KEY_STATUS(channel, &(struct msg_KEY_STATUS){}, MSG_KEY_STATE, 2000, &r, &e) == 0 &&
        get_KEY_STATE(&r.msg, &s, &e) == 0)
        say("key answered", (long)s.state);
}

static void on_message(struct channel *c, struct msg *m, void *arg)
{
    (void)arg;
    if (m->type == MSG_KEY_STATUS) {
        const struct msg_KEY_STATE s = {.state = TOKEN_OPEN};
        reply_KEY_STATE(c, m->id, &s, NULL);
    } else if (m->type == MSG_DEPLOY_HELLO) {
        say("hello of worker", (long)m->instance);
    }
}

static void on_attached(struct channel *c, void *arg)
{
    (void)arg;
    if (channel_peer(c) == PROC_KEY && (echo.self == PROC_CORE || echo.self == PROC_WEB))
        fiber_start(echo.control.loop, ask_key, c);
    if (echo.self == PROC_DEPLOY)
        send_DEPLOY_HELLO(c, &(struct msg_DEPLOY_HELLO){}, NULL);
}

static const struct channel_events events = {.message = on_message, .attached = on_attached};

static void start_worker(void *arg)
{
    OWN(reply_done)
    struct reply r = {};
    struct msg_WORKER_STARTED s;
    struct err e;

    (void)arg;
    if (call_WORKER_START(echo.control.parent, &(struct msg_WORKER_START){.process = PROC_DEPLOY},
                          MSG_WORKER_STARTED, 2000, &r, &e) < 0 ||
        get_WORKER_STARTED(&r.msg, &s, &e) < 0) {
        say(e.text, -1);
        return;
    }
    echo.worker_instance = s.instance;
    echo.worker = channel_new(echo.control.loop, PROC_CORE, PROC_DEPLOY, s.instance,
                              take_fd(&r.msg.fd), &events, NULL);
}

static void on_signal(int signo, void *arg)
{
    (void)arg;
    const struct msg_WORKER_STOP m = {.instance = echo.worker_instance};
    if (signo == SIGUSR1)
        fiber_start(echo.control.loop, start_worker, NULL);
    else
        send_WORKER_STOP(echo.control.parent, &m, NULL);
}

static void other(struct control *ctl, struct msg *m, void *arg)
{
    struct msg_LISTEN l;
    struct msg_WORKER_ENDED w;
    char pin[5] = "";

    (void)ctl;
    (void)arg;
    if (m->type == MSG_LISTEN && get_LISTEN(m, &l, NULL) == 0)
        say("listens", (long)l.service);
    if (m->type == MSG_WORKER_ENDED && get_WORKER_ENDED(m, &w, NULL) == 0)
        say("worker ended", (long)w.instance);
    if (m->type == MSG_PIN_BACK && pread(m->fd, pin, 4, 0) == 4) {
        uint32_t n = 0;
        parse_u32(pin, 0, 9999, &n, NULL);
        echo.pin_came = true;
        say("pin", (long)n);
        long peers = 0;
        for (struct channel **c = echo.peers; *c; c++)
            peers += channel_open(*c);
        say("peers before the pin", peers);
    }
}

static void keep_pin(void)
{
    OWN(own_fd)
    int fd = memfd_create("pin", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, "4711", 4) == 4)
        send_PIN_KEEP(echo.control.parent, &(struct msg_PIN_KEEP){.fd = fd}, NULL);
}

static void add_peer(enum process p, size_t *n)
{
    if (p == PROC_MENU) /* runs where parent is the first program of a machine */
        return;
    echo.peers[*n] = channel_new(echo.control.loop, echo.self, p, 0, -1, &events, NULL);
    ++*n;
}

static long open_descriptors(void)
{
    long n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');
    struct err e;
    size_t n = 0;
    const long inherited = open_descriptors();

    (void)argc;
    for (enum process p = PROC_KEY; p < PROC_COUNT; p++)
        if (name && str_ends(name, process_name(p)))
            echo.self = p;
    echo.control.loop = loop_new();
    echo.control.peers = echo.peers;
    echo.control.other = other;
#define PROCESS(NAME, program, uid, many)
#define EDGE(a, b)                                                                                 \
    if (echo.self == PROC_##a)                                                                     \
        add_peer(PROC_##b, &n);                                                                    \
    if (echo.self == PROC_##b)                                                                     \
        add_peer(PROC_##a, &n);
#define WORKER(a, b)                                                                               \
    if (echo.self == PROC_##a)                                                                     \
        add_peer(PROC_##b, &n);
#include "src/ipc/process.def"
    if (control_open(&echo.control, echo.self, &e) < 0 ||
        control_wait_peers(&echo.control, 5000, &e) < 0) {
        fprintf(stderr, "%s: %s\n", process_name(echo.self), e.text);
        return 1;
    }
    loop_signal(echo.control.loop, SIGUSR1, on_signal, NULL);
    loop_signal(echo.control.loop, SIGUSR2, on_signal, NULL);
    if (echo.self == PROC_KEY || echo.self == PROC_CORE || echo.self == PROC_WEB)
        say("inherited descriptors", inherited);
    if (echo.self == PROC_KEY)
        keep_pin();
    send_READY(echo.control.parent, &(struct msg_READY){.detail = "echo"}, NULL);
    return loop_run(echo.control.loop, &e) < 0;
}
