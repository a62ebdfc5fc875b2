/* Control record: two copies, of which the newest whole one counts. */
#include "crypto/firmware/record.h"
#include "tests/unit/crypto/firmware/memory.h"

static struct memory memory;
static const struct control first = {.floor = 2,
                                     .running = SLOT_A,
                                     .sent = SLOT_NONE,
                                     .slot = {{.commit = 1, .tries = 7, .blessed = true},
                                              {.commit = 2, .tries = 1, .why = WHY_HEALTH}}};

static int start(void **state)
{
    (void)state;
    struct err e = {0};
    return firmware_start(&e);
}

static int lay(void **state)
{
    (void)state;
    memory_make(&memory);
    return 0;
}

static int unlay(void **state)
{
    (void)state;
    memory_free(&memory);
    return 0;
}

static uint8_t *copy(int i)
{
    return memory.part[0].p + (i ? 0x10000 : 0);
}

static void store(uint64_t floor)
{
    struct control c = first;
    struct err e = {0};
    c.floor = floor;
    assert_int_equal(control_store(&memory.disk.control, &c, &e), 0);
}

static struct control load(void)
{
    struct control c = {0};
    struct err e = {0};
    if (control_load(&memory.disk.control, &c, &e) < 0)
        fail_msg("%s", e.text);
    return c;
}

static void missing(void)
{
    struct control c;
    struct err e = {0};
    assert_int_equal(control_load(&memory.disk.control, &c, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void test_control_round_trip(void **state)
{
    (void)state;
    missing();
    store(2);
    struct control c = load();
    assert_int_equal(c.floor, 2);
    assert_int_equal(c.running, SLOT_A);
    assert_int_equal(c.sent, SLOT_NONE);
    assert_int_equal(c.slot[0].commit, 1);
    assert_int_equal(c.slot[0].tries, 7);
    assert_true(c.slot[0].blessed);
    assert_int_equal(c.slot[1].commit, 2);
    assert_int_equal(c.slot[1].tries, 1);
    assert_false(c.slot[1].blessed);
    assert_int_equal(c.slot[1].why, WHY_HEALTH);
}

static void test_control_copies_alternate(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 5; i++) {
        uint8_t other[RECORD_BYTES];
        memcpy(other, copy(i % 2 != 0), sizeof(other));
        store(i);
        assert_int_equal(get_u64(copy(i % 2 == 0) + 8), i);
        assert_memory_equal(copy(i % 2 != 0), other, sizeof(other));
        assert_int_equal(load().floor, i);
    }
}

/* Whatever byte of the newer copy is wrong, the older one counts. */
static void test_control_changed_byte_gives_the_copy_before(void **state)
{
    (void)state;
    store(1);
    store(2);
    for (size_t i = 0; i < RECORD_BYTES; i++) {
        copy(1)[i] ^= 0x40;
        assert_int_equal(load().floor, 1);
        copy(1)[i] ^= 0x40;
    }
    assert_int_equal(load().floor, 2);
}

/* A sector that was cut: begin of the new record, then the old one or noise. */
static void test_control_cut_write_gives_the_copy_before(void **state)
{
    (void)state;
    uint8_t old[RECORD_BYTES];
    uint8_t new[RECORD_BYTES];
    store(1);
    store(2);
    memcpy(old, copy(0), sizeof(old));
    store(3);
    memcpy(new, copy(0), sizeof(new));
    for (size_t cut = 0; cut < RECORD_BYTES; cut++) {
        memcpy(copy(0), old, sizeof(old));
        memcpy(copy(0), new, cut);
        assert_int_equal(load().floor, 2);
        memset(copy(0) + cut, 0xa5, RECORD_BYTES - cut);
        assert_int_equal(load().floor, 2);
    }
}

static void test_control_goes_on_over_a_broken_copy(void **state)
{
    (void)state;
    store(1);
    store(2);
    copy(1)[100] ^= 1;
    store(3);
    assert_int_equal(load().floor, 3);
    assert_int_equal(get_u64(copy(1) + 8), 2);
    copy(0)[100] ^= 1;
    assert_int_equal(load().floor, 3);
    copy(1)[100] ^= 1;
    missing();
}

/* Fields no writer of ours makes, under a checksum that is right. */
static void test_control_refuses_fields(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint8_t value;
    } cases[] = {{24, 2},         {25, 9}, {26, 1}, {40, 8}, {41, 2},
                 {42, WHY_COUNT}, {43, 1}, {95, 1}, {96, 1}, {479, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = {0};
        memset(memory.part[0].p, 0, MEMORY_CONTROL);
        store(1);
        assert_int_equal(load().floor, 1);
        copy(0)[cases[i].at] = cases[i].value;
        assert_int_equal(
            sha256(copy(0), RECORD_CHECKED_BYTES, NULL, 0, copy(0) + RECORD_CHECKED_BYTES, &e), 0);
        missing();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_control_round_trip, lay, unlay),
        cmocka_unit_test_setup_teardown(test_control_copies_alternate, lay, unlay),
        cmocka_unit_test_setup_teardown(test_control_changed_byte_gives_the_copy_before, lay,
                                        unlay),
        cmocka_unit_test_setup_teardown(test_control_cut_write_gives_the_copy_before, lay, unlay),
        cmocka_unit_test_setup_teardown(test_control_goes_on_over_a_broken_copy, lay, unlay),
        cmocka_unit_test_setup_teardown(test_control_refuses_fields, lay, unlay),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
