/*
 * Who may have what signed: a table of purpose, caller and the shape of the bytes. It is checked
 * on every signature, so a captured process gets nothing signed but what its own work looks like.
 */
#pragma once
#include "src/ipc/process.h"
#include "src/key/envelope.h"

int purpose_check(enum process caller, uint32_t purpose, enum sign_scheme scheme,
                  const struct envelope *env, struct blob tbs, struct err *e);
