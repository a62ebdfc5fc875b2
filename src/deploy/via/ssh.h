/* SSH by libssh2, blocking, with deadlines: one socket, one session, one command at a time. */
#pragma once
#include <libssh2.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/own.h"
#include "src/deploy/via/via.h"

#define SSH_CONNECT_MS 10000
#define SSH_AUTH_MS 30000

struct ssh {
    int fd;
    LIBSSH2_SESSION *session;
};

/* hostkey_methods: comma list for the negotiation, or NULL for libssh2's own. Sends no credential.
 */
int ssh_connect(const char *address, uint16_t port, const char *hostkey_methods, struct ssh *out,
                struct err *e);
void ssh_done(struct ssh *s);
int ssh_login(struct ssh *s, const struct via_account *a, struct err *e);
/* "ssh-ed25519 SHA256:..." of the connected host. */
int ssh_host_key(const struct ssh *s, char **out, struct err *e);
/* Methods for the pinned types, to negotiate only these; malloc'ed, NULL when nothing usable is
 * pinned. */
char *ssh_pinned_methods(const struct strs *pins);
/* Asks the host for its key of every type we know, one connection each. */
void ssh_offered_keys(const char *address, uint16_t port, struct strs *out);
/* "what: libssh2's words", as ERR_NETWORK or the given code. Returns -1. */
int ssh_err(const struct ssh *s, enum err_code code, const char *what, struct err *e);

/*
 * A shell that stays open. `command` starts it and prints `ready` when it reads on (what came
 * before is dropped). When `prompt` appears on standard error before that, the secret `answer` and
 * a newline are sent, once; a second prompt is ERR_DENIED. With `terminal` the command runs on one
 * that echoes nothing, and both outputs come as standard output.
 */
struct ssh_command {
    const char *command, *ready, *prompt;
    struct blob answer;
    bool terminal;
    int64_t timeout_ms;
};
struct ssh_shell {
    struct ssh *ssh;
    LIBSSH2_CHANNEL *channel; /* NULL: not open */
};
/* 1: the command ended before it was ready; o says how. */
int ssh_shell_open(struct ssh *s, const struct ssh_command *c, struct ssh_shell *sh,
                   struct via_out *o, struct err *e);
void ssh_shell_close(struct ssh_shell *sh);
bool ssh_shell_ended(struct ssh_shell *sh);
/*
 * Sends "LENGTH LENGTH mark" for script and input, then both, and reads until the shell has said
 * the mark: with the status on standard output, alone on standard error. `mark` is new each time.
 */
#define SSH_MARK_MAX 128
struct ssh_script {
    const char *mark;
    struct blob script, input;
    int64_t timeout_ms;
};
int ssh_shell_run(struct ssh_shell *sh, const struct ssh_script *c, struct via_out *o,
                  struct err *e);
/*
 * Writes a new file by SFTP, mode 0600, flushed to disk. 1: the server offers no SFTP, nothing was
 * done.
 */
int ssh_put(struct ssh *s, const char *path, struct blob content, struct err *e);
