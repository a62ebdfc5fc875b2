/* nginx: how it is tested and told to reload. It is never restarted for a certificate. */
#include "src/deploy/target/nginx.h"

#include "src/base/own.h"

static void add_program(const struct plan *p, struct buf *b)
{
    buf_add_shell(b, p->program);
    if (p->config_args[0]) {
        buf_add_str(b, " -c ");
        buf_add_shell(b, p->config_args);
    }
}

/* Rule 2: unlike others, nginx -t loads certificate and key and compares them. */
static void add_trial(const struct plan *p, struct buf *b)
{
    buf_add_str(
        b, "umask 077\ncat >\"$DIR/trial.conf\" <<END\n"
           "pid \"$DIR/trial.pid\";\nerror_log stderr;\nevents {}\nhttp {\n    access_log off;\n"
           "    server {\n        listen \"unix:$DIR/trial.sock\" ssl;\n"
           "        ssl_certificate \"$CERT\";\n        ssl_certificate_key \"$KEY\";\n    "
           "}\n}\nEND\n");
    buf_add_shell(b, p->program);
    buf_add_str(b, " -t -c \"$DIR/trial.conf\" </dev/null\nrc=$?\n"
                   "rm -f \"$DIR/trial.conf\" \"$DIR/trial.pid\" \"$DIR/trial.sock\"\n[ $rc = 0 ] "
                   "|| exit $rc\n");
}

static void add_dump(const struct plan *p, struct buf *b)
{
    add_program(p, b);
    buf_add_str(b, " -T </dev/null");
}

static void add_test(const struct plan *p, struct buf *b)
{
    add_program(p, b);
    buf_add_str(b, " -t </dev/null");
}

static void add_reload(const struct plan *p, struct buf *b)
{
    if (p->unit[0]) {
        buf_add_str(b, "systemctl reload ");
        buf_add_shell(b, p->unit);
    } else {
        add_program(p, b);
        buf_add_str(b, " -s reload </dev/null");
    }
}

static void add_start(const struct plan *p, struct buf *b)
{
    if (p->unit[0]) {
        buf_add_str(b, "systemctl start ");
        buf_add_shell(b, p->unit);
    } else {
        add_program(p, b);
        buf_add_str(b, " </dev/null");
    }
}

const struct target target_nginx = {
    .name = "nginx",
    .discover = nginx_discover,
    .add_trial = add_trial,
    .add_dump = add_dump,
    .add_test = add_test,
    .add_reload = add_reload,
    .add_start = add_start,
    .verify_seconds = 20,
};

const struct target *target_find(const char *server_type)
{
    static const struct target *const all[] = {&target_nginx};

    for (size_t i = 0; i < COUNT(all); i++)
        if (str_eq(all[i]->name, server_type))
            return all[i];
    return NULL;
}
