/*
 * Gives a process away: its own user, no new privileges, no dumps, its limits, then Landlock, then
 * seccomp. Every step is checked; a process that could not be confined must not run. Parent stays
 * root, for it must start the others as their users.
 */
#include "src/sandbox/confine.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/sandbox/profile.h"

#define MEMLOCK_BYTES (64u * 1024 * 1024) /* secrets are locked */
#define MEMLOCK_LEAST (2u * 1024 * 1024)

static const struct profile profiles[PROC_COUNT] = {
#define GROUP(NAME, calls)
#define PROFILE(NAME, g, f, o, r, s)                                                               \
    [PROC_##NAME] = {.name = #NAME, .groups = g, .files = f, .outgoing = o, .reads = r, .state = s},
#include "src/sandbox/profiles.def"
#undef GROUP
#undef PROFILE
};

static const uid_t users[PROC_COUNT] = {
#define PROCESS(NAME, program, uid, many) [PROC_##NAME] = PROCESS_UID_BASE + (uid),
#define EDGE(a, b)
#define WORKER(a, b)
#include "src/ipc/process.def"
#undef PROCESS
#undef EDGE
#undef WORKER
};

/* Lowers, or raises as far as it is permitted; below `least` the process could not work. */
static int set_limit(__rlimit_resource_t what, rlim_t value, rlim_t least, const char *name,
                     struct err *e)
{
    struct rlimit now;

    if (setrlimit(what, &(struct rlimit){value, value}) == 0)
        return 0;
    if (errno != EPERM || getrlimit(what, &now) < 0)
        return err_sys(e, name);
    if (now.rlim_max < least)
        return err_set(e, ERR_SYSTEM, "%s: %llu, at least %llu is needed", name,
                       (unsigned long long)now.rlim_max, (unsigned long long)least);
    now.rlim_cur = now.rlim_max;
    return setrlimit(what, &now) < 0 ? err_sys(e, name) : 0;
}

static int drop_user(enum process self, struct err *e)
{
    const uid_t uid = users[self];

    if (geteuid() != 0)
        return 0; /* a developer's run: there is nothing to drop */
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        return err_sys(e, "become the process's own user");
    if (setresuid(0, 0, 0) == 0)
        return err_set(e, ERR_SYSTEM, "could become root again");
    return 0;
}

static int confine_parent(struct err *e)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(e, "no new privileges");
    if (set_limit(RLIMIT_CORE, 0, 0, "core file limit", e) < 0)
        return -1;
    return seccomp_apply_parent(e);
}

int confine(enum process self, const struct confine_paths *paths, char notice[256], struct err *e)
{
    static const struct confine_paths none = {};
    const struct profile *p;

    notice[0] = '\0';
    if ((unsigned)self >= PROC_COUNT)
        return err_set(e, ERR_BUG, "confine: no such process");
    if (self == PROC_PARENT)
        return confine_parent(e) < 0 ? err_wrap(e, "confine parent") : 0;
    p = &profiles[self];
    if (!p->name)
        return err_set(e, ERR_BUG, "confine: %s has no profile", process_name(self));
    if (set_limit(RLIMIT_CORE, 0, 0, "core file limit", e) < 0 ||
        set_limit(RLIMIT_NOFILE, p->files, 64, "open file limit", e) < 0 ||
        set_limit(RLIMIT_MEMLOCK, MEMLOCK_BYTES, MEMLOCK_LEAST, "locked memory limit", e) < 0 ||
        drop_user(self, e) < 0)
        return err_wrap(e, "confine %s", process_name(self));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        err_sys(e, "no new privileges");
        return err_wrap(e, "confine %s", process_name(self));
    }
    if (landlock_apply(p, paths ? paths : &none, notice, e) < 0 || seccomp_apply(p, e) < 0)
        return err_wrap(e, "confine %s", process_name(self));
    return 0;
}
