/* The real certkeep-key with a token of its own, for programs that measure: started, set up, ended.
 */
#pragma once
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/ipc/call.h"

struct key_process {
    struct loop *loop;
    struct channel *parent, *web, *core;
    pid_t pid;
    char state[64];
};

static void key_process_message(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    (void)m;
    (void)arg; /* READY, PIN_KEEP: the calls wait for what matters */
}

static const struct channel_events key_process_events = {.message = key_process_message};

static void key_process_exec(int control, const char *state)
{
    char exe[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = 0;
    char *cut = strstr(exe, "/tests/bench/");
    if (!cut || dup2(control, CONTROL_FD) < 0 || fcntl(CONTROL_FD, F_SETFD, 0) < 0)
        _exit(90);
    *cut = 0;
    snprintf(path, sizeof path, "%s/bin/certkeep-key", exe);
    execl(path, "certkeep-key", "--state", state, (char *)NULL);
    _exit(91);
}

static struct channel *key_process_peer(struct key_process *k, enum process self)
{
    struct err e = {0};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        exit(1);
    const struct msg_PEER m = {.process = self, .fd = ends[1]};
    if (send_PEER(k->parent, &m, &e) < 0)
        exit(1);
    close(ends[1]);
    return channel_new(k->loop, self, PROC_KEY, 0, ends[0], &key_process_events, NULL);
}

/* `dir`: where its state goes; on disk when commits matter. */
static int key_process_start(struct key_process *k, const char *dir, struct err *e)
{
    int control[2];
    snprintf(k->state, sizeof k->state, "%s/key-XXXXXX", dir);
    if (!mkdtemp(k->state) ||
        (geteuid() == 0 && chown(k->state, PROCESS_UID_BASE + 1, PROCESS_UID_BASE + 1) < 0) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return err_sys(e, k->state);
    k->pid = fork();
    if (k->pid == 0)
        key_process_exec(control[1], k->state);
    close(control[1]);
    k->loop = loop_new();
    k->parent =
        channel_new(k->loop, PROC_PARENT, PROC_KEY, 0, control[0], &key_process_events, NULL);
    k->core = key_process_peer(k, PROC_CORE);
    k->web = key_process_peer(k, PROC_WEB);
    OWN(reply_done)
    struct reply done = {0};
    const struct msg_KEY_TOKEN_INIT init = {.passphrase = blob_str("a long enough passphrase")};
    return call_KEY_TOKEN_INIT(k->core, &init, MSG_DONE, 60000, &done, e);
}

static int key_process_remove(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void key_process_end(struct key_process *k)
{
    kill(k->pid, SIGKILL);
    waitpid(k->pid, NULL, 0);
    nftw(k->state, key_process_remove, 16, FTW_DEPTH | FTW_PHYS);
}
