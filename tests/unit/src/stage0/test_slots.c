/*
 * The choice of the slot: its rules over every state there is (each slot empty or committed, every
 * count of tries, blessed or not, good or broken, below the floor or not, paired or not, running or
 * sent), and the stories they add up to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/stage0/slots.h"

#define FLOOR 5

static bool may_run(const struct control *c, const struct slot_seen *seen, int i)
{
    bool arrived = c->sent == (enum slot_id)i && seen[i].paired;
    return c->slot[i].commit && seen[i].why == WHY_NONE && seen[i].rollback >= c->floor &&
           (c->slot[i].tries || arrived);
}

/* What must hold of any choice, said apart from how it is made. */
static void judge(const struct control *c, const struct slot_seen seen[2])
{
    struct slots_choice k = slots_choose(c, seen);
    bool can[2] = {may_run(c, seen, 0), may_run(c, seen, 1)};

    assert_int_equal(k.next.floor, c->floor);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(k.next.slot[i].commit, c->slot[i].commit);
        assert_int_equal(k.next.slot[i].blessed, c->slot[i].blessed);
        if (k.slot != (enum slot_id)i)
            assert_int_equal(k.next.slot[i].tries, c->slot[i].tries);
        if (c->slot[i].commit && !can[i] && seen[i].why != WHY_NONE)
            assert_int_equal(k.next.slot[i].why, seen[i].why);
    }
    if (!can[0] && !can[1]) {
        assert_int_equal(k.act, SLOTS_RESCUE);
        assert_int_equal(k.slot, SLOT_NONE);
        assert_int_equal(k.next.running, SLOT_NONE);
        assert_int_equal(k.next.sent, SLOT_NONE);
        return;
    }
    assert_true(k.slot == SLOT_A || k.slot == SLOT_B);
    assert_true(can[k.slot]);
    if (can[!k.slot])
        assert_true(c->slot[k.slot].commit > c->slot[!k.slot].commit);
    bool arrived = c->sent == k.slot && seen[k.slot].paired;
    assert_int_equal(k.next.slot[k.slot].tries, c->slot[k.slot].tries - (arrived ? 0 : 1));
    assert_int_equal(k.act, seen[k.slot].paired ? SLOTS_BOOT : SLOTS_SEND);
    assert_int_equal(k.next.running, k.act == SLOTS_BOOT ? k.slot : SLOT_NONE);
    assert_int_equal(k.next.sent, k.act == SLOTS_BOOT ? SLOT_NONE : k.slot);
}

struct one {
    struct control_slot slot;
    struct slot_seen seen;
};

/* Every state of one slot whose commit number is `commit` or 0. */
static size_t states(struct one *out, uint64_t commit)
{
    size_t n = 0;
    for (unsigned bits = 0; bits < 32; bits++)
        for (uint8_t tries = 0; tries <= TRIES_BLESSED; tries++)
            out[n++] = (struct one){
                .slot = {.commit = bits & 1 ? commit : 0, .tries = tries, .blessed = bits & 2},
                .seen = {.why = bits & 4 ? WHY_SIGNATURE : WHY_NONE,
                         .paired = bits & 8,
                         .rollback = bits & 16 ? FLOOR - 1 : FLOOR}};
    return n;
}

static void test_slots_choose_every_state(void **state)
{
    (void)state;
    static const enum slot_id ids[] = {SLOT_A, SLOT_B, SLOT_NONE};
    static struct one a[256];
    static struct one b[256];
    size_t judged = 0;

    for (uint64_t newer = 0; newer < 2; newer++) {
        size_t na = states(a, 1 + newer);
        size_t nb = states(b, 2 - newer);
        for (size_t i = 0; i < na * nb * 9; i++) {
            const struct one *x = &a[i / 9 / nb];
            const struct one *y = &b[i / 9 % nb];
            struct control c = {.floor = FLOOR,
                                .running = ids[i % 3],
                                .sent = ids[i / 3 % 3],
                                .slot = {x->slot, y->slot}};
            struct slot_seen seen[2] = {x->seen, y->seen};
            judge(&c, seen);
            judged++;
        }
    }
    assert_int_equal(judged, 2u * 256 * 256 * 9);
}

/* A machine that starts: which boot image came up, and what happened then. */
static const struct slot_seen both[2] = {{.paired = true, .rollback = 1},
                                         {.paired = false, .rollback = 1}};
static const struct slot_seen as_b[2] = {{.paired = false, .rollback = 1},
                                         {.paired = true, .rollback = 1}};

static struct control updated(void)
{
    return (struct control){.running = SLOT_A,
                            .sent = SLOT_NONE,
                            .slot = {{.commit = 1, .tries = TRIES_BLESSED, .blessed = true},
                                     {.commit = 2, .tries = TRIES_NEW}}};
}

static void expect(const struct slots_choice *k, enum slots_do act, enum slot_id slot)
{
    assert_int_equal(k->act, act);
    assert_int_equal(k->slot, slot);
}

static void test_slots_update_is_tried_and_runs(void **state)
{
    (void)state;
    struct control c = updated();
    struct slots_choice k = slots_choose(&c, both);
    expect(&k, SLOTS_SEND, SLOT_B);
    assert_int_equal(k.next.slot[SLOT_B].tries, 2);
    k = slots_choose(&k.next, as_b);
    expect(&k, SLOTS_BOOT, SLOT_B);
    assert_int_equal(k.next.slot[SLOT_B].tries, 2);
    assert_int_equal(k.next.slot[SLOT_B].why, WHY_NONE);
}

/* The new kernel never reaches stage-0: the firmware comes back with the old one each time. */
static void test_slots_bad_boot_image_falls_back_after_three(void **state)
{
    (void)state;
    struct control c = updated();
    for (int i = 0; i < 3; i++) {
        struct slots_choice k = slots_choose(&c, both);
        expect(&k, SLOTS_SEND, SLOT_B);
        c = k.next;
    }
    struct slots_choice k = slots_choose(&c, both);
    expect(&k, SLOTS_BOOT, SLOT_A);
    assert_int_equal(k.next.slot[SLOT_B].why, WHY_BOOT);
}

/* The new system starts and never proves healthy. */
static void test_slots_unhealthy_falls_back_after_three(void **state)
{
    (void)state;
    struct control c = updated();
    struct slots_choice k = slots_choose(&c, both);
    for (int i = 0; i < 3; i++) {
        k = slots_choose(&k.next, as_b);
        expect(&k, SLOTS_BOOT, SLOT_B);
    }
    assert_int_equal(k.next.slot[SLOT_B].tries, 0);
    k = slots_choose(&k.next, as_b);
    expect(&k, SLOTS_SEND, SLOT_A);
    assert_int_equal(k.next.slot[SLOT_B].why, WHY_HEALTH);
    k = slots_choose(&k.next, both);
    expect(&k, SLOTS_BOOT, SLOT_A);
}

static void test_slots_broken_root_falls_back_at_once(void **state)
{
    (void)state;
    struct control c = updated();
    struct slots_choice k = slots_choose(&c, both);
    k = slots_choose(&k.next, as_b);
    expect(&k, SLOTS_BOOT, SLOT_B);
    c = slots_root_failed(&k.next, SLOT_B);
    k = slots_choose(&c, as_b);
    expect(&k, SLOTS_SEND, SLOT_A);
    assert_int_equal(k.next.slot[SLOT_B].why, WHY_ROOT);
}

static void test_slots_rescue_when_both_are_spent(void **state)
{
    (void)state;
    struct control c = updated();
    c.slot[SLOT_A].tries = 0;
    c.slot[SLOT_B].tries = 0;
    struct slots_choice k = slots_choose(&c, both);
    expect(&k, SLOTS_RESCUE, SLOT_NONE);
}

static void test_slots_rebuild_orders_and_keeps_the_floor(void **state)
{
    (void)state;
    struct slot_seen seen[2] = {{.rollback = 4, .built = 9}, {.rollback = 4, .built = 8}};
    struct control c = slots_rebuild(seen);
    assert_int_equal(c.floor, 4);
    assert_int_equal(c.slot[SLOT_A].commit, 2);
    assert_int_equal(c.slot[SLOT_B].commit, 1);
    assert_int_equal(c.slot[SLOT_A].tries, TRIES_NEW);
    assert_false(c.slot[SLOT_A].blessed);
    assert_int_equal(c.running, SLOT_NONE);

    seen[1].rollback = 5;
    c = slots_rebuild(seen);
    assert_int_equal(c.floor, 5);
    assert_int_equal(c.slot[SLOT_B].commit, 2);
    struct slots_choice k = slots_choose(&c, seen);
    assert_int_equal(k.slot, SLOT_B);
    c.slot[SLOT_B].tries = 0;
    k = slots_choose(&c, seen); /* what is older than the floor is no fallback */
    expect(&k, SLOTS_RESCUE, SLOT_NONE);

    seen[1].why = WHY_SIGNATURE;
    c = slots_rebuild(seen);
    assert_int_equal(c.floor, 4);
    assert_int_equal(c.slot[SLOT_B].commit, 0);
    assert_int_equal(c.slot[SLOT_A].commit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_choose_every_state),
        cmocka_unit_test(test_slots_update_is_tried_and_runs),
        cmocka_unit_test(test_slots_bad_boot_image_falls_back_after_three),
        cmocka_unit_test(test_slots_unhealthy_falls_back_after_three),
        cmocka_unit_test(test_slots_broken_root_falls_back_at_once),
        cmocka_unit_test(test_slots_rescue_when_both_are_spent),
        cmocka_unit_test(test_slots_rebuild_orders_and_keeps_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
