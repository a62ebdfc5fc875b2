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

static json_t *slot_of(const json_t *all, const char *slot)
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

static int put_slots(struct core *core, json_t *facts, struct err *e)
{
    static const char *const names[] = {"a", "b"};
    OWN(own_json)
    json_t *all = NULL;
    json_t *slots = json_array();

    json_put_take(facts, "slots", slots);
    if (!core->sys)
        return 0;
    if (machine_slots(core, &all, e) < 0)
        return -1;
    json_put_str(facts, "board", json_str(all, "board"));
    for (size_t i = 0; i < COUNT(names); i++)
        json_array_append_new(slots, slot_of(all, names[i]));
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
