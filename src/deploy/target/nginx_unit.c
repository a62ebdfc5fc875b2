/* Service Name: the unit must be there and must run the very master that holds the port. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx.h"

static bool holds(const char *line, const char *pid)
{
    OWN(own_mem)
    char *mark = xasprintf("pid=%s,", pid);

    return strstr(line, mark) != NULL;
}

/* ss prints (("name",pid=7,fd=5),...); when it is missing, the handshakes are the only proof. */
static void check_port(const struct worker *w, struct plan *p, const char *master,
                       struct via_out *o)
{
    OWN(own_mem)
    char *line = script_get(o, "holds");
    size_t from = line ? strcspn(line, "\"") : 0;

    if (!line || !line[0] || holds(line, master) || p->problem[0])
        return;
    const char *name = line[from] ? line + from + 1 : line;
    free(p->problem);
    p->problem = xasprintf("port %lld is held by %.*s, not by nginx (process %s)",
                           (long long)w->request.port, (int)strcspn(name, "\""), name, master);
}

void nginx_unit(struct worker *w, struct plan *p, const char *master, struct via_out *o)
{
    OWN(own_mem)
    char *id = script_get(o, "unit-Id");
    OWN(own_mem)
    char *state = script_get(o, "unit-LoadState");
    OWN(own_mem)
    char *pid = script_get(o, "unit-MainPID");
    bool runs = pid && pid[0] && !str_eq(pid, "0");

    check_port(w, p, master, o);
    if (id && str_eq(pid, master)) {
        plan_set(&p->unit, id);
    } else if (id && runs && !p->problem[0]) {
        free(p->problem);
        p->problem =
            xasprintf("Service Name: %s runs process %s, but nginx is process %s: name the "
                      "unit that runs nginx",
                      id, pid, master);
    } else if (id) {
        OWN(own_mem)
        char *why = xasprintf("Service Name: %s %s: nginx is reloaded by its own command", id,
                              str_eq(state, "loaded") ? "is not running" : "does not exist");
        plan_add_risk(p, why);
    }
    worker_log(w, "nginx master is process %s%s%s", master, p->unit[0] ? " of unit " : "", p->unit);
}
