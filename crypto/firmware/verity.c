/*
 * One pass over the data: each level of the tree has one block under construction, which is
 * compared with the disk when it is full and then counts in the level above. So memory does not
 * grow with the size of the root, and padding in the tree is checked too.
 */
#include "crypto/firmware/verity.h"

#include <string.h>

#define DIGESTS (BLOCK_BYTES / SHA256_BYTES)
#define LEVELS_MAX 4u /* 128^4 blocks: far more than a root may have */
#define READ_BYTES (64u * 1024u)

struct level {
    uint64_t at; /* byte of its first block in the partition */
    uint64_t blocks;
    uint64_t done;
    size_t used; /* digests in `block` */
    uint8_t block[BLOCK_BYTES];
};

struct tree {
    const struct block *root;
    const struct manifest *m;
    size_t levels; /* level[0] is the bottom */
    struct level level[LEVELS_MAX];
};

/* Blocks of each level above so many data blocks, from the bottom; returns how many levels. */
static size_t shape(uint64_t data_blocks, uint64_t blocks[LEVELS_MAX])
{
    size_t n = 0;

    for (uint64_t below = data_blocks; n < LEVELS_MAX && (below > 1 || n == 0); n++) {
        blocks[n] = (below + DIGESTS - 1) / DIGESTS;
        below = blocks[n];
    }
    return n;
}

uint64_t verity_tree_bytes(uint64_t data_bytes)
{
    uint64_t blocks[LEVELS_MAX] = {0};
    uint64_t sum = 0;

    for (size_t n = shape(data_bytes / BLOCK_BYTES, blocks); n > 0; n--)
        sum += blocks[n - 1];
    return sum * BLOCK_BYTES;
}

static void tree_init(struct tree *t, const struct block *root, const struct manifest *m)
{
    uint64_t blocks[LEVELS_MAX] = {0};
    uint64_t at = m->root_bytes;

    *t = (struct tree){.root = root, .m = m};
    t->levels = shape(m->root_bytes / BLOCK_BYTES, blocks);
    for (size_t i = t->levels; i > 0; i--) {
        t->level[i - 1].at = at;
        t->level[i - 1].blocks = blocks[i - 1];
        at += blocks[i - 1] * BLOCK_BYTES;
    }
}

/* Compares the finished block of a level with the disk and hashes it. */
static int level_close(struct tree *t, size_t i, uint8_t digest[SHA256_BYTES], struct err *e)
{
    struct level *l = &t->level[i];
    uint8_t disk[BLOCK_BYTES];
    uint64_t at = l->at + l->done * BLOCK_BYTES;

    memset(l->block + l->used * SHA256_BYTES, 0, BLOCK_BYTES - l->used * SHA256_BYTES);
    if (block_read(t->root, at, disk, sizeof(disk), e) < 0)
        return -1;
    if (memcmp(disk, l->block, BLOCK_BYTES) != 0)
        return err_set(e, ERR_CRYPTO,
                       "%s: the hash tree at byte %llu does not fit the data: one of them was "
                       "changed",
                       t->root->name, (unsigned long long)at);
    l->done++;
    l->used = 0;
    return sha256(t->m->salt, sizeof(t->m->salt), disk, sizeof(disk), digest, e);
}

/* Adds the digest of one block below to level 0, and closes what is complete above. */
static int tree_add(struct tree *t, bool last, uint8_t digest[SHA256_BYTES], struct err *e)
{
    for (size_t i = 0; i < t->levels; i++) {
        struct level *l = &t->level[i];
        memcpy(l->block + l->used * SHA256_BYTES, digest, SHA256_BYTES);
        l->used++;
        if (l->used < DIGESTS && !last)
            return 0;
        if (level_close(t, i, digest, e) < 0)
            return -1;
    }
    if (memcmp(digest, t->m->root_hash, SHA256_BYTES) != 0)
        return err_set(e, ERR_CRYPTO, "%s: root hash: it is not the one of the manifest",
                       t->root->name);
    return 0;
}

int verity_check(const struct block *root, const struct manifest *m, struct err *e)
{
    struct tree t;
    uint8_t data[READ_BYTES];

    tree_init(&t, root, m);
    for (uint64_t at = 0; at < m->root_bytes; at += sizeof(data)) {
        uint64_t left = m->root_bytes - at;
        size_t n = left < sizeof(data) ? (size_t)left : sizeof(data);
        if (block_read(root, at, data, n, e) < 0)
            return -1;
        for (size_t i = 0; i < n; i += BLOCK_BYTES) {
            uint8_t digest[SHA256_BYTES];
            if (sha256(m->salt, sizeof(m->salt), data + i, BLOCK_BYTES, digest, e) < 0 ||
                tree_add(&t, at + i + BLOCK_BYTES == m->root_bytes, digest, e) < 0)
                return -1;
        }
    }
    return 0;
}
