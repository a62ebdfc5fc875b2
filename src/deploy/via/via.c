/*
 * A session and the shell behind it: host key first, then login, then root rights. One shell with
 * these rights serves the whole job; scripts go to it over standard input. Each answer ends with a
 * nonce that came with its script, so that neither a banner nor a login file nor a cut connection
 * can be taken for output.
 */
#include "src/deploy/via/via.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/deploy/via/ssh.h"

struct via {
    struct ssh ssh;
    struct ssh_shell shell;
    struct ssh_shell terminal; /* where sudo runs when it demands one; open as long as `shell` */
    bool needs_terminal;
    enum via_root root;
    struct secret sudo_password;
    char *facts;
};

void via_out_free(struct via_out *o)
{
    buf_free(&o->out);
    buf_free(&o->err);
}

void via_close(struct via *v)
{
    if (!v)
        return;
    ssh_done(&v->ssh);
    secret_free(&v->sudo_password);
    free(v->facts);
    free(v);
}

const char *via_facts(const struct via *v)
{
    return v->facts;
}

/* Sends no credential unless the key the host just proved to have is pinned. */
static int check_host_key(struct via *v, const struct via_account *a, struct strs *keys,
                          struct err *e)
{
    if (ssh_host_key(&v->ssh, &v->facts, e) < 0)
        return -1;
    if (strs_has(a->pins, v->facts))
        return 0;
    ssh_done(&v->ssh);
    ssh_offered_keys(a->address, a->port, keys);
    if (!strs_has(keys, v->facts))
        strs_add(keys, v->facts);
    return err_set(
        e, ERR_CONFLICT,
        a->pins->n ? "the host key of %s has changed: find out why before you approve the new one"
                   : "the host key of %s is not known yet: compare its fingerprint and approve it",
        a->address);
}

/* Without root rights nothing can be done; better known now than in the middle. */
static int check_root(struct via *v, struct err *e)
{
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    if (via_run(v, "id -u\n", &o, e) < 0)
        return -1;
    if (o.status || !o.out.n)
        return err_set(e, ERR_REMOTE, "the server's shell runs no script (exit %d): %.300s",
                       o.status, buf_cstr(&o.err));
    if (v->root != VIA_ROOT_NONE && !str_eq(buf_cstr(&o.out), "0\n"))
        return err_set(e, ERR_DENIED, "sudo works but does not give root rights");
    return 0;
}

static void passed(const struct via_account *a, enum deploy_part part, const char *text)
{
    if (a->passed)
        a->passed(a->arg, part, text);
}

/* The session stands: host key, login, root rights, each told as it has passed. */
static int enter(struct via *v, const struct via_account *a, struct strs *keys, struct err *e)
{
    static const char *const roots[] = {"none: it works as the account itself", "by sudo",
                                        "by sudo with password"};
    OWN(own_mem)
    char *where = xasprintf("%s port %u answers as an SSH server", a->address, a->port);
    OWN(own_mem)
    char *who = xasprintf("%s is logged in", a->user);

    passed(a, PART_NETWORK, where);
    if (check_host_key(v, a, keys, e) < 0)
        return -1;
    passed(a, PART_HOST_KEY, v->facts);
    if (ssh_login(&v->ssh, a, e) < 0)
        return -1;
    passed(a, PART_LOGIN, who);
    if (check_root(v, e) < 0)
        return -1;
    passed(a, PART_ELEVATION, roots[a->root]);
    return 0;
}

int via_open(const struct via_account *a, struct via **out, struct strs *keys, struct err *e)
{
    OWN(own_mem)
    char *methods = ssh_pinned_methods(a->pins);
    struct via *v = xcalloc(1, sizeof(*v));

    v->ssh.fd = -1;
    v->root = a->root;
    struct blob sudo = a->sudo_password.n ? a->sudo_password : a->password;
    if (a->root == VIA_ROOT_SUDO_PASSWORD && sudo.n &&
        secret_copy(&v->sudo_password, sudo.p, sudo.n, e) < 0) {
        via_close(v);
        return -1;
    }
    int rc = ssh_connect(a->address, a->port, methods, &v->ssh, e);
    if (rc < 0 && e->code == ERR_REMOTE && methods) {
        /* None of the pinned types is offered any more: that is a change, too. */
        ssh_offered_keys(a->address, a->port, keys);
        if (keys->n)
            err_set(e, ERR_CONFLICT, "%s offers no host key of a pinned type", a->address);
    }
    if (rc == 0)
        rc = enter(v, a, keys, e);
    if (rc < 0)
        via_close(v);
    else
        *out = v;
    return rc;
}

/*
 * Reads "n c mark", then n bytes of script, then c bytes that become the script's input; dd, as it
 * alone takes exactly so many from a pipe. A script with input travels as an argument: it holds a
 * path and no secret. What dd cannot bring over whole ends in a syntax error or exit 97.
 */
static const char loop[] =
    "take() { dd bs=\"$1\" count=1 iflag=fullblock 2>/dev/null || echo exit 97; }; "
    "while read -r n c mark; do "
    "if [ \"$c\" = 0 ]; then take \"$n\" | /bin/sh -s; "
    "else s=$(take \"$n\"); take \"$c\" | /bin/sh -c \"$s\"; fi; "
    "r=$?; echo; echo \"$mark $r\"; echo \"$mark\" >&2; done";

/* The command line of the shell: its mark, and sudo where wanted. */
static int build_command(const struct via *v, const char *begin, const char *prompt,
                         struct buf *out, struct err *e)
{
    if (v->root == VIA_ROOT_SUDO)
        buf_add_str(out, "sudo -n -- ");
    if (v->root == VIA_ROOT_SUDO_PASSWORD)
        buf_addf(out, "sudo -S -k -p %s -- ", prompt);
    OWN(own_mem)
    char *sh = xasprintf("%s; %s", begin, loop);
    buf_add_str(out, "/bin/sh -c ");
    buf_add_shell(out, sh);
    return buf_check(out, "command", e);
}

static int explain(const char *said, int status, struct err *e)
{
    if (strstr(said, "password is required") || strstr(said, "a password"))
        return err_set(
            e, ERR_DENIED,
            "sudo asks for a password: set Elevation to \"sudo with password\" or allow NOPASSWD");
    if (strstr(said, "not allowed") || strstr(said, "not in the sudoers"))
        return err_set(e, ERR_DENIED, "sudo refuses this account: %.300s", said);
    return err_set(e, ERR_DENIED, "the shell on the server did not start (exit %d): %.300s", status,
                   said);
}

/*
 * sudo demands a terminal ("requiretty"): it gets one, and only its question and the password go
 * over it. What is said to the shell behind it, and what that says, goes over a second channel and
 * three pipes between the two: a terminal would change bytes and show them. Who opens a pipe waits
 * for the other end; when sudo ends, whoever still waits is let go.
 */
static int open_pipes(struct via *v, const char *nonce, struct via_out *o, struct err *e)
{
    OWN(own_mem)
    char *ready = xasprintf("pipes-%s\n", nonce);
    OWN(own_mem)
    char *command = xasprintf(
        "/bin/sh -c 'umask 077; d=/tmp/certkeep-%s; mkdir \"$d\" && mkfifo \"$d/in\" \"$d/out\" "
        "\"$d/err\" || exit 9; trap \"rm -rf $d\" 0 1 15; echo pipes-%s; exec 3<&0; "
        "cat <&3 3<&- >\"$d/in\" & p=$!; exec 3<&-; cat <\"$d/err\" >&2 & cat <\"$d/out\"; "
        "kill $p 2>/dev/null; wait'",
        nonce, nonce);
    const struct ssh_command c = {.command = command, .ready = ready, .timeout_ms = VIA_COMMAND_MS};
    int rc = ssh_shell_open(&v->ssh, &c, &v->shell, o, e);

    return rc <= 0 ? rc : err_set(e, ERR_DENIED, "no pipes in /tmp: %.300s", buf_cstr(&o->err));
}

static int open_on_terminal(struct via *v, const char *prompt, struct via_out *o, struct err *e)
{
    char nonce[ID_CHARS + 1];
    id_new(nonce);
    OWN(own_mem)
    char *begin = xasprintf("d=/tmp/certkeep-%s; echo begin-%s; exec <\"$d/in\" >\"$d/out\" "
                            "2>\"$d/err\"",
                            nonce, nonce);
    OWN(own_mem)
    char *ready = xasprintf("begin-%s\n", nonce);
    OWN(buf_free)
    struct buf command = BUF(8192);

    if (build_command(v, begin, prompt, &command, e) < 0 || open_pipes(v, nonce, o, e) < 0)
        return -1;
    /* A cut line hangs the terminal up: sudo ends by it, the shell around it still tidies. */
    OWN(own_mem)
    char *all =
        xasprintf("trap : 1; %s; r=$?; trap '' 1 13 15; d=/tmp/certkeep-%s; "
                  "for p in in out err; do [ ! -p \"$d/$p\" ] || : <>\"$d/$p\"; done 2>/dev/null; "
                  "rm -rf \"$d\"; exit $r",
                  buf_cstr(&command), nonce);
    buf_clear(&command);
    buf_add_str(&command, "/bin/sh -c ");
    buf_add_shell(&command, all);
    if (buf_check(&command, "command", e) < 0) {
        ssh_shell_close(&v->shell);
        return -1;
    }
    const struct ssh_command c = {.command = buf_cstr(&command),
                                  .ready = ready,
                                  .prompt = v->root == VIA_ROOT_SUDO_PASSWORD ? prompt : NULL,
                                  .answer = secret_blob(&v->sudo_password),
                                  .terminal = true,
                                  .timeout_ms = VIA_COMMAND_MS};
    int rc = ssh_shell_open(&v->ssh, &c, &v->terminal, o, e);
    if (rc != 0)
        ssh_shell_close(&v->shell);
    return rc <= 0 ? rc : explain(buf_cstr(&o->out), o->status, e);
}

static int open_shell(struct via *v, struct via_out *o, struct err *e)
{
    char nonce[ID_CHARS + 1];
    id_new(nonce);
    OWN(own_mem)
    char *begin = xasprintf("echo begin-%s", nonce);
    OWN(own_mem)
    char *ready = xasprintf("begin-%s\n", nonce);
    OWN(own_mem)
    char *prompt = xasprintf("password-%s:", nonce);
    OWN(buf_free)
    struct buf command = BUF(8192);

    if (v->needs_terminal)
        return open_on_terminal(v, prompt, o, e);
    if (build_command(v, begin, prompt, &command, e) < 0)
        return -1;
    const struct ssh_command c = {.command = buf_cstr(&command),
                                  .ready = ready,
                                  .prompt = v->root == VIA_ROOT_SUDO_PASSWORD ? prompt : NULL,
                                  .answer = secret_blob(&v->sudo_password),
                                  .timeout_ms = VIA_COMMAND_MS};
    int rc = ssh_shell_open(&v->ssh, &c, &v->shell, o, e);
    if (rc <= 0)
        return rc;
    if (o->status && strstr(buf_cstr(&o->err), "you must have a tty")) {
        v->needs_terminal = true;
        return open_on_terminal(v, prompt, o, e);
    }
    return o->status ? explain(buf_cstr(&o->err), o->status, e)
                     : err_set(e, ERR_NETWORK, "the server's answer was cut off");
}

/* A shell that was ended on the server between two scripts (a limit of sudo) is opened anew. */
static int run(struct via *v, struct blob script, struct blob input, struct via_out *o,
               struct err *e)
{
    char nonce[ID_CHARS + 1];
    id_new(nonce);
    OWN(own_mem)
    char *mark = xasprintf("end-%s", nonce);
    const struct ssh_script c = {
        .mark = mark, .script = script, .input = input, .timeout_ms = VIA_COMMAND_MS};

    if (ssh_shell_ended(&v->shell)) {
        ssh_shell_close(&v->shell);
        ssh_shell_close(&v->terminal);
        if (open_shell(v, o, e) < 0)
            return -1;
    }
    return ssh_shell_run(&v->shell, &c, o, e);
}

int via_run(struct via *v, const char *script, struct via_out *o, struct err *e)
{
    /* Braces: the shell runs nothing of a script before it has read it to its end. */
    static const char head[] =
        "{\nLC_ALL=C; export LC_ALL\n"
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH\n";
    OWN(own_mem)
    char *text = xasprintf("%s%s\n}\n", head, script);

    return run(v, blob_str(text), BLOB(NULL, 0), o, e);
}

static int put_by_shell(struct via *v, const char *path, struct blob content, struct err *e)
{
    OWN(buf_free)
    struct buf script = BUF(8192);
    OWN(via_out_free)
    struct via_out o = VIA_OUT;

    buf_add_str(&script, "f=");
    buf_add_shell(&script, path);
    buf_addf(&script,
             "\numask 077; rm -f -- \"$f\" && cat >\"$f\" && [ \"$(wc -c <\"$f\")\" -eq %zu ]\n",
             content.n);
    if (buf_check(&script, "path", e) < 0 || run(v, buf_blob(&script), content, &o, e) < 0)
        return -1;
    if (o.status)
        return err_set(e, ERR_DENIED, "%s cannot be written: %.300s", path, buf_cstr(&o.err));
    return 0;
}

int via_put(struct via *v, const char *path, struct blob content, struct err *e)
{
    int sftp = v->root == VIA_ROOT_NONE ? ssh_put(&v->ssh, path, content, e) : 1;

    return sftp == 1 ? put_by_shell(v, path, content, e) : sftp;
}
