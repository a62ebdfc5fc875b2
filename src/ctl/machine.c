/* The machine: facts of an appliance image. */
#include "src/base/own.h"
#include "src/ctl/show.h"

int machine_show(struct ctl *c, struct err *e)
{
    static const char *const skip[] = {"slots", NULL};
    static const char *const columns[] = {
        "name",    "Slot",           "version", "Version",     "running", "Running",
        "blessed", "Proved healthy", "tries",   "Starts left", "built",   "Built",
        "why",     "Failed because", "error",   "Error",       NULL};
    OWN(own_json)
    json_t *facts = NULL;

    if (api_get(c, "/system", &facts, e) < 0)
        return -1;
    if (show_json(c, facts))
        return 0;
    if (show_record(c, NULL, facts, skip, e) < 0)
        return -1;
    const json_t *slots = json_object_get(facts, "slots");
    if (json_array_size(slots) == 0)
        return out_text("This is not an appliance image: it has no slots, and is updated as other "
                        "programs of its system are.\n");
    return show_items(c, slots, columns, NULL, e);
}
