/* Heads and pieces are judged here before a byte of them is written. */
#include "src/update/bundle.h"

#include <string.h>

static int may_install(const struct manifest *m, const struct policy *policy, struct err *e)
{
    if (manifest_fits(m, policy->board, e) < 0)
        return -1;
    if (m->updater > UPDATER_VERSION)
        return err_set(e, ERR_DENIED,
                       "version %s needs an updater of version %u, this is %u: install an older "
                       "release first",
                       m->version, m->updater, UPDATER_VERSION);
    if (m->rollback < policy->floor)
        return err_set(e, ERR_DENIED,
                       "version %s is older than this appliance may go back to: its rollback index "
                       "%llu is below %llu",
                       m->version, (unsigned long long)m->rollback,
                       (unsigned long long)policy->floor);
    return 0;
}

int head_parse(const uint8_t *p, size_t n, const struct policy *policy, struct head *out,
               struct err *e)
{
    uint8_t sum[SHA256_BYTES];

    if (n < HEAD_BYTES_MAX)
        return err_set(e, ERR_INPUT, "bundle: piece 0: %zu bytes, expected %u", n, PIECE_BYTES);
    if (slot_verify(policy->trust, p, &out->manifest, e) < 0 ||
        may_install(&out->manifest, policy, e) < 0)
        return err_wrap(e, "bundle");
    size_t table = out->manifest.pieces * SHA256_BYTES;
    if (!all_zero(p + SLOT_BLOCK_BYTES + table, n - SLOT_BLOCK_BYTES - table))
        return err_set(e, ERR_INPUT,
                       "bundle: piece 0: the bytes behind the piece table are not zero");
    if (sha256(p + SLOT_BLOCK_BYTES, table, NULL, 0, sum, e) < 0)
        return -1;
    if (memcmp(sum, out->manifest.table_hash, sizeof(sum)) != 0)
        return err_set(e, ERR_CRYPTO,
                       "bundle: the piece table is not the one that was signed: it was changed");
    memcpy(out->block, p, SLOT_BLOCK_BYTES);
    memset(out->table, 0, sizeof(out->table));
    memcpy(out->table, p + SLOT_BLOCK_BYTES, table);
    return 0;
}

size_t piece_bytes(const struct manifest *m, uint32_t i)
{
    uint64_t left = manifest_payload(m) - (uint64_t)(i - 1) * PIECE_BYTES;
    return left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
}

int piece_judge(const struct head *h, uint32_t i, const uint8_t *p, size_t n, struct err *e)
{
    uint8_t sum[SHA256_BYTES];
    size_t want = piece_bytes(&h->manifest, i);

    if (n != want)
        return err_set(e, ERR_INPUT, "bundle: piece %u: %zu bytes, expected %zu", i, n, want);
    if (sha256(p, n, NULL, 0, sum, e) < 0)
        return -1;
    if (memcmp(sum, h->table + (size_t)(i - 1) * SHA256_BYTES, sizeof(sum)) != 0)
        return err_set(e, ERR_INPUT,
                       "bundle: piece %u: its hash is not the one that was signed: send it again",
                       i);
    return 0;
}
