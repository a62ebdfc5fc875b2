/* What a channel does with packets as a hostile peer would write them: it closes. */
#include <fcntl.h>
#include <sys/mman.h>

#include "src/ipc/channel_int.h"
#include "tests/ipc/channel_pair.h"

/* One raw packet, as a hostile peer would write it. */
struct raw {
    const char *bytes;
    size_t n;
    int fds;   /* descriptors that go with it */
    int memfd; /* 0: pipes; else a memfd of that size */
    int seals;
    const char *why;
};

static int raw_fd(const struct raw *r)
{
    if (!r->memfd)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int fd = memfd_create("raw", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, r->memfd), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, r->seals), 0);
    return fd;
}

static void send_raw(int sock, const struct raw *r)
{
    char control[CMSG_SPACE(4 * sizeof(int))] = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)r->bytes, .iov_len = r->n};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[4];

    for (int i = 0; i < r->fds; i++)
        fds[i] = raw_fd(r);
    if (r->fds) {
        h.msg_control = control;
        h.msg_controllen = CMSG_SPACE((size_t)r->fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)r->fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, (size_t)r->fds * sizeof(int));
    }
    assert_int_equal(sendmsg(sock, &h, 0), r->n);
    for (int i = 0; i < r->fds; i++)
        close(fds[i]);
}

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static void test_receive_closes_on_wrong_packets(void **state)
{
    const char sign[] = {0, MSG_KEY_SIGN, 0, 0, 0, 0, 0, 1};
    const char lock[] = {0, MSG_KEY_LOCK, 0, 0, 0, 0, 0, 1};
    const char state_msg[] = {0, MSG_KEY_STATE, 0, 0, 0, 0, 0, 1};
    const char type[] = {1, 0, 0, 0, 0, 0, 0, 1};
    const char flags[] = {0, MSG_KEY_SIGN, 0, 2, 0, 0, 0, 1};
    const char big[] = {0, MSG_KEY_SIGN, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0};
    const char small[] = {0, MSG_KEY_SIGN, 0, 1, 0, 0, 0, 1, 0, 0, 16, 0};
    const char over[] = {0, MSG_KEY_SIGN, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1};
    const char surplus[] = {0, MSG_KEY_SIGN, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0};
    const struct raw cases[] = {
        {"\0", 1, .why = "not a message"},
        {type, 8, .why = "not a message"},
        {flags, 8, .why = "not a message"},
        {lock, 8, .why = "web may not send KEY_LOCK to key"},
        {state_msg, 8, .why = "web may not send KEY_STATE to key"},
        {sign, 8, .fds = 1, .why = "KEY_SIGN: 1 descriptors, expected 0"},
        {sign, 8, .fds = 4, .why = "more bytes or descriptors"},
        {big, 12, .why = "KEY_SIGN: 0 descriptors, expected 1"},
        {big, 12, .fds = 2, .memfd = 65536, .seals = ALL_SEALS, .why = "2 descriptors, expected 1"},
        {big, 12, .fds = 1, .why = "not sealed"},
        {big, 12, .fds = 1, .memfd = 65536, .why = "not sealed"},
        {big, 12, .fds = 1, .memfd = 65536, .seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW,
         .why = "not sealed"},
        {big, 12, .fds = 1, .memfd = 65535, .seals = ALL_SEALS, .why = "not as long as it says"},
        {small, 12, .fds = 1, .memfd = 4096, .seals = ALL_SEALS, .why = "wrong size"},
        {over, 12, .fds = 1, .memfd = 4096, .seals = ALL_SEALS, .why = "wrong size"},
        {surplus, 13, .fds = 1, .memfd = 65536, .seals = ALL_SEALS, .why = "wrong size"},
    };
    struct pair *p = *state;

    channel_free(TAKE(p->web));
    for (size_t i = 0; i < COUNT(cases); i++) {
        int fds[2];
        struct err e;
        make_pair(fds);
        assert_int_equal(channel_attach(p->key, fds[0], &e), 0);
        p->closed = 0;
        send_raw(fds[1], &cases[i]);
        while (!p->closed)
            run(p);
        assert_int_equal(p->why.code, ERR_BUG);
        if (!strstr(p->why.text, cases[i].why))
            fail_msg("case %zu: '%s', expected '%s'", i, p->why.text, cases[i].why);
        assert_false(channel_open(p->key));
        close(fds[1]);
    }
    assert_int_equal(p->key_got, 0);
    /* The well-formed one of them is taken. */
    int fds[2];
    struct err e;
    make_pair(fds);
    assert_int_equal(channel_attach(p->key, fds[0], &e), 0);
    const char status[] = {0, MSG_KEY_STATUS, 0, 0, 0, 0, 0, 0};
    send_raw(fds[1], &(struct raw){status, 8});
    assert_int_equal(channel_pump(p->key, 100, true), 0);
    assert_int_equal(p->last_type, MSG_KEY_STATUS);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_receive_closes_on_wrong_packets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
