/* Kept answers: to whom, to which question, until when; tests/e2e/test_api_kept.py has core count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/time.h"
#include "src/ipc/changes.h"
#include "src/web/kept.h"

static struct kept kept;
static _Atomic uint64_t *count;
static int64_t clock_ms;

static int start(void **state)
{
    const int fd = memfd_create("changes", 0);

    (void)state;
    assert_int_equal(ftruncate(fd, CHANGES_BYTES), 0);
    count = mmap(NULL, CHANGES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(count != MAP_FAILED);
    atomic_store(count, 7);
    assert_int_equal(kept_attach(&kept, fd, NULL), 0);
    clock_ms = 1000000;
    clock_replace(&clock_ms);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    clock_replace(NULL);
    kept_drop(&kept);
    munmap((void *)count, CHANGES_BYTES);
    return 0;
}

static struct request question(const char *credential, const char *path, const char *query)
{
    return (struct request){
        .method = "GET", .credential = credential, .path = path, .query = query, .accept = ""};
}

static struct msg_API_REPLY reply(const char *body, uint64_t changes)
{
    return (struct msg_API_REPLY){.status = 200,
                                  .content_type = "application/json",
                                  .etag = "\"3\"",
                                  .changes = changes,
                                  .body = blob_str(body)};
}

static void keep(const struct request *r, const char *body, uint64_t changes)
{
    const struct msg_API_REPLY m = reply(body, changes);

    kept_add(&kept, r, &m);
}

static void test_kept_find_gives_the_same_bytes(void **state)
{
    const struct request r = question("ck_t_one", "/api/v1/certificates/1", "");

    (void)state;
    assert_null(kept_find(&kept, &r));
    keep(&r, "{\"a\":1}", 7);
    const struct kept_answer *a = kept_find(&kept, &r);
    assert_non_null(a);
    assert_int_equal(a->body.n, 7);
    assert_memory_equal(a->body.p, "{\"a\":1}", 7);
    assert_string_equal(a->type, "application/json");
    assert_string_equal(a->etag, "\"3\"");
}

/* Also: the same text, cut at another place. */
static void test_kept_find_knows_each_part_of_the_question(void **state)
{
    const struct request r = question("ck_t_one", "/api/v1/certificates", "limit=5");
    struct request others[] = {
        question("ck_t_two", "/api/v1/certificates", "limit=5"),
        question("", "/api/v1/certificates", "limit=5"),
        question("ck_t_one", "/api/v1/certificate", "slimit=5"),
        question("ck_t_one", "/api/v1/certificates", "limit=6"),
        question("ck_t_one", "/api/v1/certificates", "limit=5"),
        question("ck_t_one", "/api/v1/certificates", "limit=5"),
    };

    (void)state;
    others[4].accept = "text/csv";
    others[5].method = "POST";
    keep(&r, "x", 7);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_null(kept_find(&kept, &others[i]));
    assert_non_null(kept_find(&kept, &r));
}

static void test_kept_find_ends_with_a_change_and_with_time(void **state)
{
    const struct request r = question("ck_t_one", "/api/v1/orders", "");

    (void)state;
    keep(&r, "old", 7);
    atomic_store(count, 8);
    assert_null(kept_find(&kept, &r));
    atomic_store(count, 7); /* and it was forgotten, not only hidden */
    assert_null(kept_find(&kept, &r));
    keep(&r, "new", 7);
    clock_ms += KEPT_MS - 1;
    assert_non_null(kept_find(&kept, &r));
    clock_ms += 1;
    assert_null(kept_find(&kept, &r));
}

static void test_kept_add_refuses(void **state)
{
    const struct request r = question("ck_t_one", "/api/v1/orders", "");
    struct request change = r;
    struct msg_API_REPLY m = reply("x", 7);
    OWN(own_mem)
    char *big = xcalloc(1, KEPT_BYTES_MAX + 1);

    (void)state;
    keep(&r, "from before the last change", 6);
    keep(&r, "core does not say so", 0);
    m.status = 404;
    kept_add(&kept, &r, &m);
    m = reply("x", 7);
    m.body = BLOB(big, KEPT_BYTES_MAX + 1);
    kept_add(&kept, &r, &m);
    change.method = "PATCH";
    keep(&change, "x", 7);
    assert_null(kept_find(&kept, &r));
    change.method = "HEAD";
    keep(&change, "x", 7);
    assert_non_null(kept_find(&kept, &r));
}

static void test_kept_add_drops_what_was_not_used_for_longest(void **state)
{
    struct request r = question("ck_t_one", "", "");
    char path[32];

    (void)state;
    for (int i = 0; i <= KEPT_COUNT; i++) {
        r.path = path;
        snprintf(path, sizeof(path), "/api/v1/keys/%d", i);
        keep(&r, path, 7);
        r.path = "/api/v1/keys/0"; /* stays in use */
        assert_non_null(kept_find(&kept, &r));
    }
    r.path = "/api/v1/keys/1";
    assert_null(kept_find(&kept, &r));
}

static void test_kept_drop_forgets(void **state)
{
    const struct request r = question("ck_t_one", "/api/v1/orders", "");
    struct err e;
    int pair[2];

    (void)state;
    keep(&r, "x", 7);
    kept_drop(&kept);
    assert_null(kept_find(&kept, &r));
    keep(&r, "x", 7);
    assert_null(kept_find(&kept, &r));
    assert_int_equal(pipe(pair), 0);
    assert_int_equal(kept_attach(&kept, pair[0], &e), -1);
    assert_int_equal(e.code, ERR_BUG);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept_find_gives_the_same_bytes, start, stop),
        cmocka_unit_test_setup_teardown(test_kept_find_knows_each_part_of_the_question, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_kept_find_ends_with_a_change_and_with_time, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_kept_add_refuses, start, stop),
        cmocka_unit_test_setup_teardown(test_kept_add_drops_what_was_not_used_for_longest, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_kept_drop_forgets, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
