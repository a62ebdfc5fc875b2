/* The steps of an update: what is refused, and that a good one ends with the other slot committed.
 */
#include "src/stage0/slots.h"
#include "src/update/install.h"
#include "tests/unit/crypto/firmware/memory.h"

static struct signer signer;
static struct trust trust;
static struct sample *running; /* in slot a */
static struct sample *next_one;
static struct memory memory;
static struct updater u = {.disk = &memory.disk, .trust = &trust, .board = SAMPLE_BOARD};

static int start(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(firmware_start(&e), 0);
    signer_make(&signer);
    signer_trust(&signer, &trust);
    running = sample_make("1.0", 3, &signer);
    next_one = sample_make("2.0", 4, &signer);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(running);
    free(next_one);
    signer_free(&signer);
    return 0;
}

static void control_set(const struct control *c)
{
    struct err e = {0};
    assert_int_equal(control_store(&memory.disk.control, c, &e), 0);
}

static struct control control_get(void)
{
    struct control c = {0};
    struct err e = {0};
    assert_int_equal(control_load(&memory.disk.control, &c, &e), 0);
    return c;
}

static const struct control healthy = {
    .floor = 3,
    .running = SLOT_A,
    .sent = SLOT_NONE,
    .slot = {{.commit = 4, .tries = TRIES_BLESSED, .blessed = true}, {.commit = 3, .tries = 7}}};

static int lay(void **state)
{
    (void)state;
    memory_make(&memory);
    memory_lay(&memory, SLOT_A, running);
    memory_lay(&memory, SLOT_B, running);
    control_set(&healthy);
    memory.record = true;
    return 0;
}

static int unlay(void **state)
{
    (void)state;
    memory_free(&memory);
    return 0;
}

static int begin(const struct sample *s, uint32_t *next, struct err *e)
{
    return update_begin(&u, s->head, sizeof(s->head), next, e);
}

static int piece(const struct sample *s, uint32_t i, uint32_t *next, struct err *e)
{
    size_t at = (size_t)(i - 1) * PIECE_BYTES;
    size_t n = SAMPLE_PAYLOAD - at < PIECE_BYTES ? SAMPLE_PAYLOAD - at : PIECE_BYTES;
    return update_piece(&u, i, s->payload + at, n, next, e);
}

static void upload(const struct sample *s)
{
    struct err e = {0};
    uint32_t next = 0;
    if (begin(s, &next, &e) < 0)
        fail_msg("%s", e.text);
    for (uint32_t i = next; i <= SAMPLE_PIECES; i++)
        if (piece(s, i, &next, &e) < 0)
            fail_msg("%s", e.text);
    assert_int_equal(next, SAMPLE_PIECES + 1);
}

static void refused(int returned, const struct err *e, enum err_code code, const char *says)
{
    assert_int_equal(returned, -1);
    if (!strstr(e->text, says))
        fail_msg("\"%s\" does not say \"%s\"", e->text, says);
    assert_int_equal(e->code, code);
    assert_int_equal(memory.writes, 0);
}

static void test_update_commits_the_other_slot(void **state)
{
    (void)state;
    struct err e = {0};
    enum slot_id target = SLOT_NONE;
    struct policy policy = {.trust = &trust, .board = SAMPLE_BOARD, .floor = 3};
    struct manifest m;
    enum slot_why why;
    upload(next_one);
    assert_int_equal(control_get().slot[SLOT_B].commit, 0);
    if (update_commit(&u, &target, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(target, SLOT_B);
    struct control c = control_get();
    assert_int_equal(c.slot[SLOT_B].commit, 5);
    assert_int_equal(c.slot[SLOT_B].tries, TRIES_NEW);
    assert_false(c.slot[SLOT_B].blessed);
    assert_int_equal(c.slot[SLOT_A].commit, 4);
    assert_int_equal(c.floor, 3);
    assert_int_equal(slot_read(&memory.disk, SLOT_B, &policy, &m, &why, &e), 0);
    assert_string_equal(m.version, "2.0");
    assert_int_equal(slot_check(&memory.disk.boot[1], &memory.disk.root[1], &m, NULL, &e), 0);
    for (size_t i = 0; i < memory.writes; i++)
        assert_true(memory.log[i].part != 1 && memory.log[i].part != 3);
}

static void test_update_bless_raises_the_floor(void **state)
{
    (void)state;
    struct err e = {0};
    struct control c = healthy;
    memory_lay(&memory, SLOT_B, next_one);
    c.running = SLOT_B;
    c.slot[SLOT_B] = (struct control_slot){.commit = 5, .tries = 2, .why = WHY_HEALTH};
    control_set(&c);
    assert_int_equal(update_bless(&u, &e), 0);
    c = control_get();
    assert_true(control_healthy(&c, SLOT_B));
    assert_int_equal(c.slot[SLOT_B].why, WHY_NONE);
    assert_int_equal(c.floor, 4);
    size_t writes = memory.writes;
    assert_int_equal(update_bless(&u, &e), 0); /* again: nothing to write */
    assert_int_equal(memory.writes, writes);
    c.running = SLOT_NONE;
    control_set(&c);
    assert_int_equal(update_bless(&u, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
}

static void test_update_refuses_while_running_is_not_healthy(void **state)
{
    (void)state;
    struct err e = {0};
    uint32_t next = 0;
    enum slot_id target;
    struct control c = healthy;
    memory.record = false;
    c.slot[SLOT_A].tries = 6; /* started, not blessed since */
    control_set(&c);
    memory.record = true;
    refused(begin(next_one, &next, &e), &e, ERR_CONFLICT, "has not proven healthy");
    refused(piece(next_one, 1, &next, &e), &e, ERR_CONFLICT, "has not proven healthy");
    refused(update_commit(&u, &target, &e), &e, ERR_CONFLICT, "has not proven healthy");
}

static void test_update_refuses_heads(void **state)
{
    (void)state;
    struct err e = {0};
    uint32_t next = 0;
    struct sample *s = calloc(1, sizeof(*s));
    assert_non_null(s);

    *s = *next_one;
    refused(update_begin(&u, s->head, 1000, &next, &e), &e, ERR_INPUT, "1000 bytes");
    s->head[600] ^= 1;
    refused(begin(s, &next, &e), &e, ERR_CRYPTO, "ECDSA");
    *s = *next_one;
    s->head[700] ^= 1;
    refused(begin(s, &next, &e), &e, ERR_CRYPTO, "LMS");
    *s = *next_one;
    s->head[SLOT_BLOCK_BYTES] ^= 1;
    refused(begin(s, &next, &e), &e, ERR_CRYPTO, "the piece table is not the one that was signed");
    *s = *next_one;
    s->head[SLOT_BLOCK_BYTES + 32 * SAMPLE_PIECES] = 1;
    refused(begin(s, &next, &e), &e, ERR_INPUT, "behind the piece table");
    *s = *next_one;
    s->head[PIECE_BYTES - 1] = 1;
    refused(begin(s, &next, &e), &e, ERR_INPUT, "behind the piece table");

    *s = *next_one;
    put_u64(s->manifest + 120, 2); /* an older release, signed all right */
    sample_sign(s, &signer);
    refused(begin(s, &next, &e), &e, ERR_DENIED, "its rollback index 2 is below 3");
    *s = *next_one;
    put_u32(s->manifest + 8, UPDATER_VERSION + 1);
    sample_sign(s, &signer);
    refused(begin(s, &next, &e), &e, ERR_DENIED, "needs an updater of version 2");
    *s = *next_one;
    memcpy(s->manifest + 48, "rack", 4);
    sample_sign(s, &signer);
    refused(begin(s, &next, &e), &e, ERR_INPUT, "this is vm-x86_64");
    free(s);

    memory.disk.root[1].bytes -= 17 * BLOCK_BYTES;
    refused(begin(next_one, &next, &e), &e, ERR_LIMIT, "root-b has room for");
}

static void test_update_refuses_pieces(void **state)
{
    (void)state;
    struct err e = {0};
    uint32_t next = 0;
    enum slot_id target;

    refused(piece(next_one, 1, &next, &e), &e, ERR_CONFLICT, "send piece 0");
    refused(update_commit(&u, &target, &e), &e, ERR_CONFLICT, "send piece 0");
    assert_int_equal(begin(next_one, &next, &e), 0);
    assert_int_equal(next, 1);
    size_t writes = memory.writes;
    assert_int_equal(piece(next_one, 2, &next, &e), -1);
    assert_non_null(strstr(e.text, "piece 1 comes next"));
    assert_int_equal(update_piece(&u, 4, next_one->payload, 1, &next, &e), -1);
    assert_non_null(strstr(e.text, "expected 1 to 3"));
    assert_int_equal(update_piece(&u, 1, next_one->payload, PIECE_BYTES - 1, &next, &e), -1);
    assert_non_null(strstr(e.text, "1048575 bytes, expected 1048576"));
    assert_int_equal(update_piece(&u, 1, running->payload, PIECE_BYTES, &next, &e), -1);
    assert_non_null(strstr(e.text, "send it again"));
    assert_int_equal(update_commit(&u, &target, &e), -1);
    assert_non_null(strstr(e.text, "piece 1 comes next"));
    assert_int_equal(memory.writes, writes);
    assert_int_equal(piece(next_one, 1, &next, &e), 0);
    writes = memory.writes;
    assert_int_equal(piece(next_one, 1, &next, &e), 0); /* sent twice */
    assert_int_equal(next, 2);
    assert_int_equal(memory.writes, writes);
}

static void test_update_goes_on_and_begins_anew(void **state)
{
    (void)state;
    struct err e = {0};
    uint32_t next = 0;
    struct sample *third = sample_make("3.0", 4, &signer);
    assert_int_equal(begin(next_one, &next, &e), 0);
    assert_int_equal(piece(next_one, 1, &next, &e), 0);
    size_t writes = memory.writes;
    assert_int_equal(begin(next_one, &next, &e), 0);
    assert_int_equal(next, 2);
    assert_int_equal(memory.writes, writes);
    assert_int_equal(begin(third, &next, &e), 0);
    assert_int_equal(next, 1);
    free(third);
}

/* Bytes that change on the disk after they were compared are found before the commit, and the same
   bundle can be given again. */
static void test_update_commit_reads_everything_again(void **state)
{
    (void)state;
    static const struct {
        unsigned part;
        size_t at;
    } places[] = {{2, BLOCK_BYTES},
                  {2, SAMPLE_BOOT - 1},
                  {4, 0},
                  {4, SAMPLE_ROOT - 1},
                  {4, SAMPLE_ROOT + SAMPLE_TREE - 1},
                  {0, 0x50000 + 9},
                  {0, 0x40000 + 300},
                  {0, 0x40000 + SLOT_BLOCK_BYTES}};
    memory.record = false;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct err e = {0};
        enum slot_id target;
        upload(next_one);
        memory.part[places[i].part].p[places[i].at] ^= 1;
        assert_int_equal(update_commit(&u, &target, &e), -1);
        assert_true(e.code == ERR_CRYPTO || e.code == ERR_INPUT);
        assert_int_equal(control_get().slot[SLOT_B].commit, 0);
    }
    struct err e = {0};
    enum slot_id target;
    upload(next_one);
    assert_int_equal(update_commit(&u, &target, &e), 0);
}

/* A head that rotted on the disk does not hold up the upload for ever. */
static void test_update_begins_anew_when_its_head_is_damaged(void **state)
{
    (void)state;
    struct err e = {0};
    uint32_t next = 0;
    assert_int_equal(begin(next_one, &next, &e), 0);
    assert_int_equal(piece(next_one, 1, &next, &e), 0);
    memory.part[0].p[0x40000 + SLOT_BLOCK_BYTES + 5] ^= 1;
    assert_int_equal(piece(next_one, 2, &next, &e), -1);
    assert_int_equal(e.code, ERR_CRYPTO);
    assert_int_equal(begin(next_one, &next, &e), 0);
    assert_int_equal(next, 1);
    assert_int_equal(piece(next_one, 1, &next, &e), 0);
}

static void test_update_finds_a_disk_that_loses_writes(void **state)
{
    (void)state;
    struct err e = {0};
    uint32_t next = 0;
    memory.record = false;
    assert_int_equal(begin(next_one, &next, &e), 0);
    memory.lie = 4;
    assert_int_equal(piece(next_one, 1, &next, &e), -1);
    assert_non_null(strstr(e.text, "root-b: what was written at"));
    memory.lie = -1;
    assert_int_equal(begin(next_one, &next, &e), 0);
    assert_int_equal(next, 1);
}

static void test_update_in_rescue_takes_the_older_slot(void **state)
{
    (void)state;
    struct err e = {0};
    enum slot_id target;
    struct control c = healthy;
    c.running = SLOT_NONE;
    c.slot[SLOT_A].tries = 0;
    c.slot[SLOT_B].tries = 0;
    control_set(&c);
    upload(next_one);
    assert_int_equal(update_commit(&u, &target, &e), 0);
    assert_int_equal(target, SLOT_B);
    struct slot_seen seen[2] = {{.paired = false, .rollback = 3}, {.paired = true, .rollback = 4}};
    c = control_get();
    struct slots_choice k = slots_choose(&c, seen);
    assert_int_equal(k.act, SLOTS_BOOT);
    assert_int_equal(k.slot, SLOT_B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_update_commits_the_other_slot, lay, unlay),
        cmocka_unit_test_setup_teardown(test_update_bless_raises_the_floor, lay, unlay),
        cmocka_unit_test_setup_teardown(test_update_refuses_while_running_is_not_healthy, lay,
                                        unlay),
        cmocka_unit_test_setup_teardown(test_update_refuses_heads, lay, unlay),
        cmocka_unit_test_setup_teardown(test_update_refuses_pieces, lay, unlay),
        cmocka_unit_test_setup_teardown(test_update_goes_on_and_begins_anew, lay, unlay),
        cmocka_unit_test_setup_teardown(test_update_commit_reads_everything_again, lay, unlay),
        cmocka_unit_test_setup_teardown(test_update_begins_anew_when_its_head_is_damaged, lay,
                                        unlay),
        cmocka_unit_test_setup_teardown(test_update_finds_a_disk_that_loses_writes, lay, unlay),
        cmocka_unit_test_setup_teardown(test_update_in_rescue_takes_the_older_slot, lay, unlay),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
