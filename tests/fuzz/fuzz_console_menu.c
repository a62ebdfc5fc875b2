/* Whatever is typed: acts happen after their word only, and what is set is a network that holds. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/console/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *last; /* the line at work */

static void status(void *arg, struct buf *out)
{
    (void)arg;
    buf_add_str(out, "state\n");
}

static int network(void *arg, const struct network *n, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(65536);
    OWN(network_free)
    struct network again;

    (void)arg;
    network_init(&again);
    network_encode(n, &b);
    if (strcmp(last, "yes") != 0 || network_decode(buf_blob(&b), &again, e) < 0)
        abort();
    return 0;
}

static int machine(void *arg, enum machine_act act, struct err *e)
{
    (void)arg;
    (void)e;
    if (strcmp(last, act == MACHINE_RESTART ? "restart" : "off") != 0)
        abort();
    return 0;
}

static void on_line(const char *line, void *arg)
{
    OWN(buf_free)
    struct buf out = BUF(65536);

    last = line ? line : "";
    if (line)
        menu_line(arg, line, &out);
    else
        menu_unread(arg, &out);
    if (!buf_ok(&out) || out.n == 0)
        abort(); /* every line is answered */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct menu_acts acts = {.status = status, .network = network, .machine = machine};
    OWN(buf_free)
    struct buf out = BUF(65536);
    struct line l = {0};
    struct menu m;

    menu_begin(&m, &acts, &out);
    line_feed(&l, (const char *)data, n, on_line, &m);
    return 0;
}
