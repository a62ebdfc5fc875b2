/* The steps of an update. Every write is flushed and read back before the next is made. */
#include "src/update/install.h"

#include <string.h>

#include "src/base/own.h"

#define STASH_AT 0x40000u /* slot block and piece table of the update under way */
#define FIRST_AT 0x50000u /* first block of its boot image */

static const uint8_t zeros[BLOCK_BYTES];

int update_target(const struct control *c, enum slot_id *out, struct err *e)
{
    if (c->running == SLOT_NONE) { /* rescue: what was installed first goes */
        *out = c->slot[SLOT_A].commit <= c->slot[SLOT_B].commit ? SLOT_A : SLOT_B;
        return 0;
    }
    if (!control_healthy(c, c->running))
        return err_set(e, ERR_CONFLICT,
                       "the running system (slot %s) has not proven healthy since it was started, "
                       "and the other slot may be needed: wait, or restart",
                       slot_name(c->running));
    *out = c->running == SLOT_A ? SLOT_B : SLOT_A;
    return 0;
}

/* The control record and the slot that may be written. */
static int open_target(const struct updater *u, struct control *c, enum slot_id *target,
                       struct err *e)
{
    return control_load(&u->disk->control, c, e) < 0 || update_target(c, target, e) < 0 ? -1 : 0;
}

static struct policy policy_of(const struct updater *u, const struct control *c)
{
    return (struct policy){.trust = u->trust, .board = u->board, .floor = c->floor};
}

static int head_hash(const struct head *h, uint8_t out[SHA256_BYTES], struct err *e)
{
    return sha256(h->block, sizeof(h->block), NULL, 0, out, e);
}

/* Takes the target out of the choice, then empties what would make it look whole. */
static int clear_target(const struct updater *u, struct control *c, enum slot_id target,
                        struct err *e)
{
    const struct block *root = &u->disk->root[target];
    struct journal none = {.target = SLOT_NONE};
    uint64_t at = 0;

    c->slot[target] = (struct control_slot){.why = c->slot[target].why};
    if (c->sent == target)
        c->sent = SLOT_NONE;
    if (slot_block_at(root, &at, e) < 0 || control_store(&u->disk->control, c, e) < 0 ||
        journal_store(&u->disk->control, &none, e) < 0)
        return -1;
    if (block_put(root, at, zeros, sizeof(zeros), e) < 0)
        return -1;
    return block_put(&u->disk->boot[target], 0, zeros, sizeof(zeros), e);
}

/* Whether this very head is being installed into the target, and is whole on the disk. */
static int under_way(const struct updater *u, const struct journal *j, enum slot_id target,
                     const uint8_t *head, bool *out, struct err *e)
{
    OWN(own_mem)
    uint8_t *stash = xmalloc(HEAD_BYTES_MAX);

    if (block_read(&u->disk->control, STASH_AT, stash, HEAD_BYTES_MAX, e) < 0)
        return -1;
    *out = j->target == target && memcmp(stash, head, HEAD_BYTES_MAX) == 0;
    return 0;
}

int update_begin(const struct updater *u, const uint8_t *head, size_t n, uint32_t *next,
                 struct err *e)
{
    OWN(own_mem)
    struct head *h = xcalloc(1, sizeof(*h));
    struct control c;
    struct journal j;
    uint8_t sum[SHA256_BYTES];
    enum slot_id target = SLOT_NONE;
    bool again = false;

    if (control_load(&u->disk->control, &c, e) < 0)
        return -1;
    struct policy policy = policy_of(u, &c);
    if (head_parse(head, n, &policy, h, e) < 0 || update_target(&c, &target, e) < 0 ||
        slot_room(&u->disk->boot[target], &u->disk->root[target], &h->manifest, e) < 0 ||
        head_hash(h, sum, e) < 0 || journal_load(&u->disk->control, &j, e) < 0 ||
        under_way(u, &j, target, head, &again, e) < 0)
        return -1;
    if (again && c.slot[target].commit == 0 && memcmp(j.head, sum, sizeof(sum)) == 0) {
        *next = j.written + 1;
        return 0;
    }

    if (clear_target(u, &c, target, e) < 0 ||
        block_put(&u->disk->control, STASH_AT, head, HEAD_BYTES_MAX, e) < 0)
        return -1;
    j = (struct journal){.target = target, .pieces = h->manifest.pieces};
    memcpy(j.head, sum, sizeof(j.head));
    if (journal_store(&u->disk->control, &j, e) < 0)
        return -1;
    *next = 1;
    return 0;
}

int update_pending(const struct updater *u, struct manifest *out, struct err *e)
{
    OWN(own_mem)
    struct head *h = xcalloc(1, sizeof(*h));
    OWN(own_mem)
    uint8_t *stash = xmalloc(HEAD_BYTES_MAX);
    struct control c;

    if (control_load(&u->disk->control, &c, e) < 0 ||
        block_read(&u->disk->control, STASH_AT, stash, HEAD_BYTES_MAX, e) < 0)
        return -1;
    struct policy policy = policy_of(u, &c);
    if (head_parse(stash, HEAD_BYTES_MAX, &policy, h, e) < 0)
        return -1;
    *out = h->manifest;
    return 0;
}

/* What a call after the first needs: the journal, and the head it names, judged anew. */
static int resume(const struct updater *u, struct control *c, struct journal *j, struct head *h,
                  struct err *e)
{
    OWN(own_mem)
    uint8_t *stash = xmalloc(HEAD_BYTES_MAX);
    enum slot_id target = SLOT_NONE;
    uint8_t sum[SHA256_BYTES];

    if (open_target(u, c, &target, e) < 0 || journal_load(&u->disk->control, j, e) < 0)
        return -1;
    if (j->target != target)
        return err_set(e, ERR_CONFLICT, "no update is under way: send piece 0 of a bundle first");
    struct policy policy = policy_of(u, c);
    if (block_read(&u->disk->control, STASH_AT, stash, HEAD_BYTES_MAX, e) < 0 ||
        head_parse(stash, HEAD_BYTES_MAX, &policy, h, e) < 0 || head_hash(h, sum, e) < 0)
        return -1;
    if (memcmp(sum, j->head, sizeof(sum)) != 0 || j->pieces != h->manifest.pieces)
        return err_set(e, ERR_CONFLICT,
                       "the update under way is not the one of the journal: send piece 0 again");
    return 0;
}

/* Writes bytes of the payload, of which boot image and root each take their part. */
static int payload_put(const struct updater *u, enum slot_id target, const struct manifest *m,
                       uint64_t at, const uint8_t *p, size_t n, struct err *e)
{
    if (at == 0) {
        if (block_put(&u->disk->control, FIRST_AT, p, BLOCK_BYTES, e) < 0)
            return -1;
        at += BLOCK_BYTES;
        p += BLOCK_BYTES;
        n -= BLOCK_BYTES;
    }
    if (at < m->boot_bytes && n > 0) {
        size_t part = m->boot_bytes - at < n ? (size_t)(m->boot_bytes - at) : n;
        if (block_put(&u->disk->boot[target], at, p, part, e) < 0)
            return -1;
        at += part;
        p += part;
        n -= part;
    }
    return n == 0 ? 0 : block_put(&u->disk->root[target], at - m->boot_bytes, p, n, e);
}

int update_piece(const struct updater *u, uint32_t i, const uint8_t *p, size_t n, uint32_t *next,
                 struct err *e)
{
    OWN(own_mem)
    struct head *h = xcalloc(1, sizeof(*h));
    struct control c;
    struct journal j;

    if (resume(u, &c, &j, h, e) < 0)
        return -1;
    if (c.slot[j.target].commit != 0)
        return err_set(e, ERR_CONFLICT, "the update is committed: restart to run it");
    if (i < 1 || i > j.pieces)
        return err_set(e, ERR_INPUT, "piece %u: expected 1 to %u", i, j.pieces);
    if (i > j.written + 1)
        return err_set(e, ERR_CONFLICT, "piece %u: piece %u comes next", i, j.written + 1);
    if (i == j.written + 1) {
        if (piece_judge(h, i, p, n, e) < 0 ||
            payload_put(u, j.target, &h->manifest, (uint64_t)(i - 1) * PIECE_BYTES, p, n, e) < 0)
            return -1;
        j.written = i;
        if (journal_store(&u->disk->control, &j, e) < 0)
            return -1;
    }
    *next = j.written + 1;
    return 0;
}

/* The last two writes before the commit, after all else was found right on the disk. */
static int complete(const struct updater *u, const struct control *c, const struct journal *j,
                    const struct head *h, struct err *e)
{
    const struct block *boot = &u->disk->boot[j->target];
    const struct block *root = &u->disk->root[j->target];
    struct policy policy = policy_of(u, c);
    uint8_t first[BLOCK_BYTES];
    struct manifest m;
    enum slot_why why;
    uint64_t at = 0;

    if (slot_block_at(root, &at, e) < 0 ||
        block_read(&u->disk->control, FIRST_AT, first, sizeof(first), e) < 0 ||
        slot_check(boot, root, &h->manifest, first, e) < 0)
        return -1;
    if (block_put(boot, 0, first, sizeof(first), e) < 0 ||
        block_put(root, at, h->block, sizeof(h->block), e) < 0)
        return -1;
    return slot_read(u->disk, j->target, &policy, &m, &why, e);
}

int update_commit(const struct updater *u, enum slot_id *target, struct err *e)
{
    struct err local = {0};
    OWN(own_mem)
    struct head *h = xcalloc(1, sizeof(*h));
    struct journal none = {.target = SLOT_NONE};
    struct control c;
    struct journal j;

    e = e ? e : &local;
    if (resume(u, &c, &j, h, e) < 0)
        return -1;
    if (j.written < j.pieces)
        return err_set(e, ERR_CONFLICT, "the update is not complete: piece %u comes next",
                       j.written + 1);
    if (c.slot[j.target].commit == 0) { /* else only the end of the journal was lost */
        uint64_t other = c.slot[j.target == SLOT_A ? SLOT_B : SLOT_A].commit;
        if (complete(u, &c, &j, h, e) < 0) {
            /* What was written is not there any more: the next head begins anew. */
            if (e->code == ERR_CRYPTO)
                journal_store(&u->disk->control, &none, NULL);
            return -1;
        }
        c.slot[j.target] = (struct control_slot){.commit = other + 1, .tries = TRIES_NEW};
        if (control_store(&u->disk->control, &c, e) < 0)
            return -1;
    }
    if (journal_store(&u->disk->control, &none, e) < 0)
        return -1;
    *target = j.target;
    return 0;
}

int update_bless(const struct updater *u, struct err *e)
{
    struct control c;
    struct manifest m;
    enum slot_why why;

    if (control_load(&u->disk->control, &c, e) < 0)
        return -1;
    if (c.running == SLOT_NONE)
        return err_set(e, ERR_CONFLICT, "no slot is running: nothing can be blessed");
    if (control_healthy(&c, c.running))
        return 0;
    struct policy policy = policy_of(u, &c);
    if (slot_read(u->disk, c.running, &policy, &m, &why, e) < 0)
        return -1;
    struct control_slot *s = &c.slot[c.running];
    *s = (struct control_slot){.commit = s->commit, .tries = TRIES_BLESSED, .blessed = true};
    c.floor = m.rollback > c.floor ? m.rollback : c.floor;
    return control_store(&u->disk->control, &c, e);
}
