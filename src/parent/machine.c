/* UPDATER_RUN and MACHINE: a table of steps, a table of acts. */
#include "src/parent/machine.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ipc/machine.h"
#include "src/parent/parent.h"

static const char *const steps[UPDATE_STEPS] = {[UPDATE_STATUS] = "status",
                                                [UPDATE_HEAD] = "head",
                                                [UPDATE_PIECE] = "piece",
                                                [UPDATE_COMMIT] = "commit",
                                                [UPDATE_BLESS] = "bless"};

int machine_prepare(struct parent *p, struct err *e)
{
    static const char *const parts[] = {"control", "boot-a", "boot-b", "root-a", "root-b"};
    const uid_t uid = process_uid(PROC_SYS);

    for (size_t i = 0; i < COUNT(parts); i++) {
        OWN(own_mem)
        char *path = xasprintf("%s/%s", p->slots, parts[i]);
        if (chown(path, uid, uid) < 0)
            return err_sys(e, path);
    }
    p->sys_folder = p->first ? xstrdup(MACHINE_FOLDER) : xasprintf("%s/sys", p->state);
    if ((mkdir(p->sys_folder, 0755) < 0 && errno != EEXIST) || lchown(p->sys_folder, uid, uid) < 0)
        return err_sys(e, p->sys_folder);
    return 0;
}

/* In the child: the user of sys, no privilege, and one descriptor for all three. */
static void become(char *const argv[], int fd, uid_t uid, pid_t parent)
{
#ifdef __SANITIZE_ADDRESS__
    /* The leak check needs ptrace, which parent's filter has closed. */
    char *const env[] = {(char[]){"ASAN_OPTIONS=detect_leaks=0"}, NULL};
#else
    char *const env[] = {NULL};
#endif
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || close_range(3, ~0u, 0) < 0)
        _exit(126);
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        _exit(126);
    /* Setting the user forgets the death signal: it comes after. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(126);
    execve(argv[0], argv, env);
    _exit(127);
}

static int updater_start(struct child *sys, const struct msg_UPDATER_RUN *want, uint32_t request,
                         struct err *e)
{
    struct parent *p = sys->parent;

    if (want->step >= UPDATE_STEPS)
        return err_set(e, ERR_BUG, "step %u of an update is not known", want->step);
    if (p->updater.pid != 0)
        return err_set(e, ERR_CONFLICT, "another update step is running");
    OWN(own_mem)
    char *program = xasprintf("%s/certkeep-update", p->bin);
    OWN(own_mem)
    char *slots = xstrdup(p->slots);
    OWN(own_mem)
    char *trust = xstrdup(p->trust);
    OWN(own_mem)
    char *board = xstrdup(p->board);
    OWN(own_mem)
    char *step = xstrdup(steps[want->step]);
    char piece[16];
    snprintf(piece, sizeof(piece), "%u", want->piece);
    char *const argv[] = {program,
                          (char[]){"--slots"},
                          slots,
                          (char[]){"--trust"},
                          trust,
                          (char[]){"--board"},
                          board,
                          step,
                          want->step == UPDATE_PIECE ? piece : NULL,
                          NULL};
    const pid_t self = getpid();
    const pid_t pid = fork();
    if (pid == 0)
        become(argv, want->fd, process_uid(PROC_SYS), self);
    if (pid < 0)
        return err_sys(e, "fork");
    p->updater =
        (struct updater){.pid = pid, .step = want->step, .asked_by = sys->pid, .request = request};
    return 0;
}

static void stay(struct parent *p)
{
    watch_free(TAKE(p->prove));
}

static void on_unproven(void *arg)
{
    struct parent *p = arg;

    log_error("machine.unproven", "after_s=%u do=restart", (unsigned)(p->prove_ms / 1000));
    printf("this version did not prove healthy in %u s: restarting\n",
           (unsigned)(p->prove_ms / 1000));
    fflush(stdout);
    p->restart = true;
    supervise_stop(p);
}

void machine_expect_proof(struct parent *p)
{
    p->prove = loop_timer(p->loop, p->prove_ms, on_unproven, p);
}

bool updater_ended(struct parent *p, pid_t pid, int status)
{
    const struct child *sys = &p->children[PROC_SYS];
    const struct msg_UPDATER_ENDED ended = {.status = (uint32_t)status};
    struct err e;

    if (pid != p->updater.pid)
        return false;
    p->updater.pid = 0;
    if (p->updater.step == UPDATE_BLESS && status == 0)
        stay(p);
    /* A sys process started since then has not asked. */
    if (sys->pid == p->updater.asked_by &&
        reply_UPDATER_ENDED(sys->control, p->updater.request, &ended, &e) < 0)
        log_warn("machine.updater", "why=%s", log_q(e.text));
    return true;
}

static int power(struct parent *p, bool restart)
{
    p->restart = restart;
    supervise_stop(p);
    return 0;
}

static int do_restart(struct parent *p, const char *text, struct err *e)
{
    (void)text;
    (void)e;
    return power(p, true);
}

static int do_power_off(struct parent *p, const char *text, struct err *e)
{
    (void)text;
    (void)e;
    return power(p, false);
}

static int do_stay(struct parent *p, const char *text, struct err *e)
{
    (void)text;
    (void)e;
    stay(p);
    return 0;
}

/* Off an image both are other programs' matter. */
static int do_network(struct parent *p, const char *text, struct err *e)
{
    (void)text;
    (void)e;
    if (p->first)
        dhcp_again(p);
    return 0;
}

static int do_host_name(struct parent *p, const char *text, struct err *e)
{
    const size_t n = strnlen(text, HOST_NAME_MAX + 1);

    if (n == 0 || n > HOST_NAME_MAX)
        return err_set(e, ERR_BUG, "a host name of %zu bytes", n);
    return p->first && sethostname(text, n) < 0 ? err_sys(e, "host name") : 0;
}

static const struct {
    const char *name;
    int (*run)(struct parent *p, const char *text, struct err *e);
} acts[MACHINE_ACTS] = {
    [MACHINE_RESTART] = {"restart", do_restart},
    [MACHINE_POWER_OFF] = {"power off", do_power_off},
    [MACHINE_STAY] = {"stay", do_stay},
    [MACHINE_NETWORK] = {"network", do_network},
    [MACHINE_HOST_NAME] = {"host name", do_host_name},
};

static int act(struct parent *p, const struct msg_MACHINE *want, struct err *e)
{
    if (want->act >= MACHINE_ACTS || !acts[want->act].run)
        return err_set(e, ERR_BUG, "act %u of the machine is not known", want->act);
    log_info("machine.act", "act=%s", log_q(acts[want->act].name));
    return acts[want->act].run(p, want->text, e);
}

void machine_message(struct child *sys, struct msg *m)
{
    const struct msg_DONE done = {};
    struct msg_UPDATER_RUN run;
    struct msg_MACHINE want;
    struct err e = {};
    int rc;

    if (m->type == MSG_UPDATER_RUN) {
        rc = get_UPDATER_RUN(m, &run, &e) < 0 ? -1 : updater_start(sys, &run, m->id, &e);
    } else {
        rc = get_MACHINE(m, &want, &e) < 0 ? -1 : act(sys->parent, &want, &e);
        if (rc == 0 && reply_DONE(sys->control, m->id, &done, &e) < 0)
            log_warn("machine.reply", "why=%s", log_q(e.text));
    }
    if (rc < 0 && reply_failed(sys->control, m->id, &e) < 0)
        log_warn("machine.reply", "why=%s", log_q(e.text));
}
