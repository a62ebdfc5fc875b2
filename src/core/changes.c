/* The page of the counter: made, sealed, and given to web. */
#include "src/core/changes.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ipc/changes.h"

/* Only the mapping that is there already can write: web gets the descriptor after it. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

int changes_start(struct core *core, struct err *e)
{
    OWN(own_fd)
    int fd = memfd_create("changes", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, CHANGES_BYTES) < 0)
        return err_sys(e, "changes: make the page");
    void *page = mmap(NULL, CHANGES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return err_sys(e, "changes: map the page");
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return err_sys(e, "changes: seal the page");
    core->changes = page;
    core->changes_fd = take_fd(&fd);
    changes_count(core);
    db_count_changes(core->db, core->changes);
    return 0;
}

uint64_t changes_now(const struct core *core)
{
    return atomic_load(core->changes);
}

void changes_count(struct core *core)
{
    atomic_fetch_add(core->changes, 1);
}

void changes_send(struct core *core)
{
    struct err e = {0};

    if (send_CHANGES(core->web, &(struct msg_CHANGES){.fd = core->changes_fd}, &e) < 0)
        log_warn("changes.send", "error=%s", log_q(e.text));
}
