/* The list of what runs now (busy.h). */
#include "src/ca/busy.h"

#include <stddef.h>

#include "src/base/str.h"

int busy_enter(struct busy **list, struct busy *me, const char *key, struct err *e)
{
    for (const struct busy *b = *list; b; b = b->next)
        if (str_eq(b->key, key))
            return err_set(
                e, ERR_LIMIT,
                "an earlier request of this order or connector is still running; try again");
    *me = (struct busy){.key = key, .next = *list};
    *list = me;
    return 0;
}

void busy_leave(struct busy **list, const struct busy *me)
{
    for (struct busy **at = list; *at; at = &(*at)->next) {
        if (*at != me)
            continue;
        *at = me->next;
        return;
    }
}
