/* What a token module answers (CKR_*), in words: whose move it is, what happened, what to do. */
#pragma once
#include <p11-kit/pkcs11.h>
#include <stdbool.h>

#include "src/base/err.h"

/* Sets the error from a return value; `what` is the call ("C_Sign"). Returns -1. */
int ckr_err(CK_RV rv, const char *what, struct err *e);
#define ckr_err(...) err_minus_one(ckr_err(__VA_ARGS__)) /* see err.h */
/* The session, login or device went away: worth one new session and one more try. */
bool ckr_recoverable(CK_RV rv);
