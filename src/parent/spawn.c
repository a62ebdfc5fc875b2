/*
 * Starts one program: a control channel on CONTROL_FD, no other descriptor but the standard three,
 * a clean environment, and the argument list of its process. Tells it its peers.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/parent/parent.h"

#define ARGS_MAX 10

static const struct {
    const char *program;
    unsigned uid;
} table[PROC_COUNT] = {
#define PROCESS(NAME, program, uid, many) [PROC_##NAME] = {program, uid},
#define EDGE(a, b)
#define WORKER(a, b)
#include "src/ipc/process.def"
#undef PROCESS
#undef EDGE
#undef WORKER
};

uid_t process_uid(enum process p)
{
    return PROCESS_UID_BASE + table[p].uid;
}

const char *process_program(enum process p)
{
    return table[p].program;
}

int socket_pair(int fds[2], struct err *e)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return err_sys(e, "socket pair");
    return 0;
}

struct args {
    char *v[ARGS_MAX + 1];
    size_t n;
};

static void own_args(struct args *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->v[i]);
}

static void arg(struct args *a, const char *name, const char *value)
{
    if (!value || a->n + 2 > ARGS_MAX)
        return;
    a->v[a->n++] = xstrdup(name);
    a->v[a->n++] = xstrdup(value);
}

static void sub_folder(struct args *a, const char *name, const char *state, const char *folder)
{
    OWN(own_mem)
    char *path = xasprintf("%s/%s", state, folder);

    arg(a, name, path);
}

static void build_args(const struct child *c, struct args *a)
{
    const struct parent *p = c->parent;

    a->v[a->n++] = xasprintf("%s/%s", p->bin, process_program(c->process));
    if (c->process == PROC_KEY) {
        sub_folder(a, "--state", p->state, "key");
        arg(a, "--module", p->module);
    } else if (c->process == PROC_CORE) {
        sub_folder(a, "--state", p->state, "core");
        sub_folder(a, "--public", p->state, "public");
        arg(a, "--fault", p->fault);
        if (p->board)
            arg(a, "--machine", p->https);
    } else if (c->process == PROC_SYS) {
        arg(a, "--board", p->board);
        arg(a, "--run", p->sys_folder);
        arg(a, "--net", p->first ? DHCP_TOLD : p->sys_folder);
    } else if (c->process == PROC_WEB) {
        arg(a, "--static", p->web_files);
    }
    if (p->debug)
        a->v[a->n++] = xstrdup("--debug");
}

/* In the child: between fork and exec nothing is allocated and nothing returns. */
static void become(char *const argv[], char *const env[], int control, pid_t parent)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(126);
    if (control == CONTROL_FD ? fcntl(control, F_SETFD, 0) < 0 : dup2(control, CONTROL_FD) < 0)
        _exit(126);
    if (close_range(CONTROL_FD + 1, ~0u, 0) < 0)
        _exit(126);
    execve(argv[0], argv, env);
    _exit(127);
}

static void on_message(struct channel *ch, struct msg *m, void *arg_child)
{
    struct child *c = arg_child;
    struct msg_CONSOLE console;
    struct msg_READY ready;
    struct msg_PIN_KEEP pin;
    struct err e;

    (void)ch;
    switch (m->type) {
    case MSG_READY:
        if (get_READY(m, &ready, &e) == 0) {
            log_info("process.ready", "process=%s instance=%u pid=%d detail=%s",
                     process_name(c->process), c->instance, (int)c->pid, log_q(ready.detail));
            c->ready = true;
        }
        break;
    case MSG_CONSOLE:
        if (get_CONSOLE(m, &console, &e) == 0) {
            printf("%s\n", console.text);
            fflush(stdout);
        }
        break;
    case MSG_PIN_KEEP:
        if (get_PIN_KEEP(m, &pin, &e) == 0) {
            own_fd(&c->parent->pin);
            c->parent->pin = take_fd(&m->fd);
        }
        break;
    case MSG_WORKER_START:
    case MSG_WORKER_STOP:
        worker_message(c, m);
        break;
    case MSG_UPDATER_RUN:
    case MSG_MACHINE:
        machine_message(c, m);
        break;
    default:
        log_warn("process.message", "process=%s type=%s why=unexpected", process_name(c->process),
                 msg_name(m->type));
    }
}

int spawn(struct child *c, struct err *e)
{
    const struct channel_events events = {.message = on_message};
    OWN(own_args)
    struct args a = {};
    OWN(own_mem)
    char *softhsm = xasprintf("SOFTHSM2_CONF=%s/key/softhsm2.conf", c->parent->state);
    char lang[] = "LANG=C.UTF-8", openssl[] = "OPENSSL_CONF=/dev/null";
    char *const env[] = {lang, openssl, c->process == PROC_KEY ? softhsm : NULL, NULL};
    const pid_t self = getpid();
    int fds[2];

    if (socket_pair(fds, e) < 0)
        return -1;
    build_args(c, &a);
    const pid_t pid = fork();
    if (pid == 0)
        become(a.v, env, fds[1], self);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return err_sys(e, "fork");
    }
    channel_free(c->control);
    c->pid = pid;
    c->ready = false;
    c->control =
        channel_new(c->parent->loop, PROC_PARENT, c->process, c->instance, fds[0], &events, c);
    log_info("process.started", "process=%s instance=%u pid=%d", process_name(c->process),
             c->instance, (int)pid);
    return 0;
}

static void send_peer(struct child *to, const struct child *peer, int fd)
{
    const struct msg_PEER m = {.process = peer->process, .instance = peer->instance, .fd = fd};
    struct err e;

    if (send_PEER(to->control, &m, &e) < 0)
        log_warn("process.peer", "process=%s peer=%s why=%s", process_name(to->process),
                 process_name(peer->process), log_q(e.text));
}

void connect_peers(struct child *a, struct child *b)
{
    int fds[2];
    struct err e;

    if (a->pid == 0 || b->pid == 0)
        return; /* done when the other one is started */
    if (socket_pair(fds, &e) < 0) {
        log_error("process.peer", "why=%s", log_q(e.text));
        return;
    }
    send_peer(a, b, fds[0]);
    send_peer(b, a, fds[1]);
    close(fds[0]);
    close(fds[1]);
}
