/*
 * What LMDB gives to the disk, recorded: its write calls are caught in this program on their way to
 * libc, each with its bytes, its place and whether it was flushed. disk_log_* make from the record
 * what the file holds when the power goes at some point.
 */
#pragma once
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/base/str.h"

#define SECTOR 512u
#define WRITES_MAX 8192

struct disk_write {
    uint8_t *p;
    size_t at, n;
    unsigned flushes;  /* that came before it */
    unsigned finished; /* steps that had been told to be durable before it */
    unsigned begun;
    bool named; /* the file had its name by then */
};

static struct {
    struct disk_write log[WRITES_MAX];
    size_t n;
    unsigned flushes, finished, begun;
    bool on;
} disk_log;

static bool disk_log_names(int fd, const char *file)
{
    char link[64], name[512];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t n = disk_log.on ? readlink(link, name, sizeof(name) - 1) : -1;
    const size_t len = strlen(file);
    name[n < 0 ? 0 : n] = '\0';
    return n > (ssize_t)len && str_eq(name + (size_t)n - len, file);
}

static bool disk_log_is_data(int fd)
{
    return disk_log_names(fd, "/data.mdb") || disk_log_names(fd, "/data.new");
}

static void disk_log_add(int fd, const void *p, size_t n, size_t at)
{
    if (disk_log.n == WRITES_MAX)
        abort();
    struct disk_write *w = &disk_log.log[disk_log.n++];
    *w = (struct disk_write){.p = xmalloc(n),
                             .at = at,
                             .n = n,
                             .flushes = disk_log.flushes,
                             .finished = disk_log.finished,
                             .begun = disk_log.begun,
                             .named = disk_log_names(fd, "/data.mdb")};
    memcpy(w->p, p, n);
    if (fcntl(fd, F_GETFL) & O_DSYNC)
        disk_log.flushes++; /* it is on the disk when the call returns */
}

/* The names libc gives these calls; ours are found first. */
ssize_t pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t writev(int fd, const struct iovec *v, int count);
int fdatasync(int fd);
int fsync(int fd);

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (disk_log_is_data(fd))
        disk_log_add(fd, p, n, (size_t)at);
    return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int count)
{
    size_t at = disk_log_is_data(fd) ? (size_t)lseek(fd, 0, SEEK_CUR) : 0;

    for (int i = 0; i < count && disk_log_is_data(fd); i++) {
        disk_log_add(fd, v[i].iov_base, v[i].iov_len, at);
        at += v[i].iov_len;
    }
    return syscall(SYS_writev, fd, v, count);
}

int fdatasync(int fd)
{
    if (disk_log_is_data(fd))
        disk_log.flushes++;
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    if (disk_log_is_data(fd))
        disk_log.flushes++;
    return (int)syscall(SYS_fsync, fd);
}

/* A file in memory. */
struct disk_file {
    uint8_t *p;
    size_t n;
};

static void disk_file_put(struct disk_file *f, const struct disk_write *w, size_t n)
{
    if (n == 0)
        return;
    if (w->at + n > f->n) {
        f->p = xrealloc(f->p, w->at + n);
        memset(f->p + f->n, 0, w->at + n - f->n);
        f->n = w->at + n;
    }
    memcpy(f->p + w->at, w->p, n);
}

static void disk_file_copy(struct disk_file *to, const struct disk_file *from)
{
    to->n = 0;
    if (from->n > 0)
        disk_file_put(to, &(struct disk_write){.p = from->p, .n = from->n}, from->n);
}

static void disk_file_save(const struct disk_file *f, const char *path)
{
    OWN(own_fd)
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, f->p, f->n) != (ssize_t)f->n)
        abort();
}
