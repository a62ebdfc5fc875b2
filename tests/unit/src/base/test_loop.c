/* The loop: readiness, updates, timers that fire again, signals, watches freed by themselves. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/loop.h"

struct seen {
    struct loop *loop;
    struct watch *watch;
    int reads, writes, fires, signo;
};

static void on_ready(int fd, bool readable, bool writable, void *arg)
{
    struct seen *s = arg;
    char c;

    if (readable && read(fd, &c, 1) == 1)
        s->reads++;
    if (writable) {
        s->writes++;
        watch_update(s->watch, true, false);
        assert_int_equal(write(fd, "x", 1), 1);
    }
    if (s->reads == 2) {
        watch_free(s->watch);
        s->watch = NULL;
        loop_stop(s->loop);
    }
}

static void test_loop_watch_reads_and_updates(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    s.watch = loop_watch(s.loop, pair[0], true, true, on_ready, &s);
    assert_int_equal(write(pair[1], "ab", 2), 2);
    assert_int_equal(loop_run(s.loop, NULL), 0);
    assert_int_equal(s.reads, 2);
    assert_int_equal(s.writes, 1);
    assert_null(s.watch);
    close(pair[0]);
    close(pair[1]);
    loop_free(s.loop);
}

static void on_timer(void *arg)
{
    struct seen *s = arg;

    if (++s->fires < 3) {
        watch_again(s->watch, 0);
        return;
    }
    loop_stop(s->loop);
}

static void test_loop_timer_is_one_shot_until_again(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};

    s.watch = loop_timer(s.loop, 1, on_timer, &s);
    assert_int_equal(loop_run(s.loop, NULL), 0);
    assert_int_equal(s.fires, 3);
    watch_free(s.watch);
    watch_free(NULL);
    loop_free(s.loop);
}

static void never(void *arg)
{
    (void)arg;
    fail();
}

static void test_watch_free_disarms(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new(), .fires = 2};

    struct watch *w = loop_timer(s.loop, 0, never, NULL);
    s.watch = loop_timer(s.loop, 5, on_timer, &s);
    watch_free(w);
    assert_int_equal(loop_run(s.loop, NULL), 0);
    watch_free(s.watch);
    loop_free(s.loop);
}

static void on_signal(int signo, void *arg)
{
    struct seen *s = arg;

    s->signo = signo;
    loop_stop(s->loop);
}

static void test_loop_signal_arrives(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};

    s.watch = loop_signal(s.loop, SIGUSR1, on_signal, &s);
    raise(SIGUSR1);
    assert_int_equal(loop_run(s.loop, NULL), 0);
    assert_int_equal(s.signo, SIGUSR1);
    watch_free(s.watch);
    loop_free(s.loop);
}

static double cpu_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void end_loop(void *arg)
{
    struct seen *s = arg;

    s->fires++;
    loop_stop(s->loop);
}

/* It looks again for a millisecond, not until the timer: that would use a processor all along. */
static void test_loop_linger_ends_and_misses_nothing(void **state)
{
    (void)state;
    struct seen s = {.loop = loop_new()};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    s.watch = loop_watch(s.loop, pair[0], true, true, on_ready, &s);
    struct watch *end = loop_timer(s.loop, 200, end_loop, &s);
    assert_int_equal(write(pair[1], "a", 1), 1);
    const double before = cpu_ms();
    loop_linger(s.loop, 1000);
    assert_int_equal(loop_run(s.loop, NULL), 0);
    assert_true(cpu_ms() - before < 100);
    assert_int_equal(s.fires, 1);
    assert_int_equal(s.reads, 1);
    assert_int_equal(s.writes, 1);
    watch_free(end);
    watch_free(s.watch);
    close(pair[0]);
    close(pair[1]);
    loop_free(s.loop);
}

static void test_loop_stop_before_run_counts(void **state)
{
    (void)state;
    struct loop *l = loop_new();

    assert_non_null(loop_base(l));
    loop_stop(l);
    assert_int_equal(loop_run(l, NULL), 0);
    loop_free(l);
    loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_watch_reads_and_updates),
        cmocka_unit_test(test_loop_timer_is_one_shot_until_again),
        cmocka_unit_test(test_watch_free_disarms),
        cmocka_unit_test(test_loop_signal_arrives),
        cmocka_unit_test(test_loop_linger_ends_and_misses_nothing),
        cmocka_unit_test(test_loop_stop_before_run_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
