/* Restart and power off, by core's decision and parent's hand. */
#include <stdlib.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/machine.h"

#define ANSWER_FIRST_MS 1000
#define JOBS_SHOWN 100

static int running(void *record, void *arg, struct err *e)
{
    const struct job *j = record;
    json_t *list = arg;

    (void)e;
    if (!str_eq(j->state, "Running") || json_array_size(list) == JOBS_SHOWN)
        return 1;
    json_t *o = json_object();
    json_put_str(o, "id", j->id);
    json_put_str(o, "title", text_of(j->title));
    json_put_str(o, "state", j->state);
    json_array_append_new(list, o);
    return 0;
}

static int answer(struct api *a, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_json)
    json_t *jobs = json_array();

    if (txn_begin(a->core->db, false, &t, e) < 0 ||
        row_each(t, TABLE_JOB, "state", "Running", running, jobs, e) < 0)
        return -1;
    json_t *o = json_object();
    json_put_take(o, "jobs", json_incref(jobs));
    return api_json(a, 200, o, e);
}

int on_power_get(struct api *a, struct err *e)
{
    return machine_demand(a->core, e) < 0 ? -1 : answer(a, e);
}

/* The one act that was asked for: there is no second one after it. */
static struct {
    struct core *core;
    enum machine_act act;
    struct watch *timer;
} asked;

static void act_fiber(void *arg)
{
    struct err e = {0};

    (void)arg;
    if (machine_act(asked.core, asked.act, "", &e) < 0)
        log_error("power", "error=%s", log_q(e.text));
    watch_free(TAKE(asked.timer));
}

static void on_answered(void *arg)
{
    fiber_start(asked.core->loop, act_fiber, arg);
}

int on_power_run(struct api *a, struct err *e)
{
    static const char *const names[] = {"act", NULL};
    OWN(txn_abort)
    struct txn *t = NULL;
    const char *act;
    json_t *b;

    if (machine_demand(a->core, e) < 0 || api_body(a, &b, e) < 0 || json_only(b, names, e) < 0 ||
        json_get_str(b, "act", 16, &act, e) < 0)
        return -1;
    const bool restart = str_eq(act, "restart");
    if (!restart && !str_eq(act, "off"))
        return err_set(e, ERR_INPUT, "act: expected restart or off");
    if (asked.timer)
        return err_set(e, ERR_CONFLICT, "the appliance is stopping already");
    if (txn_begin(a->core->db, true, &t, e) < 0 ||
        api_audit(a, t, "appliance", NULL, NULL, restart ? "restart" : "power off", e) < 0 ||
        txn_commit(&t, e) < 0 || answer(a, e) < 0)
        return -1;
    asked.core = a->core;
    asked.act = restart ? MACHINE_RESTART : MACHINE_POWER_OFF;
    asked.timer = loop_timer(a->core->loop, ANSWER_FIRST_MS, on_answered, NULL);
    return 0;
}
