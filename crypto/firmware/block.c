/* Files and block devices as places on a disk; the only system calls of the slot code are here. */
#include "crypto/firmware/block.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_read(const struct block *b, uint64_t at, void *p, size_t n, struct err *e)
{
    uint8_t *to = p;

    while (n > 0) {
        ssize_t got = pread(b->fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_sys(e, "read");
        if (got == 0)
            return err_set(e, ERR_SYSTEM, "read: it ends at byte %llu", (unsigned long long)at);
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

static int file_write(const struct block *b, uint64_t at, const void *p, size_t n, struct err *e)
{
    const uint8_t *from = p;

    while (n > 0) {
        ssize_t put = pwrite(b->fd, from, n, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_sys(e, "write");
        from += put;
        at += (uint64_t)put;
        n -= (size_t)put;
    }
    return 0;
}

static int file_flush(const struct block *b, struct err *e)
{
    if (fdatasync(b->fd) < 0)
        return err_sys(e, "flush");
    /* What is read back must come from the disk, not from memory. */
    int failed = posix_fadvise(b->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (failed) {
        errno = failed;
        return err_sys(e, "drop the cache");
    }
    return 0;
}

int block_open(int dir, const char *name, bool writable, struct block *out, struct err *e)
{
    int fd = openat(dir, name, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, name);

    struct stat st;
    off_t end = -1;
    if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
        end = lseek(fd, 0, SEEK_END);
    if (end < 0) {
        close(fd);
        return err_set(e, ERR_SYSTEM, "%s: expected a partition or a regular file", name);
    }
    *out = (struct block){.name = name,
                          .bytes = (uint64_t)end,
                          .read = file_read,
                          .write = file_write,
                          .flush = file_flush,
                          .fd = fd};
    return 0;
}

void block_close(struct block *b)
{
    if (b->read == file_read)
        close(b->fd);
    *b = (struct block){.fd = -1};
}

static int inside(const struct block *b, uint64_t at, size_t n, struct err *e)
{
    if (at > b->bytes || n > b->bytes - at)
        return err_set(e, ERR_LIMIT, "%s: %zu bytes at %llu: it has %llu bytes", b->name, n,
                       (unsigned long long)at, (unsigned long long)b->bytes);
    return 0;
}

int block_read(const struct block *b, uint64_t at, void *p, size_t n, struct err *e)
{
    if (inside(b, at, n, e) < 0)
        return -1;
    if (b->read(b, at, p, n, e) < 0)
        return err_wrap(e, "%s", b->name);
    return 0;
}

int block_put(const struct block *b, uint64_t at, const void *p, size_t n, struct err *e)
{
    const uint8_t *want = p;
    uint8_t got[BLOCK_BYTES];

    if (inside(b, at, n, e) < 0)
        return -1;
    if (b->write(b, at, p, n, e) < 0 || b->flush(b, e) < 0)
        return err_wrap(e, "%s", b->name);
    for (size_t done = 0; done < n; done += sizeof(got)) {
        size_t part = n - done < sizeof(got) ? n - done : sizeof(got);
        if (block_read(b, at + done, got, part, e) < 0)
            return -1;
        if (memcmp(got, want + done, part) != 0)
            return err_set(
                e, ERR_SYSTEM,
                "%s: what was written at %llu reads back differently: the disk is failing", b->name,
                (unsigned long long)(at + done));
    }
    return 0;
}
