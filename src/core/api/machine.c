/* The machine the service runs on. */
#include "src/core/machine.h"

#include "src/core/api/api.h"

int on_machine_get(struct api *a, struct err *e)
{
    json_t *facts;

    if (machine_facts(a->core, &facts, e) < 0)
        return -1;
    return api_json(a, 200, facts, e);
}
