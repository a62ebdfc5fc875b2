/*
 * One command on a session. Reads both outputs while it writes, so that neither side waits for the
 * other, and drops what a login shell says before the ready mark.
 */
#include <poll.h>
#include <string.h>

#include "src/base/time.h"
#include "src/deploy/via/ssh.h"

#define WRITE_MAX 16384 /* small writes: see rekeying in libssh2 */

struct exec {
    struct ssh *ssh;
    LIBSSH2_CHANNEL *ch;
    const struct ssh_command *c;
    struct via_out *o;
    int64_t deadline;
    bool ready, answered, eof_sent;
    size_t sent;
    size_t prompt_from; /* where in err the next prompt is looked for */
};

static int lost(struct exec *x, const char *what, struct err *e)
{
    return ssh_err(x->ssh, ERR_NETWORK, what, e);
}

/* Drops all up to and including the mark's line. */
static void find_ready(struct exec *x)
{
    struct buf *b = &x->o->out;
    size_t n = strlen(x->c->ready);
    const uint8_t *at = x->ready || b->n < n ? NULL : memmem(b->p, b->n, x->c->ready, n);

    if (!at)
        return;
    size_t drop = (size_t)(at - b->p) + n;
    memmove(b->p, b->p + drop, b->n - drop);
    b->n -= drop;
    x->ready = true;
}

static int answer_prompt(struct exec *x, struct err *e)
{
    struct buf *b = &x->o->err;
    size_t n = x->c->prompt ? strlen(x->c->prompt) : 0;
    const uint8_t *at = n && b->n >= x->prompt_from + n
                            ? memmem(b->p + x->prompt_from, b->n - x->prompt_from, x->c->prompt, n)
                            : NULL;

    if (!at)
        return 0;
    if (x->answered)
        return err_set(e, ERR_DENIED, "sudo refused the password; it was sent once only");
    x->prompt_from = (size_t)(at - b->p) + n;
    x->answered = true;
    OWN(buf_free)
    struct buf line = BUF_SECRET(4096);
    buf_add_blob(&line, x->c->answer);
    buf_addc(&line, '\n');
    for (size_t sent = 0; sent < line.n;) {
        ssize_t k = libssh2_channel_write(x->ch, (const char *)line.p + sent, line.n - sent);
        if (k == LIBSSH2_ERROR_EAGAIN && monotonic_ms() < x->deadline)
            continue;
        if (k < 0)
            return lost(x, "sending to the server", e);
        sent += (size_t)k;
    }
    return 0;
}

/* -1 failed, 0 nothing there, 1 something read */
static int read_some(struct exec *x, int stream, struct buf *into, struct err *e)
{
    char block[16384];
    ssize_t k = libssh2_channel_read_ex(x->ch, stream, block, sizeof(block));

    if (k == LIBSSH2_ERROR_EAGAIN || k == 0)
        return 0;
    if (k < 0)
        return lost(x, "reading from the server", e);
    buf_add(into, block, (size_t)k);
    if (stream == 0 && !buf_ok(into))
        return err_set(e, ERR_LIMIT, "the server's output is longer than %zu bytes", into->limit);
    return 1;
}

static int write_some(struct exec *x, struct err *e)
{
    size_t left = x->c->input.n - x->sent;
    const char *p = (const char *)x->c->input.p + x->sent;

    if (!x->ready || x->eof_sent)
        return 0;
    if (left) {
        ssize_t k = libssh2_channel_write(x->ch, p, left < WRITE_MAX ? left : WRITE_MAX);
        if (k == LIBSSH2_ERROR_EAGAIN)
            return 0;
        if (k < 0)
            return lost(x, "sending to the server", e);
        x->sent += (size_t)k;
        return 1;
    }
    int rc = libssh2_channel_send_eof(x->ch);
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return 0;
    x->eof_sent = true;
    return rc < 0 ? lost(x, "sending to the server", e) : 1;
}

static int wait_socket(struct exec *x, struct err *e)
{
    int dir = libssh2_session_block_directions(x->ssh->session);
    struct pollfd p = {.fd = x->ssh->fd, .events = POLLIN};
    int64_t left = x->deadline - monotonic_ms();

    if (dir & LIBSSH2_SESSION_BLOCK_OUTBOUND)
        p.events |= POLLOUT;
    if (left <= 0)
        return err_set(e, ERR_NETWORK, "the command on the server took longer than %lld seconds",
                       (long long)(x->c->timeout_ms / 1000));
    poll(&p, 1, left < 1000 ? (int)left : 1000);
    return 0;
}

static int pump(struct exec *x, struct err *e)
{
    for (;;) {
        int a = read_some(x, 0, &x->o->out, e);
        int b = a < 0 ? -1 : read_some(x, SSH_EXTENDED_DATA_STDERR, &x->o->err, e);
        if (b < 0)
            return -1;
        find_ready(x);
        if (!x->ready && answer_prompt(x, e) < 0)
            return -1;
        int w = write_some(x, e);
        if (w < 0)
            return -1;
        if (a == 0 && b == 0 && libssh2_channel_eof(x->ch) == 1)
            return 0;
        if (a == 0 && b == 0 && w == 0 && wait_socket(x, e) < 0)
            return -1;
    }
}

static int finish(struct exec *x, struct err *e)
{
    char *signal = NULL;

    libssh2_session_set_blocking(x->ssh->session, 1);
    libssh2_session_set_timeout(x->ssh->session, 5000);
    if (libssh2_channel_close(x->ch) < 0 || libssh2_channel_wait_closed(x->ch) < 0)
        return lost(x, "end of the command", e);
    x->o->status = libssh2_channel_get_exit_status(x->ch);
    libssh2_channel_get_exit_signal(x->ch, &signal, NULL, NULL, NULL, NULL, NULL);
    if (signal) {
        x->o->status = 128;
        libssh2_free(x->ssh->session, signal);
    }
    return 0;
}

int ssh_run(struct ssh *s, const struct ssh_command *c, struct via_out *o, struct err *e)
{
    struct exec x = {.ssh = s, .c = c, .o = o, .deadline = monotonic_ms() + c->timeout_ms};

    buf_clear(&o->out);
    buf_clear(&o->err);
    libssh2_session_set_blocking(s->session, 1);
    libssh2_session_set_timeout(s->session, 10000);
    x.ch = libssh2_channel_open_session(s->session);
    if (!x.ch)
        return ssh_err(s, ERR_NETWORK, "opening a channel", e);
    int rc = libssh2_channel_exec(x.ch, c->command);
    if (rc < 0) {
        ssh_err(s, rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED ? ERR_DENIED : ERR_NETWORK,
                "running a command", e);
    } else {
        libssh2_session_set_blocking(s->session, 0);
        rc = pump(&x, e);
        if (rc == 0)
            rc = finish(&x, e);
        libssh2_session_set_blocking(s->session, 1);
    }
    libssh2_channel_free(x.ch);
    return rc < 0 ? -1 : 0;
}
