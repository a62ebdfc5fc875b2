/*
 * Landlock: which paths a process may read and write, and whether it may open TCP connections.
 * What the kernel's ABI does not know is left out and named in the notice.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/sandbox/profile.h"

#define ABI_WANTED 6

#define READ_FILES LANDLOCK_ACCESS_FS_READ_FILE
#define READ (READ_FILES | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_FILES (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define WRITE                                                                                      \
    (WRITE_FILES | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REFER)
#define RUN LANDLOCK_ACCESS_FS_EXECUTE
/* Everything up to ABI 5: execute, the file kinds, links, ioctl on devices. */
#define HANDLED_FS ((LANDLOCK_ACCESS_FS_IOCTL_DEV << 1) - 1)

static uint64_t known_fs(int abi)
{
    uint64_t known = HANDLED_FS;

    if (abi < 5)
        known &= ~(uint64_t)LANDLOCK_ACCESS_FS_IOCTL_DEV;
    if (abi < 3)
        known &= ~(uint64_t)LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi < 2)
        known &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
    return known;
}

static void tell_missing(int abi, char notice[256])
{
    static const struct {
        int since;
        const char *what;
    } parts[] = {
        {1, "paths (only the file owner decides)"},
        {3, "truncation of files"},
        {4, "TCP ports"},
        {5, "ioctl on devices"},
        {6, "signals and abstract sockets to others"},
    };

    if (abi >= ABI_WANTED)
        return;
    size_t n =
        (size_t)snprintf(notice, 256, "Landlock ABI %d, wanted %d; not limited:", abi, ABI_WANTED);
    const char *separator = " ";
    for (size_t i = 0; i < COUNT(parts); i++) {
        if (abi >= parts[i].since || n >= 256)
            continue;
        n += (size_t)snprintf(notice + n, 256 - n, "%s%s", separator, parts[i].what);
        separator = ", ";
    }
}

/* A path that does not exist needs no rule. */
static int allow(int ruleset, const char *path, uint64_t access, struct err *e)
{
    OWN(own_fd)
    int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(e, path);
    if (!S_ISDIR(st.st_mode))
        access &= READ_FILES | WRITE_FILES | RUN;
    const struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        return err_sys(e, path);
    return 0;
}

static int allow_list(int ruleset, const char *paths, uint64_t access, struct err *e)
{
    OWN(strs_free)
    struct strs list = {};

    strs_split(&list, paths, " ");
    for (size_t i = 0; i < list.n; i++)
        if (allow(ruleset, list.v[i], access, e) < 0)
            return -1;
    return 0;
}

static int allow_paths(int ruleset, const struct profile *p, const struct confine_paths *paths,
                       uint64_t known, struct err *e)
{
    if (allow_list(ruleset, p->reads, READ & known, e) < 0)
        return -1;
    if (paths->extra_read && allow(ruleset, paths->extra_read, READ & known, e) < 0)
        return -1;
    if (paths->state && p->state && allow(ruleset, paths->state, (READ | WRITE) & known, e) < 0)
        return -1;
    if (paths->extra_write && p->state)
        return allow(ruleset, paths->extra_write, (READ | WRITE) & known, e);
    return 0;
}

int landlock_apply(const struct profile *p, const struct confine_paths *paths, char notice[256],
                   struct err *e)
{
    const int abi =
        (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    tell_missing(abi < 0 ? 0 : abi, notice);
    if (abi < 1)
        return 0;
    struct landlock_ruleset_attr attr = {.handled_access_fs = known_fs(abi)};
    if (abi >= 4)
        attr.handled_access_net =
            LANDLOCK_ACCESS_NET_BIND_TCP | (p->outgoing ? 0 : LANDLOCK_ACCESS_NET_CONNECT_TCP);
    if (abi >= 6)
        attr.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
    OWN(own_fd)
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (ruleset < 0)
        return err_sys(e, "Landlock ruleset");
    if (allow_paths(ruleset, p, paths, known_fs(abi), e) < 0)
        return err_wrap(e, "Landlock rule");
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return err_sys(e, "Landlock");
    return 0;
}

int landlock_apply_foreign(const struct foreign *f, struct err *e)
{
    const int abi =
        (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (abi < ABI_WANTED)
        return err_set(e, ERR_SYSTEM, "Landlock ABI %d, at least %d is needed", abi, ABI_WANTED);
    const struct landlock_ruleset_attr attr = {
        .handled_access_fs = HANDLED_FS,
        .handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP,
        .scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL};
    OWN(own_fd)
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (ruleset < 0)
        return err_sys(e, "Landlock ruleset");
    if (allow_list(ruleset, f->reads, READ, e) < 0 ||
        allow_list(ruleset, f->writes, READ | WRITE | LANDLOCK_ACCESS_FS_MAKE_SOCK, e) < 0 ||
        allow_list(ruleset, f->runs, READ_FILES | RUN, e) < 0)
        return err_wrap(e, "Landlock rule");
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return err_sys(e, "Landlock");
    return 0;
}
