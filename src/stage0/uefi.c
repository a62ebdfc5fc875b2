/* UEFI variables through efivarfs; the partition's GUID from the GPT of its disk. */
#include "src/stage0/uefi.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/buf.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/stage0/disk.h"

#define VARIABLES "/sys/firmware/efi/efivars"
#define GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define KEPT_AND_AT_RUN_TIME 7u /* non-volatile, boot services, run time */
#define OPTION_ACTIVE 1u
#define OPTION_NUMBER 0x0C0Au /* of slot a; the next one is of slot b */
#define PROGRAM "\\EFI\\BOOT\\BOOTX64.EFI"
#define MEDIA_PATH 4u
#define GPT_ENTRY_MIN 128u
#define GUID_BYTES 16u
#define SYS_SECTOR 512u
#define VARIABLE_MAX 1024u

/* A partition as a device path names it; start and size in blocks of the disk. */
struct place {
    uint32_t number;
    uint64_t start, size;
    uint8_t guid[GUID_BYTES];
};

/* UEFI is little-endian throughout. */
static void add_le(struct buf *b, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_add_u8(b, (uint8_t)(v >> (8 * i)));
}

static void add_utf16(struct buf *b, const char *ascii)
{
    do
        add_le(b, (uint8_t)*ascii, 2);
    while (*ascii++);
}

static uint64_t get_le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static int sys_number(const char *folder, const char *name, uint64_t *out, struct err *e)
{
    char text[32];
    OWN(own_mem)
    char *path = xasprintf("%s/%s", folder, name);
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (n < 0)
        return err_sys(e, path);
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return parse_u64(text, 0, UINT64_MAX, out, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

static int guid(const char *disk, uint64_t block, uint64_t number, uint8_t out[GUID_BYTES],
                struct err *e)
{
    uint8_t head[92], entry[32];
    OWN(own_mem)
    char *path = xasprintf("/dev/%s", disk);
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || pread(fd, head, sizeof(head), (off_t)block) != (ssize_t)sizeof(head))
        return err_sys(e, path);
    const uint64_t entries = get_le(head + 72, 8), entry_bytes = get_le(head + 84, 4);
    if (memcmp(head, "EFI PART", 8) != 0 || entry_bytes < GPT_ENTRY_MIN || entries > INT32_MAX ||
        entry_bytes > INT16_MAX)
        return err_set(e, ERR_INPUT, "%s: no GUID partition table", path);
    const off_t at = (off_t)(entries * block + (number - 1) * entry_bytes);
    if (pread(fd, entry, sizeof(entry), at) != (ssize_t)sizeof(entry))
        return err_sys(e, path);
    memcpy(out, entry + GUID_BYTES, GUID_BYTES);
    return 0;
}

static int find(const char *partition, struct place *out, struct err *e)
{
    char device[PATH_MAX], folder[PATH_MAX];
    OWN(own_mem)
    char *link = xasprintf(PART_FOLDER "/%s", partition);
    uint64_t number, block;

    if (!realpath(link, device))
        return err_sys(e, link);
    OWN(own_mem)
    char *class = xasprintf("/sys/class/block/%s", basename(device));
    if (!realpath(class, folder))
        return err_sys(e, class);
    OWN(own_mem)
    char *parent = xstrdup(folder);
    const char *disk = basename(dirname(parent));
    OWN(own_mem)
    char *queue = xasprintf("/sys/class/block/%s/queue", disk);
    if (sys_number(folder, "partition", &number, e) < 0 ||
        sys_number(folder, "start", &out->start, e) < 0 ||
        sys_number(folder, "size", &out->size, e) < 0 ||
        sys_number(queue, "logical_block_size", &block, e) < 0)
        return -1;
    if (block < SYS_SECTOR || number < 1 || number > 128)
        return err_set(e, ERR_SYSTEM, "%s: no place in a partition table", device);
    out->number = (uint32_t)number;
    out->start = out->start * SYS_SECTOR / block;
    out->size = out->size * SYS_SECTOR / block;
    return guid(disk, block, number, out->guid, e);
}

static void add_path(struct buf *b, const struct place *p)
{
    buf_add_u8(b, MEDIA_PATH);
    buf_add_u8(b, 1); /* hard drive */
    add_le(b, 42, 2);
    add_le(b, p->number, 4);
    add_le(b, p->start, 8);
    add_le(b, p->size, 8);
    buf_add(b, p->guid, sizeof(p->guid));
    buf_add_u8(b, 2); /* GPT */
    buf_add_u8(b, 2); /* and its GUID is the signature */
    buf_add_u8(b, MEDIA_PATH);
    buf_add_u8(b, 4); /* file path */
    add_le(b, 4 + 2 * sizeof(PROGRAM), 2);
    add_utf16(b, PROGRAM);
    buf_add(b, "\x7f\xff\x04\x00", 4); /* end */
}

static int set(const char *name, const struct buf *value, struct err *e)
{
    OWN(own_mem)
    char *path = xasprintf(VARIABLES "/%s-" GLOBAL, name);
    OWN(own_fd)
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (buf_check(value, name, e) < 0)
        return -1;
    if (fd < 0 || write(fd, value->p, value->n) != (ssize_t)value->n)
        return err_sys(e, path);
    return 0;
}

int uefi_start_next(enum slot_id id, struct err *e)
{
    OWN(buf_free)
    struct buf option = BUF(VARIABLE_MAX), path = BUF(VARIABLE_MAX), next = BUF(VARIABLE_MAX);
    OWN(own_mem)
    char *partition = xasprintf("boot-%s", slot_name(id));
    const uint32_t number = OPTION_NUMBER + (uint32_t)id;
    struct place place;
    char name[16];

    if (mount("efivarfs", VARIABLES, "efivarfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0 &&
        errno != EBUSY) {
        err_sys(e, VARIABLES);
        return err_wrap(e, "this machine was not started by UEFI");
    }
    if (find(partition, &place, e) < 0)
        return -1;
    add_path(&path, &place);
    add_le(&option, KEPT_AND_AT_RUN_TIME, 4);
    add_le(&option, OPTION_ACTIVE, 4);
    add_le(&option, path.n, 2);
    add_utf16(&option, id == SLOT_A ? "Certkeep slot a" : "Certkeep slot b");
    buf_add_blob(&option, buf_blob(&path));
    add_le(&next, KEPT_AND_AT_RUN_TIME, 4);
    add_le(&next, number, 2);
    snprintf(name, sizeof(name), "Boot%04X", number);
    return set(name, &option, e) < 0 ? -1 : set("BootNext", &next, e);
}
