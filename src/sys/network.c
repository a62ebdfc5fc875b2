/* Files below the folder of sys; parent starts the DHCP client anew with them. */
#include "src/sys/network.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/sys/dhcpcd.h"

#define CONF_MAX 8192

static bool holds(const char *path, const struct buf *text)
{
    char now[CONF_MAX];
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const ssize_t n = fd < 0 ? 0 : read(fd, now, sizeof(now));

    return n >= 0 && blob_eq(BLOB(now, (size_t)n), buf_blob(text));
}

/* No text: no file. */
static int put_file(const char *folder, const char *name, const struct buf *text, bool *changed,
                    struct err *e)
{
    OWN(own_mem)
    char *path = xasprintf("%s/%s", folder, name);
    OWN(own_mem)
    char *next = xasprintf("%s.new", path);

    if (buf_check(text, name, e) < 0)
        return -1;
    if (holds(path, text))
        return 0;
    *changed = true;
    if (text->n == 0)
        return unlink(path) < 0 ? err_sys(e, path) : 0;
    OWN(own_fd)
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || write(fd, text->p, text->n) != (ssize_t)text->n || rename(next, path) < 0)
        return err_sys(e, path);
    return 0;
}

int network_write(const char *folder, const struct network *n, bool *changed, struct err *e)
{
    OWN(buf_free)
    struct buf conf = BUF(CONF_MAX), resolv = BUF(CONF_MAX);

    if (n) {
        dhcpcd_conf(n, &conf);
        dhcpcd_resolv(n, &resolv);
    }
    *changed = false;
    return put_file(folder, "dhcpcd.conf", &conf, changed, e) < 0
               ? -1
               : put_file(folder, "resolv.conf", &resolv, changed, e);
}
