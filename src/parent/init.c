/* Order: mounts, settings, loopback, arguments. stage-0 left /dev, /proc, /sys and the console. */
#include "src/parent/init.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/parent/dhcp.h"

#define ARGUMENTS "/etc/certkeep/parent.args"
#define ARGUMENTS_MAX 4096
#define STATE_PARTITION "/dev/part/state"
#define QUIET (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct {
    const char *what, *where, *kind;
    unsigned long flags;
    const char *options;
} mounts[] = {
    {"dev", "/dev", NULL, MS_REMOUNT | MS_NOSUID | MS_NOEXEC, "mode=755"},
    {"sys", "/sys", NULL, MS_REMOUNT | MS_RDONLY | QUIET, NULL},
    {"run", "/run", "tmpfs", QUIET, "mode=755,size=16m"},
    {"tmp", "/tmp", "tmpfs", QUIET, "mode=1777,size=64m"},
    {STATE_PARTITION, INIT_STATE, "ext4", QUIET, "errors=remount-ro"},
};

static const struct {
    const char *path, *value;
} settings[] = {
#define SYSCTL(path, value) {"/proc/sys/" path, value "\n"},
#include "src/parent/sysctl.def"
#undef SYSCTL
};

bool init_is_first(int argc, char **argv)
{
    return getpid() == 1 && argc == 2 && str_eq(argv[1], "--first");
}

static int mount_all(struct err *e)
{
    for (size_t i = 0; i < COUNT(mounts); i++)
        if (mount(mounts[i].what, mounts[i].where, mounts[i].kind, mounts[i].flags,
                  mounts[i].options) < 0) {
            err_sys(e, mounts[i].where);
            return err_wrap(e, "mount %s", mounts[i].what);
        }
    return 0;
}

static int set_all(struct err *e)
{
    for (size_t i = 0; i < COUNT(settings); i++) {
        OWN(own_fd)
        int fd = open(settings[i].path, O_WRONLY | O_CLOEXEC);
        const size_t n = strlen(settings[i].value);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0 || write(fd, settings[i].value, n) != (ssize_t)n)
            return err_sys(e, settings[i].path);
    }
    return 0;
}

static int loopback(struct err *e)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    OWN(own_fd)
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
        return err_sys(e, "loopback");
    return 0;
}

/* One argument a line: the file is part of the verified root. */
static int arguments(struct strs *argv, struct err *e)
{
    char text[ARGUMENTS_MAX + 1];
    OWN(own_fd)
    int fd = open(ARGUMENTS, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, ARGUMENTS_MAX);

    if (n < 0)
        return err_sys(e, ARGUMENTS);
    text[n] = '\0';
    strs_split(argv, text, "\n");
    return 0;
}

int init_start(struct strs *argv, struct err *e)
{
    const int log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

    if (log < 0 || reboot(RB_DISABLE_CAD) < 0) /* Ctrl-Alt-Del becomes SIGINT */
        return err_sys(e, "kernel log");
    if (mount_all(e) < 0 || set_all(e) < 0 || loopback(e) < 0 || arguments(argv, e) < 0 ||
        dhcp_folders(e) < 0)
        return -1;
    if (dup2(log, STDERR_FILENO) < 0)
        return err_sys(e, "kernel log");
    close(log);
    return 0;
}
