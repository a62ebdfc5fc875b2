/* Deployment windows: "Mon-Fri 22:00-04:00", UTC. A window that ends before it begins ends next
 * day. */
#pragma once
#include <stdint.h>

#include "src/base/err.h"

struct policy_window {
    uint8_t days; /* bit 0 is Monday; the day it begins on */
    int32_t from,
        to; /* seconds from midnight; to is above from, over a day when it ends next day */
};
int policy_window_parse(const char *text, struct policy_window *out, struct err *e);
/* `at` when the window is open then, else the next time it opens. */
int64_t policy_window_opens(const struct policy_window *w, int64_t at);
