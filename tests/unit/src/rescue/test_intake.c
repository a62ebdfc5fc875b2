/* Uploads, cut at every byte: the file comes out whole, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/rescue/intake.h"

struct taken {
    struct buf file;
    uint64_t announced;
    int begun, ended;
};

static int on_begin(void *ctx, uint64_t bytes, struct err *e)
{
    struct taken *t = ctx;
    t->begun++;
    t->announced = bytes;
    return bytes == 13 ? err_set(e, ERR_DENIED, "thirteen") : 0;
}

static int on_part(void *ctx, struct blob part, struct err *e)
{
    struct taken *t = ctx;
    buf_add_blob(&t->file, part);
    return buf_check(&t->file, "file", e);
}

static void on_end(void *ctx)
{
    ((struct taken *)ctx)->ended++;
}

static const struct stream stream = {on_begin, on_part, on_end};

/* Feeds `text` in parts of `step` bytes; the code of the error, or ERR_NONE. */
static enum err_code feed(const char *type, const char *text, uint64_t length, size_t step,
                          struct taken *t)
{
    struct intake in;
    struct err e = {};
    const size_t n = strlen(text);

    if (intake_begin(&in, type, length, &stream, t, &e) < 0)
        return e.code;
    for (size_t at = 0; at < n; at += step)
        if (intake_feed(&in, (const uint8_t *)text + at, n - at < step ? n - at : step, &e) < 0)
            break;
    intake_end(&in);
    return e.code;
}

#define FORM "multipart/form-data; boundary=--x--y"
#define PART "Content-Disposition: form-data; name=\"bundle\"; filename=\"a\"\r\n"
#define TAIL "\r\n----x--y--\r\n"

static void test_intake_takes_a_form_cut_anywhere(void **state)
{
    (void)state;
    static const char text[] = "----x--y\r\n" PART "Content-Type: a/b\r\n\r\n"
                               "bytes \r\n----x--y\r\n of it" TAIL;

    for (size_t step = 1; step < sizeof(text); step++) {
        struct taken t = {.file = BUF(1000)};
        assert_int_equal(feed(FORM, text, strlen(text), step, &t), ERR_NONE);
        assert_string_equal(buf_cstr(&t.file), "bytes \r\n----x--y\r\n of it");
        assert_int_equal(t.announced, t.file.n);
        assert_int_equal(t.begun, 1);
        assert_int_equal(t.ended, 1);
        buf_free(&t.file);
    }
}

static void test_intake_takes_a_bare_file(void **state)
{
    (void)state;
    static const char *const types[] = {"", "application/octet-stream"};

    for (size_t i = 0; i < COUNT(types); i++) {
        struct taken t = {.file = BUF(1000)};
        assert_int_equal(feed(types[i], "all of it", 9, 2, &t), ERR_NONE);
        assert_string_equal(buf_cstr(&t.file), "all of it");
        buf_free(&t.file);
    }
}

static void test_intake_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *type, *text;
        uint64_t length; /* 0: that of the text */
    } bad[] = {
        {"application/x-www-form-urlencoded", "a=b", 0},
        {"multipart/form-data; charset=utf-8", "a", 0},
        {"multipart/form-data; boundary=", "a", 0},
        {"multipart/form-data; boundary=\"a\"b\"", "a", 0},
        {FORM, "", 0},
        {FORM, "--other\r\n" PART "\r\nx" TAIL, 0},
        {FORM, "----x--yz" PART "\r\nx" TAIL, 0},
        {FORM, "----x--y\r\n" PART "\r\nx\r\n----x--y\r\n" PART "\r\ny\r\n----x--z--\r\n", 0},
        {FORM, "----x--y\r\n" PART "\r\nx", 0},
        {FORM, "----x--y\r\n" PART, 0},
        {"", "more", 3},
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct taken t = {.file = BUF(1000)};
        const uint64_t length = bad[i].length ? bad[i].length : strlen(bad[i].text);
        if (feed(bad[i].type, bad[i].text, length, 1000, &t) != ERR_INPUT)
            fail_msg("taken: %s: %s", bad[i].type, bad[i].text);
        assert_int_equal(t.ended, t.begun);
        buf_free(&t.file);
    }
}

static void test_intake_refuses_a_long_part_head(void **state)
{
    (void)state;
    char text[2 * PART_HEAD_BYTES];
    struct taken t = {.file = BUF(10)};

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(feed(FORM, text, strlen(text), 100, &t), ERR_INPUT);
    assert_int_equal(t.begun, 0);
}

static void test_intake_passes_on_what_the_stream_refuses(void **state)
{
    (void)state;
    struct taken t = {.file = BUF(1000)};

    assert_int_equal(feed("", "thirteenbytes", 13, 1, &t), ERR_DENIED);
    assert_int_equal(t.ended, 0);
    buf_free(&t.file);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intake_takes_a_form_cut_anywhere),
        cmocka_unit_test(test_intake_takes_a_bare_file),
        cmocka_unit_test(test_intake_refuses),
        cmocka_unit_test(test_intake_refuses_a_long_part_head),
        cmocka_unit_test(test_intake_passes_on_what_the_stream_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
