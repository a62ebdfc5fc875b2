/*
 * What a call of confine() does besides the table of test_confine.c: the user it changes to, the
 * notice of what the kernel lacks, and the little that parent itself gives up. Each in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/sandbox/confine.h"

static void test_confine_changes_user(void **state)
{
    int status;

    (void)state;
    if (geteuid() != 0)
        skip();
    const pid_t pid = fork();
    if (pid == 0) {
        char notice[256];
        struct err e;
        if (confine(PROC_CORE, NULL, notice, &e) < 0)
            _exit(1);
        _exit(getuid() == 61002 && getegid() == 61002 ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_confine_tells_what_is_missing(void **state)
{
    const int abi =
        (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    int fds[2], status;
    char notice[256] = "";

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct err e;
        if (confine(PROC_CORE, NULL, notice, &e) < 0)
            _exit(1);
        _exit(write(fds[1], notice, sizeof(notice)) == sizeof(notice) ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(fds[0], notice, sizeof(notice)), sizeof(notice));
    close(fds[0]);
    close(fds[1]);
    print_message("Landlock ABI %d; notice: '%s'\n", abi, notice);
    assert_int_equal(notice[0] == '\0', abi >= 6);
}

static void test_confine_parent_closes_what_none_needs(void **state)
{
    int status;

    (void)state;
    const pid_t pid = fork();
    if (pid == 0) {
        char notice[256];
        struct err e;
        const bool could = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
        if (!could || confine(PROC_PARENT, NULL, notice, &e) < 0)
            _exit(1);
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != -1 || errno != EPERM)
            _exit(2);
        /* Its children are still confined by their own profile. */
        const pid_t child = fork();
        if (child == 0)
            _exit(confine(PROC_WEB, NULL, notice, &e) < 0 ? 3 : 0);
        int child_status;
        _exit(waitpid(child, &child_status, 0) == child && child_status == 0 ? 0 : 4);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_confine_changes_user),
        cmocka_unit_test(test_confine_tells_what_is_missing),
        cmocka_unit_test(test_confine_parent_closes_what_none_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
