/*
 * seccomp: the system calls of a profile, and nothing else. What is not named kills the process,
 * except for a few calls that libraries try and do without: those fail with an errno.
 *
 * Two filters, for the kernel takes the stricter answer: `names` kills what has no name in the
 * profile, `arguments` refuses the named calls whose arguments are not the allowed ones.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/sandbox/profile.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

DEFINE_OWN(scmp_filter_ctx, filter, seccomp_release)

struct call {
    unsigned group;
    const char *name;
};

static const struct call calls[] = {
#define GROUP(NAME, members) {G_##NAME, NULL}, members
#define CALL(name) {0, #name},
#define PROFILE(NAME, groups, files, outgoing, reads, state)
#include "src/sandbox/profiles.def"
#undef GROUP
#undef CALL
#undef PROFILE
};

/* Tried by libraries, and done without. */
static const struct {
    const char *name;
    int error;
} soft[] = {
    {"clone3", ENOSYS},        {"io_uring_setup", EPERM},
    {"socket", EACCES},        {"bind", EACCES},
    {"open", EACCES},          {"openat", EACCES},
    {"newfstatat", EACCES},    {"stat", EACCES},
    {"statx", ENOSYS},         {"access", EACCES},
    {"readlink", EACCES},      {"mmap", EACCES},
    {"mprotect", EACCES},      {"ioctl", ENOTTY},
    {"prctl", EINVAL},         {"prlimit64", EPERM},
    {"fadvise64", ENOSYS},     {"sched_setaffinity", EPERM},
    {"sched_getparam", EPERM}, {"sched_getscheduler", EPERM},
};

/* Parent's filter is inherited by all: it closes what no process of ours ever needs. */
static const char *const never[] = {
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "bpf",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "userfaultfd",
    "perf_event_open",
    "mount",
    "umount2",
    "pivot_root",
    "move_mount",
    "open_tree",
    "fsopen",
    "swapon",
    "swapoff",
    "reboot",
    "setns",
    "unshare",
    "keyctl",
    "add_key",
    "request_key",
    "personality",
    "quotactl",
    "acct",
    "settimeofday",
    "clock_settime",
    "adjtimex",
    "iopl",
    "ioperm",
    "open_by_handle_at",
    "chroot",
};

#ifdef __SANITIZE_ADDRESS__
/* The leak check stops the process with ptrace, which a confined process cannot allow. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}
#endif

static int add(scmp_filter_ctx f, uint32_t action, const char *name, unsigned n,
               const struct scmp_arg_cmp *cmp, struct err *e)
{
    const int nr = seccomp_syscall_resolve_name(name);

    if (nr == __NR_SCMP_ERROR)
        return err_set(e, ERR_BUG, "no system call %s", name);
    if (nr < 0)
        return 0; /* not on this architecture */
    const int rc = seccomp_rule_add_array(f, action, nr, n, cmp);
    if (rc < 0) {
        errno = -rc;
        return err_sys(e, name);
    }
    return 0;
}

/* Allowed with these values of one argument only; `fatal`: others kill, else they fail. */
static const struct checked {
    unsigned group;
    bool fatal;
    const char *name;
    struct scmp_arg_cmp cmp;
} checked[] = {
    {G_BASE, false, "mmap", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {G_BASE, false, "mprotect", {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {G_BASE, false, "ioctl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, FIONREAD}},
    {G_BASE, false, "ioctl", {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, FIONBIO}},
    {G_BASE, false, "prctl", {0, SCMP_CMP_EQ, PR_SET_NAME, 0}},
    {G_BASE, false, "prctl", {0, SCMP_CMP_EQ, PR_SET_VMA, 0}},
    {G_BASE, false, "prctl", {0, SCMP_CMP_EQ, PR_GET_NO_NEW_PRIVS, 0}},
    {G_BASE, false, "prlimit64", {2, SCMP_CMP_EQ, 0, 0}},
    {G_NET_OUT, false, "socket", {0, SCMP_CMP_EQ, AF_INET, 0}},
    {G_NET_OUT, false, "socket", {0, SCMP_CMP_EQ, AF_INET6, 0}},
    {G_NETLINK, false, "socket", {0, SCMP_CMP_EQ, AF_NETLINK, 0}},
    {G_THREADS, true, "clone", {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}},
};

static int allow_groups(scmp_filter_ctx f, unsigned groups, struct err *e)
{
    unsigned group = 0;

    for (size_t i = 0; i < COUNT(calls); i++) {
        if (calls[i].group)
            group = calls[i].group;
        else if ((groups & group) && add(f, SCMP_ACT_ALLOW, calls[i].name, 0, NULL, e) < 0)
            return -1;
    }
    return 0;
}

/* with_arguments: as the table says; else by their names alone. */
static int allow_checked(scmp_filter_ctx f, unsigned groups, bool with_arguments, struct err *e)
{
    for (size_t i = 0; i < COUNT(checked); i++) {
        const struct checked *c = &checked[i];
        const bool exact = with_arguments != c->fatal;
        if ((groups & c->group) && add(f, SCMP_ACT_ALLOW, c->name, exact, &c->cmp, e) < 0)
            return -1;
    }
    /* A signal to itself: abort() and raise(). */
    const struct scmp_arg_cmp self = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    return add(f, SCMP_ACT_ALLOW, "tgkill", !with_arguments, &self, e);
}

static bool is_named(unsigned groups, const char *name)
{
    unsigned group = 0;

    for (size_t i = 0; i < COUNT(calls); i++) {
        if (calls[i].group)
            group = calls[i].group;
        else if ((groups & group) && str_eq(calls[i].name, name))
            return true;
    }
    for (size_t i = 0; i < COUNT(checked); i++)
        if ((groups & checked[i].group) && str_eq(checked[i].name, name))
            return true;
    return false;
}

static int add_soft(scmp_filter_ctx f, unsigned groups, bool with_errno, struct err *e)
{
    for (size_t i = 0; i < COUNT(soft); i++) {
        const uint32_t action =
            with_errno ? SCMP_ACT_ERRNO((unsigned)soft[i].error) : SCMP_ACT_ALLOW;
        if (!is_named(groups, soft[i].name) && add(f, action, soft[i].name, 0, NULL, e) < 0)
            return -1;
    }
    return 0;
}

static int load(scmp_filter_ctx f, struct err *e)
{
    /* no_new_privs is set already, and prctl may be filtered by now */
    int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);

    if (rc == 0)
        rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (rc == 0)
        rc = seccomp_load(f);
    if (rc < 0) {
        errno = -rc;
        return err_sys(e, "seccomp");
    }
    return 0;
}

int seccomp_apply(const struct profile *p, struct err *e)
{
    OWN(own_filter)
    scmp_filter_ctx names = seccomp_init(SCMP_ACT_KILL_PROCESS);
    OWN(own_filter)
    scmp_filter_ctx arguments = seccomp_init(SCMP_ACT_ERRNO(EACCES));
    unsigned groups = p->groups;

#ifdef __SANITIZE_ADDRESS__
    groups |= G_SANITIZER;
#endif
    if (!names || !arguments)
        return err_set(e, ERR_SYSTEM, "seccomp: no filter");
    if (allow_groups(names, groups, e) < 0 || allow_checked(names, groups, false, e) < 0 ||
        add_soft(names, groups, true, e) < 0)
        return err_wrap(e, "seccomp");
    /* What names kills, arguments may leave alone: the default there is only for checked calls. */
    if (allow_groups(arguments, groups, e) < 0 || allow_checked(arguments, groups, true, e) < 0 ||
        add_soft(arguments, groups, false, e) < 0 ||
        add(arguments, SCMP_ACT_ALLOW, "seccomp", 0, NULL, e) < 0)
        return err_wrap(e, "seccomp");
    return load(arguments, e) < 0 ? -1 : load(names, e);
}

/* What the first program of a machine needs to end it; its children have no right to either. */
static bool ends_machine(const char *name)
{
    return str_eq(name, "reboot") || str_eq(name, "umount2");
}

int seccomp_apply_parent(struct err *e)
{
    OWN(own_filter)
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    const bool first = getpid() == 1;

    if (!f)
        return err_set(e, ERR_SYSTEM, "seccomp: no filter");
    for (size_t i = 0; i < COUNT(never); i++)
        if (!(first && ends_machine(never[i])) &&
            add(f, SCMP_ACT_ERRNO(EPERM), never[i], 0, NULL, e) < 0)
            return err_wrap(e, "seccomp");
    return load(f, e);
}

static bool addresses_need(int family)
{
    return family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK ||
           family == AF_PACKET;
}

/*
 * A program that is not ours may call what it was built on, but for what `never` names, what
 * changes who it is, what makes memory executable, and sockets of families that addresses do not
 * need.
 */
int seccomp_apply_foreign(struct err *e)
{
    static const char *const refused[] = {
        "memfd_create", "execveat",  "mknod",    "mknodat",       "setuid",      "setgid",
        "setresuid",    "setresgid", "setreuid", "setregid",      "setgroups",   "capset",
        "fsconfig",     "fsmount",   "setfsuid", "mount_setattr", "pidfd_getfd", "kcmp",
    };
    const struct scmp_arg_cmp executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
    OWN(own_filter)
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

    if (!f)
        return err_set(e, ERR_SYSTEM, "seccomp: no filter");
    for (size_t i = 0; i < COUNT(never); i++)
        if (add(f, SCMP_ACT_ERRNO(EPERM), never[i], 0, NULL, e) < 0)
            return err_wrap(e, "seccomp");
    for (size_t i = 0; i < COUNT(refused); i++)
        if (add(f, SCMP_ACT_ERRNO(EPERM), refused[i], 0, NULL, e) < 0)
            return err_wrap(e, "seccomp");
    if (add(f, SCMP_ACT_ERRNO(EPERM), "mprotect", 1, &executable, e) < 0)
        return err_wrap(e, "seccomp");
    for (int family = 0; family < AF_MAX; family++) {
        const struct scmp_arg_cmp it = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family);
        if (!addresses_need(family) && add(f, SCMP_ACT_ERRNO(EPERM), "socket", 1, &it, e) < 0)
            return err_wrap(e, "seccomp");
    }
    return load(f, e);
}
