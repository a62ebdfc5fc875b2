/* One change at a time, in memory; the clock of the machine does not matter to its end. */
#include "src/core/network.h"

#include "src/base/json.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/machine.h"

#define SETTING "network"
#define STORED_MAX 16384
#define APPLY_MS 20000
#define ANSWER_FIRST_MS 500

static struct {
    bool waits;
    struct network next;
    int64_t until;
    struct watch *timer;
    struct watch *soon; /* puts into force what is to be */
} change;

int network_get(struct txn *t, struct network *out, int64_t *rev, struct err *e)
{
    OWN(own_setting)
    struct setting s = {0};
    struct err none = {0};

    *rev = 0;
    network_init(out);
    if (row_find(t, TABLE_SETTING, "name", SETTING, &s, &none) < 0)
        return none.code == ERR_NOT_FOUND ? 0 : err_set(e, none.code, "%s", none.text);
    OWN(own_json)
    json_t *o = json_parse(blob_str(text_of(s.value)), STORED_MAX, SETTING, e);
    if (!o || network_load(out, o, e) < 0) {
        network_free(out);
        return -1;
    }
    *rev = s.rev;
    return 0;
}

int network_put(struct txn *t, const struct network *n, struct err *e)
{
    OWN(own_json)
    json_t *o = network_json(n);
    OWN(buf_free)
    struct buf text = BUF(STORED_MAX);

    return json_print(o, &text, e) < 0 ? -1 : setting_put(t, SETTING, buf_cstr(&text), e);
}

/* NULL: what the image says. */
static int apply(struct core *core, const struct network *n, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(STORED_MAX);
    OWN(reply_done)
    struct reply r = {0};

    if (n)
        network_encode(n, &b);
    const struct msg_SYS_NETWORK m = {.settings = buf_blob(&b)};
    if (buf_check(&b, "network settings", e) < 0 ||
        call_SYS_NETWORK(core->sys, &m, MSG_DONE, APPLY_MS, &r, e) < 0)
        return err_wrap(e, "network");
    return 0;
}

static int apply_stored(struct core *core, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(network_free)
    struct network n = {0};
    int64_t rev;

    if (txn_begin(core->db, false, &t, e) < 0 || network_get(t, &n, &rev, e) < 0)
        return -1;
    txn_abort(&t);
    return apply(core, rev ? &n : NULL, e);
}

const struct network *network_pending(int64_t *until)
{
    *until = change.until;
    return change.waits ? &change.next : NULL;
}

static void forget(void)
{
    change.waits = false;
    network_free(&change.next);
    watch_free(TAKE(change.timer));
}

int network_take_pending(struct network *out, struct err *e)
{
    if (!change.waits)
        return err_set(e, ERR_CONFLICT,
                       "no change of the network waits for a confirmation: it came too late, or "
                       "none was made");
    *out = change.next;
    change.next = (struct network){0};
    forget();
    return 0;
}

static void in_force_fiber(void *arg)
{
    struct core *core = arg;
    struct err e = {0};

    if (!change.waits) {
        if (apply_stored(core, &e) < 0)
            log_error("network.apply", "error=%s", log_q(e.text));
        return;
    }
    if (apply(core, &change.next, &e) == 0)
        return;
    log_error("network.apply", "error=%s then=\"the old settings\"", log_q(e.text));
    forget();
    if (apply_stored(core, &e) < 0)
        log_error("network.apply", "error=%s", log_q(e.text));
}

static void on_answered(void *arg)
{
    struct core *core = arg;

    fiber_start(core->loop, in_force_fiber, core);
}

/* The answer goes out before the address it goes out from. */
static void apply_soon(struct core *core)
{
    if (change.soon)
        watch_again(change.soon, ANSWER_FIRST_MS);
    else
        change.soon = loop_timer(core->loop, ANSWER_FIRST_MS, on_answered, core);
}

void network_revert(struct core *core)
{
    forget();
    apply_soon(core);
}

static int audit_return(struct core *core, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    const struct audit_entry entry = {.actor = "system",
                                      .client = "",
                                      .action = "network.return",
                                      .object = "setting/network",
                                      .name = "Network",
                                      .result = "ok",
                                      .detail = "nobody confirmed the change: the old settings "
                                                "are in force again"};

    if (txn_begin(core->db, true, &t, e) < 0 || audit_add(t, &entry, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static void return_fiber(void *arg)
{
    struct core *core = arg;
    struct err e = {0};

    log_warn("network.return", "why=\"nobody confirmed the change\"");
    network_revert(core);
    if (audit_return(core, &e) < 0)
        log_error("network.return", "error=%s", log_q(e.text));
}

static void on_late(void *arg)
{
    struct core *core = arg;

    fiber_start(core->loop, return_fiber, core);
}

void network_try(struct core *core, struct network *take_n)
{
    const uint64_t wait_s = (uint64_t)take_n->general.confirm_s;

    forget();
    change.next = *take_n;
    *take_n = (struct network){0};
    change.waits = true;
    change.until = now_s() + (int64_t)wait_s;
    change.timer = loop_timer(core->loop, wait_s * 1000, on_late, core);
    apply_soon(core);
}

/* What the console set takes the place of interfaces and name servers, of a change tried too. */
static int keep_typed(struct core *core, struct blob settings, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(network_free)
    struct network n = {0}, typed;
    int64_t rev;
    const struct audit_entry entry = {.actor = "console",
                                      .client = "",
                                      .action = "network.console",
                                      .object = "setting/network",
                                      .name = "Network",
                                      .result = "ok",
                                      .detail = "set at the console of the machine"};

    network_init(&typed);
    if (network_decode(settings, &typed, e) < 0 || txn_begin(core->db, true, &t, e) < 0 ||
        network_get(t, &n, &rev, e) < 0)
        return -1;
    text_set(&typed.general.host_name, n.general.host_name);
    text_set(&typed.general.search, n.general.search);
    typed.general.confirm_s = n.general.confirm_s;
    if (network_put(t, &typed, e) < 0 || audit_add(t, &entry, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    forget();
    return 0;
}

static int take_typed(struct core *core, struct err *e)
{
    const struct msg_SYS_TAKE ask = {};
    struct msg_SYS_TAKEN all;
    OWN(reply_done)
    struct reply r = {0};

    if (call_SYS_TAKE(core->sys, &ask, MSG_SYS_TAKEN, APPLY_MS, &r, e) < 0 ||
        get_SYS_TAKEN(&r.msg, &all, e) < 0)
        return -1;
    return all.settings.n ? keep_typed(core, all.settings, e) : 0;
}

static void started_fiber(void *arg)
{
    struct core *core = arg;
    struct err e = {0};

    if (take_typed(core, &e) < 0)
        log_error("network.console", "error=%s", log_q(e.text));
    in_force_fiber(core);
}

void network_started(struct core *core)
{
    fiber_start(core->loop, started_fiber, core);
}
