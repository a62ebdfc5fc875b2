/*
 * What a program that is not ours may do once confined: each row is tried in a child, and the same
 * without confinement, where it must succeed. Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/sandbox/foreign.h"

#define UID 61999
#define WRITES "/tmp/certkeep-foreign-writes"
#define OTHER "/tmp/certkeep-foreign-other"

static int result(long rc)
{
    return rc < 0 ? errno : 0;
}

static int act_open(const char *path, int flags)
{
    OWN(own_fd)
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return result(fd);
}

static int act_read_given(void)
{
    return act_open("/etc/passwd", O_RDONLY);
}

static int act_read_other(void)
{
    return act_open("/usr/bin/env", O_RDONLY);
}

static int act_write_given(void)
{
    return act_open(WRITES "/made", O_WRONLY | O_CREAT);
}

static int act_write_read_only(void)
{
    return act_open("/etc/certkeep-foreign", O_WRONLY | O_CREAT);
}

static int act_write_other(void)
{
    return act_open(OTHER "/made", O_WRONLY | O_CREAT);
}

/* Comes back as the exit status of the program, or why it could not be started. */
static int run(const char *program)
{
    char *const argv[] = {(char[]){"program"}, NULL};
    int status;
    const pid_t pid = fork();

    if (pid == 0) {
        execv(program, argv);
        _exit(errno);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int act_run_given(void)
{
    return run("/usr/bin/true");
}

static int act_run_other(void)
{
    return run("/usr/bin/id");
}

static int act_raw_socket(void)
{
    OWN(own_fd)
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1);
    return result(fd);
}

static int act_change_owner(void)
{
    return result(chown(WRITES, 0, 0));
}

static int act_become_root(void)
{
    return result(setresuid(0, 0, 0));
}

static int act_tcp_listen(void)
{
    OWN(own_fd)
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr at = {.sa_family = AF_INET};
    return result(bind(fd, &at, sizeof(struct sockaddr)));
}

static int act_packet_socket(void)
{
    OWN(own_fd)
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return result(fd);
}

static int act_vsock(void)
{
    OWN(own_fd)
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return result(fd);
}

static int act_memory_file(void)
{
    OWN(own_fd)
    int fd = memfd_create("program", MFD_CLOEXEC);
    return result(fd);
}

static int act_executable_memory(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int act_trace(void)
{
    return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static const struct {
    const char *name;
    int (*act)(void);
    int confined;
} rows[] = {
    {"reads what it is given", act_read_given, 0},
    {"reads nothing else", act_read_other, EACCES},
    {"writes what it is given", act_write_given, 0},
    {"writes not what it may read", act_write_read_only, EACCES},
    {"writes nothing else", act_write_other, EACCES},
    {"runs what it is given", act_run_given, 0},
    {"runs nothing else", act_run_other, EACCES},
    {"has the capability it is given", act_raw_socket, 0},
    {"has no other", act_change_owner, EPERM},
    {"stays its own user", act_become_root, EPERM},
    {"opens no TCP port", act_tcp_listen, EACCES},
    {"speaks to the link", act_packet_socket, 0},
    {"speaks to nothing else", act_vsock, EPERM},
    {"makes no file in memory", act_memory_file, EPERM},
    {"makes no memory executable", act_executable_memory, EPERM},
    {"traces nobody", act_trace, EPERM},
};

static int in_child(int (*act)(void), bool confined)
{
    static const struct foreign f = {
        .uid = UID,
        .capabilities = 1u << CAP_NET_RAW,
        .reads = "/etc /usr/lib /dev/null",
        .writes = WRITES,
        .runs = "/usr/bin/true /usr/lib64/ld-linux-x86-64.so.2",
    };
    int status;
    const pid_t pid = fork();

    if (pid == 0) {
        struct err e;
        if (confined && confine_foreign(&f, &e) < 0) {
            fprintf(stderr, "%s\n", e.text);
            _exit(254);
        }
        _exit(act());
    }
    waitpid(pid, &status, 0);
    unlink(WRITES "/made");
    unlink(OTHER "/made");
    unlink("/etc/certkeep-foreign");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void test_confine_foreign_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(chown(WRITES, UID, UID) == 0);
        const int free_run = in_child(rows[i].act, false), confined = in_child(rows[i].act, true);
        if (free_run != 0 || confined != rows[i].confined)
            print_error("%s: unconfined %d, confined %d, expected %d\n", rows[i].name, free_run,
                        confined, rows[i].confined);
        assert_int_equal(free_run, 0);
        assert_int_equal(confined, rows[i].confined);
    }
}

static int set_up(void **state)
{
    (void)state;
    if ((mkdir(WRITES, 0755) < 0 && errno != EEXIST) || (mkdir(OTHER, 0777) < 0 && errno != EEXIST))
        return -1;
    return chmod(OTHER, 0777);
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(WRITES) < 0 || rmdir(OTHER) < 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_confine_foreign_rows)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
