/* Manifests: every field is judged, and what is not a field is zero. */
#include "tests/unit/crypto/firmware/sample.h"

static struct signer signer;
static struct sample *sample;

static int start(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(firmware_start(&e), 0);
    signer_make(&signer);
    sample = sample_make("1.4.2", 7, &signer);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(sample);
    signer_free(&signer);
    return 0;
}

static void test_manifest_parse_gives_every_field(void **state)
{
    (void)state;
    struct manifest m = {0};
    struct err e = {0};
    assert_int_equal(manifest_parse(sample->manifest, &m, &e), 0);
    assert_int_equal(m.updater, 1);
    assert_int_equal(m.pieces, SAMPLE_PIECES);
    assert_string_equal(m.product, "certkeep");
    assert_string_equal(m.board, SAMPLE_BOARD);
    assert_string_equal(m.version, "1.4.2");
    assert_int_equal(m.built, 1700000000);
    assert_int_equal(m.rollback, 7);
    assert_int_equal(m.boot_bytes, SAMPLE_BOOT);
    assert_int_equal(m.root_bytes, SAMPLE_ROOT);
    assert_int_equal(m.tree_bytes, SAMPLE_TREE);
    assert_memory_equal(m.boot_hash, sample->manifest + 136, 32);
    assert_memory_equal(m.salt, sample->manifest + 184, 32);
    assert_memory_equal(m.root_hash, sample->manifest + 216, 32);
    assert_memory_equal(m.table_hash, sample->manifest + 248, 32);
    assert_memory_equal(m.signer, signer.id, 16);
    assert_int_equal(manifest_payload(&m), SAMPLE_PAYLOAD);
}

static void test_manifest_parse_refuses(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint8_t bytes[8];
        const char *says;
    } cases[] = {
        {0, "CKSLOT\0\2", "version 1"},
        {0, "CKSLOX\0\1", "version 1"},
        {8, {0, 0, 0, 0, 0, 0, 0, 3}, "version of the updater"},
        {8, {0, 0, 0, 1, 0, 0, 0, 2}, "2 pieces, expected 3"},
        {8, {0, 0, 0, 1, 0, 0, 0, 4}, "4 pieces, expected 3"},
        {16, {0}, "product"},
        {24, {0, 'x', 0}, "product"},
        {48, {'v', ' ', 'm'}, "board"},
        {48, {'v', 'm', '/', '.', '.'}, "board"},
        {80, {'1', '\n'}, "version"},
        {80, {0x31, 0xc3, 0xa9}, "version"},
        {128, {0}, "boot image"},
        {128, {0, 0, 0, 0, 0, 4, 0xb0, 1}, "boot image"},
        {128, {0, 0, 0, 0, 0x08, 0, 0x10, 0}, "boot image"},
        {128, {0x80}, "boot image"},
        {168, {0, 0, 0, 0, 0, 0, 0x10, 0}, "root file system"},
        {168, {0, 0, 0, 0, 0x40, 0, 0x10, 0}, "root file system"},
        {168, {0, 0, 0, 0, 0, 0, 0x20, 1}, "root file system"},
        {168, {0, 0, 0, 0, 0, 0, 0x20, 0}, "hash tree"},
        {176, {0, 0, 0, 0, 0, 0, 0x50, 0}, "hash tree"},
        {296, {1}, "from 296 on"},
        {504, {0, 0, 0, 0, 0, 0, 0, 1}, "from 296 on"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[MANIFEST_BYTES];
        struct manifest m;
        struct err e = {0};
        memcpy(bytes, sample->manifest, sizeof(bytes));
        memcpy(bytes + cases[i].at, cases[i].bytes, 8);
        assert_int_equal(manifest_parse(bytes, &m, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.text, cases[i].says))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, e.text, cases[i].says);
    }
}

static void test_manifest_parse_refuses_text_without_end(void **state)
{
    (void)state;
    uint8_t bytes[MANIFEST_BYTES];
    struct manifest m;
    struct err e = {0};
    memcpy(bytes, sample->manifest, sizeof(bytes));
    memset(bytes + 80, '1', 31);
    assert_int_equal(manifest_parse(bytes, &m, &e), 0);
    bytes[80 + 31] = '1';
    assert_int_equal(manifest_parse(bytes, &m, &e), -1);
    assert_non_null(strstr(e.text, "version"));
}

static void test_manifest_parse_refuses_512_mib(void **state)
{
    (void)state;
    uint8_t bytes[MANIFEST_BYTES];
    struct manifest m;
    struct err e = {0};
    memcpy(bytes, sample->manifest, sizeof(bytes));
    put_u64(bytes + 168, 1ull << 30);
    put_u64(bytes + 176, (2048ull + 16 + 1) * BLOCK_BYTES);
    assert_int_equal(manifest_parse(bytes, &m, &e), -1);
    assert_non_null(strstr(e.text, "at most 512"));
}

static void test_manifest_fits_names_both(void **state)
{
    (void)state;
    struct manifest m;
    struct err e = {0};
    assert_int_equal(manifest_parse(sample->manifest, &m, &e), 0);
    assert_int_equal(manifest_fits(&m, SAMPLE_BOARD, &e), 0);
    assert_int_equal(manifest_fits(&m, "rack-x86_64", &e), -1);
    assert_non_null(strstr(e.text, "board vm-x86_64, this is rack-x86_64"));
    memcpy(m.product, "certkeeq", 8);
    assert_int_equal(manifest_fits(&m, SAMPLE_BOARD, &e), -1);
    assert_non_null(strstr(e.text, "product certkeeq"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest_parse_gives_every_field),
        cmocka_unit_test(test_manifest_parse_refuses),
        cmocka_unit_test(test_manifest_parse_refuses_text_without_end),
        cmocka_unit_test(test_manifest_parse_refuses_512_mib),
        cmocka_unit_test(test_manifest_fits_names_both),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
