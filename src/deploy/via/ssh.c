/* Connects and logs in. Owns the socket and the session; a refused login is never repeated. */
#include "src/deploy/via/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "src/base/time.h"

int ssh_err(const struct ssh *s, enum err_code code, const char *what, struct err *e)
{
    char *text = NULL;

    libssh2_session_last_error(s->session, &text, NULL, 0);
    return err_set(e, code, "%s: %s", what, text && text[0] ? text : "no reason given");
}

static int connect_one(const struct addrinfo *a, int64_t deadline, int *out, struct err *e)
{
    OWN(own_fd)
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, why = 0;
    socklen_t n = sizeof(why);

    if (fd < 0)
        return err_sys(e, "socket");
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
        return err_set(e, ERR_NETWORK, "%s", strerror(errno));
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int64_t left = deadline - monotonic_ms();
    if (left <= 0 || poll(&p, 1, (int)left) != 1)
        return err_set(e, ERR_NETWORK, "no answer in %d seconds", SSH_CONNECT_MS / 1000);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0 || why)
        return err_set(e, ERR_NETWORK, "%s", strerror(why));
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return err_sys(e, "socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *out = take_fd(&fd);
    return 0;
}

static int connect_tcp(const char *address, uint16_t port, int *out, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;
    int64_t deadline = monotonic_ms() + SSH_CONNECT_MS;
    char service[8];
    int rc = -1;

    snprintf(service, sizeof(service), "%u", port);
    int gai = getaddrinfo(address, service, &hints, &list);
    if (gai)
        return err_set(e, ERR_NETWORK, "%s: %s", address, gai_strerror(gai));
    for (const struct addrinfo *a = list; a && rc < 0; a = a->ai_next)
        rc = connect_one(a, deadline, out, e);
    freeaddrinfo(list);
    return rc < 0 ? err_wrap(e, "%s port %u", address, port) : 0;
}

int ssh_connect(const char *address, uint16_t port, const char *hostkey_methods, struct ssh *out,
                struct err *e)
{
    OWN(ssh_done)
    struct ssh s = {.fd = -1};

    if (connect_tcp(address, port, &s.fd, e) < 0)
        return -1;
    s.session = libssh2_session_init();
    if (!s.session)
        return err_set(e, ERR_SYSTEM, "no memory for an SSH session");
    libssh2_session_set_blocking(s.session, 1);
    libssh2_session_set_timeout(s.session, SSH_CONNECT_MS);
    if (hostkey_methods &&
        libssh2_session_method_pref(s.session, LIBSSH2_METHOD_HOSTKEY, hostkey_methods) < 0)
        return ssh_err(&s, ERR_BUG, "host key types", e);
    int rc = libssh2_session_handshake(s.session, s.fd);
    if (rc == LIBSSH2_ERROR_KEX_FAILURE || rc == LIBSSH2_ERROR_METHOD_NONE)
        return ssh_err(&s, ERR_REMOTE, "SSH handshake: no common algorithm", e);
    if (rc < 0)
        return ssh_err(&s, ERR_NETWORK, "SSH handshake", e);
    *out = s;
    s = (struct ssh){.fd = -1};
    return 0;
}

void ssh_done(struct ssh *s)
{
    if (s->session) {
        libssh2_session_set_timeout(s->session, 1000); /* a goodbye is worth no more */
        libssh2_session_disconnect(s->session, "done");
        libssh2_session_free(s->session);
    }
    own_fd(&s->fd);
    *s = (struct ssh){.fd = -1};
}

/* Password change requests end the login: a machine changes no passwords (section 8 of RFC 4252).
 */
static void on_change_request(LIBSSH2_SESSION *session, char **password, int *n, void **abstract)
{
    (void)session;
    (void)abstract;
    *password = NULL;
    *n = 0;
}

/* What the prompts of one keyboard-interactive login may get: the password, once. */
struct prompts {
    struct blob password;
    bool used;
};

static void on_prompts(const char *name, int name_n, const char *instruction, int instruction_n,
                       int n, const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                       LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
    struct prompts *p = *abstract;

    (void)name;
    (void)name_n;
    (void)instruction;
    (void)instruction_n;
    for (int i = 0; i < n; i++) {
        if (prompts[i].echo || p->used)
            continue; /* not a password, or asked again: no answer */
        responses[i].text = malloc(p->password.n + 1); /* libssh2 frees it */
        if (!responses[i].text)
            continue;
        memcpy(responses[i].text, p->password.p, p->password.n);
        responses[i].length = (unsigned)p->password.n;
        p->used = true;
    }
}

static int login_keyboard(struct ssh *s, const struct via_account *a, unsigned user_n)
{
    struct prompts p = {.password = a->password};
    void **abstract = libssh2_session_abstract(s->session);

    *abstract = &p;
    int rc = libssh2_userauth_keyboard_interactive_ex(s->session, a->user, user_n, on_prompts);
    *abstract = NULL;
    return rc;
}

int ssh_login(struct ssh *s, const struct via_account *a, struct err *e)
{
    unsigned user_n = (unsigned)strlen(a->user);
    int rc = LIBSSH2_ERROR_AUTHENTICATION_FAILED;

    libssh2_session_set_timeout(s->session, SSH_AUTH_MS);
    if (a->login == VIA_KEY ? !a->ssh_key.n : !a->password.n)
        return err_set(e, ERR_AUTH, "%s: the server record holds no %s", a->user,
                       a->login == VIA_KEY ? "SSH private key" : "password");
    if (a->login == VIA_KEY)
        rc = libssh2_userauth_publickey_frommemory(s->session, a->user, user_n, NULL, 0,
                                                   a->ssh_key.p, a->ssh_key.n, NULL);
    else if (a->login == VIA_PASSWORD)
        rc = libssh2_userauth_password_ex(s->session, a->user, user_n, a->password.p,
                                          (unsigned)a->password.n, on_change_request);
    else
        rc = login_keyboard(s, a, user_n);
    if (rc == 0)
        return 0;
    if (rc == LIBSSH2_ERROR_PASSWORD_EXPIRED)
        return err_set(e, ERR_AUTH, "%s: the password has expired: change it on the server",
                       a->user);
    if (rc == LIBSSH2_ERROR_TIMEOUT || rc == LIBSSH2_ERROR_SOCKET_DISCONNECT ||
        rc == LIBSSH2_ERROR_SOCKET_RECV || rc == LIBSSH2_ERROR_SOCKET_SEND)
        return ssh_err(s, ERR_NETWORK, "login", e);
    if (rc == LIBSSH2_ERROR_FILE || rc == LIBSSH2_ERROR_METHOD_NOT_SUPPORTED)
        return err_set(
            e, ERR_AUTH,
            "%s: the SSH private key cannot be read: expected an unencrypted OpenSSH or PEM key",
            a->user);
    return ssh_err(s, ERR_AUTH, a->user, e);
}
