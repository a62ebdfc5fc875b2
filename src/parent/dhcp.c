/* Starts dhcpcd in the foreground with the configuration of sys, or else that of the image. */
#include "src/parent/dhcp.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/parent/parent.h"
#include "src/sandbox/foreign.h"

#define PROGRAM "/usr/sbin/dhcpcd"
#define HOOK "/usr/lib/certkeep/certkeep-resolv"
#define LOADER "/usr/lib64/ld-linux-x86-64.so.2"
#define SETTINGS MACHINE_FOLDER "/dhcpcd.conf"
#define PAUSE_MS 5000

static const struct foreign confinement = {
    .uid = DHCP_UID,
    .capabilities = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW | 1u << CAP_NET_BIND_SERVICE,
    .reads = "/etc /usr/lib /proc /sys/class /sys/devices /dev/null /dev/urandom " MACHINE_FOLDER,
    .writes = "/run/dhcpcd " DHCP_TOLD " /proc/sys/net",
    .runs = PROGRAM " " HOOK " " LOADER,
};

int dhcp_folders(struct err *e)
{
    static const char *const folders[] = {"/run/dhcpcd", DHCP_TOLD};

    for (size_t i = 0; i < COUNT(folders); i++)
        if (mkdir(folders[i], 0755) < 0 || chown(folders[i], DHCP_UID, DHCP_UID) < 0)
            return err_sys(e, folders[i]);
    return 0;
}

/* In the child; the loop's signal mask and handlers end with the exec. */
static void become(void)
{
    char config[] = "--config";
    const bool set = access(SETTINGS, R_OK) == 0;
    char *const argv[] = {(char[]){PROGRAM},   (char[]){"--nobackground"}, (char[]){"--quiet"},
                          set ? config : NULL, (char[]){SETTINGS},         NULL};
    char *const env[] = {(char[]){"LANG=C.UTF-8"}, NULL};
    sigset_t none;
    struct err e;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || close_range(STDERR_FILENO + 1, ~0u, 0) < 0)
        _exit(126);
    if (confine_foreign(&confinement, &e) < 0) {
        log_error("dhcp.confine", "why=%s", log_q(e.text));
        _exit(126);
    }
    execve(PROGRAM, argv, env);
    _exit(127);
}

static void start(void *arg)
{
    struct parent *p = arg;
    const pid_t pid = p->stop_step ? -1 : fork();

    if (pid == 0)
        become();
    if (pid < 0)
        return;
    p->dhcp.pid = pid;
    log_info("dhcp.started", "pid=%d", (int)pid);
}

void dhcp_start(struct parent *p)
{
    start(p);
}

void dhcp_again(struct parent *p)
{
    if (p->dhcp.pid == 0)
        return; /* it starts soon, with what is set then */
    p->dhcp.again = true;
    kill(p->dhcp.pid, SIGTERM);
}

void dhcp_ended(struct parent *p, pid_t pid, int status)
{
    if (pid != p->dhcp.pid || p->stop_step)
        return;
    p->dhcp.pid = 0;
    if (p->dhcp.again) {
        p->dhcp.again = false;
        start(p);
        return;
    }
    log_warn("dhcp.ended", "pid=%d status=0x%x next_try_ms=%d", (int)pid, (unsigned)status,
             PAUSE_MS);
    if (p->dhcp.restart)
        watch_again(p->dhcp.restart, PAUSE_MS);
    else
        p->dhcp.restart = loop_timer(p->loop, PAUSE_MS, start, p);
}
