/* Phases of an update: idle, receiving, received, checking, committed. */
#include "src/core/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/audit.h"
#include "src/core/events.h"
#include "src/core/machine.h"

#define ANSWER_FIRST_MS 1000

static const char *other_of(const char *slot)
{
    return str_eq(slot, "a") ? "b" : "a";
}

static const char *phase_of(const struct core *core, const json_t *all, const char *target,
                            int64_t next, int64_t pieces)
{
    OWN(own_json)
    json_t *slot = machine_slot(all, target);

    if (core->update_checking)
        return "checking";
    if (pieces > 0)
        return next > pieces ? "received" : "receiving";
    return json_bool(slot, "next") ? "committed" : "idle";
}

static int64_t number(const json_t *all, const char *name)
{
    int64_t n = 0;

    (void)parse_i64(json_str(all, name), 0, INT64_MAX, &n, NULL);
    return n;
}

int update_state(struct core *core, json_t **out, struct err *e)
{
    OWN(own_json)
    json_t *all = NULL;

    if (machine_slots(core, &all, e) < 0)
        return -1;
    const char *running = json_str(all, "running"), *slot = json_str(all, "update.slot");
    const char *target = slot[0] ? slot : other_of(running);
    const int64_t pieces = number(all, "update.pieces"), next = number(all, "update.next");
    const char *phase = phase_of(core, all, target, next, pieces);
    const bool under_way = pieces > 0;
    OWN(own_json)
    json_t *place = machine_slot(all, target);
    const char *version = under_way                    ? json_str(all, "update.version")
                          : str_eq(phase, "committed") ? json_str(place, "version")
                                                       : "";
    json_t *o = json_object();
    json_put_str(o, "phase", phase);
    json_put_str(o, "slot", target);
    json_put_str(o, "version", version[0] ? version : NULL);
    json_put_int(o, "pieces", pieces);
    json_put_int(o, "next", next);
    json_put_bool(o, "healthy", str_eq(json_str(all, "healthy"), "true"));
    json_put_str(o, "unproven", core->unproven[0] ? core->unproven : NULL);
    json_put_int(o, "floor", number(all, "floor"));
    json_put_str(o, "problem", core->update_problem[0] ? core->update_problem : NULL);
    *out = o;
    return 0;
}

static int step(struct core *core, enum update_step which, uint32_t piece, struct blob bytes,
                char **lines, struct err *e)
{
    const struct msg_SYS_UPDATE m = {.step = which, .piece = piece, .bytes = bytes};
    struct msg_SYS_UPDATED done;
    OWN(reply_done)
    struct reply r = {0};

    if (machine_demand(core, e) < 0)
        return -1;
    if (call_SYS_UPDATE(core->sys, &m, MSG_SYS_UPDATED, UPDATE_STEP_MS, &r, e) < 0 ||
        get_SYS_UPDATED(&r.msg, &done, e) < 0)
        return -1;
    *lines = xstrdup(done.lines);
    return 0;
}

static int demand_quiet(const struct core *core, struct err *e)
{
    if (core->update_checking)
        return err_set(
            e, ERR_CONFLICT,
            "the update is being checked: wait for its end, GET /system/update tells it");
    return 0;
}

/* "not healthy" says what is still missing. */
static int refused(const struct core *core, struct err *e)
{
    if (core->unproven[0] && e->code == ERR_CONFLICT && strstr(e->text, "proven healthy")) {
        OWN(own_mem)
        char *text = xstrdup(e->text);
        return err_set(e, ERR_CONFLICT, "%s. Not proven yet: %s", text, core->unproven);
    }
    if (e->code == ERR_CRYPTO || e->code == ERR_DENIED)
        e->code = ERR_INPUT; /* what was sent is not for this appliance */
    return -1;
}

int update_take(struct core *core, uint32_t piece, struct blob bytes, char **lines, struct err *e)
{
    if (demand_quiet(core, e) < 0)
        return -1;
    if (step(core, piece == 0 ? UPDATE_HEAD : UPDATE_PIECE, piece, bytes, lines, e) < 0)
        return refused(core, e);
    core->update_problem[0] = '\0';
    events_changed(core->events, "system", "update", false);
    return 0;
}

struct check {
    struct core *core;
    char *actor, *client;
};

static int record(const struct check *c, const char *result, const char *detail, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    const struct audit_entry entry = {.actor = c->actor,
                                      .client = c->client,
                                      .action = "update_committed",
                                      .object = "system",
                                      .name = "Update",
                                      .result = result,
                                      .detail = detail};

    if (txn_begin(c->core->db, true, &t, e) < 0 || audit_add(t, &entry, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static void check_fiber(void *arg)
{
    struct check *c = arg;
    struct core *core = c->core;
    struct err e = {0}, lost = {0};
    OWN(own_mem)
    char *lines = NULL;

    const int rc = step(core, UPDATE_COMMIT, 0, BLOB(NULL, 0), &lines, &e);
    snprintf(core->update_problem, sizeof(core->update_problem), "%s", rc < 0 ? e.text : "");
    if (record(c, rc < 0 ? "failed" : "ok", rc < 0 ? e.text : "it runs from the next start on",
               &lost) < 0)
        log_error("update.audit", "error=%s", log_q(lost.text));
    core->update_checking = false;
    events_changed(core->events, "system", "update", false);
    free(c->actor);
    free(c->client);
    free(c);
}

int update_commit_start(struct core *core, const char *actor, const char *client, struct err *e)
{
    OWN(own_json)
    json_t *now = NULL;

    if (demand_quiet(core, e) < 0 || update_state(core, &now, e) < 0)
        return -1;
    if (!str_eq(json_str(now, "phase"), "received"))
        return err_set(e, ERR_CONFLICT, "%s",
                       str_eq(json_str(now, "phase"), "committed")
                           ? "the update is committed already: restart to run it"
                           : "the update is not complete: send its pieces first");
    struct check *c = xcalloc(1, sizeof(*c));
    *c = (struct check){.core = core, .actor = xstrdup(actor), .client = xstrdup(client)};
    core->update_checking = true;
    core->update_problem[0] = '\0';
    fiber_start(core->loop, check_fiber, c);
    return 0;
}

static void restart_fiber(void *arg)
{
    struct core *core = arg;
    struct err e = {0};

    fiber_sleep(core->loop, ANSWER_FIRST_MS);
    if (machine_act(core, MACHINE_RESTART, "", &e) < 0)
        log_error("update.restart", "error=%s", log_q(e.text));
}

int update_restart(struct core *core, struct err *e)
{
    OWN(own_json)
    json_t *now = NULL;

    if (update_state(core, &now, e) < 0)
        return -1;
    if (!str_eq(json_str(now, "phase"), "committed"))
        return err_set(e, ERR_CONFLICT,
                       "no update is committed: a restart would start the version that runs");
    fiber_start(core->loop, restart_fiber, core);
    return 0;
}
