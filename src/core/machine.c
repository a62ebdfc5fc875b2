/* Facts of the machine and its slots, and acts on it. */
#include "src/core/machine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/model/version.h"

int machine_demand(const struct core *core, struct err *e)
{
    if (core->sys)
        return 0;
    return err_set(
        e, ERR_CONFLICT,
        "this is not an appliance image: the service was started on another system, which "
        "has its own means for this; use those");
}

/* Lines "key=value" as members. */
static json_t *members_of(const char *lines)
{
    json_t *o = json_object();
    OWN(strs_free)
    struct strs list = {0};

    strs_split(&list, lines, "\n");
    for (size_t i = 0; i < list.n; i++) {
        char *value = strchr(list.v[i], '=');
        if (!value)
            continue;
        *value++ = 0;
        json_put_str(o, list.v[i], value);
    }
    return o;
}

int machine_slots(struct core *core, json_t **out, struct err *e)
{
    const struct msg_SYS_STATUS ask = {};
    struct msg_SYS_STATE state;
    OWN(reply_done)
    struct reply r = {0};

    if (machine_demand(core, e) < 0 ||
        call_SYS_STATUS(core->sys, &ask, MSG_SYS_STATE, SYS_TIMEOUT_MS, &r, e) < 0 ||
        get_SYS_STATE(&r.msg, &state, e) < 0)
        return -1;
    *out = members_of(state.slots);
    json_put_str(*out, "board", state.board);
    json_put_str(*out, "step", state.step);
    return 0;
}

static const char *slot_member(const json_t *all, const char *slot, const char *name)
{
    OWN(own_mem)
    char *key = xasprintf("slot.%s.%s", slot, name);

    return json_str(all, key);
}

static void put_number(json_t *o, const char *name, const char *text)
{
    uint64_t v = 0;

    if (parse_u64(text, 0, INT64_MAX, &v, NULL) == 0)
        json_put_int(o, name, (int64_t)v);
    else
        json_put_str(o, name, NULL);
}

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

static uint64_t commit_of(const json_t *all, const char *slot)
{
    uint64_t n = 0;

    (void)parse_u64(slot_member(all, slot, "commit"), 0, UINT64_MAX, &n, NULL);
    return n;
}

/* It was started, or could not be: an update that waits for its first start is none of that. */
static bool failed_since_installed(const json_t *all, const char *slot)
{
    return slot_member(all, slot, "why")[0] || slot_member(all, slot, "error")[0] ||
           str_eq(slot_member(all, slot, "tries"), "0");
}

json_t *machine_slot(const json_t *all, const char *slot)
{
    json_t *o = json_object();
    int64_t built;
    char at[TIME_TEXT_BYTES];
    const bool running = str_eq(json_str(all, "running"), slot);

    json_put_str(o, "name", slot);
    json_put_bool(o, "running", running);
    json_put_bool(o, "healthy", running && str_eq(json_str(all, "healthy"), "true"));
    json_put_bool(o, "complete", !str_eq(slot_member(all, slot, "commit"), "0"));
    json_put_bool(o, "blessed", str_eq(slot_member(all, slot, "blessed"), "true"));
    const bool newer = !running && commit_of(all, slot) > commit_of(all, json_str(all, "running"));
    json_put_bool(o, "failed", newer && failed_since_installed(all, slot));
    json_put_bool(o, "next", newer && !failed_since_installed(all, slot));
    put_number(o, "tries", slot_member(all, slot, "tries"));
    json_put_str(o, "version", or_null(slot_member(all, slot, "version")));
    if (parse_i64(slot_member(all, slot, "built"), 0, INT64_MAX, &built, NULL) == 0)
        time_print(built, at);
    else
        at[0] = 0;
    json_put_str(o, "built", or_null(at));
    put_number(o, "rollback", slot_member(all, slot, "rollback"));
    put_number(o, "bytes", slot_member(all, slot, "bytes"));
    json_put_str(o, "why", or_null(slot_member(all, slot, "why")));
    json_put_str(o, "error", or_null(slot_member(all, slot, "error")));
    return o;
}

static const json_t *slot_that(const json_t *facts, bool runs)
{
    const json_t *slots = json_object_get(facts, "slots");

    for (size_t i = 0; i < json_array_size(slots); i++)
        if (json_bool(json_array_get(slots, i), "running") == runs)
            return json_array_get(slots, i);
    return NULL;
}

bool machine_running_is(const json_t *facts, const char *member)
{
    return json_bool(slot_that(facts, true), member);
}

bool machine_has_fallback(const json_t *facts)
{
    const json_t *other = slot_that(facts, false);

    return json_bool(other, "complete") && json_int(other, "tries") > 0 &&
           !json_str(other, "error")[0];
}

bool machine_fell_back(const json_t *facts)
{
    return json_bool(slot_that(facts, false), "failed");
}

char *machine_last_start(const json_t *facts)
{
    const json_t *run = slot_that(facts, true), *other = slot_that(facts, false);
    const char *version = json_str(run, "version");

    if (!run)
        return xstrdup("no slot runs: the machine is in rescue");
    if (!json_bool(other, "failed"))
        return xasprintf("version %s runs from slot %s", version, json_str(run, "name"));
    const char *why = json_str(other, "why")[0] ? json_str(other, "why") : json_str(other, "error");
    return xasprintf(
        "fell back to version %s in slot %s: version %s in slot %s was installed later, "
        "but %s",
        version, json_str(run, "name"),
        json_str(other, "version")[0] ? json_str(other, "version") : "unknown",
        json_str(other, "name"), why[0] ? why : "was not started");
}

static int put_slots(struct core *core, json_t *facts, struct err *e)
{
    static const char *const names[] = {"a", "b"};
    OWN(own_json)
    json_t *all = NULL;
    json_t *slots = json_array();

    json_put_take(facts, "slots", slots);
    json_put_bool(facts, "fell_back", false);
    json_put_str(facts, "last_start", NULL);
    if (!core->sys)
        return 0;
    if (machine_slots(core, &all, e) < 0)
        return -1;
    json_put_str(facts, "board", json_str(all, "board"));
    for (size_t i = 0; i < COUNT(names); i++)
        json_array_append_new(slots, machine_slot(all, names[i]));
    OWN(own_mem)
    char *told = machine_last_start(facts);
    json_put_bool(facts, "fell_back", machine_fell_back(facts));
    json_put_str(facts, "last_start", told);
    return 0;
}

int machine_facts(struct core *core, json_t **out, struct err *e)
{
    OWN(own_json)
    json_t *o = json_object();
    char at[TIME_TEXT_BYTES];
    struct timespec up = {0};

    if (clock_gettime(CLOCK_BOOTTIME, &up) < 0)
        return err_sys(e, "uptime");
    time_print(now_s(), at);
    json_put_bool(o, "appliance", core->sys != NULL);
    json_put_str(o, "version", CERTKEEP_VERSION);
    json_put_str(o, "board", NULL);
    json_put_int(o, "uptime_s", (int64_t)up.tv_sec);
    json_put_str(o, "time", at);
    if (put_slots(core, o, e) < 0)
        return -1;
    *out = TAKE(o);
    return 0;
}

int machine_act(struct core *core, enum machine_act act, const char *text, struct err *e)
{
    const struct msg_SYS_MACHINE m = {.act = act, .text = text};
    OWN(reply_done)
    struct reply r = {0};

    if (machine_demand(core, e) < 0)
        return -1;
    return call_SYS_MACHINE(core->sys, &m, MSG_DONE, SYS_TIMEOUT_MS, &r, e);
}
