/* Finds partitions by the names in their uevents: no partition table is read here. */
#include "src/stage0/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/base/str.h"

#define CLASS "/sys/class/block/"
#define DISK_WAIT_MS 15000
#define DISK_LOOK_MS 20
#define UEVENT_BYTES 1024

static const char *const names[] = {"control", "boot-a", "boot-b", "root-a", "root-b", "state"};

/* The value of KEY in the uevent of a block device, or "". */
static void uevent_value(const char *device, const char *key, char *out, size_t out_size)
{
    char text[UEVENT_BYTES + 1];
    OWN(own_mem)
    char *path = xasprintf(CLASS "%s/uevent", device);
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, UEVENT_BYTES);

    *out = '\0';
    text[n < 0 ? 0 : n] = '\0';
    OWN(strs_free)
    struct strs lines = {};
    strs_split(&lines, text, "\n");
    const size_t key_len = strlen(key);
    for (size_t i = 0; i < lines.n; i++)
        if (str_starts(lines.v[i], key) && lines.v[i][key_len] == '=' &&
            str_copy(out, out_size, lines.v[i] + key_len + 1, NULL) == 0)
            return;
}

static int link_one(const char *device, const char *name, struct err *e)
{
    char present[PATH_MAX];
    OWN(own_mem)
    char *link = xasprintf(PART_FOLDER "/%s", name);
    OWN(own_mem)
    char *target = xasprintf("/dev/%s", device);

    if (symlink(target, link) == 0)
        return 0;
    if (errno != EEXIST)
        return err_sys(e, link);
    const ssize_t n = readlink(link, present, sizeof(present) - 1);
    present[n < 0 ? 0 : n] = '\0';
    if (!str_eq(present, target))
        return err_set(e, ERR_CONFLICT,
                       "%s and %s are both named %s: remove the disk that is not this appliance's",
                       present, target, name);
    return 0;
}

static int link_if_ours(const char *device, size_t *found, struct err *e)
{
    char name[64];

    uevent_value(device, "PARTNAME", name, sizeof(name));
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!str_eq(name, names[i]))
            continue;
        if (link_one(device, name, e) < 0)
            return -1;
        ++*found;
    }
    return 0;
}

static int look(size_t *found, struct err *e)
{
    glob_t g;
    int rc = 0;

    *found = 0;
    if (glob(CLASS "*", 0, NULL, &g) != 0)
        return 0; /* no disk yet */
    for (size_t i = 0; i < g.gl_pathc && rc == 0; i++)
        rc = link_if_ours(g.gl_pathv[i] + sizeof(CLASS) - 1, found, e);
    globfree(&g);
    return rc;
}

int disk_link(struct err *e)
{
    size_t found = 0;

    if (mkdir(PART_FOLDER, 0755) < 0 && errno != EEXIST)
        return err_sys(e, PART_FOLDER);
    for (int waited = 0; waited < DISK_WAIT_MS; waited += DISK_LOOK_MS) {
        if (look(&found, e) < 0)
            return -1;
        if (found == COUNT(names))
            return 0;
        usleep(DISK_LOOK_MS * 1000);
    }
    return err_set(e, ERR_NOT_FOUND,
                   "%zu of the appliance's %zu partitions: no disk of this appliance is attached, "
                   "or its partition table is damaged",
                   found, COUNT(names));
}
