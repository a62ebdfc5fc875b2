/* Tables: what the menu offers, and what it asks. An empty answer to a question goes back. */
#include "src/console/menu.h"

#include <string.h>

#include "src/base/json.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/model/version.h"

/* Questions; those of the fixed address come one after another. */
enum question {
    MENU,
    ASK_INTERFACE,
    ASK_ADDRESS,
    ASK_ROUTER,
    ASK_DNS,
    SURE_FIXED,
    SURE_DHCP,
    SURE_RESTART,
    SURE_OFF,
};

static const struct {
    const char *text;
    const char *word; /* the only answer that goes on; NULL: any */
    bool may_be_empty;
} questions[] = {
    [ASK_INTERFACE] = {"Interface, as eth0:", NULL, false},
    [ASK_ADDRESS] = {"IPv4 address and prefix length, as 192.0.2.10/24:", NULL, false},
    [ASK_ROUTER] = {"Router, as 192.0.2.1 (empty: none):", NULL, true},
    [ASK_DNS] = {"DNS server, as 192.0.2.53 (empty: none):", NULL, true},
    [SURE_FIXED] = {"Type yes to set this:", "yes", false},
    [SURE_DHCP] = {"Every interface gets its address by DHCP. Type yes to set this:", "yes", false},
    [SURE_RESTART] = {"Jobs at work go on after the start. Type restart to go on:", "restart",
                      false},
    [SURE_OFF] = {"Nothing is renewed while it is off. Type off to go on:", "off", false},
};

static const struct {
    const char *text;
    enum question next; /* MENU: shows the state */
} entries[] = {
    {"State", MENU},
    {"Network: DHCP", SURE_DHCP},
    {"Network: fixed address", ASK_INTERFACE},
    {"Restart", SURE_RESTART},
    {"Switch off", SURE_OFF},
};

static void show_menu(struct menu *m, struct buf *out)
{
    m->question = MENU;
    buf_addf(out, "\nCertkeep %s\n", CERTKEEP_VERSION);
    for (size_t i = 0; i < COUNT(entries); i++)
        buf_addf(out, "  %zu  %s\n", i + 1, entries[i].text);
    buf_add_str(out, "Number, then Enter:\n");
}

static void ask(struct menu *m, enum question q, struct buf *out)
{
    m->question = q;
    buf_addf(out, "%s\n", questions[q].text);
}

void menu_begin(struct menu *m, const struct menu_acts *acts, struct buf *out)
{
    *m = (struct menu){.acts = acts};
    show_menu(m, out);
}

static void choose(struct menu *m, const char *line, struct buf *out)
{
    uint32_t n;

    if (parse_u32(line, 1, COUNT(entries), &n, NULL) < 0) {
        if (line[0])
            buf_addf(out, "Expected a number from 1 to %zu.\n", COUNT(entries));
        show_menu(m, out);
        return;
    }
    if (entries[n - 1].next != MENU) {
        ask(m, entries[n - 1].next, out);
        return;
    }
    m->acts->status(m->acts->arg, out);
    show_menu(m, out);
}

static json_t *fixed_body(const struct menu *m)
{
    json_t *body = json_object(), *list = json_array(), *one = json_object();

    json_put_str(one, "name", m->answer[0]);
    json_put_str(one, "ipv4", "static");
    json_put_str(one, "address", m->answer[1]);
    json_put_str(one, "gateway", m->answer[2]);
    json_put_str(one, "ipv6", "auto");
    json_array_append_new(list, one);
    json_put_take(body, "interfaces", list);
    list = json_array();
    if (m->answer[3][0])
        json_array_append_new(list, json_string(m->answer[3]));
    json_put_take(body, "dns", list);
    return body;
}

/* NULL body: DHCP everywhere. */
static int set_network(struct menu *m, const json_t *body, bool apply, struct err *e)
{
    OWN(network_free)
    struct network n;

    network_init(&n);
    if (body && network_patch(&n, body, e) < 0)
        return -1;
    return apply ? m->acts->network(m->acts->arg, &n, e) : 0;
}

/* What was answered last is checked at once, with all before it. */
static void answered(struct menu *m, const char *line, struct buf *out)
{
    const enum question q = (enum question)m->question;
    struct err e = {0};

    (void)str_copy(m->answer[q - ASK_INTERFACE], sizeof(m->answer[0]), line, NULL);
    if (q == ASK_INTERFACE) {
        ask(m, ASK_ADDRESS, out);
        return;
    }
    for (unsigned i = q - ASK_INTERFACE + 1; i < COUNT(m->answer); i++)
        m->answer[i][0] = '\0';
    OWN(own_json)
    json_t *body = fixed_body(m);
    if (set_network(m, body, false, &e) < 0) {
        buf_addf(out, "%s\n", e.text);
        show_menu(m, out);
        return;
    }
    if (q == ASK_DNS)
        buf_addf(out, "%s: %s, router %s, DNS %s\n", m->answer[0], m->answer[1],
                 m->answer[2][0] ? m->answer[2] : "none", m->answer[3][0] ? m->answer[3] : "none");
    ask(m, q + 1, out);
}

static int act(struct menu *m, struct err *e)
{
    OWN(own_json)
    json_t *body = m->question == SURE_FIXED ? fixed_body(m) : NULL;

    switch (m->question) {
    case SURE_FIXED:
    case SURE_DHCP:
        return set_network(m, body, true, e);
    case SURE_RESTART:
        return m->acts->machine(m->acts->arg, MACHINE_RESTART, e);
    default:
        return m->acts->machine(m->acts->arg, MACHINE_POWER_OFF, e);
    }
}

static void decide(struct menu *m, const char *line, struct buf *out)
{
    struct err e = {0};

    if (!str_eq(line, questions[m->question].word))
        buf_add_str(out, "Nothing was changed.\n");
    else if (act(m, &e) < 0)
        buf_addf(out, "Not done: %s\n", e.text);
    else
        buf_add_str(out, "Done.\n");
    show_menu(m, out);
}

void menu_line(struct menu *m, const char *line, struct buf *out)
{
    if (m->question == MENU)
        choose(m, line, out);
    else if (questions[m->question].word)
        decide(m, line, out);
    else if (line[0] || questions[m->question].may_be_empty)
        answered(m, line, out);
    else
        show_menu(m, out);
}

void menu_unread(struct menu *m, struct buf *out)
{
    buf_addf(out, "The line was not read: expected at most %d plain characters.\n", MENU_LINE_MAX);
    show_menu(m, out);
}
