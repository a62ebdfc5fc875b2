/* Secrets: sizes, comparison, the guard pages around them, emptiness after a fork. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/secret.h"

static void test_secret_new_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 17, 4095, 4096, 4097, 1024 * 1024};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct secret s = {0};
        struct err e = {0};
        if (secret_new(&s, sizes[i], &e) < 0)
            fail_msg("%zu: %s", sizes[i], e.text);
        assert_int_equal(s.n, sizes[i]);
        for (size_t k = 0; k < s.n; k++)
            assert_int_equal(s.p[k], 0);
        memset(s.p, 0xAA, s.n);
        secret_free(&s);
        assert_null(s.p);
        secret_free(&s);
    }
}

static void test_secret_new_refuses_sizes(void **state)
{
    (void)state;
    struct secret s = {0};
    struct err e = {0};

    assert_int_equal(secret_new(&s, 0, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(secret_new(&s, 1024 * 1024 + 1, &e), -1);
    assert_null(s.p);
}

static void test_secret_eq_cases(void **state)
{
    (void)state;
    OWN(secret_free)
    struct secret a = {0}, b = {0}, c = {0};

    assert_int_equal(secret_copy(&a, "hunter2", 7, NULL), 0);
    assert_int_equal(secret_copy(&b, "hunter2", 7, NULL), 0);
    assert_int_equal(secret_copy(&c, "hunter", 6, NULL), 0);
    assert_true(secret_eq(&a, &b));
    assert_false(secret_eq(&a, &c));
    b.p[6] ^= 1;
    assert_false(secret_eq(&a, &b));
    assert_true(blob_eq(secret_blob(&c), blob_str("hunter")));
}

static void test_secret_random_differs(void **state)
{
    (void)state;
    OWN(secret_free)
    struct secret a = {0}, b = {0};

    assert_int_equal(secret_random(&a, 32, NULL), 0);
    assert_int_equal(secret_random(&b, 32, NULL), 0);
    assert_false(secret_eq(&a, &b));
}

static void on_fault(int signo)
{
    (void)signo;
    _exit(77);
}

/* Reads p[offset] of a secret of n bytes in a child; its exit status. */
static int touch(size_t n, ptrdiff_t offset)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct secret s = {0};
        signal(SIGSEGV, on_fault);
        if (secret_new(&s, n, NULL) < 0)
            _exit(1);
        volatile uint8_t *p = s.p;
        _exit(p[offset] == 0 ? 0 : 2);
    }
    int status = 0;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_secret_guards_fault(void **state)
{
    (void)state;
    assert_int_equal(touch(32, 31), 0);
    assert_int_equal(touch(32, 32), 77);
    assert_int_equal(touch(4096, 4096), 77);
    assert_int_equal(touch(4096, -1), 77);
}

static void test_secret_is_empty_after_fork(void **state)
{
    (void)state;
    OWN(secret_free)
    struct secret s = {0};

    assert_int_equal(secret_copy(&s, "hunter2", 7, NULL), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(memcmp(s.p, "\0\0\0\0\0\0\0", 7) == 0 ? 0 : 1);
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_memory_equal(s.p, "hunter2", 7);
}

static void test_own_wiped_str_accepts_null(void **state)
{
    (void)state;
    OWN(own_wiped_str)
    char *none = NULL;
    OWN(own_wiped_str)
    char *some = xstrdup("hunter2");

    assert_null(none);
    assert_non_null(some);
    char raw[4] = "abc";
    wipe(raw, sizeof(raw));
    assert_memory_equal(raw, "\0\0\0", 4);
    wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_new_sizes),
        cmocka_unit_test(test_secret_new_refuses_sizes),
        cmocka_unit_test(test_secret_eq_cases),
        cmocka_unit_test(test_secret_random_differs),
        cmocka_unit_test(test_secret_guards_fault),
        cmocka_unit_test(test_secret_is_empty_after_fork),
        cmocka_unit_test(test_own_wiped_str_accepts_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
