/* Questions on the terminal (prompt.h). */
#include "src/ctl/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/base/secret.h"
#include "src/ctl/config.h"

#define CONTROL_C 0x03
#define CONTROL_D 0x04
#define CONTROL_U 0x15
#define BACKSPACE 0x08
#define DELETE 0x7F

static void say(int tty, const char *text)
{
    for (size_t at = 0, n = strlen(text); at < n;) {
        const ssize_t got = write(tty, text + at, n - at);
        if (got < 0 && errno != EINTR)
            return;
        at += got > 0 ? (size_t)got : 0;
    }
}

/* Takes back the last character: of UTF-8, all its bytes. */
static void drop_character(struct buf *out)
{
    bool more = out->n > 0;
    while (more) {
        out->n--;
        more = out->n > 0 && (out->p[out->n] & 0xC0) == 0x80;
    }
}

/*
 * Byte by byte: signals are off while the terminal is changed, so it is always put back. The
 * question comes when echo is off already: an answer typed at once is neither shown nor lost.
 */
static int ask_hidden(int tty, const char *question, struct buf *out, struct err *e)
{
    struct termios was, raw;
    int r = 0;

    if (tcgetattr(tty, &was) < 0)
        return err_sys(e, "terminal");
    raw = was;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(tty, TCSAFLUSH, &raw) < 0)
        return err_sys(e, "terminal");
    say(tty, question);
    say(tty, ": ");
    for (char c = 0;;) {
        const ssize_t n = read(tty, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || c == CONTROL_C || c == CONTROL_D) {
            r = err_set(e, ERR_INPUT, "cancelled: nothing was done");
            break;
        }
        if (c == '\n' || c == '\r')
            break;
        if (c == CONTROL_U)
            buf_clear(out);
        else if (c != BACKSPACE && c != DELETE)
            buf_addc(out, c);
        else
            drop_character(out);
    }
    tcsetattr(tty, TCSAFLUSH, &was);
    say(tty, "\n");
    return r;
}

/* A line of a descriptor, byte by byte: what follows belongs to the next reader. */
static int read_line(int fd, struct buf *out, struct err *e)
{
    for (char c = 0;;) {
        const ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "standard input");
        if (n == 0 && out->n == 0)
            return err_set(e, ERR_INPUT, "the input ended: a line was expected");
        if (n == 0 || c == '\n')
            return buf_check(out, "line", e);
        buf_addc(out, c);
    }
}

static int open_tty(const char *instead, struct err *e)
{
    const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (tty < 0)
        err_set(e, ERR_INPUT, "there is no terminal to ask on; %s", instead);
    return tty;
}

int prompt_line(const char *question, bool hidden, const char *instead, struct buf *out,
                struct err *e)
{
    OWN(own_fd)
    int tty = open_tty(instead, e);

    if (tty < 0)
        return -1;
    buf_clear(out);
    if (hidden)
        return ask_hidden(tty, question, out, e) < 0 ? -1 : buf_check(out, question, e);
    say(tty, question);
    say(tty, ": ");
    if (read_line(tty, out, e) < 0)
        return -1;
    return buf_check(out, question, e);
}

int prompt_new_secret(const char *question, const char *instead, struct buf *out, struct err *e)
{
    OWN(own_mem)
    char *again = xasprintf("%s, again", question);

    for (int i = 0; i < 3; i++) {
        OWN(buf_free)
        struct buf second = BUF_SECRET(PROMPT_MAX_BYTES);
        if (prompt_line(question, true, instead, out, e) < 0 ||
            prompt_line(again, true, instead, &second, e) < 0)
            return -1;
        if (blob_eq(buf_blob(out), buf_blob(&second))) /* both were typed here: no secret leaks */
            return 0;
        OWN(own_fd)
        int tty = open_tty(instead, e);
        if (tty >= 0)
            say(tty, "The two are not the same.\n");
    }
    return err_set(e, ERR_INPUT, "%s: the two were not the same three times", question);
}

int prompt_sure(const char *question, struct err *e)
{
    OWN(own_mem)
    char *full = xasprintf("%s [yes/no]", question);
    OWN(buf_free)
    struct buf answer = BUF(256);

    if (!isatty(STDIN_FILENO))
        return err_set(e, ERR_INPUT, "%s: say so with --yes", question);
    if (prompt_line(full, false, "say so with --yes", &answer, e) < 0)
        return -1;
    if (str_ieq(buf_cstr(&answer), "yes") || str_ieq(buf_cstr(&answer), "y"))
        return 0;
    return err_set(e, ERR_INPUT, "not confirmed: nothing was done");
}

int secret_value(const char *name, const char *source, struct buf *out, struct err *e)
{
    if (str_eq(source, "-")) {
        if (isatty(STDIN_FILENO))
            return prompt_line(name, true, "give it on standard input", out, e);
        return read_line(STDIN_FILENO, out, e) < 0 ? err_wrap(e, "%s", name) : 0;
    }
    if (source[0] != '@')
        return err_set(e, ERR_INPUT,
                       "%s: a secret is never given as a word, since others can see it; use %s=- "
                       "(asked for, or a line of standard input) or %s=@FILE",
                       name, name, name);
    if (file_read(source + 1, true, out, e) < 0)
        return err_wrap(e, "%s", name);
    if (out->n && out->p[out->n - 1] == '\n' && !memchr(out->p, '\n', out->n - 1))
        out->n--; /* a file of one line is that line */
    return 0;
}

int answers_read(const char *file, const char *const *members, json_t **out, struct err *e)
{
    OWN(buf_free)
    struct buf text = BUF_SECRET(PROMPT_MAX_BYTES);
    uint8_t part[1024];
    ssize_t n;

    if (file) {
        if (file_read(file, true, &text, e) < 0)
            return -1;
    } else {
        while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0)
            buf_add(&text, part, (size_t)n);
        wipe(part, sizeof(part));
    }
    if (buf_check(&text, "input", e) < 0)
        return -1;
    OWN(own_json)
    json_t *j = json_parse(buf_blob(&text), PROMPT_MAX_BYTES, "input", NULL);
    if (!json_is_object(j)) /* the parser's words may quote a secret */
        return err_set(e, ERR_INPUT, "input: expected a JSON object");
    if (json_only(j, members, e) < 0)
        return -1;
    *out = TAKE(j);
    return 0;
}
