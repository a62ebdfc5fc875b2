/* What counts as another plan than the approved one, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/deploy/plan_diff.h"

static void fill(struct plan *p)
{
    plan_init(p);
    plan_set(&p->job, "00000000000000000001");
    plan_set(&p->address, "10.1.2.3");
    plan_set(&p->version, "nginx 1.26.3");
    plan_set(&p->where, "/etc/nginx/conf.d/shop.conf:5");
    plan_set(&p->config_sha256, "c1");
    plan_set(&p->old_leaf, "aa");
    plan_set(&p->new_leaf, "bb");
    plan_set(&p->served_leaf, "aa");
    p->rollback_seconds = 120;
    for (int i = 0; i < 2; i++) {
        struct plan_file *f = plan_add_file(p);
        plan_set(&f->path, i ? "/etc/nginx/tls/shop.key" : "/etc/nginx/tls/shop.crt");
        plan_set(&f->final, f->path);
        plan_set(&f->old_sha256, "f1");
        f->mode = i ? 0600 : 0644;
        f->kind = (uint32_t)i;
    }
    plan_add_endpoint(p, 443, "shop.example");
}

static void set_nothing(struct plan *p)
{
    (void)p;
}
static void set_nonces(struct plan *p)
{
    plan_set(&p->job, "00000000000000000002");
    plan_set(&p->backup_dir, "/var/lib/certkeep/other");
    plan_set(&p->file[0].staged, "/etc/nginx/tls/.shop.crt.cd-2");
    plan_set(&p->file[0].new_sha256, "f2");
    plan_set(&p->timer, "systemd");
    p->clock_ahead = 3;
}
static void set_config(struct plan *p)
{
    plan_set(&p->config_sha256, "c2");
}
static void set_content(struct plan *p)
{
    plan_set(&p->file[1].old_sha256, "f9");
}
static void set_mode(struct plan *p)
{
    p->file[1].mode = 0640;
}
static void set_owner(struct plan *p)
{
    p->file[0].uid = 33;
}
static void set_endpoint(struct plan *p)
{
    plan_add_endpoint(p, 443, "www.shop.example");
}
static void set_unit(struct plan *p)
{
    plan_set(&p->unit, "nginx.service");
}
static void set_risks(struct plan *p)
{
    plan_set(&p->risks, "! nothing answers\n");
}
static void set_new_leaf(struct plan *p)
{
    plan_set(&p->new_leaf, "cc");
}
static void set_served(struct plan *p)
{
    plan_set(&p->served_leaf, "");
}
static void set_timer(struct plan *p)
{
    p->rollback_seconds = 60;
}
static void set_fewer_files(struct plan *p)
{
    p->files = 0;
}

static void test_plan_differences_names_each(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        void (*set)(struct plan *p);
        size_t n;
        const char *line;
    } rows[] = {
        {"the same", set_nothing, 0, ""},
        {"what is new in each plan", set_nonces, 0, ""},
        {"configuration", set_config, 1, "the server's configuration changed\n"},
        {"content", set_content, 1, "/etc/nginx/tls/shop.key has other content\n"},
        {"mode", set_mode, 1, "/etc/nginx/tls/shop.key: 0:0 0640, was 0:0 0600\n"},
        {"owner", set_owner, 1, "/etc/nginx/tls/shop.crt: 33:0 0644, was 0:0 0644\n"},
        {"endpoint", set_endpoint, 1, "port 443 [www.shop.example] uses this certificate, too\n"},
        {"unit", set_unit, 1, "systemd unit: nginx.service, was none\n"},
        {"risks", set_risks, 1, "the risks changed\n"},
        {"new certificate", set_new_leaf, 1, "new certificate: cc, was bb\n"},
        {"served", set_served, 1, "certificate that is served: none, was aa\n"},
        {"timer", set_timer, 1, "seconds of the rollback timer: 60, was 120\n"},
        {"files", set_fewer_files, 2, "/etc/nginx/tls/shop.crt is not to be replaced any more\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(plan_free)
        struct plan was = {0};
        OWN(plan_free)
        struct plan is = {0};
        OWN(buf_free)
        struct buf lines = BUF(4096);
        fill(&was);
        fill(&is);
        uint32_t files = is.files;
        rows[i].set(&is);
        size_t n = plan_differences(&was, &is, &lines);
        is.files = files;
        if (n != rows[i].n || strncmp(buf_cstr(&lines), rows[i].line, strlen(rows[i].line)) != 0)
            fail_msg("%s: %zu: %s", rows[i].what, n, buf_cstr(&lines));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_differences_names_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
