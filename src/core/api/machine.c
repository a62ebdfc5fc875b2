/* The machine the service runs on, and its update. */
#include "src/core/machine.h"

#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/update.h"

#define UPDATE_PIECES_MAX 512 /* docs/formats/slot.md */

int on_machine_get(struct api *a, struct err *e)
{
    json_t *facts;

    if (machine_facts(a->core, &facts, e) < 0)
        return -1;
    return api_json(a, 200, facts, e);
}

int on_machine_update_get(struct api *a, struct err *e)
{
    json_t *state;

    if (update_state(a->core, &state, e) < 0)
        return -1;
    return api_json(a, 200, state, e);
}

static int audit(struct api *a, const char *detail, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;

    if (txn_begin(a->core->db, true, &t, e) < 0 ||
        api_audit(a, t, "system", NULL, "Update", detail, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int on_machine_update_piece(struct api *a, struct err *e)
{
    uint32_t piece;
    OWN(own_mem)
    char *lines = NULL;
    json_t *state;

    if (parse_u32(a->param, 0, UPDATE_PIECES_MAX, &piece, e) < 0)
        return err_wrap(e, "piece");
    if (update_take(a->core, piece, bytes_blob(&a->raw_body), &lines, e) < 0 ||
        update_state(a->core, &state, e) < 0)
        return -1;
    a->keeps_nothing = true; /* a piece that comes twice is written once */
    OWN(own_mem)
    char *detail = xasprintf("version %s, %lld pieces, to slot %s; next is piece %lld",
                             json_str(state, "version"), (long long)json_int(state, "pieces"),
                             json_str(state, "slot"), (long long)json_int(state, "next"));
    if (piece == 0 && audit(a, detail, e) < 0) {
        json_decref(state);
        return -1;
    }
    return api_json(a, 200, state, e);
}

int on_machine_update_commit(struct api *a, struct err *e)
{
    json_t *state;

    if (update_commit_start(a->core, api_user(a), text_of(a->client), e) < 0 ||
        update_state(a->core, &state, e) < 0)
        return -1;
    return api_json(a, 202, state, e);
}

int on_machine_update_restart(struct api *a, struct err *e)
{
    if (update_restart(a->core, e) < 0 || audit(a, "restarts into the committed version", e) < 0)
        return -1;
    return api_empty(a, 204);
}
