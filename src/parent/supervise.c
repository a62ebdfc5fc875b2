/*
 * Keeps every process running: a dead one is logged with its status, started again after a pause
 * that doubles from 50 ms to 5 s, and joined to its peers by new sockets. A crash loop slows down
 * to one try in 30 s and says so. Stops all in the order console, web, ca, deploy, core, sys, key.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/parent/parent.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 5000
#define ALIVE_MS 5000        /* after it the back-off starts anew */
#define LOOP_WINDOW_MS 60000 /* ten deaths within it are a crash loop */
#define LOOP_PAUSE_MS 30000
#define STOP_MS 5000

static const struct {
    enum process a, b;
} edges[] = {
#define PROCESS(NAME, program, uid, many)
#define EDGE(one, other) {PROC_##one, PROC_##other},
#define WORKER(a, b)
#include "src/ipc/process.def"
#undef PROCESS
#undef EDGE
#undef WORKER
};

static const enum process start_order[] = {PROC_KEY, PROC_SYS, PROC_CORE,
                                           PROC_CA,  PROC_WEB, PROC_MENU};
static const enum process stop_order[] = {PROC_MENU, PROC_WEB, PROC_CA, PROC_DEPLOY,
                                          PROC_CORE, PROC_SYS, PROC_KEY};

static void write_pid(const struct child *c)
{
    OWN(own_mem)
    char *path = xasprintf("%s/run/%s.pid", c->parent->state, process_name(c->process));
    OWN(own_mem)
    char *next = xasprintf("%s.new", path);
    char text[16];

    if (c->pid == 0) {
        unlink(path);
        return;
    }
    const int n = snprintf(text, sizeof(text), "%d\n", (int)c->pid);
    OWN(own_fd)
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0 || write(fd, text, (size_t)n) != n || rename(next, path) < 0)
        log_warn("process.pidfile", "path=%s errno=%d", log_q(path), errno);
}

static void hand_over(struct child *c)
{
    struct parent *p = c->parent;
    struct err e;

    if (c->process == PROC_WEB)
        for (uint32_t s = 0; s < PARENT_SERVICES; s++)
            if (p->listen[s] >= 0 &&
                send_LISTEN(c->control, &(struct msg_LISTEN){.service = s, .fd = p->listen[s]},
                            &e) < 0)
                log_warn("process.listen", "why=%s", log_q(e.text));
    /* Before its peers: a question that overtook the PIN would be answered "locked". */
    if (c->process == PROC_KEY && p->pin >= 0 &&
        send_PIN_BACK(c->control, &(struct msg_PIN_BACK){.fd = p->pin}, &e) < 0)
        log_warn("process.pin", "why=%s", log_q(e.text));
    for (size_t i = 0; i < COUNT(edges); i++)
        if (edges[i].a == c->process || edges[i].b == c->process)
            connect_peers(&p->children[edges[i].a], &p->children[edges[i].b]);
}

static void start_again_later(struct child *c);

static void start(void *arg)
{
    struct child *c = arg;
    struct err e;

    if (c->parent->stop_step)
        return;
    c->started_ms = monotonic_ms();
    if (spawn(c, &e) < 0) {
        log_error("process.start", "process=%s why=%s", process_name(c->process), log_q(e.text));
        start_again_later(c);
        return;
    }
    write_pid(c);
    hand_over(c);
}

uint64_t supervise_pause(struct child *c)
{
    const int64_t now = monotonic_ms();
    const unsigned ring = COUNT(c->deaths_ms);
    int64_t *slot = &c->deaths_ms[c->death_count % ring];
    const bool crash_loop = c->death_count >= ring && now - *slot < LOOP_WINDOW_MS;

    *slot = now;
    c->death_count++;
    if (crash_loop) {
        log_error("process.crash_loop", "process=%s deaths=%u within_s=%d next_try_s=%d",
                  process_name(c->process), ring, LOOP_WINDOW_MS / 1000, LOOP_PAUSE_MS / 1000);
        return LOOP_PAUSE_MS;
    }
    if (c->backoff_ms == 0 || now - c->started_ms >= ALIVE_MS)
        c->backoff_ms = BACKOFF_FIRST_MS;
    else if ((c->backoff_ms *= 2) > BACKOFF_MAX_MS)
        c->backoff_ms = BACKOFF_MAX_MS;
    return c->backoff_ms;
}

static void start_again_later(struct child *c)
{
    const uint64_t ms = supervise_pause(c);

    if (c->restart)
        watch_again(c->restart, ms);
    else
        c->restart = loop_timer(c->parent->loop, ms, start, c);
}

void supervise_start(struct parent *p)
{
    if (p->board)
        machine_expect_proof(p);
    for (size_t i = 0; i < COUNT(start_order); i++)
        if ((start_order[i] != PROC_SYS || p->board) &&
            (start_order[i] != PROC_MENU || (p->board && p->first)))
            start(&p->children[start_order[i]]);
}

static void log_death(const struct child *c, int status)
{
    if (WIFSIGNALED(status))
        log_warn("process.died", "process=%s instance=%u pid=%d signal=%d (%s)",
                 process_name(c->process), c->instance, (int)c->pid, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        log_warn("process.died", "process=%s instance=%u pid=%d status=%d",
                 process_name(c->process), c->instance, (int)c->pid, WEXITSTATUS(status));
}

static struct child *child_of(struct parent *p, pid_t pid)
{
    for (size_t i = 0; i < PROC_COUNT; i++)
        if (p->children[i].pid == pid)
            return &p->children[i];
    for (size_t i = 0; i < PARENT_WORKERS_MAX; i++)
        if (p->workers[i].pid == pid)
            return &p->workers[i];
    return NULL;
}

static bool anyone(const struct parent *p, enum process which)
{
    if (which != PROC_DEPLOY)
        return p->children[which].pid != 0;
    for (size_t i = 0; i < PARENT_WORKERS_MAX; i++)
        if (p->workers[i].pid != 0)
            return true;
    return false;
}

static void tell_stop(struct child *c)
{
    if (c->pid != 0 && send_STOP(c->control, &(struct msg_STOP){}, NULL) < 0)
        kill(c->pid, SIGTERM);
}

static void on_stop_timeout(void *arg)
{
    struct parent *p = arg;

    for (size_t i = 0; i < PROC_COUNT; i++)
        if (p->children[i].pid != 0) {
            log_warn("process.killed", "process=%s why=\"did not stop\"",
                     process_name((enum process)i));
            kill(p->children[i].pid, SIGKILL);
        }
    workers_kill(p);
}

/* One kind of process after the other: the next is told when the one before it is gone. */
static void stop_next(struct parent *p)
{
    while ((size_t)p->stop_step <= COUNT(stop_order)) {
        const enum process now = stop_order[p->stop_step - 1];
        if (anyone(p, now))
            return;
        if ((size_t)p->stop_step++ == COUNT(stop_order))
            break;
        const enum process next = stop_order[p->stop_step - 1];
        if (next != PROC_DEPLOY)
            tell_stop(&p->children[next]);
        for (size_t i = 0; next == PROC_DEPLOY && i < PARENT_WORKERS_MAX; i++)
            tell_stop(&p->workers[i]);
    }
    loop_stop(p->loop);
}

void supervise_stop(struct parent *p)
{
    if (p->stop_step)
        return;
    log_info("parent.stop", "state=%s", log_q(p->state));
    p->stop_step = 1;
    p->stop_timer = loop_timer(p->loop, STOP_MS, on_stop_timeout, p);
    tell_stop(&p->children[stop_order[0]]);
    stop_next(p);
}

static void reaped(struct parent *p, pid_t pid, int status)
{
    struct child *c = child_of(p, pid);

    if (!c) {
        if (!updater_ended(p, pid, status))
            dhcp_ended(p, pid, status);
        return;
    }
    if (!p->stop_step)
        log_death(c, status);
    if (c->process == PROC_DEPLOY) {
        worker_ended(c, status);
        return;
    }
    c->pid = 0;
    c->ready = false;
    write_pid(c);
    channel_free(TAKE(c->control));
    if (c->process == PROC_CORE && !p->stop_step)
        workers_kill(p); /* core takes up their jobs anew */
    if (!p->stop_step)
        start_again_later(c);
}

static void on_child(int signo, void *arg)
{
    struct parent *p = arg;
    pid_t pid;
    int status;

    (void)signo;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        reaped(p, pid, status);
    if (p->stop_step)
        stop_next(p);
}

/* The kernel sends the first program SIGINT for Ctrl-Alt-Del. */
static void on_stop(int signo, void *arg)
{
    struct parent *p = arg;

    p->restart = signo == SIGINT;
    supervise_stop(p);
}

int supervise_signals(struct parent *p)
{
    p->on_child = loop_signal(p->loop, SIGCHLD, on_child, p);
    p->on_term = loop_signal(p->loop, SIGTERM, on_stop, p);
    p->on_int = loop_signal(p->loop, SIGINT, on_stop, p);
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0;
}
