/*
 * The first file of a store. LMDB writes its two head pages in place, and a file with half of them
 * is refused for ever; so they are written under another name, and a power cut leaves no store or
 * one that opens.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/core/store/inside.h"

static int sync_path(const char *path, int flags, struct err *e)
{
    OWN(own_fd)
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 || fsync(fd) < 0 ? err_sys(e, path) : 0;
}

/* NOLOCK: nobody else knows this name, and the lock of the folder is ours. */
static int write_heads(const char *path, size_t map_bytes, struct err *e)
{
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);

    if (rc == 0)
        rc = mdb_env_set_mapsize(env, map_bytes);
    if (rc == 0)
        rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
    mdb_env_close(env);
    return rc ? store_err(e, rc, path) : 0;
}

int store_create(const char *dir, size_t map_bytes, struct err *e)
{
    OWN(own_mem)
    char *fresh = xasprintf("%s/data.new", dir);
    OWN(own_mem)
    char *path = xasprintf("%s/data.mdb", dir);
    struct stat st;

    if (stat(path, &st) == 0)
        return 0;
    if (errno != ENOENT)
        return err_sys(e, path);
    if (unlink(fresh) < 0 && errno != ENOENT)
        return err_sys(e, fresh);
    if (write_heads(fresh, map_bytes, e) < 0 || sync_path(fresh, O_RDWR, e) < 0)
        return -1;
    if (rename(fresh, path) < 0)
        return err_sys(e, path);
    return sync_path(dir, O_RDONLY | O_DIRECTORY, e);
}
