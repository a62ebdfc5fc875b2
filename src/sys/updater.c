/*
 * One step of certkeep-update, which parent starts. One memfd is all it has: it reads its input
 * from the beginning, and what it prints is appended. Its exit status is that of an error's code.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/sys/sys.h"

#define OUTPUT_MAX 8192

static const char *const names[UPDATE_STEPS] = {[UPDATE_STATUS] = "status",
                                                [UPDATE_HEAD] = "head",
                                                [UPDATE_PIECE] = "piece",
                                                [UPDATE_COMMIT] = "commit",
                                                [UPDATE_BLESS] = "bless"};

static int open_input(struct blob bytes, int *out, struct err *e)
{
    OWN(own_fd)
    int fd = memfd_create("update", MFD_CLOEXEC);

    if (fd < 0)
        return err_sys(e, "memory for an update step");
    for (size_t put = 0; put < bytes.n;) {
        const ssize_t n = write(fd, (const uint8_t *)bytes.p + put, bytes.n - put);
        if (n < 0)
            return err_sys(e, "memory for an update step");
        put += (size_t)n;
    }
    if (lseek(fd, 0, SEEK_SET) < 0 || fcntl(fd, F_SETFL, O_APPEND) < 0)
        return err_sys(e, "memory for an update step");
    *out = take_fd(&fd);
    return 0;
}

static int read_output(int fd, size_t from, char **out, struct err *e)
{
    char text[OUTPUT_MAX + 1];
    const ssize_t n = pread(fd, text, OUTPUT_MAX, (off_t)from);

    if (n < 0)
        return err_sys(e, "output of an update step");
    text[n] = '\0';
    if (!text_clean(text, (size_t)n, "\n"))
        return err_set(e, ERR_REMOTE, "certkeep-update printed what is no text");
    *out = xstrdup(text);
    return 0;
}

/* The error that certkeep-update ended with. */
static int failed(int status, char *text, struct err *e)
{
    const size_t n = strlen(text);

    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = '\0';
    for (enum err_code code = ERR_INPUT; WIFEXITED(status) && code < ERR_COUNT; code++)
        if (err_exit_status(code) == WEXITSTATUS(status))
            return err_set(e, code, "%s", text);
    return err_set(e, ERR_SYSTEM, "certkeep-update ended with status 0x%x %s", (unsigned)status,
                   text);
}

static int run(struct sys *s, enum update_step step, uint32_t piece, struct blob bytes,
               char **lines, struct err *e)
{
    OWN(own_fd)
    int fd = -1;
    OWN(reply_done)
    struct reply r = {0};
    OWN(own_mem)
    char *text = NULL;
    struct msg_UPDATER_ENDED ended;

    if (open_input(bytes, &fd, e) < 0)
        return -1;
    const struct msg_UPDATER_RUN ask = {.step = step, .piece = piece, .fd = fd};
    if (call_UPDATER_RUN(s->parent, &ask, MSG_UPDATER_ENDED, UPDATE_STEP_MS, &r, e) < 0 ||
        get_UPDATER_ENDED(&r.msg, &ended, e) < 0 || read_output(fd, bytes.n, &text, e) < 0)
        return -1;
    if (ended.status != 0)
        return failed((int)ended.status, text, e);
    *lines = TAKE(text);
    return 0;
}

int updater_step(struct sys *s, enum update_step step, uint32_t piece, struct blob bytes,
                 char **lines, struct err *e)
{
    struct err ignored;

    if (step >= UPDATE_STEPS)
        return err_set(e, ERR_BUG, "step %u of an update is not known", (unsigned)step);
    if (s->step[0])
        return err_set(e, ERR_CONFLICT, "another update step is running: %s", s->step);
    s->step = names[step];
    const int rc = run(s, step, piece, bytes, lines, e);
    s->step = "";
    if (step != UPDATE_STATUS && updater_status(s, &ignored) < 0)
        log_warn("sys.status", "why=%s", log_q(ignored.text));
    return rc;
}

int updater_status(struct sys *s, struct err *e)
{
    char *lines = NULL;

    if (s->step[0] && s->slots)
        return 0;
    if (updater_step(s, UPDATE_STATUS, 0, BLOB(NULL, 0), &lines, e) < 0)
        return -1;
    free(s->slots);
    s->slots = lines;
    return 0;
}
