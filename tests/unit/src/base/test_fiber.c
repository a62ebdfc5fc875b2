/* Fibers: order of runs, sleep, many switches, stack reuse, the guard page and the no-yield count.
 * Assertions stay on the main stack, for cmocka leaves a failed test by longjmp. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/fiber.h"

struct trace {
    struct loop *loop;
    struct fiber *fiber;
    char steps[64];
    size_t n;
    int rounds;
    int left; /* fibers that still run; the last one stops the loop */
};

static void step(struct trace *t, char c)
{
    if (t->n + 1 < sizeof(t->steps))
        t->steps[t->n++] = c;
}

static void one_yield(void *arg)
{
    struct trace *t = arg;

    t->fiber = fiber_self();
    step(t, 'a');
    fiber_yield();
    step(t, 'b');
    loop_stop(t->loop);
}

static void test_fiber_start_runs_until_the_first_yield(void **state)
{
    (void)state;
    struct trace t = {.loop = loop_new()};

    assert_null(fiber_self());
    fiber_start(t.loop, one_yield, &t);
    assert_null(fiber_self());
    assert_string_equal(t.steps, "a");
    assert_int_equal(fiber_count(), 1);
    fiber_resume(t.fiber);
    fiber_resume(t.fiber); /* counts once */
    assert_string_equal(t.steps, "a");
    assert_int_equal(loop_run(t.loop, NULL), 0);
    assert_string_equal(t.steps, "ab");
    assert_int_equal(fiber_count(), 0);
    loop_free(t.loop);
}

static void never_yields(void *arg)
{
    step(arg, 'x');
}

static void test_fiber_start_without_yield_ends_at_once(void **state)
{
    (void)state;
    struct trace t = {.loop = loop_new()};

    fiber_start(t.loop, never_yields, &t);
    assert_string_equal(t.steps, "x");
    assert_int_equal(fiber_count(), 0);
    loop_free(t.loop);
}

static void inner(void *arg)
{
    struct trace *t = arg;

    step(t, '2');
    fiber_sleep(t->loop, 0);
    step(t, '4');
    loop_stop(t->loop);
}

static void outer(void *arg)
{
    struct trace *t = arg;

    step(t, '1');
    fiber_start(t->loop, inner, t);
    step(t, '3');
}

static void test_fiber_start_inside_a_fiber_comes_back(void **state)
{
    (void)state;
    struct trace t = {.loop = loop_new()};

    fiber_start(t.loop, outer, &t);
    assert_string_equal(t.steps, "123");
    assert_int_equal(loop_run(t.loop, NULL), 0);
    assert_string_equal(t.steps, "1234");
    assert_int_equal(fiber_count(), 0);
    loop_free(t.loop);
}

/* Resumes itself before it yields: the wake-up must not be lost. */
static void spin(void *arg)
{
    struct trace *t = arg;
    char local[1024];

    memset(local, 's', sizeof(local));
    for (int i = 0; i < 1000; i++) {
        fiber_resume(fiber_self());
        fiber_yield();
        t->rounds += local[i] == 's';
    }
    if (--t->left == 0)
        loop_stop(t->loop);
}

static void test_fiber_yield_ten_thousand_switches(void **state)
{
    (void)state;
    struct trace t = {.loop = loop_new(), .left = 10};

    for (int i = 0; i < 10; i++)
        fiber_start(t.loop, spin, &t);
    assert_int_equal(fiber_count(), 10);
    assert_int_equal(loop_run(t.loop, NULL), 0);
    assert_int_equal(t.rounds, 10000);
    assert_int_equal(fiber_count(), 0);
    loop_free(t.loop);
}

static void dirty(void *arg)
{
    volatile char page[16384];

    for (size_t i = 0; i < sizeof(page); i++)
        page[i] = 'S';
    *(uintptr_t *)arg = (uintptr_t)page; /* the test looks there afterwards */
}

static void test_fiber_stack_is_emptied_after_use(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    uintptr_t left = 0;

    fiber_start(l, dirty, &left);
    assert_true(left != 0);
#ifndef __SANITIZE_ADDRESS__ /* there, locals may live on the fake stack */
    assert_int_equal(((volatile char *)left)[8000], 0);
#endif
    for (int i = 0; i < 100; i++)
        fiber_start(l, dirty, &left); /* takes the same stack again */
    assert_int_equal(fiber_count(), 0);
    loop_free(l);
}

static void stale(void *arg)
{
    struct trace *t = arg;

    fiber_resume(fiber_self());
    fiber_sleep(t->loop, 20);
    step(t, 'w');
    loop_stop(t->loop);
}

static void probe(void *arg)
{
    step(arg, 'p');
}

static void test_fiber_sleep_is_not_cut_short_by_a_stale_resume(void **state)
{
    (void)state;
    struct trace t = {.loop = loop_new()};

    struct watch *w = loop_timer(t.loop, 1, probe, &t);
    fiber_start(t.loop, stale, &t);
    assert_int_equal(loop_run(t.loop, NULL), 0);
    assert_string_equal(t.steps, "pw");
    watch_free(w);
    loop_free(t.loop);
}

/* Runs fn in a child with standard error closed off; returns its wait status. */
static int in_child(void (*fn)(void))
{
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    int status = 0;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

static void on_fault(int signo)
{
    (void)signo;
    _exit(77);
}

static int grow(int depth)
{
    volatile char page[4096];

    page[0] = (char)depth;
    int below = depth ? grow(depth - 1) : 0;
    return below + page[0];
}

static void overflow(void *arg)
{
    *(volatile int *)arg = grow((int)(FIBER_STACK_BYTES / 4096) + 16);
}

static void run_overflow(void)
{
    static char other[65536];
    stack_t alt = {.ss_sp = other, .ss_size = sizeof(other)};
    struct sigaction act = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    volatile int sum = 0;

    sigaltstack(&alt, NULL);
    sigaction(SIGSEGV, &act, NULL);
    fiber_start(loop_new(), overflow, (void *)&sum);
}

static void test_fiber_stack_overflow_hits_the_guard(void **state)
{
    (void)state;
    int status = in_child(run_overflow);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 77);
}

static void forbidden(void *arg)
{
    (void)arg;
    fiber_forbid_yield();
    fiber_forbid_yield();
    fiber_allow_yield();
    fiber_yield();
}

static void run_forbidden(void)
{
    fiber_start(loop_new(), forbidden, NULL);
}

static void run_yield_on_main(void)
{
    fiber_yield();
}

static void run_allow(void)
{
    fiber_allow_yield();
}

static void test_fiber_yield_refuses_what_is_a_bug(void **state)
{
    (void)state;
    void (*const bugs[])(void) = {run_forbidden, run_yield_on_main, run_allow};

    for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
        int status = in_child(bugs[i]);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fiber_start_runs_until_the_first_yield),
        cmocka_unit_test(test_fiber_start_without_yield_ends_at_once),
        cmocka_unit_test(test_fiber_start_inside_a_fiber_comes_back),
        cmocka_unit_test(test_fiber_yield_ten_thousand_switches),
        cmocka_unit_test(test_fiber_stack_is_emptied_after_use),
        cmocka_unit_test(test_fiber_sleep_is_not_cut_short_by_a_stale_resume),
        cmocka_unit_test(test_fiber_stack_overflow_hits_the_guard),
        cmocka_unit_test(test_fiber_yield_refuses_what_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
