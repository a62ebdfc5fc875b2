/*
 * Setting up, opening and locking the token with the unlock passphrase (docs/formats/unlock.md).
 * The token itself sees a PIN only when the passphrase is right, so guessing cannot lock it.
 */
#pragma once
#include "src/ipc/process.h"
#include "src/key/vault.h"

#define PASSPHRASE_MIN_BYTES 8
#define PASSPHRASE_MAX_BYTES 1024

/* Where the token stands; `detail` is for people, "" when there is nothing to say. */
enum token_state activate_state(struct vault *v, struct err *detail);
/* First run: initialises the token and makes its keys; open afterwards. An interrupted first run
   is taken up again with the same passphrase. */
int activate_setup(struct vault *v, struct blob passphrase, struct err *e);
/* ERR_AUTH: wrong passphrase; ERR_LIMIT: too soon after a wrong one. */
int activate_unlock(struct vault *v, struct blob passphrase, struct err *e);
/* With the PIN of the process before us. Takes the descriptor. An empty one means: locked. */
int activate_resume(struct vault *v, int take_pin_fd, struct err *e);
/* Closes the token and empties the PIN's memfd. */
void activate_lock(struct vault *v);
