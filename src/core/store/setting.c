/* Settings and small internal values: records of the table SETTING, found by their unique name. */
#include <stdlib.h>

#include "src/core/store/store.h"

int setting_get(struct txn *t, const char *name, char **value, struct err *e)
{
    OWN(own_setting)
    struct setting s = {0};

    if (row_find(t, TABLE_SETTING, "name", name, &s, e) < 0)
        return err_wrap(e, "setting %s", name);
    *value = s.value ? TAKE(s.value) : xstrdup("");
    return 0;
}

int setting_put(struct txn *t, const char *name, const char *value, struct err *e)
{
    OWN(own_setting)
    struct setting s = {0};
    struct err why = {0};

    if (row_find(t, TABLE_SETTING, "name", name, &s, &why) < 0) {
        if (why.code != ERR_NOT_FOUND)
            return err_set(e, why.code, "setting %s: %s", name, why.text);
        if (!value)
            return 0;
        s.name = xstrdup(name);
    }
    if (!value)
        return row_delete(t, TABLE_SETTING, s.id, e);
    free(s.value);
    s.value = xstrdup(value);
    return row_put(t, TABLE_SETTING, &s, e);
}
