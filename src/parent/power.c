/* Input events, and reboot(2). */
#include "src/parent/power.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/input.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/parent/init.h"
#include "src/parent/parent.h"

#define EVENTS_MAX 16

static bool has_power_key(int fd)
{
    uint8_t keys[KEY_MAX / 8 + 1] = {};

    return ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(keys)), keys) >= 0 &&
           (keys[KEY_POWER / 8] >> (KEY_POWER % 8) & 1);
}

static void on_input(int fd, bool readable, bool writable, void *arg)
{
    struct power_button *b = arg;
    struct input_event events[EVENTS_MAX];
    const ssize_t n = read(fd, events, sizeof(events));

    (void)readable;
    (void)writable;
    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(events[0]); i++)
        if (events[i].type == EV_KEY && events[i].code == KEY_POWER && events[i].value == 1) {
            log_info("power.button", "do=\"switch off\"");
            supervise_stop(b->parent);
        }
    if (n <= 0)
        watch_update(b->watch, false, false); /* the device is gone */
}

void power_watch(struct parent *p)
{
    glob_t found;
    size_t used = 0;

    if (glob("/dev/input/event*", 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc && used < POWER_BUTTONS_MAX; i++) {
        OWN(own_fd)
        int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 || !has_power_key(fd))
            continue;
        struct power_button *b = &p->buttons[used++];
        *b = (struct power_button){.parent = p, .fd = take_fd(&fd)};
        b->watch = loop_watch(p->loop, b->fd, true, false, on_input, b);
    }
    globfree(&found);
}

void power_end(bool restart)
{
    kill(-1, SIGKILL);
    sync();
    if (umount(INIT_STATE) < 0 && errno == EBUSY)
        log_warn("power.state", "why=\"the state volume is still in use\"");
    printf("%s\n", restart ? "restarting" : "switched off");
    fflush(stdout);
    reboot(restart ? RB_AUTOBOOT : RB_POWER_OFF);
    for (;;)
        pause(); /* a first program must not end */
}
