/* Connection tests with settings that are not stored: of a new server, or changes of a stored one.
 */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/server_form.h"
#include "src/core/flow/parts.h"
#include "src/core/flow/server_test.h"

static int read_settings(struct api *a, const json_t *b, struct server *s, struct err *e)
{
    static const char *const names[] = {"server", "settings", "host_keys", NULL};
    const char *stored = "";
    json_t *settings;
    if (json_only(b, names, e) < 0 || json_opt_str(b, "server", ID_CHARS, &stored, e) < 0 ||
        json_get_obj(b, "settings", &settings, e) < 0)
        return -1;
    if (stored[0] == '\0')
        return server_form_new(a, settings, s, e);
    if (load(a->core, TABLE_SERVER, stored, s, e) < 0)
        return -1;
    return server_form_change(a, settings, s, e);
}

static int answer(struct api *a, uint32_t status, const char *id, struct err *e)
{
    json_t *o = NULL;
    return server_test_json(id, a->caller.user.id, &o, e) < 0 ? -1 : api_json(a, status, o, e);
}

int on_server_tests_create(struct api *a, struct err *e)
{
    OWN(own_server)
    struct server s = {0};
    struct strs pins = {0};
    json_t *b;
    char id[ID_CHARS + 1];
    const struct server_test_request q = {
        .user_id = a->caller.user.id, .username = api_user(a), .client = text_of(a->client)};
    int rc = -1;
    if (api_body(a, &b, e) == 0 && read_settings(a, b, &s, e) == 0 &&
        json_opt_strs(b, "host_keys", 20, 400, &pins, e) == 0 &&
        server_form_pins(a, &pins, &s, e) == 0)
        rc = server_test_start(a->core, &s, &q, id, e);
    strs_free(&pins);
    if (rc < 0)
        return -1;
    a->keeps_nothing = true;
    a->location = xasprintf("/api/v1/server-tests/%s", id);
    return answer(a, 201, id, e);
}

int on_server_tests_get(struct api *a, struct err *e)
{
    return answer(a, 200, a->param, e);
}
