/* Blessing is certkeep-update's work: parent only starts it. */
#include "src/parent/health.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/parent/parent.h"

#define UPDATE "/usr/lib/certkeep/certkeep-update"
#define SLOTS "/dev/part"
#define TRUST "/usr/share/certkeep/firmware.keys"
#define STEADY_MS 10000

static const enum process judged[] = {PROC_KEY, PROC_CORE, PROC_CA, PROC_WEB};

static bool all_ready(const struct parent *p)
{
    for (size_t i = 0; i < COUNT(judged); i++)
        if (!p->children[judged[i]].ready)
            return false;
    return true;
}

static void become(const char *board)
{
    OWN(own_mem)
    char *name = xstrdup(board);
    char *const argv[] = {(char[]){UPDATE},
                          (char[]){"--slots"},
                          (char[]){SLOTS},
                          (char[]){"--trust"},
                          (char[]){TRUST},
                          (char[]){"--board"},
                          name,
                          (char[]){"bless"},
                          NULL};
    char *const env[] = {NULL};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (close_range(STDERR_FILENO + 1, ~0u, 0) == 0)
        execve(UPDATE, argv, env);
    _exit(127);
}

static void on_steady(void *arg)
{
    struct parent *p = arg;

    if (!all_ready(p) || p->stop_step || p->health.asked)
        return; /* whoever becomes ready again begins anew */
    const pid_t pid = fork();
    if (pid == 0)
        become(p->board);
    if (pid < 0) {
        log_error("health.bless", "why=fork");
        return;
    }
    p->health.pid = pid;
    p->health.asked = true;
}

void health_ready(struct parent *p)
{
    if (!p->first || !p->board || p->health.asked || !all_ready(p))
        return;
    if (p->health.timer)
        watch_again(p->health.timer, STEADY_MS);
    else
        p->health.timer = loop_timer(p->loop, STEADY_MS, on_steady, p);
}

bool health_ended(struct parent *p, pid_t pid, int status)
{
    if (pid != p->health.pid)
        return false;
    p->health.pid = 0;
    if (status == 0)
        log_info("health.blessed", "board=%s", log_q(p->board));
    else
        log_error("health.bless", "status=0x%x why=\"the slot keeps the tries it has left\"",
                  (unsigned)status);
    return true;
}
