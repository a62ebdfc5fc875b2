/* finit_module for each file: the kernel checks the signature of each. */
#include "src/stage0/modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/base/own.h"

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static int load(int folder, const char *name, struct err *e)
{
    OWN(own_fd)
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(e, name);
    if (syscall(SYS_finit_module, fd, "", 0) == 0)
        return 0;
    /* Loaded already; no such hardware; or it needs a module that found no such hardware. */
    if (errno == EEXIST || errno == ENODEV || errno == ENOENT)
        return 0;
    return err_sys(e, name);
}

int modules_load(const char *folder, struct err *e)
{
    struct dirent **list = NULL;
    OWN(own_fd)
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int n = at < 0 ? -1 : scandirat(at, ".", &list, visible, alphasort);
    int rc = n < 0 ? err_sys(e, folder) : 0;

    for (int i = 0; i < n; i++) {
        if (rc == 0 && load(at, list[i]->d_name, e) < 0)
            rc = err_wrap(e, "kernel module");
        free(list[i]);
    }
    free(list);
    return rc;
}
