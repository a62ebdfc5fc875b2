/* Judging what lies in a slot. Nothing here writes. */
#include "crypto/firmware/slot.h"

#include <fcntl.h>
#include <string.h>

#include "crypto/firmware/verity.h"
#include "src/base/own.h"

#define READ_BYTES (64u * 1024u)

int disk_open(const char *path, struct disk *out, struct err *e)
{
    OWN(own_fd)
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_sys(e, path);

    struct disk d = {0};
    struct control c;
    if (block_open(dir, "control", true, &d.control, e) < 0)
        return err_wrap(e, "%s", path);
    if (control_load(&d.control, &c, NULL) < 0)
        c.running = SLOT_NONE; /* whoever needs the record asks again and is told why */

    const struct {
        const char *name;
        enum slot_id of;
        struct block *block;
    } parts[] = {{"boot-a", SLOT_A, &d.boot[SLOT_A]},
                 {"boot-b", SLOT_B, &d.boot[SLOT_B]},
                 {"root-a", SLOT_A, &d.root[SLOT_A]},
                 {"root-b", SLOT_B, &d.root[SLOT_B]}};
    for (size_t i = 0; i < COUNT(parts); i++) {
        if (block_open(dir, parts[i].name, parts[i].of != c.running, parts[i].block, e) < 0) {
            while (i > 0)
                block_close(parts[--i].block);
            block_close(&d.control);
            return err_wrap(e, "%s", path);
        }
    }
    *out = d;
    return 0;
}

void disk_close(struct disk *d)
{
    struct block *parts[] = {&d->control, &d->boot[0], &d->boot[1], &d->root[0], &d->root[1]};

    for (size_t i = 0; i < COUNT(parts); i++)
        block_close(parts[i]);
}

int slot_block_at(const struct block *root, uint64_t *at, struct err *e)
{
    if (root->bytes < SLOT_BLOCK_BYTES || root->bytes % BLOCK_BYTES != 0)
        return err_set(e, ERR_LIMIT, "%s: %llu bytes, expected a multiple of %u", root->name,
                       (unsigned long long)root->bytes, BLOCK_BYTES);
    *at = root->bytes - SLOT_BLOCK_BYTES;
    return 0;
}

int slot_room(const struct block *boot, const struct block *root, const struct manifest *m,
              struct err *e)
{
    uint64_t room = 0;

    if (slot_block_at(root, &room, e) < 0)
        return -1;
    if (m->boot_bytes > boot->bytes)
        return err_set(e, ERR_LIMIT, "%s has %llu bytes, the boot image %llu", boot->name,
                       (unsigned long long)boot->bytes, (unsigned long long)m->boot_bytes);
    if (m->root_bytes + m->tree_bytes > room)
        return err_set(e, ERR_LIMIT, "%s has room for %llu bytes, root and hash tree have %llu",
                       root->name, (unsigned long long)room,
                       (unsigned long long)(m->root_bytes + m->tree_bytes));
    return 0;
}

static int fail(enum slot_why *why, enum slot_why is, const char *name, struct err *e)
{
    *why = is;
    return err_wrap(e, "slot %s", name);
}

int slot_read(const struct disk *d, enum slot_id id, const struct policy *p, struct manifest *out,
              enum slot_why *why, struct err *e)
{
    const struct block *root = &d->root[id];
    const char *name = slot_name(id);
    uint8_t block[SLOT_BLOCK_BYTES];
    struct manifest m;
    struct err local = {0};
    uint64_t at = 0;

    e = e ? e : &local;
    if (slot_block_at(root, &at, e) < 0 || block_read(root, at, block, sizeof(block), e) < 0)
        return fail(why, WHY_BLOCK, name, e);
    if (slot_verify(p->trust, block, &m, e) < 0)
        return fail(why, e->code == ERR_CRYPTO ? WHY_SIGNATURE : WHY_BLOCK, name, e);
    if (manifest_fits(&m, p->board, e) < 0)
        return fail(why, WHY_BOARD, name, e);
    if (m.rollback < p->floor) {
        err_set(e, ERR_DENIED, "its rollback index %llu is below %llu",
                (unsigned long long)m.rollback, (unsigned long long)p->floor);
        return fail(why, WHY_ROLLBACK, name, e);
    }
    if (slot_room(&d->boot[id], root, &m, e) < 0)
        return fail(why, WHY_BLOCK, name, e);
    *why = WHY_NONE;
    *out = m;
    return 0;
}

static int boot_hash(const struct block *boot, const struct manifest *m, const uint8_t *first,
                     psa_hash_operation_t *h, uint8_t out[SHA256_BYTES], struct err *e)
{
    uint8_t data[READ_BYTES];
    uint64_t at = 0;

    if (hash_begin(h, e) < 0)
        return -1;
    if (first) {
        if (hash_add(h, first, BLOCK_BYTES, e) < 0)
            return -1;
        at = BLOCK_BYTES;
    }
    while (at < m->boot_bytes) {
        uint64_t left = m->boot_bytes - at;
        size_t n = left < sizeof(data) ? (size_t)left : sizeof(data);
        if (block_read(boot, at, data, n, e) < 0 || hash_add(h, data, n, e) < 0)
            return -1;
        at += n;
    }
    return hash_end(h, out, e);
}

int slot_check(const struct block *boot, const struct block *root, const struct manifest *m,
               const uint8_t *first, struct err *e)
{
    psa_hash_operation_t h = PSA_HASH_OPERATION_INIT;
    uint8_t sum[SHA256_BYTES];

    int hashed = boot_hash(boot, m, first, &h, sum, e);
    psa_hash_abort(&h);
    if (hashed < 0)
        return -1;
    if (memcmp(sum, m->boot_hash, sizeof(sum)) != 0)
        return err_set(e, ERR_CRYPTO, "%s: its hash is not the one of the manifest: it was changed",
                       boot->name);
    return verity_check(root, m, e);
}
