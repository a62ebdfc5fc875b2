/* The choice. No disk, no clock, no firmware: what it returns is all it does. */
#include "src/stage0/slots.h"

struct control slots_rebuild(const struct slot_seen seen[2])
{
    struct control c = {.running = SLOT_NONE, .sent = SLOT_NONE};

    for (int i = 0; i < 2; i++) {
        if (seen[i].why != WHY_NONE)
            continue;
        c.slot[i] = (struct control_slot){.commit = 1, .tries = TRIES_NEW};
        if (seen[i].rollback > c.floor)
            c.floor = seen[i].rollback;
    }
    if (c.slot[0].commit && c.slot[1].commit) {
        bool b_newer = seen[1].rollback != seen[0].rollback ? seen[1].rollback > seen[0].rollback
                                                            : seen[1].built > seen[0].built;
        c.slot[b_newer].commit = 2;
    }
    return c;
}

/* What the record's own history says about a slot, before any new choice. */
static void settle(struct control *c, const struct slot_seen seen[2])
{
    for (int i = 0; i < 2; i++) {
        struct control_slot *s = &c->slot[i];
        if (s->commit == 0)
            continue;
        if (seen[i].why != WHY_NONE)
            s->why = seen[i].why;
        else if (seen[i].rollback < c->floor)
            s->why = WHY_ROLLBACK;
        else if (c->sent == (enum slot_id)i && !seen[i].paired)
            s->why = WHY_BOOT;
        else if (c->running == (enum slot_id)i && s->tries < TRIES_BLESSED && s->why == WHY_NONE)
            s->why = WHY_HEALTH;
    }
}

static bool may_run(const struct control *c, const struct slot_seen seen[2], enum slot_id id)
{
    const struct control_slot *s = &c->slot[id];
    bool arrived = c->sent == id && seen[id].paired; /* its try was taken when it was sent */

    return s->commit != 0 && seen[id].why == WHY_NONE && seen[id].rollback >= c->floor &&
           (s->tries > 0 || arrived);
}

struct slots_choice slots_choose(const struct control *now, const struct slot_seen seen[2])
{
    struct control c = *now;
    enum slot_id order[2] = {SLOT_A, SLOT_B};

    settle(&c, seen);
    if (c.slot[SLOT_B].commit > c.slot[SLOT_A].commit) {
        order[0] = SLOT_B;
        order[1] = SLOT_A;
    }
    for (int i = 0; i < 2; i++) {
        enum slot_id id = order[i];
        if (!may_run(&c, seen, id))
            continue;
        bool arrived = c.sent == id && seen[id].paired;
        if (!arrived)
            c.slot[id].tries--;
        c.sent = seen[id].paired ? SLOT_NONE : id;
        c.running = seen[id].paired ? id : SLOT_NONE;
        return (struct slots_choice){seen[id].paired ? SLOTS_BOOT : SLOTS_SEND, id, c};
    }
    c.sent = SLOT_NONE;
    c.running = SLOT_NONE;
    return (struct slots_choice){SLOTS_RESCUE, SLOT_NONE, c};
}

struct control slots_root_failed(const struct control *now, enum slot_id id)
{
    struct control c = *now;

    c.slot[id].tries = 0;
    c.slot[id].why = WHY_ROOT;
    c.running = SLOT_NONE;
    c.sent = SLOT_NONE;
    return c;
}
