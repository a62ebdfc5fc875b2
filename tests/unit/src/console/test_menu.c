/* The console's menu: what it asks, what it does on which words, and that nothing else does
 * anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/console/line.h"

static struct {
    unsigned networks, acts;
    enum machine_act act;
    char interface[16], address[32], gateway[32], dns[32];
    size_t interfaces;
    int rc;
} done;

static void status(void *arg, struct buf *out)
{
    (void)arg;
    buf_add_str(out, "address eth0 192.0.2.7/24\n");
}

static int network(void *arg, const struct network *n, struct err *e)
{
    (void)arg;
    done.networks++;
    done.interfaces = n->n;
    if (n->n) {
        snprintf(done.interface, sizeof(done.interface), "%s", n->interfaces[0].name);
        snprintf(done.address, sizeof(done.address), "%s", n->interfaces[0].address);
        snprintf(done.gateway, sizeof(done.gateway), "%s",
                 n->interfaces[0].gateway ? n->interfaces[0].gateway : "");
    }
    snprintf(done.dns, sizeof(done.dns), "%s", n->general.dns.n ? n->general.dns.v[0] : "");
    return done.rc < 0 ? err_set(e, ERR_NETWORK, "sys is not there") : 0;
}

static int machine(void *arg, enum machine_act act, struct err *e)
{
    (void)arg;
    (void)e;
    done.acts++;
    done.act = act;
    return 0;
}

static const struct menu_acts acts = {.status = status, .network = network, .machine = machine};

/* Lines in, all that was shown out. */
static char *talk(const char *typed)
{
    OWN(buf_free)
    struct buf out = BUF(65536);
    OWN(strs_free)
    struct strs lines = {0};
    struct menu m;

    memset(&done, 0, sizeof(done));
    menu_begin(&m, &acts, &out);
    for (const char *at = typed; *at; at += strcspn(at, "|") + (strchr(at, '|') ? 1 : 0)) {
        OWN(own_mem)
        char *line = xstrndup(at, strcspn(at, "|"));
        menu_line(&m, line, &out);
    }
    assert_true(buf_ok(&out));
    return buf_take_str(&out);
}

static void said(const char *typed, const char *words)
{
    OWN(own_mem)
    char *text = talk(typed);

    if (!strstr(text, words))
        fail_msg("%s: no \"%s\" in: %s", typed, words, text);
}

static void test_menu_shows_what_is_in_force(void **state)
{
    (void)state;
    said("1", "address eth0 192.0.2.7/24");
    assert_int_equal(done.networks + done.acts, 0);
}

static void test_menu_sets_a_fixed_address_after_yes(void **state)
{
    (void)state;
    said("3|eth0|192.0.2.10/24|192.0.2.1|192.0.2.53|yes|", "Done.");
    assert_int_equal(done.networks, 1);
    assert_string_equal(done.interface, "eth0");
    assert_string_equal(done.address, "192.0.2.10/24");
    assert_string_equal(done.gateway, "192.0.2.1");
    assert_string_equal(done.dns, "192.0.2.53");
    said("3|eth0|192.0.2.10/24|||yes|", "router none, DNS none");
    assert_int_equal(done.networks, 1);
    said("2|yes|", "Done.");
    assert_int_equal(done.networks, 1);
    assert_int_equal(done.interfaces, 0);
}

static void test_menu_acts_on_the_whole_word_only(void **state)
{
    static const struct {
        const char *typed;
        enum machine_act act;
        bool acts;
    } cases[] = {
        {"4|restart|", MACHINE_RESTART, true},
        {"5|off|", MACHINE_POWER_OFF, true},
        {"4|yes|", 0, false},
        {"4||", 0, false},
        {"5|OFF|", 0, false},
        {"5|off |", 0, false},
        {"5|off now|", 0, false},
        {"restart|", 0, false},
        {"5|1|off|", 0, false}, /* the question is over */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(own_mem)
        char *text = talk(cases[i].typed);
        if (done.acts != cases[i].acts || (cases[i].acts && done.act != cases[i].act))
            fail_msg("%s: %u acts: %s", cases[i].typed, done.acts, text);
        assert_int_equal(done.networks, 0);
    }
}

static void test_menu_refuses_a_wrong_answer_and_sets_nothing(void **state)
{
    (void)state;
    said("3|eth0|192.0.2.10|", "prefix length");
    said("3|ETH0|192.0.2.10/24|", "as eth0");
    said("3|eth0|192.0.2.10/24|198.51.100.1|", "router of that network");
    said("3|eth0|192.0.2.10/24||dns.example|", "IP address");
    said("3|eth0|192.0.2.10/24|192.0.2.1||no|", "Nothing was changed.");
    said("6|", "from 1 to 5");
    said("01|", "from 1 to 5");
    assert_int_equal(done.networks + done.acts, 0);
    said("3|eth0||", "Number, then Enter");
    done.rc = 0;
}

static void test_menu_says_when_it_is_not_done(void **state)
{
    OWN(buf_free)
    struct buf out = BUF(8192);
    struct menu m;

    (void)state;
    menu_begin(&m, &acts, &out);
    menu_line(&m, "2", &out);
    done.rc = -1;
    menu_line(&m, "yes", &out);
    done.rc = 0;
    assert_non_null(strstr(buf_cstr(&out), "Not done: sys is not there"));
}

static void keep(const char *line, void *arg)
{
    buf_addf(arg, "[%s]", line ? line : "?");
}

static void test_line_takes_plain_characters_up_to_its_limit(void **state)
{
    static const char *const cases[][2] = {
        {"1\n2\r", "[1][2]"},        {"ab", ""},
        {"a\x1b[Ab\nc\n", "[?][c]"}, {"a\tb\nc\n", "[?][c]"},
        {"\xc3\xa9\n", "[?]"},       {"\n\n", "[][]"},
    };
    char lengths[MENU_LINE_MAX + 3];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(buf_free)
        struct buf out = BUF(1024);
        struct line l = {0};
        for (const char *p = cases[i][0]; *p; p++) /* byte by byte, as a serial line brings them */
            line_feed(&l, p, 1, keep, &out);
        assert_string_equal(buf_cstr(&out), cases[i][1]);
    }
    for (size_t n = MENU_LINE_MAX; n <= MENU_LINE_MAX + 1; n++) {
        OWN(buf_free)
        struct buf out = BUF(1024);
        struct line l = {0};
        memset(lengths, 'x', n);
        lengths[n] = '\n';
        line_feed(&l, lengths, n + 1, keep, &out);
        assert_int_equal(strcmp(buf_cstr(&out), "[?]") == 0, n > MENU_LINE_MAX);
        assert_int_equal(l.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_menu_shows_what_is_in_force),
        cmocka_unit_test(test_menu_sets_a_fixed_address_after_yes),
        cmocka_unit_test(test_menu_acts_on_the_whole_word_only),
        cmocka_unit_test(test_menu_refuses_a_wrong_answer_and_sets_nothing),
        cmocka_unit_test(test_menu_says_when_it_is_not_done),
        cmocka_unit_test(test_line_takes_plain_characters_up_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
