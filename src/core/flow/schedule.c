/* The clock's work: renewals that are due, sessions that ended, and the signed audit head. Missed
 * runs are made up. */
#include "src/core/flow/schedule.h"

#include <stdlib.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/audit_sign.h"
#include "src/core/flow/parts.h"
#include "src/core/flow/renew.h"
#include "src/core/setup.h"

#define TICK_MS 10000
#define BATCH 50

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

static int ended_session(void *record, void *arg, struct err *e)
{
    const struct session *s = record;
    struct batch *b = arg;
    if (s->expires_at > b->now || b->n == BATCH)
        return 1;
    return str_copy(b->id[b->n++], ID_CHARS + 1, s->id, e);
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

static int renew_due(struct core *core, struct err *e)
{
    struct batch b = {0};
    if (collect(core, TABLE_CERT, "renew_at", due_renewal, &b, e) < 0)
        return -1;
    for (size_t i = 0; i < b.n; i++) {
        char job[ID_CHARS + 1];
        struct err why = {0};
        if (renew_start(core, b.id[i], "scheduler", NULL, job, &why) < 0)
            log_warn("renew.start", "cert=%s error=%s", b.id[i], log_q(why.text));
    }
    return 0;
}

static int drop_sessions(struct core *core, struct err *e)
{
    struct batch b = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (collect(core, TABLE_SESSION, "expires_at", ended_session, &b, e) < 0)
        return -1;
    if (b.n == 0)
        return 0;
    if (txn_begin(core->db, true, &t, e) < 0)
        return -1;
    for (size_t i = 0; i < b.n; i++)
        if (row_delete(t, TABLE_SESSION, b.id[i], e) < 0)
            return -1;
    return txn_commit(&t, e);
}

static void tick_fiber(void *arg)
{
    struct core *core = arg;
    static const struct {
        const char *name;
        int (*run)(struct core *core, struct err *e);
    } work[] = {{"renewals", renew_due},
                {"sessions", drop_sessions},
                {"audit head", audit_sign_head},
                {"ui certificate", setup_ui_certificate}};
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
