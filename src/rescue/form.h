/* Fields of a small form, application/x-www-form-urlencoded (WHATWG URL, 5). */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"

/*
 * Appends the decoded value of the one field `name` to out, which may be a BUF_SECRET. ERR_INPUT:
 * it is missing, stands twice, or is no clean UTF-8 text.
 */
int form_field(struct blob body, const char *name, struct buf *out, struct err *e);
