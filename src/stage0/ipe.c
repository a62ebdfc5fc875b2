/* Three files of securityfs: the new policy, its switch, and whether policies count at all. */
#include "src/stage0/ipe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "src/base/own.h"

#define SECURITY "/sys/kernel/security"
#define POLICY_MAX 8192

static int put(const char *path, const void *p, size_t n, struct err *e)
{
    OWN(own_fd)
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd < 0 || write(fd, p, n) != (ssize_t)n ? err_sys(e, path) : 0;
}

int ipe_start(const char *policy, bool *on, struct err *e)
{
    char text[POLICY_MAX];
    OWN(own_fd)
    int fd = open(policy, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

    if (n <= 0)
        return err_sys(e, policy);
    if (mount("securityfs", SECURITY, "securityfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0)
        return err_sys(e, SECURITY);
    *on = false;
    if (put(SECURITY "/ipe/new_policy", text, (size_t)n, e) < 0)
        return errno == ENOKEY ? 0 : -1;
    *on = true;
    return put(SECURITY "/ipe/policies/certkeep/active", "1", 1, e) < 0 ||
                   put(SECURITY "/ipe/enforce", "1", 1, e) < 0
               ? -1
               : 0;
}

int ipe_close(struct err *e)
{
    return umount(SECURITY) < 0 ? err_sys(e, SECURITY) : 0;
}
