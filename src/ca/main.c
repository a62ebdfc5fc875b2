/* certkeep-ca: talks to CAs. It has no database and no listening socket; keys sign in `key`. */
#include "crypto/provider/provider.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ca/ca.h"
#include "src/ipc/keyclient.h"
#include "src/sandbox/confine.h"

#define PEERS_MS 10000

static struct ca ca;

static void hello(struct channel *core, void *arg)
{
    const struct msg_CA_HELLO m = {};
    struct err e;

    (void)arg;
    if (send_CA_HELLO(core, &m, &e) < 0)
        log_warn("ca.hello", "why=%s", log_q(e.text));
}

static void unexpected(struct channel *c, struct msg *m, void *arg)
{
    (void)arg;
    log_warn("ca.unexpected", "from=%s type=%s", process_name(channel_peer(c)), msg_name(m->type));
}

static int start(struct control *ctl, struct err *e)
{
    const struct confine_paths paths = {.extra_read = "/etc/ssl/certs"};
    const struct msg_READY ready = {};
    char notice[256] = "";

    ca.http = http_new(ca.loop);
    ca.ctx = provider_context(keyclient_sign, ca.key, e);
    if (!ca.ctx || control_wait_peers(ctl, PEERS_MS, e) < 0 ||
        confine(PROC_CA, &paths, notice, e) < 0)
        return -1;
    if (notice[0])
        log_warn("ca.confine", "notice=%s", log_q(notice));
    return send_READY(ctl->parent, &ready, e);
}

int main(void)
{
    const struct channel_events from_core = {.message = ca_message, .attached = hello};
    const struct channel_events from_key = {.message = unexpected};
    struct err e = {0};

    log_open("ca", false);
    ca.loop = loop_new();
    ca.core = channel_new(ca.loop, PROC_CA, PROC_CORE, 0, -1, &from_core, &ca);
    ca.key = channel_new(ca.loop, PROC_CA, PROC_KEY, 0, -1, &from_key, &ca);
    struct channel *peers[] = {ca.core, ca.key, NULL};
    struct control ctl = {.peers = peers, .loop = ca.loop};
    if (control_open(&ctl, PROC_CA, &e) < 0 || start(&ctl, &e) < 0 || loop_run(ca.loop, &e) < 0) {
        log_error("ca.stopped", "why=%s", log_q(e.text));
        return err_exit_status(e.code);
    }
    return 0;
}
