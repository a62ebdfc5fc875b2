/* Steps of connector tests, newest test of each of the last 64 connectors tested. */
#include "src/core/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/events.h"
#include "src/core/flow/parts.h"

#define KEPT 64
#define STEPS_MAX 40

static struct {
    char connector[ID_CHARS + 1];
    json_t *steps;
} kept[KEPT];
static size_t next_slot;

static json_t **steps_of(const char *connector, bool make)
{
    for (size_t i = 0; i < KEPT; i++)
        if (kept[i].steps && str_eq(kept[i].connector, connector))
            return &kept[i].steps;
    if (!make || strlen(connector) > ID_CHARS)
        return NULL;
    size_t i = next_slot++ % KEPT;
    json_decref(kept[i].steps);
    kept[i].steps = json_array();
    memcpy(kept[i].connector, connector, strlen(connector) + 1);
    return &kept[i].steps;
}

void evidence_add(struct core *core, const struct msg_CA_EVIDENCE *m)
{
    json_t **steps = steps_of(m->subject, true);
    OWN(own_json)
    json_t *s = json_object();
    if (steps == NULL)
        return;
    json_put_str(s, "step", m->step);
    json_put_str(s, "state", m->state);
    json_put_str(s, "text", m->text);
    json_put_now(s);
    /* A step that runs and then ends is one line; the first step of a test clears the one before.
     */
    size_t n = json_array_size(*steps);
    if (n > 0 && str_eq(json_str(json_array_get(*steps, n - 1), "step"), m->step))
        json_array_remove(*steps, n - 1);
    else if (n >= STEPS_MAX)
        json_array_clear(*steps);
    json_array_append(*steps, s);
    events_changed(core->events, "connector", m->subject, false);
}

void evidence_clear(const char *connector)
{
    json_t **steps = steps_of(connector, false);
    if (steps)
        json_array_clear(*steps);
}

json_t *evidence_list(const char *connector)
{
    json_t **steps = steps_of(connector, false);
    json_t *list = json_array();
    for (size_t i = steps ? json_array_size(*steps) : 0; i > 0; i--)
        json_array_append_new(list, json_deep_copy(json_array_get(*steps, i - 1)));
    return list;
}
