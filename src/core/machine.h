/*
 * The machine below the service, asked through sys. Only an appliance image has one: elsewhere all
 * but machine_facts fail with ERR_CONFLICT and what to do instead. All of it runs in a fiber.
 */
#pragma once
#include "src/base/json.h"
#include "src/core/core.h"
#include "src/ipc/machine.h"

int machine_demand(const struct core *core, struct err *e);
/* GET /system: version, board, uptime, clock, slots. The caller owns *out. */
int machine_facts(struct core *core, json_t **out, struct err *e);
/* What certkeep-update knows of the slots: {"step", "running", "slot.a.tries": ...}, texts all. */
int machine_slots(struct core *core, json_t **out, struct err *e);
/* One slot of what machine_slots got, as the API shows it. */
json_t *machine_slot(const json_t *all, const char *slot);
/* Of the facts: a member of the slot that runs. */
bool machine_running_is(const json_t *facts, const char *member);
/* Whether another slot holds a system that may be started. */
bool machine_has_fallback(const json_t *facts);
/* Whether a version was installed later than the one that runs, and did not prove healthy. */
bool machine_fell_back(const json_t *facts);
/* What happened at the last start of the machine, in words; malloc'ed. */
char *machine_last_start(const json_t *facts);
int machine_act(struct core *core, enum machine_act act, const char *text, struct err *e);
