/*
 * One shell on a session, for all commands of a job: a login, and a sudo with all that it asks PAM,
 * is paid once. Reads both outputs while it writes, so that neither side waits for the other, and
 * drops what a login shell says before the ready mark.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "src/base/time.h"
#include "src/deploy/via/ssh.h"

#define WRITE_MAX 16384 /* small writes: see rekeying in libssh2 */
#define PARTS 3

/* What is under way on a shell: bytes to send, and where the answer to them ends. */
struct talk {
    struct ssh_shell *sh;
    struct via_out *o;
    int64_t timeout_ms, deadline;
    struct blob in[PARTS]; /* sent one after the other */
    size_t part, sent;
    const char *out_mark, *err_mark; /* err_mark NULL: only out_mark is waited for */
    size_t out_from;                 /* where in out the mark is looked for */
    size_t out_at;                   /* where it was found */
    bool out_seen, err_seen, ended;
    char tail[SSH_MARK_MAX]; /* the last of stderr, also of what did not fit into o->err */
    size_t tail_n;
};

static int lost(struct talk *t, const char *what, struct err *e)
{
    return ssh_err(t->sh->ssh, ERR_NETWORK, what, e);
}

static void find_out_mark(struct talk *t)
{
    struct buf *b = &t->o->out;
    size_t n = strlen(t->out_mark);
    const uint8_t *at = b->n - t->out_from < n
                            ? NULL
                            : memmem(b->p + t->out_from, b->n - t->out_from, t->out_mark, n);

    if (at) {
        t->out_at = (size_t)(at - b->p);
        t->out_seen =
            memchr(at + n, '\n', b->n - t->out_at - n) != NULL || t->out_mark[n - 1] == '\n';
    } else if (b->n >= n) {
        t->out_from = b->n - n + 1;
    }
}

/* Stderr is kept up to a limit only, so the mark is looked for in what comes. */
static void find_err_mark(struct talk *t, const char *block, size_t k)
{
    size_t n = t->err_mark ? strlen(t->err_mark) : 0;
    char joined[2 * SSH_MARK_MAX];

    if (!n || t->err_seen)
        return;
    size_t head = k < n ? k : n;
    memcpy(joined, t->tail, t->tail_n);
    memcpy(joined + t->tail_n, block, head);
    t->err_seen =
        memmem(joined, t->tail_n + head, t->err_mark, n) || memmem(block, k, t->err_mark, n);
    size_t all = t->tail_n + head, keep = k >= n ? n : all < n ? all : n;
    memcpy(t->tail, k >= n ? block + k - keep : joined + all - keep, keep);
    t->tail_n = keep;
}

/* -1 failed, 0 nothing there, 1 something read */
static int read_some(struct talk *t, int stream, struct err *e)
{
    struct buf *into = stream ? &t->o->err : &t->o->out;
    char block[16384];
    ssize_t k = libssh2_channel_read_ex(t->sh->channel, stream, block, sizeof(block));

    if (k == LIBSSH2_ERROR_EAGAIN || k == 0)
        return 0;
    if (k < 0)
        return lost(t, "reading from the server", e);
    buf_add(into, block, (size_t)k);
    if (stream == 0 && !buf_ok(into))
        return err_set(e, ERR_LIMIT, "the server's output is longer than %zu bytes", into->limit);
    if (stream == 0 && !t->out_seen)
        find_out_mark(t);
    else if (stream)
        find_err_mark(t, block, (size_t)k);
    return 1;
}

static int write_some(struct talk *t, struct err *e)
{
    while (t->part < PARTS && t->sent == t->in[t->part].n) {
        t->part++;
        t->sent = 0;
    }
    if (t->part == PARTS)
        return 0;
    size_t left = t->in[t->part].n - t->sent;
    const char *p = (const char *)t->in[t->part].p + t->sent;
    ssize_t k = libssh2_channel_write(t->sh->channel, p, left < WRITE_MAX ? left : WRITE_MAX);
    if (k == LIBSSH2_ERROR_EAGAIN)
        return 0;
    if (k < 0)
        return lost(t, "sending to the server", e);
    t->sent += (size_t)k;
    return 1;
}

static int wait_socket(struct talk *t, struct err *e)
{
    int dir = libssh2_session_block_directions(t->sh->ssh->session);
    struct pollfd p = {.fd = t->sh->ssh->fd, .events = POLLIN};
    int64_t left = t->deadline - monotonic_ms();

    if (dir & LIBSSH2_SESSION_BLOCK_OUTBOUND)
        p.events |= POLLOUT;
    if (left <= 0)
        return err_set(e, ERR_NETWORK, "the command on the server took longer than %lld seconds",
                       (long long)(t->timeout_ms / 1000));
    poll(&p, 1, left < 1000 ? (int)left : 1000);
    return 0;
}

/* Sudo asks: the secret goes there once, and a second question is a refusal. */
struct prompt {
    const char *text;
    struct blob answer;
    struct buf *seen; /* the output it appears on */
    bool answered;
    size_t from; /* where in `seen` the next one is looked for */
};

static int answer_prompt(struct talk *t, struct prompt *q, struct buf *line, struct err *e)
{
    struct buf *b = q->seen;
    size_t n = q->text ? strlen(q->text) : 0;
    const uint8_t *at =
        n && b->n >= q->from + n ? memmem(b->p + q->from, b->n - q->from, q->text, n) : NULL;

    if (!at)
        return 0;
    if (q->answered)
        return err_set(e, ERR_DENIED, "sudo refused the password; it was sent once only");
    q->from = (size_t)(at - b->p) + n;
    q->answered = true;
    buf_add_blob(line, q->answer);
    buf_addc(line, '\n');
    t->in[0] = buf_blob(line);
    t->part = t->sent = 0;
    return 0;
}

/* Until both marks are there, or the shell has ended. */
static int pump(struct talk *t, struct prompt *q, struct err *e)
{
    OWN(buf_free)
    struct buf line = BUF_SECRET(4096);

    for (;;) {
        int a = read_some(t, 0, e);
        int b = a < 0 ? -1 : read_some(t, SSH_EXTENDED_DATA_STDERR, e);
        if (b < 0)
            return -1;
        if (t->out_seen && (t->err_seen || !t->err_mark))
            return 0;
        if (q && answer_prompt(t, q, &line, e) < 0)
            return -1;
        int w = write_some(t, e);
        if (w < 0)
            return -1;
        if (a == 0 && b == 0 && libssh2_channel_eof(t->sh->channel) == 1) {
            t->ended = true;
            return 0;
        }
        if (a == 0 && b == 0 && w == 0 && wait_socket(t, e) < 0)
            return -1;
    }
}

static int converse(struct talk *t, struct prompt *q, struct err *e)
{
    LIBSSH2_SESSION *s = t->sh->ssh->session;

    t->deadline = monotonic_ms() + t->timeout_ms;
    buf_clear(&t->o->out);
    buf_clear(&t->o->err);
    libssh2_session_set_blocking(s, 0);
    int rc = pump(t, q, e);
    libssh2_session_set_blocking(s, 1);
    return rc;
}

/* RFC 4254, 8: no echo from the first moment on, and line ends as they are written. */
static int ask_terminal(struct ssh_shell *sh, struct err *e)
{
    static const char modes[] = {53 /* ECHO */, 0, 0, 0, 0, 72 /* ONLCR */, 0, 0, 0, 0, 0};

    if (libssh2_channel_request_pty_ex(sh->channel, "dumb", 4, modes, sizeof(modes), 80, 24, 0, 0) <
        0)
        return ssh_err(sh->ssh, ERR_DENIED, "the server gives no terminal", e);
    return 0;
}

/* How the command ended that should have become a shell. */
static int exit_status(struct ssh_shell *sh, int *status, struct err *e)
{
    char *signal = NULL;

    libssh2_session_set_timeout(sh->ssh->session, 5000);
    if (libssh2_channel_close(sh->channel) < 0 || libssh2_channel_wait_closed(sh->channel) < 0)
        return ssh_err(sh->ssh, ERR_NETWORK, "end of the command", e);
    *status = libssh2_channel_get_exit_status(sh->channel);
    libssh2_channel_get_exit_signal(sh->channel, &signal, NULL, NULL, NULL, NULL, NULL);
    if (signal) {
        *status = 128;
        libssh2_free(sh->ssh->session, signal);
    }
    return 1;
}

int ssh_shell_open(struct ssh *s, const struct ssh_command *c, struct ssh_shell *sh,
                   struct via_out *o, struct err *e)
{
    struct talk t = {.sh = sh, .o = o, .timeout_ms = c->timeout_ms, .out_mark = c->ready};
    struct prompt q = {
        .text = c->prompt, .answer = c->answer, .seen = c->terminal ? &o->out : &o->err};

    *sh = (struct ssh_shell){.ssh = s};
    libssh2_session_set_timeout(s->session, 10000);
    sh->channel = libssh2_channel_open_session(s->session);
    if (!sh->channel)
        return ssh_err(s, ERR_NETWORK, "opening a channel", e);
    if (c->terminal && ask_terminal(sh, e) < 0) {
        ssh_shell_close(sh);
        return -1;
    }
    int rc = libssh2_channel_exec(sh->channel, c->command);
    if (rc < 0)
        ssh_err(s, rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED ? ERR_DENIED : ERR_NETWORK,
                "running a command", e);
    else if ((rc = converse(&t, &q, e)) == 0 && t.ended)
        rc = exit_status(sh, &o->status, e);
    if (rc != 0)
        ssh_shell_close(sh);
    return rc < 0 ? -1 : rc;
}

/* Takes the marks off and reads the status between them. */
static int take_answer(struct talk *t, struct err *e)
{
    struct buf *out = &t->o->out, *err = &t->o->err;
    uint32_t status = 0;

    size_t at = t->out_at + strlen(t->out_mark);
    const char *line = (const char *)out->p + at, *nl = memchr(line, '\n', out->n - at);
    OWN(own_mem)
    char *number = nl ? xstrndup(line, (size_t)(nl - line)) : NULL;
    if (!number || parse_u32(number, 0, 255, &status, NULL) < 0)
        return err_set(e, ERR_REMOTE, "the server's shell does not say how the script ended");
    t->o->status = (int)status;
    out->n = t->out_at;
    size_t n = strlen(t->err_mark);
    const uint8_t *mark = err->n >= n ? memmem(err->p, err->n, t->err_mark, n) : NULL;
    if (mark)
        err->n = (size_t)(mark - err->p);
    return 0;
}

int ssh_shell_run(struct ssh_shell *sh, const struct ssh_script *c, struct via_out *o,
                  struct err *e)
{
    char head[SSH_MARK_MAX], out_mark[SSH_MARK_MAX], err_mark[SSH_MARK_MAX];

    snprintf(head, sizeof(head), "%zu %zu %s\n", c->script.n, c->input.n, c->mark);
    snprintf(out_mark, sizeof(out_mark), "\n%s ", c->mark);
    snprintf(err_mark, sizeof(err_mark), "%s\n", c->mark);
    struct talk t = {.sh = sh,
                     .o = o,
                     .timeout_ms = c->timeout_ms,
                     .in = {blob_str(head), c->script, c->input},
                     .out_mark = out_mark,
                     .err_mark = err_mark};
    if (converse(&t, NULL, e) < 0)
        return -1;
    if (t.ended)
        return err_set(e, ERR_NETWORK, "the server's answer was cut off");
    return take_answer(&t, e);
}

void ssh_shell_close(struct ssh_shell *sh)
{
    if (sh->channel)
        libssh2_channel_free(sh->channel);
    sh->channel = NULL;
}

bool ssh_shell_ended(struct ssh_shell *sh)
{
    char block[1024];

    if (!sh->channel)
        return true;
    /* An end shows only when all that came before it, such as "Killed", was read. */
    libssh2_session_set_blocking(sh->ssh->session, 0);
    while (libssh2_channel_read_ex(sh->channel, 0, block, sizeof(block)) > 0 ||
           libssh2_channel_read_ex(sh->channel, SSH_EXTENDED_DATA_STDERR, block, sizeof(block)) > 0)
        ;
    bool ended = libssh2_channel_eof(sh->channel) == 1;
    libssh2_session_set_blocking(sh->ssh->session, 1);
    return ended;
}
