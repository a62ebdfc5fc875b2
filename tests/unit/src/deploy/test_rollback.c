/* rollback.sh, run by the real /bin/sh on real files: restores by content, whatever their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/deploy/rollback.h"

#define SHA_OLD                                                                                    \
    "01d09d19c2139a46aebfb577780d123d7396e97201bc7ead210a2ebff8239dee" /* of "old\n"               \
                                                                        */

static void add_true(const struct plan *p, struct buf *b)
{
    (void)p;
    buf_add_str(b, "true");
}

static void add_false(const struct plan *p, struct buf *b)
{
    (void)p;
    buf_add_str(b, "false");
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void read_file(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    out[fread(out, 1, size - 1, f)] = 0;
    fclose(f);
}

static int run_sh(const char *script, const char *argument)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        execl("/bin/sh", "sh", script, argument, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct bench {
    char dir[64], live[128], script[128], marker[128], armed[128];
    struct plan plan;
};

static void bench_open(struct bench *b, const struct target *t)
{
    OWN(own_mem)
    char *backup = NULL;
    OWN(buf_free)
    struct buf script = BUF(65536);

    snprintf(b->dir, sizeof(b->dir), "/tmp/rollback-test.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->live, sizeof(b->live), "%s/it's a $HOME; rm.crt", b->dir);
    snprintf(b->script, sizeof(b->script), "%s/rollback.sh", b->dir);
    snprintf(b->marker, sizeof(b->marker), "%s/rolled-back", b->dir);
    snprintf(b->armed, sizeof(b->armed), "%s/armed", b->dir);
    backup = xasprintf("%s/0-x", b->dir);
    write_file(backup, "old\n");
    write_file(b->live, "new\n");
    plan_init(&b->plan);
    plan_set(&b->plan.job, "j");
    plan_set(&b->plan.backup_dir, b->dir);
    struct plan_file *f = plan_add_file(&b->plan);
    plan_set(&f->final, b->live);
    plan_set(&f->backup, "0-x");
    plan_set(&f->old_sha256, SHA_OLD);
    rollback_script(t, &b->plan, &script);
    assert_true(buf_ok(&script));
    write_file(b->script, buf_cstr(&script));
}

static void bench_close(struct bench *b)
{
    static const char *const names[] = {"rollback.sh", "rolled-back", "armed", "fired", "0-x"};

    for (size_t i = 0; i < COUNT(names); i++) {
        OWN(own_mem)
        char *path = xasprintf("%s/%s", b->dir, names[i]);
        unlink(path);
    }
    unlink(b->live);
    assert_int_equal(rmdir(b->dir), 0); /* nothing else was left */
    plan_free(&b->plan);
}

static const struct target good = {
    .name = "t", .add_test = add_true, .add_reload = add_true, .add_start = add_false};
static const struct target broken = {
    .name = "t", .add_test = add_false, .add_reload = add_true, .add_start = add_false};

static void test_rollback_script_restores(void **state)
{
    (void)state;
    struct bench b = {0};
    char text[64];

    bench_open(&b, &good);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(run_sh(b.script, "now"), 0);
        read_file(b.live, text, sizeof(text));
        assert_string_equal(text, "old\n");
    }
    read_file(b.marker, text, sizeof(text));
    assert_string_equal(text, "now\n");
    bench_close(&b);
}

static void test_rollback_script_restores_under_a_broken_configuration(void **state)
{
    (void)state;
    struct bench b = {0};
    char text[64];

    bench_open(&b, &broken);
    assert_int_equal(run_sh(b.script, "now"), 3);
    read_file(b.live, text, sizeof(text));
    assert_string_equal(text, "old\n");
    bench_close(&b);
}

static void test_rollback_script_of_a_disarmed_timer_does_nothing(void **state)
{
    (void)state;
    struct bench b = {0};
    char text[64];

    bench_open(&b, &good);
    assert_int_equal(run_sh(b.script, "timer"), 0);
    read_file(b.live, text, sizeof(text));
    assert_string_equal(text, "new\n");
    write_file(b.armed, "");
    assert_int_equal(run_sh(b.script, "timer"), 0);
    read_file(b.live, text, sizeof(text));
    assert_string_equal(text, "old\n");
    read_file(b.marker, text, sizeof(text));
    assert_string_equal(text, "timer\n");
    bench_close(&b);
}

static void test_rollback_script_tells_that_it_could_not(void **state)
{
    (void)state;
    struct bench b = {0};

    bench_open(&b, &good);
    OWN(own_mem)
    char *backup = xasprintf("%s/0-x", b.dir);
    write_file(backup, "spoiled\n");
    assert_int_equal(run_sh(b.script, "now"), 1);
    assert_int_equal(access(b.marker, F_OK), -1);
    OWN(own_mem)
    char *left = xasprintf("%s/.rollback.cd-j.0", b.dir);
    unlink(left);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rollback_script_restores),
        cmocka_unit_test(test_rollback_script_restores_under_a_broken_configuration),
        cmocka_unit_test(test_rollback_script_of_a_disarmed_timer_does_nothing),
        cmocka_unit_test(test_rollback_script_tells_that_it_could_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
