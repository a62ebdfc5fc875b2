/* Asks the running machine which nginx it runs and with which configuration; the record only hints.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/time.h"
#include "src/deploy/target/nginx.h"

/*
 * Masters in other containers are visible from their host: only our mount namespace counts. A
 * worker bears the title of its master until it has begun: whoever sees two looks again.
 */
static const char find_master[] =
    "ours=$(readlink /proc/self/ns/mnt)\n"
    "masters() {\n"
    "for d in /proc/[0-9]*; do\n"
    "  read -r c <\"$d/comm\" || continue\n"
    "  [ \"$c\" = nginx ] || continue\n"
    "  t=$(tr '\\0' ' ' <\"$d/cmdline\") || continue\n"
    "  ns=$(readlink \"$d/ns/mnt\")\n"
    "  case $t in 'nginx: master process '*) [ -z \"$ns\" ] || [ \"$ns\" = \"$ours\" ] || "
    "continue\n"
    "    printf 'master %s %s\\n' \"${d#/proc/}\" \"${t#nginx: master process }\";; esac\n"
    "done 2>/dev/null\n"
    "}\n"
    "seen=$(masters)\n"
    "case $seen in *master*'\nmaster '*) sleep 1; seen=$(masters);; esac\n"
    "printf '%s\\n' \"$seen\"\n"
    "printf 'found %s\\n' \"$(command -v nginx)\"\n"
    "printf 'hint %s\\n' \"$(ls -d \"$HINT/sbin/nginx\" 2>/dev/null)\"\n"
    "date '+clock %s'\nprintf 'uid %s\\n' \"$(id -u)\"\nprintf 'home %s\\n' \"$HOME\"\n"
    "ss -Hltnp \"sport = :$PORT\" 2>/dev/null | sed -n 's/.*users:/holds /p'\n"
    "[ -d /run/systemd/system ] && systemctl show -p Id,LoadState,MainPID \"$UNIT\" 2>/dev/null |"
    " sed 's/^/unit-/;s/=/ /'\nexit 0\n";

/* The word behind -c or -p in the master's title. */
static char *option_of(const char *title, const char *option)
{
    struct strs words = {0};
    char *value = NULL;

    strs_split(&words, title, " ");
    for (size_t i = 1; i + 1 < words.n && !value; i++)
        if (str_eq(words.v[i], option))
            value = xstrdup(words.v[i + 1]);
    strs_free(&words);
    return value;
}

/* The value of --NAME=value among nginx's build arguments. */
static char *build_option(struct via_out *o, const char *name)
{
    const char *at = strstr(buf_cstr(&o->err), name);

    if (!at)
        return NULL;
    at += strlen(name);
    return xstrndup(at, strcspn(at, " \n"));
}

static int ask_version(struct worker *w, struct plan *p, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(4096);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_shell(&b, p->program);
    buf_add_str(&b, " -V </dev/null\n");
    if (target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return err_wrap(e, "%s -V", p->program);
    const char *said = buf_cstr(&o.err), *v = strstr(said, "version: ");
    if (!v)
        return err_set(e, ERR_REMOTE, "%s -V: expected \"nginx version: ...\"", p->program);
    v += strlen("version: ");
    free(p->version);
    p->version = xstrndup(v, strcspn(v, "\n"));
    for (char *c = p->version; *c; c++)
        if (*c == '/')
            *c = ' ';
    OWN(own_mem)
    char *conf = build_option(&o, "--conf-path=");
    OWN(own_mem)
    char *prefix = build_option(&o, "--prefix=");
    if (!p->config[0]) {
        OWN(own_mem)
        char *path = conf && conf[0] == '/'
                         ? xstrdup(conf)
                         : xasprintf("%s/%s", prefix ? prefix : "/usr/local/nginx",
                                     conf ? conf : "conf/nginx.conf");
        plan_set(&p->config, path);
    }
    return 0;
}

static int read_master(struct worker *w, struct plan *p, struct via_out *o, struct err *e)
{
    OWN(own_mem)
    char *master = script_get(o, "master");
    const char *second =
        master ? strstr(strstr(buf_cstr(&o->out), "master ") + 1, "\nmaster ") : NULL;

    if (!master)
        return 0;
    if (second)
        plan_set(&p->problem,
                 "two nginx master processes run: end the upgrade, or the second instance, first");
    char *title = strchr(master, ' ');
    if (!title)
        return err_set(e, ERR_REMOTE, "the nginx master process cannot be read");
    *title++ = 0;
    nginx_unit(w, p, master, o);
    OWN(own_mem)
    char *config = option_of(title, "-c");
    OWN(own_mem)
    char *prefix = option_of(title, "-p");
    if (prefix || (config && config[0] != '/'))
        plan_set(
            &p->problem,
            "nginx was started with -p or a relative -c: its paths cannot be told for certain");
    if (config) {
        plan_set(&p->config, config);
        plan_set(&p->config_args, config);
    }
    if (title[0] == '/') {
        free(p->program);
        p->program = xstrndup(title, strcspn(title, " "));
    }
    return 0;
}

/* The field Version is what somebody believes; what the server says decides. */
static void compare_version(const struct worker *w, struct plan *p)
{
    const char *stated = w->server.version ? w->server.version : "";
    uint32_t version = ngx_version(p->version);
    OWN(own_mem)
    char *differs = xasprintf("Version: the record says %s, the server is %s", stated, p->version);
    OWN(own_mem)
    char *unknown =
        xasprintf("! %s is not one of the versions 1.14 to 1.29, for which its configuration "
                  "is understood for certain",
                  p->version);

    if (stated[0] && !ngx_version_agrees(stated, p->version))
        plan_add_risk(p, differs);
    if (!ngx_version_known(version))
        plan_add_risk(p, unknown);
}

int nginx_locate(struct worker *w, struct plan *p, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(8192);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;
    OWN(own_mem)
    char *unit =
        xasprintf("%s", w->server.service_name && w->server.service_name[0] ? w->server.service_name
                                                                            : "nginx");

    OWN(own_mem)
    char *port = xasprintf("%lld", (long long)w->request.port);

    script_set(&b, "UNIT", unit);
    script_set(&b, "PORT", port);
    script_set(&b, "HINT", w->server.nginx_path ? w->server.nginx_path : "");
    buf_add_str(&b, find_master);
    if (buf_check(&b, "script", e) < 0 || target_run(w, buf_cstr(&b), &o, ERR_REMOTE, e) < 0)
        return -1;
    OWN(own_mem)
    char *found = script_get(&o, "found");
    OWN(own_mem)
    char *hint = script_get(&o, "hint");
    OWN(own_mem)
    char *clock = script_get(&o, "clock");
    OWN(own_mem)
    char *uid = script_get(&o, "uid");
    OWN(own_mem)
    char *home = script_get(&o, "home");
    int64_t server_now = 0;
    plan_set(&p->program, hint && hint[0] ? hint : found ? found : "");
    if (read_master(w, p, &o, e) < 0)
        return -1;
    if (!p->program[0])
        return err_set(e, ERR_NOT_FOUND, "no nginx runs and none is installed in the usual places");
    if (!clock || parse_i64(clock, 0, INT64_MAX, &server_now, e) < 0 || !uid || !home)
        return err_set(e, ERR_REMOTE,
                       "the server does not tell its time and user: are date and id there?");
    int64_t ahead = server_now - now_s();
    p->clock_ahead = ahead > 0 ? (uint32_t)ahead : 0;
    p->clock_behind = ahead < 0 ? (uint32_t)-ahead : 0;
    p->root = str_eq(uid, "0");
    free(p->backup_dir);
    p->backup_dir = p->root ? xasprintf("/var/lib/certkeep/%s", w->job)
                            : xasprintf("%s/.certkeep/%s", home, w->job);
    if (ask_version(w, p, e) < 0)
        return -1;
    compare_version(w, p);
    return 0;
}
