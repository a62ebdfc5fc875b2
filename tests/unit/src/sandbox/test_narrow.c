/*
 * What certkeep-update and rescue may do once confined: use what is open. Each row is tried in a
 * child, and the same without confinement, where it must succeed. Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/sandbox/narrow.h"

#define UID 61998
#define KILLED (1000 + SIGSYS)

static int disk, listener;

static int result(long rc)
{
    return rc < 0 ? errno : 0;
}

static int act_write(void)
{
    char back;
    const bool ok =
        pwrite(disk, "x", 1, 4096) == 1 && fdatasync(disk) == 0 && pread(disk, &back, 1, 4096) == 1;
    return ok ? 0 : errno;
}

static int act_accept(void)
{
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    return fd < 0 && errno == EAGAIN ? 0 : result(fd);
}

static int act_open(void)
{
    return result(open("/etc/passwd", O_RDONLY));
}

static int act_create(void)
{
    return result(open("/tmp/certkeep-narrow", O_WRONLY | O_CREAT, 0600));
}

static int act_remove(void)
{
    return result(unlink("/tmp/certkeep-narrow-victim"));
}

static int act_socket(void)
{
    return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int act_run_memory(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int act_run_program(void)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    execv("/usr/bin/true", argv);
    return errno;
}

static int act_fork(void)
{
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : result(waitpid(pid, NULL, 0));
}

static int act_root(void)
{
    return result(setresuid(0, 0, 0));
}

static const struct {
    const char *name;
    int (*act)(void);
    int accepting, other; /* what comes of it: with and without the right to accept */
} rows[] = {
    {"writes what is open", act_write, 0, 0},
    {"takes connections", act_accept, 0, KILLED},
    {"opens nothing", act_open, EACCES, EACCES},
    {"makes nothing", act_create, EACCES, EACCES},
    {"removes nothing", act_remove, EACCES, EACCES},
    {"makes no socket", act_socket, EACCES, EACCES},
    {"runs no memory", act_run_memory, EACCES, EACCES},
    {"runs no program", act_run_program, KILLED, KILLED},
    {"makes no process", act_fork, KILLED, KILLED},
    {"stays its own user", act_root, KILLED, KILLED},
};

static int in_child(int (*act)(void), const struct narrow *n)
{
    int status;
    const pid_t pid = fork();

    if (pid == 0) {
        struct err e;
        if (n && confine_narrow(n, &e) < 0) {
            fprintf(stderr, "%s\n", e.text);
            _exit(254);
        }
        _exit(act());
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void make_victim(void)
{
    const int fd = open("/tmp/certkeep-narrow-victim", O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void test_confine_narrow_rows(void **state)
{
    (void)state;
    static const struct narrow accepting = {.name = "rescue", .uid = UID, .accepts = true};
    static const struct narrow other = {.name = "update", .uid = UID};

    for (size_t i = 0; i < COUNT(rows); i++) {
        make_victim();
        const int free_run = in_child(rows[i].act, NULL);
        make_victim();
        const int with = in_child(rows[i].act, &accepting);
        const int without = in_child(rows[i].act, &other);
        if (free_run != 0 || with != rows[i].accepting || without != rows[i].other)
            print_error("%s: unconfined %d, accepting %d, other %d\n", rows[i].name, free_run, with,
                        without);
        assert_int_equal(free_run, 0);
        assert_int_equal(with, rows[i].accepting);
        assert_int_equal(without, rows[i].other);
    }
}

static int set_up(void **state)
{
    const struct sockaddr_in at = {.sin_family = AF_INET};

    (void)state;
    disk = memfd_create("disk", MFD_CLOEXEC);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return disk < 0 || ftruncate(disk, 8192) < 0 || listener < 0 ||
           bind(listener, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1) < 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink("/tmp/certkeep-narrow");
    unlink("/tmp/certkeep-narrow-victim");
    return close(disk) < 0 || close(listener) < 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_confine_narrow_rows)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
