/* Mount, switch root, exec. */
#include "src/stage0/handover.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/own.h"

#define FIRST_PROGRAM "/usr/lib/certkeep/certkeep-parent"
#define FOLDERS_OPEN 8

int handover_mount(const char *device, struct err *e)
{
    if (mkdir(NEW_ROOT, 0755) < 0 && access(NEW_ROOT, F_OK) < 0)
        return err_sys(e, NEW_ROOT);
    if (mount(device, NEW_ROOT, "squashfs", MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) < 0)
        return err_sys(e, "mount the root file system");
    if (access(NEW_ROOT FIRST_PROGRAM, X_OK) == 0)
        return 0;
    err_sys(e, FIRST_PROGRAM);
    umount(NEW_ROOT);
    return -1;
}

int handover_unmount(struct err *e)
{
    return umount(NEW_ROOT) < 0 ? err_sys(e, NEW_ROOT) : 0;
}

/* What cannot be removed only costs memory. */
static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    if (at->level > 0)
        remove(path);
    return 0;
}

int handover_run(struct err *e)
{
    static const char *const kept[] = {"/dev", "/proc", "/sys"};
    char *const argv[] = {(char[]){FIRST_PROGRAM}, (char[]){"--first"}, NULL};
    char *const env[] = {(char[]){"LANG=C.UTF-8"}, NULL};

    for (size_t i = 0; i < COUNT(kept); i++) {
        OWN(own_mem)
        char *to = xasprintf(NEW_ROOT "%s", kept[i]);
        if (mount(kept[i], to, NULL, MS_MOVE, NULL) < 0)
            return err_sys(e, kept[i]);
    }
    nftw("/", remove_one, FOLDERS_OPEN, FTW_DEPTH | FTW_MOUNT | FTW_PHYS);
    if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
        chdir("/") < 0)
        return err_sys(e, "switch to the root file system");
    execve(FIRST_PROGRAM, argv, env);
    return err_sys(e, FIRST_PROGRAM);
}
