/* Names of order states. */
#include "src/model/order_state.h"

#include "src/base/str.h"

static const char *const names[] = {
#define STATE(NAME, text) text,
    ORDER_STATES(STATE)
#undef STATE
};

const char *order_state_name(enum order_state s)
{
    return (unsigned)s < ORDER_STATE_COUNT ? names[s] : "Unknown";
}

enum order_state order_state_parse(const char *name)
{
    int s = 0;
    while (s < ORDER_STATE_COUNT && !str_eq(names[s], name))
        s++;
    return (enum order_state)s;
}
