/* No path is allowed to Landlock, and no call that could open one to seccomp. */
#include "src/sandbox/narrow.h"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "src/sandbox/profile.h"

#define FILES_MAX 64

int confine_narrow(const struct narrow *n, struct err *e)
{
    static const struct confine_paths none = {};
    const struct rlimit files = {FILES_MAX, FILES_MAX};
    const struct rlimit core = {};
    const struct profile p = {.name = n->name,
                              .groups = G_BASE | G_FILES_WRITE | (n->accepts ? G_NET_LISTEN : 0u),
                              .reads = ""};
    char notice[256] = "";

    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &core) < 0)
        return err_sys(e, "limits");
    if (n->uid != 0 && (setgroups(0, NULL) < 0 || setresgid(n->uid, n->uid, n->uid) < 0 ||
                        setresuid(n->uid, n->uid, n->uid) < 0))
        return err_sys(e, "become a user of its own");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(e, "no new privileges");
    if (landlock_apply(&p, &none, notice, e) < 0 || seccomp_apply(&p, e) < 0)
        return err_wrap(e, "confine %s", n->name);
    return 0;
}
