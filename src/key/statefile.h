/* Small files in this process's state folder: read whole, written whole and durably or not at all.
 */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"

/* ERR_NOT_FOUND when it is not there, ERR_LIMIT when longer than the buf's limit. */
int statefile_read(const char *dir, const char *name, struct buf *out, struct err *e);
int statefile_write(const char *dir, const char *name, struct blob bytes, struct err *e);
/* A folder inside; that it exists already is fine. */
int statefile_mkdir(const char *dir, const char *name, struct err *e);
