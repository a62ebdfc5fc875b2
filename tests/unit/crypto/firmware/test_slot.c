/* A slot on the disk: every byte that may run is covered by the manifest, and is compared. */
#include <fcntl.h>
#include <unistd.h>

#include "crypto/firmware/verity.h"
#include "tests/unit/crypto/firmware/memory.h"

#define FLIPS 2000

static struct signer signer;
static struct trust trust;
static struct sample *sample;
static struct memory memory;
static const struct policy policy = {.trust = &trust, .board = SAMPLE_BOARD, .floor = 3};

static int start(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(firmware_start(&e), 0);
    signer_make(&signer);
    signer_trust(&signer, &trust);
    sample = sample_make("1.0", 3, &signer);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(sample);
    signer_free(&signer);
    return 0;
}

static int lay(void **state)
{
    (void)state;
    memory_make(&memory);
    memory_lay(&memory, SLOT_B, sample);
    return 0;
}

static int unlay(void **state)
{
    (void)state;
    memory_free(&memory);
    return 0;
}

static int judge_block(const struct disk *d, struct manifest *m, struct err *e)
{
    enum slot_why why;
    return slot_read(d, SLOT_B, &policy, m, &why, e);
}

/* As `certkeep-update check` judges a slot. */
static int judge(const struct disk *d, struct err *e)
{
    struct manifest m;

    if (judge_block(d, &m, e) < 0)
        return -1;
    return slot_check(&d->boot[1], &d->root[1], &m, NULL, e);
}

static void test_slot_whole_is_accepted(void **state)
{
    (void)state;
    struct err e = {0};
    if (judge(&memory.disk, &e) < 0)
        fail_msg("%s", e.text);
}

/* The disk as files in a folder. */
static void files_make(char *folder, struct disk *d)
{
    static const char *const names[] = {"control", "boot-a", "boot-b", "root-a", "root-b"};
    struct err e = {0};

    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < MEMORY_PARTS; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, memory.part[i].p, memory.part[i].n), memory.part[i].n);
        close(fd);
    }
    if (disk_open(folder, d, &e) < 0)
        fail_msg("%s", e.text);
    for (size_t i = 0; i < MEMORY_PARTS; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path); /* the open descriptors are enough */
    }
    rmdir(folder);
}

static void file_change(int fd, size_t at, uint8_t by)
{
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= by;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static void test_slot_refuses_random_flips(void **state)
{
    (void)state;
    static const struct {
        bool boot;
        size_t at;
        size_t n;
    } areas[] = {
        {true, 0, SAMPLE_BOOT},
        {false, 0, SAMPLE_ROOT},
        {false, SAMPLE_ROOT, SAMPLE_TREE},
        {false, MEMORY_ROOT - SLOT_BLOCK_BYTES, MANIFEST_BYTES},
        {false, MEMORY_ROOT - SLOT_BLOCK_BYTES + 512, ECDSA_SIGNATURE_BYTES},
        {false, MEMORY_ROOT - SLOT_BLOCK_BYTES + 608, LMS_SIGNATURE_BYTES},
    };
    char folder[] = "/tmp/certkeep-slots-XXXXXX";
    struct disk d;
    struct manifest m;
    struct manifest changed;
    struct err e = {0};
    files_make(folder, &d);
    assert_int_equal(judge_block(&d, &m, &e), 0);
    for (unsigned i = 0; i < FLIPS; i++) {
        uint32_t pick[2];
        must(psa_generate_random((uint8_t *)pick, sizeof(pick)));
        unsigned area = i % 6;
        size_t at = areas[area].at + pick[0] % areas[area].n;
        int fd = areas[area].boot ? d.boot[1].fd : d.root[1].fd;
        uint8_t by = (uint8_t)(1 + pick[1] % 255);
        file_change(fd, at, by);
        /* Each half alone, for time: what is in an image says nothing about the slot block. */
        if (area < 3 ? slot_check(&d.boot[1], &d.root[1], &m, NULL, &e) == 0
                     : judge_block(&d, &changed, &e) == 0)
            fail_msg("byte %zu of %s may be changed", at, areas[area].boot ? "boot-b" : "root-b");
        file_change(fd, at, by);
    }
    if (judge(&d, &e) < 0)
        fail_msg("%s", e.text);
    disk_close(&d);
}

/* The kernel itself holds the updater back from the system that runs. */
static void test_disk_open_leaves_the_running_slot_read_only(void **state)
{
    (void)state;
    static const enum slot_id running[] = {SLOT_NONE, SLOT_A, SLOT_B};
    for (size_t i = 0; i < 3; i++) {
        char folder[] = "/tmp/certkeep-slots-XXXXXX";
        uint8_t zero[BLOCK_BYTES] = {0};
        struct control c = {.running = running[i], .sent = SLOT_NONE};
        struct disk d;
        struct err e = {0};
        assert_int_equal(control_store(&memory.disk.control, &c, &e), 0);
        files_make(folder, &d);
        for (int slot = 0; slot < 2; slot++) {
            int want = (enum slot_id)slot == running[i] ? -1 : 0;
            assert_int_equal(block_put(&d.boot[slot], 0, zero, sizeof(zero), &e), want);
            assert_int_equal(block_put(&d.root[slot], 0, zero, sizeof(zero), &e), want);
        }
        assert_int_equal(control_store(&d.control, &c, &e), 0);
        disk_close(&d);
    }
}

/* Data and a hash tree that fit each other, but are not what was signed. */
static void test_slot_refuses_another_root_with_its_tree(void **state)
{
    (void)state;
    struct err e = {0};
    uint8_t hash[SHA256_BYTES];
    uint8_t *root = memory.part[4].p;
    root[5] ^= 1;
    sample_tree(sample->manifest + 184, root, root + SAMPLE_ROOT, hash);
    assert_int_equal(judge(&memory.disk, &e), -1);
    assert_int_equal(e.code, ERR_CRYPTO);
    assert_non_null(strstr(e.text, "root-b: root hash: it is not the one of the manifest"));
}

/* Space behind the images belongs to nobody and is not judged. */
static void test_slot_ignores_what_lies_between(void **state)
{
    (void)state;
    struct err e = {0};
    memory.part[2].p[SAMPLE_BOOT] = 1;
    memory.part[4].p[SAMPLE_ROOT + SAMPLE_TREE] = 1;
    assert_int_equal(judge(&memory.disk, &e), 0);
}

static void why_of(const struct policy *p, enum slot_id id, enum slot_why want, const char *says)
{
    struct manifest m;
    enum slot_why why = WHY_NONE;
    struct err e = {0};
    assert_int_equal(slot_read(&memory.disk, id, p, &m, &why, &e), -1);
    assert_int_equal(why, want);
    if (!strstr(e.text, says))
        fail_msg("\"%s\" does not say \"%s\"", e.text, says);
}

static void test_slot_read_says_why(void **state)
{
    (void)state;
    struct policy strict = policy;
    struct signer other;
    struct trust others;
    why_of(&policy, SLOT_A, WHY_BLOCK, "slot a: manifest");
    strict.floor = 4;
    why_of(&strict, SLOT_B, WHY_ROLLBACK, "slot b: its rollback index 3 is below 4");
    strict = policy;
    strict.board = "rack-x86_64";
    why_of(&strict, SLOT_B, WHY_BOARD, "slot b: it is for the board");
    signer_make(&other);
    signer_trust(&other, &others);
    strict = policy;
    strict.trust = &others;
    why_of(&strict, SLOT_B, WHY_SIGNATURE, "slot b: signed by a key pair");
    signer_free(&other);
    memory.disk.boot[1].bytes = SAMPLE_BOOT - BLOCK_BYTES;
    why_of(&policy, SLOT_B, WHY_BLOCK, "boot-b has");
}

static void test_verity_tree_bytes_follows_the_kernel(void **state)
{
    (void)state;
    static const struct {
        uint64_t blocks, tree;
    } cases[] = {{2, 1}, {128, 1}, {129, 3}, {16384, 129}, {16385, 132}, {262144, 2048 + 16 + 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(verity_tree_bytes(cases[i].blocks * BLOCK_BYTES),
                         cases[i].tree * BLOCK_BYTES);
}

static void test_block_put_finds_a_lying_disk(void **state)
{
    (void)state;
    uint8_t p[BLOCK_BYTES] = {1};
    struct err e = {0};
    memory.lie = 4;
    assert_int_equal(block_put(&memory.disk.root[1], 0, p, sizeof(p), &e), -1);
    assert_int_equal(e.code, ERR_SYSTEM);
    assert_non_null(strstr(e.text, "root-b: what was written at 0 reads back differently"));
    assert_int_equal(block_put(&memory.disk.root[0], 0, p, sizeof(p), &e), 0);
    assert_int_equal(block_put(&memory.disk.root[0], MEMORY_ROOT - 1, p, sizeof(p), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(block_read(&memory.disk.root[0], UINT64_MAX - 1, p, sizeof(p), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_slot_whole_is_accepted, lay, unlay),
        cmocka_unit_test_setup_teardown(test_slot_refuses_random_flips, lay, unlay),
        cmocka_unit_test_setup_teardown(test_disk_open_leaves_the_running_slot_read_only, lay,
                                        unlay),
        cmocka_unit_test_setup_teardown(test_slot_refuses_another_root_with_its_tree, lay, unlay),
        cmocka_unit_test_setup_teardown(test_slot_ignores_what_lies_between, lay, unlay),
        cmocka_unit_test_setup_teardown(test_slot_read_says_why, lay, unlay),
        cmocka_unit_test(test_verity_tree_bytes_follows_the_kernel),
        cmocka_unit_test_setup_teardown(test_block_put_finds_a_lying_disk, lay, unlay),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
