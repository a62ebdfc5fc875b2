/* Write to NAME.new, sync, rename, sync the folder: a power cut leaves the old file or the new. */
#include "src/key/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/own.h"

static int path_of(char *out, size_t size, const char *dir, const char *name, const char *suffix,
                   struct err *e)
{
    int n = snprintf(out, size, "%s/%s%s", dir, name, suffix);
    if (n < 0 || (size_t)n >= size)
        return err_set(e, ERR_LIMIT, "state folder: the path is too long");
    return 0;
}

int statefile_read(const char *dir, const char *name, struct buf *out, struct err *e)
{
    char path[512];
    if (path_of(path, sizeof path, dir, name, "", e) < 0)
        return -1;
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_sys(e, path);
    uint8_t part[1024];
    for (;;) {
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, path);
        if (n == 0)
            return buf_check(out, name, e);
        buf_add(out, part, (size_t)n);
    }
}

static int write_all(int fd, struct blob bytes, const char *path, struct err *e)
{
    const uint8_t *p = bytes.p;
    size_t at = 0;
    while (at < bytes.n) {
        ssize_t n = write(fd, p + at, bytes.n - at);
        if (n < 0 && errno != EINTR)
            return err_sys(e, path);
        at += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) < 0 ? err_sys(e, path) : 0;
}

int statefile_write(const char *dir, const char *name, struct blob bytes, struct err *e)
{
    char path[512], fresh[512];
    if (path_of(path, sizeof path, dir, name, "", e) < 0 ||
        path_of(fresh, sizeof fresh, dir, name, ".new", e) < 0)
        return -1;
    OWN(own_fd)
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(e, fresh);
    if (write_all(fd, bytes, fresh, e) < 0)
        return -1;
    if (rename(fresh, path) < 0)
        return err_sys(e, path);
    OWN(own_fd)
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fsync(folder) < 0)
        return err_sys(e, dir);
    return 0;
}

int statefile_mkdir(const char *dir, const char *name, struct err *e)
{
    char path[512];
    if (path_of(path, sizeof path, dir, name, "", e) < 0)
        return -1;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_sys(e, path);
    return 0;
}
