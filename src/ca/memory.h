/* What connectors write into their memories and orders': texts of a 2-byte length. */
#pragma once
#include <stddef.h>

#include "src/base/buf.h"

void memory_put_text(struct buf *out, const char *text);
/* At most `max` bytes of clean UTF-8, malloc'ed; NULL when the reader has failed. */
char *memory_get_text(struct reader *r, size_t max);
