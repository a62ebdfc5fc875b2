/*
 * probe: the first program of an image made for tests. Tries to execute what is not of the
 * verified root, from a tmpfs that is not noexec, prints one line for each try, and switches off.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/base/str.h"

#define SELF "/usr/lib/certkeep/certkeep-parent"
#define LOADER "/usr/lib64/ld-linux-x86-64.so.2"
#define COPY "/run/copy"
#define SCRIPT "/run/script"
#define RAN 42
#define PAGE 4096u

static char *const ran[] = {(char[]){"program"}, (char[]){"ran"}, NULL};

static int copy_to(int to)
{
    struct stat st;
    OWN(own_fd)
    int from = open(SELF, O_RDONLY | O_CLOEXEC);

    return from < 0 || fstat(from, &st) < 0 ||
                   sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size
               ? -1
               : 0;
}

static int run(const char *path)
{
    execv(path, ran);
    return errno;
}

static int run_verified(void)
{
    return run(SELF);
}

static int run_copy(void)
{
    return run(COPY);
}

static int run_script(void)
{
    return run(SCRIPT);
}

static int run_by_loader(void)
{
    char *const argv[] = {(char[]){LOADER}, (char[]){COPY}, (char[]){"ran"}, NULL};
    execv(LOADER, argv);
    return errno;
}

static int run_memory_file(void)
{
    const int fd = memfd_create("program", 0);

    if (fd < 0 || copy_to(fd) < 0)
        return errno;
    syscall(SYS_execveat, fd, "", ran, NULL, AT_EMPTY_PATH);
    return errno;
}

static int map_copy(void)
{
    OWN(own_fd)
    int fd = open(COPY, O_RDONLY | O_CLOEXEC);
    return mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : RAN;
}

static int map_memory(void)
{
    return mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? errno
               : RAN;
}

static int change_memory(void)
{
    void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED || mprotect(p, PAGE, PROT_READ | PROT_EXEC) < 0 ? errno : RAN;
}

static const struct {
    const char *name;
    int (*act)(void);
} acts[] = {
    {"verified program", run_verified},
    {"copied program", run_copy},
    {"script", run_script},
    {"copy by the loader", run_by_loader},
    {"memory file", run_memory_file},
    {"mapped file", map_copy},
    {"mapped memory", map_memory},
    {"changed memory", change_memory},
};

static void try(const char *name, int (*act)(void))
{
    int status = 0;
    const pid_t pid = fork();

    if (pid == 0)
        _exit(act());
    waitpid(pid, &status, 0);
    const int got = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    printf("probe: %s: %s\n", name, got == RAN ? "ran" : "refused");
    fflush(stdout);
}

static int prepare(void)
{
    static const char script[] = "#!" SELF "\n";

    if (mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
        return -1;
    OWN(own_fd)
    int copy = open(COPY, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    OWN(own_fd)
    int text = open(SCRIPT, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    return copy < 0 || copy_to(copy) < 0 || text < 0 ||
                   write(text, script, sizeof(script) - 1) != (ssize_t)sizeof(script) - 1
               ? -1
               : 0;
}

int main(int argc, char **argv)
{
    /* Started anew, as a program or by its script: that is what was to be found out. */
    if (getpid() != 1 || argc < 2 || str_eq(argv[1], "ran"))
        return RAN;
    if (prepare() < 0)
        printf("probe: cannot begin: %m\n");
    else
        for (size_t i = 0; i < COUNT(acts); i++)
            try(acts[i].name, acts[i].act);
    printf("probe: done\n");
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 1;
}
