/*
 * A small system for tests: random boot image and root, its hash tree made in the plainest way, its
 * manifest and bundle. Its sizes make three pieces, of which one holds the end of the boot image
 * and the begin of the root, and a hash tree of two levels whose lower one ends in a block half
 * full.
 */
#pragma once
#include "crypto/firmware/slot.h"
#include "tests/unit/crypto/firmware/signer.h"

#define SAMPLE_BOARD "vm-x86_64"
#define SAMPLE_BOOT (75u * BLOCK_BYTES)
#define SAMPLE_ROOT (576u * BLOCK_BYTES)
#define SAMPLE_LEAVES 5u /* blocks of the lower level: 576 / 128, rounded up */
#define SAMPLE_TREE ((SAMPLE_LEAVES + 1) * BLOCK_BYTES)
#define SAMPLE_PAYLOAD (SAMPLE_BOOT + SAMPLE_ROOT + SAMPLE_TREE)
#define SAMPLE_PIECES 3u

struct sample {
    uint8_t manifest[MANIFEST_BYTES];
    uint8_t head[PIECE_BYTES]; /* slot block, piece table, zeros */
    uint8_t payload[SAMPLE_PAYLOAD];
};

static inline void digest(const uint8_t *salt, const uint8_t *p, size_t n, uint8_t out[32])
{
    struct err e = {0};
    assert_int_equal(sha256(salt, salt ? MANIFEST_SALT_BYTES : 0, p, n, out, &e), 0);
}

static inline void sample_tree(const uint8_t *salt, const uint8_t *root, uint8_t *tree,
                               uint8_t *hash)
{
    memset(tree, 0, SAMPLE_TREE);
    uint8_t *low = tree + BLOCK_BYTES;
    for (size_t i = 0; i < SAMPLE_ROOT / BLOCK_BYTES; i++)
        digest(salt, root + i * BLOCK_BYTES, BLOCK_BYTES, low + i * 32);
    for (size_t i = 0; i < SAMPLE_LEAVES; i++)
        digest(salt, low + i * BLOCK_BYTES, BLOCK_BYTES, tree + i * 32);
    digest(salt, tree, BLOCK_BYTES, hash);
}

static inline void sample_sign(struct sample *s, struct signer *by)
{
    signer_block(by, s->manifest, s->head);
}

static inline struct sample *sample_make(const char *version, uint64_t rollback, struct signer *by)
{
    struct sample *s = calloc(1, sizeof(*s));
    uint8_t *m = s->manifest;
    uint8_t *root = s->payload + SAMPLE_BOOT;

    assert_non_null(s);
    for (size_t at = 0; at < sizeof(s->payload); at += 1024) /* mbedTLS gives so much at once */
        must(psa_generate_random(s->payload + at,
                                 sizeof(s->payload) - at < 1024 ? sizeof(s->payload) - at : 1024));
    memcpy(m, "CKSLOT\0\1", 8);
    put_u32(m + 8, 1);
    put_u32(m + 12, SAMPLE_PIECES);
    memcpy(m + 16, "certkeep", 8);
    memcpy(m + 48, SAMPLE_BOARD, strlen(SAMPLE_BOARD));
    memcpy(m + 80, version, strlen(version));
    put_u64(m + 112, 1700000000);
    put_u64(m + 120, rollback);
    put_u64(m + 128, SAMPLE_BOOT);
    digest(NULL, s->payload, SAMPLE_BOOT, m + 136);
    put_u64(m + 168, SAMPLE_ROOT);
    put_u64(m + 176, SAMPLE_TREE);
    must(psa_generate_random(m + 184, 32));
    sample_tree(m + 184, root, root + SAMPLE_ROOT, m + 216);
    uint8_t *table = s->head + SLOT_BLOCK_BYTES;
    for (size_t i = 0; i < SAMPLE_PIECES; i++) {
        size_t at = i * PIECE_BYTES;
        size_t n = SAMPLE_PAYLOAD - at < PIECE_BYTES ? SAMPLE_PAYLOAD - at : PIECE_BYTES;
        digest(NULL, s->payload + at, n, table + i * 32);
    }
    digest(NULL, table, 32u * SAMPLE_PIECES, m + 248);
    sample_sign(s, by);
    return s;
}
