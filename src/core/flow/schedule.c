/* The clock's work: renewals and checks that are due, work past its time, the signed audit head.
 * Missed runs are made up. */
#include "src/core/flow/schedule.h"

#include <stdlib.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/audit_sign.h"
#include "src/core/flow/expire.h"
#include "src/core/flow/parts.h"
#include "src/core/flow/renew.h"
#include "src/core/flow/validate.h"
#include "src/core/policies.h"
#include "src/core/retention.h"
#include "src/core/setup.h"

#define TICK_MS 10000
#define BATCH 50
#define RENEW_AGAIN_S 3600
#define CHECK_EVERY_S (12 * 3600) /* servers and connectors are looked at twice a day */

struct batch {
    char id[BATCH][ID_CHARS + 1];
    size_t n;
    int64_t now;
};

static int due_renewal(void *record, void *arg, struct err *e)
{
    const struct cert *c = record;
    struct batch *b = arg;
    if (c->renew_at > b->now || b->n == BATCH)
        return 1;
    return str_copy(b->id[b->n++], ID_CHARS + 1, c->id, e);
}

static int collect(struct core *core, enum table table, const char *column, row_fn fn,
                   struct batch *b, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    b->now = now_s();
    if (txn_begin(core->db, false, &t, e) < 0)
        return -1;
    return row_each(t, table, column, "1", fn, b, e);
}

/* What cannot be renewed now is tried again later: it may not stand before what can, each round. */
static int renew_later(struct core *core, const char *id, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_cert)
    struct cert c = {0};
    if (txn_begin(core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, id, &c, e) < 0)
        return -1;
    c.renew_at = now_s() + RENEW_AGAIN_S;
    if (row_put(t, TABLE_CERT, &c, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static int renew_due(struct core *core, struct err *e)
{
    struct batch b = {0};
    if (collect(core, TABLE_CERT, "renew_at", due_renewal, &b, e) < 0)
        return -1;
    for (size_t i = 0; i < b.n; i++) {
        char job[ID_CHARS + 1];
        struct err why = {0};
        if (renew_start(core, b.id[i], "scheduler", NULL, job, &why) == 0)
            continue;
        log_warn("renew.start", "cert=%s error=%s", b.id[i], log_q(why.text));
        if (why.code != ERR_STORE && renew_later(core, b.id[i], e) < 0)
            return -1;
    }
    return 0;
}

/* Of connectors and servers: both begin with the same head, and their last check is in the index.
 */
struct due_checks {
    struct batch batch;
    enum table table;
};

static int due_check(void *record, void *arg, struct err *e)
{
    struct due_checks *d = arg;
    const struct row_head *head = record;
    bool server = d->table == TABLE_SERVER;
    int64_t last = server ? ((const struct server *)record)->last_check
                          : ((const struct connector *)record)->last_check;
    const char *state =
        server ? ((const struct server *)record)->state : ((const struct connector *)record)->state;
    if (last + CHECK_EVERY_S > d->batch.now || d->batch.n == BATCH)
        return 1;
    if (str_eq(state, "Disabled") || str_eq(state, "Inactive") || str_eq(state, "Draft") ||
        str_eq(state, "Unverified"))
        return 0;
    return str_copy(d->batch.id[d->batch.n++], ID_CHARS + 1, head->id, e);
}

/* The check itself moves last_check, so a check that is due is started once per round of jobs. */
static int start_check(struct core *core, enum table table, const char *id, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_server)
    struct server s = {0};
    OWN(own_connector)
    struct connector c = {0};
    char job[ID_CHARS + 1];
    struct job_request q = {.requested_by = "scheduler"};
    if (txn_begin(core->db, true, &t, e) < 0)
        return -1;
    if (table == TABLE_SERVER) {
        if (row_get(t, table, id, &s, e) < 0)
            return -1;
        s.last_check = now_s();
        q.kind = JOB_SERVER_CHECK;
        q.server = id;
        q.subject = s.description;
        if (row_put(t, table, &s, e) < 0)
            return -1;
    } else {
        if (row_get(t, table, id, &c, e) < 0)
            return -1;
        c.last_check = now_s();
        q.kind = JOB_CONNECTOR_CHECK;
        q.connector = id;
        q.subject = c.name;
        if (row_put(t, table, &c, e) < 0)
            return -1;
    }
    if (job_create(t, &q, job, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static int check_due(struct core *core, struct err *e)
{
    static const enum table tables[] = {TABLE_CONNECTOR, TABLE_SERVER};
    for (size_t k = 0; k < COUNT(tables); k++) {
        struct due_checks d = {.table = tables[k], .batch = {.now = now_s()}};
        OWN(txn_abort)
        struct txn *t = NULL;
        if (txn_begin(core->db, false, &t, e) < 0 ||
            row_each(t, tables[k], "last_check", "1", due_check, &d, e) < 0)
            return -1;
        txn_abort(&t);
        t = NULL;
        for (size_t i = 0; i < d.batch.n; i++)
            if (start_check(core, tables[k], d.batch.id[i], e) < 0)
                return -1;
        if (d.batch.n)
            jobs_kick(core);
    }
    return 0;
}

static void tick_fiber(void *arg)
{
    struct core *core = arg;
    static const struct {
        const char *name;
        int (*run)(struct core *core, struct err *e);
    } work[] = {{"renewals", renew_due},         {"checks", check_due},
                {"orders", expire_due},          {"policies", policies_tick},
                {"validation", validate_due},    {"retention", retention_tick},
                {"audit head", audit_sign_head}, {"ui certificate", setup_ui_certificate}};
    for (size_t i = 0; i < COUNT(work) && core->state == STATE_OPERATIONAL; i++) {
        struct err e = {0};
        if (work[i].run(core, &e) < 0)
            log_error("schedule", "work=%s error=%s", log_q(work[i].name), log_q(e.text));
    }
}

struct schedule {
    struct core *core;
    struct watch *tick;
};

static void on_tick(void *arg)
{
    struct schedule *s = arg;
    fiber_start(s->core->loop, tick_fiber, s->core);
    watch_again(s->tick, TICK_MS);
}

void schedule_start(struct core *core)
{
    struct schedule *s = xcalloc(1, sizeof *s);
    s->core = core;
    s->tick = loop_timer(core->loop, TICK_MS, on_tick, s);
}
