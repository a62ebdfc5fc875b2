/*
 * Power cuts: the writes of an update are recorded once, then every prefix of them, with the last
 * one whole or cut at a sector (whose bytes are then noise), is what a disk holds when the machine
 * starts again. What stage-0 chooses then is compared byte by byte with its manifest; and the
 * update is given again and must end with the new system. A disk may also lose writes that were not
 * flushed, in any combination.
 */
#include "src/stage0/slots.h"
#include "src/update/install.h"
#include "tests/unit/crypto/firmware/memory.h"

#define SECTOR 512u

static struct signer signer;
static struct trust trust;
static struct sample *old;
static struct sample *new;
static struct memory recorded; /* the disk the update ran on, with its log */
static struct memory memory;   /* the disk of one prefix */
static const struct control before = {
    .floor = 3,
    .running = SLOT_A,
    .sent = SLOT_NONE,
    .slot = {{.commit = 4, .tries = TRIES_BLESSED, .blessed = true},
             {.commit = 3, .tries = TRIES_BLESSED, .blessed = true}}};

static int update_try(struct memory *m, struct err *e)
{
    struct updater u = {.disk = &m->disk, .trust = &trust, .board = SAMPLE_BOARD};
    enum slot_id target;
    uint32_t next = 0;

    if (update_begin(&u, new->head, sizeof(new->head), &next, e) < 0)
        return -1;
    for (uint32_t i = next; i <= SAMPLE_PIECES; i++) {
        size_t at = (size_t)(i - 1) * PIECE_BYTES;
        size_t n = SAMPLE_PAYLOAD - at < PIECE_BYTES ? SAMPLE_PAYLOAD - at : PIECE_BYTES;
        if (update_piece(&u, i, new->payload + at, n, &next, e) < 0)
            return -1;
    }
    return update_commit(&u, &target, e);
}

static void update_all(struct memory *m)
{
    struct err e = {0};

    if (update_try(m, &e) < 0)
        fail_msg("%s", e.text);
}

static void disk_before(struct memory *m)
{
    struct err e = {0};
    m->record = false;
    memory_lay(m, SLOT_A, old);
    memory_lay(m, SLOT_B, old);
    memset(m->part[0].p, 0, MEMORY_CONTROL);
    assert_int_equal(control_store(&m->disk.control, &before, &e), 0);
}

static int start(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(firmware_start(&e), 0);
    signer_make(&signer);
    signer_trust(&signer, &trust);
    old = sample_make("1.0", 3, &signer);
    new = sample_make("2.0", 3, &signer);
    memory_make(&recorded);
    disk_before(&recorded);
    recorded.record = true;
    recorded.flushes = 0;
    update_all(&recorded);
    memory_make(&memory);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(old);
    free(new);
    memory_free(&recorded);
    memory_free(&memory);
    signer_free(&signer);
    return 0;
}

static void apply(const struct memory_write *w, size_t n)
{
    memcpy(memory.part[w->part].p + w->at, w->p, n);
}

/* What stage-0 sees, judged with both signatures; the boot image of `from` came up. */
static void look(enum slot_id from, struct slot_seen seen[2])
{
    struct policy policy = {.trust = &trust, .board = SAMPLE_BOARD};
    struct manifest m;
    struct err e = {0};

    for (int i = 0; i < 2; i++) {
        seen[i] = (struct slot_seen){0};
        if (slot_read(&memory.disk, (enum slot_id)i, &policy, &m, &seen[i].why, &e) == 0)
            seen[i] = (struct slot_seen){
                .paired = from == (enum slot_id)i, .rollback = m.rollback, .built = m.built};
    }
}

static struct slots_choice start_machine(enum slot_id from)
{
    struct slot_seen seen[2];
    struct control c;
    struct err e = {0};

    look(from, seen);
    assert_int_equal(control_load(&memory.disk.control, &c, &e), 0);
    return slots_choose(&c, seen);
}

/* Whether the slot holds exactly these bytes in its images and its slot block. */
static bool holds(enum slot_id id, const struct sample *s)
{
    const uint8_t *root = memory.part[3 + id].p;
    return memcmp(memory.part[1 + id].p, s->payload, SAMPLE_BOOT) == 0 &&
           memcmp(root, s->payload + SAMPLE_BOOT, SAMPLE_ROOT + SAMPLE_TREE) == 0 &&
           memcmp(root + MEMORY_ROOT - SLOT_BLOCK_BYTES, s->head, SLOT_BLOCK_BYTES) == 0;
}

/* Only a whole system is chosen, and none but a whole one when that fails too; returns the slot. */
static enum slot_id good_choice(void)
{
    struct slots_choice k = start_machine(SLOT_A);
    enum slot_id chosen = k.slot;
    struct slot_seen seen[2];

    if (chosen == SLOT_NONE)
        fail_msg("nothing may run");
    look(chosen, seen);
    for (int i = 0; i < 2 && k.slot != SLOT_NONE; i++) {
        assert_true(k.slot == SLOT_A ? holds(SLOT_A, old)
                                     : holds(SLOT_B, new) || holds(SLOT_B, old));
        struct control c = slots_root_failed(&k.next, k.slot);
        k = slots_choose(&c, seen);
    }
    assert_int_equal(k.slot, SLOT_NONE);
    return chosen;
}

/* The machine came up with the old system, which is healthy, and the update is given again. */
static void finishes(void)
{
    struct err e = {0};
    struct control c;
    if (good_choice() == SLOT_B)
        return; /* the commit was on the disk */
    struct slots_choice k = start_machine(SLOT_A);
    assert_int_equal(k.act, SLOTS_BOOT);
    c = k.next;
    c.slot[SLOT_A].tries = TRIES_BLESSED;
    assert_int_equal(control_store(&memory.disk.control, &c, &e), 0);
    update_all(&memory);
    assert_int_equal(good_choice(), SLOT_B);
    assert_true(holds(SLOT_B, new));
}

static void test_power_cut_after_every_write(void **state)
{
    (void)state;
    size_t committed = 0;
    for (size_t n = 0; n <= recorded.writes; n++) {
        disk_before(&memory);
        for (size_t i = 0; i < n; i++)
            apply(&recorded.log[i], recorded.log[i].n);
        committed += good_choice() == SLOT_B;
        finishes();
    }
    assert_true(recorded.writes >= 15);
    assert_int_equal(committed, 2); /* after the commit, and after the end of the journal */
}

/* The last write is cut at a sector: every one of a short write, some of a piece. */
static void test_power_cut_inside_every_write(void **state)
{
    (void)state;
    for (size_t n = 0; n < recorded.writes; n++) {
        const struct memory_write *w = &recorded.log[n];
        size_t sectors = w->n / SECTOR;
        size_t step = sectors > 64 ? sectors / 16 : 1;
        disk_before(&memory);
        for (size_t i = 0; i < n; i++)
            apply(&recorded.log[i], recorded.log[i].n);
        for (size_t cut = 0; cut < sectors; cut += step) {
            apply(w, cut * SECTOR);
            must(psa_generate_random(memory.part[w->part].p + w->at + cut * SECTOR, SECTOR));
            good_choice();
        }
        finishes();
    }
}

/* Writes that were not flushed when the power went may be on the disk or not, each for itself. */
static void test_power_cut_loses_any_unflushed_writes(void **state)
{
    (void)state;
    for (size_t n = 1; n <= recorded.writes; n++) {
        size_t first = n;
        while (first > 0 && recorded.log[first - 1].flushes == recorded.log[n - 1].flushes)
            first--;
        assert_true(n - first <= 3);
        for (unsigned kept = 0; kept < 1u << (n - first); kept++) {
            disk_before(&memory);
            for (size_t i = 0; i < n; i++)
                if (i < first || (kept >> (i - first) & 1))
                    apply(&recorded.log[i], recorded.log[i].n);
            good_choice();
        }
    }
}

/* The disk fails at one of its calls: an error, a whole system, and the next try ends well. */
static void test_disk_that_fails_once(void **state)
{
    (void)state;
    disk_before(&memory);
    memory.calls = 0;
    update_all(&memory);
    unsigned calls = memory.calls;
    unsigned step = 1;
    for (unsigned at = 1; at <= calls; at += step) {
        struct err e = {0};
        disk_before(&memory);
        memory.calls = 0;
        memory.fail_at = at;
        assert_int_equal(update_try(&memory, &e), -1);
        assert_non_null(strstr(e.text, "the disk failed"));
        memory.fail_at = 0;
        finishes();
        step = at < 25 || at > calls - 25 ? 1 : 101; /* the middle is reading pieces back */
    }
}

/* The control record is what a bless writes: one sector, whole or not at all. */
static void test_power_cut_inside_bless(void **state)
{
    (void)state;
    struct updater u = {.disk = &memory.disk, .trust = &trust, .board = SAMPLE_BOARD};
    struct err e = {0};
    struct control c = before;
    disk_before(&memory);
    c.slot[SLOT_A] = (struct control_slot){.commit = 4, .tries = 1};
    assert_int_equal(control_store(&memory.disk.control, &c, &e), 0);
    memory.record = true;
    assert_int_equal(update_bless(&u, &e), 0);
    assert_int_equal(memory.writes, 1);
    struct memory_write w = memory.log[0];
    assert_int_equal(w.n, SECTOR);
    for (size_t cut = 0; cut <= SECTOR; cut++) {
        disk_before(&memory);
        assert_int_equal(control_store(&memory.disk.control, &c, &e), 0);
        apply(&w, cut);
        assert_int_equal(control_load(&memory.disk.control, &c, &e), 0);
        assert_int_equal(c.slot[SLOT_A].tries, cut == SECTOR ? TRIES_BLESSED : 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cut_after_every_write),
        cmocka_unit_test(test_power_cut_inside_every_write),
        cmocka_unit_test(test_power_cut_loses_any_unflushed_writes),
        cmocka_unit_test(test_disk_that_fails_once),
        cmocka_unit_test(test_power_cut_inside_bless),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
