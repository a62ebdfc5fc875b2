/* What the machine's console shows: version, board, and where the admin UI is, whenever it changes.
 */
#pragma once
#include "src/base/err.h"

struct loop;
struct console;

struct console *console_new(struct loop *l, struct err *e);
void console_free(struct console *c);
