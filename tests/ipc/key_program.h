/*
 * The real certkeep-key program, of the same build as the test, for tests that stand in for its
 * parent: a state folder of its own, and a start that leaves the test parent's end of its control
 * channel.
 */
#pragma once
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/ipc/process.h"

#define KEY_PROGRAM_DIR_BYTES 64

static inline void key_program_pair(int out[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out), 0);
}

/* The state folder: key's own, as it changes its user when started by root. */
static inline void key_program_make_dir(char dir[KEY_PROGRAM_DIR_BYTES])
{
    const uid_t uid = PROCESS_UID_BASE + (uid_t)PROC_KEY;
    snprintf(dir, KEY_PROGRAM_DIR_BYTES, "/tmp/certkeep-key-XXXXXX");
    assert_non_null(mkdtemp(dir));
    if (geteuid() == 0)
        assert_int_equal(chown(dir, uid, uid), 0);
}

static inline int key_program_remove_one(const char *path, const struct stat *st, int kind,
                                         struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void key_program_remove_dir(const char *dir)
{
    nftw(dir, key_program_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* In the child: becomes the program, or ends with a status from 90 on. */
static inline _Noreturn void key_program_exec(int control, const char *dir)
{
    char exe[PATH_MAX] = "", path[PATH_MAX + 64];
    if (readlink("/proc/self/exe", exe, sizeof exe - 1) <= 0)
        _exit(90);
    char *cut = strstr(exe, "/tests/ipc/");
    if (!cut)
        _exit(91);
    *cut = 0;
    snprintf(path, sizeof path, "%s/bin/certkeep-key", exe);
    if (dup2(control, CONTROL_FD) < 0 || fcntl(CONTROL_FD, F_SETFD, 0) < 0)
        _exit(92);
    execl(path, "certkeep-key", "--state", dir, (char *)NULL);
    _exit(93);
}

/* Returns parent's end of the control channel. */
static inline int key_program_start(const char *dir, pid_t *pid)
{
    int control[2];
    key_program_pair(control);
    *pid = fork();
    assert_true(*pid >= 0);
    if (*pid == 0)
        key_program_exec(control[1], dir);
    close(control[1]);
    return control[0];
}
