/* Three ioctls: create the device, load its table, resume it
 * (Documentation/admin-guide/device-mapper). */
#include "src/stage0/verity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "crypto/firmware/block.h"
#include "src/base/buf.h"
#include "src/base/enc.h"
#include "src/base/own.h"

#define CONTROL "/dev/mapper/control"
#define NAME "root"
#define SECTOR 512u
#define TABLE_MAX 1024u

/* What goes to the kernel: the header, then the one target and its arguments. */
struct request {
    struct dm_ioctl head;
    struct dm_target_spec target;
    char arguments[TABLE_MAX];
};

static void fill(struct request *r, uint32_t flags)
{
    r->head.version[0] = DM_VERSION_MAJOR;
    r->head.data_size = sizeof(*r);
    r->head.data_start = offsetof(struct request, target);
    r->head.flags = flags;
    memcpy(r->head.name, NAME, sizeof(NAME));
}

static int command(unsigned long code, const char *what, struct request *r, struct err *e)
{
    OWN(own_fd)
    int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return err_sys(e, CONTROL);
    if (ioctl(fd, code, r) < 0)
        return err_sys(e, what);
    return 0;
}

static int table(const char *root, const struct manifest *m, struct request *r, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(TABLE_MAX - 1);
    struct stat st;
    OWN(own_mem)
    char *root_hash = hex_str(BLOB(m->root_hash, sizeof(m->root_hash)));
    OWN(own_mem)
    char *salt = hex_str(BLOB(m->salt, sizeof(m->salt)));

    if (stat(root, &st) < 0)
        return err_sys(e, root);
    const unsigned long long blocks = m->root_bytes / BLOCK_BYTES;
    const unsigned hi = major(st.st_rdev), lo = minor(st.st_rdev);
    buf_addf(&b, "1 %u:%u %u:%u %u %u %llu %llu sha256 %s %s 1 restart_on_corruption", hi, lo, hi,
             lo, BLOCK_BYTES, BLOCK_BYTES, blocks, blocks, root_hash, salt);
    if (buf_check(&b, "dm-verity table", e) < 0)
        return -1;
    memcpy(r->arguments, buf_cstr(&b), b.n + 1);
    memcpy(r->target.target_type, "verity", sizeof("verity"));
    r->target.length = m->root_bytes / SECTOR;
    r->head.target_count = 1;
    return 0;
}

int verity_open(const char *root, const struct manifest *m, char out[32], struct err *e)
{
    struct request create = {}, load = {}, resume = {};

    fill(&create, DM_READONLY_FLAG);
    fill(&load, DM_READONLY_FLAG);
    fill(&resume, 0);
    if (table(root, m, &load, e) < 0 ||
        command(DM_DEV_CREATE, "create the verified device", &create, e) < 0)
        return -1;
    if (command(DM_TABLE_LOAD, "the kernel refuses the hash tree", &load, e) < 0 ||
        command(DM_DEV_SUSPEND, "start the verified device", &resume, e) < 0) {
        verity_close(NULL);
        return -1;
    }
    snprintf(out, 32, "/dev/dm-%u", minor(resume.head.dev));
    return 0;
}

int verity_close(struct err *e)
{
    struct request r = {};

    fill(&r, 0);
    return command(DM_DEV_REMOVE, "remove the verified device", &r, e);
}
