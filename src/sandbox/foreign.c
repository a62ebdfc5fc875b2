/* The order matters: capabilities are kept over the change of user, Landlock needs no privilege,
 * and seccomp closes what was needed to get here. */
#include "src/sandbox/foreign.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/sandbox/profile.h"

#define FILES_MAX 64

static int keep_capabilities(uint64_t want, struct err *e)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    for (unsigned i = 0; i < 2; i++) {
        const uint32_t half = (uint32_t)(want >> (32 * i));
        data[i] = (struct __user_cap_data_struct){half, half, half};
    }
    if (syscall(SYS_capset, &head, data) < 0)
        return err_sys(e, "capabilities");
    for (unsigned cap = 0; cap < 64; cap++)
        if ((want >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return err_sys(e, "capabilities");
    return 0;
}

int confine_foreign(const struct foreign *f, struct err *e)
{
    const struct rlimit files = {FILES_MAX, FILES_MAX};

    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
        setgroups(0, NULL) < 0 || setresgid(f->uid, f->uid, f->uid) < 0 ||
        setresuid(f->uid, f->uid, f->uid) < 0)
        return err_sys(e, "become the program's own user");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_sys(e, "no new privileges");
    if (keep_capabilities(f->capabilities, e) < 0 || landlock_apply_foreign(f, e) < 0)
        return -1;
    return seccomp_apply_foreign(e);
}
