/*
 * How a target is reached: one logged-in session that runs shell scripts with the rights the server
 * record gives, and writes files from memory. The transport is behind this interface; so far: SSH.
 *
 * Error codes of via_open: ERR_NETWORK nobody answered (try again); ERR_CONFLICT the host key is
 * not pinned or changed and nothing was sent (`keys` lists what the host offers); ERR_AUTH the
 * login was refused and is not repeated; ERR_DENIED no root rights. Later: ERR_NETWORK means the
 * outcome is unknown.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/secret.h"
#include "src/base/str.h"
#include "src/model/deploy.h"

#define VIA_OUT_MAX (72U << 20) /* nginx -T of the largest tree we read */
#define VIA_COMMAND_MS 120000

enum via_root { VIA_ROOT_NONE, VIA_ROOT_SUDO, VIA_ROOT_SUDO_PASSWORD };
enum via_login { VIA_PASSWORD, VIA_KEY, VIA_KEYBOARD };

struct via_account {
    const char *address, *user;
    uint16_t port;
    enum via_login login;
    enum via_root root;
    const struct strs *pins; /* "ssh-ed25519 SHA256:..." */
    /* Loans; p NULL when not given. */
    struct blob password, ssh_key, sudo_password;
    void (*passed)(void *arg, enum deploy_part part, const char *text); /* as it happens */
    void *arg;
};

struct via_out {
    int status; /* of the script; 128 + n when killed by signal n */
    struct buf out, err;
};
void via_out_free(struct via_out *o);
#define VIA_OUT ((struct via_out){.out = BUF(VIA_OUT_MAX), .err = BUF(65536)})

struct via;
/* keys: filled with the host keys offered, when they are not the pinned ones. */
int via_open(const struct via_account *a, struct via **out, struct strs *keys, struct err *e);
void via_close(struct via *v); /* accepts NULL */
/*
 * Runs the script by /bin/sh with LC_ALL=C, as root when the account says so. A script that ends
 * with another status than 0 is not an error here. o is overwritten.
 */
int via_run(struct via *v, const char *script, struct via_out *o, struct err *e);
/*
 * Writes a new file, mode 0600: by SFTP when the account needs no elevation and the server has it,
 * else through the standard input of a shell. Its content is in no argument and no log.
 */
int via_put(struct via *v, const char *path, struct blob content, struct err *e);
/* The facts of the handshake, for the log: "ssh-ed25519 SHA256:... curve25519-sha256". */
const char *via_facts(const struct via *v);
