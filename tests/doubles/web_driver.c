/*
 * parent, core and key for certkeep-web in its tests: keys are plain ones of this process, API
 * calls come back as JSON. Commands are lines on standard input, each answered by a line.
 *
 *   web_driver CERTKEEP-WEB [ARGUMENT OF WEB]...
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "src/base/fiber.h"
#include "src/base/json.h"
#include "src/base/log.h"
#include "src/ipc/call.h"
#include "tests/doubles/web_keys.h"

#define SLOW_MS 200

static struct {
    struct loop *loop;
    struct channel *web, *core, *key;
    struct identities identities;
    uint32_t streams[64];
    size_t stream_count;
    size_t signatures;
    pid_t pid;
} d;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "web_driver: %s\n", what);
    if (d.pid > 0)
        kill(d.pid, SIGTERM);
    exit(1);
}

static void say(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
}

/* ---- key ---- */

static void sign(struct channel *c, struct msg *m)
{
    struct msg_KEY_SIGN s;
    char name[64] = "";
    uint8_t out[128];
    size_t n = sizeof(out);

    if (get_KEY_SIGN(m, &s, NULL) < 0 || s.envelope.n >= sizeof(name))
        fail("KEY_SIGN");
    memcpy(name, s.envelope.p, s.envelope.n);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, identity_of(&d.identities, name)->key) <=
            0 ||
        EVP_DigestSign(md, out, &n, s.tbs.p, s.tbs.n) <= 0)
        fail("signature");
    EVP_MD_CTX_free(md);
    d.signatures++;
    reply_KEY_SIGNED(c, m->id, &(struct msg_KEY_SIGNED){.signature = BLOB(out, n)}, NULL);
}

static void on_key(struct channel *c, struct msg *m, void *arg)
{
    (void)arg;
    if (m->type == MSG_KEY_SIGN) {
        sign(c, m);
    } else if (m->type == MSG_KEY_BOOT_IDENTITY) {
        struct identity *boot = identity_of(&d.identities, "boot.example");
        reply_KEY_BOOT_READY(c, m->id,
                             &(struct msg_KEY_BOOT_READY){.envelope = blob_str(boot->name),
                                                          .spki = buf_blob(&boot->spki),
                                                          .cert_pem = buf_blob(&boot->pem)},
                             NULL);
    } else {
        fail("key was asked for something else");
    }
}

/* ---- core ---- */

struct slow {
    uint32_t id;
    struct buf body;
};

static void answer_later(void *arg)
{
    struct slow *s = arg;

    fiber_sleep(d.loop, SLOW_MS);
    reply_API_REPLY(d.core, s->id,
                    &(struct msg_API_REPLY){.status = 200,
                                            .content_type = "application/json",
                                            .body = buf_blob(&s->body)},
                    NULL);
    buf_free(&s->body);
    free(s);
}

static void echo(const struct msg_API_CALL *a, struct buf *out)
{
    OWN(own_json)
    json_t *o = json_object();
    OWN(own_mem)
    char *credential = xstrndup(a->credential.p ? a->credential.p : "", a->credential.n);
    OWN(own_mem)
    char *body = xstrndup(a->body.p ? a->body.p : "", a->body.n < 2000 ? a->body.n : 2000);

    json_put_str(o, "client", a->client);
    json_put_str(o, "credential", credential);
    json_put_str(o, "csrf", a->csrf);
    json_put_str(o, "method", a->method);
    json_put_str(o, "path", a->path);
    json_put_str(o, "query", a->query);
    json_put_str(o, "content_type", a->content_type);
    json_put_str(o, "accept", a->accept);
    json_put_str(o, "idempotency_key", a->idempotency_key);
    json_put_str(o, "if_match", a->if_match);
    json_put_str(o, "body", body);
    json_put_int(o, "body_bytes", (int64_t)a->body.n);
    if (json_print(o, out, NULL) < 0)
        fail("echo");
}

static void api_call(struct channel *c, struct msg *m)
{
    struct msg_API_CALL a;
    struct buf body = BUF(4 * 1024 * 1024);
    struct msg_API_REPLY r = {.status = 200, .content_type = "application/json"};

    if (get_API_CALL(m, &a, NULL) < 0)
        fail("API_CALL");
    echo(&a, &body);
    if (strcmp(a.path, "/api/v1/slow") == 0) {
        struct slow *s = xmalloc(sizeof(*s));
        *s = (struct slow){m->id, body};
        fiber_start(d.loop, answer_later, s);
        return;
    }
    if (strcmp(a.path, "/api/v1/die") == 0)
        fail("asked to");
    if (strcmp(a.path, "/api/v1/fail") == 0) {
        struct err e;
        err_set(&e, ERR_DENIED, "not for you");
        reply_failed(c, m->id, &e);
        buf_free(&body);
        return;
    }
    if (strcmp(a.path, "/api/v1/session") == 0) {
        r.set_session = blob_str(strcmp(a.method, "DELETE") == 0 ? "-" : "s3cret");
        r.session_age_s = strcmp(a.method, "DELETE") == 0 ? 0 : 600;
    }
    if (strcmp(a.path, "/api/v1/work") == 0) {
        r.status = 202;
        r.location = "/api/v1/jobs/1";
        r.etag = "\"7\"";
        r.filename = "bad\"name";
    }
    if (strcmp(a.path, "/api/v1/big") == 0)
        while (body.n < 3 * 1024 * 1024)
            buf_add_str(&body, "                                                                ");
    r.body = buf_blob(&body);
    reply_API_REPLY(c, m->id, &r, NULL);
    buf_free(&body);
}

static void stream_open(struct channel *c, struct msg *m)
{
    struct msg_STREAM_OPEN s;
    OWN(buf_free)
    struct buf data = BUF(4096);

    if (get_STREAM_OPEN(m, &s, NULL) < 0)
        fail("STREAM_OPEN");
    if (strcmp(s.query, "topics=none") == 0) {
        send_STREAM_CLOSE(c, &(struct msg_STREAM_CLOSE){.stream = s.stream}, NULL);
        return;
    }
    d.streams[d.stream_count++ % 64] = s.stream;
    buf_addf(&data, "opened after=%s\nsecond line", s.last_event_id);
    send_STREAM_EVENT(
        c,
        &(struct msg_STREAM_EVENT){.stream = s.stream, .event = "hello", .data = buf_blob(&data)},
        NULL);
}

static void on_core(struct channel *c, struct msg *m, void *arg)
{
    struct msg_STREAM_CLOSE closed;
    struct msg_WEB_HELLO hello;

    (void)arg;
    if (m->type == MSG_API_CALL) {
        api_call(c, m);
    } else if (m->type == MSG_STREAM_OPEN) {
        stream_open(c, m);
    } else if (m->type == MSG_STREAM_CLOSE && get_STREAM_CLOSE(m, &closed, NULL) == 0) {
        for (size_t i = 0; i < 64; i++)
            if (d.streams[i] == closed.stream)
                d.streams[i] = 0;
    } else if (m->type != MSG_WEB_HELLO || get_WEB_HELLO(m, &hello, NULL) < 0) {
        fail("core was told something else");
    }
}

/* ---- parent ---- */

static struct channel *give_peer(enum process self,
                                 void (*on)(struct channel *, struct msg *, void *))
{
    const struct channel_events events = {.message = on};
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0 ||
        send_PEER(d.web, &(struct msg_PEER){.process = self, .fd = fd[1]}, NULL) < 0)
        fail("peer");
    close(fd[1]);
    return channel_new(d.loop, self, PROC_WEB, 0, fd[0], &events, NULL);
}

static int give_listener(enum listen_service service)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 512) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) < 0 ||
        send_LISTEN(d.web, &(struct msg_LISTEN){.service = service, .fd = fd}, NULL) < 0)
        fail("listener");
    close(fd);
    return ntohs(a.sin_port);
}

static void on_parent(struct channel *c, struct msg *m, void *arg)
{
    struct msg_CONSOLE line;

    (void)c, (void)arg;
    if (m->type == MSG_READY) {
        say("ready");
    } else if (m->type == MSG_CONSOLE && get_CONSOLE(m, &line, NULL) == 0) {
        printf("console %s\n", line.text);
        fflush(stdout);
    }
}

static void on_web_gone(struct channel *c, const struct err *why, void *arg)
{
    int status = 0;

    (void)c, (void)why, (void)arg;
    waitpid(d.pid, &status, 0);
    printf("gone %d\n", status);
    exit(status == 0 ? 0 : 1);
}

static void start_web(char **argv)
{
    static const struct channel_events events = {.message = on_parent, .closed = on_web_gone};
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0)
        fail("socketpair");
    d.pid = fork();
    if (d.pid == 0) {
        dup2(fd[1], CONTROL_FD);
        fcntl(CONTROL_FD, F_SETFD, 0);
        execv(argv[0], argv);
        _exit(127);
    }
    close(fd[1]);
    d.web = channel_new(d.loop, PROC_PARENT, PROC_WEB, 0, fd[0], &events, NULL);
}

/* ---- commands ---- */

static void send_event(const char *id, const char *data)
{
    for (size_t i = 0; i < 64; i++)
        if (d.streams[i])
            send_STREAM_EVENT(
                d.core,
                &(struct msg_STREAM_EVENT){
                    .stream = d.streams[i], .id = id, .event = "change", .data = blob_str(data)},
                NULL);
}

static void core_down(void)
{
    channel_free(TAKE(d.core));
    memset(d.streams, 0, sizeof(d.streams));
}

static void send_identity(const char *name)
{
    struct msg_TLS_IDENTITY m = {};

    if (strcmp(name, "boot") != 0) {
        const struct identity *i = identity_of(&d.identities, name);
        m = (struct msg_TLS_IDENTITY){.envelope = blob_str(i->name),
                                      .spki = buf_blob(&i->spki),
                                      .chain_pem = buf_blob(&i->pem)};
    }
    call_TLS_IDENTITY(d.core, &m, MSG_DONE, 5000, NULL, NULL);
}

static void command(char *line)
{
    char *word[4] = {line, "", "", ""};

    for (int i = 1; i < 4; i++) {
        char *space = strchr(word[i - 1], ' ');
        if (!space)
            break;
        *space = 0;
        word[i] = space + 1;
    }
    if (strcmp(line, "identity") == 0)
        send_identity(word[1]);
    else if (strcmp(line, "event") == 0)
        send_event(word[1], word[2]);
    else if (strcmp(line, "core-down") == 0)
        core_down();
    else if (strcmp(line, "core-up") == 0)
        d.core = give_peer(PROC_CORE, on_core);
    else if (strcmp(line, "challenge") == 0)
        call_HTTP01_SET(d.core, &(struct msg_HTTP01_SET){.token = word[1], .answer = word[2]},
                        MSG_DONE, 5000, NULL, NULL);
    else if (strcmp(line, "clear") == 0)
        call_HTTP01_CLEAR(d.core, &(struct msg_HTTP01_CLEAR){.token = word[1]}, MSG_DONE, 5000,
                          NULL, NULL);
    else if (strcmp(line, "stop") == 0)
        send_STOP(d.web, &(struct msg_STOP){}, NULL);
    else
        fail("unknown command");
    printf("ok streams=%zu signatures=%zu\n", d.stream_count, d.signatures);
    fflush(stdout);
}

static void on_stdin(int fd, bool readable, bool writable, void *arg)
{
    static char text[4096];
    static size_t n;
    const ssize_t got = read(fd, text + n, sizeof(text) - n);
    char *end;

    (void)readable, (void)writable, (void)arg;
    if (got <= 0)
        fail("standard input ended");
    n += (size_t)got;
    while ((end = memchr(text, '\n', n))) {
        *end = 0;
        command(text);
        n -= (size_t)(end + 1 - text);
        memmove(text, end + 1, n);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        fail("expected the program to drive");
    log_open("driver", false);
    d.loop = loop_new();
    start_web(argv + 1);
    const int https = give_listener(LISTEN_HTTPS), http01 = give_listener(LISTEN_HTTP01);
    d.core = give_peer(PROC_CORE, on_core);
    d.key = give_peer(PROC_KEY, on_key);
    printf("https=%d http01=%d pid=%d\n", https, http01, (int)d.pid);
    fflush(stdout);
    loop_watch(d.loop, 0, true, false, on_stdin, NULL);
    return loop_run(d.loop, NULL) < 0;
}
