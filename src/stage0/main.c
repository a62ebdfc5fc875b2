/*
 * stage-0, the only program of the initramfs: chooses a slot, verifies it before anything in it
 * runs, opens its root through dm-verity and hands over. What fails is said on the console and
 * recorded in the control record, and the other slot gets its turn (docs/formats/slot.md); when
 * neither may run, rescue takes a bundle.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "crypto/firmware/slot.h"
#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/stage0/disk.h"
#include "src/stage0/handover.h"
#include "src/stage0/ipe.h"
#include "src/stage0/modules.h"
#include "src/stage0/rescue_machine.h"
#include "src/stage0/slots.h"
#include "src/stage0/uefi.h"
#include "src/stage0/verity.h"

#define RESTART_AFTER_S 10

/* What the boot image brings, and what was found on the disk. */
struct stage {
    struct trust trust;
    char board[MANIFEST_TEXT_BYTES];
    char root_hash[2 * SHA256_BYTES + 1]; /* hex: of the root this boot image belongs to */
    struct disk disk;
    struct control control;
    struct manifest manifest[2];
    struct slot_seen seen[2];
};

static struct stage stage;

static int file_bytes(const char *path, uint8_t *out, size_t max, size_t *n, struct err *e)
{
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, out, max);

    if (got < 0)
        return err_sys(e, path);
    *n = (size_t)got;
    return 0;
}

/* One line of text, without its line feed. */
static int file_text(const char *path, char *out, size_t size, struct err *e)
{
    size_t n = 0;

    if (file_bytes(path, (uint8_t *)out, size - 1, &n, e) < 0)
        return -1;
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return 0;
}

static int kernel_files(struct err *e)
{
    if (mount("dev", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=755") < 0 ||
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0 ||
        mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0)
        return err_sys(e, "mount the kernel's file systems");
    const int console = open("/dev/console", O_RDWR | O_NOCTTY);
    if (console < 0 || dup2(console, STDIN_FILENO) < 0 || dup2(console, STDOUT_FILENO) < 0 ||
        dup2(console, STDERR_FILENO) < 0)
        return err_sys(e, "console");
    if (console > STDERR_FILENO)
        close(console);
    return 0;
}

static int prepare(struct stage *s, struct err *e)
{
    uint8_t keys[TRUST_BYTES_MAX];
    size_t n = 0;
    bool on = false;

    if (firmware_start(e) < 0 || ipe_start("/ipe.policy", &on, e) < 0 ||
        modules_load("/modules", e) < 0)
        return -1;
    if (!on)
        fprintf(stderr, "stage-0: the firmware does not know the key of this image: what executes "
                        "is limited by the mounts alone\n");
    if (file_bytes("/firmware.keys", keys, sizeof(keys), &n, e) < 0 ||
        trust_parse(keys, n, &s->trust, e) < 0 ||
        file_text("/board", s->board, sizeof(s->board), e) < 0 ||
        file_text("/root-hash", s->root_hash, sizeof(s->root_hash), e) < 0)
        return err_wrap(e, "boot image");
    return disk_link(e) < 0 ? -1 : disk_open(PART_FOLDER, &s->disk, e);
}

/* expected: something is to be found in it, so that nothing or nonsense is worth a line. */
static void see(struct stage *s, enum slot_id id, uint64_t floor, bool expected)
{
    const struct policy policy = {.trust = &s->trust, .board = s->board, .floor = floor};
    struct slot_seen *seen = &s->seen[id];
    struct manifest *m = &s->manifest[id];
    struct err e;

    *seen = (struct slot_seen){};
    if (slot_read(&s->disk, id, &policy, m, &seen->why, &e) < 0) {
        if (expected)
            fprintf(stderr, "stage-0: %s\n", e.text);
        return;
    }
    OWN(own_mem)
    char *hash = hex_str(BLOB(m->root_hash, sizeof(m->root_hash)));
    seen->paired = str_eq(hash, s->root_hash);
    seen->rollback = m->rollback;
    seen->built = m->built;
}

/* The control record, or the one that the slots themselves suggest when it is gone. */
static int load_control(struct stage *s, struct err *e)
{
    const int rc = control_load(&s->disk.control, &s->control, e);

    if (rc < 0 && e->code != ERR_NOT_FOUND)
        return -1;
    for (int i = 0; i < 2; i++)
        see(s, (enum slot_id)i, rc == 0 ? s->control.floor : 0,
            rc < 0 || s->control.slot[i].commit != 0);
    if (rc < 0)
        s->control = slots_rebuild(s->seen);
    return 0;
}

/* Comes back only when the slot could not be started. */
static int boot(struct stage *s, enum slot_id id, struct err *e)
{
    OWN(own_mem)
    char *root = xasprintf(PART_FOLDER "/root-%s", slot_name(id));
    char device[32];
    struct timespec since;

    if (verity_open(root, &s->manifest[id], device, e) < 0)
        return err_wrap(e, "slot %s", slot_name(id));
    if (handover_mount(device, e) < 0) {
        verity_close(NULL);
        return err_wrap(e, "slot %s", slot_name(id));
    }
    clock_gettime(CLOCK_BOOTTIME, &since);
    fprintf(stderr, "stage-0: slot %s, version %s, %lld.%03ld s after the kernel's start\n",
            slot_name(id), s->manifest[id].version, (long long)since.tv_sec,
            since.tv_nsec / 1000000);
    if (ipe_close(e) < 0 || handover_run(e) < 0)
        return err_wrap(e, "slot %s", slot_name(id));
    return -1;
}

static void restart(void)
{
    sync();
    reboot(RB_AUTOBOOT);
}

/* Says which slots there are and what is wrong with each. Comes back when a bundle was installed.
 */
static int rescue(const struct stage *s, struct err *e)
{
    const struct rescue r = {
        .disk = &s->disk, .trust = &s->trust, .board = s->board, .control = &s->control};

    for (int i = 0; i < 2; i++) {
        const struct control_slot *c = &s->control.slot[i];
        fprintf(stderr, "stage-0: slot %s: %s, %u tries left\n", slot_name((enum slot_id)i),
                c->commit ? slot_why_text(c->why) : "nothing complete is in it", c->tries);
    }
    fprintf(stderr, "stage-0: no slot can be started\n");
    if (rescue_is_there())
        return rescue_run(&r, e);
    fprintf(stderr, "stage-0: this image has no rescue. Switch the appliance off.\n");
    for (;;)
        pause();
}

static int run(struct stage *s, struct err *e)
{
    if (load_control(s, e) < 0)
        return -1;
    for (;;) {
        const struct slots_choice choice = slots_choose(&s->control, s->seen);
        s->control = choice.next;
        if (control_store(&s->disk.control, &s->control, e) < 0)
            return -1;
        if (choice.act == SLOTS_RESCUE) {
            if (rescue(s, e) < 0)
                return -1;
            restart();
        }
        if (choice.act == SLOTS_SEND) {
            if (uefi_start_next(choice.slot, e) < 0)
                fprintf(stderr, "stage-0: slot %s: %s\n", slot_name(choice.slot), e->text);
            restart();
        }
        if (boot(s, choice.slot, e) < 0)
            fprintf(stderr, "stage-0: %s\n", e->text);
        s->control = slots_root_failed(&s->control, choice.slot);
    }
}

int main(void)
{
    struct stage *s = &stage;
    struct err e = {};

    if (getpid() != 1) {
        fprintf(stderr, "stage-0 is the first program of the appliance's initramfs\n");
        return 1;
    }
    reboot((int)RB_ENABLE_CAD);
    if (kernel_files(&e) == 0 && prepare(s, &e) == 0)
        run(s, &e);
    fprintf(stderr, "stage-0: %s\nstage-0: restarting in %d seconds\n", e.text, RESTART_AFTER_S);
    sleep(RESTART_AFTER_S);
    restart();
    return 1;
}
