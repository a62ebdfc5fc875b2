/* Chooses and changes the identity of the listener, while connections go on. */
#include "src/web/identity.h"

#include <stdio.h>

#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ipc/call.h"

#define BOOT_MS 30000

/* Nobody vouches for the boot identity; a person compares it with the console. */
static void show_fingerprint(const struct identity *i)
{
    char hex[65], line[128];
    struct err e;

    if (tls_fingerprint(i->tls, hex, &e) == 0) {
        snprintf(line, sizeof(line), "certificate of the set-up page, SHA-256 fingerprint: %s",
                 hex);
        if (send_CONSOLE(i->parent, &(struct msg_CONSOLE){.text = line}, &e) == 0)
            return;
    }
    log_warn("web.console", "why=%s", log_q(e.text));
}

int identity_boot(struct identity *i, struct err *e)
{
    const struct msg_KEY_BOOT_IDENTITY ask = {};
    OWN(reply_done)
    struct reply got = {};
    struct msg_KEY_BOOT_READY m;

    if (call_KEY_BOOT_IDENTITY(i->key, &ask, MSG_KEY_BOOT_READY, BOOT_MS, &got, e) < 0 ||
        get_KEY_BOOT_READY(&got.msg, &m, e) < 0)
        return err_wrap(e, "boot identity");
    if (i->own && fiber_self())
        return 0; /* core's came meanwhile */
    if (tls_set_identity(i->tls, m.envelope, m.spki, m.cert_pem, e) < 0)
        return err_wrap(e, "boot identity");
    i->own = false;
    show_fingerprint(i);
    log_info("web.identity", "which=boot");
    return 0;
}

static void boot_again(void *arg)
{
    struct identity *i = arg;
    struct err e;

    if (identity_boot(i, &e) < 0)
        log_error("web.identity", "why=%s", log_q(e.text));
    i->asking = false;
}

static void start_boot(struct identity *i)
{
    if (i->asking)
        return;
    i->asking = true;
    fiber_start(i->loop, boot_again, i);
}

void identity_set(struct identity *i, const struct msg_TLS_IDENTITY *m)
{
    struct err e;

    if (!m->envelope.n) {
        i->own = false;
        start_boot(i);
        return;
    }
    if (tls_set_identity(i->tls, m->envelope, m->spki, m->chain_pem, &e) < 0) {
        log_error("web.identity", "why=%s", log_q(e.text));
        return;
    }
    i->own = true;
    log_info("web.identity", "which=appliance");
}

void identity_key_back(struct identity *i)
{
    if (!i->own)
        start_boot(i);
}
