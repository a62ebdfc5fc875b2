/*
 * What each process may still do once confined: a table of process, action and outcome, each tried
 * in a child. Every action is also done without confinement, where it must succeed: a row that
 * fails anyway would prove nothing. Needs root, as the appliance's start does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/sandbox/confine.h"

struct place {
    char dir[64];    /* the folder given as state */
    char public[64]; /* given as the second writable folder */
    char other[64];  /* another one of the same user: not given */
    int listener;
    uint16_t port;
    pid_t bystander;
};

static int result(long rc)
{
    return rc < 0 ? errno : 0;
}

static int try_open(const char *path, int flags)
{
    OWN(own_fd)
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return result(fd);
}

static int act_state(const struct place *p)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/made", p->dir);
    return try_open(path, O_RDWR | O_CREAT);
}

static int act_public(const struct place *p)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/made", p->public);
    return try_open(path, O_RDWR | O_CREAT);
}

static int act_other_folder(const struct place *p)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/made", p->other);
    return try_open(path, O_RDWR | O_CREAT);
}

static int act_read_other(const struct place *p)
{
    return try_open(p->other, O_RDONLY | O_DIRECTORY);
}

static int act_shadow(const struct place *p)
{
    (void)p;
    return try_open("/etc/shadow", O_RDONLY);
}

static int act_passwd(const struct place *p)
{
    (void)p;
    return try_open("/etc/passwd", O_RDONLY); /* anyone's to read: Landlock alone refuses */
}

static int act_tmp(const struct place *p)
{
    (void)p;
    return try_open("/tmp/certkeep-confine-probe", O_WRONLY | O_CREAT);
}

static int act_resolver(const struct place *p)
{
    (void)p;
    return try_open("/etc/hosts", O_RDONLY);
}

static int act_socket(const struct place *p)
{
    (void)p;
    OWN(own_fd)
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return result(fd);
}

static int act_raw_socket(const struct place *p)
{
    (void)p;
    OWN(own_fd)
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    return result(fd);
}

static int act_unix_socket(const struct place *p)
{
    (void)p;
    OWN(own_fd)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return result(fd);
}

static int act_connect(const struct place *p)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(p->port)};
    OWN(own_fd)
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd < 0 ? errno : result(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static int act_listen(const struct place *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    OWN(own_fd)
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)p;
    return fd < 0 ? errno : result(bind(fd, (struct sockaddr *)&at, sizeof(at)));
}

static int act_accept(const struct place *p)
{
    OWN(own_fd)
    int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    return fd < 0 && errno == EAGAIN ? 0 : result(fd);
}

static int act_exec_memory(const struct place *p)
{
    OWN(own_fd)
    int fd = memfd_create("code", MFD_CLOEXEC);

    (void)p;
    if (fd < 0 || ftruncate(fd, 4096) < 0)
        return errno;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0;
}

static int act_protect_exec(const struct place *p)
{
    (void)p;
    void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? errno : result(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int act_execve(const struct place *p)
{
    char *const argv[] = {(char[]){"/bin/true"}, NULL};

    (void)p;
    execv(argv[0], argv);
    return errno;
}

static int act_fork(const struct place *p)
{
    (void)p;
    const long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return result(pid);
}

static int act_ptrace(const struct place *p)
{
    return result(ptrace(PTRACE_SEIZE, p->bystander, 0, 0));
}

static int act_kill(const struct place *p)
{
    return result(kill(p->bystander, 0));
}

static int act_core(const struct place *p)
{
    (void)p;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : EPERM;
}

static int act_message(const struct place *p)
{
    int fds[2];

    (void)p;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0)
        return errno;
    return result(send(fds[0], "x", 1, 0));
}

static int act_lock_memory(const struct place *p)
{
    (void)p;
    void *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return result(mlock(at, 1 << 20));
}

enum { OK = 0, DIES = -1, FAILS = -2 /* any errno */ };

#define K (1 << PROC_KEY)
#define C (1 << PROC_CORE)
#define W (1 << PROC_WEB)
#define A (1 << PROC_CA)
#define D (1 << PROC_DEPLOY)
#define S (1 << PROC_SYS)

/* may: the processes for which it works; the others get `refused`. */
static const struct action {
    const char *name;
    int (*act)(const struct place *);
    unsigned may;
    int refused;
} actions[] = {
    {"message", act_message, K | C | W | A | D, OK},
    {"lock memory", act_lock_memory, K | C | W | A | D, OK},
    {"write own state", act_state, K | C | S, FAILS},
    {"write what is published", act_public, K | C | S, FAILS},
    {"write another folder of its user", act_other_folder, 0, FAILS},
    {"list another folder", act_read_other, 0, FAILS},
    {"read /etc/shadow", act_shadow, 0, FAILS},
    {"read /etc/passwd", act_passwd, 0, FAILS},
    {"write /tmp", act_tmp, 0, FAILS},
    {"read /etc/hosts", act_resolver, A | D, FAILS},
    {"socket", act_socket, A | D, FAILS},
    {"packet socket", act_raw_socket, 0, FAILS},
    {"unix socket", act_unix_socket, 0, FAILS},
    {"connect out", act_connect, A | D, FAILS},
    {"bind", act_listen, 0, FAILS},
    {"accept", act_accept, W, DIES},
    {"map a file executable", act_exec_memory, 0, EACCES},
    {"make memory executable", act_protect_exec, 0, EACCES},
    {"execve", act_execve, 0, DIES},
    {"fork", act_fork, 0, DIES},
    {"ptrace", act_ptrace, 0, DIES},
    {"kill another process", act_kill, 0, DIES},
    {"be dumpable", act_core, 0, FAILS},
};

/* 0, an errno, or DIES when SIGSYS ended it. */
static int try(const struct action *a, const struct place *p, bool confined, enum process self)
{
    const pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        const struct confine_paths paths = {.state = p->dir, .extra_write = p->public};
        char notice[256];
        struct err e;
        if (confined && confine(self, &paths, notice, &e) < 0) {
            fprintf(stderr, "%s\n", e.text);
            _exit(254);
        }
        _exit(a->act(p));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGSYS);
        return DIES;
    }
    assert_int_not_equal(WEXITSTATUS(status), 254);
    return WEXITSTATUS(status);
}

static void make_place(struct place *p, enum process self)
{
    const uid_t uid = PROCESS_UID_BASE + (uid_t)self;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t n = sizeof(at);

    snprintf(p->dir, sizeof(p->dir), "/tmp/confine.XXXXXX");
    snprintf(p->public, sizeof(p->public), "/tmp/confine.XXXXXX");
    snprintf(p->other, sizeof(p->other), "/tmp/confine.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    assert_non_null(mkdtemp(p->public));
    assert_non_null(mkdtemp(p->other));
    assert_int_equal(
        chown(p->dir, uid, uid) | chown(p->public, uid, uid) | chown(p->other, uid, uid), 0);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(p->listener, 64), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&at, &n), 0);
    p->port = ntohs(at.sin_port);
    p->bystander = fork();
    if (p->bystander == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
}

static void remove_made(const struct place *p)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/made", p->dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/made", p->public);
    unlink(path);
    snprintf(path, sizeof(path), "%s/made", p->other);
    unlink(path);
    unlink("/tmp/certkeep-confine-probe");
}

static void remove_place(struct place *p)
{
    kill(p->bystander, SIGKILL);
    waitpid(p->bystander, NULL, 0);
    close(p->listener);
    rmdir(p->dir);
    rmdir(p->public);
    rmdir(p->other);
}

static void check_process(enum process self)
{
    struct place p;

    make_place(&p, self);
    for (size_t i = 0; i < COUNT(actions); i++) {
        const struct action *a = &actions[i];
        const int expect = a->may & (1u << self) ? OK : a->refused;
        const int free_run = try(a, &p, false, self);
        remove_made(&p);
        const int got = try(a, &p, true, self);
        remove_made(&p);
        if (free_run != OK)
            fail_msg("%s: fails unconfined too (%s): the row proves nothing", a->name,
                     strerror(free_run));
        if (expect == FAILS ? got <= 0 : got != expect)
            fail_msg("%s: %s: got %s, expected %s", process_name(self), a->name,
                     got == DIES ? "death" : strerrordesc_np(got),
                     expect == DIES    ? "death"
                     : expect == FAILS ? "refusal"
                                       : strerrordesc_np(expect));
    }
    remove_place(&p);
}

static void test_confine(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    for (enum process self = PROC_KEY; self < PROC_COUNT; self++)
        check_process(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_confine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
