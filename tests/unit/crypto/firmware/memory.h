/* A disk in memory that can record what is written to it, and fail. */
#pragma once
#include "tests/unit/crypto/firmware/sample.h"

#define MEMORY_CONTROL (1024u * 1024u)
#define MEMORY_BOOT (SAMPLE_BOOT + 16u * BLOCK_BYTES)
#define MEMORY_ROOT (SAMPLE_ROOT + SAMPLE_TREE + 17u * BLOCK_BYTES)
#define MEMORY_PARTS 5u
#define MEMORY_WRITES_MAX 128u

struct memory;
struct memory_part {
    struct memory *of;
    uint8_t *p;
    size_t n;
};
struct memory_write {
    unsigned part;
    uint64_t at;
    size_t n;
    uint8_t *p;
    unsigned flushes; /* that came before it */
};
struct memory {
    struct disk disk;
    struct memory_part part[MEMORY_PARTS];
    bool record;
    size_t writes;
    unsigned flushes;
    struct memory_write log[MEMORY_WRITES_MAX];
    int lie;          /* the part whose writes are lost; -1: none */
    unsigned calls;   /* of the disk so far */
    unsigned fail_at; /* the call that fails, from 1; 0: none */
};

static inline int memory_call(struct memory *m, struct err *e)
{
    return ++m->calls == m->fail_at ? err_set(e, ERR_SYSTEM, "the disk failed") : 0;
}

static inline int memory_read(const struct block *b, uint64_t at, void *p, size_t n, struct err *e)
{
    const struct memory_part *m = b->ctx;
    memcpy(p, m->p + at, n);
    return memory_call(m->of, e);
}

static inline int memory_write(const struct block *b, uint64_t at, const void *p, size_t n,
                               struct err *e)
{
    struct memory_part *part = b->ctx;
    struct memory *m = part->of;
    unsigned i = (unsigned)(part - m->part);

    if (memory_call(m, e) < 0)
        return -1;
    if (m->record) {
        assert_true(m->writes < MEMORY_WRITES_MAX);
        struct memory_write *w = &m->log[m->writes++];
        *w = (struct memory_write){.part = i, .at = at, .n = n, .flushes = m->flushes};
        w->p = malloc(n);
        assert_non_null(w->p);
        memcpy(w->p, p, n);
    }
    if ((int)i != m->lie)
        memcpy(part->p + at, p, n);
    return 0;
}

static inline int memory_flush(const struct block *b, struct err *e)
{
    struct memory_part *part = b->ctx;
    part->of->flushes++;
    return memory_call(part->of, e);
}

static inline void memory_make(struct memory *m)
{
    static const char *const names[] = {"control", "boot-a", "boot-b", "root-a", "root-b"};
    static const size_t sizes[] = {MEMORY_CONTROL, MEMORY_BOOT, MEMORY_BOOT, MEMORY_ROOT,
                                   MEMORY_ROOT};

    *m = (struct memory){.lie = -1};
    struct block *blocks[] = {&m->disk.control, &m->disk.boot[0], &m->disk.boot[1],
                              &m->disk.root[0], &m->disk.root[1]};
    for (unsigned i = 0; i < MEMORY_PARTS; i++) {
        m->part[i] = (struct memory_part){m, calloc(1, sizes[i]), sizes[i]};
        assert_non_null(m->part[i].p);
        *blocks[i] = (struct block){.name = names[i],
                                    .bytes = sizes[i],
                                    .read = memory_read,
                                    .write = memory_write,
                                    .flush = memory_flush,
                                    .ctx = &m->part[i],
                                    .fd = -1};
    }
}

static inline void memory_free(struct memory *m)
{
    for (unsigned i = 0; i < MEMORY_PARTS; i++)
        free(m->part[i].p);
    for (size_t i = 0; i < m->writes; i++)
        free(m->log[i].p);
}

/* Puts a system into a slot, as the build of a disk image does. */
static inline void memory_lay(struct memory *m, enum slot_id id, const struct sample *s)
{
    uint8_t *root = m->part[3 + id].p;

    memcpy(m->part[1 + id].p, s->payload, SAMPLE_BOOT);
    memcpy(root, s->payload + SAMPLE_BOOT, SAMPLE_ROOT + SAMPLE_TREE);
    memcpy(root + MEMORY_ROOT - SLOT_BLOCK_BYTES, s->head, SLOT_BLOCK_BYTES);
}
