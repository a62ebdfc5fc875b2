/* Every message of messages.def: what is put is got again, and nothing else is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/ipc/msg.h"

#define TEXT "line one\n\tzwei \xc3\xbc"
#define BYTES ((struct blob){"\x00\x01\xff", 3})

static void check_decode(int (*get)(const struct msg *, void *), enum msg_type type,
                         const struct buf *body)
{
    const int fd = msg_has_fd(type) ? 0 : -1;
    unsigned char out[512];

    /* Every truncation, from memory of exactly that size so that ASan sees a read beyond it. */
    for (size_t n = 0; n < body->n; n++) {
        OWN(own_mem)
        void *cut = xmalloc(n + 1);
        memcpy(cut, body->p, n);
        struct msg m = {.type = type, .body = {cut, n}, .fd = fd};
        assert_int_equal(get(&m, out), -1);
    }
    OWN(own_mem)
    uint8_t *longer = xmalloc(body->n + 1);
    memcpy(longer, body->p ? body->p : longer, body->n);
    longer[body->n] = 0;
    struct msg surplus = {.type = type, .body = {longer, body->n + 1}, .fd = fd};
    assert_int_equal(get(&surplus, out), -1);
    struct msg wrong_fd = {.type = type, .body = buf_blob(body), .fd = fd < 0 ? 0 : -1};
    assert_int_equal(get(&wrong_fd, out), -1);
    struct msg wrong_type = {
        .type = type == MSG_DONE ? MSG_FAILED : MSG_DONE, .body = buf_blob(body), .fd = fd};
    assert_int_equal(get(&wrong_type, out), -1);
}

#pragma push_macro("BLOB")
#undef BLOB
#define MSG(NAME, from, to, fields)                                                                \
    static int get_any_##NAME(const struct msg *m, void *out)                                      \
    {                                                                                              \
        struct err e;                                                                              \
        return get_##NAME(m, (struct msg_##NAME *)out, &e);                                        \
    }
#include "src/ipc/messages.def"
#undef MSG

#define U32(f) in.f = 0xfedcba98u;
#define U64(f) in.f = 0xfedcba9876543210u;
#define STR(f) in.f = TEXT;
#define BLOB(f) in.f = BYTES;
#define SECRET(f) in.f = BYTES;
#define FD(f) in.f = 0;
#define MSG(NAME, from, to, fields)                                                                \
    static void fill_##NAME(struct msg_##NAME *m)                                                  \
    {                                                                                              \
        struct msg_##NAME in = {};                                                                 \
        fields *m = in;                                                                            \
    }
#include "src/ipc/messages.def"
#undef MSG
#undef U32
#undef U64
#undef STR
#undef BLOB
#undef SECRET
#undef FD

#define U32(f) assert_int_equal(in.f, out.f);
#define U64(f) assert_true(in.f == out.f);
#define STR(f) assert_string_equal(in.f, out.f);
#define BLOB(f) assert_true(blob_eq(in.f, out.f));
#define SECRET(f) assert_true(blob_eq(in.f, out.f));
#define FD(f) assert_int_equal(in.f, out.f);
#define MSG(NAME, from, to, fields)                                                                \
    static void test_round_trip_##NAME(void **state)                                               \
    {                                                                                              \
        struct msg_##NAME in, out;                                                                 \
        OWN(buf_free)                                                                              \
        struct buf body = BUF(MSG_MAX_BYTES);                                                      \
        struct err e;                                                                              \
                                                                                                   \
        (void)state;                                                                               \
        _Static_assert(sizeof(struct msg_##NAME) <= 512, "fits check_decode");                     \
        fill_##NAME(&in);                                                                          \
        put_##NAME(&body, &in);                                                                    \
        assert_true(buf_ok(&body));                                                                \
        struct msg m = {                                                                           \
            .type = MSG_##NAME, .body = buf_blob(&body), .fd = msg_has_fd(MSG_##NAME) ? 0 : -1};   \
        assert_int_equal(get_##NAME(&m, &out, &e), 0);                                             \
        fields check_decode(get_any_##NAME, MSG_##NAME, &body);                                    \
    }
#include "src/ipc/messages.def"
#undef MSG
#undef U32
#undef U64
#undef STR
#undef BLOB
#undef SECRET
#undef FD
#pragma pop_macro("BLOB")

static void test_get_str_refuses_unclean(void **state)
{
    static const struct {
        const char *body;
        size_t n;
    } cases[] = {
        {"\0\0\0\1a", 5},              /* no terminating NUL */
        {"\0\0\0\1ab", 6},             /* something else in its place */
        {"\0\0\0\2a\0\0", 7},          /* NUL inside */
        {"\0\0\0\1\x1b\0", 6},         /* control character */
        {"\0\0\0\1\xff\0", 6},         /* not UTF-8 */
        {"\0\0\0\3\xed\xa0\x80\0", 8}, /* a surrogate */
        {"\xff\xff\xff\xff\0", 5},     /* longer than the body */
    };
    struct err e;
    struct msg_DEPLOY_LOG out;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct msg m = {.type = MSG_DEPLOY_LOG, .body = {cases[i].body, cases[i].n}, .fd = -1};
        assert_int_equal(get_DEPLOY_LOG(&m, &out, &e), -1);
        assert_int_equal(e.code, ERR_BUG);
    }
}

static void test_put_str_fails_on_control_characters(void **state)
{
    OWN(buf_free)
    struct buf body = BUF(100);

    (void)state;
    put_DEPLOY_LOG(&body, &(struct msg_DEPLOY_LOG){.line = "a\x1b[31m"});
    assert_false(buf_ok(&body));
}

static void test_put_str_sends_null_as_empty(void **state)
{
    OWN(buf_free)
    struct buf body = BUF(100);

    (void)state;
    put_DEPLOY_LOG(&body, &(struct msg_DEPLOY_LOG){.line = NULL});
    assert_int_equal(body.n, 5);
    assert_memory_equal(body.p, "\0\0\0\0\0", 5);
}

static void test_put_bytes_are_as_documented(void **state)
{
    static const uint8_t expect[] = {0, 0, 0, 7, 0, 0, 0, 2, 'o', 'k', 0};
    OWN(buf_free)
    struct buf body = BUF(100);

    (void)state;
    put_FAILED(&body, &(struct msg_FAILED){.code = 7, .text = "ok"});
    assert_int_equal(body.n, sizeof(expect));
    assert_memory_equal(body.p, expect, sizeof(expect));
}

static void test_msg_tables(void **state)
{
    (void)state;
    assert_string_equal(msg_name(MSG_KEY_SIGN), "KEY_SIGN");
    assert_int_equal(msg_from(MSG_KEY_SIGN), M_CORE | M_WEB | M_CA);
    assert_int_equal(msg_to(MSG_KEY_SIGN), M_KEY);
    assert_true(msg_is_secret(MSG_KEY_UNLOCK));
    assert_false(msg_is_secret(MSG_KEY_SIGN));
    assert_true(msg_has_fd(MSG_PEER));
    assert_false(msg_has_fd(MSG_STOP));
    assert_int_equal(msg_from(MSG_COUNT), 0);
    assert_string_equal(msg_name(MSG_COUNT), "unknown");
    assert_string_equal(process_name(PROC_DEPLOY), "deploy");
    assert_string_equal(process_name(PROC_COUNT), "nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define MSG(NAME, from, to, fields) cmocka_unit_test(test_round_trip_##NAME),
#include "src/ipc/messages.def"
#undef MSG
        cmocka_unit_test(test_get_str_refuses_unclean),
        cmocka_unit_test(test_put_str_fails_on_control_characters),
        cmocka_unit_test(test_put_str_sends_null_as_empty),
        cmocka_unit_test(test_put_bytes_are_as_documented),
        cmocka_unit_test(test_msg_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
