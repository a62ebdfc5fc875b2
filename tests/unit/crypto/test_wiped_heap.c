/* OpenSSL's heap is wiped as it is freed. What was freed is read through the kernel: a sanitizer
 * forbids it in C. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/wiped_heap.h"
#include "src/base/buf.h"

#define SIZE 300

static bool holds(const void *at, const uint8_t *what, size_t n)
{
    uint8_t now[SIZE];
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(mem >= 0);
    assert_int_equal(pread(mem, now, n, (off_t)(uintptr_t)at), n);
    close(mem);
    return memmem(now, n, what, 16) != NULL;
}

static void test_wiped_heap_leaves_nothing_when_freed_and_moved(void **state)
{
    (void)state;
    uint8_t marker[SIZE];
    memset(marker, 0x5a, sizeof marker);
    uint8_t *p = OPENSSL_malloc(SIZE);
    memcpy(p, marker, SIZE);
    assert_true(holds(p, marker, SIZE));
    uint8_t *moved = OPENSSL_realloc(p, 50 * SIZE);
    assert_ptr_not_equal(moved, p);
    assert_memory_equal(moved, marker, SIZE);
    assert_false(holds(p, marker, SIZE));
    assert_ptr_equal(OPENSSL_realloc(moved, SIZE), moved);
    OPENSSL_free(moved);
    assert_false(holds(moved, marker, SIZE));
    assert_null(OPENSSL_realloc(OPENSSL_malloc(SIZE), 0));
    assert_null(OPENSSL_malloc(0));
    OPENSSL_free(NULL);
}

/* A process of its own: here the heap is set already. */
static int come_too_late(void)
{
    struct err e = {0};
    EVP_PKEY_free(EVP_EC_gen("P-256"));
    return wiped_heap(&e) < 0 && e.code == ERR_BUG ? 0 : 1;
}

static void test_wiped_heap_comes_too_late_after_the_first_use(void **state)
{
    (void)state;
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "late", "late", NULL);
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    struct err e = {0};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wiped_heap_leaves_nothing_when_freed_and_moved),
        cmocka_unit_test(test_wiped_heap_comes_too_late_after_the_first_use),
    };
    if (argc > 1)
        return come_too_late();
    if (wiped_heap(&e) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
