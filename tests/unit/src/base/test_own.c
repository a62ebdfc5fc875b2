/* Ownership: TAKE empties, cleanups accept what is empty, allocators never give NULL for bytes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "src/base/own.h"

static void test_take_moves_out(void **state)
{
    (void)state;
    OWN(own_mem)
    char *s = xstrdup("x");
    OWN(own_mem)
    char *t = TAKE(s);

    assert_null(s);
    assert_string_equal(t, "x");
}

static void test_own_fd_closes(void **state)
{
    (void)state;
    int seen;
    {
        OWN(own_fd)
        int none = -1;
        OWN(own_fd)
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        seen = fd;
        (void)none;
    }
    assert_int_equal(fcntl(seen, F_GETFD), -1);
    int fd = 5;
    assert_int_equal(take_fd(&fd), 5);
    assert_int_equal(fd, -1);
}

static void test_x_allocators_edges(void **state)
{
    (void)state;
    OWN(own_mem)
    char *empty = xmalloc(0);
    OWN(own_mem)
    char *zero = xcalloc(0, 0);
    OWN(own_mem)
    char *cut = xstrndup("abcdef", 3);
    OWN(own_mem)
    char *text = xasprintf("%d-%s", 7, "x");
    OWN(own_mem)
    char *copy = xmemdup("a\0b", 3);

    assert_non_null(empty);
    assert_non_null(zero);
    assert_string_equal(cut, "abc");
    assert_string_equal(text, "7-x");
    assert_memory_equal(copy, "a\0b", 3);
    assert_null(xmemdup("x", 0));
    assert_null(xstrdup(NULL));
    assert_null(xstrndup(NULL, 3));
}

static void test_xcalloc_overflow_ends_the_process(void **state)
{
    (void)state;
    pid_t pid = fork();

    if (pid == 0) {
        volatile size_t huge = SIZE_MAX / 2;
        close(STDERR_FILENO);
        void *p = xcalloc(huge, 4);
        (void)p;
        _exit(0); /* came back: wrong, whatever it returned */
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(status != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_moves_out),
        cmocka_unit_test(test_own_fd_closes),
        cmocka_unit_test(test_x_allocators_edges),
        cmocka_unit_test(test_xcalloc_overflow_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
