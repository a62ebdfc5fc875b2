/*
 * certkeep-key --state DIR --module URI: the only process that loads a token module. Opens its
 * control channel, loads the module, confines itself, serves. Ends by _exit: unloading a module
 * is not safe.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/wiped_heap.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ipc/call.h"
#include "src/key/serve.h"
#include "src/key/statefile.h"
#include "src/sandbox/confine.h"

static struct {
    struct vault vault;
    struct service service;
    struct control control;
    struct channel *peers[4];
} self;

static int usage(void)
{
    fputs("usage: certkeep-key --state DIR [--module pkcs11:URI]\n"
          "  started by certkeep-parent; DIR is this process's own folder\n",
          stderr);
    return 2;
}

/* SoftHSM finds its tokens by a file named in the environment; other modules ignore it. */
static int softhsm_config(const char *dir, struct err *e)
{
    OWN(buf_free)
    struct buf text = BUF(2048);
    OWN(own_mem)
    char *path = xasprintf("%s/softhsm2.conf", dir);
    buf_addf(&text,
             "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
             dir);
    if (buf_check(&text, "softhsm2.conf", e) < 0 || statefile_mkdir(dir, "tokens", e) < 0 ||
        statefile_write(dir, "softhsm2.conf", buf_blob(&text), e) < 0)
        return -1;
    return setenv("SOFTHSM2_CONF", path, 1) < 0 ? err_sys(e, "SOFTHSM2_CONF") : 0;
}

/*
 * Until confine() gives the process away for good, files are made and the module is loaded as the
 * owner of the state folder, so that everything in it belongs to the user we become.
 */
static int act_as_owner(const char *dir, struct err *e)
{
    struct stat st;
    if (stat(dir, &st) < 0)
        return err_sys(e, dir);
    if (geteuid() == 0 && (setegid(st.st_gid) < 0 || seteuid(st.st_uid) < 0))
        return err_sys(e, "act as the owner of the state folder");
    return 0;
}

static int act_as_started(struct err *e)
{
    if (seteuid(getuid()) < 0 || setegid(getgid()) < 0)
        return err_sys(e, "act as the user that started us");
    return 0;
}

static void on_parent(struct control *ctl, struct msg *m, void *arg)
{
    (void)ctl;
    serve_parent(arg, m);
}

static int open_channels(struct err *e)
{
    static const enum process peers[] = {PROC_CORE, PROC_WEB, PROC_CA};
    static const struct channel_events events = {.message = serve_message};
    self.control.loop = loop_new();
    for (size_t i = 0; i < COUNT(peers); i++)
        self.peers[i] =
            channel_new(self.control.loop, PROC_KEY, peers[i], 0, -1, &events, &self.service);
    self.control.peers = self.peers;
    self.control.other = on_parent;
    self.control.arg = &self.service;
    if (control_open(&self.control, PROC_KEY, e) < 0)
        return -1;
    self.service = (struct service){.vault = &self.vault, .parent = self.control.parent};
    return 0;
}

static int run(const char *state, const char *module, struct err *e)
{
    char notice[256];
    vault_init(&self.vault, state);
    if (open_channels(e) < 0 || act_as_owner(state, e) < 0 || softhsm_config(state, e) < 0)
        return -1;
    vault_load(&self.vault, module);
    if (act_as_started(e) < 0)
        return -1;
    if (!self.vault.loaded)
        log_error("key.module", "why=%s", log_q(self.vault.trouble.text));
    if (confine(PROC_KEY, &(struct confine_paths){.state = state}, notice, e) < 0)
        return -1;
    if (notice[0])
        log_warn("key.confined", "notice=%s", log_q(notice));
    if (send_READY(self.control.parent, &(struct msg_READY){.detail = self.vault.module.name}, e) <
        0)
        return -1;
    return loop_run(self.control.loop, e);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"state", required_argument, NULL, 's'}, {"module", required_argument, NULL, 'm'}, {0}};
    const char *state = NULL, *module = TOKEN_URI_DEFAULT;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 's')
            state = optarg;
        else if (c == 'm')
            module = optarg;
        else
            return usage();
    }
    if (!state || optind != argc)
        return usage();
    log_open("key", false);
    struct err e = {0};
    int rc = wiped_heap(&e) < 0 ? -1 : run(state, module, &e);
    if (rc < 0)
        log_error("key.end", "why=%s", log_q(e.text));
    vault_done(&self.vault);
    _exit(rc < 0 ? err_exit_status(e.code) : 0);
}
