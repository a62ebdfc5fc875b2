/*
 * Power cuts while a state file is replaced: the calls that reach the disk are caught, and before
 * and after each the file reads as the old or the new content. What may still be in memory only is
 * followed too: a name is moved to a file that was flushed, and the folder is flushed at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/key/statefile.h"

#define NAME "purposes"
static const char before[] = "what was there";
static const char after[] = "what takes its place, and is longer";

static char dir[] = "/tmp/statefile-XXXXXX";
static bool watching;
static unsigned calls;
static bool file_flushed, moved, folder_flushed;

/* Whoever starts now finds one of the two, whole; the new one from the move on. */
static void look(void)
{
    OWN(buf_free)
    struct buf text = BUF(1024);
    struct err e = {0};

    if (statefile_read(dir, NAME, &text, &e) < 0)
        fail_msg("%s", e.text);
    assert_string_equal(buf_cstr(&text), moved ? after : before);
    calls++;
}

ssize_t write(int fd, const void *p, size_t n)
{
    if (!watching || fd <= STDERR_FILENO)
        return syscall(SYS_write, fd, p, n);
    look();
    file_flushed = false;
    const ssize_t half = syscall(SYS_write, fd, p, n > 1 ? n / 2 : n); /* a cut inside the write */
    look();
    return half;
}

int fsync(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    const int rc = (int)syscall(SYS_fsync, fd);
    if (S_ISDIR(st.st_mode))
        folder_flushed = moved;
    else
        file_flushed = true;
    if (watching)
        look();
    return rc;
}

int rename(const char *from, const char *to)
{
    if (watching)
        assert_true(file_flushed);
    const int rc = (int)syscall(SYS_rename, from, to);
    if (watching) {
        moved = true;
        look();
    }
    return rc;
}

static void test_power_cut_leaves_the_old_file_or_the_new(void **state)
{
    (void)state;
    struct err e = {0};

    assert_non_null(mkdtemp(dir));
    assert_int_equal(statefile_write(dir, NAME, blob_str(before), &e), 0);
    calls = 0;
    file_flushed = moved = folder_flushed = false;
    watching = true;
    const int rc = statefile_write(dir, NAME, blob_str(after), &e);
    watching = false;
    assert_int_equal(rc, 0);
    assert_true(calls > 8);
    assert_true(moved && folder_flushed);

    OWN(own_mem)
    char *path = xasprintf("%s/" NAME, dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cut_leaves_the_old_file_or_the_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
