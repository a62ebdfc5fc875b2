/*
 * Plays parent and core for one deploy worker at a time: starts the real program, and turns lines
 * of JSON on standard input into DEPLOY_* messages, and their answers into lines of JSON.
 *
 *   {"op":"start","program":PATH}         {"op":"kill"}
 *   {"op":"begin","job","server":{...},"secrets":{name:text},"request":{...},"chain_pem","spki":hex}
 *   {"op":"step","step":N,"plan":hex,"key":PEM or "","kill_after_ms":N or 0}
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/hpke.h"
#include "src/base/enc.h"
#include "src/base/json.h"
#include "src/base/log.h"
#include "src/ipc/call.h"
#include "src/model/connectors.h"
#include "src/model/deploy.h"
#include "src/model/deploy_request.h"
#include "src/model/records.h"

#define LINE_MAX_BYTES (8 << 20)
#define STEP_MS 200000

struct driver {
    struct loop *loop;
    struct channel *control, *worker;
    pid_t pid;
    struct buf recipient;
    json_t *log, *parts;
    char job[ID_CHARS + 1];
};

static void on_worker(struct channel *c, struct msg *m, void *arg)
{
    struct driver *d = arg;
    struct msg_DEPLOY_HELLO hello;
    struct msg_DEPLOY_LOG line;
    struct msg_DEPLOY_PART part;

    (void)c;
    if (m->type == MSG_DEPLOY_HELLO && get_DEPLOY_HELLO(m, &hello, NULL) == 0) {
        buf_clear(&d->recipient);
        buf_add_blob(&d->recipient, hello.recipient);
        loop_stop(d->loop);
    }
    if (m->type == MSG_DEPLOY_LOG && get_DEPLOY_LOG(m, &line, NULL) == 0)
        json_array_append_new(d->log, json_string(line.line));
    if (m->type == MSG_DEPLOY_PART && get_DEPLOY_PART(m, &part, NULL) == 0)
        json_array_append_new(d->parts, json_pack("[ss]", deploy_part_title(part.part), part.text));
}

static void on_worker_closed(struct channel *c, const struct err *why, void *arg)
{
    struct driver *d = arg;

    (void)c;
    (void)why;
    loop_stop(d->loop);
}

static void end_worker(struct driver *d)
{
    if (d->pid > 0) {
        kill(d->pid, SIGKILL);
        while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    d->pid = 0;
    if (d->worker)
        channel_free(TAKE(d->worker));
    if (d->control)
        channel_free(TAKE(d->control));
}

static void on_control(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    (void)m;
    (void)arg;
}

static int start(struct driver *d, const char *program, struct err *e)
{
    static const struct channel_events events = {.message = on_worker, .closed = on_worker_closed};
    static const struct channel_events control_events = {.message = on_control};
    int control[2], core[2];

    end_worker(d);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, core) < 0)
        return err_sys(e, "socketpair");
    d->pid = fork();
    if (d->pid == 0) {
        if (dup2(control[1], CONTROL_FD) < 0)
            _exit(126);
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    close(control[1]);
    d->control = channel_new(d->loop, PROC_PARENT, PROC_DEPLOY, 1, control[0], &control_events, d);
    d->worker = channel_new(d->loop, PROC_CORE, PROC_DEPLOY, 1, core[0], &events, d);
    const struct msg_PEER peer = {.process = PROC_CORE, .instance = 0, .fd = core[1]};
    if (send_PEER(d->control, &peer, e) < 0)
        return -1;
    buf_clear(&d->recipient);
    int rc = loop_run(d->loop, e);
    close(core[1]);
    return rc < 0 || d->recipient.n != 32 ? err_set(e, ERR_REMOTE, "the worker said no hello") : 0;
}

static int seal(struct driver *d, const char *info, const char *text, struct buf *out,
                struct err *e)
{
    return hpke_seal(buf_blob(&d->recipient), info, blob_str(text), out, e);
}

static int begin(struct driver *d, const json_t *in, struct err *e)
{
    OWN(own_server)
    struct server server = {0};
    OWN(own_deploy_request)
    struct deploy_request request = {0};
    OWN(named_blobs_free)
    struct named_blobs secrets = {0};
    OWN(buf_free)
    struct buf server_b = BUF(1 << 20), request_b = BUF(1 << 20), secrets_b = BUF(1 << 20),
               spki = BUF(4096);
    OWN(reply_done)
    struct reply reply = {0};
    const char *name, *hex = json_str(in, "spki");
    json_t *value;

    fields_init(&server_fields, &server);
    fields_init(&deploy_request_fields, &request);
    if (fields_load(&server_fields, json_object_get(in, "server"), &server, e) < 0 ||
        fields_load(&deploy_request_fields, json_object_get(in, "request"), &request, e) < 0 ||
        dec_hex(&spki, hex, strlen(hex), e) < 0)
        return -1;
    json_object_foreach (json_object_get(in, "secrets"), name, value) {
        OWN(buf_free)
        struct buf sealed = BUF(65536);
        OWN(own_mem)
        char *info = xasprintf("server/%s/%s", server.id, name);
        if (seal(d, info, json_string_value(value), &sealed, e) < 0 ||
            named_blobs_add(&secrets, name, buf_blob(&sealed), BLOB(NULL, 0), e) < 0)
            return -1;
    }
    fields_encode(&server_fields, &server, &server_b);
    fields_encode(&deploy_request_fields, &request, &request_b);
    named_blobs_encode(&secrets, &secrets_b);
    snprintf(d->job, sizeof(d->job), "%s", json_str(in, "job"));
    const struct msg_DEPLOY_BEGIN m = {.job = d->job,
                                       .type = "nginx",
                                       .server = buf_blob(&server_b),
                                       .secrets = buf_blob(&secrets_b),
                                       .request = buf_blob(&request_b),
                                       .chain_pem = blob_str(json_str(in, "chain_pem")),
                                       .spki = buf_blob(&spki)};
    return call_DEPLOY_BEGIN(d->worker, &m, MSG_DONE, 10000, &reply, e);
}

static json_t *findings_json(struct blob in, struct err *e)
{
    OWN(findings_free)
    struct deploy_findings l = {0};
    json_t *all = json_array();

    if (findings_decode(in, &l, e) < 0)
        return all;
    for (size_t i = 0; i < l.n; i++) {
        json_t *o = json_object();
        json_put_int(o, "port", l.v[i].port);
        json_put_strs(o, "server_names", &l.v[i].server_names);
        json_put_str(o, "config_file", l.v[i].config_file);
        json_put_int(o, "config_line", l.v[i].config_line);
        json_put_str(o, "cert_path", l.v[i].cert_path);
        json_put_str(o, "key_path", l.v[i].key_path);
        json_put_str(o, "configured_pem", l.v[i].configured_pem);
        json_put_str(o, "served_pem", l.v[i].served_pem);
        json_put_str(o, "problem", l.v[i].problem);
        json_array_append_new(all, o);
    }
    return all;
}

/* Another process kills the worker: this one waits for its answer in a blocking call. */
static void kill_later(pid_t pid, int64_t ms)
{
    pid_t helper = fork();

    if (helper == 0) {
        usleep((useconds_t)ms * 1000);
        kill(pid, SIGKILL);
        _exit(0);
    }
}

static int step(struct driver *d, const json_t *in, json_t *out, struct err *e)
{
    OWN(buf_free)
    struct buf plan = BUF(1 << 20), bundle = BUF(65536);
    OWN(reply_done)
    struct reply reply = {0};
    struct msg_DEPLOY_RESULT r;
    OWN(own_mem)
    char *info = xasprintf("job/%s/key", d->job);
    const char *hex = json_str(in, "plan"), *key = json_str(in, "key");

    if (dec_hex(&plan, hex, strlen(hex), e) < 0 || (key[0] && seal(d, info, key, &bundle, e) < 0))
        return -1;
    const struct msg_DEPLOY_STEP m = {.step = (uint32_t)json_int(in, "step"),
                                      .plan = buf_blob(&plan),
                                      .bundle = buf_blob(&bundle)};
    if (json_int(in, "kill_after_ms"))
        kill_later(d->pid, json_int(in, "kill_after_ms"));
    if (call_DEPLOY_STEP(d->worker, &m, MSG_DEPLOY_RESULT, STEP_MS, &reply, e) < 0 ||
        get_DEPLOY_RESULT(&reply.msg, &r, e) < 0)
        return -1;
    OWN(own_mem)
    char *plan_hex = hex_str(r.plan);
    json_put_int(out, "outcome", r.outcome);
    json_put_int(out, "cause", r.cause);
    json_put_str(out, "text", r.text);
    json_put_str(out, "evidence", r.evidence);
    json_put_str(out, "plan", plan_hex);
    json_put_take(out, "findings", findings_json(r.findings, e));
    return e->code ? -1 : 0;
}

static void on_enough(void *arg)
{
    loop_stop(arg);
}

/* A call leaves one-way messages for the loop: take the log lines that came meanwhile. */
static void take_log(struct driver *d)
{
    struct watch *enough = loop_timer(d->loop, 20, on_enough, d->loop);

    loop_run(d->loop, NULL);
    watch_free(enough);
}

static int one(struct driver *d, const json_t *in, json_t *out, struct err *e)
{
    const char *op = json_str(in, "op");

    json_array_clear(d->log);
    json_array_clear(d->parts);
    if (str_eq(op, "start"))
        return start(d, json_str(in, "program"), e);
    if (str_eq(op, "kill")) {
        end_worker(d);
        return 0;
    }
    if (!d->worker)
        return err_set(e, ERR_INPUT, "no worker was started");
    if (str_eq(op, "begin"))
        return begin(d, in, e);
    if (str_eq(op, "step"))
        return step(d, in, out, e);
    return err_set(e, ERR_INPUT, "op: expected start, begin, step or kill");
}

int main(void)
{
    struct driver d = {
        .loop = loop_new(), .log = json_array(), .parts = json_array(), .recipient = BUF(64)};
    static char line[LINE_MAX_BYTES];

    log_open("driver", false);
    signal(SIGPIPE, SIG_IGN);
    while (fgets(line, sizeof(line), stdin)) {
        struct err e = {0};
        OWN(own_json)
        json_t *in = json_parse(blob_str(line), sizeof(line), "line", &e);
        OWN(own_json)
        json_t *out = json_object();
        OWN(buf_free)
        struct buf text = BUF(32 << 20);
        if (!in || one(&d, in, out, &e) < 0)
            json_put_str(out, "error", e.text);
        take_log(&d);
        json_object_set(out, "log", d.log);
        json_object_set(out, "parts", d.parts);
        json_print(out, &text, NULL);
        puts(buf_cstr(&text));
        fflush(stdout);
    }
    end_worker(&d);
    buf_free(&d.recipient);
    json_decref(d.log);
    json_decref(d.parts);
    loop_free(d.loop);
    return 0;
}
