/*
 * Judges damaged slots with the functions that stage-0 and certkeep-update judge with, on
 * partitions held in memory: slot_read (signatures, manifest, board, sizes), then slot_check (the
 * hash of the boot image, and verity_check: every block of the root and of its hash tree). With a
 * flip in the root only that last part is asked after slot_read, for the boot image is the good
 * one.
 *
 *   slot_verifier FOLDER TRUST BOARD     the partitions as files; slot a is judged
 *
 * Each line of standard input, "PARTITION BYTE MASK", flips bits of one byte of the good slot. The
 * answer is one line: "runs", or "refused" and the words of the verifier. An empty line flips
 * nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/firmware/slot.h"
#include "crypto/firmware/verity.h"
#include "src/base/own.h"
#include "src/base/str.h"

static int memory_read(const struct block *b, uint64_t at, void *p, size_t n, struct err *e)
{
    (void)e;
    memcpy(p, (const uint8_t *)b->ctx + at, n);
    return 0;
}

static int memory_of(struct block *b, struct err *e)
{
    uint8_t *p = xmalloc(b->bytes);
    if (block_read(b, 0, p, b->bytes, e) < 0)
        return -1;
    b->ctx = p;
    b->read = memory_read;
    return 0;
}

static int trust_load(const char *path, struct trust *out, struct err *e)
{
    uint8_t p[TRUST_BYTES_MAX];
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, p, sizeof(p));

    return n < 0 ? err_sys(e, path) : trust_parse(p, (size_t)n, out, e);
}

static void judge(const struct disk *d, const struct policy *p, bool root_only)
{
    struct manifest m;
    enum slot_why why;
    struct err e = {0};
    int rc = slot_read(d, SLOT_A, p, &m, &why, &e);

    if (rc == 0)
        rc = root_only ? verity_check(&d->root[SLOT_A], &m, &e)
                       : slot_check(&d->boot[SLOT_A], &d->root[SLOT_A], &m, NULL, &e);
    if (rc < 0)
        printf("refused %s\n", e.text);
    else
        printf("runs\n");
}

/* 1: a byte of the disk to flip, 0: nothing to flip. */
static int parse(char *line, const struct disk *d, uint8_t **byte, uint8_t *mask, struct err *e)
{
    uint64_t at = 0;
    uint32_t bits = 0;
    OWN(strs_free)
    struct strs words = {0};

    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '\0')
        return 0;
    strs_split(&words, line, " ");
    const struct block *b = words.n != 3                   ? NULL
                            : str_eq(words.v[0], "boot-a") ? &d->boot[SLOT_A]
                            : str_eq(words.v[0], "root-a") ? &d->root[SLOT_A]
                                                           : NULL;
    if (!b)
        return err_set(e, ERR_INPUT, "%s: expected boot-a or root-a, byte, mask", line);
    if (parse_u64(words.v[1], 0, b->bytes - 1, &at, e) < 0 ||
        parse_u32(words.v[2], 1, UINT8_MAX, &bits, e) < 0)
        return -1;
    *byte = (uint8_t *)b->ctx + at;
    *mask = (uint8_t)bits;
    return 1;
}

int main(int argc, char **argv)
{
    char line[128];
    struct trust trust;
    struct disk d = {0};
    struct err e = {0};

    if (argc != 4) {
        fprintf(stderr, "usage: slot_verifier FOLDER TRUST BOARD\n");
        return 2;
    }
    if (firmware_start(&e) < 0 || trust_load(argv[2], &trust, &e) < 0 ||
        disk_open(argv[1], &d, &e) < 0 || memory_of(&d.boot[SLOT_A], &e) < 0 ||
        memory_of(&d.root[SLOT_A], &e) < 0) {
        fprintf(stderr, "slot_verifier: %s\n", e.text);
        return 1;
    }
    const struct policy policy = {.trust = &trust, .board = argv[3]};
    while (fgets(line, sizeof(line), stdin)) {
        uint8_t *byte = NULL, mask = 0;
        const int flip = parse(line, &d, &byte, &mask, &e);
        if (flip < 0) {
            fprintf(stderr, "slot_verifier: %s\n", e.text);
            return 1;
        }
        if (flip)
            *byte ^= mask;
        judge(&d, &policy, str_starts(line, "root-a"));
        if (flip)
            *byte ^= mask;
    }
    return 0;
}
