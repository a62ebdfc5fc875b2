/* The strict parser of manifests: every byte means something or is zero. */
#include "crypto/firmware/manifest.h"

#include <string.h>

#include "crypto/firmware/block.h"
#include "crypto/firmware/verity.h"

static const uint8_t magic[8] = {'C', 'K', 'S', 'L', 'O', 'T', 0, 1};

#define BOOT_BYTES_MAX (128ull * 1024 * 1024)
#define ROOT_BYTES_MAX (1024ull * 1024 * 1024)
#define ROOT_BYTES_MIN (2ull * BLOCK_BYTES) /* one block would have no hash tree */
#define ZERO_AT 296u

static bool text_char(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr(".+~_-", c));
}

static int text_get(const uint8_t *from, const char *field, char out[MANIFEST_TEXT_BYTES],
                    struct err *e)
{
    size_t n = 0;

    while (n < MANIFEST_TEXT_BYTES && text_char(from[n]))
        n++;
    if (n == 0 || n == MANIFEST_TEXT_BYTES || !all_zero(from + n, MANIFEST_TEXT_BYTES - n))
        return err_set(e, ERR_INPUT,
                       "manifest: %s: expected 1 to 31 of A-Z a-z 0-9 . + ~ _ - and then zeros",
                       field);
    memcpy(out, from, MANIFEST_TEXT_BYTES);
    return 0;
}

static int size_get(const uint8_t *from, const char *field, uint64_t min, uint64_t max,
                    uint64_t *out, struct err *e)
{
    uint64_t v = get_u64(from);

    if (v < min || v > max || v % BLOCK_BYTES != 0)
        return err_set(e, ERR_INPUT,
                       "manifest: %s: %llu bytes, expected a multiple of %u from %llu to %llu",
                       field, (unsigned long long)v, BLOCK_BYTES, (unsigned long long)min,
                       (unsigned long long)max);
    *out = v;
    return 0;
}

uint64_t manifest_payload(const struct manifest *m)
{
    return m->boot_bytes + m->root_bytes + m->tree_bytes;
}

/* Sizes follow from one another: whatever does not is a mistake of the signing side. */
static int sizes_get(const uint8_t *p, struct manifest *m, struct err *e)
{
    if (size_get(p + 128, "boot image", BLOCK_BYTES, BOOT_BYTES_MAX, &m->boot_bytes, e) < 0 ||
        size_get(p + 168, "root file system", ROOT_BYTES_MIN, ROOT_BYTES_MAX, &m->root_bytes, e) <
            0)
        return -1;
    m->tree_bytes = get_u64(p + 176);
    uint64_t tree = verity_tree_bytes(m->root_bytes);
    if (m->tree_bytes != tree)
        return err_set(e, ERR_INPUT, "manifest: hash tree: %llu bytes, expected %llu",
                       (unsigned long long)m->tree_bytes, (unsigned long long)tree);
    m->pieces = get_u32(p + 12);
    uint64_t pieces = (manifest_payload(m) + PIECE_BYTES - 1) / PIECE_BYTES;
    if (pieces > PIECES_MAX)
        return err_set(e, ERR_INPUT, "manifest: %llu pieces, at most %u",
                       (unsigned long long)pieces, PIECES_MAX);
    if (m->pieces != pieces)
        return err_set(e, ERR_INPUT, "manifest: %u pieces, expected %llu", m->pieces,
                       (unsigned long long)pieces);
    return 0;
}

int manifest_parse(const uint8_t bytes[MANIFEST_BYTES], struct manifest *out, struct err *e)
{
    const uint8_t *p = bytes;
    struct manifest m = {0};

    if (memcmp(p, magic, sizeof(magic)) != 0)
        return err_set(e, ERR_INPUT, "manifest: it does not begin as manifests of version 1 do");
    if (!all_zero(p + ZERO_AT, MANIFEST_BYTES - ZERO_AT))
        return err_set(e, ERR_INPUT, "manifest: the bytes from %u on are not zero", ZERO_AT);
    m.updater = get_u32(p + 8);
    if (m.updater == 0)
        return err_set(e, ERR_INPUT, "manifest: version of the updater: expected 1 or higher");
    if (text_get(p + 16, "product", m.product, e) < 0 ||
        text_get(p + 48, "board", m.board, e) < 0 ||
        text_get(p + 80, "version", m.version, e) < 0 || sizes_get(p, &m, e) < 0)
        return -1;
    m.built = get_u64(p + 112);
    m.rollback = get_u64(p + 120);
    memcpy(m.boot_hash, p + 136, sizeof(m.boot_hash));
    memcpy(m.salt, p + 184, sizeof(m.salt));
    memcpy(m.root_hash, p + 216, sizeof(m.root_hash));
    memcpy(m.table_hash, p + 248, sizeof(m.table_hash));
    memcpy(m.signer, p + 280, sizeof(m.signer));
    *out = m;
    return 0;
}

int manifest_fits(const struct manifest *m, const char *board, struct err *e)
{
    if (strcmp(m->product, MANIFEST_PRODUCT) != 0)
        return err_set(e, ERR_INPUT, "it is for the product %s, this is %s", m->product,
                       MANIFEST_PRODUCT);
    if (strcmp(m->board, board) != 0)
        return err_set(e, ERR_INPUT, "it is for the board %s, this is %s: use the bundle for it",
                       m->board, board);
    return 0;
}
